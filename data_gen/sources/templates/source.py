"""Generated figures: a skeleton of construction slots, filled at random, and the family of its edits.

`family(spec, split, index)` is a pure function. The splits never share a caption: the letters of a figure and its
skeleton together name the split that it belongs to, and every member of a family has the same letters and the same
skeleton.
"""

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing.canvas import Difficulty, canvas_of
from data_gen.drawing.draw import draw
from data_gen.families.assemble import assemble
from data_gen.families.edits import AXES, MIN_TURN_DEG
from data_gen.families.family import EditRequest, cube, star, with_text_only
from data_gen.families.splits import draw_letters
from data_gen.families.values import draw_length
from data_gen.language.fact import Fact
from data_gen.records.schema import Family
from data_gen.shared.errors import UserError
from data_gen.sources.templates import plans

MAX_TRIES = 4000
TRIES_PER_PLAN = 40  # then another one: giving up early would make hard figures rare as anchors


@dataclass(frozen=True)
class Skeleton:
    """A row: slots with the points they take and give ("triangle:>abc"), and the measures that may be printed.

    Points are roles that become letters; "O" is always the letter O, the centre of a circle, and an underscore in front
    hides a point. Skeletons of a higher difficulty than the spec's are left out.
    """

    name: str
    slots: tuple[str, ...]
    prints: tuple[str, ...]
    difficulty: int = 0


SKELETONS = (
    Skeleton("cevian", ("triangle:>abc", "cevian:abc>d"), ("angle a b c", "length a b", "length a c")),
    Skeleton("circled", ("triangle:>abc", "circled:abc>O_"), ("angle a b c", "length a c")),
    Skeleton("cross", ("quadrilateral:>abcd", "cross:abcd>e"), ("angle b a d", "length d a", "length b c")),
    Skeleton("touching", ("circle:>O_", "inscribed_triangle:O_>abc", "corner_line:Oa>gt"),
             ("angle a b c", "length a b", "length a c")),
    Skeleton("chords", ("circle:>O_", "chord:O_>ab", "touch:Oa>gt", "radius:Oa>", "place:O_>p"), ("length a g",)),
    Skeleton("parallels", ("lines:>abcd", "transversal:abcd>efuv", "transversal_point:ef>g"),
             ("angle b e f", "length b e")),
    Skeleton("crossline", ("triangle:>abc", "crossline:abc>de"), ("angle a b c", "length b c"), 1),
    Skeleton("diagonal", ("quadrilateral:>abcd", "diagonal:bd>", "cevian:abd>e"),
             ("length a b", "length c d", "length b c"), 1),
    Skeleton("side_point", ("quadrilateral:>abcd", "side_point:abcd>e"),
             ("angle b a d", "length a b", "length d a"), 1),
    Skeleton("inscribed", ("circle:>O_", "inscribed_triangle:O_>abc", "cevian:abc>d"),
             ("angle a b c", "length a b"), 1),
)  # fmt: skip
HIDDEN = {"_": "_O", "t": "_T", "u": "_U", "v": "_V"}
DIFFICULTIES = (
    Difficulty(12, (0.118, 0.128), (0.011, 0.013), 0.07, 1, 1.0, ("serif-italic",)),
    Difficulty(30, (0.11, 0.13), (0.007, 0.012), 0.045, 40, 0.7, ("serif-italic", "sans", "serif")),
    Difficulty(180, (0.085, 0.11), (0.0045, 0.011), 0.04, 1000, 0.4, ("serif-italic", "sans", "serif")),
)

# How many siblings of a star lie on each axis of AXES: over these eight rows every axis has 14. The last one is for
# figures without a shape to change.
PLANS = (
    (2, 2, 1, 2), (2, 2, 1, 2), (2, 2, 1, 2), (2, 2, 2, 1), (1, 2, 2, 2), (1, 2, 2, 2), (1, 2, 2, 2), (3, 0, 3, 1),
)  # fmt: skip
CUBES = tuple(tuple(axis for axis in AXES if axis != left_out) for left_out in AXES)


def rows(spec, split: str) -> int:
    """Returns how many families a split has."""
    return int(spec.families[split])


