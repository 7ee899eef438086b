"""What figures of books print and state: values and relations that hold in every corner of a family's grid.

A value is printed where it stands in all figures that a family may have: an angle of whole degrees that no edit
changes, or a length beside an undivided segment. Of lengths that would have to agree (equal ones, parallels, the sides
of one triangle) one alone is printed, so that no edit of a value contradicts another.
Relations (equal lengths and angles, sums, multiples) are looked for in the coordinates and stated beside the steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.families import values
from data_gen.language.fact import Fact
from data_gen.sources.composed.corners import WHOLE, Corners
from data_gen.sources.composed.wish import MOST_RELATIONS, Wish

SYMBOLIC_ANGLE, SYMBOLIC_LENGTH = 0.14, 0.2
MOST_OFF_DEG = 12  # between what is printed and drawn, twice
ALIKE = 0.12  # lengths that differ by a smaller share look equal
PARALLEL_DEG = 3.0

# ---- values ---------------------------------------------------------------------------------------------------------


def draw_prints(corners: Corners, wish: Wish, rng: np.random.Generator) -> tuple[Fact, ...] | None:
    """Draws what a figure prints; None where it cannot print what is wished for."""
    if wish.strict and len(corners.segments) < wish.lengths:
        return None
    arc = _draw_arc(corners, rng) if wish.arc else ()
    angles = _draw_angles(corners, wish.angles, rng) if wish.angles else ()
    if wish.strict and (wish.arc and not arc or len(angles) < wish.angles):
        return None
    lengths = _draw_lengths(corners, wish.lengths, rng)
    return None if wish.strict and len(lengths) < wish.lengths else angles + lengths + arc


def _draw_angles(corners: Corners, count: int, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Draws angles, those first that are the same in all figures: with their measure where it is whole, else about to
    scale; with an unknown where they differ by much, or where the figure leaves no other measure. No two of them equal
    or making up two right angles, nor all three of a triangle."""
    angles = {fact: some for fact, some in corners.open_angles.items() if all(abs(d - 90) > 1 for d in some)}
    facts = [list(angles)[i] for i in rng.permutation(len(angles))]
    facts.sort(key=lambda fact: max(angles[fact]) - min(angles[fact]) > MOST_OFF_DEG)
    chosen: dict[Fact, str | None] = {}
    for fact in facts:
        some = angles[fact]
        others = [degrees for other in chosen for degrees in angles[other]]
        alike = any(abs(a - b) < 1 or abs(a + b - 180) < 1 for a in some for b in others)
        triangle = sum(set(fact.args) == set(other.args) for other in chosen) == 2
        if len(chosen) < count and not alike and not triangle:
            value = _degrees(some, rng)
            about = [replace(fact, value=value), *(replace(one, value=said) for one, said in chosen.items() if said)]
            if value and not corners.vary_freely(numeric_angles(about), rng):
                value = values.draw_unknown_angle(rng)
            chosen[fact] = value
    return tuple(Fact("angle", fact.args, value) for fact, value in chosen.items())


def numeric_angles(prints: Sequence[Fact]) -> list[Fact]:
    """Returns the printed angles without an unknown, and for arcs the angles at their centres."""
    return [
        fact if fact.predicate == "angle" else Fact("angle", (fact.args[1], fact.args[0], fact.args[-1]))
        for fact in prints
        if fact.predicate in values.ANGLES and not values.is_symbolic(fact)
    ]


def _degrees(some: Sequence[float], rng: np.random.Generator) -> str | None:
    """Draws what is printed in an angle of so many degrees in each figure; None for its measure."""
    spread = max(some) - min(some)
    if spread > MOST_OFF_DEG or rng.random() < SYMBOLIC_ANGLE:
        return values.draw_unknown_angle(rng)
    whole = spread < WHOLE and abs(some[0] - round(some[0])) < WHOLE
    return None if whole else str(round((max(some) + min(some)) / 2))


