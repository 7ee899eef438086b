"""From an anchor program to a family: siblings by accepted edits, and captions without a picture.

A *star* is an anchor and single edits of it (a one-factor-at-a-time design); a *cube* is every combination of k
independent edits (a 2^k full factorial design). In both, the pictures and their own captions form a block whose truth
table is the identity; captions without a picture follow.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member, draw
from data_gen.families.acceptance import differs_only_on, may_join, proves_itself, truth_of
from data_gen.families.edits import Edit, Proposal, product

AXES_HARDEST_FIRST = ("shape", "relation", "value", "order")  # a star that fails should fail early
TRIES = 3  # figures drawn for one request


class EditRequest(NamedTuple):
    """An edit that a family should have: its axis, and what proposes edits along it."""

    axis: str
    propose: Proposal


class EditedMember(NamedTuple):
    """An edit, and the figure that came of it."""

    edit: Edit
    member: Member


@dataclass(frozen=True)
class FamilyDraft:
    """A family before it is put into words and pixels."""

    members: list[Member]
    edits: list[tuple[Edit, ...]]  # of each figure, by which it differs from the first
    text_only: Sequence[EditedMember] = ()  # figures of which only the caption is kept


def star(
    anchor: Member, requests: Sequence[EditRequest], canvas: Canvas, rng: np.random.Generator
) -> FamilyDraft | None:
    """Makes the anchor and a sibling for each request that all prove each other; None where it fails."""
    if not proves_itself(truth_of([anchor], canvas)) or anchor.labels is None:
        return None
    members = [anchor]
    edits: list[tuple[Edit, ...]] = [()]
    for axis in AXES_HARDEST_FIRST:
        on_axis = [request for request in requests if request.axis == axis]
        found = _join(members, anchor, on_axis, canvas, rng) if on_axis else []
        if len(found) < len(on_axis):
            return None
        members += [member for _, member in found]
        edits += [(edit,) for edit, _ in found]
    return FamilyDraft(members, edits)


def cube(
    anchor: Member, requests: Sequence[EditRequest], canvas: Canvas, rng: np.random.Generator
) -> FamilyDraft | None:
    """Makes all products of the requested edits; None where they do not all prove each other."""
    edits = [edit for request in requests if (edit := request.propose(anchor.program, rng))]
    return cube_of(anchor.program, edits, canvas, rng) if len(edits) == len(requests) else None


def cube_of(program: Program, edits: Sequence[Edit], canvas: Canvas, rng: np.random.Generator) -> FamilyDraft | None:
    """Makes all products of the edits of a program; None where they do not all prove each other. Which corner is called
    the anchor is drawn at the end: every corner might have been it, so nothing tells it."""
    members = []
    for corner in range(2 ** len(edits)):
        chosen = [edit for bit, edit in enumerate(edits) if corner >> bit & 1]
        member = draw(product(chosen, program), canvas)
        if member is None:
            return None
        members.append(member)
    for corner, (bit, edit) in itertools.product(range(len(members)), enumerate(edits)):
        if not differs_only_on(edit.axis, members[corner], members[corner ^ 1 << bit]):
            return None
    if not proves_itself(truth_of(members, canvas)) or any(member.labels is None for member in members):
        return None
    root = int(rng.integers(len(members)))
    corners = range(len(members))
    changed = [tuple(edit for bit, edit in enumerate(edits) if corner >> bit & 1) for corner in corners]
    return FamilyDraft([members[root ^ corner] for corner in corners], changed)


def with_text_only(
    draft: FamilyDraft, base: Member, requests: Sequence[EditRequest], canvas: Canvas, rng: np.random.Generator
) -> FamilyDraft:
    """Adds up to `len(requests)` captions without a picture to a family: edits of `base`, one of its members. They pass
    the rule that siblings pass, so that nothing but the missing picture sets their captions apart."""
    return replace(draft, text_only=_join(draft.members, base, requests, canvas, rng))


def _join(
    members: Sequence[Member], base: Member, requests: Sequence[EditRequest], canvas: Canvas, rng: np.random.Generator
) -> list[EditedMember]:
    """Finds for each request the first edit of `base` that may join the members and those found before it."""
    pool: list[tuple[int, EditedMember]] = []
    for number, request in enumerate(requests):
        for _ in range(TRIES):
            edit = request.propose(base.program, rng)
            new = draw(edit.apply(base.program), canvas) if edit else None
            if edit and new and differs_only_on(request.axis, base, new):
                pool.append((number, EditedMember(edit, new)))
    truth = truth_of([*members, *(edited.member for _, edited in pool)], canvas)
    joined, found = list(range(len(members))), {}
    for i, (number, edited) in enumerate(pool, len(members)):
        if number not in found and may_join(truth, joined, i) and edited.member.labels is not None:
            joined.append(i)
            found[number] = edited
    return list(found.values())
