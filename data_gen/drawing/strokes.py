"""What a diagram's strokes and marks look like: Diagram -> paths to draw, and where the ink lies for labels.

Angles are in radians, counted from the x axis towards the y axis (y runs down, so clockwise to the eye).
"""

from collections.abc import Callable, Iterable, Sequence
from math import acos, atan2, ceil, cos, dist, hypot, pi, sin, tan
from typing import Any

from data_gen.drawing.spots import CHEVRON_BACK, CHEVRON_HALF, Spots, direction, divisions, dot_px, mark_px, unit_px
from data_gen.geometry import diagram as shapes
from data_gen.geometry.diagram import Diagram, Point

GRAPH_PIECES = 96
Box = tuple[float, float, float, float]  # x0, y0, x1, y1
Capsule = tuple[float, float, float, float, float]  # x0, y0, x1, y1, half the stroke's width
Ring = tuple[float, float, float, float]  # x, y, radius, half the stroke's width


class Path:
    """Drawing commands: `ops`, each one of M, L, C, Z, and `xy`, their points' coordinates in one row."""

    def __init__(self):
        self.ops: list[str] = []
        self.xy: list[float] = []

    def polyline(self, points: Iterable[Point], closed: bool = False):
        """Appends straight strokes through the points."""
        for i, point in enumerate(points):
            self.ops.append("L" if i else "M")
            self.xy.extend(point)
        if closed:
            self.ops.append("Z")

    def arc(self, centre: Point, radius: float, start: float, sweep: float):
        """Returns a circular arc as cubic curves of at most 90 degrees (off by less than 0.03 % of the radius)."""
        pieces = max(1, ceil(abs(sweep) / (pi / 2) - 1e-9))
        step = sweep / pieces
        handle = radius * 4 / 3 * tan(step / 4)
        x, y = centre
        c0, s0 = cos(start), sin(start)
        self.ops.append("M")
        self.xy.extend((x + radius * c0, y + radius * s0))
        for i in range(1, pieces + 1):
            c1, s1 = cos(start + i * step), sin(start + i * step)
            x1, y1 = x + radius * c1, y + radius * s1
            self.ops.append("C")
            self.xy.extend((x + radius * c0 - handle * s0, y + radius * s0 + handle * c0))
            self.xy.extend((x1 + handle * s1, y1 - handle * c1, x1, y1))
            c0, s0 = c1, s1

    def circle(self, centre: Point, radius: float):
        """Returns a whole circle, closed."""
        self.arc(centre, radius, 0.0, 2 * pi)
        self.ops.append("Z")


