"""Why figures are refused: for each rule a figure that breaks it and no other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from data_gen.build import shards
from data_gen.build.spec import load_spec
from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.drawing import legibility
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import broken_rules, counting_figures, draw
from data_gen.drawing.legibility import Layout
from data_gen.geometry.diagram import AngleArc, ParallelArrows, Segment, Style, Ticks
from data_gen.language.fact import Fact
from data_gen.records import tfrecords

CANVAS = Canvas(112, 10.0, 0.0, False, Style(), True, 0, 5.0, 10.0)
TRIANGLE = {"A": (0, 0), "B": (10, 0), "C": (0, 10)}


def placed(points, lines="AB BC CA", marks=(), **parts) -> Program:
    coordinates = tuple(float(x) for place in points.values() for x in place)
    steps = [Step("placed", (), tuple(points), coordinates), *(Step(name, tuple(ins), (), ()) for name, ins in marks)]
    draws = tuple(Segment(ends[0], ends[1], ray=">" in ends) for ends in lines.split())
    return Program(tuple(steps), draws=draws, **parts).rename({"T": "_T", "U": "_U"})


def prints(*facts: str) -> dict[str, tuple[Fact, ...]]:
    """ "length AB 5" for Fact("length", ("A", "B"), "5")."""
    parts = [fact.split() for fact in facts]
    return {"prints": tuple(Fact(name, tuple(points), value[0] if value else None) for name, points, *value in parts)}


BROKEN = {
    "points_too_close": placed(TRIANGLE | {"D": (2, 2), "E": (2.3, 2.3)}),
    "cramped": placed(TRIANGLE | {"D": (5, 0.2)}, "AB BC CA AD"),
    "value_on_a_divided_segment": placed(TRIANGLE | {"D": (5, 0)}, **prints("length AB 5")),
    "ticks_on_a_divided_segment": placed(TRIANGLE | {"D": (5, 0)}, marks=[("marked.equal", "ABAC")]),
    "ambiguous_mark": placed(TRIANGLE | {"D": (5, 2)}, "AB BC CA BD", **prints("angle ABC x")),
    "angle_labelled_twice": placed(TRIANGLE | {"D": (5, 0)}, **prints("angle ABC x", "angle DBC y")),
    "area_of_a_divided_region": placed(TRIANGLE | {"D": (5, 5)}, "AB BC CA AD", **prints("triangle_area ABC 9")),
    "point_nearly_on_a_stroke": placed(TRIANGLE | {"D": (5, 0.4)}),
    "strokes_side_by_side": placed(TRIANGLE | {"T": (3, 0.4), "U": (7, 0.4)}, "AB BC CA TU"),
    "division_on_a_point": placed(TRIANGLE | {"D": (5, 0)}, marks=[("parts.4", "AB")]),
    "lone_mark": placed(TRIANGLE, marks=[("marked.equal", "ABBA")]),
    "mark_on_a_ray": placed(TRIANGLE, "AB> BC CA", **prints("length AB 5")),
    "mark_without_room": placed(
        TRIANGLE | {"D": (3, 2), "E": (3, 3.6)}, "AB BC CA DE", marks=[("marked.parallel", "DEAC")]
    ),
    "no_figure": placed(TRIANGLE | {"C": (1, 10)}, **prints("angle ABC")),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_figure_is_refused_for_the_rule_that_it_breaks(rule):
    with counting_figures() as figures:
        assert draw(BROKEN[rule], CANVAS) is None
        assert draw(placed(TRIANGLE, **prints("length AB 5", "angle ABC x")), CANVAS)
    assert figures == {"tried": 2, rule: 1}


def test_a_point_beyond_the_border_is_refused():
    points = {name: complex(*place) for name, place in TRIANGLE.items()}
    assert "off_canvas" in legibility.faults(Layout(placed(TRIANGLE), points, CANVAS))


def test_every_rule_has_its_figure():
    assert {rule.__name__ for rule in legibility.RULES} | {"no_figure"} == set(BROKEN) | {"off_canvas"}


def test_names_without_room_are_counted_once_a_figure():
    crowd = {f"{letter}": (i % 3, i // 3) for i, letter in enumerate("ABCDEFGHI")}
    lines = " ".join(a + b for a in crowd for b in crowd if a < b)
    member = draw(placed(crowd, lines), Canvas(112, 10.0, 0.0, False, Style(font_px=40.0), True, 0, 5.0, 1.0))
    with counting_figures() as figures:
        assert member and member.labels is None and member.labels is None
    assert figures == {"no_room_for_labels": 1}


def test_a_count_inside_another_is_kept_apart():
    with counting_figures() as outer:
        with counting_figures() as inner:
            draw(placed(TRIANGLE), CANVAS)
        draw(placed(TRIANGLE), CANVAS)
    assert inner == outer == {"tried": 1}


def test_a_build_says_why_figures_were_refused(tmp_path):
    """The counts of a family do not depend on what its process has drawn before."""
    found = []
    for name, overrides in (("whole", []), ("two", ["--spec.shard_size=1"])):
        sizes = ["--spec.families.train=2", "--spec.families.val=0", "--spec.families.test=0"]
        spec = load_spec("configs/data_tiny.py", [*sizes, *overrides])
        done = shards.build(spec, str(tmp_path / name), 1)
        rows = json.loads((tmp_path / name / tfrecords.MANIFEST).read_text())["splits"]["train"]
        figures = [tfrecords.read_index(tmp_path / name / row["file"])["figures"] for row in rows]
        found.append((done, {reason: sum(f.get(reason, 0) for f in figures) for reason in set().union(*figures)}))
    assert found[0] == found[1]
    tried = found[0][1]["tried"]
    assert f"of {tried} figures drawn (refused: " in found[0][0] and tried >= 2 * 8


def test_strokes_along_one_line_or_well_apart_are_no_fault():
    for line in ("AB", "BA"):
        assert draw(placed(TRIANGLE | {"T": (3, 0), "U": (7, 0)}, f"{line} BC CA TU"), CANVAS)
        assert draw(placed(TRIANGLE | {"T": (3, 0.6), "U": (7, 0.6)}, f"{line} BC CA TU"), CANVAS)


def test_marks_that_mean_something_together_go_together():
    """Of two equal sides or parallel lines one has no room for its mark: the other has none either, and keeps its own
    where both have room."""
    sides = Step("isosceles_trapezoid", (), tuple("ABCD"), (60.0, 50.0))
    lines = Step("parallelogram", (), tuple("ABCD"), (60.0, 60.0))
    for step, kind, on in ((sides, Ticks, "AD"), (lines, ParallelArrows, "AB")):
        cut = Step("placed", (), ("E",), ())
        for share in (None, 0.5):
            steps: tuple[Step, ...] = (step,)
            if share:
                a, b = (Program((step,)).points[name] for name in on)
                e = a + (b - a) * share
                ways = [e + 0.18 * (b - a) / abs(b - a) * k for k in (-1, 1)] if kind is ParallelArrows else []
                places = {"E": e} | dict(zip("FG", ways, strict=False))
                cut = Step("placed", (), tuple(places), tuple(x for z in places.values() for x in (z.real, z.imag)))
                steps = (step, cut)
            member = draw(Program(steps), CANVAS)
            assert member
            assert sum(isinstance(mark, kind) for mark in member.diagram.marks) == (0 if share else 2), (kind, share)


def test_broken_rules_look_at_a_drawn_figure_with_all_its_marks():
    member = draw(Program((Step("rhombus", (), tuple("ABCD"), (60.0, 70.0)),)), CANVAS)
    assert member and broken_rules(member, CANVAS) == ()
    without = replace(member, diagram=replace(member.diagram, marks=member.diagram.marks[:1]))
    assert broken_rules(without, CANVAS) == ("lone_mark",)


def test_each_kind_of_equal_parts_has_a_count_of_its_own():
    """Two bisectors say that two pairs of angles are equal, not that all four are; parallels likewise. A side that two
    steps mark has one count."""
    triangle = Step("scalene_triangle", (), tuple("ABC"), (55.0, 30.0))
    bisectors = Step("bisector", tuple("ABC"), ("D",), ()), Step("bisector", tuple("BCA"), ("E",), ())
    arcs = [mark.count for mark in Program((triangle, *bisectors)).optional_marks if isinstance(mark, AngleArc)]
    assert arcs == [1, 1, 2, 2]
    inside = Step("parallel_to_base", tuple("ABC"), tuple("DE"), (50.0,))
    beside = Step("vertex_line.parallel", tuple("ABC"), ("F", "_T"), (0.0,))
    chevrons = [m for m in Program((triangle, inside, beside)).optional_marks if isinstance(m, ParallelArrows)]
    assert {mark.count for mark in chevrons} == {1} and len({mark.place for mark in chevrons}) == 3
