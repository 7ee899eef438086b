"""What a diagram shows by its marks: printed values, ticks, shading, graphs.

Facts of the predicates with `shown` are true where the diagram shows just that, and read nowhere else.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Iterator
from typing import Any

from data_gen.diagram import AngleText, Diagram, Divisions, Graph, LengthText, RegularPolygon, Shade, Ticks

Shown = tuple[str, tuple[str, ...], str]  # predicate, names, value ("" where it has none)
COUNTS = {1: "one tick", 2: "two ticks", 3: "three ticks"}
SHADES = {1: "shaded_circle", 3: "shaded_triangle", 4: "shaded_quadrilateral"}


def shown(diagram: Diagram) -> Iterator[Shown]:
    """Everything that the marks of a diagram say."""
    for part in (*diagram.marks, *diagram.shades, *diagram.graphs):
        if type(part) in SAYS:
            yield SAYS[type(part)](part)
    for mark in diagram.marks:
        if isinstance(mark, RegularPolygon):
            yield from _corners(mark, diagram)


def _corners(mark: RegularPolygon, diagram: Diagram) -> Iterator[Shown]:
    """A regular polygon has every named point that lies at a corner, to half a pixel."""
    centre, first = (complex(*diagram.points[name]) for name in (mark.centre, mark.corner))
    for name in diagram.names:
        turn = (complex(*diagram.points[name]) - centre) / (first - centre)
        steps = round(cmath.phase(turn) * mark.count / (2 * cmath.pi))
        if abs(turn - cmath.rect(1, 2 * cmath.pi * steps / mark.count)) * abs(first - centre) < 0.5:
            yield "inscribed_regular", (mark.centre, name), str(mark.count)


def polynomial(coefficients: tuple[float, ...]) -> str:
    """ "2x - 1" for (-1, 2): the terms from the highest power down."""
    terms = []
    for power in reversed(range(len(coefficients))):
        value = coefficients[power]
        if value:
            size = "" if abs(value) == 1 and power else f"{abs(value):g}"
            terms.append(("-" if value < 0 else "+", size + ("", "x", "x²", "x³")[power]))
    sign, first = terms[0] if terms else ("+", "0")
    return ("-" if sign == "-" else "") + first + "".join(f" {sign} {term}" for sign, term in terms[1:])


def _angle(mark: AngleText) -> Shown:
    name = "angle" if mark.text.endswith("°") else "numbered_angle"
    return name, (mark.a, mark.vertex, mark.b), mark.text.rstrip("°")


def _shade(shade: Shade) -> Shown:
    corners = shade.corners[:1] if len(shade.corners) == 2 else shade.corners
    return SHADES[len(corners)], corners, ""


SAYS: dict[type, Callable[[Any], Shown]] = {
    LengthText: lambda mark: ("length", (mark.a, mark.b), mark.text),
    AngleText: _angle,
    Ticks: lambda mark: ("ticked", (mark.a, mark.b), COUNTS[mark.count]),
    Divisions: lambda mark: ("divided", (mark.a, mark.b), str(mark.count)),
    Shade: _shade,
    Graph: lambda graph: ("graph", (graph.origin,), polynomial(graph.coefficients)),
}
