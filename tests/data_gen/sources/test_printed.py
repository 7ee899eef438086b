"""Radii, areas and angles with an unknown: what a text in the picture says, where it stands, how it is edited."""

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from checker import check, verdict
from configs.data_all_kinds import get_spec
from data_gen.checks.reproduce import Clock, find_differences
from data_gen.constructions.program import Program, program_from_json
from data_gen.constructions.step import Step
from data_gen.drawing import raster, regions
from data_gen.drawing.canvas import canvas_of
from data_gen.drawing.draw import draw
from data_gen.families import values
from data_gen.families.acceptance import differs_only_on, truth_of
from data_gen.families.edits import PROPOSAL_OF_KIND
from data_gen.geometry.diagram import AngleText, AreaText, Circle, Diagram, LengthText, Segment, Style
from data_gen.language.fact import Fact, facts_from_json
from data_gen.language.predicates.table import PREDICATES
from data_gen.sources.composed import source as composed
from data_gen.truth.signatures import caption_signature, image_signatures
from data_gen.truth.truth_table import Scene, holds

MARGIN_PX = 5.0
POINTS = {"O": (100.0, 100.0), "A": (180.0, 100.0), "B": (20.0, 100.0), "C": (100.0, 20.0), "_H": (100.0, 180.0)}
SIDES = (Segment("A", "B"), Segment("B", "C"), Segment("C", "A"), Segment("O", "A"))


def drawing(*marks):
    return Diagram(220, POINTS, SIDES, (Circle("O", "_H"),), marks, style=Style())


@pytest.mark.parametrize(
    ("mark", "fact", "expected"),
    [
        (LengthText("O", "A", "5"), "radius O 5", 1),
        (LengthText("C", "O", "5"), "radius O 6", 0),
        (LengthText("O", "A", "5"), "length AO 5", 1),
        (LengthText("O", "A", "5"), "diameter_length O 5", -1),
        (LengthText("A", "B", "x+3"), "diameter_length O x+3", 1),
        (LengthText("A", "B", "10"), "radius O 10", -1),
        (LengthText("A", "C", "7"), "radius O 7", -1),
        (LengthText("A", "C", "7"), "diameter_length O 7", -1),
        (LengthText("O", "A", "5"), "radius A 5", -1),  # no circle of A
        (AreaText(("A", "B", "C"), "12 cm²"), "triangle_area CAB 12 cm²", 1),
        (AreaText(("A", "B", "C"), "12 cm²"), "triangle_area ABC 13 cm²", 0),
        (AreaText(("A", "B", "C"), "12 cm²"), "triangle_area AOC 12 cm²", -1),
        (AreaText(("O", "_H"), "12 cm²"), "circle_area O 12 cm²", 1),
        (AreaText(("A", "C", "B", "O"), "8 cm²"), "quadrilateral_area BCAO 8 cm²", 1),
        (AreaText(("A", "C", "B", "O"), "8 cm²"), "quadrilateral_area ABCO 8 cm²", -1),
        (AngleText("A", "C", "B", "(2x+10)°"), "angle BCA (2x+10)", 1),
        (AngleText("A", "C", "B", "2x°"), "angle ACB 3x", 0),
        (AngleText("A", "C", "B", "2x°"), "angle ACB 90", 0),  # what is printed decides
        (AngleText("A", "C", "B", "2x°"), "angle ABC 2x", -1),
    ],
)
def test_the_text_in_the_picture_decides_and_what_is_not_printed_stays_open(mark, fact, expected):
    predicate, names, value = fact.split(" ", 2)
    fact, seen = Fact(predicate, tuple(names), value), drawing(mark)
    assert holds(fact, seen, MARGIN_PX) == expected
    found = verdict.apply_definition((fact.predicate, fact.args, value), seen)
    said = verdict.verdict(found, seen.size_px, MARGIN_PX)
    assert {1: True, 0: False, -1: None}[expected] == said
    if expected == 1:
        picture = image_signatures(Scene.from_diagrams([seen]), MARGIN_PX)[0]
        assert not (caption_signature([fact]) & ~picture).any()


def test_two_radii_that_differ_say_nothing_of_the_circle():
    seen = drawing(LengthText("O", "A", "5"), LengthText("O", "C", "x"))
    assert [holds(Fact("radius", ("O",), value), seen, MARGIN_PX) for value in ("5", "x", "7")] == [-1, -1, -1]


TRIANGLE = Step("acute_triangle", (), ("A", "B", "C"), (60.0, 55.0))
AREA = Fact("triangle_area", ("A", "B", "C"), "24 cm²")


def canvas():
    return canvas_of(336, composed.DIFFICULTIES[1], np.random.default_rng(0))


def test_an_area_stands_inside_its_region_on_no_ink():
    member = draw(Program((TRIANGLE,), (AREA,)), canvas())
    assert member is not None and member.labels is not None
    x0, y0, x1, y1 = next(label.box for label in member.labels if label.text == AREA.value)
    corners = [complex(*member.diagram.points[name]) for name in "ABC"]
    assert (regions.depth(corners, np.array([complex(x, y) for x in (x0, x1) for y in (y0, y1)])) > 0).all()
    bare = replace(member.diagram, marks=())
    names = tuple(label for label in member.labels if label.text != AREA.value)
    assert (raster.to_pixels(bare, names)[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] == 255).all()


