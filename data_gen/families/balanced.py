"""Stars whose anchor nothing gives away: any corner of a grid of figures might have been it.

A figure is one corner of a grid: for each of its questions (a slot of the construction language) one of a few answers.
A star takes a corner as its anchor and all other answers to each question, one at a time, as siblings. It is accepted
only if *every* corner of the grid would have made a family, and the anchor is drawn at the end: so no answer is more
often an anchor than a sibling, however hard some are to draw, and a scorer that sees one caption or one picture alone
learns nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.row import Construction
from data_gen.constructions.table import CONSTRUCTIONS
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member, draw
from data_gen.families import edits as family_edits
from data_gen.families.acceptance import one_edit, told
from data_gen.families.edits import Edit
from data_gen.families.family import Built


@dataclass(frozen=True)
class Question:
    """The step of a program that has other answers: constructions of one slot, each with its parameters."""

    place: int
    answers: tuple[str, ...]
    params: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(place: int, answers: Sequence[str], rng: np.random.Generator) -> Question:
        """With parameters drawn for each answer; the answers share the first one where their ranges allow it."""
        rows = [CONSTRUCTIONS[name] for name in answers]
        drawn = [family_edits.draw_params(row, rng) for row in rows]
        shared = next((params[0] for params in drawn if params and all(_allows(row, params[0]) for row in rows)), None)
        if shared is not None:
            drawn = [(shared, *params[1:]) for params in drawn]
        return Question(place, tuple(answers), tuple(drawn))

    def answered(self, program: Program, which: int) -> Program:
        """The program with one of the answers."""
        step = replace(program.steps[self.place], construction=self.answers[which], params=self.params[which])
        return program.with_step(self.place, step)

    def edit(self, old: int, new: int) -> Edit:
        """The change from one answer to another."""
        axis = CONSTRUCTIONS[self.answers[new]].axis
        kind = family_edits.kind_of(self.answers[old], self.answers[new])
        return Edit(axis, lambda program: self.answered(program, new), kind)


def _allows(row: Construction, parameter: float) -> bool:
    return bool(row.ranges) and row.ranges[0][0] <= parameter <= row.ranges[0][1]


Corner = tuple[int, ...]  # which answer each question has
Figures = dict[tuple[Corner, int], Member]  # corner and leaf, -1 for the corner itself
PROPOSALS = 5  # for one leaf


def star(
    program: Program, questions: Sequence[Question], leaves: Sequence[str], canvas: Canvas, rng: np.random.Generator
) -> Built | None:
    """A star of all answers to all questions, and of leaves: edits (labels, values) that every corner can have.

    Args:
      leaves: their kinds, rows of `perturb.OF_KIND`.

    None where some corner of the grid would make no family.
    """
    figures = _corners(program, questions, canvas)
    if figures is None or not _all_told(figures, questions, 0, canvas):
        return None
    edits: list[Edit] = []
    for kind in leaves:
        for _ in range(PROPOSALS):
            edit = family_edits.OF_KIND[kind](program, rng)
            if edit is None:
                continue
            grown = _with_leaf(figures, program, questions, edit, len(edits), canvas)
            if grown and _all_told(grown, questions, len(edits) + 1, canvas):
                figures, edits = grown, [*edits, edit]
                break
        else:
            return None
    corners = [corner for corner, leaf in figures if leaf < 0]
    root = corners[int(rng.integers(len(corners)))]
    members = [figures[key] for key in _members(root, questions, len(leaves))]
    if any(member.labels is None for member in members):
        return None
    exchanges = [
        q.edit(root[i], new) for i, q in enumerate(questions) for new in range(len(q.answers)) if new != root[i]
    ]
    return Built(members, [(), *((edit,) for edit in exchanges + edits)], [])


def _members(corner: Corner, questions: Sequence[Question], leaves: int) -> list[tuple[Corner, int]]:
    """The keys of a corner's star: itself, the other answers, the leaves."""
    others = [
        (*corner[:i], new, *corner[i + 1 :])
        for i, question in enumerate(questions)
        for new in range(len(question.answers))
        if new != corner[i]
    ]
    return [(corner, -1), *((other, -1) for other in others), *((corner, leaf) for leaf in range(leaves))]


def _all_told(figures: Figures, questions: Sequence[Question], leaves: int, canvas: Canvas) -> bool:
    """Whether the star of every corner is a family: each caption is true of its own figure, and of no other."""
    truth = told(list(figures.values()), canvas)
    places = {key: i for i, key in enumerate(figures)}
    for corner in (corner for corner, leaf in figures if leaf < 0):
        index = [places[key] for key in _members(corner, questions, leaves)]
        if not np.array_equal(truth[np.ix_(index, index)], np.eye(len(index), dtype=np.int8)):
            return False
    return True


def _corners(program: Program, questions: Sequence[Question], canvas: Canvas) -> Figures | None:
    """Every corner of the grid, drawn; None where one cannot be, or prints other values."""
    found: Figures = {}
    for corner in itertools.product(*(range(len(question.answers)) for question in questions)):
        member = draw(_at(program, questions, corner), canvas)
        if member is None or found and not one_edit(next(iter(found.values())), member, ""):
            return None
        found[corner, -1] = member
    return found


def _at(program: Program, questions: Sequence[Question], corner: Corner) -> Program:
    for question, which in zip(questions, corner, strict=True):
        program = question.answered(program, which)
    return program


def _with_leaf(
    figures: Figures, program: Program, questions: Sequence[Question], edit: Edit, leaf: int, canvas: Canvas
) -> Figures | None:
    """The figures and the edit of every corner; None where it cannot be drawn, or changes two things."""
    new: Figures = {}
    for (corner, other), plain in figures.items():
        if other < 0:
            edited = draw(edit.apply(_at(program, questions, corner)), canvas)
            if edited is None or not one_edit(plain, edited, edit.axis):
                return None
            new[corner, leaf] = edited
    return figures | new
