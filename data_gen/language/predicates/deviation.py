"""Measures how far a drawing is from simple conditions, in pixels: what the predicates' measures are made of.

Points are complex[...] arrays that broadcast, results float[...] in the unit of the points.
"""

import itertools

import numpy as np

from data_gen.geometry.plane import cross, dot, segment_distance

INF = np.inf


def largest(*values):
    """Returns the elementwise maximum."""
    return np.maximum.reduce(np.broadcast_arrays(*values))


def smallest(*values):
    """Returns the elementwise minimum."""
    return np.minimum.reduce(np.broadcast_arrays(*values))


def shortest_arm(a, b, c, d, e, f):
    """Returns the shortest arm of the angles abc and def: what their difference in radians is measured along."""
    return smallest(np.abs(a - b), np.abs(c - b), np.abs(d - e), np.abs(f - e))


def spread(*values):
    """Returns the largest value less the smallest."""
    return largest(*values) - smallest(*values)


def sides(*corners):
    """Returns the lengths of a polygon's sides, in order."""
    return [np.abs(b - a) for a, b in itertools.pairwise([*corners, corners[0]])]


def distances(points):
    """Returns the distances between all pairs of points."""
    return [np.abs(p - q) for p, q in itertools.combinations(points, 2)]


def perpendicular_px(u, v):
    """Returns how far two vectors are from perpendicular: the projection of the shorter one on the longer one."""
    return np.abs(dot(u, v)) / np.maximum(np.maximum(np.abs(u), np.abs(v)), 1e-12)


def parallel_px(u, v):
    """Returns how far two vectors are from parallel: the distance of the shorter one's end from the longer one."""
    return np.abs(cross(u, v)) / np.maximum(np.maximum(np.abs(u), np.abs(v)), 1e-12)


def collinear_px(a, b, c):
    """Returns the height of a triangle over its longest side."""
    longest = largest(*sides(a, b, c))
    return np.abs(cross(b - a, c - a)) / np.maximum(longest, 1e-12)


def acute_px(v, p, q):
    """Returns the overlap of one arm's shadow on the other: positive where the angle at v is acute."""
    return dot(p - v, q - v) / np.maximum(np.maximum(np.abs(p - v), np.abs(q - v)), 1e-12)


def depth_px(p, a, b, c):
    """Returns how deep p lies inside triangle abc; outside it how far away, negative."""
    edges = ((a, b), (b, c), (c, a))
    turns = [np.sign(cross(v - u, p - u)) for u, v in edges]
    within = np.abs(sum(turns)) == 3
    gap = smallest(*(segment_distance(p, u, v) for u, v in edges))
    return np.where(within, gap, -gap)


def proper(*corners):
    """Returns the slack of a polygon: infinite, or the height of three neighbouring corners that are nearly in line."""
    n = len(corners)
    height = smallest(*(collinear_px(corners[k - 1], corners[k], corners[(k + 1) % n]) for k in range(n)))
    return np.where(height >= 1.0, INF, height)


def crossed(a, b, c, d):
    """Tells whether two sides of abcd cut each other, so that its corners are not in order round."""

    def apart(p, q, u, v):
        """Tells whether u and v lie on different sides of the line pq: by signs, since products of areas underflow."""
        return np.sign(cross(q - p, u - p)) * np.sign(cross(q - p, v - p)) < 0

    return (apart(a, b, c, d) & apart(c, d, a, b)) | (apart(b, c, d, a) & apart(d, a, b, c))


def in_order(a, b, c, d):
    """Returns the slack of a quadrilateral that is named by its corners in order round."""
    return np.where(crossed(a, b, c, d), -INF, INF)
