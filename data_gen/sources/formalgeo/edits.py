"""What can be asked of a real diagram: statements of which one is true and the others surely false.

A slot is such a choice. The captions of a family are all combinations of the choices in its slots. A reader of captions
alone must not be able to tell which choice is true, so both come from the same stock: values are those printed in other
problems in the same style, letters those of the same picture; `balance` evens out what is left.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import parse_value, same_value
from data_gen.language.predicates.table import PREDICATES
from data_gen.sources.formalgeo.pixels import Figure, verdict
from data_gen.truth.contradictions import Context, contradictions

PRINTED = ("length", "angle", "arc", "radius", "diameter_length")
SEEN_DEG = 25  # an angle that is not printed is told from another one by eye from here on
CLASSES = {"acute_angle": (0, 90 - 8), "right_angle": (90, 90), "obtuse_angle": (90 + 8, 180)}
MOST_CHOICES, DRAWS = 8, 40
SHAPES = ("isosceles", "equilateral", "scalene", "square", "rectangle", "rhombus", "parallelogram", "irregular")


@dataclass(frozen=True)
class Slot:
    """A choice between statements, the true one first. Each is one fact or two, a sentence of the caption for each."""

    axis: str
    choices: tuple[tuple[Fact, ...], ...]

    @property
    def true(self) -> tuple[Fact, ...]:
        return self.choices[0]

    @property
    def points(self) -> frozenset[str]:
        """Returns all points that any choice speaks of."""
        return frozenset(name for facts in self.choices for fact in facts for name in fact.args)

    @property
    def moved(self) -> frozenset[str]:
        """Returns the points that not all choices speak of."""
        return self.points - frozenset.intersection(
            *(frozenset(name for fact in facts for name in fact.args) for facts in self.choices)
        )

    def first(self, count: int) -> Slot:
        """Returns the slot with its first choices only."""
        return Slot(self.axis, self.choices[:count])


@dataclass(frozen=True)
class Reading:
    """A problem, read.

    Attributes:
      figure: its lines, circles and names.
      shown: facts without a value.
      printed, told: values that FormalGeo says are in the picture, and those that only the text has.
      points: pixels of the points, where annotators left them; else None.
      lettered: the names whose letters are surely in the picture.
      proven: the values of `printed` that annotators read in the picture. FormalGeo's list alone repeats the text.
    """

    figure: Figure
    shown: tuple[Fact, ...]
    printed: tuple[Fact, ...]
    told: tuple[Fact, ...]
    points: dict[str, complex] | None
    lettered: frozenset[str] = frozenset()
    proven: tuple[Fact, ...] = ()


def style(value: str) -> str:
    """Returns what values must share to stand for each other: the form, the unknown, and roughly the size.

    "14" -> "9~8" (from 8 up to 16), "3x-4" -> "9x-9", "7√2" -> "9√9~8".
    """
    size = parse_value(value)
    form = re.sub(r"\d+", "9", value)
    return form if not size else f"{form}~{2 ** math.floor(math.log2(size))}"


# (predicate, style) -> the values printed in all problems, repeats kept
Stock = Mapping[tuple[str, str], Sequence[str]]


def propose(reading: Reading, stock: Stock, rng: np.random.Generator) -> list[Slot]:
    """Proposes the slots of a problem, at most one for each true statement on each axis; not yet balanced. They speak
    of letters and values that the picture is known to show, and of no others."""
    makers = (_exchanged, _revalued, _angle_classes, _shapes, _relations, _orders, _joined)
    slots = (slot for maker in makers for slot in maker(reading, stock, rng))
    return [slot for slot in slots if slot.points <= reading.lettered and _sound(slot, reading)]


def _sound(slot: Slot, reading: Reading) -> bool:
    """Returns whether the false choices are false as far as known: no fact says them, nor do positions."""
    known = {canonical(f) for f in reading.shown + reading.printed + reading.told}
    false = [f for facts in slot.choices[1:] for f in facts if f not in slot.true]
    if any(canonical(f) in known for f in false):
        return False
    if reading.points is None:
        return True
    false, true = ([f for f in some if PREDICATES[f.predicate].positional] for some in (false, slot.true))
    return all(verdict(f, reading.points) == 0 for f in false) and all(verdict(f, reading.points) for f in true)


# ---- values -------------------------------------------------------------------------------------------------------


def _exchanged(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots in which two printed values of a kind change places."""
    for a, b in itertools.combinations(reading.proven, 2):
        alike = a.predicate == b.predicate and style(a.value or "")[0].isdigit() == style(b.value or "")[0].isdigit()
        if alike and not same_value(a.value or "", b.value or ""):
            swapped = (Fact(a.predicate, a.args, b.value), Fact(b.predicate, b.args, a.value))
            yield Slot("value", ((a, b), swapped))


