"""Composed figures: constructions drawn one after the other, each taking points that are there, with their edits.

What a family's edits ask about comes first: slots of the construction language, all kinds of edits alike or by the
spec's mix. Then a figure is put together that has them: a base that offers the points that the first slot takes, and
slot after slot what the figure offers by then. `family(spec, split, index)` is a pure function. The set of letters of a
figure names its split, so that no caption of one is a caption of another.
"""

from __future__ import annotations

import itertools
import math
import zlib
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.table import CONSTRUCTIONS, rows_of
from data_gen.drawing.canvas import Canvas, Level, canvas_of
from data_gen.families import balanced
from data_gen.families import edits as family_edits
from data_gen.families import family as family_module
from data_gen.families.assemble import assemble
from data_gen.families.balanced import Question
from data_gen.families.splits import letters_split
from data_gen.records.schema import Family
from data_gen.shared.errors import UserError
from data_gen.sources.composed import printed
from data_gen.sources.composed.figure import (
    MAX_CORNERS,
    MAX_EXTENSIONS,
    MOST_POINTS,
    SLOTS_OF_KIND,
    Figure,
    _drawn,
    _shares,
    begin,
    extend,
)

HARDSET_SEED = 7_000_003  # of the frozen benchmark alone
MAX_TRIES, PATIENCE = 20_000, 1000
GOLDEN = (math.sqrt(5) - 1) / 2
SYMBOLIC = (0.0, 0.15, 0.3)  # share of the printed lengths and angles that have an unknown, by difficulty
SPOKES = 0.6  # share of the figures with a point on a circle that draw the radius to it
SIBLINGS = 7

FONTS = ("serif-italic", "sans", "serif", "cm-italic")
LEVELS = (
    Level(15, (0.095, 0.112), (0.009, 0.0115), 0.04, 100, 0.9, ("serif-italic",), 0.075, 1.05),
    Level(40, (0.082, 0.115), (0.007, 0.0125), 0.033, 300, 0.6, FONTS, 0.06, 1.05),
    Level(180, (0.058, 0.115), (0.0045, 0.0135), 0.028, 1000, 0.4, FONTS, 0.05, 1.05),
)
CUBE_EDITS = 3
LEAVES = {"labels": "order"} | dict.fromkeys(printed.POSSIBLE, "value")
BESIDE = tuple(kind for kind in SLOTS_OF_KIND if kind != "graph")
KINDS = tuple(SLOTS_OF_KIND) + tuple(LEAVES)


# ---- families -----------------------------------------------------------------------------------------------------


def rows(spec, split: str) -> int:
    """How many families a split has."""
    return int(spec.families[split])


def family(spec, split: str, index: int) -> Family:
    """Family `index` of a split: a pure function of (spec, split, index).

    Raises UserError where the spec leaves no way to draw it.
    """
    if spec.seed == HARDSET_SEED and spec.name != "hardset":
        raise UserError(f"{spec.name}: the seed {HARDSET_SEED} is the frozen benchmark's: take another")
    rng = np.random.default_rng([spec.seed, zlib.crc32(split.encode()), index])
    layout, difficulty, lead = turn_of(spec, index)
    proposals: dict[str, tuple[int, int]] = {}
    for tries in range(MAX_TRIES):
        leaves = spec.leaves + tries // PATIENCE  # fewer questions where many cannot all be told apart
        plan = _chosen(spec, leaves, layout, lead, difficulty, rng)
        program = plan and _lettered(spec, split, plan, difficulty, rng)
        if not plan or not program:
            continue
        canvas = canvas_of(spec.size_px, LEVELS[difficulty], rng)
        if program.steps[0].row.graph:
            canvas = replace(canvas, rotation_deg=0.0, mirror=False)  # axes stand upright
        if layout == "star":
            built = balanced.star(program, plan.questions, plan.leaves, canvas, rng)
        else:
            built = _cube(program, plan, canvas, rng)
        for kind in plan.kinds:
            tried, taken = proposals.get(kind, (0, 0))
            proposals[kind] = (tried + 1, taken + bool(built))
        if built:
            base = built.members[int(rng.integers(len(built.members)))]
            built = family_module.with_text_only(built, base, _spare(base.program, spec.text_only, rng), canvas, rng)
            key = f"{spec.name}/{split}/{index:07d}"
            done = assemble(key, layout, built, canvas, "composed", difficulty)
            return replace(done, proposals=proposals)
    raise UserError(
        f"{spec.name} {split} family {index}: nothing could be drawn in {MAX_TRIES} tries; "
        f"use a larger size_px, more letters or a lower difficulty"
    )


