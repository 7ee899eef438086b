"""Defines what strokes and marks show, read off their coordinates: the part of the definitions that is ink.

A definition looks at a diagram, the fact's names and its value, and says True, False, or None where it decides nothing.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable

from checker.arithmetic import Condition, Point, angle, arm, distance, middle, off_line, same, scalar
from data_gen.geometry.diagram import (
    AngleText,
    ArcText,
    AreaText,
    Diagram,
    Divisions,
    LengthText,
    RegularPolygon,
    Ticks,
)

NEAR_PX = 0.05  # what is drawn through a point passes it no farther away
Line = tuple[Point, Point]


def lines(diagram: Diagram, dashed: bool | None = None) -> list[Line]:
    """Returns the straight strokes, or only the dashed or the solid ones."""
    some = (s for s in diagram.segments if dashed in (None, s.dashed))
    return [(diagram.points[s.a], diagram.points[s.b]) for s in some]


def uncovered_px(a: Point, b: Point, strokes: list[Line]) -> float:
    """Returns the length of the segment ab that no stroke runs along."""
    size, reached, bare = distance(a, b), 0.0, 0.0
    along = [
        sorted(scalar(a, b, a, end) / size for end in (p, q))
        for p, q in strokes
        if max(off_line(p, a, b), off_line(q, a, b)) < NEAR_PX
    ]
    for low, high in sorted(along):
        if high > reached:
            bare += max(0.0, min(low, size) - reached)
            reached = min(high, size)
    return bare + size - reached


def runs_along(a: Point, b: Point, strokes: list[Line]) -> bool | None:
    """Tells whether strokes cover ab, or are missing from some of it only."""
    bare = uncovered_px(a, b, strokes)
    return True if bare < NEAR_PX else False if bare > distance(a, b) - NEAR_PX else None


def joined(diagram: Diagram, names: tuple[str, ...], value: str) -> bool:
    a, b = (diagram.points[n] for n in names)
    return uncovered_px(a, b, lines(diagram)) < NEAR_PX


def line_style(dashed: bool) -> Callable[[Diagram, tuple[str, ...], str], bool | None]:
    def drawn(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | None:
        a, b = (diagram.points[n] for n in names)
        wanted, other = (runs_along(a, b, lines(diagram, d)) for d in (dashed, not dashed))
        return None if wanted is None or (wanted and other) else wanted

    return drawn


def printed(
    kind: type, names_of: Callable, text_of: Callable
) -> Callable[[Diagram, tuple[str, ...], str], bool | None]:
    """Tells whether the marks of a kind on these names say the value (True) or another (False); None without any."""

    def drawn(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | None:
        found = {text_of(m) for m in diagram.marks if isinstance(m, kind) and names_of(m) in (names, names[::-1])}
        found.discard(None)
        return None if len(found) != 1 else found == {value}

    return drawn


def only_if(decide: Callable[..., bool | None]) -> Callable[[Diagram, tuple[str, ...], str], bool]:
    """Takes what no mark says for false."""
    return lambda diagram, names, value: bool(decide(diagram, names, value))


def measured_angle(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | list[Condition] | None:
    """As printed; as it measures where nothing is printed, for a number."""
    said = ANGLE(diagram, names, value)
    if said is None and re.fullmatch(r"\d+(\.\d+)?", value):
        a, v, b = (diagram.points[n] for n in names)
        return same((angle(a, v, b) - math.radians(float(value))) * arm((v, a), (v, b)))
    return said


def regular_inscribed(diagram: Diagram, names: tuple[str, ...], value: str) -> bool:
    """Strokes join the corners of a regular polygon, one of which is the second point, about the first one."""
    (ox, oy), (x, y) = (diagram.points[n] for n in names)
    radii = [distance(diagram.points[c.centre], diagram.points[c.through]) for c in diagram.circles
             if distance(diagram.points[c.centre], (ox, oy)) < NEAR_PX]  # fmt: skip
    if not any(abs(r - distance((ox, oy), (x, y))) < NEAR_PX for r in radii):
        return False
    edges = lines(diagram)
    for mark in diagram.marks:
        if isinstance(mark, RegularPolygon):
            edges += ring(diagram.points[mark.centre], diagram.points[mark.corner], mark.count)
    return all(uncovered_px(p, q, edges) < 10 * NEAR_PX for p, q in ring((ox, oy), (x, y), int(value)))


def ring(centre: Point, corner: Point, count: int) -> list[Line]:
    """Returns the sides of a regular polygon."""
    x, y = corner[0] - centre[0], corner[1] - centre[1]
    turns = [2 * math.pi * k / count for k in range(count + 1)]
    round_ = [(centre[0] + x * math.cos(t) - y * math.sin(t), centre[1] + x * math.sin(t) + y * math.cos(t))
              for t in turns]  # fmt: skip
    return list(itertools.pairwise(round_))


TERM = re.compile(r"([+-]?)(\d*\.?\d*)(x?)([²³]?)")


def graph(diagram: Diagram, names: tuple[str, ...], value: str) -> bool:
    """Axes cross at the point, and the graph in them passes through the points of the polynomial."""

    def at(x: float) -> float:
        total = 0.0
        for sign, size, letter, power in TERM.findall(value.replace(" ", "")):
            if size or letter:
                degree = {"": 1, "²": 2, "³": 3}[power] if letter else 0
                total += (-1 if sign == "-" else 1) * float(size or 1) * x**degree
        return total

    here = [g for g in diagram.graphs if distance(diagram.points[g.origin], diagram.points[names[0]]) < NEAR_PX]
    places = [k / 2 for k in range(-6, 7)]
    return any(all(abs(at(x) - sum(c * x**k for k, c in enumerate(g.coefficients))) < 1e-9 for x in places)
               for g in here)  # fmt: skip


def shaded(diagram: Diagram, names: tuple[str, ...], value: str) -> bool:
    """Demands that the corners of a filled region are those points, in order round either way."""
    wanted = [diagram.points[n] for n in names]
    for shade in diagram.shades:
        have = [diagram.points[n] for n in shade.corners]
        for turned in (have[k:] + have[:k] for k in range(len(have))):
            for order in (turned, turned[::-1]):
                if len(order) == len(wanted) and all(map(close, order, wanted)):
                    return True
    return False


def shaded_circle(diagram: Diagram, names: tuple[str, ...], value: str) -> bool:
    centres = [diagram.points[s.corners[0]] for s in diagram.shades if len(s.corners) == 2]
    return any(close(centre, diagram.points[names[0]]) for centre in centres)


def close(p: Point, q: Point) -> bool:
    return distance(p, q) < NEAR_PX


def ends(mark: LengthText | Ticks | Divisions) -> tuple[str, str]:
    return mark.a, mark.b


def in_angle(degrees: bool) -> Callable[[Diagram, tuple[str, ...], str], bool | None]:
    """As `printed`, for the texts in an angle, whatever points of its arms name it: its measure or its number."""

    def drawn(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | None:
        a, v, b = (diagram.points[n] for n in names)
        found = set()
        for mark in diagram.marks:
            if isinstance(mark, AngleText) and mark.text.endswith("°") == degrees:
                p, vertex, q = (diagram.points[n] for n in (mark.a, mark.vertex, mark.b))
                ways = max(angle(a, v, p), angle(b, v, q)), max(angle(a, v, q), angle(b, v, p))
                if close(vertex, v) and min(ways) < 1e-3:
                    found.add(mark.text.rstrip("°"))
        return None if len(found) != 1 else found == {value}

    return drawn


def of_circle(diameter: bool) -> Callable[[Diagram, tuple[str, ...], str], bool | None]:
    """As `printed`, for lengths beside segments from the circle's centre to a point of it, or right across it."""

    def drawn(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | None:
        o, found = diagram.points[names[0]], set()
        radii = [distance(o, diagram.points[c.through]) for c in diagram.circles if close(o, diagram.points[c.centre])]
        for mark in diagram.marks if radii else ():
            if isinstance(mark, LengthText):
                a, b = diagram.points[mark.a], diagram.points[mark.b]
                far = sorted((distance(o, a), distance(o, b)))
                wanted = [radii[0], radii[0]] if diameter else [0.0, radii[0]]
                across = not diameter or close(middle(a, b), o)
                if across and max(abs(p - q) for p, q in zip(far, wanted, strict=True)) < NEAR_PX:
                    found.add(mark.text)
        return None if len(found) != 1 else found == {value}

    return drawn


def in_region(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | None:
    """As `printed`, for texts inside a polygon with those corners in order round, or a circle about that point."""
    wanted, found = [diagram.points[n] for n in names], set()
    for mark in diagram.marks:
        if isinstance(mark, AreaText):
            have = [diagram.points[n] for n in (mark.corners[:1] if len(mark.corners) == 2 else mark.corners)]
            round_ = [order[k:] + order[:k] for order in (have, have[::-1]) for k in range(len(have))]
            if any(len(order) == len(wanted) and all(map(close, order, wanted)) for order in round_):
                found.add(mark.text)
    return None if len(found) != 1 else found == {value}


def beside_arc(diagram: Diagram, names: tuple[str, ...], value: str) -> bool | None:
    """As `printed`, for texts beside an arc: o, a, b of the shorter one, o, a, c, b of that by way of c."""
    o, a, *via, b = (diagram.points[n] for n in names)
    found = set()
    for mark in diagram.marks:
        if isinstance(mark, ArcText) and bool(mark.via) == bool(via):
            have = [diagram.points[n] for n in (mark.a, mark.b)]
            there = close(o, diagram.points[mark.centre]) and any(
                close(p, a) and close(q, b) for p, q in (have, have[::-1])
            )
            if there and (not via or close(via[0], diagram.points[mark.via])):
                found.add(mark.text.rstrip("°"))
    return None if len(found) != 1 else found == {value}


ANGLE, NUMBER = in_angle(True), in_angle(False)
TICKS = {1: "one tick", 2: "two ticks", 3: "three ticks"}

# name -> (diagram, names, value) -> True, False, None, or conditions where something is measured after all
BY_INK: dict[str, Callable[[Diagram, tuple[str, ...], str], bool | list[Condition] | None]] = {
    "joined": joined,
    "apart": lambda *asked: not joined(*asked),
    "dashed": line_style(True),
    "solid": line_style(False),
    "length": printed(LengthText, ends, lambda m: m.text),
    "angle": measured_angle,
    "numbered_angle": only_if(NUMBER),
    "arc": beside_arc,
    "major_arc": beside_arc,
    "radius": of_circle(diameter=False),
    "diameter_length": of_circle(diameter=True),
    "triangle_area": in_region,
    "quadrilateral_area": in_region,
    "circle_area": in_region,
    "ticked": only_if(printed(Ticks, ends, lambda m: TICKS[m.count])),
    "divided": only_if(printed(Divisions, ends, lambda m: str(m.count))),
    "inscribed_regular": regular_inscribed,
    "graph": graph,
    "shaded_triangle": shaded,
    "shaded_quadrilateral": shaded,
    "shaded_circle": shaded_circle,
}
