"""Whether a person can read a figure: `RULES` refuse one on its canvas, `quality` grades a layout before it has any.

A rule is a function of a `Layout` that returns whether the figure breaks it; its name is the reason that is reported.
Lengths of `quality` are shares of the figure's width: the longer side of the box about its points and circles.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing import spots
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.regions import divided, sides_of
from data_gen.drawing.strokes import arc_span
from data_gen.geometry import diagram as shapes
from data_gen.geometry.diagram import Diagram
from data_gen.geometry.plane import angle_deg, line_distance, segment_distance

MIN_STROKE = 1.2  # of the canvas's least gap
MIN_ANGLE_DEG = 5.0  # between two strokes that part in a point
SAME_LINE_DEG = 0.5  # strokes that turn less run along one line
ON_PX = 1.0  # what is nearer to a stroke lies on it
SAME_ANGLE_DEG = 1.0
MIN_TICK_GAP = 0.04  # of the canvas, between small strokes on a segment, and from its ends
AREA_PX = 1.5  # how deep a stroke must run into a region to divide it
# Strokes that are nearer than SIDE_PX for longer than SIDE_RUN_PX, and turn less than SIDE_DEG, look like one.
SIDE_PX, SIDE_RUN_PX, SIDE_DEG = 4.0, 25.0, 6.0
SIDE_SHARES = np.linspace(0, 1, 97)  # along a stroke, where it is asked how near another one is
OFF_PX = 6.0  # a named point is on a stroke, to TOUCH_PX, or so far from it
TOUCH_PX = 0.1
DIVISION_PX = 4.0  # between a stroke that divides a segment and a point or crossing
Angled = shapes.AngleText | shapes.AngleArc | shapes.RightAngle
ON_SEGMENT = shapes.LengthText | shapes.Ticks | shapes.Divisions


@dataclass(frozen=True)
class Layout:
    """A figure in place on its canvas, before it is known to be legible."""

    program: Program
    points: dict[str, complex]  # where all points of the program lie, px
    canvas: Canvas
    optional: tuple[shapes.Mark, ...] = ()  # marks beside those that must be drawn

    @cached_property
    def places(self) -> list[complex]:
        """Lists where the visible points lie, in the order of `program.names`."""
        return [self.points[name] for name in self.program.names]

    @cached_property
    def ends(self) -> np.ndarray:
        """Returns complex[S, 2]: the ends of the drawn segments."""
        points = self.points
        return np.array([(points[s.a], points[s.b]) for s in self.program.strokes.segments]).reshape(-1, 2)

    @cached_property
    def lines(self) -> np.ndarray:
        """Returns complex[L, 2]: the ends of all straight strokes, the sides of regular polygons too."""
        sides = [
            side
            for mark in self.program.required_marks
            if isinstance(mark, shapes.RegularPolygon)
            for side in sides_of(mark, self.points)
        ]
        return np.concatenate([self.ends, sides]) if sides else self.ends

    @cached_property
    def marks(self) -> tuple[shapes.Mark, ...]:
        """Returns the marks and texts, in the order in which they are drawn."""
        return self.optional + self.program.required_marks + self.program.texts

    @cached_property
    def diagram(self) -> Diagram:
        """Returns the diagram, but for the dots of its points."""
        return Diagram(
            size_px=self.canvas.size_px,
            points={name: (z.real, z.imag) for name, z in self.points.items()},
            **self.program.strokes._asdict(),
            marks=self.marks,
            style=self.canvas.style,
        )


# ---- rules --------------------------------------------------------------------------------------------------------


def off_canvas(layout: Layout) -> bool:
    """Returns whether a named point lies outside the canvas's border."""
    border_px, size_px = layout.canvas.border_px, layout.canvas.size_px
    low, high = border_px - 1e-6, size_px - border_px + 1e-6
    return not all(low <= z.real <= high and low <= z.imag <= high for z in layout.places)


def points_too_close(layout: Layout) -> bool:
    """Returns whether two named points can hardly be told apart."""
    return any(abs(a - b) < layout.canvas.gap_px for a, b in itertools.combinations(layout.places, 2))


def cramped(layout: Layout) -> bool:
    """Returns whether a stroke is too short, or two strokes part so little that they look like one thick line."""
    a, b = layout.ends.T
    starts, directions = np.concatenate([a, b]), np.concatenate([b - a, a - b])
    turn = np.abs(np.degrees(np.angle(directions[:, None] * directions.conj())))
    narrow = (np.abs(starts[:, None] - starts) < ON_PX) & (turn > SAME_LINE_DEG) & (turn < MIN_ANGLE_DEG)
    return bool((np.abs(directions) < MIN_STROKE * layout.canvas.gap_px).any() or narrow.any())


