"""Composed figures: constructions drawn one after the other, each taking points that are there, with their edits.

What a family's edits are of comes first: slots of the construction language, all kinds of edits alike or by the spec's
mix. Then a figure is put together that has them: a base that offers the points that the first slot takes, and
slot after slot what the figure offers by then. `family(spec, split, index)` is a pure function. The set of letters of a
figure names its split, so that no caption of one is a caption of another.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.table import CONSTRUCTIONS, rows_of
from data_gen.drawing.canvas import Canvas, Difficulty, canvas_of
from data_gen.families import balanced
from data_gen.families.assemble import assemble
from data_gen.families.balanced import Factor
from data_gen.families.edits import PROPOSAL_OF_AXIS, PROPOSAL_OF_KIND, draw_params, kind_of, propose_exchange
from data_gen.families.family import EditRequest, FamilyDraft, cube_of, with_text_only
from data_gen.families.splits import draw_letters
from data_gen.families.values import ANGLES, LENGTHS
from data_gen.language import captions
from data_gen.language.fact import Fact
from data_gen.records.schema import Family
from data_gen.shared.errors import UserError
from data_gen.sources.composed import books, printed
from data_gen.sources.composed.corners import Corners
from data_gen.sources.composed.figure import SLOTS_OF_KIND, FigureBuilder, begin, draw_kind, draw_order, extend, shares
from data_gen.sources.composed.profiles import EVERY_KIND, Profile, profile_of
from data_gen.sources.composed.wish import Wish

HARDSET_SEED = 7_000_003  # of the frozen benchmark alone
MAX_TRIES, PATIENCE = 20_000, 400
MOST_POINTS, MAX_CORNERS, MAX_EXTENSIONS = 9, 40, 16
KEPT = 3  # of the candidate plans for a family
GOLDEN = (math.sqrt(5) - 1) / 2
SYMBOLIC = (0.0, 0.15, 0.3)  # share of the printed lengths and angles that have an unknown, by difficulty
SIBLINGS = 7

FONTS = ("serif-italic", "sans", "serif", "cm-italic")
DIFFICULTIES = (
    Difficulty(15, (0.095, 0.112), (0.009, 0.0115), 0.04, 100, 0.9, ("serif-italic",), 0.075, 1.05),
    Difficulty(40, (0.082, 0.115), (0.007, 0.0125), 0.033, 300, 0.6, FONTS, 0.06, 1.05),
    Difficulty(180, (0.058, 0.115), (0.0045, 0.0135), 0.028, 1000, 0.4, FONTS, 0.05, 1.05),
)
CUBE_EDITS = 3
KINDS = EVERY_KIND
TEXT_KINDS = tuple(kind for kind in KINDS if kind not in SLOTS_OF_KIND)
RARE = 0.03  # share of the plans that may have one of a profile's rare slots
UPRIGHT = 0.75  # share of the families of books' profile whose figures stand upright, with the base below
LYING, MIRRORED = 0.06, 0.9  # shares of those that lie on a side, and that are mirrored as constructions have them
LOW, MORE_LETTERS = 0.7, 4  # how often letters are from the first ones, so many more than there are points
TERSE = 0.9  # share of the families of books' profile whose captions are as terse as theirs


def rows(spec, split: str) -> int:
    """Returns how many families a split has."""
    return int(spec.families[split])


def family(spec, split: str, index: int) -> Family:
    """Makes family `index` of a split: a pure function of (spec, split, index).

    Raises UserError where the spec leaves no way to draw it.
    """
    if spec.seed == HARDSET_SEED and spec.name != "hardset":
        raise UserError(f"{spec.name}: the seed {HARDSET_SEED} is the frozen benchmark's: take another")
    rng = np.random.default_rng([spec.seed, zlib.crc32(split.encode()), index])
    profile = profile_of(spec)
    layout, difficulty, lead = turn_of(spec, index)
    wish = Wish.draw(lead, rng) if profile.books else None
    proposals: dict[str, tuple[int, int]] = {}
    plans: list[Plan] = []
    for tries in range(MAX_TRIES):
        text_edits = spec.leaves + tries // PATIENCE  # fewer exchanges where many cannot all be told apart
        if wish:
            profile = replace(profile, wish=wish.after(tries))
        plans = plans or _chosen(spec, profile, text_edits, layout, lead, difficulty, rng)
        if not plans:
            continue
        plan = plans.pop(0)
        program = _lettered(spec, split, plan, difficulty, rng)
        if not program:
            continue
        canvas = canvas_of(spec.size_px, DIFFICULTIES[difficulty], rng)
        if profile.books:
            canvas = _as_in_books(canvas, rng)
        if program.steps[0].row.graph:
            canvas = replace(canvas, rotation_deg=0.0, mirror=False)  # axes stand upright
        parts = program, plan.factors, plan.text_kinds, canvas, rng
        draft = _cube(*parts) if layout == "cube" else balanced.star(*parts, crowded=profile.books)
        for kind in plan.kinds:
            tried, taken = proposals.get(kind, (0, 0))
            proposals[kind] = (tried + 1, taken + bool(draft))
        if draft:
            base = draft.members[int(rng.integers(len(draft.members)))]
            draft = with_text_only(draft, base, _text_only(base.program, spec.text_only, rng), canvas, rng)
            key = f"{spec.name}/{split}/{index:07d}"
            made = assemble(key, layout, draft, canvas, "composed", difficulty)
            return replace(made, proposals=proposals)
    raise UserError(
        f"{spec.name} {split} family {index}: nothing could be drawn in {MAX_TRIES} tries; "
        f"use a larger size_px, more letters or a lower difficulty"
    )


def _as_in_books(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Makes captions terse, and puts most figures upright: a base below, its apex above."""
    if rng.random() < TERSE:
        canvas = replace(canvas, wording=canvas.wording + captions.TERSE)
    if rng.random() < UPRIGHT:
        canvas = replace(canvas, rotation_deg=90.0 * int(rng.random() < LYING), mirror=bool(rng.random() < MIRRORED))
    return canvas


