"""The predicate table against plain arithmetic, its symmetries, its hierarchy, and three-valued truth."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from data_gen.geometry.diagram import AngleText, Circle, Diagram, LengthText, RegularPolygon
from data_gen.language.fact import Fact, canonical, facts_from_json, facts_to_json
from data_gen.language.predicates.table import PREDICATES, symmetry_group
from data_gen.truth import truth_table
from data_gen.truth.signatures import caption_signature, image_signatures
from data_gen.truth.truth_table import Scene, evaluate, holds

MARGIN_PX = 5.0
coordinate = st.floats(0, 112, allow_nan=False)


def diagram(points, **rest):
    return Diagram(size_px=112, points=points, **rest)


def right_triangle():
    return diagram({"A": (20.0, 20.0), "B": (80.0, 20.0), "C": (20.0, 100.0)})


def square():
    return diagram({"A": (20.0, 20.0), "B": (90.0, 20.0), "C": (90.0, 90.0), "D": (20.0, 90.0)})


def isosceles():
    return diagram({"A": (56.0, 10.0), "B": (26.0, 100.0), "C": (86.0, 100.0), "M": (56.0, 100.0)})


def circle(**points):
    centre = {"O": (56.0, 56.0), "_O": (96.0, 56.0)}
    return diagram(centre | points, circles=(Circle("O", "_O"),))


def truth(predicate, names, drawing, value=None):
    return holds(Fact(predicate, tuple(names), value), drawing, MARGIN_PX)


@pytest.mark.parametrize(
    ("predicate", "names", "drawing", "expected"),
    [
        ("right", "ABC", right_triangle(), 1),
        ("right", "BAC", right_triangle(), 0),
        ("obtuse", "ABC", right_triangle(), 0),  # exactly right: plainly not obtuse
        ("acute", "ABC", right_triangle(), 0),
        ("scalene", "ABC", right_triangle(), 1),
        ("isosceles", "ABC", isosceles(), 1),
        ("scalene", "ABC", isosceles(), 0),
        ("median", "AMBC", isosceles(), 1),
        ("altitude", "AMBC", isosceles(), 1),
        ("bisector", "AMBC", isosceles(), 1),
        ("perpendicular_bisector", "AMBC", isosceles(), 1),
        ("midpoint", "MBC", isosceles(), 1),
        ("midpoint", "BMC", isosceles(), 0),
        ("trisection", "MBC", isosceles(), 0),
        ("collinear", "MBC", isosceles(), 1),
        ("on_segment", "BMC", isosceles(), 0),
        ("square", "ABCD", square(), 1),
        ("square", "ACBD", square(), 0),
        ("rectangle", "ABCD", square(), 1),
        ("rhombus", "ABCD", square(), 1),
        ("kite", "ABCD", square(), 1),
        ("parallelogram", "ABCD", square(), 1),
        ("trapezoid", "ABCD", square(), -1),  # books disagree
        ("irregular", "ABCD", square(), 0),
        ("parallel", "ABCD", square(), 1),
        ("perpendicular", "ABBC", square(), 1),
        ("oblique", "ABCD", square(), 0),
        ("meet", "ABCDA", square(), 0),
        ("equal_length", "ACBD", square(), 1),
        ("equal_angle", "ABCBCD", square(), 1),
        ("angle", "ABC", square(), 0),
    ],
)
def test_known_figures(predicate, names, drawing, expected):
    value = "60" if predicate == "angle" else None
    assert truth(predicate, names, drawing, value) == expected


@pytest.mark.parametrize(
    ("predicate", "names", "expected"),
    [
        ("diameter", "OAB", 1), ("chord", "OAB", 1), ("off_centre_chord", "OAB", 0), ("off_centre_chord", "OAC", 1),
        ("chord", "OAC", 1), ("diameter", "OAC", 0), ("on_circle", "OC", 1), ("inside", "OP", 1), ("outside", "OP", 0),
        ("inscribed_triangle", "OABC", 1), ("tangent", "OAT", 1), ("crossing", "OAT", 0), ("crossing", "OAC", 1),
        ("tangent", "OTA", 0), ("on_circle", "AC", 0), ("inscribed_circle", "OABC", 0),
        ("inscribed_circle", "OQRS", 1), ("inscribed_triangle", "OQRS", 0), ("inscribed_circle", "OQRT", 0),
    ],
)  # fmt: skip
def test_known_circles(predicate, names, expected):
    drawing = circle(A=(16.0, 56.0), B=(96.0, 56.0), C=(56.0, 96.0), P=(60.0, 40.0), T=(16.0, 20.0),
                     Q=(16.0, 16.0), R=(136.0, 16.0), S=(16.0, 176.0))  # fmt: skip
    assert truth(predicate, names, drawing) == expected


def test_values_are_read_before_they_are_measured():
    drawing = diagram(right_triangle().points, marks=(LengthText("A", "B", "5"), AngleText("B", "A", "C", "90°")))
    assert truth("length", "BA", drawing, "5") == 1
    assert truth("length", "AB", drawing, "5.5") == 0
    assert truth("length", "AC", drawing, "5") == -1  # nothing printed, and a drawing has no scale
    assert truth("angle", "CAB", drawing, "90") == 1
    measured = math.degrees(math.atan2(80, 60))
    assert truth("angle", "ABC", drawing, f"{measured:.4f}") == 1
    assert truth("angle", "ABC", drawing, "53") == -1  # near, but nobody reads 0.13 degrees off a drawing
    assert truth("angle", "ABC", drawing, "30") == 0
    assert truth("angle", "ABC", drawing, "x") == -1


def test_a_visible_margin_decides():
    for off_px, expected in ((0.0, 1), (1.0, -1), (4.9, -1), (5.1, 0)):
        drawing = diagram({"A": (10.0, 10.0), "B": (90.0, 10.0), "M": (50.0 + off_px, 10.0)})
        assert truth("midpoint", "MAB", drawing) == expected


def test_a_point_that_is_not_there_makes_a_fact_false():
    assert truth("midpoint", "ZAB", right_triangle()) == 0
    assert truth("on_circle", "AB", right_triangle()) == 0


WITH_MEASURE = [row for row in PREDICATES.values() if row.measure]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=8, max_size=8), st.sampled_from(WITH_MEASURE))
def test_symmetric_facts_have_the_same_truth_and_one_canonical_form(places, row):
    names = "ABCDEFGH"[: row.arity]
    circles = tuple(Circle(o, h) for o, h in (("A", "_A"), ("B", "_B"))[: row.circles])
    points = dict(zip("ABCDEFGH", places, strict=True)) | {"_A": (1.0, 2.0), "_B": (30.0, 9.0)}
    drawing, value = diagram(points, circles=circles), row.values[0] if row.values else None
    facts = [Fact(row.name, tuple(names[i] for i in p), value) for p in symmetry_group(row.name)]
    assert len({canonical(fact) for fact in facts}) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth_table, "canonical", lambda fact: fact)  # each order by itself
        scene = Scene.from_diagrams([drawing])
        verdicts = [evaluate(fact, scene, MARGIN_PX) for fact in facts]
    assert len({int(t[0]) for t, _ in verdicts}) == 1
    np.testing.assert_allclose([m[0] for _, m in verdicts], verdicts[0][1][0], rtol=1e-6, atol=1e-6)


GROUP_SIZES = {"scalene": 6, "right": 2, "square": 8, "parallelogram": 8, "midpoint": 2, "parallel": 8, "kite": 4,
               "trapezoid": 4, "right_trapezoid": 2, "meet": 8, "equal_angle": 8, "trisection": 1, "angle": 2,
               "length": 2, "inscribed_triangle": 6, "bisector": 2}  # fmt: skip


@pytest.mark.parametrize("predicate", GROUP_SIZES)
def test_the_size_of_each_symmetry_group(predicate):
    assert len(symmetry_group(predicate)) == GROUP_SIZES[predicate]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=5, max_size=5), st.data())
def test_opposites_never_hold_together(places, data):
    row = data.draw(st.sampled_from([r for r in WITH_MEASURE if r.opposites and not r.circles and r.arity <= 5]))
    assume(min(math.dist(p, q) for p, q in itertools.combinations(places, 2)) > MARGIN_PX)  # a line has two points
    drawing = diagram(dict(zip("ABCDE", places, strict=True)))
    args = tuple("ABCDE"[: row.arity])
    opposite = data.draw(st.sampled_from(row.opposites))
    both = [holds(Fact(name, args), drawing, MARGIN_PX) for name in (row.name, opposite)]
    assert both != [1, 1]


def test_opposites_name_rows_of_the_table_with_the_same_arguments():
    for row in PREDICATES.values():
        for opposite in row.opposites:
            assert PREDICATES[opposite].arity == row.arity, (row.name, opposite)


def test_a_more_general_name_is_no_contradiction():
    pairs = [("square", "rectangle"), ("square", "rhombus"), ("rectangle", "parallelogram"),
             ("rhombus", "parallelogram"), ("equilateral", "isosceles"), ("diameter", "chord"), ("rhombus", "kite"),
             ("isosceles_right", "right"), ("isosceles_right", "isosceles"), ("altitude", "perpendicular")]  # fmt: skip
    for special, general in pairs:
        assert general not in PREDICATES[special].opposites
        assert special not in PREDICATES[general].opposites


def test_a_caption_is_false_by_any_and_true_by_all_of_its_facts():
    drawing = right_triangle()
    yes, no = Fact("right", ("A", "B", "C")), Fact("isosceles", ("A", "B", "C"))
    unknown = Fact("length", ("A", "B"), "3")
    for facts, expected in (([yes], 1), ([yes, no], 0), ([no, unknown], 0), ([yes, unknown], -1)):
        assert truth_table.truth_table([facts], Scene.from_diagrams([drawing]), MARGIN_PX)[0][0, 0] == expected


def test_a_caption_that_states_nothing_is_true_everywhere():
    """So it is no hard negative of anybody, and no family takes it."""
    truth, margin = truth_table.truth_table([[]], Scene.from_diagrams([right_triangle(), isosceles()]), MARGIN_PX)
    assert truth.tolist() == [[1], [1]] and np.isinf(margin).all()


def test_facts_survive_json():
    facts = [Fact("angle", ("A", "B", "C"), "60"), Fact("square", tuple("ABCD"))]
    assert facts_from_json(facts_to_json(facts)) == facts


def subset(caption, image):
    return not (caption & ~image).any()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=5, max_size=5))
@example([(1.0, 6.0), (0.0, 7.3e-50), (0.0, 0.0), (0.0, 0.0), (2.0, 0.0)])  # products of its areas underflow
def test_whatever_may_be_true_is_in_a_picture_signature(places):
    drawing = diagram(dict(zip("ABCDE", places, strict=True)))
    scene = Scene.from_diagrams([drawing])
    signature = image_signatures(scene, MARGIN_PX)[0]
    for row in WITH_MEASURE:
        if row.circles or not row.in_signatures:
            continue
        for names in itertools.islice(itertools.permutations("ABCDE", row.arity), 0, None, 7):
            fact = Fact(row.name, names, row.values[0] if row.values else None)
            if evaluate(fact, scene, MARGIN_PX)[0][0] != 0:
                assert subset(caption_signature([fact]), signature), fact


def test_signatures_tell_most_strangers_apart():
    drawing = square()
    signature = image_signatures(Scene.from_diagrams([drawing]), MARGIN_PX)[0]
    assert subset(caption_signature([Fact("square", tuple("CDAB")), Fact("perpendicular", tuple("ABBC"))]), signature)
    strangers = [caption_signature([Fact("square", names), Fact("midpoint", names[1:])])
                 for names in itertools.islice(itertools.permutations("EFGHK", 4), 100)]  # fmt: skip
    assert np.mean([subset(s, signature) for s in strangers]) < 0.1
    printed = diagram(drawing.points, marks=(LengthText("A", "B", "5"),))
    signature = image_signatures(Scene.from_diagrams([printed]), MARGIN_PX)[0]
    assert subset(caption_signature([Fact("length", ("B", "A"), "5")]), signature)


def test_every_named_corner_of_a_drawn_regular_polygon_is_its_vertex():
    points = {"O": (50.0, 50.0), "A": (80.0, 50.0), "B": (50.0, 80.0), "C": (71.2, 71.2)}
    drawing = diagram(points, marks=(RegularPolygon("O", "A", 4),))
    told = [holds(Fact("inscribed_regular", ("O", name), "4"), drawing, MARGIN_PX) for name in "ABC"]
    assert told == [1, 1, 0]
