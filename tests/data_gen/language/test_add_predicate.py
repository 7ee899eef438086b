"""Adds a predicate with a construction and an edit pair, as CONTRIBUTING says: the splitter, which halves a perimeter.

Three tables take a row each; everything after them (drawing, truth, captions, signatures, contradictions, the solver,
the record, its independent check) works without another line.
"""

import numpy as np
import pytest

from checker import definitions
from checker.check import check_family
from data_gen.constructions.program import Program, program_from_json
from data_gen.constructions.row import Construction
from data_gen.constructions.step import Step
from data_gen.constructions.table import CONSTRUCTIONS, partners
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import draw
from data_gen.families import edits, family
from data_gen.families.assemble import assemble
from data_gen.geometry.diagram import Style
from data_gen.language.captions import write_phrase
from data_gen.language.fact import Fact, canonical
from data_gen.language.predicates import table, triangle_parts
from data_gen.language.predicates.deviation import largest, proper
from data_gen.language.predicates.equations import on_line
from data_gen.language.predicates.points import on_segment
from data_gen.language.predicates.row import LAST_TWO, Topic
from data_gen.solver import newton
from data_gen.solver.conditions import Description
from data_gen.truth import signatures
from data_gen.truth.contradictions import contradictions

CANVAS = Canvas(
    size_px=224, border_px=28, rotation_deg=5.0, mirror=False, style=Style(), marks=True, wording=0, margin_px=5.0,
    gap_px=12.0,
)  # fmt: skip
FACT = Fact("splitter", ("A", "D", "B", "C"))

# ---- language/predicates/triangle_parts.py: phrases and columns above the function that measures ------------------

topic = Topic(**triangle_parts.topic.columns)


@topic.predicate(
    symmetries=LAST_TWO[4],
    opposites=("median",),
    only_places=(1,),
    equation=lambda a, d, b, c: (*on_line(d, b, c), abs(b - a) + abs(d - b) - abs(c - a) - abs(d - c)),
).says(
    "{0}{1} is the splitter from {0} to {2}{3}",
    "{0}{1} is a splitter of triangle {0}{2}{3}",
    "{0}{1} halves the perimeter of △{0}{2}{3}",
    "in △{0}{2}{3}, {0}{1} is the splitter from {0}",
    "{0}{1} splits △{0}{2}{3} into parts of equal perimeter",
)
def splitter(a, d, b, c):
    uneven = np.abs(np.abs(b - a) + np.abs(d - b) - np.abs(c - a) - np.abs(d - c)) / 2
    return largest(on_segment(d, b, c)[0], uneven), proper(a, b, c)


# ---- constructions/bases.py: where the point goes, what is drawn and what is then true ----------------------------


def split(taken, params):
    a, b, c = taken
    return (b + (c - b) * (abs(b - c) + abs(c - a) - abs(b - a)) / (2 * abs(b - c)),)


ROW = Construction("splitter", "cevian", "relation", "abc", "d", (), split, ("splitter a d b c",), "ad")


@pytest.fixture(autouse=True)
def tables(monkeypatch):
    monkeypatch.setitem(table.PREDICATES, "splitter", topic[0])
    monkeypatch.setitem(CONSTRUCTIONS, "splitter", ROW)
    # families/edits.py: EditKind("perimeter", "relation", pairs="splitter/median")
    monkeypatch.setitem(edits.KIND_OF_PAIR, frozenset(("splitter", "median")), "perimeter")
    # checker/definitions.py: a textbook definition, from which the independent checker judges
    monkeypatch.setitem(definitions.BY_POINTS, "splitter", halves_the_perimeter)
    clear_caches()
    yield
    clear_caches()


def clear_caches():
    signatures._batches.cache_clear()
    signatures._orbits.cache_clear()
    signatures._fact_bit.cache_clear()
    table.symmetry_group.cache_clear()
    canonical.cache_clear()


def halves_the_perimeter(a, d, b, c):
    left, right = (definitions.distance(a, end) + definitions.distance(end, d) for end in (b, c))
    apart = definitions.distance(b, d) + definitions.distance(d, c) - definitions.distance(b, c)
    return definitions.same((left - right) / 2, apart) + definitions.triangle(a, b, c)


def program(cevian: str = "splitter") -> Program:
    triangle = Step("scalene_triangle", (), ("A", "B", "C"), (75.0, 40.0))
    return Program((triangle, Step(cevian, ("A", "B", "C"), ("D",), ())))


def test_it_is_drawn_evaluated_and_captioned():
    member = draw(program(), CANVAS)
    assert member and FACT in member.facts
    assert write_phrase(FACT) == "AD is the splitter from A to BC"
    assert "median" in partners("splitter") and "splitter" in partners("median")
    rng = np.random.default_rng(0)
    requests = [family.EditRequest("relation", edits.propose_exchange(1, name)) for name in ("median", "altitude")]
    draft = family.star(member, requests, CANVAS, rng)
    assert draft
    record = assemble("added-0", "star", draft, CANVAS, "test", 0)
    assert np.array_equal(record.truth, np.eye(3, dtype=np.int8))
    assert record.kinds == ((), ("perimeter",), ("role",)) and record.edits[1] == ("relation",)
    assert "AD is the splitter from A to BC." in record.captions[0]
    drawn = [program_from_json(text).steps[1].construction for text in record.programs]
    assert drawn == ["splitter", "median", "altitude"]
    assert not (record.caption_signatures[0] & ~record.image_signatures[0]).any()
    assert list(check_family(record)) == []


def test_it_is_contradicted_and_solved_for():
    assert ("relation", Fact("median", FACT.args)) in contradictions(FACT)
    found = newton.solve(Description(("A", "B", "C", "D"), lines=(("B", "D", "C"),), facts=(FACT,))).points
    a, b, c, d = (found[name] for name in "ABCD")
    assert abs(b - a) + abs(d - b) == pytest.approx(abs(c - a) + abs(d - c), abs=1e-7)
