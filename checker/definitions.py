"""Defines every predicate as textbooks do, in plain coordinate arithmetic: nothing here is shared with the engine.

Points are (x, y) in pixels. A definition of `BY_POINTS` or `BY_CIRCLES` gives conditions, all of which have to hold,
each a pair (kind, px):

* SAME: two quantities are the same; px is how far they differ, an angle's difference as the way its shorter arm turns;
* MORE: one is larger than the other; px is by how much, negative where it is smaller;
* CLEAR: something without which books disagree, or the words make no sense: px is how far the drawing is from that.

`checker.drawn` has the definitions of what strokes and marks show.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from checker import quantities
from checker.arithmetic import (
    Condition,
    Point,
    angle,
    area,
    arm,
    circle_through,
    clear,
    distance,
    lean,
    middle,
    more,
    off_line,
    same,
    scalar,
    sides,
    spread,
)

# ---- triangles ----------------------------------------------------------------------------------------------------


def triangle(a: Point, b: Point, c: Point) -> list[Condition]:
    """Demands that the corners are not in line: by the smallest height."""
    return more(abs(area(a, b, c)) / max(*sides(a, b, c), 1e-9))


def right(v: Point, p: Point, q: Point) -> list[Condition]:
    return same((angle(p, v, q) - math.pi / 2) * arm((v, p), (v, q)))


def isosceles(v: Point, p: Point, q: Point) -> list[Condition]:
    return same(distance(v, p) - distance(v, q)) + triangle(v, p, q)


def acute(a: Point, b: Point, c: Point) -> list[Condition]:
    corners = ((a, b, c), (b, c, a), (c, a, b))
    return more(*((math.pi / 2 - angle(p, v, q)) * arm((v, p), (v, q)) for p, v, q in corners))


def obtuse(v: Point, p: Point, q: Point) -> list[Condition]:
    return more((angle(p, v, q) - math.pi / 2) * arm((v, p), (v, q))) + triangle(v, p, q)


def scalene(a: Point, b: Point, c: Point) -> list[Condition]:
    return more(*(abs(p - q) for p, q in itertools.combinations(sides(a, b, c), 2))) + triangle(a, b, c)


def depth(p: Point, a: Point, b: Point, c: Point) -> float:
    """Measures how far p is from the nearest side of abc; negative outside."""
    turns = [area(p, *side) for side in ((a, b), (b, c), (c, a))]
    inside = min(turns) > 0 or max(turns) < 0
    near = min(off_line(p, *side) for side in ((a, b), (b, c), (c, a)))
    return near if inside else -min(off_segment(p, *side) for side in ((a, b), (b, c), (c, a)))


def altitude(a: Point, d: Point, b: Point, c: Point) -> list[Condition]:
    """Demands that d lies on the line bc, and ad is at right angles to it."""
    return same(off_line(d, b, c), scalar(a, d, b, c) / max(distance(b, c), 1e-9)) + triangle(a, b, c)


def bisector(a: Point, d: Point, b: Point, c: Point) -> list[Condition]:
    """Demands that the angles b-a-d and d-a-c are equal and make up b-a-c."""
    first, second = angle(b, a, d), angle(d, a, c)
    reach = distance(a, d)
    return same((first - second) * reach, (first + second - angle(b, a, c)) * reach) + triangle(a, b, c)


def centroid(g: Point, a: Point, b: Point, c: Point) -> list[Condition]:
    medians = ((a, middle(b, c)), (b, middle(c, a)), (c, middle(a, b)))
    return same(*(off_line(g, *line) for line in medians)) + triangle(a, b, c)


def incenter(i: Point, a: Point, b: Point, c: Point) -> list[Condition]:
    heights = [off_line(i, *side) for side in ((a, b), (b, c), (c, a))]
    return same(spread(heights)) + more(depth(i, a, b, c))


def circumcenter(o: Point, a: Point, b: Point, c: Point) -> list[Condition]:
    return same(spread(distance(o, p) for p in (a, b, c))) + triangle(a, b, c)


def orthocenter(h: Point, a: Point, b: Point, c: Point) -> list[Condition]:
    """Demands that the line from each corner at right angles to the far side passes through h."""
    return same(*(scalar(p, h, q, r) / max(distance(q, r), 1e-9) for p, q, r in ((a, b, c), (b, c, a), (c, a, b)))) + (
        triangle(a, b, c)
    )


def midsegment(d: Point, e: Point, a: Point, b: Point, c: Point) -> list[Condition]:
    """Demands that d and e, in either order, are the middles of ab and ac."""
    ends = ((d, e), (e, d))
    return same(min(max(distance(p, middle(a, b)), distance(q, middle(a, c))) for p, q in ends)) + triangle(a, b, c)


def similar(*p: Point) -> list[Condition]:
    """Compares angle by angle and side by side."""
    first, second = sorted(halves(p), key=lambda half: -sum(sides(*half)))
    scale = sum(sides(*first)) / max(sum(sides(*second)), 1e-9)
    turns = [(angle(*corners(first, k)) - angle(*corners(second, k))) * min(sides(*second)) for k in range(len(first))]
    gaps = [x - y * scale for x, y in zip(sides(*first), sides(*second), strict=True)]
    return same(*turns, *gaps) + proper(*first) + proper(*second)


def halves(p: tuple[Point, ...]) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """Splits the corners into those of the first figure and of the second."""
    return p[: len(p) // 2], p[len(p) // 2 :]


def proper(*p: Point) -> list[Condition]:
    """Demands that no corner is in line with its neighbours."""
    return [condition for k in range(len(p)) for condition in triangle(*corners(p, k))]


def corners(polygon: tuple[Point, ...], k: int) -> tuple[Point, Point, Point]:
    """Returns the arms and, between them, the corner k."""
    n = len(polygon)
    return polygon[(k - 1) % n], polygon[k % n], polygon[(k + 1) % n]


def congruent(*p: Point) -> list[Condition]:
    """Compares side by side and angle by angle: quadrilaterals with equal sides may still lean."""
    first, second = halves(p)
    gaps = [x - y for x, y in zip(sides(*first), sides(*second), strict=True)]
    turns = [(angle(*corners(first, k)) - angle(*corners(second, k))) * min(sides(*second)) for k in range(len(first))]
    return same(*gaps, *turns) + proper(*first) + proper(*second)


def smaller(*p: Point) -> list[Condition]:
    first, second = halves(p)
    return similar(*p) + more((sum(sides(*first)) - sum(sides(*second))) / len(first))


# ---- polygons, corners in order round -----------------------------------------------------------------------------


def crossed(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tells whether ab and cd cut each other, or bc and da: then abcd are no corners in order round."""

    def cut(p: Point, q: Point, r: Point, s: Point) -> bool:
        return area(p, q, r) * area(p, q, s) < 0 and area(r, s, p) * area(r, s, q) < 0

    return cut(a, b, c, d) or cut(b, c, d, a)


