"""What a FormalGeo problem says of its figure beyond single facts: lines, joined points, circles; and where points are.

FormalGeo lists every line that has more than two points, every face with its edges and every circle with its points, so
what is not listed is not drawn. 2,244 problems also give the pixels of points, annotated by hand and under names that
are not always those of the problem: they count only where the figure that they make is the one described.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_gen.geometry.plane import angle_deg, cross
from data_gen.language.fact import Fact
from data_gen.language.numbers import parse_value, same_value
from data_gen.language.predicates.table import PREDICATES
from data_gen.sources.formalgeo.cdl import Unsayable, parse_term, readable

# Of hand-annotated points, as a share of the longest distance in a fact: true facts deviate less, false ones more.
TRUE_WITHIN, FALSE_BEYOND = 0.03, 0.08


@dataclass(frozen=True)
class Figure:
    """The drawing of a problem.

    names: its points; lines: the points of each line in order, two or more; circles: centre -> points on it, for
    circles whose centre is drawn and gives its name; faces: vertices of straight faces, all in one sense of rotation.
    """

    names: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    circles: dict[str, tuple[str, ...]]
    faces: tuple[tuple[str, ...], ...]

    @staticmethod
    def of(construction: Sequence[str], facts_cdl: Sequence[str]) -> Figure:
        """Reads `construction_cdl`, and the statements that tell which centres are drawn."""
        terms = [t for t in map(_letters_term, construction) if t]
        shapes = [t[1:] for t in terms if t[0] == "Shape"]
        on_circles = [t[1:] for t in terms if t[0] == "Cocircular" and len(t) == 3]
        centres = {m[1] for s in facts_cdl if (m := re.fullmatch(r"IsCentreOfCircle\(([A-Z]),\1\)", s))}
        lines = stated_lines(terms, shapes)
        circles = {o: tuple(on) for o, on in on_circles if o in centres}
        names = {n for line in lines for n in line} | {n for _, on in on_circles for n in on} | set(circles)
        return Figure(tuple(sorted(names)), tuple(sorted(lines)), circles, _faces(shapes))

    def line(self, a: str, b: str) -> tuple[str, ...] | None:
        """Returns the drawn line through two points, or None where they are not joined."""
        return next((line for line in self.lines if a in line and b in line), None)

    def off_line(self, p: str, a: str, b: str) -> bool:
        """Returns whether a point is surely not on the line ab: that is drawn, and p is not listed on it."""
        line = self.line(a, b)
        return line is not None and p not in line

    def between(self, p: str, a: str, b: str) -> bool:
        """Returns whether p lies on the segment ab."""
        line = self.line(a, b)
        if line is None or p not in line:
            return False
        return min(line.index(a), line.index(b)) < line.index(p) < max(line.index(a), line.index(b))

    def ray(self, vertex: str, p: str) -> frozenset[str]:
        """Returns the points of the drawn line from a vertex on the side of p, the vertex left out."""
        line = self.line(vertex, p) or (vertex, p)
        v, i = line.index(vertex), line.index(p)
        return frozenset(line[v + 1 :] if i > v else line[:v])


def _letters_term(statement: str) -> tuple[str, ...] | None:
    """Returns the term of a statement about letters, or None for any other."""
    try:
        term = parse_term(statement)
    except Unsayable:
        return None
    if isinstance(term, tuple) and all(isinstance(t, str) and re.fullmatch("[A-Z]+", t) for t in term[1:]):
        return term
    return None


def stated_lines(terms: Sequence[tuple], shapes: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Returns the lines of three and more points, and the edges of faces that are on none of them."""
    lines = [tuple(t[1]) for t in terms if t[0] == "Collinear"]
    pairs = {tuple(sorted(part)) for shape in shapes for part in shape if len(set(part)) == 2 == len(part)}
    return lines + [pair for pair in sorted(pairs) if not any(set(pair) <= set(line) for line in lines)]


