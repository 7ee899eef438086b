"""From an anchor program to a family: siblings by accepted edits, captions, the truth table.

A *star* is an anchor and single edits of it; a *cube* is every combination of k independent edits. In both, the
pictures and their own captions form a block whose truth table is the identity; captions without a picture follow.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member, draw
from data_gen.families import edits as family_edits
from data_gen.families.acceptance import accepts, one_edit, told

HARDEST_FIRST = ("shape", "relation", "value", "order")  # a star that fails should fail early
TRIES = 3  # figures drawn for one wish


Wish = tuple[str, family_edits.Proposal]  # an axis, and what proposes edits along it
Candidate = tuple[family_edits.Edit, Member]  # an edit, and what came of it


@dataclass(frozen=True)
class Built:
    """A family before it is put into words and pixels: members, the edits by which each differs from the first,
    members of which only the caption is kept."""

    members: list[Member]
    edits: list[tuple[family_edits.Edit, ...]]
    extra: list[Candidate]


def star(anchor: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator) -> Built | None:
    """The anchor and a sibling for each wish that all tell each other apart; None where it fails."""
    if told([anchor], canvas)[0, 0] != 1 or anchor.labels is None:
        return None
    members = [anchor]
    edits: list[tuple[family_edits.Edit, ...]] = [()]
    for axis in HARDEST_FIRST:
        some = [wish for wish in wishes if wish[0] == axis]
        found = _join(members, anchor, some, canvas, rng) if some else []
        if len(found) < len(some):
            return None
        members += [member for _, member in found]
        edits += [(edit,) for edit, _ in found]
    return Built(members, edits, [])


def cube(anchor: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator) -> Built | None:
    """All products of the edits that are wished for, or None where they do not all tell each other apart."""
    edits = [edit for _, proposal in wishes if (edit := proposal(anchor.program, rng))]
    return cube_of(anchor.program, edits, canvas, rng) if len(edits) == len(wishes) else None


def cube_of(
    program: Program, edits: Sequence[family_edits.Edit], canvas: Canvas, rng: np.random.Generator
) -> Built | None:
    """All products of the edits of a program, or None where they do not all tell each other apart.

    Which corner is called the anchor is drawn at the end: every corner might have been it, so nothing tells it.
    """
    members = []
    for corner in range(2 ** len(edits)):
        chosen = [edit for bit, edit in enumerate(edits) if corner >> bit & 1]
        member = draw(family_edits.product(chosen, program), canvas)
        if member is None:
            return None
        members.append(member)
    for corner, (bit, edit) in itertools.product(range(len(members)), enumerate(edits)):
        if not one_edit(members[corner], members[corner ^ 1 << bit], edit.axis):
            return None
    if not np.array_equal(told(members, canvas), np.eye(len(members), dtype=np.int8)):
        return None
    if any(member.labels is None for member in members):
        return None
    root = int(rng.integers(len(members)))
    corners = range(len(members))
    changed = [tuple(edit for bit, edit in enumerate(edits) if corner >> bit & 1) for corner in corners]
    return Built([members[root ^ corner] for corner in corners], changed, [])


def with_text_only(
    built: Built, base: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator
) -> Built:
    """The family with up to `len(wishes)` captions more that have no picture: edits of `base`, one of its members.

    They pass the rule that siblings pass, so that nothing but the missing picture sets their captions apart.
    """
    return replace(built, extra=_join(built.members, base, wishes, canvas, rng))


def _join(
    members: Sequence[Member], base: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator
) -> list[Candidate]:
    """For each wish the first edit of `base` that is told apart from the members and from those found before it."""
    pool: list[tuple[int, family_edits.Edit, Member]] = []
    for number, (axis, proposal) in enumerate(wishes):
        for _ in range(TRIES):
            edit = proposal(base.program, rng)
            new = draw(edit.apply(base.program), canvas) if edit else None
            if edit and new and one_edit(base, new, axis):
                pool.append((number, edit, new))
    everyone = [*members, *(member for _, _, member in pool)]
    truth = told(everyone, canvas)
    chosen, found = list(range(len(members))), {}
    for i, (number, edit, new) in enumerate(pool, len(members)):
        if number not in found and accepts(truth, chosen, i) and new.labels is not None:
            chosen.append(i)
            found[number] = (edit, new)
    return list(found.values())
