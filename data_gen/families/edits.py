"""Edits of a program, and their kinds in one table.

The paper's four axes (order, shape, relation, value) are divided into kinds; which exchanges of constructions belong to
which is in `EDIT_KINDS`.

An edit is proposed for one program and can be applied to any program with the same steps, so that a cube of edits is
their products. Renaming comes last in a product: it changes the names that the other edits speak of.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.row import Construction
from data_gen.constructions.step import Step
from data_gen.constructions.table import CONSTRUCTIONS, get_construction
from data_gen.families.values import ANGLES, AREAS, LENGTHS, draw_alike, draw_near, is_symbolic
from data_gen.language.fact import same_facts
from data_gen.language.predicates.table import PREDICATES

AXES = ("order", "shape", "relation", "value")
MIN_TURN_DEG = 10  # the least change of a printed angle


@dataclass(frozen=True)
class Edit:
    """One change: its axis, what it makes of a program, and its kind (a row of EDIT_KINDS)."""

    axis: str
    apply: Callable[[Program], Program]
    kind: str


@dataclass(frozen=True)
class EditKind:
    """A kind of edit. slots: exchanging any two rows of these is of this kind, unless a row that names the pair of
    predicates says otherwise; pairs: what is stated before and after, in either order, whatever the slot."""

    name: str
    axis: str
    slots: str = ""
    pairs: str = ""


EDIT_KINDS = (
    EditKind("labels", "order"),
    EditKind("printed_length", "value"),
    EditKind("printed_angle", "value"),
    EditKind("printed_area", "value"),
    EditKind("shape", "shape", "triangle inscribed_triangle quadrilateral pentagon hexagon heptagon octagon angle"),
    EditKind("role", "relation", "cevian chord corner_line circled",
             "median/altitude median/bisector altitude/bisector diameter/off_centre_chord"),
    EditKind("centre", "relation", "centre"),
    EditKind("replaced", "relation", "cross crossline", "perpendicular/parallel"),
    EditKind("ratio", "relation", "division side_point transversal_point midsegment",
             "median/trisection midpoint/trisection midpoint/on_segment"),
    EditKind("betweenness", "relation", "extension"),
    EditKind("incidence", "relation", "incidence place", "inside/on_circle outside/on_circle"),
    EditKind("inside_outside", "relation", "interior side", "inside/outside"),
    EditKind("tangency", "relation", "touch line_by_circle", "tangent/off_centre_chord tangent/crossing"),
    EditKind("two_circles", "relation", "second_circle"),
    EditKind("parallel", "relation", "lines vertex_line", "parallel/oblique"),
    EditKind("perpendicular", "relation", "transversal crosser",
             "perpendicular/oblique perpendicular_bisector/oblique"),
    EditKind("concyclic", "relation", "fourth"),
    EditKind("congruence", "relation", "copy quadrilateral_copy"),
    EditKind("element", "relation", "joined"),
    EditKind("dashes", "relation", "dashes"),
    EditKind("shading", "relation", "shading half_shaded"),
    EditKind("ticks", "relation", "ticks"),
    EditKind("numbered", "relation", "numbered"),
    EditKind("count", "relation", "parts polygon"),
    EditKind("sector", "relation", "sector wedge arc"),
    EditKind("graph", "relation", "graph"),
    EditKind("angle_text", "value"),
    EditKind("equal_lengths", "relation", "equal_parts"),
    EditKind("equal_angles", "relation", "equal_angles"),
    EditKind("length_ratio", "relation", "ratio"),
)  # fmt: skip
OTHER = "replaced"
KIND_OF_SLOT = {slot: row.name for row in EDIT_KINDS for slot in row.slots.split()}
KIND_OF_PAIR = {frozenset(pair.split("/")): row.name for row in EDIT_KINDS for pair in row.pairs.split()}


@cache
def kind_of(first: str, second: str) -> str:
    """Returns the kind of an exchange of two constructions of one slot."""
    rows = get_construction(first), get_construction(second)
    stated = [fact.split()[0] for row in rows for fact in row.facts[-1:]]
    return KIND_OF_PAIR.get(frozenset(stated)) or KIND_OF_SLOT.get(rows[0].slot) or kind_of_statements(stated)


def kind_of_statements(predicates: Sequence[str]) -> str:
    """Returns the kind of an edit that puts one statement in the place of another."""
    shape = any(PREDICATES[name].axis == "shape" for name in predicates)
    return KIND_OF_PAIR.get(frozenset(predicates)) or ("shape" if shape else OTHER)


# Proposes an edit of a program, or None where there is nothing to change.
Proposal = Callable[[Program, np.random.Generator], Edit | None]


def draw_params(row: Construction, rng: np.random.Generator) -> tuple[float, ...]:
    """Draws whole numbers uniformly from the row's ranges."""
    return tuple(float(rng.integers(int(low), int(high) + 1)) for low, high in row.ranges)


def in_range(row: Construction, parameter: float) -> bool:
    """Returns whether a row allows a first parameter."""
    return bool(row.ranges) and row.ranges[0][0] <= parameter <= row.ranges[0][1]


# ---- exchanges of constructions -----------------------------------------------------------------------------------


