"""Finds what a caption says against itself: equal lengths with two values, impossible triangles, sums of angles.

It reads statements alone, as a reader without the picture would, and by names alone: a corner that two facts name by
other points of its arms is two corners. Only numbers count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from checker.verdict import Fact

OFF_DEG, OFF_SHARE = 1.5, 0.03  # what rounding explains
Pair = frozenset[str]
Corner = tuple[str, Pair]  # the vertex, and an arm's point each
SIDES: dict[str, tuple[str, ...]] = {
    # predicate -> groups of equal lengths, by the places of its points
    "equal_length": ("01 23",),
    "isosceles": ("01 02",),
    "isosceles_right": ("01 02",),
    "equilateral": ("01 12 20",),
    "midpoint": ("01 02",),
    "square": ("01 12 23 30",),
    "rhombus": ("01 12 23 30",),
    "rectangle": ("01 23", "12 30"),
    "parallelogram": ("01 23", "12 30"),
}
CORNERS: dict[str, tuple[str, ...]] = {
    # predicate -> groups of equal angles, the vertex in the middle
    "equal_angle": ("012 345",),
    "isosceles": ("012 021",),
    "isosceles_right": ("012 021",),
    "equilateral": ("012 120 201",),
    "parallelogram": ("012 230", "123 301"),
    "rhombus": ("012 230", "123 301"),
}
# predicate -> its right angles
RIGHT = {"right": "102", "isosceles_right": "102", "rectangle": "012 123 230 301", "square": "012 123 230 301"}


def contradictions(facts: Sequence[Fact]) -> Iterator[str]:
    """Yields in words what cannot be together of the statements of one caption."""
    lengths: dict[Pair, float] = {}
    angles: dict[Corner, float] = {}
    for predicate, names, value in facts:
        number = _number(value)
        if number is not None and predicate == "length":
            lengths[frozenset(names)] = number
        elif number is not None and predicate == "angle":
            angles[_corner(names)] = number
        elif predicate == "perpendicular" and len(shared := set(names[:2]) & set(names[2:])) == 1:
            angles.setdefault((shared.copy().pop(), frozenset(names) - shared), 90.0)
        for triple in RIGHT.get(predicate, "").split():
            angles.setdefault(_corner([names[int(i)] for i in triple]), 90.0)
        if predicate == "equilateral":
            angles |= {corner: 60.0 for corner in map(_corner, itertools.permutations(names)) if corner not in angles}
    for predicate, names, _ in facts:
        for group in SIDES.get(predicate, ()):
            sides = [frozenset(names[int(i)] for i in pair) for pair in group.split()]
            yield from _unequal({"".join(sorted(side)): lengths[side] for side in sides if side in lengths}, OFF_SHARE)
        for group in CORNERS.get(predicate, ()):
            corners = [_corner([names[int(i)] for i in triple]) for triple in group.split()]
            known = {f"{vertex} of {''.join(sorted(arms))}": angles[vertex, arms]
                     for vertex, arms in corners if (vertex, arms) in angles}  # fmt: skip
            yield from _unequal(known, OFF_DEG / max(1.0, *known.values()) if known else 0)
    triangles = {frozenset((vertex, *arms)) for vertex, arms in angles}
    triangles |= {one | two for one, two in itertools.combinations(lengths, 2) if len(one | two) == 3}
    for corners_of_one in sorted(map(sorted, triangles)):
        yield from _triangle(corners_of_one, lengths, angles)


def _number(value: str | None) -> float | None:
    try:
        return float(value or "")
    except ValueError:
        return None


def _corner(names: Sequence[str]) -> Corner:
    return names[1], frozenset((names[0], names[2]))


def _unequal(known: dict[str, float], share: float) -> Iterator[str]:
    for (one, a), (two, b) in itertools.combinations(known.items(), 2):
        if abs(a - b) > share * max(a, b):
            yield f"{one} and {two} are equal, but {a:g} and {b:g}"


def _triangle(names: Sequence[str], lengths: dict[Pair, float], angles: dict[Corner, float]) -> Iterator[str]:
    """Yields what is wrong with three points, in line or not."""
    sides = [lengths.get(frozenset(names) - {name}) for name in names]
    corners = [angles.get((name, frozenset(names) - {name})) for name in names]
    label, known = "".join(names), [angle for angle in corners if angle is not None]
    if len(known) == 3 and abs(sum(known) - 180) > 2 * OFF_DEG or len(known) == 2 and sum(known) > 180 - OFF_DEG:
        yield f"{label} has angles {known}"
    told = [side for side in sides if side is not None]
    if len(told) == 3 and 2 * max(told) > (1 + OFF_SHARE) * sum(told):
        yield f"{label} has sides {told}"
    for place, (longest, angle) in enumerate(zip(sides, corners, strict=True)):
        legs = [side for i, side in enumerate(sides) if i != place and side is not None]
        if longest is None or angle != 90:
            continue
        if len(legs) == 2 and abs(math.hypot(*legs) - longest) > OFF_SHARE * longest or max(legs, default=0) >= longest:
            yield f"{label} has a right angle and sides {told}"
