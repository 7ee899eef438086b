"""FormalGeo7k: real exam diagrams with formal descriptions -> families of one picture and eight captions.

A family has up to three slots (see `edits`); its captions are all combinations of their choices, 2 x 2 x 2 mostly, and
the one that is true of the picture is the anchor. In such a product no caption is in the middle of the others, so that
the set does not tell the true one.

    mmgeo formalgeo --root ../shared/data/formalgeo7k     # what parses, and what does not
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact, canonical, facts_to_json
from data_gen.records.schema import ASSERTED, COMPUTED, Family, Question
from data_gen.shared import cli, pictures
from data_gen.shared.errors import UserError
from data_gen.shared.files import resolve_inside
from data_gen.sources.external.rows import Negative, PictureRow, family_of
from data_gen.sources.formalgeo import balance
from data_gen.sources.formalgeo.edits import Reading, Slot, propose, style
from data_gen.sources.formalgeo.letters import count_letters
from data_gen.sources.formalgeo.pixels import verdict
from data_gen.sources.formalgeo.published import ROOT_HELP, RULES, Corpus, corpus_of
from data_gen.sources.formalgeo.published import describe as describe_split
from data_gen.sources.formalgeo.reading import SPLITS, Root, load, parse_report, readings
from data_gen.sources.formalgeo.reading import content as reading_content
from data_gen.truth.signatures import caption_signature, drawable

FACTORS = ((2, 2, 2), (4, 2), (8,))  # the numbers of choices whose product is the number of captions
MAX_TOKENS = 45  # of a caption, each letter, digit and symbol being one
ROUNDS, CORRECTION_DECAY = 12, 1e-3
ANGULAR = ("angle", "right", "right_angle", "acute_angle", "obtuse_angle")


@cache
def _stock(root: Root, split: str) -> dict[tuple[str, str], list[str]]:
    """Returns the values of a split, by kind and style: the false values of a problem are true ones of others."""
    stock: dict[tuple[str, str], list[str]] = {}
    for reading in readings(root, split):
        for fact in reading.proven:
            stock.setdefault((fact.predicate, style(fact.value or "")), []).append(fact.value or "")
    return stock


@cache
def _proposed(root: Root, split: str, seed: int) -> tuple[tuple[Slot, ...], ...]:
    """Proposes for each problem of a split everything that can be asked of it."""
    stock = _stock(root, split)
    return tuple(
        tuple(propose(without_missing_letters(root, problem, reading), stock, _rng(problem, seed, 0)))
        for problem, reading in zip(load(root, split), readings(root, split), strict=True)
    )


def without_missing_letters(root: Root, problem: dict, reading: Reading) -> Reading:
    """Returns the reading, no name of which counts as lettered where the picture has fewer letters than the figure has
    names: digits count as letters, so those that the text speaks of would be too few to ask for.

    Annotated pictures have theirs. What is wrong with a picture is said where its family is made.
    """
    if problem.get("geometry3k_diagram") or not reading.lettered & set(reading.figure.names):
        return reading
    try:
        enough = count_letters(np.asarray(paper(root, problem))) >= len(reading.figure.names)
    except UserError:
        return reading
    return reading if enough else replace(reading, lettered=frozenset())


def _rng(problem: dict, seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose, problem["problem_id"]])


@cache
def _weights(root: Root, seed: int) -> np.ndarray:
    """Returns the model of how likely statements sound, from the problems of both splits: each has to be balanced.

    First from all that can be asked. What `choose` then takes is no fair sample of it (three choices have to fit
    together), so the model is corrected on that, round by round.
    """
    problems = [problem for split in SPLITS for problem in load(root, split)]
    proposed = [some for split in SPLITS for some in _proposed(root, split, seed)]
    weights = balance.fit([(slot, ()) for some in proposed for slot in _few_joined(some)])
    for step in range(ROUNDS):
        chosen = (choose(some, weights, _rng(p, seed, 2 + step)) for p, some in zip(problems, proposed, strict=True))
        # Each slot beside those that were chosen before it.
        asked = [(slot, _facts_of(some[:i])) for some in chosen if some for i, slot in enumerate(some)]
        correction = balance.fit(asked, decay=CORRECTION_DECAY)
        weights = weights + 2 / (2 + step) * correction
    return weights


def _facts_of(chosen: Sequence[Slot]) -> list[Fact]:
    return [fact for slot in chosen for facts in slot.choices[:2] for fact in facts]


def _few_joined(proposed: Sequence[Slot]) -> list[Slot]:
    """Drops most of the slots on joined points, which would be more than all others."""
    joined = [slot for slot in proposed if _is_joined(slot)]
    return [slot for slot in proposed if not _is_joined(slot)] + joined[:1] + joined[-1:]


def _is_joined(slot: Slot) -> bool:
    return slot.true[0].predicate in ("joined", "apart")


def choose(proposed: Sequence[Slot], weights: np.ndarray, rng: np.random.Generator) -> list[Slot] | None:
    """Chooses slots of a problem whose choices make eight combinations; None where there are too few.

    They do not speak of each other and lie on different axes where it can be: 2 x 2 x 2, or 4 x 2, or 8 choices.
    """
    # What any two points offer comes last.
    pool = sorted((proposed[i] for i in rng.permutation(len(proposed))), key=_is_joined)
    chosen: list[Slot] = []
    for fresh_axes in (True, False):
        for slot in pool:
            if fresh_axes and slot.axis in {s.axis for s in chosen} or len(chosen) == len(FACTORS[0]):
                continue
            if any(_tangled(slot, other) for other in chosen):
                continue
            if balance.keeps(weights, slot.first(2), _facts_of(chosen), rng):
                chosen.append(slot)
    for factors in FACTORS:
        # The slot with the most choices first.
        widest = sorted(chosen, key=lambda slot: -len(slot.choices))[: len(factors)]
        if len(widest) == len(factors) and all(len(s.choices) >= f for s, f in zip(widest, factors, strict=True)):
            cut = [slot.first(factor) for slot, factor in zip(widest, factors, strict=True)]
            if max(tokens(write_caption(facts)) for facts, _ in combinations(cut)) <= MAX_TOKENS:
                return cut
    return None


def _tangled(slot: Slot, other: Slot) -> bool:
    """Returns whether two slots speak of the same thing: some of their combinations would sound wrong."""
    if slot.moved & other.points or other.moved & slot.points:
        return True
    predicates = [{f.predicate for facts in s.choices for f in facts} for s in (slot, other)]
    if all(p & set(ANGULAR) for p in predicates):
        return True
    if slot.axis == other.axis == "value":
        return bool({canonical(Fact(f.predicate, f.args)) for f in slot.true}
                    & {canonical(Fact(f.predicate, f.args)) for f in other.true})  # fmt: skip
    return len(slot.points & other.points) > 1 and "value" not in (slot.axis, other.axis)


def combinations(chosen: Sequence[Slot]) -> list[tuple[tuple[Fact, ...], tuple[str, ...]]]:
    """Returns (facts, axes of the edits) of every caption, the true one first."""
    found = []
    for picks in itertools.product(*(range(len(slot.choices)) for slot in chosen)):
        facts = tuple(f for slot, pick in zip(chosen, picks, strict=True) for f in slot.choices[pick])
        found.append((facts, tuple(slot.axis for slot, pick in zip(chosen, picks, strict=True) if pick)))
    return found


def tokens(text: str) -> int:
    """Estimates the tokens of a caption: words, and every letter of a name, digit and symbol."""
    return len(re.findall(r"[a-z]{2,}|\S", text))


@cache
def _usable(root: Root, split: str, seed: int) -> tuple[tuple[int, tuple[Slot, ...]], ...]:
    """Returns (number of the problem, its slots) for the problems of a split that make a family."""
    weights, problems = _weights(root, seed), zip(load(root, split), _proposed(root, split, seed), strict=True)
    chosen = [choose(proposed, weights, _rng(problem, seed, 1)) for problem, proposed in problems]
    return tuple((i, tuple(slots)) for i, slots in enumerate(chosen) if slots)


# ---- families -----------------------------------------------------------------------------------------------------


def content(spec) -> str:
    """Hashes the problems that families are made from."""
    return reading_content(corpus_of(spec))


def describe(spec) -> str:
    """Says how the problems are split, where the files do not."""
    return describe_split(corpus_of(spec))


def rows(spec, split: str) -> int:
    """Returns how many families a split has: those of its problems, or `spec.families[split]` if fewer.
    Raises UserError where no problem of any makes one."""
    wanted, corpus = int(spec.families[split]), corpus_of(spec)
    if not wanted:
        return 0
    found = len(_usable(corpus, split, spec.seed))
    if not found and not any(_usable(corpus, other, spec.seed) for other in SPLITS):
        raise UserError(
            f"{spec.root}: no problem says enough of its diagram for eight captions; data_exams.py takes all of them"
        )
    return min(wanted, found)


def family(spec, split: str, index: int) -> Family:
    """Makes family `index` of a split: a pure function of (spec, split, index) and the files. One picture, eight
    captions.

    Raises UserError where the picture is missing, unreadable, or named outside the folder.
    """
    corpus = corpus_of(spec)
    number_, chosen = _usable(corpus, split, spec.seed)[index]
    problem, reading = load(corpus, split)[number_], readings(corpus, split)[number_]
    stated, edits = zip(*combinations(chosen), strict=True)
    path, where = located(spec.root, problem)
    true, *false = (write_caption(facts) for facts in stated)
    row = PictureRow(where, path, true, tuple(Negative(None, text) for text in false), question_of(problem))
    made = family_of(row, f"formalgeo/{split}/{problem['problem_id']:06d}", "formalgeo", int(spec.size_px))
    return replace(
        made,
        layout="product",
        provenance=np.array([[_provenance(facts, c, reading) for c, facts in enumerate(stated)]], np.uint8),
        edits=edits,
        kinds=edits,
        caption_signatures=np.stack([caption_signature(drawable(facts)) for facts in stated]),
        facts=tuple(facts_to_json(facts) for facts in stated),
        difficulty=int(problem.get("problem_level", 0)),
    )


def _provenance(facts: Sequence[Fact], corner: int, reading: Reading) -> int:
    """Returns COMPUTED where annotated positions show it: all facts of a true caption, some fact of a false one."""
    verdicts = [verdict(fact, reading.points) if reading.points else -1 for fact in facts]
    shown = all(v == 1 for v in verdicts) if corner == 0 else any(v == 0 for v in verdicts)
    return COMPUTED if shown else ASSERTED


def question_of(problem: dict) -> Question | None:
    """Returns a problem's text, answer and the theorems of its solution; None where it has no text."""
    text = str(problem["problem_text_en"]).strip()
    theorems = [re.sub(r"\(.*", "", theorem) for theorem in problem.get("theorem_seqs", ())]
    return Question(text, (), str(problem["problem_answer"]), "; ".join(theorems)) if text else None


