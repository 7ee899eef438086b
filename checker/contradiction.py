"""Finds what a caption says against itself: equal lengths with two values, impossible triangles, sums of angles.

It reads statements alone, as a reader without the picture would, and by names alone: a corner that two facts name by
other points of its arms is two corners. Only numbers count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from checker.verdict import Fact

OFF_DEG, OFF_SHARE = 1.5, 0.03  # what rounding explains
Pair = frozenset[str]
Corner = tuple[str, Pair]  # the vertex, and an arm's point each


class Says(NamedTuple):
    """What a predicate says of its points, by their places: groups of equal sides, groups of equal angles (vertex in
    the middle), and angles that it fixes."""

    sides: tuple[str, ...] = ()
    angles: tuple[str, ...] = ()
    degrees: Mapping[str, float] = {}


SQUARE_CORNERS = dict.fromkeys(("012", "123", "230", "301"), 90.0)
OPPOSITE_CORNERS = ("012 230", "123 301")
SAYS = {
    "equal_length": Says(("01 23",)),
    "equal_angle": Says((), ("012 345",)),
    "midpoint": Says(("01 02",)),
    "right": Says((), (), {"102": 90.0}),
    "isosceles": Says(("01 02",), ("012 021",)),
    "isosceles_right": Says(("01 02",), (), {"102": 90.0, "012": 45.0, "021": 45.0}),
    "equilateral": Says(("01 12 20",), (), {"012": 60.0, "120": 60.0, "201": 60.0}),
    "parallelogram": Says(("01 23", "12 30"), OPPOSITE_CORNERS),
    "rhombus": Says(("01 12 23 30",), OPPOSITE_CORNERS),
    "rectangle": Says(("01 23", "12 30"), (), SQUARE_CORNERS),
    "square": Says(("01 12 23 30",), (), SQUARE_CORNERS),
}


def contradictions(facts: Sequence[Fact]) -> Iterator[str]:
    """Yields in words what cannot be together of the statements of one caption."""
    lengths: dict[Pair, float] = {}
    angles: dict[Corner, float] = {}
    for predicate, names, value in facts:
        number = _number(value)
        if predicate == "length" and number is not None:
            lengths[frozenset(names)] = number
        elif predicate == "angle" and number is not None:
            angles[_corner(names)] = number
    for predicate, names, _ in facts:
        says = SAYS.get(predicate, Says())
        for group in says.sides:
            sides = [frozenset(names[int(i)] for i in pair) for pair in group.split()]
            yield from _unequal({"".join(sorted(side)): lengths[side] for side in sides if side in lengths}, OFF_SHARE)
        for group in says.angles:
            corners = [_corner([names[int(i)] for i in triple]) for triple in group.split()]
            known = {_words(corner): angles[corner] for corner in corners if corner in angles}
            yield from _unequal(known, OFF_DEG / max(known.values(), default=1.0))
        fixed = {_corner([names[int(i)] for i in triple]): degrees for triple, degrees in says.degrees.items()}
        shared = set(names[:2]) & set(names[2:])
        if predicate == "perpendicular" and len(shared) == 1:
            fixed[min(shared), frozenset(names) - shared] = 90.0
        for corner, degrees in fixed.items():
            if abs(angles.setdefault(corner, degrees) - degrees) > OFF_DEG:
                yield f"{_words(corner)} is {degrees:g}, but {angles[corner]:g}"
    triangles = {frozenset((vertex, *arms)) for vertex, arms in angles}
    triangles |= {one | two for one, two in itertools.combinations(lengths, 2) if len(one | two) == 3}
    for three in sorted(map(sorted, triangles)):
        yield from _triangle(three, lengths, angles)


def _number(value: str | None) -> float | None:
    try:
        return float(value or "")
    except ValueError:
        return None


def _corner(names: Sequence[str]) -> Corner:
    return names[1], frozenset((names[0], names[2]))


def _words(corner: Corner) -> str:
    return f"{corner[0]} of {''.join(sorted(corner[1]))}"


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
