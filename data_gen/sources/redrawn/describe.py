"""What a FormalGeo problem describes, for the solver: from its own statements, or from the annotation of its picture.

The annotators of 2,244 pictures named points as they liked. Where their figure is the one that FormalGeo describes, the
statements of FormalGeo are taken, at the annotated positions; else the annotation is a description of its own.
Coordinates are complex, pixels of the picture, y upwards (so negative).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.geometry.plane import circumcentre
from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import parse_value
from data_gen.language.predicates.table import PREDICATES
from data_gen.shared.errors import UserError
from data_gen.solver.conditions import OPERATIONS, Description, Formula
from data_gen.sources.formalgeo.cdl import (
    MEASURES,
    Equation,
    Term,
    Unsayable,
    is_sound,
    parse_statement,
    parse_term,
    readable,
)  # fmt: skip
from data_gen.sources.formalgeo.pixels import from_latex, stated_lines
from data_gen.sources.formalgeo.reading import read
from data_gen.sources.redrawn.match import match

ON_ARCS = ("arc", "arc_length", "sector_area", "equal_arc", "radius", "diameter_length", "circumference", "circle_area")


@dataclass(frozen=True)
class Subject:
    """A figure to redraw.

    described: for the solver. printed: facts with the values that the picture prints. arcs: centre -> pairs of points,
    counterclockwise, for circles of which only arcs are drawn. start: annotated positions of all points, or None.
    lettered: whether its letters are those of the problem's text. instead: what to draw where this fails.
    """

    described: Description
    printed: tuple[Fact, ...]
    arcs: dict[str, tuple[tuple[str, str], ...]]
    start: dict[str, complex] | None
    lettered: bool = True
    instead: Subject | None = None


def subject(problem: dict) -> Subject:
    """Returns a problem's figure, with positions if annotated. Raises UserError where it is garbled."""
    try:
        return _subject(problem)
    except (Unsayable, LookupError, TypeError, ValueError, AttributeError, RecursionError) as fault:
        raise UserError(
            f"problem {problem.get('problem_id')}: its statements or its annotation are garbled ({fault!r}); "
            f"fetch the file again"
        ) from None


def _subject(problem: dict) -> Subject:
    reading, _ = read(problem)
    annotation = problem.get("geometry3k_diagram")
    stated = from_statements(problem, reading.printed)
    if not annotation:
        return stated
    pictured = from_annotation(annotation)
    pixels = {name: complex(*xy) for name, xy in annotation["point_positions"].items()}
    names = match(stated.described, pictured.described, pixels)
    placed = reading.points or {}
    if names is None and placed.keys() >= set(stated.described.names):
        names = {name: name for name in placed}
    return replace(_placed(stated, annotation, names), instead=pictured) if names else pictured


# ---- from the statements ------------------------------------------------------------------------------------------


def from_statements(problem: dict, printed: Sequence[Fact]) -> Subject:
    """Returns the figure that FormalGeo's `construction_cdl` and facts describe; no positions."""
    terms = [t for t in map(parse_term, filter(is_sound, problem["construction_cdl"])) if isinstance(t, tuple)]
    shapes = [[part for part in t[1:] if len(part) in (2, 3)] for t in terms if t[0] == "Shape"]
    statements = [*problem["text_cdl"], *problem["image_cdl"]]
    lines = stated_lines(terms, shapes)
    joined = {name for line in lines for name in line}
    arcs = sorted({part for shape in shapes for part in shape if len(part) == 3})
    on_rounds = _on_rounds(terms, arcs)
    centres = _centres(on_rounds, joined, statements)
    circles = {centres[letter]: on for letter, on in on_rounds.items()}
    outlines = [(corners, shape) for shape in shapes if (corners := _corners(shape))]
    facts = dict.fromkeys(_circle_renamed(fact, centres) for fact in _facts(statements))
    names = joined | {n for on in circles.values() for n in on} | set(circles)
    return Subject(
        Description(
            names=tuple(sorted(names)),
            lines=tuple(lines),
            circles=circles,
            faces=tuple(c for c, shape in outlines if len(c) > 2 and all(len(part) == 2 for part in shape)),
            rounds=tuple(corners for corners, _ in outlines),
            arcs=tuple((arc[1], arc[2]) for arc in arcs),
            facts=tuple(_distinct(facts)),
            equations=tuple(_equations(statements, centres)),
        ),
        printed=tuple(_circle_renamed(fact, centres) for fact in printed),
        arcs={centres[o]: part for o, on in on_rounds.items() if (part := _only_arcs(o, on, arcs))},
        start=None,
    )


