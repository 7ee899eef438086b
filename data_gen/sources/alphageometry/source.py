"""AlphaGeometry's problems -> families of what changes in their figures.

A family is a cube: three edits of a problem's steps, letters or printed lengths, and all their combinations. A split
has the problems whose text hashes to it, and captions of letters that do so too: no caption is in two splits.

    mmgeo alphageometry --file ../shared/data/alphageometry/jgex_dev_120.txt
"""

import itertools
import time
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_gen.constructions import table
from data_gen.constructions.program import Program
from data_gen.constructions.table import get_construction
from data_gen.drawing import legibility
from data_gen.drawing.canvas import Canvas, style_of
from data_gen.drawing.draw import Member, draw
from data_gen.drawing.png import encode_png
from data_gen.families.acceptance import may_join, truth_of
from data_gen.families.assemble import assemble
from data_gen.families.edits import PROPOSAL_OF_AXIS, Edit, draw_params, exchange, exchangeable, product, swap_letters
from data_gen.families.family import FamilyDraft, cube_of
from data_gen.families.splits import split_of
from data_gen.families.values import draw_length
from data_gen.geometry.plane import segment_distance
from data_gen.language.fact import Fact
from data_gen.records.schema import Family
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.files import digest_files
from data_gen.sources.alphageometry.layout import best_layouts, figure
from data_gen.sources.alphageometry.parse import Problem, parse_row, program_lines, read_problems
from data_gen.sources.alphageometry.why_not import why_not

# For a family: layouts, at most so many of each problem, more of them on the axes whose turn it is; edits of a layout.
MAX_TRIES, FIRST_TRIES_PER_PROBLEM, TRIES_PER_PROBLEM, TRIES_PER_LAYOUT = 1000, 8, 3, 5
FAMILY_STARTS = 60
LETTERINGS = 400
# The axes of a family's three edits, in turn over the rows of a split.
PLANS = (
    ("shape", "relation", "order"), ("relation", "relation", "value"), ("shape", "order", "value"),
    ("relation", "relation", "order"), ("shape", "relation", "value"), ("relation", "order", "value"),
)  # fmt: skip
EPS = 1e-6  # what a point is nearer to, it lies on
MOST_FACTS = 4  # that a caption states; more would be cut short by a text encoder
PRINTED = 0.6  # share of the families that print a length


# ---- families -----------------------------------------------------------------------------------------------------


@cache
def _problems(file: str, split: str) -> tuple[Problem, ...]:
    return tuple(p for p in read_problems(file)[0] if split_of(" ".join(p.text.split())) == split)


def left_out(spec) -> dict[str, list[str]]:
    """Returns what is wrong with each problem that is not understood."""
    return {"not understood": read_problems(spec.file)[1]}


def content(spec) -> str:
    """Hashes the file of problems."""
    return digest_files([path] if (path := Path(spec.file)).is_file() else [])


def rows(spec, split: str) -> int:
    """Returns how many families a split has: as many as the spec says, or none where no problem belongs to it."""
    return int(spec.families[split]) if _problems(spec.file, split) else 0


def family(spec, split: str, index: int) -> Family:
    """Makes family `index` of a split: a pure function of (spec, split, index) and the file.

    Raises UserError where no family can be made of the problems of the split.
    """
    rng = np.random.default_rng([spec.seed, zlib.crc32(split.encode()), index])
    problems = _problems(spec.file, split)
    failures = [0] * len(problems)
    for turn in range(len(PLANS)):  # a few simple problems may have no edits for the plan whose turn it is
        tries = min(MAX_TRIES, len(problems) * (TRIES_PER_PROBLEM if turn else FIRST_TRIES_PER_PROBLEM))
        for _ in range(tries):
            number = int(rng.integers(len(problems)))
            problem = problems[number]
            if failures[number] >= TRIES_PER_PROBLEM:
                continue  # a round of starts takes 0.1 s, and a file of such problems would take minutes
            laid = best_layouts(_particular(problem, rng), rng, 1, FAMILY_STARTS)
            failures[number] += not laid
            if not laid or len(laid[0].names) > len(spec.letters):
                continue
            for _ in range(TRIES_PER_LAYOUT):
                canvas = _canvas(spec.size_px, rng)
                axes = PLANS[(index + turn) % len(PLANS)]
                if draft := _cube(laid[0], axes, canvas, spec.letters, split, rng):
                    key = f"{spec.name}/{split}/{index:07d}"
                    return assemble(key, "cube", draft, canvas, "alphageometry", len(problem.steps))
    raise UserError(
        f"{spec.name} {split} family {index}: nothing could be drawn of {len(problems)} problems; "
        f"use a larger size_px, more letters or other problems"
    )


