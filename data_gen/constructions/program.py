"""Defines the construction language: a program is a list of steps, and solving it gives coordinates.

A step applies a row of `table.CONSTRUCTIONS` to points that are there and yields new ones. Rows with the same `slot`
take and give the same points, so that one can be exchanged for another: that is how a figure is edited. Templates in a
row name its points by role, in lower case: inputs and outputs by the letters of `ins` and `outs`.

Everything is a number or a name. A program holds its parameters, so solving it needs no randomness.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from data_gen.constructions.stated import marks_of_fact
from data_gen.constructions.step import Step
from data_gen.constructions.table import get_construction
from data_gen.geometry import diagram as shapes
from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact, facts_from_list, facts_to_list
from data_gen.language.predicates.table import PREDICATES
from data_gen.shared import own_json

MOST_MARKS: dict[type, int] = {shapes.Ticks: 3, shapes.ParallelArrows: 2, shapes.AngleArc: 2}  # of one kind in a place
STROKE_CLASSES: dict[str, type[shapes.Stroke]] = {
    kind.__name__: kind for kind in (shapes.Segment, shapes.Circle, shapes.Arc, shapes.Shade, shapes.Graph)
}
# Printed measure of degrees -> which of its points are those of the angle that is measured.
ROLES = {"angle": (0, 1, 2), "arc": (1, 0, 2), "major_arc": (1, 0, 3)}
T = TypeVar("T")


class Strokes(NamedTuple):
    """The strokes of a figure, without repeats; the fields are those of `Diagram`."""

    segments: tuple[shapes.Segment, ...]
    circles: tuple[shapes.Circle, ...]
    arcs: tuple[shapes.Arc, ...]
    shades: tuple[shapes.Shade, ...]
    graphs: tuple[shapes.Graph, ...]


@dataclass(frozen=True)
class Program:
    """A figure that can be drawn again and edited. Its parts are computed once, when they are first asked for.

    Attributes:
      steps: the constructions, in order.
      prints: the measures that the figure prints: facts with their value, degrees may have none (measured). Further
        points say where the text stands: radius O A is that of circle O, printed on OA; circle_area O H fills it.
      draws: strokes beside those of the steps.
      states: facts beside those of the steps, for points that a solver or a file placed.
    """

    steps: tuple[Step, ...]
    prints: tuple[Fact, ...] = ()
    draws: tuple[shapes.Stroke, ...] = ()
    states: tuple[Fact, ...] = ()

    # ---- parts ----------------------------------------------------------------------------------------------------

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Lists the visible points in alphabetical order."""
        return tuple(sorted(n for step in self.steps for n in step.outs if not n.startswith("_")))

    @cached_property
    def points(self) -> dict[str, complex]:
        """Solves for the coordinates of every point, hidden ones too, in the units of the construction. Raises
        ZeroDivisionError or ValueError where the program has no figure (lines that never meet)."""
        points: dict[str, complex] = {}
        for step in self.steps:
            given = step.row.solve([points[n] for n in step.ins], step.params)
            points.update(zip(step.outs, given, strict=True))
        return points

    @cached_property
    def strokes(self) -> Strokes:
        """Collects all strokes; a later one between the same points replaces an earlier one."""
        found: dict[type, dict[Any, Any]] = {kind: {} for kind in STROKE_CLASSES.values()}
        for stroke in itertools.chain(*(step.strokes() for step in self.steps), self.draws):
            key: Any = stroke
            if isinstance(stroke, shapes.Segment):
                key = frozenset((stroke.a, stroke.b))
            elif isinstance(stroke, shapes.Circle):
                key = stroke.centre
            found[type(stroke)][key] = stroke
        return Strokes(*(tuple(kept.values()) for kept in found.values()))

    @cached_property
    def mark_groups(self) -> tuple[tuple[shapes.Mark, ...], ...]:
        """Collects the marks that a book would put on what the steps make true and `states` says, in groups that mean
        something only as a whole: the ticks of equal segments, the chevrons of parallel lines, the arcs of equal
        angles. Equal counts mean that things are equal, so each step and each fact has counts of its own; what would
        need more than MOST_MARKS goes without. A group that marks what an earlier one marks has its count."""
        groups: list[tuple[shapes.Mark, ...]] = []
        counts: dict[Any, int] = {}  # kind of mark and place -> count
        used: Counter[type] = Counter()
        of_steps = [step.optional_marks() for step in self.steps]
        square = {mark.vertex for marks in of_steps for mark in marks if isinstance(mark, shapes.RightAngle)}
        of_facts = [
            [m for m in marks_of_fact(fact) if not (isinstance(m, shapes.RightAngle) and m.vertex in square)]
            for fact in self.states
        ]
        for marks in (*of_steps, *of_facts):
            before = Counter(used)
            groups += [(mark,) for mark in marks if not isinstance(mark, shapes.Counted)]
            counted = [mark for mark in marks if isinstance(mark, shapes.Counted)]
            for kind, count in dict.fromkeys((type(mark), mark.count) for mark in counted):
                group = [mark for mark in counted if type(mark) is kind and mark.count == count]
                least = min(mark.count for mark in counted if type(mark) is kind)
                known = [counts[mark.place] for mark in group if mark.place in counts]
                number = known[0] if known else before[kind] + count - least + 1
                if number <= MOST_MARKS[kind] and len(set(known)) < 2:
                    groups.append(tuple(replace(mark, count=number) for mark in group))
                    counts |= {mark.place: number for mark in group}
                used[kind] = max(used[kind], number)
        return tuple(groups)

    @property
    def optional_marks(self) -> tuple[shapes.Mark, ...]:
        """Returns the marks of all groups."""
        return tuple(itertools.chain(*self.mark_groups))

    @cached_property
    def required_marks(self) -> tuple[shapes.Mark, ...]:
        """Collects the marks that the steps' facts speak of: they are always drawn."""
        return tuple(mark for step in self.steps for mark in step.required_marks())

    @cached_property
    def texts(self) -> tuple[shapes.Mark, ...]:
        """Returns the texts that the prints put into the picture. Raises what `points` does, or a ValueError where an
        angle is not a whole number of degrees."""
        return tuple(_text(fact) for fact in self._valued_prints)

    @cached_property
    def stated_facts(self) -> tuple[Fact, ...]:
        """Collects what the steps make true, in their order, and `states`; without the printed values."""
        return tuple(fact for step in self.steps for fact in step.facts()) + self.states

    @cached_property
    def printed_facts(self) -> tuple[Fact, ...]:
        """Returns what the prints state. Raises what `texts` does."""
        return tuple(replace(fact, args=fact.args[: PREDICATES[fact.predicate].arity]) for fact in self._valued_prints)

    @cached_property
    def _valued_prints(self) -> tuple[Fact, ...]:
        """Gives the prints their values; an angle that has one keeps it ("2x", or a figure that is not to scale)."""
        return tuple(self._measured(f) if f.predicate in ROLES and f.value is None else f for f in self.prints)

    def degrees(self, angle: Fact) -> float:
        """Returns how large a printed angle or arc is drawn."""
        a, vertex, b = (self.points[angle.args[i]] for i in ROLES[angle.predicate])
        degrees = float(angle_deg(a, vertex, b))
        return 360 - degrees if angle.predicate == "major_arc" else degrees

    def _measured(self, angle: Fact) -> Fact:
        degrees = self.degrees(angle)
        if abs(degrees - round(degrees)) > 1e-3:
            raise ValueError(f"the angle {angle.args} is not whole")
        return replace(angle, value=str(round(degrees)))

    # ---- changed copies -------------------------------------------------------------------------------------------

    def with_step(self, i: int, step: Step) -> Program:
        """Returns a copy with another step in place i."""
        return replace(self, steps=_with_item(self.steps, i, step))

    def with_print(self, i: int, fact: Fact) -> Program:
        """Returns a copy with another printed measure in place i."""
        return replace(self, prints=_with_item(self.prints, i, fact))

    def rename(self, names: dict[str, str]) -> Program:
        """Returns the same figure with other letters."""
        return Program(
            tuple(replace(s, ins=_rename(s.ins, names), outs=_rename(s.outs, names)) for s in self.steps),
            tuple(fact.rename(names) for fact in self.prints),
            tuple(type(s)(**{key: _rename(value, names) for key, value in vars(s).items()}) for s in self.draws),
            tuple(fact.rename(names) for fact in self.states),
        )

    # ---- JSON -----------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Returns one line of JSON, which `program_from_json` reads."""
        steps = [[s.construction, list(s.ins), list(s.outs), list(s.params)] for s in self.steps]
        data: dict[str, Any] = {"steps": steps, "prints": facts_to_list(self.prints)}
        if self.draws:
            data["draws"] = [[type(stroke).__name__, asdict(stroke)] for stroke in self.draws]
        if self.states:
            data["states"] = facts_to_list(self.states)
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def program_from_json(text: str) -> Program:
    """Reads what `Program.to_json` wrote. Raises UserError where a text is none, or has a step that no table has."""
    return own_json.guard("the program", _program_from_json, text)