def turn_of(spec, index: int) -> tuple[str, int, str]:
    """Layout, difficulty and the kind of the first edit of family `index`: they take turns, so that any run of families
    has each as often as the spec wants. Multiples of the golden ratio spread the kinds evenly over all the rest."""
    turn, quarter = divmod(index, 4)
    layout = "cube" if quarter < round(4 * spec.cube_share) else "star"
    kinds = tuple(kind for kind in KINDS if kind != "graph" or layout == "star")
    weights = np.cumsum(_shares([spec.leads[layout][kind] for kind in kinds]))
    lead = kinds[int(np.searchsorted(weights[:-1], index * GOLDEN % 1.0, side="right"))]
    return layout, spec.difficulties[turn % len(spec.difficulties)], lead


def _cube(program: Program, plan: Plan, canvas: Canvas, rng: np.random.Generator) -> family_module.Built | None:
    for question in plan.questions:
        program = question.answered(program, 0)
    edits = [question.edit(0, 1) for question in plan.questions]
    for kind in plan.leaves:
        edit = family_edits.OF_KIND[kind](program, rng)
        if edit is None:
            return None
        edits.append(edit)
    return family_module.cube_of(program, edits, canvas, rng)


@dataclass(frozen=True)
class Plan:
    """A figure without letters, the questions about it, and the kinds of its other edits."""

    figure: Figure
    questions: tuple[Question, ...]
    leaves: tuple[str, ...]

    @property
    def kinds(self) -> list[str]:
        """The kinds of all its edits."""
        asked = [question.edit(0, new).kind for question in self.questions for new in range(1, len(question.answers))]
        return asked + list(self.leaves)


def _chosen(spec, leaves: int, layout: str, lead: str, difficulty: int, rng: np.random.Generator) -> Plan | None:
    """One of `spec.choices` plans, by the product of the weights of its edits' kinds; None where none holds."""
    choices = spec.choices if len(set(spec.mix.values())) > 1 else 1
    plans = [plan for _ in range(choices) if (plan := _plan(leaves, spec.answers, layout, lead, difficulty, rng))]
    if len(plans) < 2:
        return plans[0] if plans else None
    weights = [math.prod(spec.mix[kind] for kind in plan.kinds) for plan in plans]
    return plans[int(rng.choice(len(plans), p=_shares(weights)))]


def _plan(leaves: int, answers: int, layout: str, lead: str, difficulty: int, rng: np.random.Generator) -> Plan | None:
    """Which edits a family has, and a figure that has them; None where they do not go together."""
    siblings, most = (SIBLINGS, answers) if layout == "star" else (CUBE_EDITS, 2)
    first = lead if lead in SLOTS_OF_KIND else _drawn(BESIDE, rng)
    slots = SLOTS_OF_KIND[first]
    figure = begin(slots[int(rng.integers(len(slots)))], rng)
    if figure is None:
        return None
    leaves = 0 if lead == "graph" else _leaf_count(leaves, layout, lead, rng)
    asked = _asked(figure, first, siblings - leaves, siblings + 1 if lead == "graph" else most, rng)
    if asked is None:
        return None
    for _ in range(int(rng.integers(difficulty + 1)) if lead != "graph" else 0):
        extend(figure, BESIDE, rng)
    if lead != "graph" and rng.random() < SPOKES:
        figure.add("radius", rng)
    if figure.letters > MOST_POINTS:
        return None
    for place, step in enumerate(figure.steps):
        row = rows_of(step.row.slot)[int(rng.integers(len(rows_of(step.row.slot))))]
        figure.steps[place] = replace(step, construction=row.name, params=family_edits.draw_params(row, rng))
    possible = [kind for kind in LEAVES if _possible(kind, figure, set(asked))]
    if leaves and (not possible or lead in LEAVES and lead not in possible):
        return None
    kinds = [lead] * (lead in LEAVES) + [_drawn(possible, rng) for _ in range(leaves)]
    return Plan(figure, tuple(Question.of(place, names, rng) for place, names in asked.items()), tuple(kinds[:leaves]))


