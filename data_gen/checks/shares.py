"""What problems and captions state and print: the share of each kind of fact, how many values, how many words.

Both sides are counted alike, by facts: those of a problem's formal statements, of its text and its picture together,
and those of the caption of a family's first figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_gen.language.fact import Fact, facts_from_json
from data_gen.language.predicates.table import PREDICATES
from data_gen.records.schema import Family
from data_gen.sources.formalgeo.cdl import Unsayable, parse_statement

# Row of the report -> the predicates of which one is stated; real problems have each of the upper ones often.
STATED = {
    "printed angle": "angle", "printed length": "length", "perpendicular": "perpendicular", "parallel": "parallel",
    "equal lengths": "equal_length", "tangent": "tangent tangent_line", "diameter": "diameter",
    "parallelogram": "parallelogram", "bisector of an angle": "bisector", "midpoint": "midpoint",
    "equal angles": "equal_angle", "ratio of lengths": "length_ratio division", "arc": "arc major_arc",
    "multiple of a length or angle": "length_multiple angle_multiple", "sum of angles": "angle_sum",
    "equal arcs": "equal_arc equal_minor_arc", "radius or diameter as a value": "radius diameter_length",
    "perimeter": "triangle_perimeter quadrilateral_perimeter", "right triangle": "right isosceles_right",
    "divided into equal parts": "divided", "ticks as such": "ticked",
}  # fmt: skip
QUANTILES = (10, 50, 90)
SHORT = 29  # words


class Statements(NamedTuple):
    """What is stated of one figure: its facts, and the text without its question."""

    facts: Sequence[Fact]
    text: str


def of_problem(problem: dict, text: str) -> Statements:
    """Reads the formal statements of a FormalGeo7k problem that our language can say."""
    found: list[Fact] = []
    for statement in [*problem["text_cdl"], *problem["image_cdl"]]:
        try:
            fact = parse_statement(statement)
        except Unsayable:
            continue
        found += [fact] if isinstance(fact, Fact) else []
    return Statements(list(dict.fromkeys(found)), text)


def of_family(family: Family) -> Statements:
    """Reads the first caption of a family."""
    return Statements(facts_from_json(family.facts[0]) if family.facts else [], family.captions[0])


def shares(some: Sequence[Statements]) -> dict[str, float]:
    """Computes row of the report -> share of the figures in %."""
    stated = [{fact.predicate for fact in one.facts} for one in some]
    rows = {
        row: 100 * float(np.mean([bool(set(names.split()) & said) for said in stated])) for row, names in STATED.items()
    }
    printed = [sum(PREDICATES[fact.predicate].printed for fact in one.facts) for one in some]
    words = [len(one.text.split()) for one in some]
    rows["two or more printed values"] = 100 * float(np.mean(np.array(printed) > 1))
    rows[f"captions of fewer than {SHORT} words"] = 100 * float(np.mean(np.array(words) < SHORT))
    return rows


def compare(real: Sequence[Statements], ours: Sequence[Statements]) -> str:
    """Returns the part of the report about what is stated: shares in %, and quantiles of the words of a caption."""
    first, second = shares(real), shares(ours)
    lines = [f"{'stated or printed, % of the figures':42}{f'{len(real)} real':>12}{f'{len(ours)} ours':>12}"]
    lines += [f"{row:42}{first[row]:12.1f}{second[row]:12.1f}" for row in first]
    words = [np.percentile([len(one.text.split()) for one in some], QUANTILES) for some in (real, ours)]
    lines += [
        f"words of a caption, {q} %".ljust(42) + f"{a:12.0f}{b:12.0f}"
        for q, a, b in zip(QUANTILES, *words, strict=True)
    ]
    return "\n".join(lines)
