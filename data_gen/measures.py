"""How far a drawing is from a condition: one function for each predicate that can be measured.

Every function takes complex[...] arrays, one for each point (last, where a circle is meant, its radius float[...]),
and gives (deviation, slack), float[...] in the unit of the points. A closed condition (two lengths are equal) has a
deviation and infinite slack; an open one (an angle is obtuse) has deviation 0 and slack, positive where it holds. A nan
says that books disagree.
"""

from __future__ import annotations

import itertools

import numpy as np

from data_gen.geometry import angle_deg, cross, dot, foot, line_distance, segment_distance, unit

INF = np.inf


def _sides(*points):
    return [np.abs(b - a) for a, b in itertools.pairwise([*points, points[0]])]


def _perpendicular_px(u, v):
    return np.abs(dot(u, v)) / np.maximum(np.maximum(np.abs(u), np.abs(v)), 1e-12)


def _parallel_px(u, v):
    return np.abs(cross(u, v)) / np.maximum(np.maximum(np.abs(u), np.abs(v)), 1e-12)


def _largest(*values):
    return np.maximum.reduce(np.broadcast_arrays(*values))


def _smallest(*values):
    return np.minimum.reduce(np.broadcast_arrays(*values))


def _unequal(*lengths):
    """The smallest difference between any two of the lengths."""
    return _smallest(*(np.abs(x - y) for x, y in itertools.combinations(lengths, 2)))


def right(v, p, q):
    return _perpendicular_px(p - v, q - v), INF


def isosceles(v, p, q):
    return np.abs(np.abs(p - v) - np.abs(q - v)), INF


def equilateral(a, b, c):
    sides = _sides(a, b, c)
    return _largest(*sides) - _smallest(*sides), INF


def isosceles_right(v, p, q):
    return _largest(right(v, p, q)[0], isosceles(v, p, q)[0]), INF


def scalene(a, b, c):
    return 0.0, _unequal(*_sides(a, b, c))


def _corner_px(v, p, q):
    """Positive where the angle at v is acute: the overlap of one arm's shadow on the other, in pixels."""
    return dot(p - v, q - v) / np.maximum(np.maximum(np.abs(p - v), np.abs(q - v)), 1e-12)


def acute(a, b, c):
    return 0.0, _smallest(_corner_px(a, b, c), _corner_px(b, c, a), _corner_px(c, a, b))


def obtuse(v, p, q):
    return 0.0, -_corner_px(v, p, q)


def parallelogram(a, b, c, d):
    return np.abs(a + c - b - d), INF


def rectangle(a, b, c, d):
    return _largest(np.abs(a + c - b - d), np.abs(np.abs(c - a) - np.abs(d - b))), INF


def rhombus(a, b, c, d):
    sides = _sides(a, b, c, d)
    return _largest(np.abs(a + c - b - d), _largest(*sides) - _smallest(*sides)), INF


def square(a, b, c, d):
    return _largest(rectangle(a, b, c, d)[0], rhombus(a, b, c, d)[0]), INF


def kite(a, b, c, d):
    return _largest(np.abs(np.abs(b - a) - np.abs(d - a)), np.abs(np.abs(b - c) - np.abs(d - c))), INF


def _or_neither(deviation, doubtful):
    """A kind whose definition books disagree on: where a second condition nearly holds as well, cannot say (nan)."""
    return np.where((deviation < 1.0) & (doubtful < 1.0), np.nan, deviation), INF


def trapezoid(a, b, c, d):
    return _or_neither(_parallel_px(b - a, d - c), _parallel_px(c - b, a - d))


def isosceles_trapezoid(a, b, c, d):
    deviation = _largest(_parallel_px(b - a, d - c), np.abs(np.abs(c - b) - np.abs(d - a)))
    return _or_neither(deviation, _parallel_px(c - b, a - d))