def quadrilateral(*p: Point) -> list[Condition]:
    """Demands that no two sides cross and no three corners are in line."""
    if crossed(p[0], p[1], p[2], p[3]):
        return more(-math.inf)
    return [condition for k in range(4) for condition in triangle(*corners(p, k))]


def apart_px(a: Point, b: Point, c: Point, d: Point) -> float:
    """Measures how far the lines ab and cd are from parallel."""
    return lean(a, b, c, d) * arm((a, b), (c, d))


def upright_px(a: Point, b: Point, c: Point, d: Point) -> float:
    """Measures how far the lines ab and cd are from right angles."""
    return (math.pi / 2 - lean(a, b, c, d)) * arm((a, b), (c, d))


def parallelogram(*p: Point) -> list[Condition]:
    a, b, c, d = p
    return same(apart_px(a, b, c, d), apart_px(b, c, d, a)) + quadrilateral(*p)


def rectangle(*p: Point) -> list[Condition]:
    return [condition for k in range(4) for condition in right(p[k], p[k - 1], p[(k + 1) % 4])] + quadrilateral(*p)


def rhombus(*p: Point) -> list[Condition]:
    return same(spread(sides(*p))) + quadrilateral(*p)


def trapezoid(*p: Point) -> list[Condition]:
    """Demands that ab and cd are parallel; where the others are as well, books disagree."""
    a, b, c, d = p
    return same(apart_px(a, b, c, d)) + clear(apart_px(b, c, d, a)) + quadrilateral(*p)


def isosceles_trapezoid(a: Point, b: Point, c: Point, d: Point) -> list[Condition]:
    return trapezoid(a, b, c, d) + same(distance(b, c) - distance(d, a))


def right_trapezoid(a: Point, b: Point, c: Point, d: Point) -> list[Condition]:
    return trapezoid(a, b, c, d) + right(a, b, d) + right(d, a, c)


def kite(a: Point, b: Point, c: Point, d: Point) -> list[Condition]:
    return same(distance(a, b) - distance(a, d), distance(c, b) - distance(c, d)) + quadrilateral(a, b, c, d)


def irregular(a: Point, b: Point, c: Point, d: Point) -> list[Condition]:
    """Demands that no sides are parallel; of points that are no corners in order round nothing can be said."""
    flat = 0.0 if crossed(a, b, c, d) else min(px for _, px in quadrilateral(a, b, c, d))
    return more(apart_px(a, b, c, d), apart_px(b, c, d, a)) + clear(flat)


def regular(*p: Point) -> list[Condition]:
    """Demands equal sides and the angles of a regular polygon: a star has equal ones too, but smaller."""
    inside = math.pi * (1 - 2 / len(p))
    turns = [(angle(*corners(p, k)) - inside) * min(sides(*p)) for k in range(len(p))]
    return same(spread(sides(*p)), *turns)


