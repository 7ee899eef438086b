"""The construction language: a program is a list of steps, and solving it gives coordinates.

A step applies a row of `CONSTRUCTIONS` to points that are there and yields new ones. Rows with the same `slot` take and
give the same points, so that one may stand for another: that is how a figure is edited. Templates in a row speak of its
points by role, in lower case: inputs and outputs by the letters of `ins` and `outs`.

Everything is a number or a name. A program holds its parameters, so solving it needs no randomness.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from data_gen.constructions.row import ANY, Construction
from data_gen.constructions.table import construction
from data_gen.geometry.diagram import (
    AngleArc,
    AngleText,
    Arc,
    AreaText,
    Circle,
    Divisions,
    Graph,
    LengthText,
    Mark,
    ParallelArrows,
    RegularPolygon,
    RightAngle,
    Segment,
    Shade,
    Stroke,
    Ticks,
)
from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact, facts_from_list, facts_to_list
from data_gen.language.predicates.table import PREDICATES


@dataclass(frozen=True)
class Step:
    """One application of a construction: names taken, names given, and the parameters."""

    construction: str
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    params: tuple[float, ...]

    @cached_property
    def row(self) -> Construction:
        return construction(self.construction)

    @cached_property
    def roles(self) -> dict[str, str]:
        """Role letter -> name of the point."""
        if self.row.outs == ANY:
            return {}
        return dict(zip(self.row.ins + self.row.outs, self.ins + self.outs, strict=True))


@dataclass(frozen=True)
class Program:
    """A figure as it can be drawn again and edited.

    Attributes:
      steps: the constructions, in order.
      prints: the measures that the figure prints: facts with their value, an "angle" may have none (measured). Further
        points say where the text stands: radius O A is that of circle O, printed on OA; circle_area O H fills it.
      draws: strokes beside those of the steps; states: facts beside theirs, for points that a solver or a file placed.
    """

    steps: tuple[Step, ...]
    prints: tuple[Fact, ...] = ()
    draws: tuple[Stroke, ...] = ()
    states: tuple[Fact, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The visible points, in alphabetical order."""
        return tuple(sorted(n for step in self.steps for n in step.outs if not n.startswith("_")))

    def rename(self, names: dict[str, str]) -> Program:
        """The same figure with other letters."""
        steps = tuple(
            replace(s, ins=tuple(names.get(n, n) for n in s.ins), outs=tuple(names.get(n, n) for n in s.outs))
            for s in self.steps
        )
        return Program(
            steps,
            tuple(fact.rename(names) for fact in self.prints),
            tuple(_renamed(stroke, names) for stroke in self.draws),
            tuple(fact.rename(names) for fact in self.states),
        )

    def to_json(self) -> str:
        """One line of JSON; `program_from_json` reads it."""
        steps = [[s.construction, list(s.ins), list(s.outs), list(s.params)] for s in self.steps]
        data: dict[str, Any] = {"steps": steps, "prints": facts_to_list(self.prints)}
        if self.draws:
            data["draws"] = [[type(stroke).__name__, asdict(stroke)] for stroke in self.draws]
        if self.states:
            data["states"] = facts_to_list(self.states)
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _renamed(stroke: Stroke, names: dict[str, str]) -> Stroke:
    """The stroke with other letters: every text in it is the name of a point."""
    return type(stroke)(**{key: _rename(value, names) for key, value in vars(stroke).items()})


def _rename(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_rename(part, names) for part in value)
    return names.get(value, value) if isinstance(value, str) else value


STROKES: dict[str, type[Stroke]] = {kind.__name__: kind for kind in (Segment, Circle, Arc, Shade, Graph)}


def program_from_json(text: str) -> Program:
    """The inverse of `Program.to_json`. Raises UserError for a step that the table does not have."""
    data = json.loads(text)
    for name, *_ in data["steps"]:
        construction(name)
    steps = tuple(Step(name, tuple(ins), tuple(outs), tuple(params)) for name, ins, outs, params in data["steps"])
    draws = tuple(STROKES[kind](**_tuples(values)) for kind, values in data.get("draws", ()))
    return Program(steps, facts_from_list(data["prints"]), draws, facts_from_list(data.get("states", ())))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def solve(program: Program) -> dict[str, complex]:
    """The coordinates of every point, hidden ones too, in the units of the construction.

    Raises ZeroDivisionError or ValueError where the program has no figure (lines that never meet).
    """
    points: dict[str, complex] = {}
    for step in program.steps:
        given = step.row.solve([points[n] for n in step.ins], step.params)
        points.update(zip(step.outs, given, strict=True))
    return points


def printed_facts(program: Program, points: dict[str, complex]) -> tuple[Fact, ...]:
    """What the program's prints state. Raises ValueError where an angle is not a whole number of degrees."""
    return tuple(replace(fact, args=fact.args[: PREDICATES[fact.predicate].arity]) for fact in _prints(program, points))


