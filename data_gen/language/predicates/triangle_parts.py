"""Lists cevians, midsegments and centres of triangles; a cevian is named by vertex, foot and far side."""

import numpy as np

from data_gen.geometry.plane import cross, dot, foot, line_distance, unit
from data_gen.language.predicates.deviation import INF, depth_px, largest, proper, smallest, spread
from data_gen.language.predicates.equations import aligned, at_right_angles, equal, on_line, zero
from data_gen.language.predicates.points import midpoint
from data_gen.language.predicates.row import LAST_FOUR, LAST_THREE, LAST_TWO, Topic

topic = Topic(axis="relation")


@topic.predicate(symmetries=LAST_TWO[4], only_places=(1,), equation=lambda a, d, b, c: zero(d - (b + c) / 2)).says(
    "{0}{1} is the median from {0} to {2}{3}",
    "{0}{1} is a median of triangle {0}{2}{3}",
    "{0}{1} is the median to side {2}{3} of △{0}{2}{3}",
    "in △{0}{2}{3}, {0}{1} is the median from {0}",
    "{0}{1} bisects {2}{3} at {1}",
)
def median(a, d, b, c):
    return midpoint(d, b, c)[0], proper(a, b, c)


@topic.predicate(
    symmetries=LAST_TWO[4],
    only_places=(1,),
    line_places={0: (0, 1)},
    equation=lambda a, d, b, c: at_right_angles(d - a, c - b) + on_line(d, b, c),
).says(
    "{0}{1} is the altitude from {0} to {2}{3}",
    "{0}{1} is an altitude of triangle {0}{2}{3}",
    "{0}{1} is the altitude to side {2}{3} of △{0}{2}{3}",
    "in △{0}{2}{3}, {0}{1} is the altitude from {0}",
    "{0}{1} ⊥ {2}{3} at {1}",
)
def altitude(a, d, b, c):
    return np.abs(d - foot(a, b, c)), proper(a, b, c)


@topic.predicate(
    symmetries=LAST_TWO[4],
    line_places={1: (0, 1), 2: (0, 2), 3: (0, 3)},
    equation=lambda a, d, b, c: (cross(unit(unit(b - a) + unit(c - a)), unit(d - a)),),
).says(
    "{0}{1} bisects ∠{2}{0}{3}",
    "{0}{1} is the bisector of angle {2}{0}{3}",
    "{0}{1} is the bisector of ∠{2}{0}{3}",
    "the bisector of ∠{2}{0}{3} is {0}{1}",
    "{0}{1} divides ∠{2}{0}{3} into two equal angles",
)
def bisector(a, d, b, c):
    axis = unit(unit(b - a) + unit(c - a))
    off = np.abs(cross(axis, d - a))
    return np.where(dot(axis, d - a) > 0, off, np.abs(d - a)), proper(a, b, c)


@topic.predicate(
    symmetries=((1, 0, 2, 3, 4), (0, 1, 2, 4, 3)),
    order_matters=True,
    only_places=(0, 1),
    equation=lambda p, q, a, b, c: aligned(q - p, c - b) + (2 * abs(q - p) - abs(c - b),),
).says(
    "{0}{1} is the midsegment of △{2}{3}{4} that is parallel to {3}{4}",
    "{0} and {1} are respectively the midpoints of {2}{3} and {2}{4}",
    "{0}{1} is the midsegment of triangle {2}{3}{4} with base {3}{4}",
    "segment {0}{1} joins the midpoints of sides {2}{3} and {2}{4} of △{2}{3}{4}",
    "{0}{1} is a midline of △{2}{3}{4}, {0}{1} ∥ {3}{4}",
)
def midsegment(d, e, a, b, c):
    """Lets either end lie on either side."""
    either = (largest(np.abs(p - (a + b) / 2), np.abs(q - (a + c) / 2)) for p, q in ((d, e), (e, d)))
    return smallest(*either), proper(a, b, c)