def value_on_a_divided_segment(layout: Layout) -> bool:
    """Returns whether a length is printed beside a segment with a third point on it: it might be that of a part."""
    return any(isinstance(text, shapes.LengthText) and _is_divided(text, layout) for text in layout.program.texts)


def ticks_on_a_divided_segment(layout: Layout) -> bool:
    """Returns whether ticks that a fact speaks of stand on a segment with a third point on it."""
    return any(isinstance(mark, shapes.Ticks) and _is_divided(mark, layout) for mark in layout.program.required_marks)


def ambiguous_mark(layout: Layout) -> bool:
    """Returns whether a text or mark does not show which angle it means, or a segment has no room for its ticks."""
    return any(_is_ambiguous(mark, layout) for mark in layout.marks)


def angle_labelled_twice(layout: Layout) -> bool:
    """Returns whether two texts stand in one angle, whatever points name its arms: they would be read as one."""
    points = layout.points
    texts = [text for text in layout.marks if isinstance(text, shapes.AngleText)]
    for m, n in itertools.combinations(texts, 2):
        a, v, b, p, q = (points[name] for name in (m.a, m.vertex, m.b, n.a, n.b))
        turns = [max(angle_deg(a, v, x), angle_deg(b, v, y)) for x, y in ((p, q), (q, p))]
        if m.vertex == n.vertex and min(turns) < SAME_ANGLE_DEG:
            return True
    return False


def area_of_a_divided_region(layout: Layout) -> bool:
    """Returns whether a stroke divides the region of a printed area: it might be that of a part."""
    points, strokes, marks = layout.points, layout.program.strokes, layout.program.required_marks
    texts = [text for text in layout.program.texts if isinstance(text, shapes.AreaText)]
    return any(divided([points[n] for n in text.corners], points, strokes, marks, AREA_PX) for text in texts)


def point_nearly_on_a_stroke(layout: Layout) -> bool:
    """Returns whether a named point is neither on a line or circle nor visibly off it."""
    places = np.array(layout.places)
    if not places.size:
        return False
    found = [segment_distance(places[:, None], layout.lines[:, 0], layout.lines[:, 1]).ravel()]
    points, strokes = layout.points, layout.program.strokes
    for circle in strokes.circles:
        centre = points[circle.centre]
        found.append(np.abs(np.abs(places - centre) - abs(points[circle.through] - centre)))
    for arc in strokes.arcs:
        found.append(_off_arc(places, *(points[name] for name in (arc.centre, arc.a, arc.via, arc.b))))
    off = np.concatenate(found)
    return bool(((off > TOUCH_PX) & (off < OFF_PX)).any())


def _off_arc(places: np.ndarray, centre: complex, a: complex, via: complex, b: complex) -> np.ndarray:
    """Computes float64[K]: how far places complex[K] are from an arc."""
    start, sweep = arc_span(*((z.real, z.imag) for z in (centre, a, via, b)))
    round_ = np.abs(np.abs(places - centre) - abs(a - centre))
    beyond = (np.angle(places - centre) - start) % (2 * np.pi) > sweep
    return np.where(beyond, np.minimum(np.abs(places - a), np.abs(places - b)), round_)


def strokes_side_by_side(layout: Layout) -> bool:
    """Returns whether two straight strokes run so near each other, and so long, that they look like one."""
    a, b = layout.lines.T
    turn = np.abs(np.degrees(np.angle((b - a)[:, None] * (b - a).conj())))
    first, second = np.nonzero(np.triu(np.minimum(turn, 180 - turn) < SIDE_DEG, 1))
    for p, q, r, s in zip(a[first], b[first], a[second], b[second], strict=True):
        if line_distance(r, p, q) < ON_PX and line_distance(s, p, q) < ON_PX:
            continue  # one line
        along = p + (q - p) * SIDE_SHARES
        if (segment_distance(along, r, s) < SIDE_PX).mean() * abs(q - p) > SIDE_RUN_PX:
            return True
    return False


def lone_mark(layout: Layout) -> bool:
    """Returns whether a count of ticks, chevrons or arcs stands in one place only: equal to what?"""
    counted = {mark.place: (type(mark), mark.count) for mark in layout.marks if isinstance(mark, shapes.Counted)}
    return 1 in Counter(counted.values()).values()


