"""How far a drawing is from a condition: one function for each predicate that can be measured.

Every function takes complex[...] arrays, one for each point, and gives (deviation, slack), float[...] in the unit of
the points; `circle_measures.py` has those that take radii as well. A closed condition (two lengths are equal) has a
deviation and infinite slack; an open one (an angle is obtuse) has deviation 0 and slack, positive where it holds. A nan
says that books disagree.
"""

from __future__ import annotations

import itertools

import numpy as np

from data_gen.geometry.plane import angle_deg, cross, dot, foot, line_distance, segment_distance, unit

INF = np.inf


def _sides(*points):
    return [np.abs(b - a) for a, b in itertools.pairwise([*points, points[0]])]


def perpendicular_px(u, v):
    return np.abs(dot(u, v)) / np.maximum(np.maximum(np.abs(u), np.abs(v)), 1e-12)


def _parallel_px(u, v):
    return np.abs(cross(u, v)) / np.maximum(np.maximum(np.abs(u), np.abs(v)), 1e-12)


def largest(*values):
    return np.maximum.reduce(np.broadcast_arrays(*values))


def smallest(*values):
    return np.minimum.reduce(np.broadcast_arrays(*values))


def _unequal(*lengths):
    """The smallest difference between any two of the lengths."""
    return smallest(*(np.abs(x - y) for x, y in itertools.combinations(lengths, 2)))


def _proper(*corners):
    """Slack of a polygon: infinite, but where three neighbouring corners are nearly in line, how far off they are."""
    n = len(corners)
    height = smallest(*(collinear(corners[k - 1], corners[k], corners[(k + 1) % n])[0] for k in range(n)))
    return np.where(height >= 1.0, INF, height)


def _crossed(a, b, c, d):
    """Whether two sides of abcd cut each other, so that its corners are not in order round."""

    def cut(p, q, r, s):
        return (cross(q - p, r - p) * cross(q - p, s - p) < 0) & (cross(s - r, p - r) * cross(s - r, q - r) < 0)

    return cut(a, b, c, d) | cut(b, c, d, a)


def in_order(a, b, c, d):
    """Slack of a quadrilateral named by its corners in order round."""
    return np.where(_crossed(a, b, c, d), -INF, INF)


def right(v, p, q):
    return perpendicular_px(p - v, q - v), INF


def isosceles(v, p, q):
    return np.abs(np.abs(p - v) - np.abs(q - v)), _proper(v, p, q)


def equilateral(a, b, c):
    sides = _sides(a, b, c)
    return largest(*sides) - smallest(*sides), INF


def isosceles_right(v, p, q):
    return largest(right(v, p, q)[0], isosceles(v, p, q)[0]), INF


def scalene(a, b, c):
    return 0.0, smallest(_unequal(*_sides(a, b, c)), _proper(a, b, c))


def _corner_px(v, p, q):
    """Positive where the angle at v is acute: the overlap of one arm's shadow on the other, in pixels."""
    return dot(p - v, q - v) / np.maximum(np.maximum(np.abs(p - v), np.abs(q - v)), 1e-12)


def acute(a, b, c):
    return 0.0, smallest(_corner_px(a, b, c), _corner_px(b, c, a), _corner_px(c, a, b))


def obtuse(v, p, q):
    return 0.0, smallest(-_corner_px(v, p, q), _proper(v, p, q))


def acute_angle(v, p, q):
    return 0.0, _corner_px(v, p, q)


def parallelogram(a, b, c, d):
    return np.abs(a + c - b - d), _proper(a, b, c, d)


def rectangle(a, b, c, d):
    return largest(np.abs(a + c - b - d), np.abs(np.abs(c - a) - np.abs(d - b))), INF


def rhombus(a, b, c, d):
    sides = _sides(a, b, c, d)
    return largest(np.abs(a + c - b - d), largest(*sides) - smallest(*sides)), INF


def square(a, b, c, d):
    return largest(rectangle(a, b, c, d)[0], rhombus(a, b, c, d)[0]), INF


def kite(a, b, c, d):
    return largest(np.abs(np.abs(b - a) - np.abs(d - a)), np.abs(np.abs(b - c) - np.abs(d - c))), _proper(a, b, c, d)


def _with_bases(deviation, a, b, c, d):
    """A kind of trapezoid. Books disagree on it where the other two sides are parallel as well: cannot say (nan)."""
    doubtful = _parallel_px(c - b, a - d) < 1.0
    return np.where((deviation < 1.0) & doubtful, np.nan, deviation), in_order(a, b, c, d)


def trapezoid(a, b, c, d):
    return _with_bases(_parallel_px(b - a, d - c), a, b, c, d)


