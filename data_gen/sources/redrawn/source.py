"""FormalGeo7k redrawn: real problems as programs of ours, each the corner of a cube of three edits (see `edits`).

The siblings stand beside the redrawn figure, never beside the picture that it comes from, so looks tell nothing.

    mmgeo redrawn --root ../shared/data/formalgeo7k     # what is drawn, and how near to the ink
"""

import itertools
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from data_gen.drawing.canvas import Canvas, style_of
from data_gen.drawing.draw import counting_figures, draw
from data_gen.families.assemble import assemble
from data_gen.families.family import FamilyDraft, cube_of
from data_gen.language.fact import Fact, canonical
from data_gen.records.schema import Family
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.parallel import map_in_pool
from data_gen.solver.newton import System, Unsolved
from data_gen.sources.formalgeo.published import ROOT_HELP, corpus_of
from data_gen.sources.formalgeo.published import describe as describe_split
from data_gen.sources.formalgeo.reading import SPLITS, Root, load
from data_gen.sources.formalgeo.reading import content as reading_content
from data_gen.sources.formalgeo.source import paper, question_of
from data_gen.sources.redrawn.describe import Subject, subject
from data_gen.sources.redrawn.edits import Drawings, Option, options, plan, triples
from data_gen.sources.redrawn.ink import NEAR_PX, NEAR_SHARE, TICK_PX, is_near, near_ink, redrawn_ink
from data_gen.sources.redrawn.possible import possible
from data_gen.sources.redrawn.redraw import Drawing, as_triangle, program, redraw, statable

EDITS, STATED, PRINTS = 3, 5, 5  # edits of a cube; facts and values of a caption, at most
LAYOUTS, LOOKS, LOOK_PX = 4, 6, 336  # of a figure without positions; canvases on which a drawing is tried
TRIES, SOUND, CHOICES = 60, 10, 20  # problems for a family; edits that work alone, and choices of three of them
MOST_POINTS = 10
MARKED = 0.7  # share of the families whose right angles, equal and parallel lines are marked
FONTS = ("serif-italic", "sans", "serif")


# ---- families -----------------------------------------------------------------------------------------------------


def content(spec) -> str:
    """Hashes the problems that families are made from."""
    return reading_content(corpus_of(spec))


def describe(spec) -> str:
    """Says how the problems are split, where the files do not."""
    return describe_split(corpus_of(spec))


def rows(spec, split: str) -> int:
    """Returns how many families a split has: problems are taken in turn, and again with other edits."""
    return int(spec.families[split])


def family(spec, split: str, index: int) -> Family:
    """Makes family `index` of a split of FormalGeo's own: a pure function of (spec, split, index) and the files.

    A problem that cannot be drawn, or has too few edits, leaves its place to another one. Raises UserError where none
    of TRIES problems gives a family.
    """
    corpus = corpus_of(spec)
    problems = load(corpus, split)
    if not problems:
        raise UserError(f"{spec.root}: {split} has no problems; set spec.families.{split}=0")
    rng = np.random.default_rng([spec.seed, zlib.crc32(split.encode()), index])
    place = index % len(problems)
    for _ in range(TRIES):
        drawing = _drawing(corpus, split, place)
        canvas = _canvas(spec.size_px, rng)
        draft = _cube(drawing, canvas, rng) if drawing else None
        if drawing and draft:
            key = f"{spec.name}/{split}/{index:06d}-{problems[place]['problem_id']:06d}"
            made = assemble(key, "cube", draft, canvas, "redrawn", 1)
            return replace(made, question=question_of(problems[place]) if drawing.lettered else None)
        place = int(rng.integers(len(problems)))
    raise UserError(f"{spec.name} {split} family {index}: nothing could be drawn; use a larger size_px")


@lru_cache(maxsize=1024)
def _drawing(root: Root, split: str, place: int) -> Drawing | None:
    """Returns the drawing of a problem; None where it has none, or one that is not on the ink of its picture, or more
    points than a caption can keep apart."""
    problem = load(root, split)[place]
    wanted = subject(problem)
    try:
        drawing = legible(wanted)
    except Unsolved:
        return None
    if wanted.start and not is_near(drawing, np.asarray(paper(root, problem))):
        return None
    return drawing if len(drawing.described.names) <= MOST_POINTS else None