# ---- points and lines ---------------------------------------------------------------------------------------------


def off_segment(p: Point, a: Point, b: Point) -> float:
    along = scalar(a, b, a, p) / max(scalar(a, b, a, b), 1e-9)
    return off_line(p, a, b) if 0 <= along <= 1 else min(distance(p, a), distance(p, b))


def beyond(p: Point, a: Point, b: Point) -> list[Condition]:
    return same(off_line(p, a, b)) + more(scalar(a, b, b, p) / max(distance(a, b), 1e-9))


def collinear(a: Point, b: Point, c: Point) -> list[Condition]:
    return same(abs(area(a, b, c)) / max(*sides(a, b, c), 1e-9))


def meet(p: Point, a: Point, b: Point, c: Point, d: Point) -> list[Condition]:
    return same(off_segment(p, a, b), off_segment(p, c, d)) + more(apart_px(a, b, c, d))


def side(p: Point, q: Point, a: Point, b: Point) -> float:
    """Measures how far the nearer one of p and q is from the line ab; negative where they lie on different sides."""
    sign = math.copysign(1, area(a, b, p) * area(a, b, q))
    return sign * min(off_line(p, a, b), off_line(q, a, b))


def perpendicular_bisector(p: Point, q: Point, a: Point, b: Point) -> list[Condition]:
    """Demands that p and q are each as far from a as from b."""
    return same(distance(p, a) - distance(p, b), distance(q, a) - distance(q, b))


def equal_angle(a: Point, b: Point, c: Point, d: Point, e: Point, f: Point) -> list[Condition]:
    return same((angle(a, b, c) - angle(d, e, f)) * arm((b, a), (b, c), (e, d), (e, f)))


def off_circle(*p: Point) -> float:
    """Measures how far one of four points is from the circle through the three others of the largest triangle."""
    three = max(itertools.combinations(range(4), 3), key=lambda some: abs(area(*(p[k] for k in some))))
    circle = circle_through(*(p[k] for k in three))
    (rest,) = set(range(4)) - set(three)
    return abs(distance(circle[0], p[rest]) - circle[1]) if circle else math.inf


def division(p: Point, a: Point, b: Point, value: str | None) -> list[Condition]:
    parts = quantities.ratio(value)
    share = parts / (parts + 1)
    return same(distance(a, p) - share * distance(a, b), distance(p, b) - (1 - share) * distance(a, b))


def sector(o: Point, a: Point, b: Point, value: str | None) -> list[Condition]:
    turned = angle(a, o, b) - math.radians(float(value or "nan"))
    return same(distance(o, a) - distance(o, b), turned * arm((o, a), (o, b)))


def equal_minor_arc(r: float, o: Point, a: Point, b: Point, c: Point, d: Point) -> list[Condition]:
    return all_on(r, o, a, b, c, d) + same((angle(a, o, b) - angle(c, o, d)) * r)


POLYGONS = ("pentagon", "hexagon", "heptagon", "octagon")
# name -> (points of the fact) -> conditions; those of `BY_VALUE` get the fact's value too
BY_POINTS: dict[str, Callable[..., list[Condition]]] = {
    "right": right,
    "right_angle": right,
    "acute_angle": lambda v, p, q: more((math.pi / 2 - angle(p, v, q)) * arm((v, p), (v, q))),
    "obtuse_angle": obtuse,
    "isosceles": isosceles,
    "isosceles_right": lambda v, p, q: right(v, p, q) + isosceles(v, p, q),
    "equilateral": lambda a, b, c: same(spread(sides(a, b, c))),
    "scalene": scalene,
    "acute": acute,
    "obtuse": obtuse,
    "square": lambda *p: rectangle(*p) + rhombus(*p),
    "rectangle": rectangle,
    "rhombus": rhombus,
    "parallelogram": parallelogram,
    "trapezoid": trapezoid,
    "isosceles_trapezoid": isosceles_trapezoid,
    "right_trapezoid": right_trapezoid,
    "kite": kite,
    "irregular": irregular,
    **{f"regular_{name}": regular for name in POLYGONS},
    **{f"uneven_{name}": lambda *p: more(spread(sides(*p))) for name in POLYGONS},
    "midpoint": lambda m, a, b: same(distance(a, m) - distance(a, b) / 2, distance(m, b) - distance(a, b) / 2),
    "trisection": lambda p, a, b: division(p, a, b, "2:1"),
    "on_segment": lambda p, a, b: same(off_segment(p, a, b)),
    "collinear": collinear,
    "meet": meet,
    "off_line": lambda p, a, b: more(off_line(p, a, b)),
    "beyond": beyond,
    "same_side": lambda *p: more(side(*p)),
    "opposite_sides": lambda *p: more(-side(*p)),
    "in_triangle": lambda *p: more(depth(*p)),
    "outside_triangle": lambda *p: more(-depth(*p)) + triangle(*p[1:]),
    "median": lambda a, d, b, c: same(distance(d, middle(b, c))) + triangle(a, b, c),
    "altitude": altitude,
    "bisector": bisector,
    "parallel": lambda a, b, c, d: same(apart_px(a, b, c, d)) + clear(max(off_line(p, a, b) for p in (c, d))),
    "perpendicular": lambda *p: same(upright_px(*p)),
    "oblique": lambda *p: more(apart_px(*p), upright_px(*p)),
    "perpendicular_bisector": perpendicular_bisector,
    "equal_length": lambda a, b, c, d: same(distance(a, b) - distance(c, d)),
    "equal_angle": equal_angle,
    "concyclic": lambda *p: same(off_circle(*p)),
    "not_concyclic": lambda *p: more(off_circle(*p)),
    "similar": similar,
    "congruent": congruent,
    "smaller": smaller,
    "similar_quadrilaterals": similar,
    "congruent_quadrilaterals": congruent,
    "smaller_quadrilateral": smaller,
    "centroid": centroid,
    "incenter": incenter,
    "circumcenter": circumcenter,
    "orthocenter": orthocenter,
    "midsegment": midsegment,
}
BY_VALUE: dict[str, Callable[..., list[Condition]]] = {
    "division": division,
    "sector": sector,
    **quantities.BY_VALUE,
}


