"""Writes conditions as residuals that a solver brings to 0: what the predicates' equations are made of.

Points are complex[...] arrays; residuals are tuples of float[...], smooth and signed.
"""

import numpy as np

from data_gen.geometry.plane import cross, dot, unit

PI = np.pi
Residuals = tuple


def zero(v) -> Residuals:
    """Asks a vector to vanish."""
    return v.real, v.imag


def equal(*lengths) -> Residuals:
    """Asks lengths to be equal."""
    return tuple(length - lengths[0] for length in lengths[1:])


def at_right_angles(u, v) -> Residuals:
    """Asks two vectors to be perpendicular: the sine of what they are off."""
    return (dot(unit(u), unit(v)),)


def aligned(u, v) -> Residuals:
    """Asks two vectors to be parallel: the sine of what they are off."""
    return (cross(unit(u), unit(v)),)


def on_line(p, a, b) -> Residuals:
    """Asks p to lie on the line ab."""
    return (cross(unit(b - a), p - a),)


def turn(a, vertex, b):
    """Returns the angle a-vertex-b in radians, 0 to pi."""
    return np.abs(np.angle((a - vertex) * np.conj(b - vertex)))


def sweep(o, a, b):
    """Returns the arc of the circle about o from a counterclockwise to b (y upwards), radians, 0 to 2 pi."""
    return np.mod(np.angle((b - o) * np.conj(a - o)), 2 * PI)
