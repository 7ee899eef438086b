"""Composed figures: every construction is true and seen, every kind of edit comes, nothing gives the anchor away."""

import itertools
import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from configs.data_all_kinds import get_spec
from data_gen.constructions.program import Program, program_from_json
from data_gen.constructions.step import Step
from data_gen.constructions.table import CONSTRUCTIONS, rows_of
from data_gen.drawing.canvas import canvas_from_json, canvas_of
from data_gen.drawing.draw import draw
from data_gen.families import values
from data_gen.families.acceptance import truth_of
from data_gen.families.edits import EDIT_KINDS, KIND_OF_PAIR, KIND_OF_SLOT, draw_params
from data_gen.geometry.diagram import Graph
from data_gen.language.fact import Fact, facts_from_json
from data_gen.language.numbers import format_polynomial
from data_gen.language.predicates.table import PREDICATES
from data_gen.records import tfrecords
from data_gen.shared.errors import UserError
from data_gen.sources.composed import figure as composed_figure
from data_gen.sources.composed import source as composed
from data_gen.sources.composed.profiles import PROFILES
from data_gen.truth.truth_table import Scene, truth_table

ALL_KINDS = tuple(PROFILES["all_kinds"].weights)
LETTERS = {str(i): letter for i, letter in enumerate("ABCDEFGHJKLM")}


def drawn(slot, rng, level=1):
    """For each row of a slot, the figure with it, all else alike; and the canvas."""
    figure = composed_figure.begin(slot, rng)
    assert figure is not None
    for place, step in enumerate(figure.steps):
        row = rows_of(step.row.slot)[int(rng.integers(len(rows_of(step.row.slot))))]
        figure.steps[place] = replace(step, construction=row.name, params=draw_params(row, rng))
    canvas = canvas_of(224, composed.DIFFICULTIES[level], rng)
    found = {}
    for row in rows_of(slot):
        *before, step = figure.steps
        params = draw_params(row, rng)
        steps = (*before, replace(step, construction=row.name, params=params))
        found[row.name] = draw(Program(steps).rename(LETTERS), canvas)
    return found, canvas


@pytest.mark.parametrize("slot", composed_figure.SLOTS)
def test_every_row_states_what_is_true_and_can_be_told_from_the_others(slot):
    told, seen = set(), set()
    for seed in range(16):
        members, canvas = drawn(slot, np.random.default_rng(seed))
        members = {name: member for name, member in members.items() if member}
        seen |= set(members)
        for name, member in members.items():
            facts = member.program.stated_facts
            if not facts:  # a circle alone says nothing
                continue
            truth, _ = truth_table([[fact] for fact in facts], Scene.from_diagrams([member.diagram]), 0.05)
            assert (truth == 1).all(), (name, list(zip(facts, truth[0], strict=True)))
        if len(members) < 2:
            continue
        truth = truth_of(list(members.values()), canvas)
        for (i, a), (j, b) in itertools.combinations(enumerate(members), 2):
            if truth[i, j] == truth[j, i] == 0:
                told.add(frozenset((a, b)))
    rows = rows_of(slot)
    assert seen == {row.name for row in rows}
    for a, b in itertools.combinations(rows, 2):
        if a.facts != b.facts and {a.name, b.name} != {"acute_triangle", "scalene_triangle"}:
            assert frozenset((a.name, b.name)) in told or general(a, b), (a.name, b.name)


def general(a, b):
    """Whether one row states something that the other makes true as well: they are never exchanged."""
    return {a.slot} <= {"triangle", "inscribed_triangle", "quadrilateral"}


def test_every_exchange_has_a_kind_and_every_kind_a_slot():
    for row in CONSTRUCTIONS.values():
        if row.axis:
            assert row.slot in KIND_OF_SLOT, row.slot
    axes = {row.name: row.axis for row in EDIT_KINDS}
    assert len(axes) == len(EDIT_KINDS) >= 15
    for slot, kind in KIND_OF_SLOT.items():
        assert {axes[kind]} == {row.axis for row in rows_of(slot)}, slot
    for pair in KIND_OF_PAIR:
        assert set(pair) <= set(PREDICATES)


@pytest.fixture(scope="module")
def made():
    spec = get_spec()
    return [composed.family(spec, "train", i) for i in range(len(ALL_KINDS))]


def test_families_are_blocks_of_an_identity(made):
    for family in made:
        assert np.array_equal(family.truth[:, :8], np.eye(8, dtype=np.int8))
        assert not (family.truth[:, 8:] == 1).any()
        assert len(set(family.captions)) == len(family.captions)
        for kinds, axes in zip(family.kinds, family.edits, strict=True):
            assert [axis_of(kind) for kind in kinds] == list(axes)


def axis_of(kind):
    return next(row.axis for row in EDIT_KINDS if row.name == kind)


def test_every_kind_comes(made):
    spec = get_spec()
    kinds = {kind for family in made for some in family.kinds for kind in some}
    led = {composed.turn_of(spec, index)[2]: index for index in range(200)}
    for kind in set(ALL_KINDS) - kinds:
        assert kind in {k for some in composed.family(spec, "train", led[kind]).kinds for k in some}


