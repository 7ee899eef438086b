"""What AlphaGeometry's statements ask of coordinates, in plain arithmetic; problems as text."""

import math
from collections.abc import Callable

import numpy as np

from data_gen.drawing import legibility
from data_gen.sources.alphageometry import layout as ag_layout
from data_gen.sources.alphageometry import source as alphageometry
from data_gen.sources.alphageometry.parse import parse_problem


def vector(p, q):
    return q[0] - p[0], q[1] - p[1]


def length(p, q):
    return math.hypot(*vector(p, q))


def sine(u, v):
    return (u[0] * v[1] - u[1] * v[0]) / math.hypot(*u) / math.hypot(*v)


def cosine(u, v):
    return (u[0] * v[0] + u[1] * v[1]) / math.hypot(*u) / math.hypot(*v)


def direction(p, q):
    """Of the line pq, in degrees from 0 to 180."""
    u = vector(p, q)
    return math.degrees(math.atan2(u[1], u[0])) % 180


def between_lines(p, q, r, s):
    """The angle by which line pq is turned into rs, in degrees from 0 to 180."""
    return (direction(r, s) - direction(p, q)) % 180


def centre(p, q, r):
    """Of the circle through three points, from two linear equations."""
    rows = np.array([vector(p, q), vector(p, r)])
    right = np.array([(q[0] ** 2 + q[1] ** 2 - p[0] ** 2 - p[1] ** 2), (r[0] ** 2 + r[1] ** 2 - p[0] ** 2 - p[1] ** 2)])
    return tuple(np.linalg.solve(2 * rows, right))


def eqangle(a, b, c, d, e, f, g, h):
    off = abs(between_lines(a, b, c, d) - between_lines(e, f, g, h))
    return math.sin(math.radians(min(off, 180 - off)))


def cyclic(a, b, c, d):
    o = centre(a, b, c)
    return length(o, d) - length(o, a)


def inside_angle(a, b, c, x):
    """0 where the ray bx runs inside the angle abc."""
    return 0 if sine(vector(b, a), vector(b, x)) * sine(vector(b, x), vector(b, c)) > 0 else 1


# How far points are from what is said of them; 0 where it is so. Lengths in units of the points.
CHECKS: dict[str, Callable[..., float]] = {
    "cong": lambda a, b, c, d: length(a, b) - length(c, d),
    "coll": lambda a, b, c: sine(vector(a, b), vector(a, c)) * length(a, c) if length(a, c) else 0.0,
    "para": lambda a, b, c, d: sine(vector(a, b), vector(c, d)) * length(a, b),
    "perp": lambda a, b, c, d: cosine(vector(a, b), vector(c, d)) * length(a, b),
    "midp": lambda m, a, b: max(abs(m[0] - (a[0] + b[0]) / 2), abs(m[1] - (a[1] + b[1]) / 2)),
    "eqangle": eqangle,
    "cyclic": cyclic,
    "half": lambda a, b, c, d: 2 * length(a, b) - length(c, d),
    "simtri": lambda a, b, c, d, e, f: max(
        abs(length(a, b) * length(e, f) - length(b, c) * length(d, e)),
        abs(length(a, b) * length(d, f) - length(a, c) * length(d, e)),
    ),
    "in_angle": inside_angle,
}


def off(statement, points):
    name, *args = statement.split()
    if name == "rconst":  # rconst a b c d 1 2
        *args, p, q = args
        (a, b, c, d), ratio = (points[n] for n in args), float(p) / float(q)
        return length(a, b) - ratio * length(c, d)
    if name == "s_angle":  # s_angle a b x 30
        *args, degrees = args
        a, b, x = (points[n] for n in args)
        return cosine(vector(b, a), vector(b, x)) - math.cos(math.radians(float(degrees)))
    return CHECKS[name](*(points[n] for n in args))


def pairs(points):
    return {name: (z.real, z.imag) for name, z in points.items()}


def problem(text):
    return parse_problem(text, "test", "test line 2")


def sampled(text, seed):
    """(problem, program, the points under the names of the text) with random parameters."""
    rng = np.random.default_rng(seed)
    read = problem(text)
    for _ in range(200):
        if found := ag_layout.sample(read, False, rng):
            program, points = found
            return read, program, {name: pairs(points)[letter] for name, letter in read.letters.items()}
    raise AssertionError(f"{text}: no figure in 200 starts")


GOOD = "a b c = triangle a b c; d = on_line d a b, on_circle d c a ? coll a b d"


def canvas_of(size_px):
    return alphageometry._canvas(size_px, np.random.default_rng(1))


def clear(program):
    try:
        return legibility.quality(program.points, *program.strokes[:2]) > 0
    except (ValueError, ZeroDivisionError):
        return False
