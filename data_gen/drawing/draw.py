"""From a program to a figure on paper."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_gen.constructions.program import Program, Strokes
from data_gen.drawing import labels as label_placement
from data_gen.drawing.canvas import Canvas, fit
from data_gen.drawing.legibility import _clear, _cramped, _doubled, _doubtful, _fits, _shared, _unclear
from data_gen.geometry.diagram import AngleText, AreaText, Diagram, LengthText, Ticks
from data_gen.geometry.plane import segment_distance
from data_gen.language.fact import Fact


@dataclass(frozen=True)
class Member:
    """One figure of a family: its program, its picture and what its caption states."""

    program: Program
    diagram: Diagram
    facts: tuple[Fact, ...]

    @cached_property
    def labels(self) -> tuple[label_placement.Label, ...] | None:
        """Where the names and printed values go; None where they do not all find a place."""
        try:
            return label_placement.place_labels(self.diagram)
        except label_placement.LabelCollision:
            return None


def draw(program: Program, canvas: Canvas) -> Member | None:
    """Solves a program and puts it on paper; None where it cannot be drawn clearly."""
    try:
        solved, texts = program.points, program.texts
    except (ZeroDivisionError, ValueError):
        return None
    drawn, shows = program.strokes, program.required_marks
    points = fit(solved, drawn.circles, canvas)
    if not _clear(points, program.names, canvas) or _cramped(points, drawn, canvas):
        return None
    if any(isinstance(m, LengthText) and _shared((m.a, m.b), points, program.names) for m in texts):
        return None
    plain = tuple(
        m
        for m in program.optional_marks
        if canvas.marks and _fits(m, texts + shows, points, program.names) and not _unclear(m, points, drawn, canvas)
    )
    if any(isinstance(m, Ticks) and _shared((m.a, m.b), points, program.names) for m in shows):
        return None
    in_angles = [m for m in texts + shows if isinstance(m, AngleText)]
    if any(_unclear(m, points, drawn, canvas) for m in texts + shows) or _doubled(in_angles, points):
        return None
    if any(isinstance(m, AreaText) and _doubtful(m, points, drawn, shows) for m in texts):
        return None
    diagram = Diagram(
        size_px=canvas.size_px,
        points={name: (z.real, z.imag) for name, z in points.items()},
        **drawn._asdict(),
        marks=plain + shows + texts,
        dots=_dots(program, points, drawn),
        style=canvas.style,
    )
    return Member(program, diagram, program.stated_facts + program.printed_facts)


def _dots(program: Program, points: dict[str, complex], drawn: Strokes) -> tuple[str, ...]:
    """Points that no stroke ends in, and those that strokes only run straight through, would be lost without a dot:
    centres, and points along a line. A circle through the point shows it too."""
    names = program.names
    ends = {end for s in drawn.segments for end in (s.a, s.b)}
    centres = {c.centre for c in drawn.circles}
    places = np.array([points[name] for name in names])
    straight = _straight(places, np.array([(points[s.a], points[s.b]) for s in drawn.segments]).reshape(-1, 2))
    for circle in drawn.circles:
        centre = points[circle.centre]
        straight &= np.abs(np.abs(places - centre) - abs(points[circle.through] - centre)) >= 1.0
    return tuple(n for n, lost in zip(names, straight, strict=True) if n in centres or n not in ends or lost)


def _straight(points: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """bool[K]: whether strokes, complex[S, 2], leave a point both ways along one line, and in no other direction."""
    if not lines.size:
        return np.zeros(len(points), bool)
    on = segment_distance(points[:, None], lines[:, 0], lines[:, 1]) < 1.0
    ways = lines.reshape(1, -1) - points[:, None]
    length = np.abs(ways)
    there = np.repeat(on, 2, 1) & (length > 1.0)
    ways = ways / np.maximum(length, 1e-9)
    along = ways * np.conj(np.take_along_axis(ways, there.argmax(1)[:, None], 1))
    bent = there & (np.abs(along.imag) >= 1e-3)
    return ~bent.any(1) & (there & (along.real < 0)).any(1)