def test_layouts_difficulties_and_first_kinds_take_turns_as_the_spec_wants():
    spec = get_spec()
    spec.cube_share, spec.leads.cube.shape, spec.leads.star.role = 0.5, 3.0, 0.0
    turns = Counter(composed.turn_of(spec, index) for index in range(12_000))
    for layout, level in itertools.product(("star", "cube"), (0, 1, 2)):
        counts = {kind: turns[layout, level, kind] for kind in ALL_KINDS}
        assert sum(counts.values()) == 2000
        odd = "role" if layout == "star" else "graph"  # a cube of graphs would say too little
        weights = {kind: spec.leads[layout][kind] for kind in ALL_KINDS} | {odd: 0.0}
        for kind, count in counts.items():
            assert abs(count - 2000 * weights[kind] / sum(weights.values())) < 4, (layout, level, kind)


def test_an_index_tells_how_often_each_kind_was_tried_and_taken(made, tmp_path):
    with tfrecords.ShardWriter(tmp_path / "shard", "fingerprint") as writer:
        for family in made[:6]:
            writer.write(family)
    sums = tfrecords.read_index(tmp_path / "shard")["proposals"]
    for kind, (tried, taken) in sums.items():
        assert 0 <= taken <= tried == sum(family.proposals.get(kind, (0, 0))[0] for family in made[:6])
    edits = Counter(kind for family in made[:6] for some in family.kinds[1 : len(family.images)] for kind in set(some))
    assert {kind for kind, (_, taken) in sums.items() if taken} == set(edits)


def test_a_family_is_a_pure_function():
    spec = get_spec()
    first, again = (composed.family(spec, "test", 7) for _ in range(2))
    assert first.images == again.images and first.captions == again.captions


def test_the_splits_have_no_letters_in_common(made):
    spec = get_spec()
    letters = {frozenset(program_from_json(f.programs[0]).names) for f in made}
    test = {frozenset(program_from_json(composed.family(spec, "test", i).programs[0]).names) for i in range(6)}
    assert not letters & test


def test_any_answer_may_be_the_anchor():
    """Of two ticks edits the anchor is as often the one as the other: no row is an anchor more often than a sibling."""
    spec = get_spec()
    anchors: Counter[str] = Counter()
    siblings: Counter[str] = Counter()
    led = [index for index in range(2000) if composed.turn_of(spec, index)[2] == "ticks"]
    for index in led[:32]:
        family = composed.family(spec, "train", index)
        facts = [[f for f in facts_from_json(text) if f.predicate == "ticked"] for text in family.facts[:8]]
        if all(facts):
            anchors[str(facts[0][0].value)] += 1
            siblings.update(str(some[0].value) for some in facts[1:])
    total, others = sum(anchors.values()), sum(siblings.values())
    for value in ("one tick", "two ticks", "three ticks"):
        assert abs(anchors[value] / total - siblings[value] / others) < 3.2 * np.sqrt(0.25 / total), (anchors, siblings)


def test_graphs_stand_upright_and_say_their_polynomial():
    assert [format_polynomial(c) for c in ((-1, 2), (0, 1), (2,), (1, 0, -1), (0, -3, 1))] == [
        "2x - 1", "x", "2", "-x² + 1", "x² - 3x"]  # fmt: skip
    spec = get_spec()
    family = composed.family(spec, "train", next(i for i in range(200) if composed.turn_of(spec, i)[2] == "graph"))
    canvas = canvas_from_json(family.canvas)
    assert canvas.rotation_deg == 0 and not canvas.mirror
    member = draw(program_from_json(family.programs[0]), canvas)
    assert member is not None
    assert isinstance(member.diagram.graphs[0], Graph) and json.loads(family.facts[0])[0][0] == "graph"


def test_an_angle_that_a_stroke_divides_is_not_numbered():
    """The 1 would stand in one of the parts."""
    canvas = canvas_of(224, composed.DIFFICULTIES[0], np.random.default_rng(0))

    def step(name, ins, outs=""):
        row = CONSTRUCTIONS[name]
        return Step(name, tuple(ins), tuple(outs), tuple(low for low, _ in row.ranges))

    triangle = step("acute_triangle", "", "ABC")
    for corner, good in (("a", False), ("b", True)):
        numbered, median = step(f"numbered.at_{corner}", "ABC"), step("median", "ABC", "D")
        assert draw(Program((triangle, numbered)), canvas)
        assert (draw(Program((triangle, median, numbered)), canvas) is not None) == good


def test_lengths_with_an_unknown_stay_so():
    rng = np.random.default_rng(0)
    drawn = {values.draw_symbolic(rng) for _ in range(300)}
    assert all(re.fullmatch(r"[234]?[xy]([+-][1-9])?", text) for text in drawn) and {"x", "3y-4"} & drawn
    for text in ("x+3", "12", "4.5"):
        again = values.draw_alike(Fact("length", ("A", "B"), text), rng)
        assert any(c.isalpha() for c in again) == any(c.isalpha() for c in text)


def test_letters_that_are_too_few_are_an_error():
    spec = get_spec()
    spec.letters = "AB"
    with pytest.raises(UserError, match="letters"):
        composed.family(spec, "train", 0)
