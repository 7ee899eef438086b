"""What a fact asks of coordinates, as equations for a solver: one row for each predicate.

Every function takes complex[...] arrays, one for each point (last, where a circle is meant, its radius float[...]), and
gives residuals, a tuple of float[...] that are all 0 where the fact holds. They are smooth and signed, where those of
`measures` are the distances that a person sees. Differences of lengths are in the unit of the points, all others are
sines or radians. Rows of `VALUES` also take the value (degrees for angles); lengths come in the unit of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data_gen.geometry.plane import cross, dot, unit

Residuals = tuple
PI = np.pi


def turn(a, vertex, b):
    """The angle a-vertex-b in radians, 0 to pi."""
    return np.abs(np.angle((a - vertex) * np.conj(b - vertex)))


def sweep(o, a, b):
    """The arc of the circle about o from a counterclockwise to b (y upwards), radians, 0 to 2 pi."""
    return np.mod(np.angle((b - o) * np.conj(a - o)), 2 * PI)


def _xy(v) -> Residuals:
    return v.real, v.imag


def _square(u, v) -> Residuals:
    return (dot(unit(u), unit(v)),)


def _along(u, v) -> Residuals:
    return (cross(unit(u), unit(v)),)


def _same(*lengths) -> Residuals:
    return tuple(length - lengths[0] for length in lengths[1:])


def _on_line(p, a, b) -> Residuals:
    return (cross(unit(b - a), p - a),)


def _parallelogram(a, b, c, d) -> Residuals:
    return _xy(a + c - b - d)


def _trapezoid(a, b, c, d) -> Residuals:
    return _along(b - a, d - c)


def _bisects(a, d, b, c) -> Residuals:
    return (cross(unit(unit(b - a) + unit(c - a)), unit(d - a)),)


def _sides(points: Sequence) -> list:
    return [np.abs(q - p) for p, q in zip(points, [*points[1:], points[0]], strict=True)]


def _congruent(*points) -> Residuals:
    half = len(points) // 2
    lengths = zip(_distances(points[:half]), _distances(points[half:]), strict=True)
    return tuple(x - y for x, y in lengths)


def _similar(*points) -> Residuals:
    half = len(points) // 2
    first, second = _distances(points[:half]), _distances(points[half:])
    sizes = sum(first), sum(second)
    return tuple(x * sizes[1] - y * sizes[0] for x, y in zip(first, second, strict=True))


def _distances(points: Sequence) -> list:
    return [np.abs(q - p) for i, p in enumerate(points) for q in points[i + 1 :]]


def _touches(o, sides: Sequence) -> Residuals:
    """The centre is equally far from all sides."""
    return _same(*(cross(unit(b - a), o - a) for a, b in sides))


def _incircle(o, a, b, c, radius) -> Residuals:
    off = [np.abs(cross(unit(q - p), o - p)) for p, q in ((a, b), (b, c), (c, a))]
    return tuple(x - radius for x in off)


EQUATIONS: dict[str, Callable[..., Residuals]] = {
    "right": lambda v, p, q: _square(p - v, q - v),
    "isosceles": lambda v, p, q: _same(abs(p - v), abs(q - v)),
    "isosceles_right": lambda v, p, q: _square(p - v, q - v) + _same(abs(p - v), abs(q - v)),
    "equilateral": lambda *p: _same(*_sides(p)),
    "parallelogram": _parallelogram,
    "rectangle": lambda a, b, c, d: _parallelogram(a, b, c, d) + _square(b - a, d - a),
    "rhombus": lambda a, b, c, d: _parallelogram(a, b, c, d) + _same(abs(b - a), abs(d - a)),
    "square": lambda a, b, c, d: _xy((d - a) - 1j * (b - a)) + _parallelogram(a, b, c, d),
    "kite": lambda a, b, c, d: _same(abs(b - a), abs(d - a)) + _same(abs(b - c), abs(d - c)),
    "trapezoid": _trapezoid,
    "isosceles_trapezoid": lambda a, b, c, d: _trapezoid(a, b, c, d) + _same(abs(d - a), abs(c - b)),
    "right_trapezoid": lambda a, b, c, d: _square(b - a, d - a) + _square(c - d, a - d),
    "midpoint": lambda m, a, b: _xy(m - (a + b) / 2),
    "trisection": lambda p, a, b: _xy(p - (2 * b + a) / 3),
    "on_segment": _on_line,
    "collinear": _on_line,
    "meet": lambda p, a, b, c, d: _on_line(p, a, b) + _on_line(p, c, d),
    "median": lambda a, d, b, c: _xy(d - (b + c) / 2),
    "altitude": lambda a, d, b, c: _square(d - a, c - b) + _on_line(d, b, c),
    "bisector": _bisects,
    "parallel": lambda a, b, c, d: _along(b - a, d - c),
    "perpendicular": lambda a, b, c, d: _square(b - a, d - c),
    "perpendicular_bisector": lambda p, q, a, b: _square(q - p, b - a) + _on_line((a + b) / 2, p, q),
    "equal_length": lambda a, b, c, d: _same(abs(b - a), abs(d - c)),
    "equal_angle": lambda a, b, c, d, e, f: (turn(a, b, c) - turn(d, e, f),),
    "on_circle": lambda o, p, r: _same(abs(p - o), r),
    "chord": lambda o, a, b, r: (abs(a - o) - r, abs(b - o) - r),
    "diameter": lambda o, a, b, r: _xy(o - (a + b) / 2) + _same(abs(a - o), r),
    "inscribed_triangle": lambda o, a, b, c, r: tuple(abs(p - o) - r for p in (a, b, c)),
    "inscribed_circle": _incircle,
    "tangent": lambda o, a, p, r: _square(a - o, p - a) + _same(abs(a - o), r),
    "similar": _similar,
    "similar_quadrilaterals": _similar,
    "congruent": _congruent,
    "congruent_quadrilaterals": _congruent,
    "centroid": lambda g, a, b, c: _xy(g - (a + b + c) / 3),
    "incenter": lambda o, a, b, c: _touches(o, ((a, b), (b, c), (c, a))),
    "circumcenter": lambda o, a, b, c: _same(abs(a - o), abs(b - o), abs(c - o)),
    "midsegment": lambda p, q, a, b, c: _along(q - p, c - b) + (2 * abs(q - p) - abs(c - b),),
    "quadrilateral_midsegment": lambda p, q, a, b, c, d: (2 * abs(q - p) - abs(c - b) - abs(d - a),),
    "arc_midpoint": lambda o, m, a, b, r: _same(abs(m - a), abs(m - b)) + _same(abs(m - o), r),
    "equal_arc": lambda o, a, b, p, c, d: (sweep(o, a, b) - sweep(p, c, d),),
}  # fmt: skip
# Measures: (points..., [radius,] value) -> residuals. Lengths are already divided by the unit of the values.
VALUES: dict[str, Callable[..., Residuals]] = {
    "length": lambda a, b, v: (abs(b - a) - v,),
    "angle": lambda a, b, c, v: (turn(a, b, c) - np.radians(v if v <= 180 else 360 - v),),
    "arc": lambda o, a, b, v: (2 * np.sin((sweep(o, a, b) - np.radians(v)) / 2),),
    "arc_length": lambda o, a, b, r, v: (sweep(o, a, b) * r - v,),
    "radius": lambda o, r, v: (r - v,),
    "diameter_length": lambda o, r, v: (2 * r - v,),
    "circumference": lambda o, r, v: (2 * PI * r - v,),
    "circle_area": lambda o, r, v: (r - np.sqrt(v / PI),),
    "sector_area": lambda o, a, b, r, v: (r * np.sqrt(sweep(o, a, b) / 2) - np.sqrt(v),),
    "triangle_area": lambda a, b, c, v: (np.sqrt(abs(cross(b - a, c - a)) / 2) - np.sqrt(v),),
    "quadrilateral_area": lambda a, b, c, d, v: (np.sqrt(abs(cross(c - a, d - b)) / 2) - np.sqrt(v),),
    "triangle_perimeter": lambda a, b, c, v: (sum(_sides((a, b, c))) - v,),
    "quadrilateral_perimeter": lambda a, b, c, d, v: (sum(_sides((a, b, c, d))) - v,),
    "length_sum": lambda a, b, c, d, v: (abs(b - a) + abs(d - c) - v,),
    "length_ratio": lambda a, b, c, d, v: (abs(b - a) - v * abs(d - c),),
    "similarity_ratio": lambda a, b, c, d, e, f, v: (abs(b - a) - v * abs(e - d),),
    "angle_ratio": lambda a, b, c, d, e, f, v: (turn(a, b, c) - v * turn(d, e, f),),
    "angle_sum": lambda a, b, c, d, e, f, v: (turn(a, b, c) + turn(d, e, f) - np.radians(v),),
    "sine": lambda a, b, c, v: (np.sin(turn(a, b, c)) - v,),
    "cosine": lambda a, b, c, v: (np.cos(turn(a, b, c)) - v,),
    "tangent_of": lambda a, b, c, v: (turn(a, b, c) - np.arctan(v),),
}  # fmt: skip
OPERATIONS: dict[str, Callable] = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}


def measured(predicate: str, given: Sequence) -> np.ndarray:
    """The size of what a row of `VALUES` measures, from its points (and radius): degrees for angles, areas as such."""
    size = VALUES[predicate](*given, 0.0)[0]
    if predicate.endswith("_area"):
        return size**2 if predicate != "circle_area" else PI * size**2
    return np.degrees(size) if predicate == "angle" else size


# Rows that take the radius of the circle about their first point.
RADIAL = frozenset({
    "on_circle", "chord", "diameter", "inscribed_triangle", "inscribed_circle", "tangent", "arc_midpoint", "arc_length",
    "radius", "diameter_length", "circumference", "circle_area", "sector_area",
})  # fmt: skip
# Measures whose unit is the length (an area's root): one scale serves them all.
SCALED = frozenset({
    "length", "arc_length", "radius", "diameter_length", "circumference", "circle_area", "sector_area", "triangle_area",
    "quadrilateral_area", "triangle_perimeter", "quadrilateral_perimeter", "length_sum",
})  # fmt: skip