def _leaf_count(leaves: int, layout: str, lead: str, rng: np.random.Generator) -> int:
    """How many edits are of labels and values: `leaves` of a star's seven, as many in a cube on average."""
    if layout == "star":
        return min(SIBLINGS - 1, max(leaves, int(lead in LEAVES)))
    return int(lead in LEAVES or rng.random() < leaves * CUBE_EDITS / SIBLINGS)


def _asked(figure: Figure, first: str, siblings: int, most: int, rng) -> dict[int, list[str]] | None:
    """Place -> answers: so many questions about a figure, the last step's first, that they make the siblings."""
    asked: dict[int, list[str]] = {}
    more: tuple[str, int] | None = (first, len(figure.steps) - 1)
    for _ in range(MAX_EXTENSIONS):
        missing = siblings - sum(len(names) - 1 for names in asked.values())
        if more and more[1] not in asked and missing:
            kind, place = more
            asked[place] = _answers(figure.steps[place].row.slot, kind, min(most, missing + 1), rng)
        elif not missing:
            return asked if math.prod(map(len, asked.values())) <= MAX_CORNERS else None
        more = extend(figure, BESIDE, rng)
    return None


def _possible(kind: str, figure: Figure, asked: set[int]) -> bool:
    """Whether a figure has something to edit in this way, beside what is asked."""
    return figure.letters > 2 if kind == "labels" else bool(printed.POSSIBLE[kind](figure, asked))


def _answers(slot: str, kind: str, most: int, rng: np.random.Generator) -> list[str]:
    """Up to `most` rows of a slot that state different things, two of which at least make an edit of the kind."""
    stated = {row.name: row.facts for row in rows_of(slot)}
    names = [str(name) for name in rng.permutation(list(stated))]
    pairs = [
        (a, b)
        for a, b in itertools.combinations(names, 2)
        if stated[a] != stated[b] and family_edits.kind_of(a, b) == kind
    ]
    chosen = list(pairs[int(rng.integers(len(pairs)))])
    for name in names:
        if len(chosen) < most and stated[name] not in {stated[other] for other in chosen}:
            chosen.append(name)
    return chosen


def _lettered(spec, split: str, plan: Plan, difficulty: int, rng: np.random.Generator) -> Program | None:
    """The plan's figure with letters of the split and printed measures; None where it has too many points."""
    letters = _letters(spec, split, plan.figure.letters, rng)
    if letters is None:
        return None
    asked = {question.place for question in plan.questions}
    prints = printed.draw(plan.figure, plan.leaves, asked, SYMBOLIC[difficulty], rng)
    return Program(tuple(plan.figure.steps), prints).rename(letters)


def _letters(spec, split: str, count: int, rng: np.random.Generator) -> dict[str, str] | None:
    """ "0", "1"... to letters in random order, such that the set belongs to the split."""
    alphabet = [letter for letter in spec.letters if letter != "O"]
    if len(alphabet) < MOST_POINTS + 3:
        raise UserError(f"{spec.name}: spec.letters has {len(alphabet)} letters, at least {MOST_POINTS + 3} are needed")
    for _ in range(100):
        if rng.random() < 0.5:  # books letter in alphabetical runs
            start = int(rng.integers(len(alphabet) - count + 1))
            chosen = alphabet[start : start + count]
        else:
            chosen = sorted(str(x) for x in rng.choice(alphabet, count, replace=False))
        if letters_split("composed", chosen) == split:
            return {str(i): str(letter) for i, letter in enumerate(rng.permutation(chosen))}
    return None


def _spare(program: Program, count: int, rng: np.random.Generator) -> list[family_module.Wish]:
    """Wishes for captions without a picture: labels, values, and exchanges of any step."""
    wishes: list[family_module.Wish] = []
    places = [i for i, step in enumerate(program.steps) if len(rows_of(step.row.slot)) > 1]
    for i in range(count):
        if places and i % 2:
            place = int(rng.choice(places))
            some = [row.name for row in rows_of(program.steps[place].row.slot)]
            name = some[int(rng.integers(len(some)))]
            wishes.append((CONSTRUCTIONS[name].axis, family_edits.exchange(place, name)))
        else:
            axis = ("order", "value")[i // 2 % 2]
            wishes.append((axis, family_edits.PROPOSALS[axis]))
    return wishes
