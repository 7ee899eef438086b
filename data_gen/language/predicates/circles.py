"""Lists predicates of one circle, named first by its centre, with points, lines and polygons; and of two circles."""

import numpy as np

from data_gen.geometry.plane import angle_deg, cross, line_distance, unit
from data_gen.language.predicates.deviation import INF, in_order, largest, perpendicular_px, smallest
from data_gen.language.predicates.equations import at_right_angles, equal, sweep, zero
from data_gen.language.predicates.row import LAST_THREE, LAST_TWO, SEGMENT, Topic

topic = Topic(axis="relation", circles=1)


def _heights(o, a, b, c):
    """Returns how far o is from each side of a triangle."""
    return [np.abs(cross(unit(q - p), o - p)) for p, q in ((a, b), (b, c), (c, a))]


def _off_circle_px(a, b, c, d):
    """Returns how far each of four points is from the circle through the others; infinite where those are in line."""
    gaps = []
    for p, q, r, s in ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)):
        u, v = q - p, r - p
        turn = cross(u, v)
        flat = np.abs(turn) < 1e-6
        arm = 1j * (u * np.abs(v) ** 2 - v * np.abs(u) ** 2) / (2 * np.where(flat, 1.0, turn))
        gaps.append(np.where(flat, INF, np.abs(np.abs(s - p - arm) - np.abs(arm))))
    return gaps


@topic.predicate().says(
    "{0} is the center of circle {0}",
    "{0} is the center of ⊙{0}",
    "the center of circle {0} is {0}",
    "the center of ⊙{0} is {0}",
)
def circle_centre(o, radius):
    return 0.0 * radius, INF


@topic.predicate(opposites=("inside", "outside"), equation=lambda o, p, radius: equal(abs(p - o), radius)).says(
    "{1} lies on circle {0}",
    "{1} is a point of circle {0}",
    "{1} is a point on ⊙{0}",
    "point {1} is on the circle with center {0}",
)
def on_circle(o, p, radius):
    return np.abs(np.abs(p - o) - radius), INF


@topic.predicate(opposites=("on_circle", "outside")).says(
    "{1} lies inside circle {0}",
    "{1} is a point inside circle {0}",
    "{1} is a point inside ⊙{0}",
    "point {1} is inside the circle with center {0}",
)
def inside(o, p, radius):
    return 0.0, radius - np.abs(p - o)


@topic.predicate(opposites=("on_circle", "inside")).says(
    "{1} lies outside circle {0}",
    "{1} is a point outside circle {0}",
    "{1} is a point outside ⊙{0}",
    "point {1} is outside the circle with center {0}",
)
def outside(o, p, radius):
    return 0.0, np.abs(p - o) - radius


@topic.predicate(
    symmetries=LAST_TWO[3],
    opposites=("off_centre_chord",),
    only_places=(1, 2),
    equation=lambda o, a, b, radius: zero(o - (a + b) / 2) + equal(abs(a - o), radius),
).says(
    "{1}{2} is a diameter of circle {0}",
    "{1}{2} is a chord through the center of circle {0}",
    "{1}{2} is a diameter of ⊙{0}",
    "the diameter of circle {0} is {1}{2}",
)
def diameter(o, a, b, radius):
    return largest(chord(o, a, b, radius)[0], np.abs(o - (a + b) / 2)), INF


@topic.predicate(symmetries=LAST_TWO[3], equation=lambda o, a, b, radius: equal(radius, abs(a - o), abs(b - o))).says(
    "{1}{2} is a chord of circle {0}",
    "{1} and {2} are the ends of a chord of circle {0}",
    "{1}{2} is a chord of ⊙{0}",
    "{1}{2} is a chord of the circle with center {0}",
)
def chord(o, a, b, radius):
    return largest(on_circle(o, a, radius)[0], on_circle(o, b, radius)[0]), INF


