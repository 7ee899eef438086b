"""A drawn figure -> the annotations of its record: what the picture shows, and where."""

from collections.abc import Iterable, Iterator
from math import atan2, ceil, cos, degrees, dist, floor, pi, sin

from data_gen.drawing.glyphs import glyph
from data_gen.drawing.labels import Label
from data_gen.drawing.strokes import Box as FloatBox
from data_gen.drawing.strokes import Ink, arc_span
from data_gen.geometry import diagram as shapes
from data_gen.geometry.diagram import Diagram, Point
from data_gen.records.annotations import Annotations, Box

CURVE_STEP = 8  # of the points of a graph, every so many are kept
MARK_KINDS: dict[type, str] = {
    shapes.Ticks: "ticks", shapes.ParallelArrows: "chevrons", shapes.RightAngle: "right_angle",
    shapes.AngleArc: "angle_arc", shapes.AngleText: "angle_arc", shapes.Divisions: "divisions",
}  # fmt: skip


def annotate(diagram: Diagram, labels: Iterable[Label], ink: Ink) -> Annotations:
    """Lists what stands where in the picture that `raster.to_pixels(diagram, labels)` draws; `ink` is the diagram's."""
    marks = [
        (MARK_KINDS[type(mark)], getattr(mark, "count", 1), _outwards(box))
        for mark, box in ink.mark_boxes
        if type(mark) in MARK_KINDS
    ]
    return Annotations(
        characters=tuple(row for label in labels for row in _characters(label)),
        points=tuple((name, (round(x), round(y))) for name in diagram.names for x, y in (diagram.points[name],)),
        strokes=tuple((kind, _rounded(*numbers)) for kind, numbers in _strokes(diagram, ink)),
        marks=tuple(marks + [("shade", 1, _around(diagram, shade)) for shade in diagram.shades]),
    )


def _characters(label: Label) -> Iterator[tuple[str, Box]]:
    """Yields the characters of a text with the boxes around their ink."""
    (x, y), size = label.origin, label.font_px
    for char in label.text:
        shape = glyph(label.letter_font if char.isalpha() else label.font, char)
        if shape.ops:
            x0, y0, x1, y1 = shape.box
            yield char, _outwards((x + x0 * size, y + y0 * size, x + x1 * size, y + y1 * size))
        x += shape.advance * size


def _strokes(diagram: Diagram, ink: Ink) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yields the kind of each stroke, and the numbers that place it."""
    points = diagram.points
    for s in diagram.segments:
        kind = "line" if s.arrows else "ray" if s.ray else "dashed" if s.dashed else "segment"
        yield kind, (*points[s.a], *points[s.b])
    for circle in diagram.circles:
        centre = points[circle.centre]
        yield "circle", (*centre, dist(centre, points[circle.through]))
    for arc in diagram.arcs:
        centre = points[arc.centre]
        start, sweep = arc_span(*(points[name] for name in (arc.centre, arc.a, arc.via, arc.b)))
        yield "arc", (*centre, dist(centre, points[arc.a]), degrees(start), degrees(sweep))
    for mark in diagram.marks:
        if isinstance(mark, shapes.RegularPolygon):
            yield from _sides(points[mark.centre], points[mark.corner], mark.count)
    for axes, curve in ink.graphs:
        for axis in axes:
            yield "axis", axis
        kept = [*curve[:-1:CURVE_STEP], curve[-1]] if curve else []
        if kept:
            yield "curve", tuple(number for point in kept for number in point)


def _sides(centre: Point, corner: Point, count: int) -> Iterator[tuple[str, tuple[float, ...]]]:
    start, radius = atan2(corner[1] - centre[1], corner[0] - centre[0]), dist(centre, corner)
    turns = [start + 2 * pi * i / count for i in range(count + 1)]
    corners = [(centre[0] + radius * cos(turn), centre[1] + radius * sin(turn)) for turn in turns]
    for a, b in zip(corners, corners[1:], strict=False):
        yield "segment", (*a, *b)


def _around(diagram: Diagram, shade: shapes.Shade) -> Box:
    """Returns the box around a shaded region."""
    corners = [diagram.points[name] for name in shade.corners]
    if len(corners) == 2:
        (x, y), radius = corners[0], dist(*corners)
        return _outwards((x - radius, y - radius, x + radius, y + radius))
    xs, ys = zip(*corners, strict=True)
    return _outwards((min(xs), min(ys), max(xs), max(ys)))


def _rounded(*numbers: float) -> tuple[int, ...]:
    return tuple(round(number) for number in numbers)


def _outwards(box: FloatBox) -> Box:
    """Returns the smallest box of whole pixels around a box."""
    return floor(box[0]), floor(box[1]), ceil(box[2]), ceil(box[3])