def _on_rounds(terms: Sequence[tuple], arcs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Returns letter of a circle -> its points, those at the ends of its arcs among them."""
    found = {t[1]: tuple(t[2]) for t in terms if t[0] == "Cocircular" and len(t) == 3}
    for arc in arcs:
        on = found.get(arc[0], ())
        found[arc[0]] = on + tuple(n for n in arc[1:] if n not in on)
    return found | {t[1]: () for t in terms if t[0] == "Cocircular" and len(t) == 2}


def _corners(shape: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the corners of a face in order, an arc "OAB" run through either way; None where edges do not join."""
    if not shape:
        return None
    options = [[part] if len(part) == 2 else [part[1:], part[:0:-1]] for part in shape]
    for edges in itertools.product(*options):
        if all(a[1] == b[0] for a, b in zip(edges, [*edges[1:], edges[0]], strict=True)):
            return tuple(edge[0] for edge in edges)
    return None


def _centres(rounds: Iterable[str], joined: set[str], statements: Sequence[str]) -> dict[str, str]:
    """Maps letter of a circle -> name of its centre, hidden where the figure does not show it."""
    shown = {m[2]: m[1] for s in statements if (m := re.fullmatch(r"IsCentreOfCircle\(([A-Z]),([A-Z])\)", s))}
    return {letter: shown.get(letter, letter if letter in joined else f"_{letter}") for letter in rounds}


def _facts(statements: Sequence[str]) -> Iterator[Fact]:
    for statement in statements:
        try:
            fact = parse_statement(statement)
        except Unsayable:
            continue  # mmgeo formalgeo reports it
        if isinstance(fact, Fact):
            yield fact


def _equations(statements: Sequence[str], centres: dict[str, str]) -> Iterator[tuple[Formula, Formula]]:
    """Yields the equations between measures and numbers; those with unknowns ask for nothing."""
    for statement in dict.fromkeys(statements):
        try:
            found = parse_statement(statement)
            if isinstance(found, Equation):
                yield _formula(found.left, centres), _formula(found.right, centres)
        except (Unsayable, ValueError):
            continue


def _formula(term: Term, centres: dict[str, str]) -> Formula:
    """Returns a term for the solver. Raises ValueError for an unknown or a measure that it does not take."""
    if isinstance(term, str):
        value = parse_value(readable(term))
        if value is None:
            raise ValueError(f"{term} is not a number")
        return value
    head, *parts = term
    if head in OPERATIONS:
        return (head, *(_formula(part, centres) for part in parts))
    predicate = MEASURES[head].value
    if not PREDICATES[predicate].valued or predicate == "arc":
        raise ValueError(f"{head} is not measured")
    return _circle_renamed(Fact(predicate, tuple("".join(parts))), centres)


def _circle_renamed(fact: Fact, centres: dict[str, str]) -> Fact:
    """Renames the circle of a fact from its letter to its centre."""
    if not (PREDICATES[fact.predicate].circles or fact.predicate in ON_ARCS):
        return fact
    places = (0, 3) if fact.predicate == "equal_arc" else (0,)
    args = tuple(centres.get(a, a) if i in places else a for i, a in enumerate(fact.args))
    return Fact(fact.predicate, args, fact.value)


def _distinct(facts) -> Iterator[Fact]:
    seen = set()
    for fact in facts:
        if canonical(fact) not in seen:
            seen.add(canonical(fact))
            yield fact


def _only_arcs(letter: str, on: Sequence[str], arcs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Returns the arcs that are drawn of a circle; none where it is drawn whole."""
    own = tuple((arc[1], arc[2]) for arc in arcs if arc[0] == letter)
    steps = set(zip(on, [*on[1:], *on[:1]], strict=True))
    return () if not own or steps <= set(own) or len(on) < 2 else own


def _placed(stated: Subject, annotation: dict, names: dict[str, str]) -> Subject:
    """Returns the same with positions, those of the annotated points that `names` gives. A hidden centre takes that of
    the annotated circle with the most of its points."""
    positions, on_circles = _positions(annotation), _on_circles(annotation)
    start = {}
    for name in stated.described.names:
        if names.get(name) in positions:
            start[name] = positions[names[name]]
            continue
        on = [names[p] for p in stated.described.circles[name]]
        best = max(on_circles, key=lambda o: len(on_circles[o] & set(on)), default=None)
        if best in positions and on_circles[best] & set(on):
            start[name] = positions[best]
        elif len(on) > 2:
            start[name] = complex(circumcentre(*(positions[p] for p in on[:3])))
        else:
            return replace(stated, start=None)
    return replace(stated, start=start)


# ---- from the annotation ------------------------------------------------------------------------------------------


def from_annotation(annotation: dict) -> Subject:
    """Returns the figure that the annotators of a picture saw: lines, circles, relations and printed values."""
    positions, forms = _positions(annotation), [f.replace(" ", "") for f in annotation["diagram_logic_forms"]]
    lines = [_ordered(line, positions) for line in _lines(annotation, forms, positions)]
    joined = {n for line in lines for n in line}
    hidden = {o: o if o in joined else f"_{o}" for o in annotation.get("circle_instances", ()) if o in positions}
    circles = {}
    for o, on in _on_circles(annotation).items():
        if o in hidden and on:
            counterclockwise = sorted(on & set(positions) - {o}, key=lambda p: np.angle(positions[p] - positions[o]))
            circles[hidden[o]] = tuple(counterclockwise)
    names = joined | set(circles) | {p for on in circles.values() for p in on}
    facts = tuple(_distinct(f for form in forms for f in _read_form(form) if set(f.args) <= names))
    start = {n: positions[n.removeprefix("_")] for n in names}
    described = Description(names=tuple(sorted(names)), lines=tuple(lines), circles=circles, facts=facts)
    return Subject(described, tuple(f for f in facts if f.value is not None), {}, start, lettered=False)


def _positions(annotation: dict) -> dict[str, complex]:
    """Returns pixels of the picture, y upwards."""
    return {name: complex(x, -y) for name, (x, y) in annotation["point_positions"].items()}


def _on_circles(annotation: dict) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {o: set() for o in annotation.get("circle_instances", ())}
    for form in annotation["diagram_logic_forms"]:
        match = re.fullmatch(r"PointLiesOnCircle\(([A-Z]), Circle\(([A-Z]),.*", form)
        if match:
            found.setdefault(match[2], set()).add(match[1])
    return found


def _lines(annotation: dict, forms: Sequence[str], positions: dict[str, complex]) -> list[set[str]]:
    """Returns sets of points on one line: pairs that are joined, grown by the points that are said to lie on them."""
    lines = [set(pair) for pair in annotation["line_instances"] if set(pair) <= set(positions) and len(set(pair)) == 2]
    for form in forms:
        match = re.fullmatch(r"PointLiesOnLine\(([A-Z]),Line\(([A-Z]),([A-Z])\)\)", form)
        if match and set(match.groups()) <= set(positions) and len(set(match.groups())) == 3:
            lines.append(set(match.groups()))
    merged: list[set[str]] = []
    for line in sorted(lines, key=lambda line: (-len(line), sorted(line))):
        grown = line
        for other in [m for m in merged if len(m & grown) > 1]:
            merged.remove(other)
            grown = grown | other
        merged.append(grown)
    return sorted(merged, key=sorted)


def _ordered(line: set[str], positions: dict[str, complex]) -> tuple[str, ...]:
    """Returns the points of a line from one end to the other."""
    a, b = max(itertools.combinations(sorted(line), 2), key=lambda p: abs(positions[p[0]] - positions[p[1]]))
    return tuple(sorted(line, key=lambda p: ((positions[p] - positions[a]) / (positions[b] - positions[a])).real))


PAIR = r"Line\((\w),(\w)\)"
CORNER = r"Angle\((\w),(\w),(\w)\)"
FORMS = (
    ("perpendicular", rf"Perpendicular\({PAIR},{PAIR}\)"),
    ("parallel", rf"Parallel\({PAIR},{PAIR}\)"),
    ("equal_length", rf"Equals\(LengthOf\({PAIR}\),LengthOf\({PAIR}\)\)"),
    ("equal_angle", rf"Equals\(MeasureOf\({CORNER}\),MeasureOf\({CORNER}\)\)"),
    ("length", rf"Equals\(LengthOf\({PAIR}\),([^A-Z]+)\)"),
    ("angle", rf"Equals\(MeasureOf\({CORNER}\),([^A-Z]+)\)"),
)


def _read_form(form: str) -> Iterator[Fact]:
    """Yields the fact that a line of the annotation states, if it is of a kind that we know."""
    for predicate, pattern in FORMS:
        match = re.fullmatch(pattern, form)
        if match:
            arity = PREDICATES[predicate].arity
            groups = match.groups()
            yield Fact(predicate, groups[:arity], from_latex(groups[arity]) if len(groups) > arity else None)
            return