def legible(wanted: Subject) -> Drawing:
    """Redraws a figure, in LAYOUTS layouts until one can be read. Raises Unsolved, with the rule that the last one
    breaks."""
    for seed in range(LAYOUTS if wanted.start is None else 1):
        drawing = redraw(wanted, seed)
        fault = _fault(drawing)
        if fault is None:
            return drawing
    raise Unsolved(f"illegible: {fault}")


def _fault(drawing: Drawing) -> str | None:
    """Says which rule of legibility a drawing breaks on the last of LOOKS canvases; None where one can show it, with
    values or without."""
    bare, reasons = program(replace(drawing, printed=()), ()), list[str]()
    for seed in range(LOOKS):
        with counting_figures() as counts:
            member = draw(bare, _canvas(LOOK_PX, np.random.default_rng(seed)))
        if member and member.labels is not None:
            return None
        reasons = [reason for reason in counts if reason != "tried"]
    return (reasons or ["no_room_for_labels"])[0].replace("_", " ")


def _cube(drawing: Drawing, canvas: Canvas, rng: np.random.Generator) -> FamilyDraft | None:
    """Returns all products of three edits of a drawing, or None where CHOICES choices of them make no sound family."""
    drawings: Drawings = {}
    facts = statable(drawing)
    drawing = _with_prints(drawing, facts, canvas, rng)
    given = {canonical(as_triangle(fact)) for fact in drawing.described.facts}
    # What the problem states, then what else is seen.
    facts = sorted((facts[i] for i in rng.permutation(len(facts))), key=lambda f: canonical(f) not in given)

    def cube(chosen: Sequence[Option]) -> FamilyDraft | None:
        """Returns the cube of these edits, or None where some corner is not sound or not told apart."""
        planned = plan(drawing, chosen, facts, drawings, STATED)
        return cube_of(*planned, canvas, rng) if planned and draw(planned[0], canvas) else None

    alone = [*itertools.islice(filter(lambda o: cube([o]), options(drawing, facts, drawings, rng)), SOUND)]
    return next(filter(None, map(cube, triples(alone, EDITS, rng)[:CHOICES])), None)


def _with_prints(drawing: Drawing, facts: Sequence[Fact], canvas: Canvas, rng: np.random.Generator) -> Drawing:
    """Returns the drawing with as many of its printed values as are possible and find a place, PRINTS at most."""
    printed: list[Fact] = []
    for i in rng.permutation(len(drawing.printed)):
        if len(printed) < PRINTS and possible(drawing, facts, [*printed, drawing.printed[i]]):
            printed.append(drawing.printed[i])
    for count in range(len(printed), 0, -1):
        fewer = replace(drawing, printed=tuple(printed[:count]))
        member = draw(program(fewer, ()), canvas)
        if member and member.labels is not None:
            return fewer
    return replace(drawing, printed=())


def _canvas(size_px: int, rng: np.random.Generator) -> Canvas:
    """Draws the look of a family. Real figures keep their orientation, but for a few degrees."""
    font = FONTS[int(rng.integers(len(FONTS)))]
    font_px = round(float(rng.uniform(0.042, 0.065)) * size_px, 2)
    return Canvas(
        size_px=size_px,
        border_px=1.5 * font_px,
        style=style_of(font, font_px, float(rng.uniform(0.004, 0.008)) * size_px),
        rotation_deg=float(rng.uniform(-5, 5)),
        mirror=False,
        marks=bool(rng.random() < MARKED),
        wording=int(rng.integers(1, 1000)),
        margin_px=0.03 * size_px,
        gap_px=float(rng.uniform(0.022, 0.04)) * size_px,
    )