def _cube(
    program: Program, axes: Sequence[str], canvas: Canvas, letters: str, split: str, rng: np.random.Generator
) -> FamilyDraft | None:
    """Returns a cube of edits of a program on these axes, each corner clear to see; None where this try gives none."""
    if "value" in axes or rng.random() < PRINTED:
        program = _with_length(program, rng)
    edits, places = _edits(program, axes, canvas, rng)
    lettered = _lettered(_quiet(program, places, rng), edits, letters, split, rng)
    if lettered is None:
        return None
    if "order" in axes:  # letters change places when they are there
        told = _told_letters(lettered)
        swap = swap_letters([pair for pair in exchangeable(lettered) if told.issuperset(pair)], rng)
        edits += [swap] if swap else []
    if draw(lettered, canvas) is None or len(edits) < len(axes):
        return None
    draft = cube_of(lettered, edits, canvas, rng)
    return draft if draft and all(_is_clear(member) for member in draft.members) else None


def _particular(problem: Problem, rng: np.random.Generator) -> Problem:
    """Puts a special triangle or quadrilateral, of which something is said, in the place of any at the start."""
    steps = []
    for parts in problem.steps:
        kinds = table.partners(parts[0].row) if len(parts) == 1 and not get_construction(parts[0].row).facts else []
        if kinds and rng.random() < 0.7:
            parts = (parts[0]._replace(row=str(rng.choice(kinds))),)
        steps.append(parts)
    return replace(problem, steps=tuple(steps))


def _with_length(program: Program, rng: np.random.Generator) -> Program:
    """Returns the program with a printed length, of a stroke that no other point lies on."""
    points = program.points

    def alone(a: str, b: str) -> bool:
        return all(segment_distance(points[n], points[a], points[b]) > EPS for n in program.names if n not in (a, b))

    free = [(s.a, s.b) for s in program.strokes[0] if alone(s.a, s.b)]
    if not free:
        return program
    length = Fact("length", free[int(rng.integers(len(free)))], draw_length(rng))
    return replace(program, prints=(length, *program.prints))


def _edits(
    program: Program, axes: Sequence[str], canvas: Canvas, rng: np.random.Generator
) -> tuple[list[Edit], list[int]]:
    """Returns an edit on each axis but "order", as far as there are any, and the places of exchanged steps."""
    edits: list[Edit] = []
    places: list[int] = []
    for axis in axes:
        if axis == "value" and len(program.prints) == 1 and program.prints[0].predicate == "length":
            edits += filter(None, [PROPOSAL_OF_AXIS["value"](program, rng)])
        elif axis in ("shape", "relation"):
            for place, edit in itertools.islice(_exchanges(program, axis, places, canvas, rng), 1):
                edits.append(edit)
                places.append(place)
    return edits, places


def _exchanges(program: Program, axis: str, taken: Sequence[int], canvas: Canvas, rng: np.random.Generator):
    """Yields (place, edit) on an axis, the steps in random order, where the edit alone is told from the figure."""
    here = draw(program, canvas)
    if here is None:
        return
    for place in rng.permutation(len(program.steps)):
        step = program.steps[place]
        names = [n for n in table.partners(step.construction) if get_construction(n).axis == axis and step.row.facts]
        if names and place not in taken:
            edit = exchange_on_locus(int(place), str(rng.choice(names)), program, rng)
            new = draw(edit.apply(program), canvas)
            if new and _is_clear(new) and may_join(truth_of([here, new], canvas), [0], 1):
                yield int(place), edit


def exchange_on_locus(place: int, name: str, program: Program, rng: np.random.Generator) -> Edit:
    """Puts construction `name` in the place of step `place`; where it can, the point keeps its place on its locus."""
    new, old = get_construction(name), program.steps[place]
    params = draw_params(new, rng)
    if params and old.params and new.ranges[-1] == old.row.ranges[-1]:
        params = (*params[:-1], old.params[-1])
    return exchange(place, old.construction, name, lambda step: params)


