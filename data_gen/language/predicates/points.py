"""Lists predicates of where points lie: on lines, on the sides of lines, in triangles."""

import numpy as np

from data_gen.geometry.plane import cross, line_distance, segment_distance
from data_gen.language.predicates.deviation import INF, collinear_px, depth_px, largest, parallel_px, proper, smallest
from data_gen.language.predicates.equations import on_line, zero
from data_gen.language.predicates.row import FIRST_TWO, LAST_THREE, LAST_TWO, TRIANGLE, Topic

topic = Topic(axis="relation")


def _side_px(p, q, a, b):
    """Returns the distance of the nearer of p and q from the line ab, positive where both lie on the same side."""
    first, second = (cross(b - a, z - a) / np.maximum(np.abs(b - a), 1e-12) for z in (p, q))
    return np.where(first * second > 0, 1, -1) * smallest(np.abs(first), np.abs(second))


@topic.predicate(
    symmetries=LAST_TWO[3],
    opposites=("trisection",),
    order_matters=True,
    only_places=(0, 1, 2),
    equation=lambda m, a, b: zero(m - (a + b) / 2),
).says(
    "{0} is the midpoint of {1}{2}",
    "{0} bisects the segment {1}{2}",
    "{0} is the midpoint of segment {1}{2}",
    "{0} lies on {1}{2} and {1}{0} = {0}{2}",
    "{0} lies halfway between {1} and {2}",
)
def midpoint(m, a, b):
    return np.abs(m - (a + b) / 2), INF


@topic.predicate(
    opposites=("midpoint",),
    order_matters=True,
    only_places=(0, 1, 2),
    equation=lambda p, a, b: zero(p - (2 * b + a) / 3),
).says(
    "{0} lies on {1}{2} with {1}{0} = 2{0}{2}",
    "{0} divides {1}{2} so that {1}{0} : {0}{2} = 2 : 1",
    "{0} is the point of segment {1}{2} where {1}{0} is twice {0}{2}",
    "{0} lies on {1}{2} and {1}{0}/{0}{2} = 2",
    "{0} lies two thirds of the way from {1} to {2}",
)
def trisection(p, a, b):
    return np.abs(p - (2 * b + a) / 3), INF


@topic.predicate(
    symmetries=LAST_TWO[3], order_matters=True, line_places={0: (1, 2), 1: (0, 2), 2: (0, 1)}, equation=on_line
).says(
    "{0} lies on {1}{2}",
    "{0} is a point of the segment {1}{2}",
    "{0} is a point on segment {1}{2}",
    "the segment {1}{2} passes through {0}",
    "{0} lies between {1} and {2} on {1}{2}",
)
def on_segment(p, a, b):
    return segment_distance(p, a, b), INF


@topic.predicate(symmetries=TRIANGLE, line_places={0: (1, 2), 1: (0, 2), 2: (0, 1)}, equation=on_line).says(
    "{0}, {1} and {2} lie on one line",
    "{0}, {1}, {2} are collinear",
    "points {0}, {1} and {2} are on the same line",
    "a line passes through {0}, {1} and {2}",
)
def collinear(a, b, c):
    return collinear_px(a, b, c), INF


@topic.predicate(
    symmetries=((0, 2, 1, 3, 4), (0, 1, 2, 4, 3), (0, 3, 4, 1, 2)),
    only_places=(0,),
    line_places={1: (1, 2), 2: (1, 2), 3: (3, 4), 4: (3, 4)},
    equation=lambda p, a, b, c, d: on_line(p, a, b) + on_line(p, c, d),
).says(
    "{1}{2} and {3}{4} meet at {0}",
    "{0} is the intersection of {1}{2} and {3}{4}",
    "{1}{2} intersects {3}{4} at point {0}",
    "{0} is the point where {1}{2} intersects {3}{4}",
    "the common point of {1}{2} and {3}{4} is {0}",
)
def meet(p, a, b, c, d):
    """Wants p on both segments, and these not along one line."""
    turned = parallel_px(b - a, d - c)
    off = largest(segment_distance(p, a, b), segment_distance(p, c, d))
    return off, np.where(turned >= 1.0, INF, turned)


@topic.predicate(values=("1:3", "3:1", "1:4", "4:1", "2:3", "3:2")).says(
    "{0} divides {1}{2} so that {1}{0} : {0}{2} = {value}",
    "{0} lies on {1}{2} with {1}{0} : {0}{2} = {value}",
    "{0} is the point of segment {1}{2} where the ratio of {1}{0} to {0}{2} is {value}",
    "{0} lies on {1}{2} and {1}{0} : {0}{2} = {value}",
    "{0} divides the way from {1} to {2} in the ratio {value}",
)
def division(p, a, b, ratio):
    share = ratio / (1 + ratio)
    return np.abs(p - a - (b - a) * share), INF


@topic.predicate(symmetries=LAST_TWO[3], opposites=("on_segment", "midpoint", "collinear"), common=True).says(
    "{0} does not lie on line {1}{2}",
    "{0} is not a point of the line {1}{2}",
    "{0} is a point not on line {1}{2}",
    "no line passes through {0}, {1} and {2} together",
    "{0} lies off the line {1}{2}",
)
def off_line(p, a, b):
    return 0.0, line_distance(p, a, b)


@topic.predicate(symmetries=((1, 0, 2),), opposites=("on_segment",), order_matters=True, common=True).says(
    "{0} lies on the extension of {1}{2} beyond {2}",
    "{1}{2} is extended through {2} to {0}",
    "{0} is a point on the extension of {1}{2} past {2}",
    "the extension of {1}{2} past {2} passes through {0}",
    "{2} lies between {1} and {0} on {1}{0}",
)
def beyond(p, a, b):
    return segment_distance(b, p, a), INF


@topic.predicate(symmetries=FIRST_TWO, opposites=("opposite_sides",), common=True).says(
    "{0} and {1} lie on the same side of {2}{3}",
    "the line {2}{3} does not separate {0} from {1}",
    "points {0} and {1} are on the same side of line {2}{3}",
    "the segment from {0} to {1} does not cross line {2}{3}",
)
def same_side(p, q, a, b):
    return 0.0, _side_px(p, q, a, b)


@topic.predicate(symmetries=FIRST_TWO, opposites=("same_side",), common=True).says(
    "{0} and {1} lie on opposite sides of {2}{3}",
    "the line {2}{3} separates {0} from {1}",
    "points {0} and {1} are on opposite sides of line {2}{3}",
    "the segment from {0} to {1} crosses line {2}{3}",
)
def opposite_sides(p, q, a, b):
    return 0.0, -_side_px(p, q, a, b)


@topic.predicate(symmetries=LAST_THREE, opposites=("outside_triangle",), common=True).says(
    "{0} lies inside triangle {1}{2}{3}",
    "{0} is a point inside △{1}{2}{3}",
    "point {0} is in the interior of △{1}{2}{3}",
    "△{1}{2}{3} contains the point {0}",
)
def in_triangle(p, a, b, c):
    return 0.0, depth_px(p, a, b, c)


@topic.predicate(symmetries=LAST_THREE, opposites=("in_triangle",), common=True).says(
    "{0} lies outside triangle {1}{2}{3}",
    "{0} is a point outside △{1}{2}{3}",
    "point {0} is in the exterior of △{1}{2}{3}",
    "△{1}{2}{3} does not contain the point {0}",
)
def outside_triangle(p, a, b, c):
    return 0.0, smallest(-depth_px(p, a, b, c), proper(a, b, c))
