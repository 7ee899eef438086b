"""The acceptance rule: what makes an edited figure a hard negative of all others in its family.

The caption of a figure (c+) is true of its own picture (I+) and false of its siblings' (I-), and their captions (c-)
are false of it, each by a margin that a person sees: c+(I+) = 1, c-(I+) = 0, c-(I-) = 1, c+(I-) = 0 for every pair.
"""

from collections.abc import Sequence

import numpy as np

from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member
from data_gen.language.fact import printed_only
from data_gen.truth.truth_table import Scene, truth_table


def truth_of(members: Sequence[Member], canvas: Canvas) -> np.ndarray:
    """Computes int8[N, N]: whether caption j is true (1), false (0) or neither (-1) of figure i."""
    scene = Scene.from_diagrams([m.diagram for m in members])
    return truth_table([m.facts for m in members], scene, canvas.margin_px)[0]


def proves_itself(truth: np.ndarray) -> bool:
    """Returns whether the figures of int8[N, N] make a family: the table is the identity."""
    return np.array_equal(truth, np.eye(len(truth), dtype=np.int8))


def may_join(truth: np.ndarray, members: Sequence[int], new: int) -> bool:
    """Returns whether figure `new` of int8[N, N] may join `members`: `proves_itself`, one figure at a time."""
    return truth[new, new] == 1 and not truth[members, new].any() and not truth[new, members].any()


def may_pair(truth: np.ndarray) -> np.ndarray:
    """Returns bool[N, N]: which two figures of int8[N, N] would make a family of two."""
    false = (truth == 0) & (np.diag(truth) == 1)[:, None]
    return false & false.T


def differs_only_on(axis: str, before: Member, after: Member) -> bool:
    """Returns whether an edit changes one thing: one of a shape or a relation must leave the printed values alone, one
    of a value must change them, and an exchange of letters may do either."""
    same = printed_only(before.facts) == printed_only(after.facts)
    return axis == "order" or same == (axis != "value")