def test_an_area_that_a_stroke_divides_is_not_printed():
    median = Step("median", ("A", "B", "C"), ("D",), ())
    assert draw(Program((TRIANGLE, median), (AREA,)), canvas()) is None
    part = replace(AREA, args=("A", "B", "D"))
    assert draw(Program((TRIANGLE, median), (part,)), canvas()) is not None


def test_depth_of_a_region_is_the_distance_to_its_border():
    square, circle = (0j, 4 + 0j, 4 + 4j, 4j), (0j, 3 + 0j)
    places = np.array([1 + 2j, -1 + 2j, 2 + 2j, 5 + 5j])
    np.testing.assert_allclose(regions.depth(square, places), [1, -1, 2, -np.sqrt(2)], atol=1e-12)
    np.testing.assert_allclose(regions.depth(circle, places[:2]), [3 - np.sqrt(5)] * 2)


def test_an_angle_has_one_text():
    numbered = Step("numbered.at_b", ("A", "B", "C"), (), ())
    for names, good in (("ABC", False), ("BAC", True)):
        program = Program((TRIANGLE, numbered), (Fact("angle", tuple(names), "2x"),))
        assert (draw(program, canvas()) is not None) == good


def test_a_radius_is_said_of_the_circle_and_printed_on_the_segment():
    steps = (Step("circle", (), ("O", "_H"), ()), Step("off_centre_chord", ("O", "_H"), ("A", "B"), (110.0, 150.0)),
             Step("radius", ("O", "A"), (), ()))  # fmt: skip
    program = Program(steps, (Fact("radius", ("O", "A"), "5"),))
    member = draw(program, canvas())
    assert member is not None and Fact("radius", ("O",), "5") in member.facts
    assert LengthText("O", "A", "5") in member.diagram.marks
    edit = PROPOSAL_OF_KIND["printed_length"](program, np.random.default_rng(0))
    assert edit is not None and edit.kind == "printed_length"
    other = draw(edit.apply(program), canvas())
    assert other is not None and differs_only_on("value", member, other)
    assert np.array_equal(truth_of([member, other], canvas()), np.eye(2))
    assert program_from_json(program.to_json()) == program


STYLES = {
    "angle": r"[2-5]?[xy]|\([2-5]?[xy][+-]\d+\)",
    "triangle_area": r"\d+ cm²",
    "radius": r"\d+(\.5)?",
}


@pytest.mark.parametrize("predicate", STYLES)
def test_an_edit_keeps_the_style_of_a_value(predicate):
    rng = np.random.default_rng(0)
    fact = Fact(predicate, ("A", "B", "C"), {"angle": "2x", "triangle_area": "24 cm²", "radius": "7"}[predicate])
    for _ in range(100):
        value = values.draw_alike(fact, rng)
        assert re.fullmatch(STYLES[predicate], value), value


def test_a_measured_angle_is_turned_and_one_with_an_unknown_keeps_its_figure():
    rng, names = np.random.default_rng(3), ("A", "B", "C")
    for value in (None, "(2x+10)"):
        program = Program((TRIANGLE,), (Fact("angle", names, value),))
        edits = [e for _ in range(20) if (e := PROPOSAL_OF_KIND["printed_angle"](program, rng))]
        assert edits and {edit.kind for edit in edits} == {"printed_angle"}
        for edit in edits:
            edited = edit.apply(program)
            assert (edited.steps == program.steps) == (value is not None)
            assert (edited.prints == program.prints) == (value is None) or edited == program


@pytest.fixture(scope="module")
def made():
    spec = get_spec()
    led: dict[str, list[int]] = {"printed_area": [], "printed_angle": [], "printed_length": []}
    for index in range(400):
        led.setdefault(composed.turn_of(spec, index)[2], []).append(index)
    return [composed.family(spec, "train", led[kind][turn]) for turn in range(4) for kind in tuple(led)[:3]]


def test_families_that_print_them_are_rebuilt_and_the_definitions_agree(made):
    stated = {fact.predicate for family in made for text in family.facts for fact in facts_from_json(text)}
    assert {"triangle_area", "length", "angle"} <= stated
    for family in made:
        assert find_differences(family, Clock()) == []
        assert list(check.check_family(family)) == []


def test_an_edit_of_a_value_changes_that_value_alone(made):
    for family, kind in itertools.product(made, ("printed_area", "printed_length", "printed_angle")):
        for j in range(1, len(family.images)):
            if family.layout == "star" and family.kinds[j] == (kind,):
                old, new = (json.loads(family.facts[i]) for i in (0, j))
                changed = [a for a, b in zip(old, new, strict=True) if a != b]
                assert len(changed) == 1 and PREDICATES[changed[0][0]].printed, (family.key, j, changed)