@topic.predicate(symmetries=LAST_TWO[3], opposites=("diameter",)).says(
    "the chord {1}{2} of circle {0} misses the centre",
    "{1}{2} is a chord of circle {0} that is not a diameter",
    "{1}{2} is a chord but not a diameter of ⊙{0}",
    "the chord {1}{2} of circle {0} does not pass through its center",
)
def off_centre_chord(o, a, b, radius):
    return chord(o, a, b, radius)[0], line_distance(o, a, b)


@topic.predicate(
    symmetries=LAST_TWO[4],
    equation=lambda o, m, a, b, radius: equal(abs(m - a), abs(m - b)) + equal(abs(m - o), radius),
).says(
    "{1} is the midpoint of arc {2}{3} of circle {0}",
    "the midpoint of ⌒{2}{3} of ⊙{0} is {1}",
    "{1} bisects arc {2}{3} of circle {0}",
)
def arc_midpoint(o, m, a, b, radius):
    on = largest(*(on_circle(o, p, radius)[0] for p in (m, a, b)))
    return largest(on, np.abs(np.abs(m - a) - np.abs(m - b))), INF


def _sweeps_apart(o, a, b, p, c, d):
    return (sweep(o, a, b) - sweep(p, c, d),)


ARC_PAIR = ((0, 2, 1, 3, 4, 5), (0, 1, 2, 3, 5, 4), (3, 4, 5, 0, 1, 2))  # each of a centre and two ends
topic.add(
    "equal_arc",
    symmetries=ARC_PAIR,
    equation=_sweeps_apart,
    circles=0,
).says("arc {1}{2} of circle {0} = arc {4}{5} of circle {3}", "⌒{1}{2} of ⊙{0} is equal to ⌒{4}{5} of ⊙{3}")
topic.add(
    "similar_arc",
    symmetries=ARC_PAIR,
    equation=_sweeps_apart,
    circles=0,
).says(
    "arc {1}{2} of circle {0} ∼ arc {4}{5} of circle {3}",
    "⌒{1}{2} of ⊙{0} is similar to ⌒{4}{5} of ⊙{3}",
)


@topic.predicate(symmetries=LAST_TWO[3], values=("60", "90", "120", "150", "180"), circles=0).says(
    "{1}{0}{2} is a sector of {value}°",
    "the sector {1}{0}{2} has an angle of {value}°",
    "sector {1}{0}{2} has a central angle of {value}°",
    "the central angle of sector {1}{0}{2} is {value}°",
)
def sector(o, a, b, degrees):
    arms = smallest(np.abs(a - o), np.abs(b - o))
    return largest(np.radians(np.abs(angle_deg(a, o, b) - degrees)) * arms, np.abs(np.abs(a - o) - np.abs(b - o))), INF


@topic.predicate(symmetries=LAST_TWO[3], values=("60", "90", "120", "150")).says(
    "the minor arc {1}{2} of circle {0} measures {value}°",
    "⌒{1}{2} = {value}° on ⊙{0}, the minor arc",
    "the measure of the minor arc {1}{2} of ⊙{0} is {value}°",
    "minor arc {1}{2} of ⊙{0} is {value}°",
)
def minor_arc(o, a, b, radius, degrees):
    return largest(chord(o, a, b, radius)[0], np.radians(np.abs(angle_deg(a, o, b) - degrees)) * radius), INF


@topic.predicate(symmetries=((0, 2, 1, 3, 4), (0, 3, 4, 1, 2)), common=True).says(
    "minor arc {1}{2} of circle {0} = minor arc {3}{4}",
    "the minor arcs {1}{2} and {3}{4} of ⊙{0} are equal",
    "the minor arcs {1}{2} and {3}{4} of circle {0} have the same measure",
)
def equal_minor_arc(o, a, b, c, d, radius):
    on = largest(chord(o, a, b, radius)[0], chord(o, c, d, radius)[0])
    return largest(on, np.radians(np.abs(angle_deg(a, o, b) - angle_deg(c, o, d))) * radius), INF