def near_scale(prints: Sequence[Fact], program: Program, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Puts degrees about to scale in the place of measured ones, as edits of the kind "angle_text" do: so nothing tells
    the figure that is edited."""
    return tuple(
        replace(fact, value=values.draw_near(program.degrees(fact), rng))
        if fact.predicate in values.ANGLES and not values.is_symbolic(fact)
        else fact
        for fact in prints
    )


def _draw_lengths(corners: Corners, count: int, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Draws lengths; of those that would have to agree one alone. An edit of one draws from the same values."""
    style = values.draw_style(rng)
    circles = corners.radii
    chosen: list[tuple[str, str]] = []
    prints: list[Fact] = []
    for i in rng.permutation(len(corners.segments)):
        a, b = corners.segments[i]
        if len(chosen) == count or not all(_agree_freely(corners, (a, b), other, chosen) for other in chosen):
            continue
        chosen.append((a, b))
        symbolic = rng.random() < SYMBOLIC_LENGTH
        value = values.draw_symbolic(rng) if symbolic else values.draw_in_style(style, rng)
        prints.append(_of_circle(corners, circles, a, b, rng, value))
    return tuple(prints)


def _of_circle(
    corners: Corners, circles: dict[str, float], a: str, b: str, rng: np.random.Generator, value: str
) -> Fact:
    """Takes the length of a radius or diameter for the circle's, often."""
    if rng.random() < 0.5:
        for o, radius in circles.items():
            on = corners.on_circle(o, radius)
            for centre, end in ((a, b), (b, a)):
                if centre == o and end in on:
                    return Fact("radius", (o, o, end), value)
            if a in on and b in on and (np.abs(corners.lengths(a, b) - 2 * radius) < WHOLE).all():
                return Fact("diameter_length", (o, a, b), value)
    return Fact("length", (a, b), value)


def _agree_freely(corners: Corners, one: tuple[str, str], two: tuple[str, str], chosen: Sequence) -> bool:
    """Returns whether two lengths may be any: they are neither alike nor parallel in a figure, nor sides of a triangle
    of which the third is printed as well, or of which one is the longest whatever its measures."""
    first, second = corners.lengths(*one), corners.lengths(*two)
    if (np.abs(first - second) < ALIKE * np.maximum(first, second)).any():
        return False
    for points in corners.points:
        turn = np.angle((points[one[1]] - points[one[0]]) / (points[two[1]] - points[two[0]]), deg=True) % 180
        if min(turn, 180 - turn) < PARALLEL_DEG:
            return False
    ends = set(one) ^ set(two)
    if len(ends) != 2:
        return True
    (apex,) = set(one) & set(two)
    a, b = sorted(ends)
    longest = max(corners.angles(apex, a, b).max(), corners.angles(apex, b, a).max())
    return longest < 90 - PARALLEL_DEG and not any(set(other) == ends for other in chosen)


def _draw_arc(corners: Corners, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Draws the measure of an arc between neighbouring points of a circle, or of the rest of that circle."""
    for o, radius in corners.radii.items():
        on = corners.on_circle(o, radius)
        order = sorted(on, key=lambda name: float(np.angle(corners.points[0][name] - corners.points[0][o])))
        arcs = [(a, b) for a, b in itertools.pairwise(order + order[:1]) if a != b]
        fits = [arc for arc in arcs if _is_plain_arc(corners, o, arc, on)]
        if len(on) < 2 or not fits:
            continue
        a, b = fits[int(rng.integers(len(fits)))]
        others = [name for name in on if name not in (a, b)]
        if others and rng.random() < 0.25:
            return (Fact("major_arc", (o, a, others[int(rng.integers(len(others)))], b)),)
        return (Fact("arc", (o, a, b)),)
    return ()


def _is_plain_arc(corners: Corners, o: str, arc: tuple[str, str], on: Sequence[str]) -> bool:
    """Returns whether an arc has the same whole degrees in all figures, and no point of the circle on it."""
    a, b = arc
    degrees = corners.angles(a, o, b)
    inner = [corners.angles(a, o, c) + corners.angles(c, o, b) - degrees for c in on if c not in arc]
    plain = all((gap > 1).all() for gap in inner)
    return bool(
        plain and np.ptp(degrees) < WHOLE and abs(degrees[0] - round(degrees[0])) < WHOLE and 25 < degrees[0] < 175
    )


# ---- relations ------------------------------------------------------------------------------------------------------


def draw_relations(corners: Corners, wish: Wish, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Draws what else a caption states: of what is wished for, what the figures have."""
    found: list[Fact] = []
    for name in wish.relations:
        possible = list(FINDERS[name](corners)) if len(found) < MOST_RELATIONS else []
        found += [possible[int(rng.integers(len(possible)))]] if possible else []
    return tuple(found)


def _equal_lengths(corners: Corners) -> Iterator[Fact]:
    for one, two in itertools.combinations(corners.segments, 2):
        if (np.abs(corners.lengths(*one) - corners.lengths(*two)) < WHOLE).all():
            yield Fact("equal_length", (*one, *two))


def _multiples(corners: Corners) -> Iterator[Fact]:
    for one, two in itertools.permutations(corners.segments, 2):
        for times in (2, 3):
            if (np.abs(corners.lengths(*one) - times * corners.lengths(*two)) < WHOLE).all():
                yield Fact("length_multiple", (*one, *two), str(times))


def _angle_pairs(corners: Corners) -> Iterator[tuple[Fact, float, Fact, float]]:
    for (one, first), (two, second) in itertools.permutations(corners.same_angles.items(), 2):
        yield one, first, two, second


def _equal_angles(corners: Corners) -> Iterator[Fact]:
    for one, first, two, second in _angle_pairs(corners):
        if abs(first - second) < 1e-5 and abs(first - 90) > 1:
            yield Fact("equal_angle", one.args + two.args)


def _angle_multiples(corners: Corners) -> Iterator[Fact]:
    for one, first, two, second in _angle_pairs(corners):
        if abs(first - 2 * second) < 1e-5:
            yield Fact("angle_multiple", one.args + two.args, "2")


def _angle_sums(corners: Corners) -> Iterator[Fact]:
    for one, first, two, second in _angle_pairs(corners):
        for total in (90, 120, 180):
            if abs(first + second - total) < 1e-5 and abs(first - 90) > 1 and set(one.args) != set(two.args):
                yield Fact("angle_sum", one.args + two.args, str(total))


def _equal_arcs(corners: Corners) -> Iterator[Fact]:
    for o, radius in corners.radii.items():
        chords = list(itertools.combinations(corners.on_circle(o, radius), 2))
        for one, two in itertools.combinations(chords, 2):
            turns = [corners.angles(a, o, b) for a, b in (one, two)]
            if (np.abs(turns[0] - turns[1]) < 1e-5).all() and (turns[0] < 170).all():
                yield Fact("equal_minor_arc", (o, *one, *two))


def _perpendiculars(corners: Corners) -> Iterator[Fact]:
    for fact, degrees in corners.same_angles.items():
        if abs(degrees - 90) < 1e-5:
            a, v, b = fact.args
            yield Fact("perpendicular", (v, a, v, b))


def _parallels(corners: Corners) -> Iterator[Fact]:
    for one, two in itertools.combinations(corners.segments, 2):
        turns = [(p[one[1]] - p[one[0]]) / (p[two[1]] - p[two[0]]) for p in corners.points]
        if not set(one) & set(two) and all(abs(turn.imag) < 1e-6 * abs(turn) for turn in turns):
            along = [(p[two[0]] - p[one[0]]) / (p[one[1]] - p[one[0]]) for p in corners.points]
            if all(abs(turn.imag) > 0.05 for turn in along):  # not one line
                yield Fact("parallel", (*one, *two))


def _diameters(corners: Corners) -> Iterator[Fact]:
    for o, radius in corners.radii.items():
        on = corners.on_circle(o, radius)
        for a, b in corners.strokes:
            if a in on and b in on and (np.abs(corners.lengths(a, b) - 2 * radius) < WHOLE).all():
                yield Fact("diameter", (o, a, b))


def _shapes(corners: Corners) -> Iterator[Fact]:
    """Yields the parallelograms that no edit is of, and that the caption would leave out."""
    for steps in zip(*(program.steps for program in corners.programs), strict=True):
        if len(set(steps)) == 1 and steps[0].construction.startswith("~"):
            step = replace(steps[0], construction=steps[0].construction[1:])
            yield from (fact for fact in step.facts() if fact.predicate in SHAPES)


SHAPES = ("parallelogram", "rectangle", "rhombus", "square")
FINDERS = {
    "shape": _shapes,
    "perpendicular": _perpendiculars,
    "parallel": _parallels,
    "diameter": _diameters,
    "circle_centre": lambda corners: (Fact("circle_centre", (o,)) for o in corners.radii),
    "equal_length": _equal_lengths,
    "equal_angle": _equal_angles,
    "length_multiple": _multiples,
    "angle_multiple": _angle_multiples,
    "angle_sum": _angle_sums,
    "equal_minor_arc": _equal_arcs,
}