def family(spec, split: str, index: int) -> Family:
    """Makes family `index` of a split: a pure function of (spec, split, index).

    Which axes its edits lie on follows from the index, so that a split of a multiple of 32 families has an equal
    share of each. Raises UserError where the spec leaves no way to draw it.
    """
    rng = np.random.default_rng([spec.seed, zlib.crc32(split.encode()), index])
    cubes = round(4 * spec.cube_share)
    layout = "cube" if index % 4 < cubes else "star"
    place = index // 4 if layout == "cube" else index - index // 4 * cubes
    counts = dict(zip(AXES, PLANS[place % len(PLANS)], strict=True))
    if layout == "cube":
        counts = dict.fromkeys(CUBES[place % len(CUBES)], 1)
    choices = _choices(spec.size_px, spec.difficulty, tuple(counts.items()))
    requests: list[EditRequest] = []
    for tries in range(MAX_TRIES):
        if tries % TRIES_PER_PLAN == 0 or len(requests) < sum(counts.values()):
            skeleton, figures = choices[int(rng.integers(len(choices)))]
            rows = figures.figures[int(rng.integers(len(figures.figures)))]
            requests = figures.requests(rows, counts, rng)
        if len(requests) < sum(counts.values()):
            continue
        letters = _letters(spec, split, skeleton, rng)
        canvas = canvas_of(spec.size_px, DIFFICULTIES[spec.difficulty], rng)
        anchor = draw(sample(skeleton, rows, letters, not counts.get("shape"), rng), canvas)
        draft = anchor and (star if layout == "star" else cube)(anchor, requests, canvas, rng)
        if not draft:
            continue
        base = draft.members[0 if layout == "star" else int(rng.integers(len(draft.members)))]
        draft = with_text_only(draft, base, _text_only(figures, base.program, spec.text_only, rng), canvas, rng)
        return assemble(f"{spec.name}/{split}/{index:07d}", layout, draft, canvas, "synthetic", spec.difficulty)
    raise UserError(
        f"{spec.name} {split} family {index}: nothing could be drawn in {MAX_TRIES} tries; "
        f"use a larger size_px, more letters or a lower difficulty"
    )


@cache
def _choices(size_px: int, difficulty: int, counts: tuple[tuple[str, int], ...]) -> list[tuple[Skeleton, plans.Plans]]:
    """Returns the skeletons that have such edits, and their plans."""
    easy_enough = [skeleton for skeleton in SKELETONS if skeleton.difficulty <= difficulty]
    planned = [(skeleton, _table(skeleton, size_px, difficulty).plans(dict(counts))) for skeleton in easy_enough]
    return [(skeleton, figures) for skeleton, figures in planned if figures]


@cache
def _table(skeleton: Skeleton, size_px: int, difficulty: int) -> plans.Table:
    letters = dict(zip(_roles(skeleton), "ABCDEFGHIJKLMN", strict=False)) | {"O": "O"} | HIDDEN
    canvas = canvas_of(size_px, DIFFICULTIES[difficulty], np.random.default_rng(0))
    return plans.tabulate(skeleton.slots, letters, canvas)


def _text_only(figures: plans.Plans, program: Program, count: int, rng: np.random.Generator) -> list[EditRequest]:
    """Requests captions without a picture: one on each axis in turn, as far as the figure has edits."""
    rows = tuple(step.construction for step in program.steps)
    counts = {axis: count // len(AXES) + (i < count % len(AXES)) for i, axis in enumerate(AXES)}
    by_axis = [figures.requests(rows, {axis: number}, rng) for axis, number in counts.items() if number]
    return [request for requests in by_axis for request in requests]


def _roles(skeleton: Skeleton) -> list[str]:
    """Lists the roles of a skeleton that become letters other than O."""
    return sorted({role for slot in skeleton.slots for role in slot.split(">")[1]} - set(HIDDEN) - {"O"})


def _letters(spec, split: str, skeleton: Skeleton, rng: np.random.Generator) -> dict[str, str]:
    """Draws role -> letter, in random order, such that the set belongs to the split."""
    roles = _roles(skeleton)
    alphabet = [letter for letter in spec.letters if letter != "O"]
    if len(alphabet) < len(roles):
        raise UserError(f"{spec.name}: spec.letters has {len(alphabet)} letters, a figure needs {len(roles)}; add some")
    letters = draw_letters(alphabet, len(roles), skeleton.name, split, rng, MAX_TRIES)
    if letters is None:
        raise UserError(f"{spec.name}: no letters of {spec.letters!r} belong to the split {split!r}; add some")
    return dict(zip(roles, letters, strict=True)) | {"O": "O"} | HIDDEN


def sample(
    skeleton: Skeleton, rows: plans.Rows, letters: dict[str, str], angles: bool, rng: np.random.Generator
) -> Program:
    """Draws a skeleton with these rows and random parameters, and something printed: an angle only where `angles`."""
    steps = plans.draw_steps(rows, [plans.slot_points(slot, letters) for slot in skeleton.slots], rng)
    low, high = next(step.row.ranges[0] for step in steps if step.row.ranges)
    angles &= high - low > 2 * MIN_TURN_DEG
    prints = [p for p in skeleton.prints if angles or p.startswith("length")]
    predicate, *args = prints[int(rng.integers(len(prints)))].split()
    value = draw_length(rng) if predicate == "length" else None
    return Program(steps, (Fact(predicate, tuple(letters[a] for a in args), value),))