def isosceles_trapezoid(a, b, c, d):
    deviation = largest(_parallel_px(b - a, d - c), np.abs(np.abs(c - b) - np.abs(d - a)))
    return _with_bases(deviation, a, b, c, d)


def right_trapezoid(a, b, c, d):
    square_corners = largest(perpendicular_px(b - a, d - a), perpendicular_px(c - d, a - d))
    return _with_bases(largest(_parallel_px(b - a, d - c), square_corners), a, b, c, d)


def irregular(a, b, c, d):
    """Of four points that are no corners in order round, nobody can say (nan)."""
    corners = ~_crossed(a, b, c, d) & (_proper(a, b, c, d) >= 1.0)
    return np.where(corners, 0.0, np.nan), smallest(_parallel_px(b - a, d - c), _parallel_px(c - b, a - d))


def midpoint(m, a, b):
    return np.abs(m - (a + b) / 2), INF


def on_segment(p, a, b):
    return segment_distance(p, a, b), INF


def collinear(a, b, c):
    longest = largest(*_sides(a, b, c))
    return np.abs(cross(b - a, c - a)) / np.maximum(longest, 1e-12), INF


def trisection(p, a, b):
    return np.abs(p - (2 * b + a) / 3), INF


def median(a, d, b, c):
    return midpoint(d, b, c)[0], _proper(a, b, c)


def altitude(a, d, b, c):
    return np.abs(d - foot(a, b, c)), _proper(a, b, c)


def bisector(a, d, b, c):
    axis = unit(unit(b - a) + unit(c - a))
    off = np.abs(cross(axis, d - a))
    return np.where(dot(axis, d - a) > 0, off, np.abs(d - a)), _proper(a, b, c)


def parallel(a, b, c, d):
    return _parallel_px(b - a, d - c), INF


def perpendicular(a, b, c, d):
    return perpendicular_px(b - a, d - c), INF


def oblique(a, b, c, d):
    u, v = b - a, d - c
    return 0.0, smallest(_parallel_px(u, v), perpendicular_px(u, v))


def perpendicular_bisector(p, q, a, b):
    middle = (a + b) / 2
    return largest(perpendicular_px(q - p, b - a), line_distance(middle, p, q)), INF


def equal_length(a, b, c, d):
    return np.abs(np.abs(b - a) - np.abs(d - c)), INF


def equal_angle(a, b, c, d, e, f):
    arms = smallest(np.abs(a - b), np.abs(c - b), np.abs(d - e), np.abs(f - e))
    return np.radians(np.abs(angle_deg(a, b, c) - angle_deg(d, e, f))) * arms, INF


def meet(p, a, b, c, d):
    """p is on both segments, and these do not run along one line."""
    turned = _parallel_px(b - a, d - c)
    off = largest(segment_distance(p, a, b), segment_distance(p, c, d))
    return off, np.where(turned >= 1.0, INF, turned)


# ---- points and lines ---------------------------------------------------------------------------------------------


def off_line(p, a, b):
    return 0.0, line_distance(p, a, b)


def beyond(p, a, b):
    """b lies between a and p."""
    return segment_distance(b, p, a), INF


def division(p, a, b, ratio):
    """p divides ab so that ap : pb = ratio."""
    share = ratio / (1 + ratio)
    return np.abs(p - a - (b - a) * share), INF


def _side_px(p, q, a, b):
    """Positive where p and q lie on the same side of the line ab: the distance of the nearer one."""
    first, second = (cross(b - a, z - a) / np.maximum(np.abs(b - a), 1e-12) for z in (p, q))
    return np.where(first * second > 0, 1, -1) * smallest(np.abs(first), np.abs(second))


def same_side(p, q, a, b):
    return 0.0, _side_px(p, q, a, b)


def opposite_sides(p, q, a, b):
    return 0.0, -_side_px(p, q, a, b)


def _depth_px(p, a, b, c):
    """How deep p lies in the triangle abc; outside how far from it, negative."""
    sides = ((a, b), (b, c), (c, a))
    turns = [np.sign(cross(v - u, p - u)) for u, v in sides]
    within = np.abs(sum(turns)) == 3
    gap = smallest(*(segment_distance(p, u, v) for u, v in sides))
    return np.where(within, gap, -gap)


def in_triangle(p, a, b, c):
    return 0.0, _depth_px(p, a, b, c)


def outside_triangle(p, a, b, c):
    return 0.0, smallest(-_depth_px(p, a, b, c), _proper(a, b, c))


def joined(a, b, strokes):
    """Strokes cover the segment ab. strokes: complex[N, S, 2], the ends of straight ones, nan where there are fewer."""
    return _uncovered_px(a, b, strokes), INF


def apart(a, b, strokes):
    return 0.0, _uncovered_px(a, b, strokes)


