"""Whether a figure is laid out so that a person can read it: nothing too near, too narrow or nearly but not quite met.

Lengths are shares of the figure's width: the longer side of the box about its points and circles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_gen.diagram import Circle, Segment
from data_gen.geometry import segment_distance

LEAST_GAP, LEAST_ANGLE_DEG, LEAST_MISS = 0.03, 5.0, 0.012  # below one of them a layout is degenerate
GOOD_GAP, GOOD_ANGLE_DEG, GOOD_MISS = 0.12, 22.0, 0.05  # above them more is no better
EXACT = 1e-6  # what is nearer than this is so by construction


def quality(points: dict[str, complex], segments: Sequence[Segment], circles: Sequence[Circle]) -> float:
    """How clear a layout is, from 0 (degenerate) to 1, in whatever units the points are. Hidden points do not count.

    The worst decides: the smallest distance between two points, the smallest angle between two strokes in a point
    (strokes along one line make none), and the smallest distance of a point from a stroke that it is not on.
    """
    width = extent(points, circles)
    if width == 0:
        return 0.0
    places = np.array([z for name, z in points.items() if not name.startswith("_")]) / width
    a, b = np.array([(points[s.a], points[s.b]) for s in segments]).reshape(-1, 2).T / width
    off = segment_distance(places[:, None], a, b)  # float64[points, segments]
    rings = [(points[c.centre] / width, abs(points[c.through] - points[c.centre]) / width) for c in circles]
    beside = [np.abs(np.abs(places - centre) - radius) for centre, radius in rings]
    gap, angle = _nearest(places), _narrowest_deg(off < EXACT, b - a)
    apart = np.concatenate([off.ravel(), *beside])
    miss = float(np.min(apart[apart > EXACT], initial=1.0))
    if gap < LEAST_GAP or angle < LEAST_ANGLE_DEG or miss < LEAST_MISS:
        return 0.0
    return min(gap / GOOD_GAP, angle / GOOD_ANGLE_DEG, miss / GOOD_MISS, 1.0)


def extent(points: dict[str, complex], circles: Sequence[Circle]) -> float:
    """The width of a figure in its own units."""
    corners = list(points.values())
    for circle in circles:
        centre, radius = points[circle.centre], abs(points[circle.through] - points[circle.centre])
        corners += [centre + radius * (1 + 1j), centre - radius * (1 + 1j)]
    xs, ys = np.real(corners), np.imag(corners)
    return float(max(np.ptp(xs), np.ptp(ys)))


def _nearest(places: np.ndarray) -> float:
    apart = np.abs(places[:, None] - places)[np.triu_indices(len(places), 1)]
    return float(np.min(apart, initial=1.0))


def _narrowest_deg(on: np.ndarray, ways: np.ndarray) -> float:
    """The smallest angle between two strokes in a point that is on both, unless they run along one line.

    Args:
      on: bool[points, segments], which points are on which strokes; ways: complex[segments], their directions.
    """
    degrees = np.degrees(np.angle(ways))
    apart = np.abs(degrees[:, None] - degrees) % 180
    apart = np.minimum(apart, 180 - apart)
    meet = (on[:, :, None] & on[:, None, :]).any(0)
    return float(np.min(apart[meet & (apart > 1e-4)], initial=90.0))
