"""What a family of books' profile would like to print and state, in the shares of real problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_gen.constructions.row import Construction
from data_gen.sources.composed.figure import shares

# How many angles and lengths real problems print (FormalGeo7k's train, most print few): weight of each pair.
COUNTS = {
    (0, 0): 2, (0, 1): 5, (0, 2): 11, (0, 3): 10, (0, 4): 5, (1, 0): 30, (1, 1): 5, (1, 2): 6, (1, 3): 3,
    (2, 0): 16, (2, 1): 4, (2, 2): 2, (3, 0): 8,
}  # fmt: skip
# Relation -> the share of the families that would like to state it: more than real problems do, since few can.
RELATIONS = {
    "perpendicular": 0.6, "shape": 0.5, "parallel": 0.18, "diameter": 0.3, "equal_length": 0.08, "equal_angle": 0.1,
    "circle_centre": 0.35, "length_multiple": 0.04, "angle_multiple": 0.05, "angle_sum": 0.06, "equal_minor_arc": 0.1,
}  # fmt: skip
ARC = 0.05  # share of the families that would like to print an arc
MOST_RELATIONS = 2
ADDED = 0.6  # share of the figures that get a part for what is wished for
PATIENCE = 120  # figures that are tried for a wish
# Relation -> words of the marks or facts of rows that bring it about.
SUITS = {
    "perpendicular": "right_angle altitude",
    "parallel": "arrows",
    "equal_length": "ticks",
    "diameter": "diameter",
    "equal_angle": "arc isosceles",
    "shape": "parallelogram rectangle rhombus",
}
# Relation -> slots that a figure gets for it, where it offers points for them.
SLOTS_FOR = {
    "perpendicular": "cevian crossline transversal corner_line",
    "parallel": "crossline vertex_line midsegment",
    "diameter": "chord corner_line",
    "equal_length": "equal_parts cevian radius",
}


class Wish(NamedTuple):
    """What a family would like to print and state: drawn before any figure, so that its share does not depend on how
    hard it is to draw."""

    angles: int
    lengths: int
    arc: bool
    relations: tuple[str, ...]
    strict: bool = True  # whether less will not do

    @staticmethod
    def draw(lead: str, rng: np.random.Generator) -> Wish:
        """Draws what a family would like that begins with a kind of edit."""
        pairs = list(COUNTS)
        angles, lengths = pairs[int(rng.choice(len(pairs), p=shares(list(COUNTS.values()))))]
        wanted = [name for name, share in RELATIONS.items() if rng.random() < share]
        angles, lengths = max(angles, int("angle" in lead)), max(lengths, int(lead == "printed_length"))
        return Wish(angles, lengths, bool(rng.random() < ARC), tuple(wanted))

    def row(self, rows: Sequence[Construction], rng: np.random.Generator) -> Construction:
        """Draws a row for a part that no edit is of: one that brings about what is wished for, where there is one."""
        words = {word for name in self.relations for word in SUITS.get(name, "").split()}
        suits = [
            row for row in rows if words & {text.split()[0].rstrip("0123456789") for text in row.marks + row.facts}
        ]
        some = suits or rows
        return some[int(rng.integers(len(some)))]

    def slots(self, rng: np.random.Generator) -> list[str]:
        """Draws a slot to add for one of the relations that are wished for."""
        some = [SLOTS_FOR[name].split() for name in self.relations if name in SLOTS_FOR]
        slots = some[int(rng.integers(len(some)))] if some and rng.random() < ADDED else []
        return [slots[int(rng.integers(len(slots)))]] if slots else []

    def after(self, tries: int) -> Wish:
        """Returns what is left of a wish that so many figures could not fulfil."""
        if tries <= PATIENCE:
            return self
        return self._replace(arc=False, strict=tries <= 2 * PATIENCE)