def exchange(place: int, old: str, new: str, params: Callable[[Step], tuple[float, ...]]) -> Edit:
    """Returns the edit that puts a construction in the place of another: a square for a rectangle. `place`: the number
    of the step; `params`: step before the edit -> parameters after it."""

    def apply(program: Program) -> Program:
        step = program.steps[place]
        return program.with_step(place, replace(step, construction=new, params=params(step)))

    return Edit(get_construction(new).axis, apply, kind_of(old, new))


def propose_exchange(place: int, name: str) -> Proposal:
    """Returns the proposal of construction `name` in the place of step `place`, with parameters of its own. The first
    is the one that may be printed: it is kept where the new row allows it."""
    new = CONSTRUCTIONS[name]

    def proposal(program: Program, rng: np.random.Generator) -> Edit:
        drawn = draw_params(new, rng)

        def params(step: Step) -> tuple[float, ...]:
            kept = step.params[:1] if step.params and in_range(new, step.params[0]) else drawn[:1]
            return kept + drawn[1:]

        return exchange(place, program.steps[place].construction, name, params)

    return proposal


# ---- letters and printed values -----------------------------------------------------------------------------------


def exchangeable(program: Program) -> list[tuple[str, str]]:
    """Lists the pairs of letters that may change places; centres of circles keep theirs."""
    centres = {circle.centre for circle in program.strokes.circles}
    return list(itertools.combinations([name for name in program.names if name not in centres], 2))


def swap_letters(pairs: Sequence[tuple[str, str]], rng: np.random.Generator) -> Edit | None:
    """Draws a pair of letters that change places; None where there is none to draw from."""
    if not pairs:
        return None
    first, second = pairs[int(rng.integers(len(pairs)))]
    return Edit("order", lambda program: program.rename({first: second, second: first}), "labels")


def _propose_labels(program: Program, rng: np.random.Generator) -> Edit | None:
    """Proposes that two letters change places. Where the caption leaves out parts of the figure, the exchange is one
    that it speaks of."""
    pairs = exchangeable(program)
    if any(step.construction.startswith("~") for step in program.steps):
        facts = program.stated_facts + program.prints
        pairs = [(a, b) for a, b in pairs if not same_facts(facts, [fact.rename({a: b, b: a}) for fact in facts])]
    return swap_letters(pairs, rng)


def _reprint(kind: str, places: Sequence[int], program: Program, rng: np.random.Generator) -> Edit | None:
    """Proposes another value in the place of one of those printed."""
    if not places:
        return None
    which = int(rng.choice(places))
    value = draw_alike(program.prints[which], rng)
    return Edit("value", lambda made: made.with_print(which, replace(made.prints[which], value=value)), kind)


def _places(program: Program, predicates: Sequence[str]) -> list[int]:
    return [i for i, fact in enumerate(program.prints) if fact.predicate in predicates]


def _propose_angle(program: Program, rng: np.random.Generator) -> Edit | None:
    """Proposes another text of an angle with an unknown, else another parameter behind it: a step's first."""
    printed = _places(program, ANGLES)
    if not printed:
        return None
    symbolic = [i for i in printed if is_symbolic(program.prints[i])]
    if symbolic:
        return _reprint("printed_angle", symbolic, program, rng)
    places = [i for i, s in enumerate(program.steps) if s.params and s.row.ranges[0][1] > s.row.ranges[0][0]]
    if not places:
        return None
    place = int(rng.choice(places))
    parameter = draw_params(program.steps[place].row, rng)[0]
    if abs(parameter - program.steps[place].params[0]) < MIN_TURN_DEG:
        return None

    def turn(program: Program) -> Program:
        step = program.steps[place]
        return program.with_step(place, replace(step, params=(parameter, *step.params[1:])))

    return Edit("value", turn, "printed_angle")


def _propose_angle_text(program: Program, rng: np.random.Generator) -> Edit | None:
    """Proposes other degrees in the place of those printed, in the same drawing: it is about to scale."""
    places = _places(program, ANGLES)
    if not places:
        return None
    which = int(rng.choice(places))
    printed, stated = program.prints[which], program.printed_facts[which]
    symbolic = is_symbolic(printed)
    value = draw_alike(printed, rng) if symbolic else draw_near(program.degrees(printed), rng, stated.value or "")
    return Edit("value", lambda made: made.with_print(which, replace(made.prints[which], value=value)), "angle_text")


def _propose_value(program: Program, rng: np.random.Generator) -> Edit | None:
    """Proposes another value of one of the printed measures."""
    if not program.prints:
        return None
    which = program.prints[int(rng.integers(len(program.prints)))].predicate
    kind = "printed_length" if which in LENGTHS else "printed_area" if which in AREAS else "printed_angle"
    return PROPOSAL_OF_KIND[kind](program, rng)


PROPOSAL_OF_KIND: dict[str, Proposal] = {
    "labels": _propose_labels,
    "printed_length": lambda program, rng: _reprint("printed_length", _places(program, LENGTHS), program, rng),
    "printed_angle": _propose_angle,
    "angle_text": _propose_angle_text,
    "printed_area": lambda program, rng: _reprint("printed_area", _places(program, AREAS), program, rng),
}
# Edits on the axes "shape" and "relation" are exchanges.
PROPOSAL_OF_AXIS: dict[str, Proposal] = {"order": _propose_labels, "value": _propose_value}


def product(edits: Sequence[Edit], program: Program) -> Program:
    """Applies all edits to one program, the renaming ones last."""
    for edit in sorted(edits, key=lambda e: e.axis == "order"):
        program = edit.apply(program)
    return program
