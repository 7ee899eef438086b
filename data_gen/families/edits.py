"""Edits of a program, their kinds in one table, and the rule by which an edited figure is accepted.

The paper's four axes (order, shape, relation, value) are divided into kinds; what exchanges of constructions belong to
which is `PERTURBATIONS`.

An edit is proposed for one program and can be applied to any program with the same steps, so that a cube of edits is
their products. Renaming comes last in a product: it changes the names that the other edits speak of.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.row import Construction
from data_gen.constructions.table import CONSTRUCTIONS, construction
from data_gen.families.values import AREAS, LENGTHS, draw_alike, is_symbolic
from data_gen.language.predicates.table import PREDICATES

AXES = ("order", "shape", "relation", "value")
MIN_TURN_DEG = 10  # the least change of a printed angle


@dataclass(frozen=True)
class Edit:
    """One change: the axis that it lies on, what it makes of a program, and the kind (a row of PERTURBATIONS)."""

    axis: str
    apply: Callable[[Program], Program]
    kind: str


@dataclass(frozen=True)
class Perturbation:
    """A kind of edit.

    slots: exchanging any two rows of these is of this kind, unless a row that names the pair of predicates says
    otherwise; pairs: what is stated before and after, in either order, whatever the slot.
    """

    name: str
    axis: str
    slots: str = ""
    pairs: tuple[str, ...] = ()


PERTURBATIONS = (
    Perturbation("labels", "order"),
    Perturbation("printed_length", "value"),
    Perturbation("printed_angle", "value"),
    Perturbation("printed_area", "value"),
    Perturbation("shape", "shape", "triangle inscribed_triangle quadrilateral pentagon hexagon heptagon octagon angle"),
    Perturbation(
        "role",
        "relation",
        "cevian chord corner_line circled",
        ("median/altitude", "median/bisector", "altitude/bisector", "diameter/off_centre_chord"),
    ),  # fmt: skip
    Perturbation("centre", "relation", "centre"),
    Perturbation("replaced", "relation", "cross crossline", ("perpendicular/parallel",)),
    Perturbation(
        "ratio",
        "relation",
        "division side_point transversal_point midsegment",
        ("median/trisection", "midpoint/trisection", "midpoint/on_segment"),
    ),  # fmt: skip
    Perturbation("betweenness", "relation", "extension"),
    Perturbation("incidence", "relation", "incidence place", ("inside/on_circle", "outside/on_circle")),
    Perturbation("inside_outside", "relation", "interior side", ("inside/outside",)),
    Perturbation("tangency", "relation", "touch line_by_circle", ("tangent/off_centre_chord", "tangent/crossing")),
    Perturbation("two_circles", "relation", "second_circle"),
    Perturbation("parallel", "relation", "lines vertex_line", ("parallel/oblique",)),
    Perturbation(
        "perpendicular", "relation", "transversal crosser", ("perpendicular/oblique", "perpendicular_bisector/oblique")
    ),  # fmt: skip
    Perturbation("concyclic", "relation", "fourth"),
    Perturbation("congruence", "relation", "copy quadrilateral_copy"),
    Perturbation("element", "relation", "joined"),
    Perturbation("dashes", "relation", "dashes"),
    Perturbation("shading", "relation", "shading half_shaded"),
    Perturbation("ticks", "relation", "ticks"),
    Perturbation("numbered", "relation", "numbered"),
    Perturbation("count", "relation", "parts polygon"),
    Perturbation("sector", "relation", "sector wedge arc"),
    Perturbation("graph", "relation", "graph"),
)
OTHER = "replaced"
KIND_OF_SLOT = {slot: row.name for row in PERTURBATIONS for slot in row.slots.split()}
KIND_OF_PAIR = {frozenset(pair.split("/")): row.name for row in PERTURBATIONS for pair in row.pairs}


def kind_of(first: str, second: str) -> str:
    """The kind of an exchange of two constructions of one slot."""
    rows = construction(first), construction(second)
    stated = [fact.split()[0] for row in rows for fact in row.facts[-1:]]
    return KIND_OF_PAIR.get(frozenset(stated)) or KIND_OF_SLOT.get(rows[0].slot) or kind_of_statements(stated)


def kind_of_statements(predicates: Sequence[str]) -> str:
    """The kind of an edit that puts one statement in the place of another."""
    shape = any(PREDICATES[name].axis == "shape" for name in predicates)
    return KIND_OF_PAIR.get(frozenset(predicates)) or ("shape" if shape else OTHER)


# Proposes an edit of a program, or None where there is nothing to change.
Proposal = Callable[[Program, np.random.Generator], Edit | None]


def draw_params(row: Construction, rng: np.random.Generator) -> tuple[float, ...]:
    """Whole numbers, uniformly from the row's ranges."""
    return tuple(float(rng.integers(int(low), int(high) + 1)) for low, high in row.ranges)


