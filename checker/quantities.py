"""Defines ratios, multiples and sums of lengths and angles, by the value that a fact states."""

from __future__ import annotations

import math
from collections.abc import Callable

from checker.arithmetic import Condition, Point, angle, arm, distance, same


def ratio(value: str | None) -> float:
    first, _, second = (value or "nan").partition(":")
    return float(first) / float(second or 1)


def length_ratio(a: Point, b: Point, c: Point, d: Point, value: str | None) -> list[Condition]:
    """Compares in the length of the longer one."""
    return same((distance(a, b) - ratio(value) * distance(c, d)) / max(ratio(value), 1))


def angle_multiple(a: Point, b: Point, c: Point, d: Point, e: Point, f: Point, value: str | None) -> list[Condition]:
    return same((angle(a, b, c) - ratio(value) * angle(d, e, f)) * arm((b, a), (b, c), (e, d), (e, f)))


def angle_sum(a: Point, b: Point, c: Point, d: Point, e: Point, f: Point, value: str | None) -> list[Condition]:
    total = angle(a, b, c) + angle(d, e, f) - math.radians(ratio(value))
    return same(total * arm((b, a), (b, c), (e, d), (e, f)))


BY_VALUE: dict[str, Callable[..., list[Condition]]] = {
    "length_ratio": length_ratio,
    "length_multiple": length_ratio,
    "angle_multiple": angle_multiple,
    "angle_sum": angle_sum,
}
