"""How far a drawing is from a condition on circles: the functions of `measures.py` that take radii.

Arguments are complex[...] arrays, the centres first, then the other points, then the circles' radii float[...].
"""

from __future__ import annotations

import numpy as np

from data_gen.geometry.plane import angle_deg, cross, line_distance
from data_gen.language.predicates.measures import INF, in_order, largest, perpendicular_px, smallest


def on_circle(o, p, radius):
    return np.abs(np.abs(p - o) - radius), INF


def inside(o, p, radius):
    return 0.0, radius - np.abs(p - o)


def outside(o, p, radius):
    return 0.0, np.abs(p - o) - radius


def chord(o, a, b, radius):
    return largest(on_circle(o, a, radius)[0], on_circle(o, b, radius)[0]), INF


def diameter(o, a, b, radius):
    return largest(chord(o, a, b, radius)[0], np.abs(o - (a + b) / 2)), INF


def off_centre_chord(o, a, b, radius):
    return chord(o, a, b, radius)[0], line_distance(o, a, b)


def inscribed_triangle(o, a, b, c, radius):
    return largest(*(on_circle(o, p, radius)[0] for p in (a, b, c))), INF


def inscribed_circle(o, a, b, c, radius):
    """The circle touches the three sides from inside: each is a radius away, and the centre within the triangle."""
    touches = largest(*(np.abs(line_distance(o, p, q) - radius) for p, q in ((a, b), (b, c), (c, a))))
    turns = [np.sign(cross(q - p, o - p)) for p, q in ((a, b), (b, c), (c, a))]
    outside = np.abs(turns[0] + turns[1] + turns[2]) < 3
    return np.where(outside, np.maximum(touches, radius), touches), INF


def tangent(o, a, p, radius):
    return largest(on_circle(o, a, radius)[0], perpendicular_px(a - o, p - a)), INF


def crossing(o, a, p, radius):
    """The line pa cuts the circle at a and once more: a on it, the line's distance from o well under the radius."""
    return on_circle(o, a, radius)[0], radius - line_distance(o, a, p)


def secant(o, a, b, radius):
    return 0.0, radius - line_distance(o, a, b)


def tangent_line(o, a, b, radius):
    return np.abs(line_distance(o, a, b) - radius), INF


def outside_line(o, a, b, radius):
    return 0.0, line_distance(o, a, b) - radius


def arc_midpoint(o, m, a, b, radius):
    on = largest(*(on_circle(o, p, radius)[0] for p in (m, a, b)))
    return largest(on, np.abs(np.abs(m - a) - np.abs(m - b))), INF


def minor_arc(o, a, b, radius, degrees):
    return largest(chord(o, a, b, radius)[0], np.radians(np.abs(angle_deg(a, o, b) - degrees)) * radius), INF


def inscribed_quadrilateral(o, a, b, c, d, radius):
    return largest(*(on_circle(o, p, radius)[0] for p in (a, b, c, d))), in_order(a, b, c, d)


def tangent_outside(o, p, radius, other):
    return np.abs(np.abs(p - o) - radius - other), INF


def tangent_inside(o, p, radius, other):
    return np.abs(np.abs(p - o) - np.abs(radius - other)), INF


def circles_cross(o, p, radius, other):
    return 0.0, smallest(radius + other - np.abs(p - o), np.abs(p - o) - np.abs(radius - other))


def circles_apart(o, p, radius, other):
    return 0.0, np.abs(p - o) - radius - other


def circle_in_circle(o, p, radius, other):
    return 0.0, np.abs(radius - other) - np.abs(p - o)
