"""A described figure gets its coordinates and becomes a program of ours.

A picture that is annotated is redrawn where its points are, moved no further than its facts need; the figures of all
other problems are solved for. Values that the picture prints are printed as they are; numbers among them shape an
annotated figure only where that leaves it as it was drawn.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.geometry.diagram import Circle, Segment
from data_gen.geometry.plane import cross, polar, unit
from data_gen.language.fact import Fact, canonical
from data_gen.language.predicates.table import PREDICATES
from data_gen.solver.conditions import Description
from data_gen.solver.newton import MARGIN_PX, Solution, System, Unsolved, solve, solve_near, to_diagram
from data_gen.sources.redrawn.describe import Subject
from data_gen.truth.truth_table import holds

RELATION_OFF, VALUE_OFF = 0.08, 0.025  # residuals up to which the facts of a picture are taken to be meant
MOVED_PX, STRAY_PX = 3.0, 9.0  # how far annotated points go for the facts, and for their lines and circles alone
ARC_STEP_DEG = 5.0
PRINTED = ("length", "angle")


@dataclass(frozen=True)
class Drawing:
    """A redrawn figure before it is a program; positions as in `Solution`, all else as in `Subject`."""

    described: Description  # with the facts that hold
    found: Solution
    printed: tuple[Fact, ...]
    arcs: Mapping[str, tuple[tuple[str, str], ...]]
    lettered: bool
    asked: int  # how many of the given facts and values ask for something


def redraw(subject: Subject, seed: int = 0) -> Drawing:
    """Returns the figure of a problem with coordinates; one without positions in another layout for each seed. Raises
    Unsolved."""
    try:
        return _redraw(subject, seed)
    except Unsolved:
        if subject.instead is None:
            raise
        return _redraw(subject.instead, seed)


def _redraw(subject: Subject, seed: int) -> Drawing:
    described = subject.described
    if len(described.names) < 3 or not described.lines:
        raise Unsolved("nothing is described")
    if subject.start is None:
        described, found = _solved(described, seed)
    else:
        described, found = settle(described, subject.start)
    printed, asked = _printable(subject.printed, described), len(System(subject.described).of_fact)
    return Drawing(described, found, printed, subject.arcs, subject.lettered, asked)


def _solved(described: Description, seed: int) -> tuple[Description, Solution]:
    """Returns a description solved, upright; without its values, then without its equations, where these leave no
    figure. Raises Unsolved."""
    plain = replace(described, facts=tuple(fact for fact in described.facts if fact.value is None))
    choices = [described, plain, replace(plain, equations=())]
    fault = Unsolved("nothing is described")
    for chosen in choices:
        try:
            return chosen, upright(chosen, solve(chosen, seed))
        except Unsolved as reason:
            fault = reason
    raise fault


def upright(described: Description, found: Solution) -> Solution:
    """Returns the figure turned as books do: its longest outer line lies level, everything else above it."""
    z = np.array(list(found.points.values()))

    def height(line: tuple[str, ...]) -> tuple[bool, float]:
        a, b = found.points[line[0]], found.points[line[-1]]
        off = cross(unit(b - a), z - a)
        return bool(off.min() > -1e-6 or off.max() < 1e-6), abs(b - a)

    base = max(described.lines, key=height)
    a, b = found.points[base[0]], found.points[base[-1]]
    way = unit(b - a) if cross(unit(b - a), z - a).sum() >= 0 else unit(a - b)
    return Solution({name: complex((p - a) / way) for name, p in found.points.items()}, found.radii)


def settle(described: Description, start: Mapping[str, complex]) -> tuple[Description, Solution]:
    """Returns the description with the facts that a picture bears out, and the positions nearest to it where they hold.

    Facts are kept only where no point need move by more than MOVED_PX for them, values only together. Raises Unsolved
    where lines and circles alone move a point by more than STRAY_PX.
    """
    kept = _borne_out(described, start)
    choices = (kept, tuple(f for f in kept if f.value is None), ())
    fault = Unsolved("nothing is described")
    for facts in dict.fromkeys(choices):
        chosen = replace(described, facts=facts, equations=())
        try:
            found = solve_near(chosen, start)
        except Unsolved as reason:
            fault = reason
            continue
        moved_px = max(abs(found.points[n] - start[n]) for n in start if not n.startswith("_"))
        if moved_px <= (MOVED_PX if facts else STRAY_PX):
            return chosen, found
        fault = Unsolved("the annotated points are not on their lines")
    raise fault


def _borne_out(described: Description, start: Mapping[str, complex]) -> tuple[Fact, ...]:
    """Returns the facts that nearly hold of annotated positions."""
    values = np.array(list(start.values()))
    width = float(np.ptp(values.real) + np.ptp(values.imag)) / 2
    system = System(described)
    x = system.vector({n: p / width for n, p in start.items()})[None]
    kept = []
    for i, fact in enumerate(described.facts):
        equation = system.of_fact.get(i)
        most = RELATION_OFF if fact.value is None else VALUE_OFF
        if equation and max(abs(float(r[0])) for r in equation(x, system.points(x))) <= most:
            kept.append(fact)
    return tuple(kept)


def _printable(printed: Sequence[Fact], described: Description) -> tuple[Fact, ...]:
    """Returns the lengths of pieces of lines and the angles between drawn lines, one value for each."""
    edges = {frozenset(edge) for edge in described.edges}
    found: dict[Fact, Fact] = {}
    for fact in printed:
        if fact.predicate not in PRINTED or not set(fact.args) <= set(described.names):
            continue
        arms = itertools.pairwise(fact.args)
        drawn = all(any(set(arm) <= set(line) for line in described.lines) for arm in arms)
        if drawn and (fact.predicate == "angle" or frozenset(fact.args) in edges):
            found.setdefault(canonical(Fact(fact.predicate, fact.args)), fact)
    return tuple(found.values())


# ---- a program ----------------------------------------------------------------------------------------------------


def program(drawing: Drawing, states: Sequence[Fact]) -> Program:
    """Returns the drawing as points that are placed, with its strokes, its printed values and the facts to state."""
    points = dict(drawing.found.points)
    draws: list[Segment | Circle] = [Segment(a, b) for a, b in _pieces(drawing.described)]
    for o, on in drawing.described.circles.items():
        radius = drawing.found.radii[o]
        if drawing.arcs.get(o):
            for a, b in drawing.arcs[o]:
                draws += _arc(points, o, a, b, radius)
            continue
        if not on:
            points[f"_{o}rim"] = points[o] + radius
        draws.append(Circle(o, on[0] if on else f"_{o}rim"))
    coordinates = [c for p in points.values() for c in (round(p.real, 9), round(-p.imag, 9))]
    return Program((Step("placed", (), tuple(points), tuple(coordinates)),), drawing.printed, tuple(draws),
                   tuple(states))  # fmt: skip


def _pieces(described: Description) -> Iterator[tuple[str, str]]:
    """Yields the ends of the strokes of lines. A line ends at points that something else passes through too; other
    points on it would be lost, so that `draw` gives them a dot."""
    on = Counter(n for line in (*described.lines, *described.circles.values()) for n in line)
    for line in described.lines:
        yield from itertools.pairwise([n for n in line if n in (line[0], line[-1]) or on[n] > 1])


def _arc(points: dict[str, complex], o: str, a: str, b: str, radius: float) -> list[Segment]:
    """Returns an arc from a counterclockwise to b as short chords between hidden points, which are added."""
    start, end = points[a] - points[o], points[b] - points[o]
    sweep = float(np.degrees(np.angle(end / start))) % 360
    pieces = max(2, round(sweep / ARC_STEP_DEG))
    names = [a, *(f"_{o}{a}{b}{i}" for i in range(1, pieces)), b]
    for i, name in enumerate(names[1:-1], 1):
        points[name] = points[o] + start / abs(start) * radius * polar(1, sweep * i / pieces)
    return [Segment(p, q) for p, q in itertools.pairwise(names)]


FACE_KINDS = {3: (("right", 3), ("obtuse", 3), ("acute", 1), ("isosceles", 3), ("scalene", 1)), 4: (("irregular", 1),)}


def statable(drawing: Drawing) -> list[Fact]:
    """Returns what a caption can state of the drawing: the given facts that hold, then what else is seen."""
    diagram = to_diagram(drawing.found)
    printed = {canonical(Fact(f.predicate, f.args)) for f in drawing.printed}
    given = [as_triangle(f) for f in drawing.described.facts if _measurable(f)]
    given = [f for f in given if canonical(Fact(f.predicate, f.args)) not in printed]
    seen = [f for f in [*given, *_seen(drawing)] if not any(n.startswith("_") for n in f.args)]
    return list({canonical(f): f for f in seen if holds(f, diagram, MARGIN_PX) == 1}.values())


def _measurable(fact: Fact) -> bool:
    """Returns whether a drawing shows a fact: whole degrees of an angle are seen, the value of a length is not."""
    if fact.value is None:
        return PREDICATES[fact.predicate].measure is not None
    return fact.predicate == "angle" and re.fullmatch(r"\d+", fact.value) is not None


def _seen(drawing: Drawing) -> Iterator[Fact]:
    """Yields kinds of faces, points on lines, lines to each other, points and lines to circles; true or not."""
    described = drawing.described
    for face in described.faces:
        for kind, turns in FACE_KINDS.get(len(face), ()):
            yield from (Fact(kind, face[i:] + face[:i]) for i in range(turns))
    for line in described.lines:
        yield from (Fact("on_segment", (p, line[0], line[-1])) for p in line[1:-1])
    for first, second in itertools.combinations(described.lines, 2):
        yield Fact("oblique", (first[0], first[-1], second[0], second[-1]))
    for o, on in described.circles.items():
        if drawing.arcs.get(o):
            continue
        yield from (Fact("on_circle" if p in on else side, (o, p))
                    for p in described.names for side in ("inside", "outside") if p != o)  # fmt: skip
        yield from (Fact("off_centre_chord", (o, a, b)) for a, b in described.edges if {a, b} <= set(on))


def as_triangle(fact: Fact) -> Fact:
    """Restates two equal sides of a corner as an isosceles triangle: a kind that has opposites."""
    shared = set(fact.args[:2]) & set(fact.args[2:])
    if fact.predicate != "equal_length" or len(shared) != 1:
        return fact
    (corner,) = shared
    return Fact("isosceles", (corner, *(n for n in fact.args if n != corner)))