def _centre(name: str, lines: str, of_all: str = "") -> tuple[str, ...]:
    """Returns the phrases of the point where special lines of a triangle meet."""
    return (
        f"{{0}} is the {name} of △{{1}}{{2}}{{3}}",
        f"the {lines} of triangle {{1}}{{2}}{{3}} meet at {{0}}",
        f"the {name} of △{{1}}{{2}}{{3}} is {{0}}",
        f"{{0}} is the intersection of the {of_all or lines} of △{{1}}{{2}}{{3}}",
    )


@topic.predicate(
    symmetries=LAST_THREE,
    order_matters=True,
    only_places=(0, 1, 2, 3),
    equation=lambda g, a, b, c: zero(g - (a + b + c) / 3),
).says(*_centre("centroid", "medians"))
def centroid(g, a, b, c):
    return np.abs(g - (a + b + c) / 3), proper(a, b, c)


@topic.predicate(
    symmetries=LAST_THREE,
    order_matters=True,
    only_places=(0,),
    equation=lambda o, a, b, c: equal(*(cross(unit(q - p), o - p) for p, q in ((a, b), (b, c), (c, a)))),
).says(*_centre("incenter", "angle bisectors"))
def incenter(i, a, b, c):
    heights = [line_distance(i, p, q) for p, q in ((a, b), (b, c), (c, a))]
    return np.where(depth_px(i, a, b, c) > 0, spread(*heights), largest(*heights)), proper(a, b, c)


@topic.predicate(
    symmetries=LAST_THREE, only_places=(0,), equation=lambda o, a, b, c: equal(abs(a - o), abs(b - o), abs(c - o))
).says(*_centre("circumcenter", "perpendicular bisectors", "perpendicular bisectors of the sides"))
def circumcenter(o, a, b, c):
    return spread(np.abs(o - a), np.abs(o - b), np.abs(o - c)), INF


def _centre_of_four(name: str) -> tuple[str, ...]:
    """Returns the phrases of the centre of a circle of a quadrilateral."""
    return (
        f"{{0}} is the {name} of {{1}}{{2}}{{3}}{{4}}",
        f"the {name} of quadrilateral {{1}}{{2}}{{3}}{{4}} is {{0}}",
        f"{{0}} is the {name} of quadrilateral {{1}}{{2}}{{3}}{{4}}",
    )


# Stated by sources: too rare in figures to be measured in each.
topic.add(
    "quadrilateral_incenter",
    symmetries=LAST_FOUR,
    equation=lambda o, a, b, c, d: equal(*(cross(unit(q - p), o - p) for p, q in ((a, b), (b, c), (c, d), (d, a)))),
).says(*_centre_of_four("incenter"))
topic.add(
    "quadrilateral_circumcenter",
    symmetries=LAST_FOUR,
    equation=lambda o, a, b, c, d: equal(abs(a - o), abs(b - o), abs(c - o), abs(d - o)),
).says(*_centre_of_four("circumcenter"))


@topic.predicate(symmetries=LAST_THREE).says(*_centre("orthocenter", "altitudes"))
def orthocenter(h, a, b, c):
    """Takes the distance of h from the farthest of the three heights."""
    heights = ((a, b, c), (b, c, a), (c, a, b))
    return largest(*(np.abs(dot(h - p, r - q)) / np.maximum(np.abs(r - q), 1e-12) for p, q, r in heights)), INF


topic.add(
    "quadrilateral_midsegment",
    symmetries=((1, 0, 2, 3, 4, 5),),
    equation=lambda p, q, a, b, c, d: (2 * abs(q - p) - abs(c - b) - abs(d - a),),
).says("{0}{1} is the midsegment of {2}{3}{4}{5}", "the midsegment of quadrilateral {2}{3}{4}{5} is {0}{1}")
topic.add("quadrilateral_altitude", symmetries=((1, 0, 2, 3, 4, 5),)).says(
    "{0}{1} is a height of {2}{3}{4}{5}", "{0}{1} is an altitude of quadrilateral {2}{3}{4}{5}"
)
