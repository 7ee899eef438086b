"""Defines a step, one application of a construction to named points: what it states, draws and marks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from data_gen.constructions.row import ANY, Construction
from data_gen.constructions.table import get_construction
from data_gen.geometry import diagram as shapes
from data_gen.language.fact import Fact

# Word of a mark's template -> the mark, from its number (where the template has one) and its points.
MARK_OF_WORD: dict[str, Callable[..., shapes.Mark]] = {
    "right_angle": shapes.RightAngle,
    "ticks": lambda *args: shapes.Ticks(*args[-2:], *args[:-2]),
    "arrows": lambda a, b: shapes.ParallelArrows(a, b),
    "arc": lambda a, v, b: shapes.AngleArc(a, v, b),
    "number": lambda n, a, v, b: shapes.AngleText(a, v, b, str(n)),
    "divisions": lambda n, a, b: shapes.Divisions(a, b, n),
    "polygon": lambda n, o, a: shapes.RegularPolygon(o, a, n),
}


@dataclass(frozen=True)
class Step:
    """One application of a construction."""

    construction: str  # the name of its row
    ins: tuple[str, ...]  # the points that it takes
    outs: tuple[str, ...]  # those that it gives
    params: tuple[float, ...]

    @cached_property
    def row(self) -> Construction:
        """Looks up the construction. Raises UserError where no table has it."""
        return get_construction(self.construction)

    @cached_property
    def roles(self) -> dict[str, str]:
        """Maps each role letter of the row to the name of a point."""
        if self.row.outs == ANY:
            return {}
        return dict(zip(self.row.ins + self.row.outs, self.ins + self.outs, strict=True))

    def facts(self) -> tuple[Fact, ...]:
        """Returns what the step makes true."""
        return tuple(self._fact(template) for template in self.row.facts)

    def strokes(self) -> tuple[shapes.Stroke, ...]:
        """Returns what the step draws."""
        row, roles = self.row, self.roles
        strokes: list[shapes.Stroke] = [
            shapes.Segment(roles[pair[0]], roles[pair[1]], dashed="-" in pair, ray=">" in pair)
            for pair in row.segments.split()
        ]
        if row.circle:
            strokes.append(shapes.Circle(*(roles[r] for r in row.circle)))
        strokes += [shapes.Arc(*(roles[r] for r in arc)) for arc in row.arcs.split()]
        strokes += [shapes.Shade(tuple(roles[r] for r in shade)) for shade in row.shades.split()]
        if row.graph:
            strokes.append(shapes.Graph(self.outs[0], self.outs[1], row.graph))
        return tuple(strokes)

    def optional_marks(self) -> tuple[shapes.Mark, ...]:
        """Returns the marks that a book would put on what the step makes true, counts of ticks from 1."""
        return tuple(self._mark(template) for template in self.row.marks)

    def required_marks(self) -> tuple[shapes.Mark, ...]:
        """Returns the marks that the step's facts speak of."""
        return tuple(self._mark(template) for template in self.row.shows)

    def _fact(self, template: str) -> Fact:
        """Reads "sector o a b =90": a predicate, its arguments by role, a value where it has one."""
        words, _, value = template.partition(" =")
        predicate, *args = words.split()
        return Fact(predicate, tuple(self.roles[a] for a in args), value or None)

    def _mark(self, template: str) -> shapes.Mark:
        """Reads "ticks2 a b": the kind, a number where it is not 1, and the points by role."""
        word, *args = template.split()
        kind = word.rstrip("0123456789")
        number = [int(word[len(kind) :])] if word != kind else []
        return MARK_OF_WORD[kind](*number, *(self.roles[r] for r in args))