# ---- the command --------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of a problem.

    annotated: its picture has positions; fault: why it is not drawn, else None; near: share of the length of its lines
    within NEAR_PX of the picture's ink, and covered: of the ink of the picture's lines within TICK_PX of them, for
    annotated ones; asked, kept: how many facts and values it gives that shape a figure, and how many of them hold.
    """

    problem_id: int
    annotated: bool
    fault: str | None
    near: float | None = None
    covered: float | None = None
    asked: int = 0
    kept: int = 0


def outcome(task: tuple[Root, str, int]) -> Outcome:
    """Redraws a problem, (root, split, place), and compares it with its picture. Raises UserError without one."""
    root, split, place = task
    problem = load(root, split)[place]
    number, annotated = int(problem["problem_id"]), bool(problem.get("geometry3k_diagram"))
    wanted = subject(problem)
    try:
        drawing = legible(wanted)
    except Unsolved as why:
        return Outcome(number, annotated, str(why))
    picture = np.asarray(paper(root, problem)) if wanted.start else None
    near, covered = (None, None) if picture is None else (near_ink(drawing, picture), redrawn_ink(drawing, picture))
    return Outcome(number, annotated, None, near, covered, drawing.asked, len(System(drawing.described).of_fact))


def report(root: Root, every: int, workers: int) -> list[Outcome]:
    """Returns the outcomes of every `every`-th problem of both splits, in a pool of processes. Raises UserError."""
    tasks = [(root, split, place) for split in SPLITS for place in range(0, len(load(root, split)), every)]
    found = map_in_pool(outcome, tasks, workers, ordered=True)
    return list(tqdm(found, "redrawn", len(tasks), unit=" problems"))


def show(found: list[Outcome]) -> Iterator[str]:
    """Yields the lines of the report."""
    for annotated, title in ((True, "with positions"), (False, "without positions")):
        outcomes = [o for o in found if o.annotated == annotated]
        drawn = [o for o in outcomes if o.fault is None]
        yield f"{title}: {_share(len(drawn), len(outcomes))} drawn"
        for fault, count in Counter(o.fault for o in outcomes if o.fault).most_common():
            numbers = ", ".join(str(o.problem_id) for o in outcomes if o.fault == fault)
            yield f"  {count} not: {fault} ({numbers})"
        yield f"  {_share(sum(o.kept for o in drawn), sum(o.asked for o in drawn))} of their facts and values hold"
        measured = [o for o in drawn if o.near is not None]
        if measured:
            near = {o.problem_id: o.near or 0.0 for o in measured}
            yield from _shares_within(near, len(outcomes), "their lines", f"{NEAR_PX} px of the picture's ink")
            near = {o.problem_id: o.covered or 0.0 for o in measured}
            yield from _shares_within(near, len(outcomes), "the ink of the picture's lines", f"{TICK_PX} px of theirs")
    yield f"all: {_share(sum(o.fault is None for o in found), len(found))} drawn"


def _shares_within(shares: dict[int, float], count: int, what: str, where: str) -> Iterator[str]:
    """Yields lines about problem -> share of something that lies where it should, of `count` problems."""
    far = {number: share for number, share in shares.items() if share < NEAR_SHARE}
    near = _share(len(shares) - len(far), count)
    yield f"  {near} of the figures have at least {NEAR_SHARE:.0%} of {what} within {where}"
    yield "  the others: " + ", ".join(f"{n} {share:.0%}" for n, share in sorted(far.items(), key=lambda row: row[1]))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.1f} %)"


EXAMPLE = "mmgeo redrawn --root=../shared/data/formalgeo7k --every=20"


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Prints what is drawn; returns the exit status."""
    parser = cli.parser("redrawn", "What of FormalGeo7k is redrawn, and how near to the pictures.", EXAMPLE)
    parser.add_argument("--root", required=True, help=ROOT_HELP)
    parser.add_argument("--every", type=int, default=1, help="take every n-th problem (default: all)")
    cli.add_workers(parser, 2)
    options = parser.parse_args(arguments)
    found = report(options.root, max(1, options.every), options.workers)
    print(*show(found), sep="\n")
    return 0