def picture(root: Root, problem: dict) -> bytes:
    """Returns a problem's diagram as a grey PNG on white paper, its long side at most 384 px. Raises UserError."""
    return pictures.read_png(*located(root, problem))


def paper(root: Root, problem: dict) -> Image.Image:
    """Returns a problem's diagram, grey on white, at its own size. Raises UserError where it is not there or broken."""
    return pictures.read_file(*located(root, problem), None).grey


def located(root: Root, problem: dict) -> tuple[Path, str]:
    """Returns a picture's path, and its name in errors. Raises UserError where it leads out of the folder."""
    name = str(problem["problem_img"])
    where = f"problem {problem['problem_id']}"
    if PurePosixPath(name).name != name or name in ("", "..") or "\\" in name:
        raise UserError(f"{where}: problem_img {name[:200]!r} must be the name of a file in diagrams/")
    return resolve_inside(resolve_inside(Path(root), "diagrams", where), name, where), where


# ---- the command --------------------------------------------------------------------------------------------------


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Prints the share of problems that parse and every statement that does not; returns the exit status."""
    parser = cli.parser("formalgeo", "What parses of FormalGeo7k.", "mmgeo formalgeo --root=../shared/data/formalgeo7k")
    parser.add_argument("--root", required=True, help=ROOT_HELP)
    parser.add_argument(
        "--split_by", choices=RULES, default=RULES[0], help="rule that splits problems/ (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the families that are counted")
    options = parser.parse_args(arguments)
    corpus = Corpus(options.root, options.split_by)
    count, failures = parse_report(corpus)
    usable = {split: _usable(corpus, split, options.seed) for split in SPLITS}
    for failure in failures:
        print(f"problem {failure.problem_id}: {failure.statement}: {failure.why}")
    if split_rule := describe_split(corpus):
        print(split_rule)
    parsed = count - len({failure.problem_id for failure in failures})
    print(f"{parsed} of {count} problems parse ({100 * parsed / max(count, 1):.1f} %)")
    for split, found in usable.items():
        axes = Counter(slot.axis for _, chosen in found for slot in chosen)
        print(f"{split}: {len(found)} of {len(load(corpus, split))} problems make a family; edits: "
              + ", ".join(f"{axis} {axes[axis]}" for axis in sorted(axes)))  # fmt: skip
    return 0
