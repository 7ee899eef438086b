"""Where rows of ticks and chevrons stand on their segments, and the strokes that divide one into equal parts."""

import itertools
from collections.abc import Iterator
from math import hypot

from data_gen.geometry import diagram as shapes
from data_gen.geometry.diagram import Diagram, Point, Style

SHARES = (0.5, 0.4, 0.6, 0.33, 0.67, 0.25, 0.75, 0.45, 0.55, 0.29, 0.71)  # of a segment, in the order they are tried
CHEVRON_BACK, CHEVRON_HALF = 0.36, 0.3  # its depth and half its height, in units
CHEVRON_CLEAR_PX = 5.0  # between a chevron and the dot of a point
Row = shapes.Ticks | shapes.ParallelArrows


def unit_px(style: Style, size_px: int) -> float:
    """Returns the measure of all marks: they grow with the letters, and with the canvas where letters are small."""
    return max(0.8 * style.font_px, 0.05 * size_px)


def mark_px(style: Style) -> float:
    """Returns the width of the strokes of marks."""
    return max(0.8, 0.85 * style.stroke_px)


def dot_px(style: Style, size_px: int) -> float:
    """Returns the radius of a point's dot."""
    return max(1.2, 1.15 * style.stroke_px, 0.14 * unit_px(style, size_px))


class Spots:
    """Finds places for rows of small marks, one after the other, clear of points, crossings, circles and each other."""

    def __init__(self, diagram: Diagram):
        self.points = diagram.points
        self.unit, self.mark_px = unit_px(diagram.style, diagram.size_px), mark_px(diagram.style)
        self.dot_px = dot_px(diagram.style, diagram.size_px)
        self.rings = [
            (*diagram.points[c.centre], _distance(diagram.points[c.centre], diagram.points[c.through]))
            for c in diagram.circles
        ]
        self.names = [diagram.points[name] for name in diagram.names]
        self.taken = [*diagram.points.values(), *crossings(diagram)]
        for mark in diagram.marks:
            if isinstance(mark, shapes.Divisions):
                self.taken += divisions(mark, diagram.points)

    def row(self, mark: Row) -> tuple[list[Point], bool]:
        """Returns places for the marks of a row near the middle of its segment, and whether they are free: those in the
        middle where none is."""
        start, end = self.points[mark.a], self.points[mark.b]
        dx, dy, length = direction(start, end)
        chevrons = isinstance(mark, shapes.ParallelArrows)
        least = (0.42 * self.unit, self.mark_px + 3.0) if chevrons else (0.24 * self.unit, self.mark_px + 1.8)
        pitch = min(max(least), 0.5 * length / mark.count)
        half = (mark.count - 1) * pitch / 2
        room = half + 0.5 * self.unit
        # The ink of a chevron reaches so far from its place.
        reach = hypot(CHEVRON_BACK / 2, CHEVRON_HALF) * self.unit
        named_room = half + reach + CHEVRON_CLEAR_PX + self.dot_px if chevrons else 0.0

        def at(along: float) -> Point:
            return start[0] + along * dx, start[1] + along * dy

        def is_free(share: float) -> bool:
            x, y = at(share * length)
            return (
                all(hypot(x - p, y - q) > room for p, q in self.taken)
                and all(hypot(x - p, y - q) > named_room for p, q in self.names)
                and all(abs(hypot(x - p, y - q) - radius) > room for p, q, radius in self.rings)
            )

        share = next((share for share in SHARES if is_free(share)), None)
        middle = (0.5 if share is None else share) * length
        self.taken.append(at(middle))
        return [at(middle + (i - (mark.count - 1) / 2) * pitch) for i in range(mark.count)], share is not None


def divisions(mark: shapes.Divisions, points: dict[str, Point]) -> list[Point]:
    """Returns where the strokes stand that divide a segment."""
    (x, y), (p, q) = points[mark.a], points[mark.b]
    return [(x + (p - x) * i / mark.count, y + (q - y) * i / mark.count) for i in range(1, mark.count)]


def crossings(diagram: Diagram) -> Iterator[Point]:
    """Yields where two straight strokes cut each other."""
    lines = [(*diagram.points[s.a], *diagram.points[s.b]) for s in diagram.segments]
    for (x, y, p, q), (u, v, r, s) in itertools.combinations(lines, 2):
        turn = (p - x) * (s - v) - (q - y) * (r - u)
        if abs(turn) > 1e-9:
            first = ((u - x) * (s - v) - (v - y) * (r - u)) / turn
            second = ((u - x) * (q - y) - (v - y) * (p - x)) / turn
            if 0 < first < 1 and 0 < second < 1:
                yield x + (p - x) * first, y + (q - y) * first


def direction(start: Point, end: Point) -> tuple[float, float, float]:
    """Returns the unit vector from start to end, and their distance."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = hypot(dx, dy) or 1e-9
    return dx / length, dy / length, length


def _distance(a: Point, b: Point) -> float:
    return hypot(b[0] - a[0], b[1] - a[1])
