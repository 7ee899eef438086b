"""Which rows an anchor and its siblings have: drawn before anything else, and kept until they can be drawn.

A figure that is hard to edit would seldom be an anchor and often a sibling, and a scorer that sees one caption alone
would know. So a plan comes first: an anchor uniformly from the figures of a skeleton (its rows), and for each exchange
another figure that can be told apart from it. Pairing probabilities form a symmetric matrix whose rows sum to 1, so
that over all plans every figure is as often the one as the other. What then fails is drawn again with the same plan.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.constructions.table import CONSTRUCTIONS, rows_of
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import counting_figures, draw
from data_gen.families.acceptance import may_join, may_pair, truth_of
from data_gen.families.edits import PROPOSAL_OF_AXIS, draw_params, exchangeable, propose_exchange
from data_gen.families.family import EditRequest

TRIALS, ORDER_TRIALS = 40, 5
APART = 0.4  # share of the trials in which two figures tell each other apart
FAIR = 0.8  # of 1, how often a figure must be a partner
EXCHANGED = ("shape", "relation")  # the axes whose edits put one construction in the place of another

Rows = tuple[str, ...]  # the construction of each slot


@dataclass(frozen=True)
class Plans:
    """The figures of a skeleton; for each axis, bool[K, K], which are told apart, and float64[K, K], how often each
    goes with each."""

    figures: tuple[Rows, ...]
    apart: dict[str, np.ndarray]
    partners: dict[str, np.ndarray]

    def requests(self, rows: Rows, counts: dict[str, int], rng: np.random.Generator) -> list[EditRequest]:
        """Draws up to `counts[axis]` edits of a figure along each axis, no two alike."""
        requests: list[EditRequest] = []
        for axis, count in counts.items():
            if axis in EXCHANGED:
                targets = self.targets(rows, axis, count, rng)
                requests += [EditRequest(axis, propose_exchange(place, name)) for place, name in targets]
            else:
                requests += [EditRequest(axis, PROPOSAL_OF_AXIS[axis])] * count
        return requests

    def targets(self, rows: Rows, axis: str, count: int, rng: np.random.Generator) -> list[tuple[int, str]]:
        """Draws (place, new row) of up to `count` partners on an axis."""
        if rows not in self.figures:  # a corner of a cube may be none
            return []
        here = self.figures.index(rows)
        chosen: list[int] = []
        odds = self.partners[axis][here].copy()
        while len(chosen) < count and odds.sum() > 0:
            chosen.append(int(rng.choice(len(odds), p=odds / odds.sum())))
            odds *= self.apart[axis][chosen[-1]]  # siblings have to be told apart as well
        return [_change(rows, self.figures[i]) for i in chosen]


def _change(old: Rows, new: Rows) -> tuple[int, str]:
    """Returns the place in which two figures differ, and what the second has there."""
    place = next(k for k in range(len(old)) if old[k] != new[k])
    return place, new[place]


@dataclass(frozen=True)
class Table:
    """All figures of a skeleton; for each axis, bool[K, K], which differ in one slot on it and are told apart; and
    int[K], how many siblings with two letters exchanged they have."""

    figures: tuple[Rows, ...]
    apart: dict[str, np.ndarray]
    orders: np.ndarray

    def plans(self, needed: dict[str, int]) -> Plans | None:
        """Returns plans in which every figure has `needed[axis]` partners at least; None where no figure is left."""
        kept = np.flatnonzero(self.orders >= needed.get("order", 0))
        needed = {axis: count for axis, count in needed.items() if axis in EXCHANGED and count}
        while len(kept):
            partners = {axis: _balanced(self.apart[axis][np.ix_(kept, kept)].astype(float)) for axis in EXCHANGED}
            # A figure with too few partners goes, and one that its partners seldom go back to.
            worth = np.full(len(kept), np.inf)
            for axis, count in needed.items():
                worth = np.minimum(worth, np.where((partners[axis] > 0).sum(1) < count, 0, partners[axis].sum(0)))
            if worth.min() > FAIR:
                apart = {axis: self.apart[axis][np.ix_(kept, kept)] for axis in EXCHANGED}
                return Plans(tuple(self.figures[i] for i in kept), apart, partners)
            kept = np.delete(kept, worth.argmin())
        return None


def tabulate(slots: Sequence[str], letters: dict[str, str], canvas: Canvas) -> Table:
    """Returns the table of a skeleton, from trial drawings on a canvas. Every process finds the same one."""
    steps = [slot_points(slot, letters) for slot in slots]
    figures = list(itertools.product(*([row.name for row in rows_of(slot)] for slot, _, _ in steps)))
    with counting_figures():  # apart from those of families: only the first family of a process needs the table
        apart = _told_apart(figures, steps, canvas) >= APART
        orders = np.array([_orders(rows, steps, canvas) for rows in figures])
    return Table(tuple(figures), {axis: _differ(figures, axis) & apart for axis in EXCHANGED}, orders)


def slot_points(slot: str, letters: dict[str, str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Splits "triangle:>abc" into the name of the slot, the letters that it takes, and those that it gives."""
    name, points = slot.split(":")
    taken, given = (tuple(letters[role] for role in roles) for roles in points.split(">"))
    return name, taken, given


