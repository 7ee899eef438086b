"""The acceptance rule: what makes an edited figure a hard negative of all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member
from data_gen.language.fact import values_of
from data_gen.truth.truth_table import Scene, truth_table


def one_edit(anchor: Member, sibling: Member, axis: str) -> bool:
    """An edit of a shape or a relation leaves the printed values as they are, and one of a value everything else."""
    same = values_of(anchor.facts) == values_of(sibling.facts)
    return axis == "order" or same == (axis != "value")


def told(members: Sequence[Member], canvas: Canvas) -> np.ndarray:
    """int8[N, N]: whether caption j is true of figure i."""
    return truth_table([m.facts for m in members], Scene.of([m.diagram for m in members]), canvas.margin_px)[0]


def accepts(truth: np.ndarray, members: Sequence[int], new: int) -> bool:
    """The acceptance rule: whether figure `new` may join `members`.

    Args:
      truth: int8[N, N], whether caption j is true (1), false (0) or neither (-1) of figure i.

    Its own caption is true of it, false of every member, and every member's caption is false of it, each by a margin
    that a person sees: c+(I+) = 1, c-(I+) = 0, c-(I-) = 1, c+(I-) = 0 for every pair.
    """
    return truth[new, new] == 1 and not truth[members, new].any() and not truth[new, members].any()