class Ink:
    """Everything of a diagram but its texts. Paths `solid`, `dashed`, `marks` (stroked, the last a little thinner),
    `filled`, and `shaded` (grey, under the rest); `capsules` and `rings` say where the ink lies; `mark_boxes` lists the
    marks that have ink, each with the box around it, and `graphs` the axes and the points of each curve; `angle_radius`
    maps an AngleText to the radius in px of the arc before it."""

    def __init__(self, diagram: Diagram):
        style = diagram.style
        self.diagram = diagram
        self.unit = unit_px(style, diagram.size_px)
        self.stroke_px = style.stroke_px
        self.mark_px = mark_px(style)
        self.dot_px = dot_px(style, diagram.size_px)
        self.dash = (0.42 * self.unit, 0.3 * self.unit)
        self.solid, self.dashed, self.marks, self.filled, self.shaded = Path(), Path(), Path(), Path(), Path()
        self.capsules: list[Capsule] = []
        self.rings: list[Ring] = []
        self.mark_boxes: list[tuple[shapes.Mark, Box]] = []
        self.graphs: list[tuple[tuple[Box, ...], tuple[Point, ...]]] = []
        self.angle_radius: dict[shapes.AngleText, float] = {}
        self._angles: dict[str, list[tuple[float, float, float]]] = {}  # vertex -> start, sweep, outer radius
        self._spots = Spots(diagram)
        self._draw()

    def _draw(self):
        diagram, points = self.diagram, self.diagram.points
        for segment in diagram.segments:
            ends = points[segment.a], points[segment.b]
            self._stroke(self.dashed if segment.dashed else self.solid, ends, self.stroke_px)
            if segment.arrows:
                self._arrowhead(*ends)
                self._arrowhead(*reversed(ends))
            if segment.ray:
                self._arrowhead(*reversed(ends))
        for circle in diagram.circles:
            centre, through = points[circle.centre], points[circle.through]
            radius = hypot(through[0] - centre[0], through[1] - centre[1])
            self.solid.circle(centre, radius)
            self.rings.append((*centre, radius, self.stroke_px / 2))
        for arc in diagram.arcs:
            self._arc(arc)
        for shade in diagram.shades:
            self._shade(shade)
        for graph in diagram.graphs:
            self._graph(graph)
        for mark in sorted(diagram.marks, key=lambda mark: isinstance(mark, shapes.AngleText)):
            if type(mark) in DRAW:
                before = len(self.capsules)
                DRAW[type(mark)](self, mark)
                if len(self.capsules) > before:
                    self.mark_boxes.append((mark, _box_around(self.capsules[before:])))
        for name in diagram.dots:
            if not name.startswith("_"):
                self.filled.circle(points[name], self.dot_px)
                self.capsules.append((*points[name], *points[name], self.dot_px))

    def _arc(self, arc: shapes.Arc):
        centre, *others = (self.diagram.points[name] for name in (arc.centre, arc.a, arc.via, arc.b))
        start, sweep = arc_span(centre, *others)
        radius = hypot(others[0][0] - centre[0], others[0][1] - centre[1])
        self.solid.arc(centre, radius, start, sweep)
        self._block(_chords(centre, radius, start, sweep), self.stroke_px)

    def _shade(self, shade: shapes.Shade):
        corners = [self.diagram.points[name] for name in shade.corners]
        if len(corners) == 2:
            self.shaded.circle(corners[0], dist(*corners))
        else:
            self.shaded.polyline(corners, closed=True)

    def _graph(self, graph: shapes.Graph):
        """Draws axes over the whole canvas, a tick at each unit, and the graph wherever it is within them."""
        (x0, y0), (x1, y1) = (self.diagram.points[name] for name in (graph.origin, graph.unit))
        edge, half = 0.45 * self.unit, 0.16 * self.unit
        low, high = edge, self.diagram.size_px - edge
        axes = ((low, y0, high, y0), (x0, high, x0, low))
        for axis in axes:
            self._stroke(self.marks, (axis[:2], axis[2:]), self.mark_px)
        self._arrowhead((high, y0), (low, y0))
        self._arrowhead((x0, low), (x0, high))
        step_x, step_y = x1 - x0, y1 - y0
        for n in range(-9, 10):
            if n and low + edge < x0 + n * step_x < high - edge:
                self._stroke(self.marks, ((x0 + n * step_x, y0 - half), (x0 + n * step_x, y0 + half)), self.mark_px)
            if n and low + edge < y0 + n * step_y < high - edge:
                self._stroke(self.marks, ((x0 - half, y0 + n * step_y), (x0 + half, y0 + n * step_y)), self.mark_px)
        curve: list[Point] = []
        for i in range(GRAPH_PIECES + 1):
            x = low + (high - low) * i / GRAPH_PIECES
            y = y0 + step_y * sum(c * ((x - x0) / step_x) ** k for k, c in enumerate(graph.coefficients))
            if low < y < high:
                curve.append((x, y))
        self._stroke(self.solid, tuple(curve), self.stroke_px)
        self.graphs.append((axes, tuple(curve)))

    def _stroke(self, path: Path, points: tuple[Point, ...], width_px: float):
        path.polyline(points)
        self._block(points, width_px)

    def _block(self, points: tuple[Point, ...], width_px: float):
        for start, end in zip(points, points[1:], strict=False):
            self.capsules.append((*start, *end, width_px / 2))

    def _arrowhead(self, tip: Point, tail: Point):
        dx, dy, _ = direction(tail, tip)
        length = 0.62 * self.unit
        half = 0.24 * self.unit
        x, y = tip[0] - length * dx, tip[1] - length * dy
        left, right = (x - half * dy, y + half * dx), (x + half * dy, y - half * dx)
        self.filled.polyline((tip, left, right), closed=True)
        self._block((left, right, tip, left), 0.0)

    def _ticks(self, mark: shapes.Ticks):
        spots, _ = self._spots.row(mark)
        dx, dy, _ = direction(self.diagram.points[mark.a], self.diagram.points[mark.b])
        half = 0.32 * self.unit
        lean = 0.25 * half
        for x, y in spots:
            u, v = -dy * half + dx * lean, dx * half + dy * lean
            self._stroke(self.marks, ((x - u, y - v), (x + u, y + v)), self.mark_px)

    def _divisions(self, mark: shapes.Divisions):
        dx, dy, _ = direction(self.diagram.points[mark.a], self.diagram.points[mark.b])
        half = 0.36 * self.unit
        for x, y in divisions(mark, self.diagram.points):
            ends = ((x + dy * half, y - dx * half), (x - dy * half, y + dx * half))
            self._stroke(self.marks, ends, self.mark_px)

    def _regular_polygon(self, mark: shapes.RegularPolygon):
        (x, y), (u, v) = self.diagram.points[mark.centre], self.diagram.points[mark.corner]
        start, radius = atan2(v - y, u - x), hypot(u - x, v - y)
        angles = [start + 2 * pi * i / mark.count for i in range(mark.count + 1)]
        self._stroke(self.solid, tuple((x + radius * cos(t), y + radius * sin(t)) for t in angles), self.stroke_px)

    def _parallel_arrows(self, mark: shapes.ParallelArrows):
        spots, _ = self._spots.row(mark)
        dx, dy, _ = direction(self.diagram.points[mark.a], self.diagram.points[mark.b])
        # Parallel strokes point the same way whatever the order of their ends.
        turn = 1 if dx * cos(0.35) - dy * sin(0.35) > 0 else -1
        back, half = CHEVRON_BACK * self.unit * turn, CHEVRON_HALF * self.unit
        for x, y in spots:
            x, y = x + dx * back / 2, y + dy * back / 2
            wings = [(x - dx * back - dy * side, y - dy * back + dx * side) for side in (half, -half)]
            self._stroke(self.marks, (wings[0], (x, y), wings[1]), self.mark_px)

    def _right_angle(self, mark: shapes.RightAngle):
        (x, y), a, b = (self.diagram.points[name] for name in (mark.vertex, mark.a, mark.b))
        ax, ay, a_length = direction((x, y), a)
        bx, by, b_length = direction((x, y), b)
        side = min(0.72 * self.unit, 0.33 * a_length, 0.33 * b_length)
        corners = [(x + side * u, y + side * v) for u, v in ((ax, ay), (ax + bx, ay + by), (bx, by))]
        self._stroke(self.marks, tuple(corners), self.mark_px)
        start, sweep, _ = self.angle(mark.a, mark.vertex, mark.b)
        self._angles.setdefault(mark.vertex, []).append((start, sweep, 1.2 * side))

    def _angle_text(self, mark: shapes.AngleText):
        start, sweep, _ = self.angle(mark.a, mark.vertex, mark.b)
        marked = (
            radius
            for other, turn, radius in self._angles.get(mark.vertex, ())
            if abs(_wrap(other - start)) < 0.02 and abs(turn - sweep) < 0.02
        )
        radius = next(marked, None)
        self.angle_radius[mark] = radius if radius else self._arcs(mark.a, mark.vertex, mark.b, 1)

    def _arcs(self, a: str, vertex: str, b: str, count: int) -> float:
        """Draws the arcs of one angle, and returns the radius of the outermost."""
        start, sweep, arm = self.angle(a, vertex, b)
        # A narrow angle is marked further out, where its arc is long enough to be seen.
        radius = max(0.95 * self.unit, 0.35 * self.unit / sin(max(sweep, 0.05) / 2))
        step = max(0.22 * self.unit, self.mark_px + 1.6)
        crossed = [r for s, t, r in self._angles.get(vertex, ()) if _overlap(s, t, start, sweep)]
        most = max(0.45 * arm - (count - 1) * step, 0.3 * arm)
        radius = min(max([radius, *(r + step for r in crossed)]), most)
        for i in range(count):
            self.marks.arc(self.diagram.points[vertex], radius + i * step, start, sweep)
            self._block(_chords(self.diagram.points[vertex], radius + i * step, start, sweep), self.mark_px)
        outer = radius + (count - 1) * step
        self._angles.setdefault(vertex, []).append((start, sweep, outer))
        return outer

    def angle(self, a: str, vertex: str, b: str) -> tuple[float, float, float]:
        """Returns the angle a-vertex-b, below 180 degrees: its start, its sweep (>= 0), its shorter arm in px."""
        (x, y), (ax, ay), (bx, by) = (self.diagram.points[name] for name in (vertex, a, b))
        start, end = atan2(ay - y, ax - x), atan2(by - y, bx - x)
        sweep = _wrap(end - start)
        if sweep < 0:
            start, sweep = end, -sweep
        return start, sweep, min(hypot(ax - x, ay - y), hypot(bx - x, by - y))