def _told_apart(figures: Sequence[Rows], steps, canvas: Canvas) -> np.ndarray:
    """Computes float64[K, K]: the share of the trials in which two figures are drawn and would make a family."""
    apart = np.zeros((len(figures), len(figures)))
    for trial in range(TRIALS):
        rng = np.random.default_rng(trial)
        tried = enumerate(draw(Program(draw_steps(rows, steps, rng)), canvas) for rows in figures)
        drawn = {k: member for k, member in tried if member}
        index = np.array(list(drawn))
        apart[np.ix_(index, index)] += may_pair(truth_of(list(drawn.values()), canvas))
    return apart / TRIALS


def draw_steps(rows: Rows, slots, rng: np.random.Generator) -> tuple[Step, ...]:
    """Draws the parameters of rows in their slots (`slot_points`)."""
    points = zip(rows, slots, strict=True)
    return tuple(Step(name, ins, outs, draw_params(CONSTRUCTIONS[name], rng)) for name, (_, ins, outs) in points)


def _orders(rows: Rows, steps, canvas: Canvas) -> int:
    """Counts the exchanges of two letters that give a figure and siblings that may all join, in most trials."""
    counts = []
    for trial in range(ORDER_TRIALS):
        program = Program(draw_steps(rows, steps, np.random.default_rng(trial)))
        if draw(program, canvas):
            swaps = [program.rename({a: b, b: a}) for a, b in exchangeable(program)]
            drawn = [member for p in [program, *swaps] if (member := draw(p, canvas))]
            truth, chosen = truth_of(drawn, canvas), [0]
            for i in range(1, len(drawn)):
                if may_join(truth, chosen, i):
                    chosen.append(i)
            counts.append(len(chosen) - 1)
    return int(np.median(counts)) if counts else 0


def _differ(figures: Sequence[Rows], axis: str) -> np.ndarray:
    """Computes bool[K, K]: which figures differ in one slot, and that on an axis."""
    changed = [[[x for x, y in zip(a, b, strict=True) if x != y] for b in figures] for a in figures]
    return np.array([[len(c) == 1 and CONSTRUCTIONS[c[0]].axis == axis for c in row] for row in changed])


def _balanced(table: np.ndarray) -> np.ndarray:
    """Computes a symmetric matrix with the zeros of `table` whose rows sum to 1, as far as they let it (Sinkhorn)."""
    scale = np.ones(len(table))
    for _ in range(300):
        scale = np.sqrt(scale / np.maximum(table @ scale, 1e-9))
    balanced = scale[:, None] * table * scale
    return balanced / np.maximum(balanced.sum(1, keepdims=True), 1e-9)