def turn_of(spec, index: int) -> tuple[str, int, str]:
    """Returns layout, difficulty and the kind of the first edit of family `index`.

    They take turns, so that any run of families has each as often as the spec wants. Multiples of the golden ratio
    spread the kinds evenly over all the rest.
    """
    turn, quarter = divmod(index, 4)
    layout = "cube" if quarter < round(4 * spec.cube_share) else "star"
    of_profile = profile_of(spec).weights
    kinds = tuple(kind for kind in of_profile if kind != "graph" or layout == "star")
    weights = np.cumsum(shares([spec.leads[layout][kind] * of_profile[kind] for kind in kinds]))
    lead = kinds[int(np.searchsorted(weights[:-1], index * GOLDEN % 1.0, side="right"))]
    return layout, spec.difficulties[turn % len(spec.difficulties)], lead


def _cube(
    program: Program, factors: Sequence[Factor], text_kinds: Sequence[str], canvas: Canvas, rng: np.random.Generator
) -> FamilyDraft | None:
    for factor in factors:
        program = factor.at(0, program)
    edits = [factor.edit(0, 1) for factor in factors]
    for kind in text_kinds:
        edit = PROPOSAL_OF_KIND[kind](program, rng)
        if edit is None:
            return None
        edits.append(edit)
    return cube_of(program, edits, canvas, rng)


@dataclass(frozen=True)
class Plan:
    """A figure without letters, the factors of its grid, and the kinds of its text edits."""

    figure: FigureBuilder
    factors: tuple[Factor, ...]
    text_kinds: tuple[str, ...]
    prints: tuple[Fact, ...] | None = None  # what is printed, where the plan says so
    states: tuple[Fact, ...] = ()  # what is stated beside the steps

    @property
    def kinds(self) -> list[str]:
        """Lists the kinds of all its edits."""
        exchanged = [factor.edit(0, new).kind for factor in self.factors for new in range(1, len(factor.levels))]
        return exchanged + list(self.text_kinds)


def _chosen(
    spec, profile: Profile, text_edits: int, layout: str, lead: str, difficulty: int, rng: np.random.Generator
) -> list[Plan]:
    """Draws `spec.choices` plans, and of those KEPT to try one after the other, by the product of the weights of their
    edits' kinds; none where none holds."""
    choices = spec.choices if len(set(spec.mix.values())) > 1 else 1
    drawn = (_plan(profile, text_edits, spec.answers, layout, lead, difficulty, rng) for _ in range(choices))
    plans = [plan for plan in drawn if plan]
    if len(plans) < 2:
        return plans
    weights = shares([math.prod(spec.mix[kind] for kind in plan.kinds) for plan in plans])
    kept = min(KEPT, int(np.count_nonzero(weights)))
    return [plans[i] for i in rng.choice(len(plans), kept, replace=False, p=weights)]