@topic.predicate(
    symmetries=LAST_THREE,
    opposites=("inscribed_circle",),
    equation=lambda o, a, b, c, radius: tuple(abs(p - o) - radius for p in (a, b, c)),
).says(
    "triangle {1}{2}{3} is inscribed in circle {0}",
    "circle {0} passes through {1}, {2} and {3}",
    "△{1}{2}{3} is inscribed in ⊙{0}",
    "⊙{0} is the circumscribed circle of △{1}{2}{3}",
)
def inscribed_triangle(o, a, b, c, radius):
    return largest(*(on_circle(o, p, radius)[0] for p in (a, b, c))), INF


@topic.predicate(
    symmetries=LAST_THREE,
    opposites=("inscribed_triangle",),
    equation=lambda o, a, b, c, radius: tuple(height - radius for height in _heights(o, a, b, c)),
).says(
    "circle {0} is inscribed in triangle {1}{2}{3}",
    "circle {0} touches the three sides {1}{2}, {2}{3} and {3}{1}",
    "⊙{0} is inscribed in △{1}{2}{3}",
    "⊙{0} is the inscribed circle of △{1}{2}{3}",
)
def inscribed_circle(o, a, b, c, radius):
    """Wants each side a radius away from the centre, and that within the triangle."""
    touches = largest(*(np.abs(line_distance(o, p, q) - radius) for p, q in ((a, b), (b, c), (c, a))))
    turns = [np.sign(cross(q - p, o - p)) for p, q in ((a, b), (b, c), (c, a))]
    outside = np.abs(turns[0] + turns[1] + turns[2]) < 3
    return np.where(outside, np.maximum(touches, radius), touches), INF


@topic.predicate(symmetries=((0, 2, 3, 4, 1), (0, 4, 3, 2, 1))).says(
    "quadrilateral {1}{2}{3}{4} is inscribed in circle {0}",
    "{1}{2}{3}{4} is a quadrilateral inscribed in circle {0}",
    "{1}{2}{3}{4} is inscribed in ⊙{0}",
    "⊙{0} is the circumscribed circle of quadrilateral {1}{2}{3}{4}",
)
def inscribed_quadrilateral(o, a, b, c, d, radius):
    return largest(*(on_circle(o, p, radius)[0] for p in (a, b, c, d))), in_order(a, b, c, d)


@topic.predicate(symmetries=((1, 0, 2, 3), (1, 2, 3, 0)), opposites=("not_concyclic",), circles=0).says(
    "{0}, {1}, {2} and {3} lie on one circle",
    "a circle passes through {0}, {1}, {2} and {3}",
    "points {0}, {1}, {2} and {3} are concyclic",
    "{0}, {1}, {2} and {3} are on the same circle",
)
def concyclic(a, b, c, d):
    return largest(*_off_circle_px(a, b, c, d)), INF


@topic.predicate(symmetries=((1, 0, 2, 3), (1, 2, 3, 0)), opposites=("concyclic",), common=True, circles=0).says(
    "{0}, {1}, {2} and {3} do not lie on one circle",
    "no circle passes through {0}, {1}, {2} and {3}",
    "points {0}, {1}, {2} and {3} are not concyclic",
    "{0}, {1}, {2} and {3} are not on the same circle",
)
def not_concyclic(a, b, c, d):
    return 0.0, smallest(*_off_circle_px(a, b, c, d))


@topic.predicate(
    opposites=("crossing",),
    order_matters=True,
    line_places={2: (1, 2)},
    equation=lambda o, a, p, radius: at_right_angles(a - o, p - a) + equal(abs(a - o), radius),
).says(
    "{2}{1} is tangent to circle {0} at {1}",
    "{2}{1} touches circle {0} at {1}",
    "{2}{1} is tangent to ⊙{0} at point {1}",
    "the tangent to circle {0} at {1} is {2}{1}",
)
def tangent(o, a, p, radius):
    return largest(on_circle(o, a, radius)[0], perpendicular_px(a - o, p - a)), INF


@topic.predicate(opposites=("tangent",)).says(
    "line {2}{1} cuts circle {0} at {1}",
    "line {2}{1} crosses circle {0} at {1}",
    "{2}{1} is secant to ⊙{0} at point {1}",
    "the line {2}{1} intersects circle {0} at {1} and is no tangent",
)
def crossing(o, a, p, radius):
    """Wants a second point where the line pa cuts the circle: it passes the centre well within the radius."""
    return on_circle(o, a, radius)[0], radius - line_distance(o, a, p)