def mark_on_a_ray(layout: Layout) -> bool:
    """Returns whether a length, ticks or divisions stand on a stroke with an arrowhead: it has no length."""
    points = layout.points
    rays = [(points[s.a], points[s.b]) for s in layout.program.strokes.segments if s.ray or s.arrows]
    some = [mark for mark in layout.marks if isinstance(mark, ON_SEGMENT)] if rays else []
    return any(
        max(segment_distance(np.array([points[mark.a], points[mark.b]]), a, b)) < ON_PX
        for mark, (a, b) in itertools.product(some, rays)
    )


def mark_without_room(layout: Layout) -> bool:
    """Returns whether ticks or chevrons find no place clear of points, crossings, circles, divisions and each other."""
    some = [mark for mark in layout.marks if isinstance(mark, spots.Row)]
    if not some:
        return False
    places = spots.Spots(layout.diagram)
    return not all(places.row(mark)[1] for mark in some)


def division_on_a_point(layout: Layout) -> bool:
    """Returns whether a stroke that divides a segment stands on a point or a crossing, or too near to one."""
    some = [mark for mark in layout.marks if isinstance(mark, shapes.Divisions)]
    if not some:
        return False
    taken = np.array([*layout.points.values(), *(complex(*z) for z in spots.crossings(layout.diagram))])
    rings = [(layout.points[c.centre], layout.points[c.through]) for c in layout.program.strokes.circles]
    for x, y in itertools.chain(*(spots.divisions(mark, layout.diagram.points) for mark in some)):
        z = complex(x, y)
        near_ring = any(abs(abs(z - centre) - abs(through - centre)) < DIVISION_PX for centre, through in rings)
        if near_ring or np.abs(taken - z).min() < DIVISION_PX:
            return True
    return False


# Of marks, those that books put where they find room too.
MARK_RULES: tuple[Callable[[Layout], bool], ...] = (lone_mark, mark_on_a_ray, mark_without_room)
# Cheap rules that refuse many figures come first.
RULES: tuple[Callable[[Layout], bool], ...] = (
    off_canvas, points_too_close, cramped, point_nearly_on_a_stroke, value_on_a_divided_segment,
    ticks_on_a_divided_segment, ambiguous_mark, angle_labelled_twice, strokes_side_by_side, area_of_a_divided_region,
    division_on_a_point, *MARK_RULES,
)  # fmt: skip


def faults(layout: Layout) -> Iterator[str]:
    """Yields the names of the rules that a figure breaks, as they are found."""
    return (rule.__name__ for rule in RULES if rule(layout))


def optional_marks(layout: Layout) -> tuple[shapes.Mark, ...]:
    """Chooses the marks of a figure that it could do without. Of a group those that find room stand, if they are more
    than one."""
    for group in layout.program.mark_groups:
        known = {mark.place for mark in layout.optional if isinstance(mark, shapes.Counted)}
        fit = [mark for mark in group if mark_fits(mark, layout)]
        new = (mark for mark in fit if not (isinstance(mark, shapes.Counted) and mark.place in known))
        with_group = replace(layout, optional=(*layout.optional, *new))
        if fit and not any(rule(with_group) for rule in MARK_RULES):
            layout = with_group
    return layout.optional


def mark_fits(mark: shapes.Mark, layout: Layout) -> bool:
    """Returns whether an optional mark can be added to a figure: it is clear what it means, no printed angle has its
    place, none of those that facts speak of has its kind, and ticks stand on undivided segments."""
    others = layout.program.required_marks + layout.program.texts
    if isinstance(mark, shapes.Counted) and any(isinstance(other, type(mark)) for other in others):
        return False
    if isinstance(mark, shapes.Ticks):
        counted = any(isinstance(other, shapes.Divisions) for other in others)
        return not (counted or _is_divided(mark, layout) or _is_ambiguous(mark, layout))
    if isinstance(mark, Angled):
        texts = [t for t in others if isinstance(t, shapes.AngleText) and t.vertex == mark.vertex]
        if any({t.a, t.b} == {mark.a, mark.b} for t in texts):
            return False
    return not _is_ambiguous(mark, layout)


def _is_divided(mark: shapes.LengthText | shapes.Ticks, layout: Layout) -> bool:
    """Returns whether a third point lies on the segment of a mark."""
    a, b = layout.points[mark.a], layout.points[mark.b]
    others = np.array([layout.points[name] for name in layout.program.names if name not in (mark.a, mark.b)])
    return bool((segment_distance(others, a, b) < ON_PX).any())


