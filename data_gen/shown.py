"""What a diagram shows by its marks: printed values, ticks, shading, graphs.

Facts of the predicates with `shown` are true where the diagram shows just that, and read nowhere else.
"""

from __future__ import annotations

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
    RegularPolygon: lambda mark: ("inscribed_regular", (mark.centre, mark.corner), str(mark.count)),
    Shade: _shade,
    Graph: lambda graph: ("graph", (graph.origin,), polynomial(graph.coefficients)),
}
