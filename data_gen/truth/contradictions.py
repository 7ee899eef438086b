"""Proposes edits of a fact that contradict it, whatever the drawing: a table of rules, one row for each way.

A rule proposes facts of one axis. What it proposes cannot be true where the fact is: symmetric rewrites say the same
and a more general predicate stays true, so neither is ever proposed.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import same_value
from data_gen.language.predicates.table import PREDICATES


@dataclass(frozen=True)
class Context:
    """What the rules may use of a figure: its names, values for each value predicate, and whether a point p is surely
    not on the line ab: `off_line(p, a, b)` (by default no point is)."""

    names: Sequence[str] = ()
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    off_line: Callable[[str, str, str], bool] = lambda p, a, b: False


def _opposite(fact: Fact, context: Context) -> Iterator[Fact]:
    """Proposes another predicate on the same points that cannot hold together with this one."""
    for name in PREDICATES[fact.predicate].opposites:
        if PREDICATES[name].arity == len(fact.args):
            yield Fact(name, fact.args)


MOST_REORDERED = 5  # points, of which all orders are proposed


def _reorder(fact: Fact, context: Context) -> Iterator[Fact]:
    """Proposes the same points in an order that is no symmetry, where order matters. A circle's name stays."""
    row = PREDICATES[fact.predicate]
    if row.order_matters:
        fixed, points = fact.args[: row.circles], fact.args[row.circles :]
        for args in itertools.permutations(points) if len(points) <= MOST_REORDERED else _exchanges(points):
            yield Fact(fact.predicate, fixed + args, fact.value)


def _exchanges(points: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Exchanges two points: of many points there are too many orders."""
    for i, j in itertools.combinations(range(len(points)), 2):
        order = list(points)
        order[i], order[j] = points[j], points[i]
        yield tuple(order)


def _replace(fact: Fact, context: Context) -> Iterator[Fact]:
    """Proposes another letter for a point that is the only one to fit, or that may move on one line only."""
    row = PREDICATES[fact.predicate]
    only, along = row.only_places, row.line_places
    for place, name in itertools.product(range(len(fact.args)), context.names):
        if name in fact.args or not (place in only or place in along):
            continue
        if place in only or context.off_line(name, *(fact.args[i] for i in along[place])):
            yield Fact(fact.predicate, fact.args[:place] + (name,) + fact.args[place + 1 :], fact.value)


def _other_value(fact: Fact, context: Context) -> Iterator[Fact]:
    """Proposes another value of the same measure of the same points."""
    if fact.value is not None:
        for value in context.values.get(fact.predicate, ()):
            if not same_value(value, fact.value):
                yield Fact(fact.predicate, fact.args, value)


# Ways to contradict a fact: (axis of the edits, None for the fact's own, what proposes them).
Rule = tuple[str | None, Callable[[Fact, Context], Iterator[Fact]]]
RULES: tuple[Rule, ...] = ((None, _opposite), ("order", _reorder), ("order", _replace), ("value", _other_value))


def contradictions(
    fact: Fact, rng: np.random.Generator | None = None, context: Context | None = None
) -> list[tuple[str, Fact]]:
    """Returns (axis, fact) for every edit of a fact that contradicts it: no two that say the same, none twice. Without
    a generator in the order of the table, with one shuffled."""
    context, own_axis = context or Context(), PREDICATES[fact.predicate].axis
    seen, found = {canonical(fact)}, []
    for axis, proposals in RULES:
        for edited in proposals(fact, context):
            if canonical(edited) not in seen:
                seen.add(canonical(edited))
                found.append((axis or own_axis, edited))
    return found if rng is None else [found[i] for i in rng.permutation(len(found))]
