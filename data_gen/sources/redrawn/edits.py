"""Edits of a redrawn figure: one stated fact, one printed value or two letters change, and the figure is solved again.

The new figure is the nearest to the present one in which the changed statement holds and all that was known besides
still does; an edit that leaves no sound figure is not proposed.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from data_gen.constructions.program import Program
from data_gen.families.edits import Edit, exchangeable, kind_of_statements
from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import parse_value
from data_gen.language.predicates.table import PREDICATES
from data_gen.solver.conditions import Description
from data_gen.solver.newton import MARGIN_PX, Unsolved, solve_near, to_diagram
from data_gen.sources.redrawn.possible import possible
from data_gen.sources.redrawn.redraw import Drawing, as_triangle, program
from data_gen.truth.truth_table import holds


class Break(NamedTuple):
    """What is stated in the place of another predicate, and the equations that make it so.

    The equations are those of the predicate `by`, whose first residuals become `aims` (in sines, or shares of the
    figure's width) in place of 0; none means that it holds.
    """

    new: str
    by: str
    aims: tuple[float, ...] | None = None


# Predicate that is stated -> what may be stated in its place.
BREAKS: dict[str, tuple[Break, ...]] = {
    "perpendicular": (Break("oblique", "perpendicular", (0.38,)), Break("oblique", "perpendicular", (-0.38,))),
    "oblique": (Break("perpendicular", "perpendicular"), Break("parallel", "parallel")),
    "perpendicular_bisector": (Break("oblique", "perpendicular", (0.38,)),),
    "parallel": (Break("oblique", "parallel", (0.34,)), Break("oblique", "parallel", (-0.34,))),
    "right": (Break("obtuse", "right", (-0.4,)),),
    "acute": (Break("obtuse", "right", (-0.4,)), Break("right", "right")),
    "obtuse": (Break("right", "right"),),
    "scalene": (Break("isosceles", "isosceles"),),
    "isosceles": (Break("scalene", "isosceles", (0.2,)), Break("scalene", "isosceles", (-0.2,))),
    "equilateral": (Break("isosceles_right", "isosceles_right"),),
    "isosceles_right": (Break("equilateral", "equilateral"),),
    "square": (Break("irregular", "parallelogram", (0.2, 0.25)),),
    "rectangle": (Break("irregular", "parallelogram", (0.2, 0.25)), Break("rhombus", "rhombus")),
    "rhombus": (Break("rectangle", "rectangle"), Break("irregular", "parallelogram", (-0.2, 0.25))),
    "parallelogram": tuple(Break("irregular", "parallelogram", aims) for aims in ((0.2, 0.25), (-0.25, -0.2))),
    **dict.fromkeys(
        ("trapezoid", "isosceles_trapezoid", "right_trapezoid"), (Break("irregular", "trapezoid", (0.34,)),)
    ),
    "midpoint": (Break("trisection", "trisection"),),
    "median": (Break("altitude", "altitude"), Break("bisector", "bisector")),
    "altitude": (Break("median", "median"),),
    "bisector": (Break("median", "median"), Break("altitude", "altitude")),
    "tangent": (Break("crossing", "tangent", (0.5,)), Break("crossing", "tangent", (-0.5,))),
    "off_centre_chord": (Break("diameter", "diameter"),),
    "inside": (Break("on_circle", "on_circle"), Break("outside", "on_circle", (0.12,))),
    "outside": (Break("on_circle", "on_circle"),),
    "irregular": (Break("trapezoid", "trapezoid"),),
    "diameter": (Break("off_centre_chord", "diameter", (0.1, 0.1)),),
    "on_circle": (Break("inside", "on_circle", (-0.14,)), Break("outside", "on_circle", (0.14,))),
}
TURNS_DEG = (-30, -20, -15, -12, 12, 15, 20, 30)  # changes of a printed angle
STRETCHES = (0.5, 0.6, 0.75, 0.8, 0.85, 1.15, 1.2, 1.4, 1.6, 2.0)  # of a printed length
VALUES = 4  # that are tried in the place of one
SWAPS = 4  # pairs of letters that are tried
# The drawings behind the programs of a family, so that edits can follow one another.
Drawings = dict[Program, Drawing]
Change = Callable[[Program], Program]


@dataclass(frozen=True)
class Option:
    """An edit that may be chosen: what it changes (no two of a family change the same), and how. An edit of a fact is
    made for its place among the stated facts."""

    about: object
    axis: str
    kind: str
    change: Callable[[int], Change]
    fact: Fact | None = None


def options(drawing: Drawing, facts: Sequence[Fact], drawings: Drawings, rng: np.random.Generator) -> list[Option]:
    """Lists everything that could be edited: facts by the table, printed values; in random order, the axes in turn."""
    found = []
    for fact in facts:
        axis = PREDICATES[fact.predicate].axis
        for row in BREAKS.get(fact.predicate, ()):
            kind = kind_of_statements([fact.predicate, row.new])
            change = partial(_restating, partial(_broken, row), drawings)
            found.append(Option(canonical(fact), axis, kind, change, fact))
    for fact in facts:
        for value in _others(fact, rng) if fact.predicate == "angle" else ():
            change = partial(_restating, partial(_revalued, value), drawings)
            found.append(Option(canonical(fact), "value", "printed_angle", change, fact))
    for i, fact in enumerate(drawing.printed):
        for value in _others(fact, rng):
            change = partial(_reprinting, i, value, drawings)
            found.append(Option(canonical(fact), "value", f"printed_{fact.predicate}", change))
    pairs = exchangeable(program(drawing, ()))
    for i in rng.permutation(len(pairs))[:SWAPS]:
        found.append(Option("order", "order", "labels", partial(_swapping, *pairs[i])))
    by_axis: dict[str, list[Option]] = {}
    for i in rng.permutation(len(found)):
        by_axis.setdefault(found[i].axis, []).append(found[i])
    for some in by_axis.values():
        some.sort(key=lambda o: o.fact is not None and o.fact.predicate == "oblique")  # any two lines have it
    turns = [some for row in itertools.zip_longest(*by_axis.values()) for some in row]
    return [option for option in turns if option]


def triples(found: Sequence[Option], count: int, rng: np.random.Generator) -> list[tuple[Option, ...]]:
    """Returns all choices of `count` options about different things in random order, those on the most axes first."""
    distinct = [some for some in itertools.combinations(found, count) if len({o.about for o in some}) == count]
    shuffled = [distinct[i] for i in rng.permutation(len(distinct))]
    return sorted(shuffled, key=lambda some: -len({o.axis for o in some}))


def plan(
    drawing: Drawing, chosen: Sequence[Option], facts: Sequence[Fact], drawings: Drawings, stated: int
) -> tuple[Program, list[Edit]] | None:
    """Returns the program that states the facts to be edited and up to `stated` others which hold at every corner of
    the cube, and the edits; None where some corner has no figure, or prints what cannot be."""
    edited = [o.fact for o in chosen if o.fact]
    places = iter(range(len(edited)))
    changes = [(o, o.change(next(places) if o.fact else -1)) for o in chosen]
    moving = [change for option, change in changes if option.axis != "order"]
    start = sketch(drawings, drawing, tuple(edited))
    corners = [start]
    for change in moving:
        corners += [change(corner) for corner in corners]
    if not all(corner.steps[0].params for corner in corners):
        return None
    views = [to_diagram(drawings[corner].found) for corner in corners]
    # Problems do not say of lines that they are oblique: it is stated only where an edit is of it.
    others = (f for f in facts if f not in edited and f.predicate != "oblique")
    holding = [f for f in others if all(holds(f, diagram, MARGIN_PX) == 1 for diagram in views)]
    kept = tuple(holding[: max(0, stated - len(edited))])
    if not all(possible(drawings[corner], corner.states + kept, corner.prints) for corner in corners):
        return None
    anchor = sketch(drawings, drawing, (*edited, *kept))
    return anchor, [Edit(o.axis, change, o.kind) for o, change in changes]


def _swapping(first: str, second: str, _: int) -> Change:
    """Swaps two letters. Last in a product: the drawing behind the program is not renamed."""
    return lambda made: made.rename({first: second, second: first})


def _solved(made: Program, drawings: Drawings, drawing: Drawing, states: tuple[Fact, ...]) -> Program:
    """Returns the program of a changed drawing, solved again from where it is. Where it has no figure, the program has
    no coordinates, and is refused when it is drawn."""
    try:
        found = solve_near(drawing.described, drawing.found.points, drawing.found.radii)
    except Unsolved:
        return replace(made, steps=(replace(made.steps[0], params=()),))
    return sketch(drawings, replace(drawing, found=found), states)


def sketch(drawings: Drawings, drawing: Drawing, states: tuple[Fact, ...]) -> Program:
    """Returns the program of a drawing that states these facts; `drawings` remembers where it comes from."""
    made = program(drawing, states)
    drawings[made] = drawing
    return made


# ---- facts --------------------------------------------------------------------------------------------------------


def _restating(restated: Callable[[Description, Fact], tuple[Description, Fact]], drawings: Drawings, i: int) -> Change:
    """Puts another fact in the place of the i-th stated one: `restated` returns it, and the description with it."""

    def change(made: Program) -> Program:
        if not made.steps[0].params:
            return made
        described, new = restated(drawings[made].described, made.states[i])
        states = made.states[:i] + (new,) + made.states[i + 1 :]
        return _solved(made, drawings, replace(drawings[made], described=described), states)

    return change


def _broken(row: Break, described: Description, old: Fact) -> tuple[Description, Fact]:
    """Returns the description with what a row of BREAKS puts in the place of a fact, and what is stated of it."""
    kept = [(i, f) for i, f in enumerate(described.facts) if canonical(as_triangle(f)) != canonical(old)]
    aims = [*(described.targets.get(i) for i, _ in kept), row.aims]
    # The targets are numbered by facts: the new one comes last.
    targets = {i: aim for i, aim in enumerate(aims) if aim is not None}
    circles = dict(described.circles)
    if old.predicate == "on_circle":
        circles[old.args[0]] = tuple(p for p in circles[old.args[0]] if p != old.args[1])
    facts = (*(f for _, f in kept), Fact(row.by, old.args))
    return replace(described, facts=facts, targets=targets, circles=circles), Fact(row.new, old.args)


def _revalued(value: str, described: Description, old: Fact) -> tuple[Description, Fact]:
    """Returns the description with another value of a fact, and the fact with it."""
    new = replace(old, value=value)
    facts = tuple(new if canonical(f) == canonical(old) else f for f in described.facts)
    return replace(described, facts=facts), new


# ---- printed values -----------------------------------------------------------------------------------------------


def _others(fact: Fact, rng: np.random.Generator) -> list[str]:
    """Draws values of the same form: another size that the figure can have, or other numbers beside unknowns."""
    text = fact.value or ""
    size = parse_value(text)
    if size is not None and fact.predicate == "angle":
        sizes = [size + turn for turn in rng.permutation(TURNS_DEG)]
        return [f"{value:g}" for value in sizes if 15 <= value <= 165][:VALUES]
    if size is not None:
        sizes = [max(1.0, round(size * stretch)) for stretch in rng.permutation(STRETCHES)]
        return [f"{value:g}" for value in sizes if f"{value:g}" != text][:VALUES]
    digits = list(re.finditer(r"\d+", text))
    if not digits:
        return [text.translate({ord(a): b}) for a, b in itertools.pairwise("xyzx") if a in text]
    chosen = digits[int(rng.integers(len(digits)))]
    new = int(chosen[0]) + int(rng.integers(1, 9))
    return [text[: chosen.start()] + str(new) + text[chosen.end() :]]


def _reprinting(i: int, value: str, drawings: Drawings, _: int) -> Change:
    """Gives another value to the i-th printed measure."""

    def change(made: Program) -> Program:
        if not made.steps[0].params:
            return made
        drawing = drawings[made]
        described, new = _revalued(value, drawing.described, made.prints[i])
        changed = replace(drawing, printed=made.with_print(i, new).prints, described=described)
        if described == drawing.described:  # the value did not shape the figure
            return sketch(drawings, changed, made.states)
        return _solved(made, drawings, changed, made.states)

    return change
