"""From a program to a figure on its canvas, and why figures are refused."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing.annotate import annotate
from data_gen.drawing.canvas import Canvas, fit
from data_gen.drawing.labels import Label, LabelCollision, place_labels
from data_gen.drawing.legibility import Layout, faults, optional_marks
from data_gen.drawing.raster import to_pixels
from data_gen.drawing.strokes import Ink
from data_gen.geometry.diagram import Diagram
from data_gen.geometry.plane import segment_distance
from data_gen.language.fact import Fact
from data_gen.records.annotations import Annotations


@dataclass(frozen=True)
class Member:
    """One figure of a family: its program, its picture and what its caption states."""

    program: Program
    diagram: Diagram
    facts: tuple[Fact, ...]

    @cached_property
    def ink(self) -> Ink:
        """Returns the figure's strokes and marks."""
        return Ink(self.diagram)

    @cached_property
    def labels(self) -> tuple[Label, ...] | None:
        """Returns where the names and printed values go; None where they do not all find a place."""
        try:
            return place_labels(self.diagram, self.ink)
        except LabelCollision:
            _count("no_room_for_labels")
            return None

    def pixels(self) -> np.ndarray:
        """Draws the picture: uint8[size_px, size_px]. Raises LabelCollision where `labels` is None."""
        return to_pixels(self.diagram, self.labels, self.ink)

    def annotations(self) -> Annotations:
        """Returns what stands where in the picture."""
        return annotate(self.diagram, self.labels or (), self.ink)


_counter: ContextVar[Counter[str] | None] = ContextVar("figures", default=None)


@contextmanager
def counting_figures() -> Iterator[Counter[str]]:
    """Counts the figures that are tried inside the block, as "tried", and those that are refused, by their reason."""
    counter: Counter[str] = Counter()
    token = _counter.set(counter)
    try:
        yield counter
    finally:
        _counter.reset(token)


def _count(outcome: str) -> None:
    counter = _counter.get()
    if counter is not None:
        counter[outcome] += 1


def draw(program: Program, canvas: Canvas) -> Member | None:
    """Draws a program; None where it has no figure, or one that breaks a rule of `legibility.RULES`."""
    _count("tried")
    try:
        solved, _ = program.points, program.texts
    except (ZeroDivisionError, ValueError):
        _count("no_figure")
        return None
    layout = Layout(program, fit(solved, program.strokes.circles, canvas), canvas)
    if fault := next(faults(layout), None):
        _count(fault)
        return None
    marked = replace(layout, optional=optional_marks(layout)) if canvas.marks else layout
    diagram = replace(marked.diagram, dots=_dots(layout))
    return Member(program, diagram, program.stated_facts + program.printed_facts)


def broken_rules(member: Member, canvas: Canvas) -> tuple[str, ...]:
    """Names the rules of legibility that a drawn figure breaks, with all its marks: none, if `draw` has drawn it."""
    points = {name: complex(*place) for name, place in member.diagram.points.items()}
    program, marks = member.program, member.diagram.marks
    optional = marks[: len(marks) - len(program.required_marks + program.texts)]
    return tuple(faults(Layout(program, points, canvas, optional)))


def _dots(layout: Layout) -> tuple[str, ...]:
    """Returns the points that would be lost without a dot: centres, and points where no stroke ends, or which strokes
    only run straight through. A circle through the point shows it too."""
    names, points, drawn = layout.program.names, layout.points, layout.program.strokes
    ends = {end for s in drawn.segments for end in (s.a, s.b)}
    centres = {c.centre for c in drawn.circles}
    places = np.array(layout.places)
    straight = _run_through(places, layout.ends)
    for circle in drawn.circles:
        centre = points[circle.centre]
        straight &= np.abs(np.abs(places - centre) - abs(points[circle.through] - centre)) >= 1.0
    return tuple(n for n, lost in zip(names, straight, strict=True) if n in centres or n not in ends or lost)


def _run_through(points: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Returns bool[K]: whether strokes complex[S, 2] leave a point both ways along one line, and no other way."""
    if not lines.size:
        return np.zeros(len(points), bool)
    on = segment_distance(points[:, None], lines[:, 0], lines[:, 1]) < 1.0
    directions = lines.reshape(1, -1) - points[:, None]
    length = np.abs(directions)
    leaves = np.repeat(on, 2, 1) & (length > 1.0)
    directions = directions / np.maximum(length, 1e-9)
    along = directions * np.conj(np.take_along_axis(directions, leaves.argmax(1)[:, None], 1))
    bent = leaves & (np.abs(along.imag) >= 1e-3)
    return ~bent.any(1) & (leaves & (along.real < 0)).any(1)