def _program_from_json(text: str) -> Program:
    data = json.loads(text)
    for name, *_ in data["steps"]:
        get_construction(name)
    steps = tuple(Step(name, tuple(ins), tuple(outs), tuple(params)) for name, ins, outs, params in data["steps"])
    draws = tuple(STROKE_CLASSES[kind](**_tuples(values)) for kind, values in data.get("draws", ()))
    return Program(steps, facts_from_list(data["prints"]), draws, facts_from_list(data.get("states", ())))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _with_item(items: tuple[T, ...], i: int, item: T) -> tuple[T, ...]:
    return (*items[:i], item, *items[i + 1 :])


def _rename(value: Any, names: dict[str, str]) -> Any:
    """Renames the points in a field of a stroke or step: every text in it is the name of a point."""
    if isinstance(value, tuple):
        return tuple(_rename(part, names) for part in value)
    return names.get(value, value) if isinstance(value, str) else value


def _text(fact: Fact) -> shapes.Mark:
    if fact.predicate == "angle":
        return shapes.AngleText(*fact.args, text=f"{fact.value}°")
    if fact.predicate == "arc":
        return shapes.ArcText(*fact.args, text=f"{fact.value}°")
    if fact.predicate == "major_arc":
        o, a, via, b = fact.args
        return shapes.ArcText(o, a, b, f"{fact.value}°", via)
    if fact.predicate.endswith("_area"):
        return shapes.AreaText(fact.args, fact.value or "")
    return shapes.LengthText(*fact.args[-2:], text=fact.value or "")