def exchange(place: int, name: str) -> Proposal:
    """The construction `name` in the place of step `place`: a square for a rectangle, an altitude for a median."""
    new = CONSTRUCTIONS[name]

    def proposal(program: Program, rng: np.random.Generator) -> Edit:
        params = draw_params(new, rng)
        kind = kind_of(program.steps[place].construction, name)

        def apply(program: Program) -> Program:
            step = program.steps[place]
            # The first parameter is the one that may be printed: keep it where the new row allows it.
            kept = step.params[:1] if step.params and _allows(new, step.params[0]) else params[:1]
            changed = replace(step, construction=new.name, params=kept + params[1:])
            return program.with_step(place, changed)

        return Edit(new.axis, apply, kind)

    return proposal


def _allows(row: Construction, parameter: float) -> bool:
    return bool(row.ranges) and row.ranges[0][0] <= parameter <= row.ranges[0][1]


def exchangeable(program: Program) -> list[tuple[str, str]]:
    """The pairs of letters that may change places; centres of circles keep theirs."""
    centres = {circle.centre for circle in program.strokes.circles}
    return list(itertools.combinations([name for name in program.names if name not in centres], 2))


def _labels(program: Program, rng: np.random.Generator) -> Edit | None:
    """Two letters change places."""
    pairs = exchangeable(program)
    if not pairs:
        return None
    first, second = pairs[int(rng.integers(len(pairs)))]
    return Edit("order", lambda program: program.rename({first: second, second: first}), "labels")


def _reprinted(kind: str, places: Sequence[int], program: Program, rng: np.random.Generator) -> Edit | None:
    """Another value in the place of one of those printed."""
    if not places:
        return None
    which = int(rng.choice(places))
    new_value = draw_alike(program.prints[which], rng)

    def reprint(program: Program) -> Program:
        changed = replace(program.prints[which], value=new_value)
        return program.with_print(which, changed)

    return Edit("value", reprint, kind)


def _printed_length(program: Program, rng: np.random.Generator) -> Edit | None:
    """Another printed length, whatever it is the length of."""
    return _reprinted("printed_length", _places(program, LENGTHS), program, rng)


def _printed_area(program: Program, rng: np.random.Generator) -> Edit | None:
    """Another printed area."""
    return _reprinted("printed_area", _places(program, AREAS), program, rng)


def _places(program: Program, predicates: Sequence[str]) -> list[int]:
    return [i for i, fact in enumerate(program.prints) if fact.predicate in predicates]


def _printed_angle(program: Program, rng: np.random.Generator) -> Edit | None:
    """Another text of an angle with an unknown, else another parameter behind it: the first one of a step's ranges."""
    printed = _places(program, ("angle",))
    if not printed:
        return None
    symbolic = [i for i in printed if is_symbolic(program.prints[i])]
    if symbolic:
        return _reprinted("printed_angle", symbolic, program, rng)
    places = [i for i, s in enumerate(program.steps) if s.params and s.row.ranges[0][1] > s.row.ranges[0][0]]
    if not places:
        return None
    place = int(rng.choice(places))
    parameter = draw_params(program.steps[place].row, rng)[0]
    if abs(parameter - program.steps[place].params[0]) < MIN_TURN_DEG:
        return None

    def turn(program: Program) -> Program:
        step = program.steps[place]
        changed = replace(step, params=(parameter,) + step.params[1:])
        return program.with_step(place, changed)

    return Edit("value", turn, "printed_angle")


def _value(program: Program, rng: np.random.Generator) -> Edit | None:
    """Another value of one of the printed measures."""
    if not program.prints:
        return None
    which = program.prints[int(rng.integers(len(program.prints)))].predicate
    kind = "printed_length" if which in LENGTHS else "printed_area" if which in AREAS else "printed_angle"
    return OF_KIND[kind](program, rng)


PROPOSALS: dict[str, Proposal] = {"order": _labels, "value": _value}  # "shape" and "relation" are exchanges
OF_KIND: dict[str, Proposal] = {
    "labels": _labels,
    "printed_length": _printed_length,
    "printed_angle": _printed_angle,
    "printed_area": _printed_area,
}


def product(edits: Sequence[Edit], program: Program) -> Program:
    """All edits applied to one program, the renaming ones last."""
    for edit in sorted(edits, key=lambda e: e.axis == "order"):
        program = edit.apply(program)
    return program