def _plan(
    profile: Profile, text_edits: int, levels: int, layout: str, lead: str, difficulty: int, rng: np.random.Generator
) -> Plan | None:
    """Draws which edits a family has, and a figure that has them; None where they do not go together."""
    siblings, most = (SIBLINGS, levels) if layout == "star" else (CUBE_EDITS, 2)
    first = lead if lead in SLOTS_OF_KIND else draw_kind(profile.exchanges, rng)
    without = profile.rare if profile.rare and rng.random() > RARE else ()
    slots = [slot for slot in SLOTS_OF_KIND[first] if slot not in without] or SLOTS_OF_KIND[first]
    figure = begin(draw_order(slots, profile.often, rng)[0], rng, without)
    if figure is None:
        return None
    text_edits = 0 if lead == "graph" else _text_edit_count(text_edits, layout, lead, rng)
    most = siblings + 1 if lead == "graph" else most
    exchanged = _exchanged(figure, profile, without, first, siblings - text_edits, most, rng)
    if exchanged is None:
        return None
    if lead != "graph":  # parts that no edit is of, and often a radius
        for _ in range(int(rng.integers(difficulty + 1))):
            extend(figure, profile.exchanges, profile.often, rng, without)
        if rng.random() < profile.spokes:
            figure.add("radius", rng)
        for slot in profile.wish.slots(rng):
            figure.add(slot, rng)
    if figure.letters > MOST_POINTS:
        return None
    for place, step in enumerate(figure.steps):
        row = rows_of(step.row.slot)[int(rng.integers(len(rows_of(step.row.slot))))]
        figure.steps[place] = replace(step, construction=row.name, params=draw_params(row, rng))
    if profile.books and lead != "graph":
        return _of_books(profile, figure, exchanged, text_edits, lead, rng)
    able = {kind: partial(is_possible, figure, exchanged) for kind, is_possible in printed.POSSIBLE.items()}
    kinds = _text_kinds(profile, able, text_edits, lead, rng)
    if kinds is None:
        return None
    factors = tuple(Factor.of(place, names, rng) for place, names in exchanged.items())
    return Plan(figure, factors, kinds)


def _text_kinds(
    profile: Profile, able: Mapping[str, Callable[[], bool]], text_edits: int, lead: str, rng: np.random.Generator
) -> tuple[str, ...] | None:
    """Draws the kinds of so many text edits, by their weights, out of those that a figure is able to have; None where
    the family's first one is not among them. Each is asked once and only if it is drawn: looking for room takes longer
    than all before."""
    possible = {kind: cache(able[kind]) for kind, weight in profile.text_kinds.items() if kind in able and weight}
    kinds = [lead] * bool(text_edits and lead in profile.text_kinds)
    if any(kind not in possible or not possible[kind]() for kind in kinds):
        return None
    while len(kinds) < text_edits:
        # The first possible one is drawn as by the weights of the possible ones alone.
        found = next((kind for kind in draw_order(list(possible), profile.text_kinds, rng) if possible[kind]()), None)
        if found is None:
            return None
        kinds.append(found)
    return tuple(kinds)


def _of_books(
    profile: Profile, figure: FigureBuilder, exchanged: dict[int, list[str]], text_edits: int, lead: str,
    rng: np.random.Generator,
) -> Plan | None:  # fmt: skip
    """Completes a plan with what books print and state; parts that no edit is of are often left unsaid."""
    for place, step in enumerate(figure.steps):
        if place in exchanged or not step.row.facts:
            continue
        row = profile.wish.row(rows_of(step.row.slot), rng)
        quiet = "~" if rng.random() < profile.quiet else ""
        figure.steps[place] = replace(step, construction=quiet + row.name, params=draw_params(row, rng))
    factors = tuple(Factor.of(place, names, rng) for place, names in exchanged.items())
    program = Program(tuple(figure.steps))
    for factor in factors:
        program = factor.at(0, program)
    figure.steps[:] = program.steps
    others = [factor.at(level, program) for factor in factors for level in range(1, len(factor.levels))]
    try:
        corners = Corners([program, *others])
    except (ZeroDivisionError, ValueError):
        return None
    prints, states = books.draw_prints(corners, profile.wish, rng), books.draw_relations(corners, profile.wish, rng)
    if prints is None:
        return None
    has_length, has_angle = (any(fact.predicate in some for fact in prints) for some in (LENGTHS, ANGLES))
    able = {
        "labels": lambda: figure.letters > 2,
        "printed_length": lambda: has_length,
        "printed_angle": lambda: has_angle and lead == "printed_angle",
        "angle_text": lambda: (
            has_angle and lead != "printed_angle" and corners.vary_freely(books.numeric_angles(prints), rng)
        ),
    }
    kinds = _text_kinds(profile, able, text_edits, lead, rng)
    if kinds is None:
        return None
    if "angle_text" in kinds:
        prints = books.near_scale(prints, program, rng)
    return Plan(figure, factors, kinds, prints, states)