def printed_texts(program: Program, points: dict[str, complex]) -> tuple[Mark, ...]:
    """The texts that the program's prints put into the picture. Raises ValueError as `printed_facts`."""
    return tuple(_text(fact) for fact in _prints(program, points))


def _text(fact: Fact) -> Mark:
    if fact.predicate == "angle":
        return AngleText(*fact.args, text=f"{fact.value}°")
    if fact.predicate.endswith("_area"):
        return AreaText(fact.args, fact.value or "")
    return LengthText(*fact.args[-2:], text=fact.value or "")


def _prints(program: Program, points: dict[str, complex]) -> tuple[Fact, ...]:
    """The program's prints with their values.

    An angle that comes with its value is printed as it is ("2x", or a figure that is not to scale).
    """
    facts = []
    for fact in program.prints:
        if fact.predicate == "angle" and fact.value is None:
            degrees = float(angle_deg(*(points[n] for n in fact.args)))
            if abs(degrees - round(degrees)) > 1e-3:
                raise ValueError(f"the angle {fact.args} is not whole")
            fact = replace(fact, value=str(round(degrees)))
        facts.append(fact)
    return tuple(facts)


def stated_facts(program: Program) -> tuple[Fact, ...]:
    """What the program's steps make true, in their order, and what it states besides; without the printed values."""
    made = tuple(_fact(template, step.roles) for step in program.steps for template in step.row.facts)
    return made + program.states


def _fact(template: str, roles: dict[str, str]) -> Fact:
    words, _, value = template.partition(" =")
    predicate, *args = words.split()
    return Fact(predicate, tuple(roles[a] for a in args), value or None)


class Strokes(NamedTuple):
    """What the steps of a program draw, without repeats."""

    segments: tuple[Segment, ...]
    circles: tuple[Circle, ...]
    arcs: tuple[Arc, ...]
    shades: tuple[Shade, ...]
    graphs: tuple[Graph, ...]


def strokes(program: Program) -> Strokes:
    """All strokes of the steps and of the program itself; a later one between the same points replaces an earlier."""
    found: dict[type, dict[Any, Any]] = {kind: {} for kind in STROKES.values()}
    for stroke in itertools.chain.from_iterable((*map(_step_strokes, program.steps), program.draws)):
        key: Any = stroke
        if isinstance(stroke, Segment):
            key = frozenset((stroke.a, stroke.b))
        elif isinstance(stroke, Circle):
            key = stroke.centre
        found[type(stroke)][key] = stroke
    return Strokes(*(tuple(some.values()) for some in found.values()))


def _step_strokes(step: Step) -> Iterator[Stroke]:
    row, roles = step.row, step.roles
    for a, b, *style in row.segments.split():
        yield Segment(roles[a], roles[b], dashed="-" in style, ray=">" in style)
    if row.circle:
        yield Circle(*(roles[r] for r in row.circle))
    for arc in row.arcs.split():
        yield Arc(*(roles[r] for r in arc))
    for shade in row.shades.split():
        yield Shade(tuple(roles[r] for r in shade))
    if row.graph:
        yield Graph(step.outs[0], step.outs[1], row.graph)


MOST_TICKS = 3
MARKS: dict[str, Callable[..., Mark]] = {
    "right_angle": RightAngle,
    "ticks": lambda *args: Ticks(*args[-2:], *args[:-2]),
    "arrows": lambda a, b: ParallelArrows(a, b),
    "arc": lambda a, v, b: AngleArc(a, v, b),
    "number": lambda n, a, v, b: AngleText(a, v, b, str(n)),
    "divisions": lambda n, a, b: Divisions(a, b, n),
    "polygon": lambda n, o, a: RegularPolygon(o, a, n),
}


def marks(program: Program) -> tuple[Mark, ...]:
    """The marks that a book would put on what the steps make true.

    Equal counts of ticks mean equal segments, so each step has counts of its own; what would need more than
    MOST_TICKS goes without.
    """
    found: list[Mark] = []
    used = 0
    for step in program.steps:
        some = [_mark(template, step.roles) for template in step.row.marks]
        most = used
        for mark in some:
            if isinstance(mark, Ticks):
                mark = replace(mark, count=used + mark.count - _least_ticks(some) + 1)
                most = max(most, mark.count)
                if mark.count > MOST_TICKS:
                    continue
            found.append(mark)
        used = most
    return tuple(found)


def _least_ticks(some: Sequence[Mark]) -> int:
    return min(mark.count for mark in some if isinstance(mark, Ticks))


def shown_marks(program: Program) -> tuple[Mark, ...]:
    """The marks that the steps' facts speak of: they are always drawn."""
    return tuple(_mark(template, step.roles) for step in program.steps for template in step.row.shows)


def _mark(template: str, roles: dict[str, str]) -> Mark:
    """ "ticks2 a b": the kind, how many where it is not one, and the points."""
    word, *args = template.split()
    kind = word.rstrip("0123456789")
    count = [int(word[len(kind) :])] if word != kind else []
    return MARKS[kind](*count, *(roles[r] for r in args))