def _quiet(program: Program, places: Sequence[int], rng: np.random.Generator) -> Program:
    """Returns the program with a shorter caption: what its edited steps make true, and what else has room."""
    said, count = set(places), sum(len(program.steps[place].row.facts) for place in places)
    for place in rng.permutation(len(program.steps)):
        more = len(program.steps[place].row.facts)
        if place not in said and count + more <= MOST_FACTS:
            said.add(int(place))
            count += more
    steps = (
        s if i in said or not s.row.facts else replace(s, construction=f"~{s.construction}")
        for i, s in enumerate(program.steps)
    )
    return replace(program, steps=tuple(steps))


def _lettered(
    program: Program, edits: Sequence[Edit], letters: str, split: str, rng: np.random.Generator
) -> Program | None:
    """Returns the program with letters drawn at random, those of every corner's caption belonging to the split."""
    corners = [product(some, program) for k in range(len(edits) + 1) for some in itertools.combinations(edits, k)]
    told = {_told_letters(corner) for corner in corners}
    for _ in range(LETTERINGS):
        names = dict(zip(program.names, (str(x) for x in rng.permutation(list(letters))), strict=False))
        if all(split_of("".join(sorted(names[n] for n in some))) == split for some in told):
            return program.rename(names)
    return None


def _told_letters(program: Program) -> frozenset[str]:
    return frozenset(name for fact in (*program.stated_facts, *program.prints) for name in fact.args)


def _is_clear(member: Member) -> bool:
    """Returns whether the layout of a figure is not degenerate."""
    points = {name: complex(*place) for name, place in member.diagram.points.items()}
    return legibility.quality(points, member.diagram.segments, member.diagram.circles) > 0


def _canvas(size_px: int, rng: np.random.Generator) -> Canvas:
    font_px = round(float(rng.uniform(0.042, 0.05)) * size_px, 2)
    font = str(rng.choice(["serif-italic", "serif-italic", "sans", "serif"]))
    return Canvas(
        size_px=size_px,
        border_px=1.4 * font_px,
        rotation_deg=float(rng.uniform(-15, 15)),
        mirror=bool(rng.random() < 0.5),
        style=style_of(font, font_px, float(rng.uniform(0.003, 0.0045)) * size_px),
        marks=bool(rng.random() < 0.7),
        wording=int(rng.integers(1, 1000)),
        margin_px=0.025 * size_px,
        gap_px=legibility.MIN_GAP * size_px,
    )


# ---- the report ---------------------------------------------------------------------------------------------------

EXAMPLE = "mmgeo alphageometry --file=problems.txt --out=figures"
ABOUT = "Which problems are drawn, which are not and why, and how long it takes."


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("alphageometry", ABOUT, EXAMPLE)
    parser.add_argument("--file", required=True, help="problems of AlphaGeometry, two lines each")
    parser.add_argument("--out", help="folder for the figures as PNG, one for each problem, named by its line")
    parser.add_argument("--size_px", type=int, default=384, help="of a figure (default: %(default)s)")
    options = parser.parse_args(arguments)
    return _report(options.file, options.out, options.size_px)


def _report(file: str, out: str | None, size_px: int) -> int:
    """Draws every problem of a file that is understood; prints a line for each other one, and the sum. Returns 1 where
    one was not drawn."""
    problems = program_lines(file)
    canvas = _canvas(size_px, np.random.default_rng(0))
    canvas = replace(canvas, rotation_deg=0.0, mirror=True, marks=True)
    drawn, seconds = 0, [0.0]
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
    for line, name, text in tqdm(problems, "figures", unit=" problems", leave=False, dynamic_ncols=True):
        start = time.perf_counter()
        try:
            problem = parse_row(line, name, text, file)
            member = figure(problem, canvas, np.random.default_rng(line))
        except UserError as fault:
            print(fault)
            continue
        seconds.append(time.perf_counter() - start)
        if member is None:
            print(f"{file} line {line}: {name[:60]!r}: {why_not(problem, canvas, np.random.default_rng(line))}")
            continue
        drawn += 1
        if out:
            png = encode_png(member.pixels())
            (Path(out) / f"{line:04d}.png").write_bytes(png)
    print(f"{drawn} of {len(problems)} problems are drawn; "
          f"{np.mean(seconds[1:] or [0]):.2f} s each, the slowest {max(seconds):.2f} s")  # fmt: skip
    return 0 if drawn == len(problems) else 1
