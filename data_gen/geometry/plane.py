"""Computes plane geometry on complex numbers: a point x + iy, a vector likewise. Scalars and NumPy arrays alike.

Every function takes complex scalars or complex[...] arrays that broadcast, and keeps their units (pixels, or the
units of a construction before it is fitted to a canvas).
"""

import cmath
import math

import numpy as np


def dot(u, v):
    """Returns the scalar product of two vectors."""
    return (np.conj(u) * v).real


def cross(u, v):
    """Returns the z part of the vector product: positive where v lies to the left of u."""
    return (np.conj(u) * v).imag


def unit(v):
    """Returns the vector of length 1 in the direction of v; 0 stays 0."""
    return v / np.maximum(np.abs(v), 1e-12)


def polar(length: float, degrees: float) -> complex:
    """Returns the vector of a length and a direction in degrees."""
    return cmath.rect(length, math.radians(degrees))


def foot(p, a, b):
    """Returns the foot of the perpendicular from p to the line ab."""
    ab = b - a
    return a + ab * dot(ab, p - a) / np.maximum(np.abs(ab) ** 2, 1e-12)


def line_distance(p, a, b):
    """Measures how far p is from the endless line ab."""
    ab = b - a
    return np.abs(cross(ab, p - a)) / np.maximum(np.abs(ab), 1e-12)


def segment_distance(p, a, b):
    """Measures how far p is from the segment ab, its ends included."""
    ab = b - a
    t = np.minimum(np.maximum(dot(ab, p - a) / np.maximum(np.abs(ab) ** 2, 1e-12), 0), 1)
    return np.abs(p - a - t * ab)


def angle_deg(a, vertex, b):
    """Returns the angle a-vertex-b in degrees, 0 to 180."""
    return np.abs(np.degrees(np.angle((a - vertex) * np.conj(b - vertex))))


def intersection(a, b, c, d):
    """Finds where the lines ab and cd meet. Raises ZeroDivisionError (scalars) where they are parallel."""
    denominator = cross(b - a, d - c)
    if np.ndim(denominator) == 0 and np.abs(denominator) < 1e-9:
        raise ZeroDivisionError("parallel lines do not meet")
    return a + (b - a) * (cross(c - a, d - c) / denominator)


def bisector_foot(a, b, c):
    """Finds where the bisector of the angle b-a-c meets bc."""
    ab, ac = np.abs(b - a), np.abs(c - a)
    return b + (c - b) * (ab / (ab + ac))


def circumcentre(a, b, c):
    """Returns the centre of the circle through three points: where two perpendicular bisectors of the sides meet."""
    u, v = b - a, c - a
    return a + 1j * (u * np.abs(v) ** 2 - v * np.abs(u) ** 2) / (2 * cross(u, v))