def _revalued(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots in which a printed value becomes one that other problems print."""
    for fact in reading.proven:
        values = stock.get((fact.predicate, style(fact.value or "")), ())
        yield from _one_of(fact, values, rng, lambda a, b: not same_value(a, b))


def _one_of(
    fact: Fact, stock: Sequence[str], rng: np.random.Generator, apart: Callable[[str, str], bool]
) -> Iterator[Slot]:
    """Yields up to MOST_CHOICES values, any two of them apart: the true one and others drawn from the stock."""
    values = [fact.value or ""]
    for i in rng.integers(len(stock), size=DRAWS if stock else 0):
        if len(values) < MOST_CHOICES and all(apart(value, stock[i]) for value in values):
            values.append(stock[i])
    if len(values) > 1:
        yield Slot("value", tuple((Fact(fact.predicate, fact.args, value),) for value in values))


def _drawn(reading: Reading, angle: Sequence[str]) -> bool:
    a, vertex, b = angle
    return bool(reading.figure.line(a, vertex) and reading.figure.line(vertex, b))


# ---- shapes -------------------------------------------------------------------------------------------------------


def _angle_classes(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots in which an angle is acute, right or obtuse."""
    for (vertex, a, b), degrees in sorted(_degrees(reading).items()):
        for kind, (low, high) in CLASSES.items():
            if low <= degrees <= high:
                other = str(rng.choice([k for k in CLASSES if k != kind]))
                yield Slot("shape", ((Fact(kind, (vertex, a, b)),), (Fact(other, (vertex, a, b)),)))


def _degrees(reading: Reading) -> dict[tuple[str, str, str], float]:
    """Returns (vertex, arm, arm) -> degrees, for angles between drawn lines that are given, right, or annotated."""
    found: dict[tuple[str, str, str], float] = {}
    for vertex, a, b, degrees in (*_stated_degrees(reading), *_annotated_degrees(reading)):
        if a != b and _drawn(reading, (a, vertex, b)):
            found.setdefault((vertex, min(a, b), max(a, b)), degrees)
    return found


def _stated_degrees(reading: Reading) -> Iterator[tuple[str, str, str, float]]:
    """Yields (vertex, arm, arm, degrees) of angles that are given, and of right ones."""
    for fact in reading.printed + reading.told:
        degrees = parse_value(fact.value or "")
        if fact.predicate == "angle" and degrees and degrees < 180:
            yield fact.args[1], fact.args[0], fact.args[2], degrees
    for fact in reading.shown:
        if fact.predicate == "perpendicular" and len(set(fact.args)) == 3:
            yield (*_corner(fact), 90)


def _annotated_degrees(reading: Reading) -> Iterator[tuple[str, str, str, float]]:
    """Yields (vertex, arm, arm, degrees) of angles that are plainly not right at annotated positions."""
    figure, points = reading.figure, reading.points
    for vertex in figure.names if points else ():
        ends = [line[i] for line in figure.lines if vertex in line for i in _beside(line, vertex)]
        for a, b in itertools.combinations(sorted(ends), 2):
            if points and vertex not in (figure.line(a, b) or ()):
                degrees = angle_deg(*(points[n] for n in (a, vertex, b)))
                if abs(degrees - 90) > 15 and 15 < degrees < 165:
                    yield vertex, a, b, degrees


def _corner(fact: Fact) -> tuple[str, str, str]:
    """Returns the point that two segments share, and their other ends."""
    vertex = next(n for n in fact.args if fact.args.count(n) == 2)
    a, b = (n for n in fact.args if n != vertex)
    return vertex, a, b


def _beside(line: tuple[str, ...], name: str) -> list[int]:
    """Returns the places of the neighbours of a point on a line."""
    i = line.index(name)
    return [j for j in (i - 1, i + 1) if 0 <= j < len(line)]


def _shapes(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots of triangles and quadrilaterals of one kind or of another that excludes it."""
    for fact in _kinds(reading):
        opposites = [f for axis, f in contradictions(fact) if axis == "shape" and f.predicate in SHAPES]
        if opposites:
            yield Slot("shape", ((fact,), (opposites[int(rng.integers(len(opposites)))],)))


def _kinds(reading: Reading) -> list[Fact]:
    """Returns the kinds of triangles and quadrilaterals: as stated, by equal or printed sides, by positions."""
    figure = reading.figure
    found = [f for f in reading.shown if f.predicate in SHAPES]
    for f in reading.shown:
        if f.predicate == "equal_length" and len(set(f.args)) == 3:
            corner = _corner(f)
            if figure.off_line(*corner):
                found.append(Fact("isosceles", corner))
    sides = {canonical(f).args: parse_value(f.value or "") for f in reading.printed if f.predicate == "length"}
    for face in figure.faces:
        kinds = {3: ("scalene", "isosceles"), 4: ("irregular", "parallelogram")}.get(len(face), ())
        lengths = [sides.get(tuple(sorted(pair))) for pair in itertools.combinations(face, 2)]
        if len(face) == 3 and None not in lengths and len(set(lengths)) == 3:
            found.append(Fact("scalene", face))
        elif reading.points:
            turns = [face[i:] + face[:i] for i in range(len(face))]
            found += [f for kind in kinds for t in turns if verdict(f := Fact(kind, t), reading.points) == 1]
    return list({canonical(f): f for f in found}.values())


# ---- relations ----------------------------------------------------------------------------------------------------


def _relations(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots of opposites: parallel or perpendicular, in or outside a circle, diameter or not."""
    for fact in _with_circles(reading):
        axis = PREDICATES[fact.predicate].axis
        opposites = [f for a, f in contradictions(fact) if a == axis and f.predicate not in ("oblique", "trisection")]
        if opposites and len(set(fact.args)) == len(fact.args):
            yield Slot(axis, ((fact,), (opposites[int(rng.integers(len(opposites)))],)))


def _with_circles(reading: Reading) -> Iterator[Fact]:
    """Yields the facts shown, and what follows of circles and lines: points in or outside, chords, secants."""
    yield from (f for f in reading.shown if f.predicate in ("parallel", "tangent", "diameter"))
    for fact in reading.shown:
        if fact.predicate == "perpendicular" and len(set(fact.args)) == 3:
            yield from _whole_lines(fact, reading.figure)
    stated = {canonical(f) for f in reading.shown}
    for centre, on in sorted(reading.figure.circles.items()):
        for p in reading.figure.names:
            side = _side(p, centre, on, reading.figure)
            if p != centre and side:
                yield Fact(side, (centre, p))
        for a, b in itertools.combinations(sorted(on), 2):
            line = reading.figure.line(a, b)
            if line and centre not in line and canonical(Fact("diameter", (centre, a, b))) not in stated:
                yield Fact("off_centre_chord", (centre, a, b))
                yield Fact("crossing", (centre, a, b))


def _whole_lines(fact: Fact, figure: Figure) -> Iterator[Fact]:
    """Restates AO ⊥ BO as AC ⊥ BD, where O is inside both lines."""
    vertex, _, _ = _corner(fact)
    lines = [figure.line(*fact.args[:2]), figure.line(*fact.args[2:])]
    if all(line and vertex not in (line[0], line[-1]) for line in lines):
        yield Fact("perpendicular", tuple(n for line in lines if line for n in (line[0], line[-1])))


def _side(p: str, centre: str, on: Sequence[str], figure: Figure) -> str | None:
    """Returns on_circle, inside or outside, where the lines of the figure tell."""
    if p in on:
        return "on_circle"
    for a, b in itertools.combinations(on, 2):
        line = figure.line(a, b)
        if line and p in line:
            return "inside" if figure.between(p, a, b) else "outside"
    return None


# ---- order --------------------------------------------------------------------------------------------------------

ORDERED = ("on_segment", "meet", "midpoint", "diameter", "tangent", "parallel", "perpendicular", "bisector", "right",
           "square", "rectangle", "rhombus", "parallelogram", "median", "altitude")  # fmt: skip


def _orders(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots in which letters change places, or another letter of the picture takes the place of one."""
    figure = reading.figure
    context = Context(tuple(n for n in figure.names if n in reading.lettered), off_line=figure.off_line)
    for fact in [*reading.shown, *_incidences(figure)]:
        if fact.predicate not in ORDERED:
            continue
        edited = [
            f
            for axis, f in contradictions(fact, context=context)
            if axis == "order" and _said(f, figure) and not _true_of_lines(f, figure)
        ]
        if edited:
            yield Slot("order", ((fact,), (edited[int(rng.integers(len(edited)))],)))


def _true_of_lines(fact: Fact, figure: Figure) -> bool:
    """Returns whether a fact that puts a point on segments holds of their lines: "P lies on AB" may mean either."""
    lines = {"on_segment": (fact.args[1:],), "meet": (fact.args[1:3], fact.args[3:])}.get(fact.predicate, ())
    return bool(lines) and all(fact.args[0] in (figure.line(*pair) or ()) for pair in lines)


def _said(fact: Fact, figure: Figure) -> bool:
    """Returns whether a fact is worth denying: the lines and circles that it speaks of are in the picture."""
    args = fact.args
    lines = {"on_segment": (args[1:],), "parallel": (args[:2], args[2:]), "perpendicular": (args[:2], args[2:]),
             "midpoint": (args[1:],), "meet": (args[1:3], args[3:]), "tangent": (args[1:],), "bisector": (args[:2],),
             "diameter": (args[1:],)}.get(fact.predicate, ())  # fmt: skip
    return all(figure.line(*pair) for pair in lines) and len({frozenset(pair) for pair in lines}) == len(lines)


def _incidences(figure: Figure) -> Iterator[Fact]:
    """Yields facts of points between the ends of lines, and where two lines cross."""
    for line in figure.lines:
        for p in line[1:-1]:
            yield Fact("on_segment", (p, line[0], line[-1]))
    for first, second in itertools.combinations(figure.lines, 2):
        for p in sorted(set(first[1:-1]) & set(second[1:-1])):
            yield Fact("meet", (p, first[0], first[-1], second[0], second[-1]))


def _joined(reading: Reading, stock: Stock, rng: np.random.Generator) -> Iterator[Slot]:
    """Yields slots in which two points are joined by a line, or not: a coin says which, each time.

    As many times as both kinds last: a figure that runs out of one would tell the last from those before it.
    """
    pairs: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for a, b in itertools.combinations(sorted(reading.lettered & set(reading.figure.names)), 2):
        pairs[reading.figure.line(a, b) is not None].append((a, b))
    stacks = {joined: [some[i] for i in rng.permutation(len(some))] for joined, some in pairs.items()}
    for joined in rng.random(min(map(len, pairs.values()))) < 0.5:
        pair, names = stacks[bool(joined)].pop(), ("joined", "apart") if joined else ("apart", "joined")
        yield Slot("relation", tuple((Fact(name, pair),) for name in names))
