"""Stars whose anchor nothing gives away: any corner of a grid of figures might have been it.

The grid is a full factorial design: each of its *factors* is a step of the program, whose *levels* are constructions
of one slot. A star takes a corner as its anchor and all other levels of each factor, one at a time, as siblings. To
them come *text edits*, of letters or printed values, which every corner can have. A star is accepted only if *every*
corner of the grid would have made a family, and the anchor is drawn at the end: so no level is more often an anchor
than a sibling, however hard some are to draw, and a scorer that sees one caption or one picture alone learns nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.table import CONSTRUCTIONS
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member, draw
from data_gen.families.acceptance import differs_only_on, proves_itself, truth_of
from data_gen.families.edits import PROPOSAL_OF_KIND, Edit, draw_params, exchange, in_range
from data_gen.families.family import FamilyDraft


@dataclass(frozen=True)
class Factor:
    """The step of a program that varies over the grid: constructions of one slot, each with its parameters."""

    place: int
    levels: tuple[str, ...]
    params: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(place: int, levels: Sequence[str], rng: np.random.Generator) -> Factor:
        """Draws parameters for each level; the levels share the first one where their ranges allow it."""
        rows = [CONSTRUCTIONS[name] for name in levels]
        drawn = [draw_params(row, rng) for row in rows]
        shared = next((params[0] for params in drawn if params and all(in_range(row, params[0]) for row in rows)), None)
        if shared is not None:
            drawn = [(shared, *params[1:]) for params in drawn]
        return Factor(place, tuple(levels), tuple(drawn))

    def at(self, level: int, program: Program) -> Program:
        """Returns the program with one of the levels."""
        step = program.steps[self.place]
        return program.with_step(self.place, replace(step, construction=self.levels[level], params=self.params[level]))

    def edit(self, old: int, new: int) -> Edit:
        """Returns the change from one level to another."""
        return exchange(self.place, self.levels[old], self.levels[new], lambda step: self.params[new])


Corner = tuple[int, ...]  # the level of each factor
Figures = dict[tuple[Corner, int], Member]  # corner and text edit, -1 for the corner itself
PROPOSALS = 5  # for one text edit


def star(
    program: Program, factors: Sequence[Factor], text_kinds: Sequence[str], canvas: Canvas, rng: np.random.Generator,
    crowded: bool = False,
) -> FamilyDraft | None:  # fmt: skip
    """Makes a star of all levels of all factors and of text edits; None where some corner of the grid makes no family.
    `text_kinds`: rows of `edits.PROPOSAL_OF_KIND`; `crowded`: whether names and values often find no room, so that it
    pays to look for it before text edits are."""
    figures = _corners(program, factors, canvas)
    if figures is None or crowded and any(member.labels is None for member in figures.values()):
        return None
    if not _all_prove_themselves(figures, factors, 0, canvas):
        return None
    text_edits: list[Edit] = []
    for kind in text_kinds:
        for _ in range(PROPOSALS):
            edit = PROPOSAL_OF_KIND[kind](program, rng)
            if edit is None:
                continue
            grown = _with_text_edit(figures, program, factors, edit, len(text_edits), canvas)
            if grown and _all_prove_themselves(grown, factors, len(text_edits) + 1, canvas):
                figures, text_edits = grown, [*text_edits, edit]
                break
        else:
            return None
    corners = [corner for corner, number in figures if number < 0]
    root = corners[int(rng.integers(len(corners)))]
    members = [figures[key] for key in _star_of(root, factors, len(text_edits))]
    if any(member.labels is None for member in members):
        return None
    exchanges = [factors[i].edit(root[i], new) for i, new in _other_levels(root, factors)]
    return FamilyDraft(members, [(), *((edit,) for edit in exchanges + text_edits)])


def _other_levels(corner: Corner, factors: Sequence[Factor]) -> list[tuple[int, int]]:
    """Lists (place, level) of each factor's levels other than the corner's."""
    return [(i, new) for i, factor in enumerate(factors) for new in range(len(factor.levels)) if new != corner[i]]


def _star_of(corner: Corner, factors: Sequence[Factor], text_edits: int) -> list[tuple[Corner, int]]:
    """Lists the keys of a corner's star: itself, the other levels of each factor, the text edits."""
    others = [(*corner[:i], new, *corner[i + 1 :]) for i, new in _other_levels(corner, factors)]
    return [(corner, -1), *((other, -1) for other in others), *((corner, number) for number in range(text_edits))]


def _all_prove_themselves(figures: Figures, factors: Sequence[Factor], text_edits: int, canvas: Canvas) -> bool:
    """Returns whether the star of every corner is a family."""
    truth = truth_of(list(figures.values()), canvas)
    places = {key: i for i, key in enumerate(figures)}
    for corner in (corner for corner, number in figures if number < 0):
        index = [places[key] for key in _star_of(corner, factors, text_edits)]
        if not proves_itself(truth[np.ix_(index, index)]):
            return False
    return True


def _corners(program: Program, factors: Sequence[Factor], canvas: Canvas) -> Figures | None:
    """Draws every corner of the grid; None where one cannot be drawn, or prints other values."""
    found: Figures = {}
    for corner in itertools.product(*(range(len(factor.levels)) for factor in factors)):
        member = draw(_at(corner, factors, program), canvas)
        if member is None or found and not differs_only_on("", next(iter(found.values())), member):
            return None
        found[corner, -1] = member
    return found


def _at(corner: Corner, factors: Sequence[Factor], program: Program) -> Program:
    for factor, level in zip(factors, corner, strict=True):
        program = factor.at(level, program)
    return program


def _with_text_edit(
    figures: Figures, program: Program, factors: Sequence[Factor], edit: Edit, number: int, canvas: Canvas
) -> Figures | None:
    """Returns the figures and the edit of every corner; None where it cannot be drawn, or changes two things."""
    new: Figures = {}
    for (corner, other), plain in figures.items():
        if other < 0:
            edited = draw(edit.apply(_at(corner, factors, program)), canvas)
            if edited is None or not differs_only_on(edit.axis, plain, edited):
                return None
            new[corner, number] = edited
    return figures | new