@topic.predicate(symmetries=LAST_TWO[3], opposites=("tangent_line", "outside_line"), common=True).says(
    "line {1}{2} cuts circle {0} twice",
    "{1}{2} is a secant of circle {0}",
    "line {1}{2} intersects ⊙{0} at two points",
    "line {1}{2} and circle {0} have two points in common",
)
def secant(o, a, b, radius):
    return 0.0, radius - line_distance(o, a, b)


@topic.predicate(symmetries=LAST_TWO[3], opposites=("secant", "outside_line")).says(
    "line {1}{2} is tangent to circle {0}",
    "{1}{2} touches circle {0}",
    "line {1}{2} is a tangent to ⊙{0}",
    "line {1}{2} and circle {0} have only one point in common",
)
def tangent_line(o, a, b, radius):
    return np.abs(line_distance(o, a, b) - radius), INF


@topic.predicate(symmetries=LAST_TWO[3], opposites=("secant", "tangent_line"), common=True).says(
    "line {1}{2} does not meet circle {0}",
    "line {1}{2} misses circle {0}",
    "line {1}{2} lies outside ⊙{0}",
    "line {1}{2} and circle {0} have no point in common",
)
def outside_line(o, a, b, radius):
    return 0.0, line_distance(o, a, b) - radius


@topic.predicate(
    symmetries=SEGMENT, opposites=("tangent_inside", "circles_cross", "circles_apart", "circle_in_circle"), circles=2
).says(
    "circles {0} and {1} are tangent externally",
    "circle {0} touches circle {1} from outside",
    "⊙{0} and ⊙{1} are externally tangent",
    "circles {0} and {1} have one point in common and lie outside each other",
)
def tangent_outside(o, p, radius, other):
    return np.abs(np.abs(p - o) - radius - other), INF


@topic.predicate(
    symmetries=SEGMENT, opposites=("tangent_outside", "circles_cross", "circles_apart", "circle_in_circle"), circles=2
).says(
    "circles {0} and {1} are tangent internally",
    "one of the circles {0} and {1} touches the other from inside",
    "⊙{0} and ⊙{1} are internally tangent",
    "circles {0} and {1} have one point in common and lie one inside the other",
)
def tangent_inside(o, p, radius, other):
    return np.abs(np.abs(p - o) - np.abs(radius - other)), INF


@topic.predicate(
    symmetries=SEGMENT, opposites=("tangent_outside", "tangent_inside", "circles_apart", "circle_in_circle"), circles=2
).says(
    "circles {0} and {1} intersect in two points",
    "circle {0} crosses circle {1}",
    "⊙{0} and ⊙{1} intersect at two points",
    "circles {0} and {1} have two points in common",
)
def circles_cross(o, p, radius, other):
    return 0.0, smallest(radius + other - np.abs(p - o), np.abs(p - o) - np.abs(radius - other))


@topic.predicate(
    symmetries=SEGMENT, opposites=("tangent_outside", "tangent_inside", "circles_cross", "circle_in_circle"), circles=2
).says(
    "circles {0} and {1} lie outside each other without touching",
    "circles {0} and {1} have no point in common and lie apart",
    "⊙{0} and ⊙{1} are separate, each outside the other",
    "circles {0} and {1} have no point in common and lie outside each other",
)
def circles_apart(o, p, radius, other):
    return 0.0, np.abs(p - o) - radius - other


@topic.predicate(
    symmetries=SEGMENT, opposites=("tangent_outside", "tangent_inside", "circles_cross", "circles_apart"), circles=2
).says(
    "one of the circles {0} and {1} lies inside the other",
    "circles {0} and {1} lie one within the other",
    "⊙{0} and ⊙{1} are separate, one inside the other",
    "circles {0} and {1} have no point in common and lie one inside the other",
)
def circle_in_circle(o, p, radius, other):
    return 0.0, np.abs(radius - other) - np.abs(p - o)