# ---- circles: radii in the order of the centres, then the points ---------------------------------------------------


def chord(r: float, o: Point, a: Point, b: Point) -> list[Condition]:
    return all_on(r, o, a, b)


def all_on(r: float, o: Point, *points: Point) -> list[Condition]:
    return same(*(distance(o, p) - r for p in points))


def inscribed_circle(r: float, o: Point, a: Point, b: Point, c: Point) -> list[Condition]:
    return same(*(off_line(o, *line) - r for line in ((a, b), (b, c), (c, a)))) + more(depth(o, a, b, c))


def inscribed_quadrilateral(r: float, o: Point, *p: Point) -> list[Condition]:
    """Demands all corners on the circle; of points that are not in order round nothing can be said."""
    return all_on(r, o, *p) + clear(0.0 if crossed(p[0], p[1], p[2], p[3]) else math.inf)


# name -> (radii of the circles named, points of the fact) -> conditions
BY_CIRCLES: dict[str, Callable[..., list[Condition]]] = {
    "circle_centre": lambda r, o: same(0.0),
    "on_circle": all_on,
    "inside": lambda r, o, p: more(r - distance(o, p)),
    "outside": lambda r, o, p: more(distance(o, p) - r),
    "diameter": lambda r, o, a, b: chord(r, o, a, b) + same(distance(a, b) - 2 * r),
    "chord": chord,
    "off_centre_chord": lambda r, o, a, b: chord(r, o, a, b) + more(off_line(o, a, b)),
    "equal_minor_arc": equal_minor_arc,
    "inscribed_triangle": all_on,
    "inscribed_circle": inscribed_circle,
    "inscribed_quadrilateral": inscribed_quadrilateral,
    "tangent": lambda r, o, a, p: all_on(r, o, a) + right(a, o, p),
    "crossing": lambda r, o, a, p: all_on(r, o, a) + more(r - off_line(o, a, p)),
    "secant": lambda r, o, a, b: more(r - off_line(o, a, b)),
    "tangent_line": lambda r, o, a, b: same(r - off_line(o, a, b)),
    "outside_line": lambda r, o, a, b: more(off_line(o, a, b) - r),
    "arc_midpoint": lambda r, o, m, a, b: all_on(r, o, m, a, b) + same(distance(m, a) - distance(m, b)),
    "tangent_outside": lambda r, s, o, p: same(distance(o, p) - r - s),
    "tangent_inside": lambda r, s, o, p: same(distance(o, p) + min(r, s) - max(r, s)),
    "circles_cross": lambda r, s, o, p: more(r + s - distance(o, p), distance(o, p) + min(r, s) - max(r, s)),
    "circles_apart": lambda r, s, o, p: more(distance(o, p) - r - s),
    "circle_in_circle": lambda r, s, o, p: more(max(r, s) - distance(o, p) - min(r, s)),
}
# name -> (radius, points of the fact, value) -> conditions
BY_ARC: dict[str, Callable[..., list[Condition]]] = {
    "minor_arc": lambda r, o, a, b, value: all_on(r, o, a, b) + same((angle(a, o, b) - math.radians(float(value))) * r),
}
TWO_CIRCLES = ("tangent_outside", "tangent_inside", "circles_cross", "circles_apart", "circle_in_circle")
