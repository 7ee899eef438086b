"""The command that writes a page to browse the families of a data set, by kind of edit.

One HTML file, which asks for nothing outside itself. A sibling's picture lies over the anchor's in colour: grey ink is
in both, blue only in the anchor's, orange only in the sibling's. Words that the anchor's caption lacks are marked.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from data_gen.records.annotations import annotations_from_json
from data_gen.records.schema import ASSERTED, COMPUTED, UNKNOWN, Family, Question
from data_gen.records.tfrecords import RecordSource
from data_gen.retrieval.sidecar import Retrieved, Sidecar
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from data_gen.view import page
from data_gen.view.annotated import annotation_layer
from data_gen.view.changes import changed_words, overlay
from data_gen.view.vectors import vector_overlay, vector_pictures

TRUTH_WORDS = {1: "true", 0: "false", -1: "cannot say"}
TRUTH_MARKS = {1: "✓", 0: "·", -1: "?"}
TRUTH_KINDS = {1: "yes", 0: "no", -1: "unsure"}
KNOWN_BY = {UNKNOWN: "unknown", COMPUTED: "computed", ASSERTED: "asserted"}
MOST_READ = 40  # times as many families are looked at as a kind may have
SHOWN_RETRIEVED = 5
Entry = tuple[int, Family, Sequence[Retrieved]]  # row, family, captions retrieved for it
EXAMPLE = """mmgeo gallery --data=data/tiny --split=test --each=30 --out=gallery.html"""


def choose_families(source: RecordSource, each: int) -> list[tuple[int, Family]]:
    """Returns (row, family), spread over a split, until every kind of edit met has `each` families."""
    chosen: list[tuple[int, Family]] = []
    counts: Counter[str] = Counter()
    rows = {int(row) for row in np.linspace(0, len(source) - 1, each * MOST_READ)} if len(source) else set()
    # By multiples of the golden ratio: every part of the split is reached early.
    for row in tqdm(sorted(rows, key=lambda row: row * 0.6180339887 % 1), "families", leave=False):
        family = source[row]
        kinds = kinds_of(family) or {""}
        if any(counts[kind] < each for kind in kinds):
            chosen.append((row, family))
            counts.update(kinds)
    return sorted(chosen, key=lambda pair: pair[0])


def kinds_of(family: Family) -> set[str]:
    """Returns the kinds of edit that a family shows."""
    return {kind for kinds in family.kinds for kind in kinds}


class TruthCell(NamedTuple):
    """An entry of a truth table as shown: a class of the style sheet, a mark, and what the pointer finds there."""

    kind: str
    mark: str
    says: str


def truth_cells(family: Family) -> list[list[TruthCell]]:
    """Returns the truth table's cells [N][C]: a row for each picture, a column for each caption."""
    counts = range(len(family.captions))
    return [[_cell(family, i, j) for j in counts] for i in range(len(family.images))]


def _cell(family: Family, i: int, j: int) -> TruthCell:
    truth, margin = int(family.truth[i, j]), float(family.margin_px[i, j])
    by = f", by {margin:.1f} px" if np.isfinite(margin) else ""
    says = f"caption {j + 1} of picture {i + 1}: {TRUTH_WORDS[truth]}, {KNOWN_BY[int(family.provenance[i, j])]}{by}"
    return TruthCell(TRUTH_KINDS[truth], TRUTH_MARKS[truth], says)


def problem(question: Question) -> dict[str, str]:
    """Returns the fields of a question as text."""
    fields = vars(question).items()
    return {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in fields}


def drawings(family: Family, svg: bool = False) -> list[tuple[bytes, bytes | None]]:
    """Returns (picture, picture over the anchor's or None) of each member; `svg`: as vectors where it has programs."""
    if svg and family.programs:
        vectors = vector_pictures(family)
        over = [vector_overlay(vectors[0], vector).encode() for vector in vectors[1:]]
        return list(zip([vector.encode() for vector in vectors], [None, *over], strict=True))
    return [(png, overlay(family.images[0], png) if i else None) for i, png in enumerate(family.images)]


def annotation_layers(family: Family) -> list[bytes]:
    """Returns what stands where in each picture as an SVG to lay over it; none where it is not known."""
    return [annotation_layer(annotations_from_json(text), family.size_px).encode() for text in family.annotations]


def write_page(title: str, chosen: Sequence[Entry], svg: bool = False) -> str:
    """Returns the page, its pictures as they are stored or, with `svg`, as vectors where there are programs."""
    counts = Counter(kind for _, family, _ in chosen for kind in kinds_of(family))
    template = page.templates().get_template("gallery.html.jinja")
    return template.render(
        title=title,
        chosen=chosen,
        counts=counts,
        number_of={kind: i for i, kind in enumerate(sorted(counts))},
        kinds_of=lambda family: sorted(kinds_of(family)),
        changed_words=changed_words,
        drawings=lambda family: drawings(family, svg),
        annotation_layers=annotation_layers,
        annotated=any(family.annotations for _, family, _ in chosen),
        truth_cells=truth_cells,
        problem=problem,
    )


def with_retrieved(source: RecordSource, chosen: Sequence[tuple[int, Family]]) -> list[Entry]:
    """Adds to each family its retrieved captions; none if there is no sidecar (or only a stale one)."""
    try:
        sidecar = Sidecar(source.directory, source.split)
        return [(row, family, sidecar.negatives(row, family, SHOWN_RETRIEVED)) for row, family in chosen]
    except UserError:
        return [(row, family, []) for row, family in chosen]


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("gallery", "Write a page to browse the families of a data set, by kind of edit.", EXAMPLE)
    cli.add_split(parser, "train")
    parser.add_argument("--each", type=int, default=12, help="families to show of each kind of edit (default: 12)")
    parser.add_argument("--svg", action="store_true", help="vector pictures, drawn again from their programs")
    parser.add_argument("--out", help="the page (default: gallery-SPLIT.html in the folder)")
    options = parser.parse_args(arguments)
    out = options.out or f"{options.data}/gallery-{options.split}.html"
    source = RecordSource(options.data, options.split)
    chosen = with_retrieved(source, choose_families(source, max(1, options.each)))
    text = write_page(f"{source.directory.name or options.data}, {options.split}", chosen, options.svg)
    with open_atomic(out) as file:
        file.write(text.encode())
    print(f"{out}: {len(chosen)} families")
    return 0