def _is_ambiguous(mark: shapes.Mark, layout: Layout) -> bool:
    if isinstance(mark, Angled):
        return _is_split(mark, layout)
    if isinstance(mark, shapes.Ticks | shapes.Divisions):
        gaps = mark.count + isinstance(mark, shapes.Ticks)  # `count` ticks, or so many parts
        length_px = abs(layout.points[mark.a] - layout.points[mark.b])
        return length_px < gaps * MIN_TICK_GAP * layout.canvas.size_px
    return False


def _is_split(mark: Angled, layout: Layout) -> bool:
    """Returns whether a stroke runs from an angle's vertex between its arms: the mark might belong to a part."""
    a, vertex, b = (layout.points[name] for name in (mark.a, mark.vertex, mark.b))
    ends = layout.ends
    others = ends[segment_distance(vertex, ends[:, 0], ends[:, 1]) < ON_PX].ravel()
    others = others[np.abs(others - vertex) > ON_PX]
    first, second = angle_deg(a, vertex, others), angle_deg(others, vertex, b)
    between = first + second < angle_deg(a, vertex, b) + SAME_ANGLE_DEG
    return bool(((np.minimum(first, second) > SAME_ANGLE_DEG) & between).any())


# ---- grades -------------------------------------------------------------------------------------------------------

MIN_GAP, MIN_MISS = 0.03, 0.012  # below one of them, or MIN_ANGLE_DEG, a layout is degenerate
GOOD_GAP, GOOD_ANGLE_DEG, GOOD_MISS = 0.12, 22.0, 0.05  # above them more is no better
EXACT = 1e-6  # what is nearer than this is so by construction


def quality(points: dict[str, complex], segments: Sequence[shapes.Segment], circles: Sequence[shapes.Circle]) -> float:
    """Returns how clear a layout is, from 0 (degenerate) to 1, in whatever units the points are. The worst decides: the
    smallest distance between two points, the smallest angle between two strokes in a point (strokes along one line make
    none), and the smallest distance of a point from a stroke that it is not on. Hidden points do not count."""
    width = extent(points, circles)
    if width == 0:
        return 0.0
    places = np.array([z for name, z in points.items() if not name.startswith("_")]) / width
    a, b = np.array([(points[s.a], points[s.b]) for s in segments]).reshape(-1, 2).T / width
    off = segment_distance(places[:, None], a, b)  # float64[points, segments]
    rings = [(points[c.centre] / width, abs(points[c.through] - points[c.centre]) / width) for c in circles]
    off_rings = [np.abs(np.abs(places - centre) - radius) for centre, radius in rings]
    apart = np.abs(places[:, None] - places)[np.triu_indices(len(places), 1)]
    gap, angle = float(np.min(apart, initial=1.0)), _narrowest_deg(off < EXACT, b - a)
    distances = np.concatenate([off.ravel(), *off_rings])
    miss = float(np.min(distances[distances > EXACT], initial=1.0))
    if gap < MIN_GAP or angle < MIN_ANGLE_DEG or miss < MIN_MISS:
        return 0.0
    return min(gap / GOOD_GAP, angle / GOOD_ANGLE_DEG, miss / GOOD_MISS, 1.0)


def extent(points: dict[str, complex], circles: Sequence[shapes.Circle]) -> float:
    """Returns the width of a figure in its own units."""
    corners = list(points.values())
    for circle in circles:
        centre, radius = points[circle.centre], abs(points[circle.through] - points[circle.centre])
        corners += [centre + radius * (1 + 1j), centre - radius * (1 + 1j)]
    xs, ys = np.real(corners), np.imag(corners)
    return float(max(np.ptp(xs), np.ptp(ys)))


def _narrowest_deg(on: np.ndarray, directions: np.ndarray) -> float:
    """Returns the smallest angle between two strokes in a point that is on both, unless they run along one line. `on`:
    bool[points, segments], which points are on which strokes; `directions`: complex[segments]."""
    degrees = np.degrees(np.angle(directions))
    turn = np.abs(degrees[:, None] - degrees) % 180
    turn = np.minimum(turn, 180 - turn)
    meet = (on[:, :, None] & on[:, None, :]).any(0)
    return float(np.min(turn[meet & (turn > 1e-4)], initial=90.0))