def right_trapezoid(a, b, c, d):
    square_corners = _largest(_perpendicular_px(b - a, d - a), _perpendicular_px(c - d, a - d))
    return _or_neither(_largest(_parallel_px(b - a, d - c), square_corners), _parallel_px(c - b, a - d))


def irregular(a, b, c, d):
    return 0.0, _smallest(_parallel_px(b - a, d - c), _parallel_px(c - b, a - d))


def midpoint(m, a, b):
    return np.abs(m - (a + b) / 2), INF


def on_segment(p, a, b):
    return segment_distance(p, a, b), INF


def collinear(a, b, c):
    longest = _largest(*_sides(a, b, c))
    return np.abs(cross(b - a, c - a)) / np.maximum(longest, 1e-12), INF


def trisection(p, a, b):
    return np.abs(p - (2 * b + a) / 3), INF


def median(a, d, b, c):
    return midpoint(d, b, c)


def altitude(a, d, b, c):
    return np.abs(d - foot(a, b, c)), INF


def bisector(a, d, b, c):
    axis = unit(unit(b - a) + unit(c - a))
    off = np.abs(cross(axis, d - a))
    return np.where(dot(axis, d - a) > 0, off, np.abs(d - a)), INF


def parallel(a, b, c, d):
    return _parallel_px(b - a, d - c), INF


def perpendicular(a, b, c, d):
    return _perpendicular_px(b - a, d - c), INF


def oblique(a, b, c, d):
    u, v = b - a, d - c
    return 0.0, _smallest(_parallel_px(u, v), _perpendicular_px(u, v))


def perpendicular_bisector(p, q, a, b):
    middle = (a + b) / 2
    return _largest(_perpendicular_px(q - p, b - a), line_distance(middle, p, q)), INF


def equal_length(a, b, c, d):
    return np.abs(np.abs(b - a) - np.abs(d - c)), INF


def equal_angle(a, b, c, d, e, f):
    arms = _smallest(np.abs(a - b), np.abs(c - b), np.abs(d - e), np.abs(f - e))
    return np.radians(np.abs(angle_deg(a, b, c) - angle_deg(d, e, f))) * arms, INF


def meet(p, a, b, c, d):
    return _largest(segment_distance(p, a, b), segment_distance(p, c, d)), INF


def on_circle(o, p, radius):
    return np.abs(np.abs(p - o) - radius), INF


def inside(o, p, radius):
    return 0.0, radius - np.abs(p - o)


def outside(o, p, radius):
    return 0.0, np.abs(p - o) - radius


def chord(o, a, b, radius):
    return _largest(on_circle(o, a, radius)[0], on_circle(o, b, radius)[0]), INF


def diameter(o, a, b, radius):
    return _largest(chord(o, a, b, radius)[0], np.abs(o - (a + b) / 2)), INF


def off_centre_chord(o, a, b, radius):
    return chord(o, a, b, radius)[0], line_distance(o, a, b)


def inscribed_triangle(o, a, b, c, radius):
    return _largest(*(on_circle(o, p, radius)[0] for p in (a, b, c))), INF


def inscribed_circle(o, a, b, c, radius):
    """The circle touches the three sides from inside: each is a radius away, and the centre within the triangle."""
    touches = _largest(*(np.abs(line_distance(o, p, q) - radius) for p, q in ((a, b), (b, c), (c, a))))
    turns = [np.sign(cross(q - p, o - p)) for p, q in ((a, b), (b, c), (c, a))]
    outside = np.abs(turns[0] + turns[1] + turns[2]) < 3
    return np.where(outside, np.maximum(touches, radius), touches), INF


def tangent(o, a, p, radius):
    return _largest(on_circle(o, a, radius)[0], _perpendicular_px(a - o, p - a)), INF


def crossing(o, a, p, radius):
    """The line pa cuts the circle at a and once more: a on it, the line's distance from o well under the radius."""
    return on_circle(o, a, radius)[0], radius - line_distance(o, a, p)
