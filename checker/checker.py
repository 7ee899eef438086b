"""An independent checker of stored truth tables: it draws each stored program again, reads where the points and strokes
are, and judges every caption by the textbook definitions of `checker.definitions` and `checker.drawn`.

A caption is surely true of a figure where each of its facts holds to 1e-3 of the figure's size, surely false where one
fails by more than the margin that a person sees, and else neither. A stored 1 that is false, or a stored 0 that is
true, is a disagreement.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tqdm import tqdm

from checker.definitions import BY_ARC, BY_CIRCLES, BY_POINTS, BY_VALUE, CLEAR, MORE, TWO_CIRCLES, Condition, distance
from checker.drawn import BY_INK
from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.geometry.diagram import Diagram
from data_gen.records.schema import Family
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli
from data_gen.shared.errors import UserError

TOLERANCE = 1e-3  # of the figure's size
EXACT = 1e-5  # of the figure's size: as near as this to its boundary, an open condition fails
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


Fact = tuple[str, tuple[str, ...], str]  # predicate, names, value ("" where it has none)
Found = bool | list[Condition] | None


def facts_of(text: str) -> list[Fact]:
    """The facts of a caption from their JSON."""
    return [(predicate, tuple(names), value or "") for predicate, names, value in json.loads(text)]


def look(fact: Fact, diagram: Diagram) -> Found:
    """What the definition of a fact says of a diagram: conditions, or True, False or None for nobody can say.

    Of what is not in the picture nothing is true.
    """
    predicate, names, value = fact
    if not all(name in diagram.points for name in names):
        return False
    points = [diagram.points[name] for name in names]
    if predicate in BY_POINTS:
        return BY_POINTS[predicate](*points)
    if predicate in BY_VALUE:
        return BY_VALUE[predicate](*points, value)
    if predicate in BY_CIRCLES or predicate in BY_ARC:
        drawn = {c.centre: distance(diagram.points[c.centre], diagram.points[c.through]) for c in diagram.circles}
        centres = names[: 2 if predicate in TWO_CIRCLES else 1]
        if not all(name in drawn for name in centres):
            return False
        radii = [drawn[name] for name in centres]
        return BY_ARC[predicate](*radii, *points, value) if value else BY_CIRCLES[predicate](*radii, *points)
    return BY_INK[predicate](diagram, names, value) if predicate in BY_INK else None


def verdict(found: Found, size_px: float, margin_px: float) -> bool | None:
    """True, False, or None for neither."""
    if not isinstance(found, list):
        return found
    each = [_holds(*condition, size_px, margin_px) for condition in found]
    # A doubt about the words outweighs what can be measured.
    if any(kind == CLEAR and holds is None for (kind, _), holds in zip(found, each, strict=True)):
        return None if False not in each else False
    return False if False in each else None if None in each else True


def _holds(kind: str, px: float, size_px: float, margin_px: float) -> bool | None:
    tolerance_px = TOLERANCE * size_px
    if kind == CLEAR:
        return True if px > margin_px else None
    if kind == MORE:
        return True if px > tolerance_px else False if px < -margin_px or abs(px) < EXACT * size_px else None
    return True if px < tolerance_px else False if px > margin_px else None


def check_pair(facts: Sequence[Fact], diagram: Diagram, margin_px: float) -> tuple[bool | None, Fact | None, Found]:
    """The verdict on a caption, and the fact and the quantity that make it false."""
    verdicts = []
    for fact in facts:
        found = look(fact, diagram)
        verdicts.append(verdict(found, diagram.size_px, margin_px))
        if verdicts[-1] is False:
            return False, fact, found
    return (True if all(verdicts) else None), None, None


def diagrams_of(family: Family) -> list[Diagram]:
    """The figures of a family, drawn again. Raises UserError where a program draws nothing."""
    canvas = canvas_from_json(family.canvas)
    members = [draw(program_from_json(text), canvas) for text in family.programs]
    if None in members:
        place = f"{family.key}: the program of image {members.index(None)}"
        raise UserError(f"{place} draws nothing; make the data again with this code")
    return [member.diagram for member in members if member]


def check(family: Family, counts: Counter[tuple[int, bool | None]] | None = None) -> Iterator[Disagreement]:
    """The disagreements of a family; counts every (stored entry, verdict) where `counts` is given.

    Raises UserError where a program draws nothing.
    """
    margin_px = canvas_from_json(family.canvas).margin_px
    captions = [facts_of(text) for text in family.facts]
    for image, diagram in enumerate(diagrams_of(family)):
        for j, facts in enumerate(captions):
            stored = int(family.truth[image, j])
            said, fact, found = check_pair(facts, diagram, margin_px)
            if counts is not None:
                counts[stored, said] += 1
            if stored >= 0 and said is not None and said != bool(stored):
                told = [fact] if fact else facts
                quantities = found if fact else [look(f, diagram) for f in facts]
                yield Disagreement(family.key, image, j, stored, _words(told), _numbers(quantities))


def _words(facts: Sequence[Fact]) -> str:
    return "; ".join(
        " ".join((predicate, *names, *([f"= {value}"] if value else []))) for predicate, names, value in facts
    )


def _numbers(found: object) -> str:
    if isinstance(found, list):
        return ", ".join(_numbers(part) for part in found)
    return f"{found[0]} {found[1]:.3g} px" if isinstance(found, tuple) else str(found)


def report(counts: Counter[tuple[int, bool | None]], checked: int, skipped: int, disagreements: int) -> str:
    """What was looked at, as a few lines of text."""
    texts = [f"{checked} families checked, {skipped} without a program left out"]
    for stored in (1, 0, -1):
        total = sum(counts[stored, said] for said in (True, False, None))
        texts.append(f"stored {stored:2d}: {total} pairs, found true {counts[stored, True]}, "
                     f"false {counts[stored, False]}, neither {counts[stored, None]}")  # fmt: skip
    return "\n".join([*texts, f"{disagreements} disagreements"])


@cli.command
def main(arguments: Sequence[str]) -> int:
    """The command; returns the exit status: 1 where anything disagrees."""
    parser = cli.parser("check-truth", __doc__, EXAMPLE)
    parser.add_argument("directory", metavar="DIR", help="folder of a data set")
    parser.add_argument("--split", default="train")
    parser.add_argument("--families", type=int, default=2000, help="how many, drawn at random (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    options = parser.parse_args(arguments)
    source = RecordSource(options.directory, options.split)
    rows = random.Random(options.seed).sample(range(len(source)), min(options.families, len(source)))
    counts: Counter[tuple[int, bool | None]] = Counter()
    checked = skipped = disagreements = 0
    for row in tqdm(rows, "check", unit=" families", dynamic_ncols=True):
        family = source[row]
        if not family.programs:
            skipped += 1
            continue
        checked += 1
        for disagreement in check(family, counts):
            disagreements += 1
            tqdm.write(str(disagreement))
    print(report(counts, checked, skipped, disagreements))
    return min(disagreements, 1)
