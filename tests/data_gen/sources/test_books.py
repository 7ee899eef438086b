"""Figures as books draw them: what is printed and stated holds in all of a family's figures, and does not clash."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest

from configs.data_composed import get_spec
from data_gen.checks.reproduce import Clock, find_differences
from data_gen.constructions.program import Program, program_from_json
from data_gen.constructions.step import Step
from data_gen.constructions.table import get_construction
from data_gen.drawing.canvas import Canvas, canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.families import values
from data_gen.families.edits import PROPOSAL_OF_KIND
from data_gen.geometry.diagram import ArcText, LengthText, Style
from data_gen.geometry.plane import angle_deg
from data_gen.language import captions
from data_gen.language.fact import Fact, facts_from_json
from data_gen.language.numbers import parse_value
from data_gen.shared.errors import UserError
from data_gen.sources.composed import books, corners
from data_gen.sources.composed import source as composed
from data_gen.sources.composed.profiles import OF_BOOKS, PROFILES, profile_of
from data_gen.sources.composed.wish import RELATIONS, SLOTS_FOR, SUITS, Wish
from data_gen.truth.truth_table import Scene, truth_table

TRIANGLE = Step("scalene_triangle", (), ("A", "B", "C"), (55.0, 30.0))
CANVAS = Canvas(224, 20.0, 0.0, True, Style(font_px=20.0), True, 0, 6.0, 12.0)
KINDS = ("shape", "role", "tangency", "equal_lengths", "equal_angles", "length_ratio", "angle_text", "printed_length")


@pytest.fixture(scope="module")
def made():
    spec = get_spec()
    led = {composed.turn_of(spec, index)[2]: index for index in reversed(range(4000))}
    return [composed.family(spec, "train", led[kind]) for kind in KINDS]


def test_families_are_proved_and_come_out_again(made):
    for family in made:
        assert np.array_equal(family.truth[:, :8], np.eye(8, dtype=np.int8)) and len(set(family.captions)) == len(
            family.captions
        )
        assert find_differences(family, Clock()) == []
    led = {kind for family in made for some in family.kinds for kind in some}
    assert set(KINDS) - {"printed_length"} <= led


def test_printed_values_do_not_contradict_each_other(made):
    """No two lengths of one figure are of equal or parallel segments, and no angle is far off scale."""
    for family in made:
        member = draw(program_from_json(family.programs[0]), canvas_from_json(family.canvas))
        assert member
        points = {name: complex(*xy) for name, xy in member.diagram.points.items()}
        lengths = [(points[m.a], points[m.b]) for m in member.diagram.marks if isinstance(m, LengthText)]
        for (a, b), (c, d) in itertools.combinations(lengths, 2):
            assert abs(abs(b - a) - abs(d - c)) > 0.05 * abs(b - a)
            assert abs(((b - a) / (d - c)).imag) > 0.01 * abs((b - a) / (d - c))
        for fact in facts_from_json(family.facts[0]):
            if fact.predicate == "angle" and (value := parse_value(fact.value or "")):
                assert abs(angle_deg(*(points[name] for name in fact.args)) - value) <= 15


RELATED = {
    "perpendicular": (Step("altitude", ("A", "B", "C"), ("D",), ()),),
    "parallel": (Step("parallel_to_base", ("A", "B", "C"), ("D", "E"), (50.0,)),),
    "equal_length": (Step("median", ("A", "B", "C"), ("D",), ()),),
    "equal_angle": (Step("bisector", ("A", "B", "C"), ("D",), ()),),
    "length_multiple": (Step("parallel_to_base", ("A", "B", "C"), ("D", "E"), (50.0,)),),
    "angle_sum": (Step("altitude", ("A", "B", "C"), ("D",), ()),),
}


# Row of the triangle ABC -> angles, and whether they may all have other measures than theirs.
FREEDOM = [
    ("scalene_triangle", ("ABC",), True),
    ("scalene_triangle", ("ABC", "BCA"), True),
    ("scalene_triangle", ("ABC", "BCA", "CAB"), False),
    ("right_triangle", ("ABC",), True),
    ("right_triangle", ("ABC", "BCA"), False),
    ("right_triangle", ("BAC",), False),
    ("isosceles_triangle", ("BAC",), True),
    ("isosceles_triangle", ("ABC", "BCA"), False),
    ("isosceles_right_triangle", ("ABC",), False),
    ("equilateral_triangle", ("ABC",), False),
]


@pytest.mark.parametrize(("row", "angles", "free"), FREEDOM)
def test_what_a_figure_fixes_is_not_printed_otherwise(row, angles, free):
    ranges = get_construction(row).ranges
    program = Program((Step(row, (), ("A", "B", "C"), tuple(sum(range_) / 2 for range_ in ranges)),))
    facts = [Fact("angle", tuple(names)) for names in angles]
    found = corners.Corners([program])
    assert found.vary_freely(facts, np.random.default_rng(0)) == free
    other = Program((Step("scalene_triangle", (), ("A", "B", "C"), (55.0, 30.0)),))
    assert corners.Corners([other, program]).vary_freely(facts, np.random.default_rng(1)) == free


@pytest.mark.parametrize("relation", RELATED)
def test_relations_that_are_found_hold(relation):
    program = Program((TRIANGLE, *RELATED[relation]))
    found = list(books.FINDERS[relation](corners.Corners([program])))
    assert found and {fact.predicate for fact in found} == {relation}
    member = draw(program, CANVAS)
    assert member
    truth, _ = truth_table([[fact] for fact in found], Scene.from_diagrams([member.diagram]), 2.0)
    assert (truth == 1).all()


def test_relations_of_circles_hold():
    circle = Step("circle", (), ("O", "_H"), ())
    program = Program((circle, Step("diameter", ("O", "_H"), ("A", "B"), (180.0, 120.0)),
                       Step("corner_chord", ("O", "A"), ("C", "_T"), (45.0,))))  # fmt: skip
    some = corners.Corners([program])
    found = {name: list(books.FINDERS[name](some)) for name in ("diameter", "circle_centre", "equal_minor_arc")}
    assert all(found.values()), found
    member = draw(program, CANVAS)
    assert member
    facts = [[fact] for facts in found.values() for fact in facts]
    assert (truth_table(facts, Scene.from_diagrams([member.diagram]), 2.0)[0] == 1).all()


def test_what_differs_between_figures_is_not_found():
    others = [Program((TRIANGLE, Step(name, ("A", "B", "C"), ("D",), ()))) for name in ("median", "trisector")]
    both = corners.Corners(others)
    assert list(books.FINDERS["equal_length"](both)) == []
    assert both.same_angles.keys() < both.open_angles.keys()
    with pytest.raises(ValueError, match="fall together"):
        right = Step("right_triangle", (), ("A", "B", "C"), (40.0, 0.0))
        corners.Corners([Program((right, Step("altitude", ("B", "A", "C"), ("D",), ())))])


def test_wishes_follow_the_real_counts_and_are_given_up_in_time():
    rng = np.random.default_rng(0)
    wishes = [Wish.draw("shape", rng) for _ in range(2000)]
    assert (
        0.55 < np.mean([w.angles > 0 for w in wishes]) < 0.8 and 0.35 < np.mean([w.lengths > 0 for w in wishes]) < 0.6
    )
    assert {name for wish in wishes for name in wish.relations} == set(RELATIONS) == set(books.FINDERS)
    assert set(SUITS) | set(SLOTS_FOR) <= set(RELATIONS)
    assert all(Wish.draw("angle_text", rng).angles and Wish.draw("printed_length", rng).lengths for _ in range(50))
    assert wishes[0].after(0) == wishes[0] and not wishes[0].after(10_000).strict


def test_arcs_are_printed_beside_them_and_measured():
    steps = (Step("circle", (), ("O", "_H"), ()), Step("off_centre_chord", ("O", "_H"), ("A", "B"), (110.0, 150.0)),
             Step("point_on_circle", ("O", "_H"), ("C",), (100.0, 40.0)))  # fmt: skip
    program = Program(steps, (Fact("arc", ("O", "A", "B")),))
    member = draw(program, CANVAS)
    assert member and member.labels and Fact("arc", ("O", "A", "B"), "110") in member.facts
    assert ArcText("O", "A", "B", "110°") in member.diagram.marks
    label = next(label for label in member.labels if label.text == "110°")
    o, a, b = (complex(*member.diagram.points[name]) for name in "OAB")
    middle = complex(label.box[0] + label.box[2], label.box[1] + label.box[3]) / 2
    assert abs(middle - o) > abs(a - o) and angle_deg(middle, o, (a + b) / 2) < 35
    edit = PROPOSAL_OF_KIND["angle_text"](program, np.random.default_rng(0))
    other = edit and draw(edit.apply(program), CANVAS)
    assert edit and other and edit.axis == "value"
    printed = [fact.value for fact in other.facts if fact.predicate == "arc"]
    assert printed != ["110"] and abs(float(printed[0] or 0) - 110) <= 15
    major = Program(steps, (Fact("major_arc", ("O", "A", "C", "B")),))
    assert major.printed_facts[0].value == "250"


def test_terse_captions_are_equations_and_short():
    facts = [Fact("length", ("A", "B"), "5"), Fact("perpendicular", tuple("ABCD")), Fact("angle", tuple("ABC"), "40")]
    texts = Counter(captions.write_caption(facts, captions.TERSE + n) for n in range(200))
    assert all("AB=5" in text and "∠ABC=40°" in text for text in texts)
    words = [len(text.split()) for text in texts.elements()]
    assert np.median(words) <= 9 and max(words) < 20
    assert len(texts) > 10


def test_values_keep_their_style():
    rng = np.random.default_rng(1)
    for text, style in (
        ("7", r"\d+(\.5)?"),
        ("4√3", r"\d*√[235]"),
        ("7 cm", r"\d+ cm"),
        ("3x-4", r"[234]?[xy]([+-]\d)?"),
    ):
        for _ in range(50):
            assert re.fullmatch(style, values.draw_alike(Fact("length", ("A", "B"), text), rng))
    unknown = {values.draw_unknown_angle(rng) for _ in range(400)}
    assert any(re.fullmatch(r"\(\d+-[2-5]x\)", text) for text in unknown)
    again = {values.draw_alike(Fact("angle", ("A", "B", "C"), "(178-3x)"), rng) for _ in range(50)}
    assert all(re.fullmatch(r"\(\d+-[2-5]?[xy]\)", text) for text in again)
    assert {int(values.draw_near(50.3, rng)) - 50 for _ in range(500)} == set(range(-9, 10))
    assert all(abs(int(values.draw_near(50, rng, "52")) - 52) >= 3 for _ in range(50))


def test_profiles():
    spec = get_spec()
    assert profile_of(spec).books and not set(OF_BOOKS) & set(PROFILES["all_kinds"].weights)
    spec.profile = "all"
    with pytest.raises(UserError, match="no profile 'all': choose one of all_kinds, books"):
        composed.family(spec, "train", 0)