def _faces(shapes: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Returns the vertices of the faces whose edges are straight and join."""
    return tuple(
        tuple(part[0] for part in shape)
        for shape in shapes
        if len(shape) > 2 and all(len(a) == 2 and a[1] == b[0] for a, b in itertools.pairwise((*shape, shape[0])))
    )


def annotated_values(annotation: dict | None) -> frozenset[str] | None:
    """Returns the values that annotators read in the picture, as `readable` writes them; None without any."""
    if not annotation:
        return None
    matches = (re.fullmatch(r"Equals\(.*\), (.*)\)", form) for form in annotation.get("diagram_logic_forms", ()))
    return frozenset(from_latex(match[1]) for match in matches if match)


def from_latex(text: str) -> str:
    """Rewrites LaTeX in the form of `readable`: '7\\sqrt{2}' -> '7√2', '\\frac{5}{3}x+11' -> '5x/3+11'."""
    text = re.sub(r"\\frac\{(.*?)\}\{(.*?)\}", r"\1/\2", text)
    text = re.sub(r"\\sqrt\{(.*?)\}", r"√\1", text).replace("^", "**")
    return readable(re.sub(r"(?<=\d)(?=[a-z])", "*", re.sub(r"[\s(){}\\]", "", text)))


def agrees(value: str, annotated: frozenset[str] | None) -> bool:
    """Returns whether a value that is said to be printed was read there."""
    return annotated is None or any(same_value(value, other) for other in annotated)


# ---- positions ----------------------------------------------------------------------------------------------------


def positions(figure: Figure, facts: Sequence[Fact], annotation: dict | None) -> dict[str, complex] | None:
    """Returns pixels of the points (y down) where the annotation fits the figure and its facts; else None."""
    found = {name: complex(*xy) for name, xy in (annotation or {}).get("point_positions", {}).items()}
    if not set(figure.names) <= set(found):
        return None
    points = {name: found[name] for name in figure.names}
    return points if fits(figure, facts, points) else None


def fits(figure: Figure, facts: Sequence[Fact], points: dict[str, complex]) -> bool:
    """Returns whether positions (y down) have lines in order, faces turned one way, and no fact plainly false."""
    return (
        all(_in_order([points[n] for n in line]) for line in figure.lines)
        and len({_turn([points[n] for n in face]) for face in figure.faces}) <= 1
        and not any(verdict(fact, points) == 0 for fact in facts)
        and not any(_far_from(fact, points) for fact in facts if fact.predicate == "angle")
    )


def _in_order(line: list[complex]) -> bool:
    along = (np.array(line) - line[0]) * np.conj(line[-1] - line[0]) / max(abs(line[-1] - line[0]), 1e-9)
    return bool(np.all(np.diff(along.real) > 0) and np.abs(along.imag).max() < FALSE_BEYOND * abs(line[-1] - line[0]))


def _turn(face: list[complex]) -> bool:
    return sum(cross(a, b) for a, b in itertools.pairwise([*face, face[0]])) > 0


def _far_from(fact: Fact, points: dict[str, complex]) -> bool:
    """Returns whether a given angle is nothing like the drawn one: figures are to scale, but not to the degree."""
    given = parse_value(fact.value or "")
    return given is not None and given <= 180 and abs(angle_deg(*(points[n] for n in fact.args)) - given) > 25


def verdict(fact: Fact, points: dict[str, complex]) -> int:
    """Returns 1, 0 or -1: whether a fact holds of annotated positions, plainly fails, or neither."""
    row = PREDICATES[fact.predicate]
    if row.measure is None or not row.positional or not set(fact.args) <= set(points):
        return -1
    used = [points[n] for n in fact.args]
    size = max(abs(a - b) for a, b in itertools.combinations(used, 2))
    deviation, slack = (float(x) / size for x in np.broadcast_arrays(*row.measure(*used)))
    if np.isnan(deviation) or np.isnan(slack):
        return -1
    if deviation > FALSE_BEYOND or slack < -FALSE_BEYOND:
        return 0
    return 1 if deviation < TRUE_WITHIN and slack > TRUE_WITHIN else -1