def arc_span(centre: Point, a: Point, via: Point, b: Point) -> tuple[float, float]:
    """Returns where the arc from `a` by way of `via` to `b` starts, and its sweep (>= 0)."""
    start, middle, end = (atan2(y - centre[1], x - centre[0]) for x, y in (a, via, b))
    sweep = (end - start) % (2 * pi)
    if (middle - start) % (2 * pi) > sweep:  # the other way round
        return end, 2 * pi - sweep
    return start, sweep


def _box_around(capsules: Sequence[Capsule]) -> Box:
    """Returns the box around capsules."""
    x, y = ([c[axis] for c in capsules] + [c[axis + 2] for c in capsules] for axis in (0, 1))
    half = max(c[4] for c in capsules)
    return min(x) - half, min(y) - half, max(x) + half, max(y) + half


def _wrap(angle: float) -> float:
    """Returns the same angle in (-pi, pi]."""
    return pi - (pi - angle) % (2 * pi)


def _overlap(start: float, sweep: float, other_start: float, other_sweep: float) -> bool:
    """Returns whether two angles about one vertex share more than an arm."""
    shared = 0.05
    ahead = (other_start - start) % (2 * pi)
    behind = (start - other_start) % (2 * pi)
    return ahead < sweep - shared or behind < other_sweep - shared


def _chords(centre: Point, radius: float, start: float, sweep: float) -> tuple[Point, ...]:
    """Returns points on an arc, so close that its chords stay within a quarter pixel of it."""
    widest = 2 * acos(max(1 - 0.25 / max(radius, 0.25), 0.0))
    pieces = max(1, ceil(sweep / widest))
    angles = (start + sweep * i / pieces for i in range(pieces + 1))
    return tuple((centre[0] + radius * cos(angle), centre[1] + radius * sin(angle)) for angle in angles)


# A text beside a segment, an arc or in a region has no ink: it is only a label.
DRAW: dict[type, Callable[[Ink, Any], object]] = {
    shapes.Divisions: Ink._divisions,
    shapes.RegularPolygon: Ink._regular_polygon,
    shapes.Ticks: Ink._ticks,
    shapes.ParallelArrows: Ink._parallel_arrows,
    shapes.RightAngle: Ink._right_angle,
    shapes.AngleArc: lambda ink, mark: ink._arcs(mark.a, mark.vertex, mark.b, mark.count),
    shapes.AngleText: Ink._angle_text,
}
