"""Computes with points (x, y) and writes conditions: shared with nothing but the definitions of this package."""

from __future__ import annotations

import math
from collections.abc import Iterable

Point = tuple[float, float]
Condition = tuple[str, float]
SAME, MORE, CLEAR = "same", "more", "clear"


def same(*px: float) -> list[Condition]:
    return [(SAME, abs(p)) for p in px]


def more(*px: float) -> list[Condition]:
    return [(MORE, p) for p in px]


def clear(*px: float) -> list[Condition]:
    return [(CLEAR, abs(p)) for p in px]


# ---- arithmetic ---------------------------------------------------------------------------------------------------


def distance(p: Point, q: Point) -> float:
    return math.hypot(q[0] - p[0], q[1] - p[1])


def scalar(a: Point, b: Point, c: Point, d: Point) -> float:
    """Returns the scalar product of the vectors ab and cd."""
    return (b[0] - a[0]) * (d[0] - c[0]) + (b[1] - a[1]) * (d[1] - c[1])


def area(a: Point, b: Point, c: Point) -> float:
    """Returns twice the area of abc, positive one way round."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def middle(*points: Point) -> Point:
    return sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points)


def between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def angle(a: Point, vertex: Point, b: Point) -> float:
    """Returns the angle in radians, 0 to pi."""
    return math.atan2(abs(area(vertex, a, b)), scalar(vertex, a, vertex, b))


def lean(a: Point, b: Point, c: Point, d: Point) -> float:
    """Returns the angle between the lines ab and cd in radians, 0 to pi / 2."""
    turned = math.atan2(b[1] - a[1], b[0] - a[0]) - math.atan2(d[1] - c[1], d[0] - c[0])
    return min(turned % math.pi, -turned % math.pi)


def off_line(p: Point, a: Point, b: Point) -> float:
    return abs(area(a, b, p)) / max(distance(a, b), 1e-9)


def sides(*corners: Point) -> list[float]:
    return [distance(p, q) for p, q in zip(corners, (*corners[1:], corners[0]), strict=True)]


def arm(*lines: tuple[Point, Point]) -> float:
    return min(distance(*line) for line in lines)


def spread(values: Iterable[float]) -> float:
    some = list(values)
    return max(some) - min(some)


def circle_through(a: Point, b: Point, c: Point) -> tuple[Point, float] | None:
    """Returns centre and radius, by Cramer's rule; None where the points are in line."""
    twice = 2 * area(a, b, c)
    if abs(twice) < 1e-6:
        return None
    (bx, by), (cx, cy) = ((p[0] - a[0], p[1] - a[1]) for p in (b, c))
    bb, cc = bx * bx + by * by, cx * cx + cy * cy
    x, y = (cy * bb - by * cc) / twice, (bx * cc - cx * bb) / twice
    return (a[0] + x, a[1] + y), math.hypot(x, y)
