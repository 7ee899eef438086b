"""Which point of an annotated picture is which point of a described figure, where the two use different letters.

The points that lines join must be joined in the picture, lines keep their order and faces their sense of rotation, and
no fact may be plainly false. Of the matches that are left, the one whose printed values agree best is taken.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import same_value
from data_gen.solver.conditions import Description
from data_gen.sources.formalgeo.pixels import Figure, fits

STEPS = 20_000  # names that are tried in one search, at most


def match(described: Description, pictured: Description, points: Mapping[str, complex]) -> dict[str, str] | None:
    """Maps name in `described` -> name in `pictured`, at `points` (px, y down); None where no match fits."""
    figure = Figure((), described.lines, {}, described.faces)
    best: tuple[tuple[int, int], dict[str, str]] | None = None
    for names in _assignments(described, pictured):
        placed = {ours: points[theirs] for ours, theirs in names.items()}
        facts = [f for f in described.facts if set(f.args) <= set(names)]
        if not fits(figure, facts, placed):
            continue
        score = _agreement(facts, pictured, names), sum(a == b for a, b in names.items())
        if best is None or score > best[0]:
            best = score, names
    return best[1] if best else None


def _assignments(described: Description, pictured: Description) -> Iterator[dict[str, str]]:
    """Yields all names of visible points that keep joined points joined, and points of circles on circles."""
    joined, joined_there = _joined(described.lines), _joined(pictured.lines)
    on, on_there = ({p for some in d.circles.values() for p in some} for d in (described, pictured))
    order = sorted((n for n in described.names if not n.startswith("_")), key=lambda n: -len(joined.get(n, ())))
    candidates = [n for n in pictured.names if not n.startswith("_")]
    steps = itertools.count()

    def extend(names: dict[str, str]) -> Iterator[dict[str, str]]:
        if len(names) == len(order):
            yield dict(names)
            return
        name = order[len(names)]
        near = [names[other] for other in joined.get(name, ()) if other in names]
        for there in candidates:
            if next(steps) > STEPS:
                return
            round_ = name not in on or there in on_there
            if there not in names.values() and round_ and joined_there.get(there, set()) >= set(near):
                yield from extend(names | {name: there})

    yield from extend({})


def _joined(lines: Sequence[tuple[str, ...]]) -> dict[str, set[str]]:
    """Maps point -> the points on its lines."""
    found: dict[str, set[str]] = {}
    for line in lines:
        for name in line:
            found.setdefault(name, set()).update(set(line) - {name})
    return found


def _agreement(facts: Sequence[Fact], pictured: Description, names: Mapping[str, str]) -> int:
    """Returns how many facts of the figure are facts of the picture, less the values that differ."""
    pictured_values = {canonical(Fact(f.predicate, f.args)): f.value for f in pictured.facts}
    score = 0
    for fact in facts:
        renamed = canonical(Fact(fact.predicate, tuple(names[n] for n in fact.args)))
        if renamed in pictured_values:
            score += 1 if same_value(fact.value or "", pictured_values[renamed] or "") else -1
    return score
