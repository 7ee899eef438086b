"""Checks stored truth tables: draws each program again, reads where points and strokes are, and judges every caption.

It judges by the textbook definitions of `checker.definitions` and `checker.drawn`, which share nothing with the engine.

A stored 1 that is surely false, or a stored 0 that is surely true (`checker.verdict`), is a disagreement. Captions of
pictures are also read alone, for what they say against themselves (`checker.contradiction`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tqdm import tqdm

from checker.contradiction import contradictions
from checker.verdict import Fact, apply_definition, facts_of, judge_caption
from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.geometry.diagram import Diagram
from data_gen.records.schema import Family
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli
from data_gen.shared.errors import UserError

EXAMPLE = """mmgeo check-truth data/composed --families=2000 --seed=0
"""


class Disagreement(NamedTuple):
    """An entry of a truth table that the definitions contradict."""

    key: str
    image: int
    caption: int
    stored: int
    fact: str  # what was looked at: the fact that fails, or all that hold
    quantity: str  # how far, in px

    def __str__(self) -> str:
        place = f"{self.key} image {self.image} caption {self.caption}"
        return f"{place}: stored {self.stored}, but {self.fact} ({self.quantity})"


def diagrams_of(family: Family) -> list[Diagram]:
    """Draws the figures of a family again. Raises UserError where a program draws nothing."""
    canvas = canvas_from_json(family.canvas)
    members = [draw(program_from_json(text), canvas) for text in family.programs]
    if None in members:
        place = f"{family.key}: the program of image {members.index(None)}"
        raise UserError(f"{place} draws nothing; make the data again with this code")
    return [member.diagram for member in members if member]


def check_family(family: Family, counts: Counter[tuple[int, bool | None]] | None = None) -> Iterator[Disagreement]:
    """Yields the disagreements of a family; counts every (stored entry, verdict) where `counts` is given.

    Raises UserError where a program draws nothing.
    """
    margin_px = canvas_from_json(family.canvas).margin_px
    captions = [facts_of(text) for text in family.facts]
    for image, diagram in enumerate(diagrams_of(family)):
        for j, facts in enumerate(captions):
            stored = int(family.truth[image, j])
            said, fact, found = judge_caption(facts, diagram, margin_px)
            if counts is not None:
                counts[stored, said] += 1
            if stored >= 0 and said is not None and said != bool(stored):
                told = [fact] if fact else facts
                quantities = found if fact else [apply_definition(f, diagram) for f in facts]
                yield Disagreement(family.key, image, j, stored, _words(told), _numbers(quantities))


def _words(facts: Sequence[Fact]) -> str:
    return "; ".join(
        " ".join((predicate, *names, *([f"= {value}"] if value else []))) for predicate, names, value in facts
    )


def _numbers(found: object) -> str:
    if isinstance(found, list):
        return ", ".join(_numbers(part) for part in found)
    return f"{found[0]} {found[1]:.3g} px" if isinstance(found, tuple) else str(found)


def check_captions(family: Family) -> Iterator[str]:
    """Yields what the captions of pictures say against themselves."""
    for image in range(len(family.images)):
        for fault in contradictions(facts_of(family.facts[image])):
            yield f"{family.key} caption {image} contradicts itself: {fault}"


def report(
    counts: Counter[tuple[int, bool | None]], checked: int, skipped: int, disagreements: int, against: int
) -> str:
    """Says in a few lines what was looked at."""
    texts = [f"{checked} families checked, {skipped} without a program left out"]
    for stored in (1, 0, -1):
        total = sum(counts[stored, said] for said in (True, False, None))
        texts.append(f"stored {stored:2d}: {total} pairs, found true {counts[stored, True]}, "
                     f"false {counts[stored, False]}, neither {counts[stored, None]}")  # fmt: skip
    return "\n".join([*texts, f"{disagreements} disagreements, {against} captions against themselves"])


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status: 1 where anything disagrees."""
    parser = cli.parser("check-truth", __doc__, EXAMPLE)
    parser.add_argument("directory", metavar="DIR", help="folder of a data set")
    parser.add_argument("--split", default="train", help="of the data set (default: %(default)s)")
    parser.add_argument("--families", type=int, default=2000, help="how many, drawn at random (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    options = parser.parse_args(arguments)
    source = RecordSource(options.directory, options.split)
    rows = random.Random(options.seed).sample(range(len(source)), min(options.families, len(source)))
    counts: Counter[tuple[int, bool | None]] = Counter()
    checked = skipped = disagreements = against = 0
    for row in tqdm(rows, "check", unit=" families", dynamic_ncols=True):
        family = source[row]
        if not family.programs:
            skipped += 1
            continue
        checked += 1
        for disagreement in check_family(family, counts):
            disagreements += 1
            tqdm.write(str(disagreement))
        for fault in check_captions(family):
            against += 1
            tqdm.write(fault)
    print(report(counts, checked, skipped, disagreements, against))
    return min(disagreements + against, 1)