def _uncovered_px(a, b, strokes):
    """How far the point of ab that is farthest from all strokes is from them."""
    shares = np.linspace(0.06, 0.94, 9)
    p = a[..., None, None] + (b - a)[..., None, None] * shares[:, None]
    ends = strokes.reshape(strokes.shape[0], *(1,) * (a.ndim - 1), 1, *strokes.shape[1:])
    gaps = segment_distance(p, ends[..., 0], ends[..., 1])
    return np.where(np.isnan(gaps), INF, gaps).min(-1, initial=INF).max(-1)


# ---- triangles ----------------------------------------------------------------------------------------------------


def centroid(g, a, b, c):
    return np.abs(g - (a + b + c) / 3), _proper(a, b, c)


def circumcenter(o, a, b, c):
    arms = (np.abs(o - a), np.abs(o - b), np.abs(o - c))
    return largest(*arms) - smallest(*arms), INF


def incenter(i, a, b, c):
    heights = [line_distance(i, p, q) for p, q in ((a, b), (b, c), (c, a))]
    uneven = largest(*heights) - smallest(*heights)
    return np.where(_depth_px(i, a, b, c) > 0, uneven, largest(*heights)), _proper(a, b, c)


def orthocenter(h, a, b, c):
    """h lies on all three heights: by its distance from the farthest."""
    return largest(*(np.abs(dot(h - p, r - q)) / np.maximum(np.abs(r - q), 1e-12)
                      for p, q, r in ((a, b, c), (b, c, a), (c, a, b)))), INF  # fmt: skip


def midsegment(d, e, a, b, c):
    """de joins the middles of ab and ac, whichever end lies on which."""
    ways = (largest(np.abs(p - (a + b) / 2), np.abs(q - (a + c) / 2)) for p, q in ((d, e), (e, d)))
    return smallest(*ways), _proper(a, b, c)


def congruent(*corners):
    half = len(corners) // 2
    return largest(*(np.abs(p - q) for p, q in zip(*_all_gaps(corners, half), strict=True))), _proper(*corners[:half])


def similar(*corners):
    half = len(corners) // 2
    first, second = _all_gaps(corners, half)
    size, other = np.maximum(sum(first), 1e-9), np.maximum(sum(second), 1e-9)
    # In pixels of the larger figure, so that it makes no difference which comes first.
    most = np.maximum(size, other)
    uneven = largest(*(np.abs(p / size - q / other) * most for p, q in zip(first, second, strict=True)))
    return uneven, _proper(*corners[:half])


def smaller(*corners):
    half = len(corners) // 2
    first, second = _all_gaps(corners, half)
    deviation, proper = similar(*corners)
    return deviation, smallest((sum(first) - sum(second)) / len(first), proper)


def _all_gaps(corners, half):
    """The distances between all corners of the first figure, and those of the second."""
    pairs = list(itertools.combinations(range(half), 2))
    return [[np.abs(part[i] - part[j]) for i, j in pairs] for part in (corners[:half], corners[half:])]


def regular(*corners):
    """How far the corners are from those of a regular polygon, of either sense of rotation."""
    n = len(corners)
    centre = sum(corners) / n
    deviations = []
    for sense in (1, -1):
        turns = [np.exp(sense * 2j * np.pi * k / n) for k in range(n)]
        arm = sum((p - centre) / turn for p, turn in zip(corners, turns, strict=True)) / n
        deviations.append(largest(*(np.abs(p - centre - arm * t) for p, t in zip(corners, turns, strict=True))))
    return smallest(*deviations), INF


def uneven(*corners):
    """The sides are not all equal: by the difference of the longest and the shortest."""
    sides = _sides(*corners)
    return 0.0, largest(*sides) - smallest(*sides)


# ---- four points on a circle, two arms of a sector ----------------------------------------------------------------


def _off_circle_px(a, b, c, d):
    """How far each of four points is from the circle through the others; infinite where those are in line."""
    gaps = []
    for p, q, r, s in ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)):
        u, v = q - p, r - p
        turn = cross(u, v)
        flat = np.abs(turn) < 1e-6
        arm = 1j * (u * np.abs(v) ** 2 - v * np.abs(u) ** 2) / (2 * np.where(flat, 1.0, turn))
        gaps.append(np.where(flat, INF, np.abs(np.abs(s - p - arm) - np.abs(arm))))
    return gaps


def concyclic(a, b, c, d):
    return largest(*_off_circle_px(a, b, c, d)), INF


def not_concyclic(a, b, c, d):
    return 0.0, smallest(*_off_circle_px(a, b, c, d))


def sector(o, a, b, degrees):
    arms = smallest(np.abs(a - o), np.abs(b - o))
    return largest(np.radians(np.abs(angle_deg(a, o, b) - degrees)) * arms, np.abs(np.abs(a - o) - np.abs(b - o))), INF
