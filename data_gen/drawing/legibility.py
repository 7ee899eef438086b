"""Whether a figure is laid out so that a person can read it: nothing too near, too narrow or nearly but not quite met.

Lengths are shares of the figure's width: the longer side of the box about its points and circles.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from data_gen.constructions.program import Strokes
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.regions import divided
from data_gen.geometry.diagram import AngleArc, AngleText, AreaText, Circle, Divisions, Mark, RightAngle, Segment, Ticks
from data_gen.geometry.plane import angle_deg, segment_distance

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


LEAST_STROKE = 1.2  # of the canvas's least gap
SAME_LINE_DEG = 0.5  # strokes that turn less run along one line; none part by less than layout.LEAST_ANGLE_DEG
TICK_ROOM = 0.04  # of the canvas, the least distance between small strokes on a segment, and from its ends
Angled = AngleText | AngleArc | RightAngle


def _shared(ends: Sequence[str], points: dict[str, complex], names: Sequence[str]) -> bool:
    """Whether a third point lies on a segment: what is marked or printed beside it might belong to a part of it."""
    a, b = (points[name] for name in ends)
    others = np.array([points[n] for n in names if n not in ends])
    return bool((segment_distance(others, a, b) < 1.0).any())


def _unclear(mark: Mark, points: dict[str, complex], drawn: Strokes, canvas: Canvas) -> bool:
    """Whether one cannot see which angle is marked, or a segment is too short for the small strokes on it."""
    if isinstance(mark, Angled):
        return _split(mark, points, drawn)
    if isinstance(mark, Ticks | Divisions):
        gaps = mark.count + isinstance(mark, Ticks)  # `count` ticks, or so many parts
        return abs(points[mark.a] - points[mark.b]) < gaps * TICK_ROOM * canvas.size_px
    return False


def _split(mark: Angled, points: dict[str, complex], drawn: Strokes) -> bool:
    """Whether a stroke runs from an angle's vertex between its arms: what stands there might belong to a part."""
    a, vertex, b = points[mark.a], points[mark.vertex], points[mark.b]
    ends = np.array([(points[s.a], points[s.b]) for s in drawn.segments]).reshape(-1, 2)
    ways = ends[segment_distance(vertex, ends[:, 0], ends[:, 1]) < 1.0].ravel()
    ways = ways[np.abs(ways - vertex) > 1.0]
    first, second = angle_deg(a, vertex, ways), angle_deg(ways, vertex, b)
    return bool(((np.minimum(first, second) > 1.0) & (first + second < angle_deg(a, vertex, b) + 1.0)).any())


def _doubled(marks: Sequence[AngleText], points: dict[str, complex]) -> bool:
    """Whether two texts are of one angle, whatever points name its arms: they would be read as one."""
    for m, n in itertools.combinations(marks, 2):
        a, v, b, p, q = (points[name] for name in (m.a, m.vertex, m.b, n.a, n.b))
        ways = [max(angle_deg(a, v, x), angle_deg(b, v, y)) for x, y in ((p, q), (q, p))]
        if m.vertex == n.vertex and min(ways) < 1.0:
            return True
    return False


def _doubtful(mark: AreaText, points: dict[str, complex], drawn: Strokes, shows: Sequence[Mark]) -> bool:
    """Whether a stroke divides the region of a printed area: it might be that of a part."""
    return divided([points[name] for name in mark.corners], points, drawn, shows, least=1.5)


def _clear(points: dict[str, complex], names: Sequence[str], canvas: Canvas) -> bool:
    """On the canvas, and no two named points too close to tell apart."""
    low, high = canvas.border_px - 1e-6, canvas.size_px - canvas.border_px + 1e-6
    inside = all(low <= points[n].real <= high and low <= points[n].imag <= high for n in names)
    return inside and all(abs(points[a] - points[b]) >= canvas.gap_px for a, b in itertools.combinations(names, 2))


def _cramped(points: dict[str, complex], drawn: Strokes, canvas: Canvas) -> bool:
    """Whether a stroke is hardly longer than the least gap between two points, or two part so little that they look
    like one thick line."""
    a, b = np.array([(points[s.a], points[s.b]) for s in drawn.segments]).reshape(-1, 2).T
    starts, ways = np.concatenate([a, b]), np.concatenate([b - a, a - b])
    turn = np.abs(np.degrees(np.angle(ways[:, None] * ways.conj())))
    narrow = (np.abs(starts[:, None] - starts) < 1.0) & (turn > SAME_LINE_DEG) & (turn < LEAST_ANGLE_DEG)
    return bool((np.abs(ways) < LEAST_STROKE * canvas.gap_px).any() or narrow.any())


def _fits(mark: Any, others: Sequence[Mark], points: dict[str, complex], names: Sequence[str]) -> bool:
    """Whether a mark can stand: no printed angle has its place, and what is ticked is one segment of one meaning."""
    if isinstance(mark, Ticks):
        counted = any(isinstance(other, Ticks | Divisions) for other in others)
        return not counted and not _shared((mark.a, mark.b), points, names)
    vertex = getattr(mark, "vertex", None)
    return not any(vertex == t.vertex and {t.a, t.b} == {mark.a, mark.b} for t in others if isinstance(t, AngleText))
