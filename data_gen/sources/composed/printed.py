"""What a composed figure prints: lengths, angles and areas of what it offers (`FigureBuilder`)."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing.regions import divided
from data_gen.families import values
from data_gen.families.edits import MIN_TURN_DEG
from data_gen.geometry.plane import segment_distance
from data_gen.language.fact import Fact
from data_gen.sources.composed.figure import FigureBuilder

LENGTH = 0.5  # share of the figures that print a length though no edit is of it
RADIUS = 0.7  # share of the figures with a radius among their lengths that print one and say so of it
CLEARANCE = 0.02  # in the units of constructions: what is nearer to a line lies on it
ANGLES = {"triangle": "abc", "inscribed_triangle": "abc", "angle": "avb", "quadrilateral": "bad"}  # slot: the points


def draw_prints(
    figure: FigureBuilder, kinds: Collection[str], exchanged: Collection[int], symbolic: float, rng: np.random.Generator
) -> tuple[Fact, ...]:
    """Draws what a figure prints: all that edits of these kinds need, and often a length.

    Args:
      exchanged: the places of the steps that exchanges are of; symbolic: the share of values with an unknown.
    """
    prints = []
    angle = angles(figure, exchanged)
    if angle and "printed_angle" in kinds:
        value = values.draw_symbolic_angle(rng) if rng.random() < symbolic else None
        prints.append(replace(angle[0], value=value))
    possible = list(lengths(figure, exchanged))
    if possible and ("printed_length" in kinds or rng.random() < LENGTH):
        radii = [fact for fact in possible if fact.predicate == "radius"]
        plain = [fact for fact in possible if fact.predicate == "length"]
        possible = radii if radii and rng.random() < RADIUS else plain
        value = (values.draw_symbolic if rng.random() < symbolic else values.draw_length)(rng)
        prints.append(replace(possible[int(rng.integers(len(possible)))], value=value))
    regions = list(areas(figure, exchanged)) if "printed_area" in kinds else []
    if regions:
        prints.append(replace(regions[int(rng.integers(len(regions)))], value=values.draw_area(rng)))
    return tuple(prints)


def angles(figure: FigureBuilder, exchanged: Collection[int]) -> list[Fact]:
    """Returns the angle of the base that a parameter sets, unless the base's shape is exchanged."""
    for place, step in enumerate(figure.steps):
        roles = ANGLES.get(step.row.slot)
        if roles and place not in exchanged and step.row.ranges[0][1] - step.row.ranges[0][0] > MIN_TURN_DEG:
            return [Fact("angle", tuple(step.roles[role] for role in roles))]
    return []


def lengths(figure: FigureBuilder, exchanged: Collection[int]) -> Iterator[Fact]:
    """Yields what may be printed beside free segments that no further point divides: lengths, and radii of circles."""
    points = _solved(figure)
    visible = [name for name in points if not name.startswith("_")]
    for a, b in figure.offers.get("segment", []) if points else ():
        others = np.array([points[name] for name in visible if name not in (a, b)])
        if (segment_distance(others, points[a], points[b]) > CLEARANCE).all():
            yield Fact("length", (a, b))
            yield from (Fact("radius", ends) for ends in ((a, b), (b, a)) if _is_radius(figure, points, *ends))


def _is_radius(figure: FigureBuilder, points: dict[str, complex], o: str, p: str) -> bool:
    """Returns whether op joins the centre of a circle to a point of it."""
    radii = [abs(points[h] - points[o]) for centre, h in figure.offers.get("circle", []) if centre == o]
    return any(abs(abs(points[p] - points[o]) - radius) < 1e-9 for radius in radii)


def areas(figure: FigureBuilder, exchanged: Collection[int]) -> Iterator[Fact]:
    """Yields the areas that may be printed: of triangles, quadrilaterals and circles that no stroke divides."""
    points, program = _solved(figure), Program(tuple(figure.steps))
    drawn, marks = program.strokes, program.required_marks
    for kind in ("triangle", "quadrilateral", "circle"):
        for names in figure.offers.get(kind, []):
            if points and not divided([points[name] for name in names], points, drawn, marks, CLEARANCE):
                yield Fact(f"{kind}_area", names)


def _solved(figure: FigureBuilder) -> dict[str, complex]:
    """Returns where a figure's points lie; none where it has no solution."""
    try:
        return Program(tuple(figure.steps)).points
    except (ZeroDivisionError, ValueError):
        return {}


# Kind of edit of letters and printed values -> whether a figure has something to edit, beside what is exchanged.
POSSIBLE: dict[str, Callable[[FigureBuilder, Collection[int]], bool]] = {
    "labels": lambda figure, exchanged: figure.letters > 2,
    "printed_length": lambda figure, exchanged: any(lengths(figure, exchanged)),
    "printed_angle": lambda figure, exchanged: any(angles(figure, exchanged)),
    "printed_area": lambda figure, exchanged: any(areas(figure, exchanged)),
}