def _text_edit_count(wanted: int, layout: str, lead: str, rng: np.random.Generator) -> int:
    """Returns how many edits are of letters and values: `wanted` of a star's seven, as many in a cube on average."""
    if layout == "star":
        return min(SIBLINGS - 1, max(wanted, int(lead in TEXT_KINDS)))
    return int(lead in TEXT_KINDS or rng.random() < wanted * CUBE_EDITS / SIBLINGS)


def _exchanged(
    figure: FigureBuilder,
    profile: Profile,
    without: Collection[str],
    first: str,
    siblings: int,
    most: int,
    rng: np.random.Generator,
) -> dict[int, list[str]] | None:
    """Draws place -> levels: so many factors of a figure, the last step first, that they make the siblings."""
    factors: dict[int, list[str]] = {}
    more: tuple[str, int] | None = (first, len(figure.steps) - 1)
    for _ in range(MAX_EXTENSIONS):
        missing = siblings - sum(len(names) - 1 for names in factors.values())
        if more and more[1] not in factors and missing:
            kind, place = more
            slot = figure.steps[place].row.slot
            factors[place] = _levels(slot, kind, min(most, missing + 1), profile.often, rng)
        elif not missing:
            return factors if math.prod(map(len, factors.values())) <= MAX_CORNERS else None
        more = extend(figure, profile.exchanges, profile.often, rng, without)
    return None


def _levels(slot: str, kind: str, most: int, often: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    """Draws up to `most` rows of a slot that state different things; at least two of them make an edit of the kind."""
    stated = {row.name: row.facts for row in rows_of(slot)}
    names = draw_order(list(stated), often, rng)
    edits = _edits(slot, kind)
    pairs = [pair for pair in itertools.combinations(names, 2) if pair in edits]
    weights = [often.get(a, 1.0) * often.get(b, 1.0) for a, b in pairs]
    chosen = list(pairs[int(rng.choice(len(pairs), p=shares(weights)))])
    for name in names:
        if len(chosen) < most and stated[name] not in {stated[other] for other in chosen}:
            chosen.append(name)
    return chosen


@cache
def _edits(slot: str, kind: str) -> frozenset[tuple[str, str]]:
    """Returns the pairs of a slot's rows, either way round, whose exchange is an edit of the kind."""
    pairs = itertools.permutations(rows_of(slot), 2)
    return frozenset((a.name, b.name) for a, b in pairs if a.facts != b.facts and kind_of(a.name, b.name) == kind)


def _lettered(spec, split: str, plan: Plan, difficulty: int, rng: np.random.Generator) -> Program | None:
    """Gives the plan's figure letters of the split and printed measures; None where it has too many points."""
    alphabet = [letter for letter in spec.letters if letter != "O"]
    if len(alphabet) < MOST_POINTS + 3:
        raise UserError(f"{spec.name}: spec.letters has {len(alphabet)} letters, at least {MOST_POINTS + 3} are needed")
    if plan.prints is not None and rng.random() < LOW:
        alphabet = alphabet[: plan.figure.letters + MORE_LETTERS]
    letters = draw_letters(alphabet, plan.figure.letters, "composed", split, rng)
    if letters is None:
        return None
    exchanged = {factor.place for factor in plan.factors}
    prints = plan.prints
    if prints is None:
        prints = printed.draw_prints(plan.figure, plan.text_kinds, exchanged, SYMBOLIC[difficulty], rng)
    program = Program(tuple(plan.figure.steps), prints, states=plan.states)
    return program.rename({str(i): letter for i, letter in enumerate(letters)})


def _text_only(program: Program, count: int, rng: np.random.Generator) -> list[EditRequest]:
    """Requests captions without a picture: of letters, values, and exchanges of any step."""
    requests: list[EditRequest] = []
    loud = [i for i, step in enumerate(program.steps) if not step.construction.startswith("~")]
    places = [i for i in loud if len(rows_of(program.steps[i].row.slot)) > 1]
    for i in range(count):
        if places and i % 2:
            place = int(rng.choice(places))
            names = [row.name for row in rows_of(program.steps[place].row.slot)]
            name = names[int(rng.integers(len(names)))]
            requests.append(EditRequest(CONSTRUCTIONS[name].axis, propose_exchange(place, name)))
        else:
            axis = ("order", "value")[i // 2 % 2]
            requests.append(EditRequest(axis, PROPOSAL_OF_AXIS[axis]))
    return requests
