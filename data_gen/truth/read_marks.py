"""Reads what a diagram shows by its marks: printed values, ticks, shading, graphs.

Facts of predicates with `from_marks` are true where the diagram shows just that, and read nowhere else.
"""

import cmath
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from data_gen.geometry import diagram as shapes
from data_gen.geometry.diagram import Diagram
from data_gen.language.numbers import TICK_WORDS, format_polynomial

MarkedFact = tuple[str, tuple[str, ...], str]  # predicate, names, value ("" where it has none)
SHADES = {1: "shaded_circle", 3: "shaded_triangle", 4: "shaded_quadrilateral"}
AREAS = {1: "circle_area", 3: "triangle_area", 4: "quadrilateral_area"}
ON_CIRCLE_PX = 0.5
SAME_RAY = cmath.pi / 1800  # radians


def read_marks(diagram: Diagram) -> Iterator[MarkedFact]:
    """Yields everything that the marks of a diagram say."""
    for part in (*diagram.marks, *diagram.shades, *diagram.graphs):
        if type(part) in MARK_READERS:
            yield MARK_READERS[type(part)](part)
    for mark in diagram.marks:
        if isinstance(mark, shapes.RegularPolygon):
            yield from _corners(mark, diagram)
        elif isinstance(mark, shapes.AngleText):
            yield from _angles(mark, diagram)
    yield from _of_circles(diagram)


def _of_circles(diagram: Diagram) -> Iterator[MarkedFact]:
    """Takes a length printed on a radius or a diameter for the circle's, unless there are two that differ."""
    points = {name: complex(*xy) for name, xy in diagram.points.items()}
    lengths = [mark for mark in diagram.marks if isinstance(mark, shapes.LengthText)]
    for circle in diagram.circles if lengths else ():
        o, radius = points[circle.centre], abs(points[circle.through] - points[circle.centre])
        said: dict[str, set[str]] = {"radius": set(), "diameter_length": set()}
        for mark in lengths:
            a, b = points[mark.a] - o, points[mark.b] - o
            on = sum(abs(abs(z) - radius) < ON_CIRCLE_PX for z in (a, b))
            if on == 1 and circle.centre in (mark.a, mark.b):
                said["radius"].add(mark.text)
            elif on == 2 and abs(a + b) < ON_CIRCLE_PX:
                said["diameter_length"].add(mark.text)
        for predicate, texts in said.items():
            if len(texts) == 1 and circle.centre in diagram.names:
                yield predicate, (circle.centre,), texts.pop()


def _corners(mark: shapes.RegularPolygon, diagram: Diagram) -> Iterator[MarkedFact]:
    """Gives a regular polygon every named point that lies at a corner, to half a pixel."""
    centre, first = (complex(*diagram.points[name]) for name in (mark.centre, mark.corner))
    for name in diagram.names:
        turn = (complex(*diagram.points[name]) - centre) / (first - centre)
        steps = round(cmath.phase(turn) * mark.count / (2 * cmath.pi))
        if abs(turn - cmath.rect(1, 2 * cmath.pi * steps / mark.count)) * abs(first - centre) < 0.5:
            yield "inscribed_regular", (mark.centre, name), str(mark.count)


def _angles(mark: shapes.AngleText, diagram: Diagram) -> Iterator[MarkedFact]:
    """Gives a text in an angle to all points of its two rays, to a tenth of a degree."""
    predicate = "angle" if mark.text.endswith("°") else "numbered_angle"
    vertex, *ends = (complex(*diagram.points[name]) for name in (mark.vertex, mark.a, mark.b))
    places = {name: complex(*diagram.points[name]) - vertex for name in diagram.names if name != mark.vertex}
    first, second = (
        [name for name, place in places.items() if abs(cmath.phase(place * (end - vertex).conjugate())) < SAME_RAY]
        for end in ends
    )
    for a, b in itertools.product(first, second):
        yield predicate, (a, mark.vertex, b), mark.text.rstrip("°")


def _arc(mark: shapes.ArcText) -> MarkedFact:
    if mark.via:
        return "major_arc", (mark.centre, mark.a, mark.via, mark.b), mark.text.rstrip("°")
    return "arc", (mark.centre, mark.a, mark.b), mark.text.rstrip("°")


def _region(predicates: dict[int, str], corners: tuple[str, ...], value: str = "") -> MarkedFact:
    """Names a region by a circle's centre, or a polygon's corners: their number chooses the predicate."""
    names = corners[:1] if len(corners) == 2 else corners
    return predicates[len(names)], names, value


MARK_READERS: dict[type, Callable[[Any], MarkedFact]] = {
    shapes.LengthText: lambda mark: ("length", (mark.a, mark.b), mark.text),
    shapes.ArcText: _arc,
    shapes.AreaText: lambda mark: _region(AREAS, mark.corners, mark.text),
    shapes.Ticks: lambda mark: ("ticked", (mark.a, mark.b), TICK_WORDS[mark.count]),
    shapes.Divisions: lambda mark: ("divided", (mark.a, mark.b), str(mark.count)),
    shapes.Shade: lambda shade: _region(SHADES, shade.corners),
    shapes.Graph: lambda graph: ("graph", (graph.origin,), format_polynomial(graph.coefficients)),
}
