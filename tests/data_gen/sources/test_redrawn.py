"""FormalGeo redrawn: descriptions, programs that stay on the ink, families whose truth is computed."""

import json
import math
import re
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from data_gen.constructions.program import program_from_json
from data_gen.drawing import raster
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.drawing.png import encode_png
from data_gen.language.fact import Fact, facts_from_json
from data_gen.records import tfrecords
from data_gen.shared.errors import UserError
from data_gen.solver.conditions import Description
from data_gen.solver.newton import Solution, Unsolved
from data_gen.sources.formalgeo import reading
from data_gen.sources.formalgeo import source as formalgeo
from data_gen.sources.formalgeo.cdl import Equation, parse_statement
from data_gen.sources.redrawn import ink
from data_gen.sources.redrawn import redraw as drawing_module
from data_gen.sources.redrawn import source as redrawn
from data_gen.sources.redrawn.describe import from_annotation, from_statements, subject
from data_gen.sources.redrawn.edits import BREAKS
from data_gen.sources.redrawn.possible import possible
from data_gen.sources.redrawn.redraw import program, redraw, statable
from tests.support.paths import REAL

needs_real = pytest.mark.skipif(
    not (REAL / "train.jsonl").is_file(), reason=f"no FormalGeo7k in {REAL} (set MMGEO_REAL)"
)
# A right triangle with its altitude, drawn by hand: the points are up to 2 px off.
HAND = {"A": [40, 40], "B": [41, 241], "C": [340, 240], "D": [132, 102]}
FORMS = ["PointLiesOnLine(D, Line(A, C))", "Perpendicular(Line(B, D), Line(A, C))", "Equals(LengthOf(Line(A, B)), x+3)",
         "Equals(MeasureOf(Angle(B, A, C)), 56)", "Equals(LengthOf(Line(B, C)), 9\\sqrt{2})"]  # fmt: skip


def problem(number, annotated=False, **changes):
    found = {
        "problem_id": number,
        "problem_text_en": "Find the length of BD.",
        "problem_img": f"{number}.png",
        "construction_cdl": ["Shape(AB,BD,DA)", "Shape(BC,CD,DB)", "Collinear(ADC)"],
        "text_cdl": ["PerpendicularBetweenLine(AB,CB)", "IsAltitudeOfTriangle(BD,BCA)", "Equal(LengthOfLine(AB),x+3)"],
        "image_cdl": ["Equal(LengthOfLine(AB),x+3)", "Equal(LengthOfLine(BC),9*sqrt(2))"],
        "problem_answer": "7",
        "theorem_seqs": [],
        "problem_level": 2,
    }
    if annotated:
        found["geometry3k_diagram"] = {
            "point_instances": list(HAND), "line_instances": ["AB", "BC", "AC", "AD", "DC", "BD"],
            "circle_instances": [], "diagram_logic_forms": FORMS, "point_positions": HAND,
        }  # fmt: skip
    return found | changes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formalgeo")
    (folder / "diagrams").mkdir()
    problems = [problem(1, annotated=True), problem(2), problem(3, construction_cdl=["Shape(AB,BC,CA)"])]
    for split in ("train", "val"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(p) + "\n" for p in problems))
    for p in problems:
        image = Image.new("RGB", (400, 300), "white")
        for a, b in ("AB", "BC", "AC", "BD"):
            ImageDraw.Draw(image).line((*HAND[a], *HAND[b]), fill="black", width=2)
        image.save(folder / "diagrams" / p["problem_img"])
    return folder


def spec_of(root, seed=0):
    return SimpleNamespace(root=str(root), name="redrawn", seed=seed, size_px=224, families={"train": 8, "val": 4})


# ---- descriptions -------------------------------------------------------------------------------------------------


def test_circles_and_arcs_of_statements():
    """Half a circle about O on the diameter AB, and a whole circle whose centre is not drawn."""
    half = problem(1, construction_cdl=["Shape(OBA,AO,OB)", "Collinear(AOB)", "Cocircular(O,BA)"], image_cdl=[],
                   text_cdl=["IsCentreOfCircle(O,O)"])  # fmt: skip
    found = from_statements(half, ())
    assert found.described.circles == {"O": ("B", "A")} and found.arcs == {"O": (("B", "A"),)}
    faces = ["Shape(AB,BC,CA)", "Shape(QAB,BA)", "Shape(QBC,CB)", "Shape(QCA,AC)", "Cocircular(Q,ABC)"]
    whole = problem(1, construction_cdl=faces, image_cdl=[], text_cdl=["IsTangentOfCircle(PA,Q)"])
    found = from_statements(whole, ())
    assert found.described.circles == {"_Q": ("A", "B", "C")} and not found.arcs
    assert found.described.faces == (("A", "B", "C"),) and len(found.described.rounds) == 4
    assert found.described.facts == (Fact("tangent", ("_Q", "A", "P")),)


def test_an_annotation_is_a_description():
    found = from_annotation(problem(1, annotated=True)["geometry3k_diagram"])
    assert ("A", "D", "C") in found.described.lines and len(found.described.lines) == 4
    assert Fact("length", ("B", "C"), "9√2") in found.printed and Fact("length", ("A", "B"), "x+3") in found.printed
    assert found.start and found.start["D"] == 132 - 102j  # y upwards


def relettered(form, names):
    return re.sub(r"\b[A-D]\b", lambda match: names[match[0]], form)


LETTERS = dict(zip("ABCD", "RXQK", strict=True))


def test_points_are_matched_where_the_letters_differ():
    """The annotation calls A, B, C, D otherwise; its printed values tell which end of the triangle is which."""
    swapped = dict(zip("ABCD", "CBAD", strict=True))
    for names in (LETTERS, swapped):
        table = str.maketrans(names)
        note = problem(1, annotated=True)["geometry3k_diagram"]
        forms = [relettered(form, names) for form in FORMS]
        note |= {"point_positions": {names[n]: xy for n, xy in HAND.items()}, "diagram_logic_forms": forms,
                 "line_instances": [pair.translate(table) for pair in note["line_instances"]]}  # fmt: skip
        found = subject(problem(1, geometry3k_diagram=note))
        assert found.lettered and found.start == {n: complex(x, -y) for n, (x, y) in HAND.items()}


def test_an_annotation_of_another_figure_stands_alone():
    note = problem(1, annotated=True)["geometry3k_diagram"] | {"line_instances": ["AB", "BC", "AC"]}
    note["diagram_logic_forms"] = FORMS[3:]
    note["point_positions"] = {name: HAND[name] for name in "ABC"}
    found = subject(problem(1, geometry3k_diagram=note))
    assert not found.lettered and set(found.described.names) == set("ABC")


def test_an_annotation_that_lacks_a_point_of_the_statements_stands_alone():
    """As problem 1691, whose statements have a "Hj": no letter is taken for a point that has no place."""
    typed = ["Shape(AB,BD,DA)", "Shape(BC,Cj,jB)", "Collinear(ADC)", "Cocircular(j,AB)"]
    found = subject(problem(1, annotated=True, construction_cdl=typed))
    assert not found.lettered and set(found.described.names) == set("ABCD")


def test_longer_equations_are_read():
    assert isinstance(parse_statement("Equal(Sub(LengthOfLine(MC),LengthOfLine(NC)),2)"), Equation)
    adds = from_statements(problem(1, text_cdl=["Equal(LengthOfLine(AB),Add(LengthOfLine(BC),3))"]), ())
    assert adds.described.equations == ((Fact("length", ("A", "B")), ("Add", Fact("length", ("B", "C")), 3.0)),)
    unknown = from_statements(problem(1, text_cdl=["Equal(Sub(LengthOfLine(AB),LengthOfLine(BC)),x)"]), ())
    assert not unknown.described.equations


# ---- drawings -----------------------------------------------------------------------------------------------------


def test_an_annotated_figure_stays_on_its_ink(root):
    """The right angle and the altitude hold exactly, and no point has moved by 3 px."""
    drawing = redraw(subject(problem(1, annotated=True)))
    p = drawing.found.points
    assert all(abs(p[name] - complex(x, -y)) < 3 for name, (x, y) in HAND.items())
    assert abs(((p["A"] - p["B"]).conjugate() * (p["C"] - p["B"])).real) < 1e-3
    assert abs(((p["D"] - p["B"]).conjugate() * (p["C"] - p["A"])).real) < 1e-3
    picture = np.asarray(formalgeo.paper(str(root), problem(1)))
    assert ink.near_ink(drawing, picture) > 0.99
    assert ink.near_ink(drawing, np.roll(picture, 12, (0, 1))) < 0.5
    assert ink.near_ink(drawing, np.full_like(picture, 255)) == 0
    assert ink.is_near(drawing, picture)
    more = picture.copy()
    more[60:62, 160:380] = 0  # a line that is not drawn
    assert ink.redrawn_ink(drawing, picture) == 1 and not ink.is_near(drawing, more)


def test_what_the_picture_denies_is_not_stated():
    """The statement says that AB = BC, the picture that it is not so: it stays as it is drawn."""
    lying = problem(1, annotated=True)
    lying["geometry3k_diagram"]["diagram_logic_forms"] = [*FORMS, "Equals(LengthOf(Line(A, B)), LengthOf(Line(B, C)))"]
    drawing = redraw(from_annotation(lying["geometry3k_diagram"]))
    assert not any(f.predicate in ("isosceles", "equal_length") for f in statable(drawing))
    assert all(abs(drawing.found.points[n] - complex(x, -y)) < 3 for n, (x, y) in HAND.items())


def test_printed_values_stay_as_they_are():
    drawing = redraw(subject(problem(1, annotated=True)))
    assert {f.value for f in drawing.printed} >= {"x+3", "9√2"}
    made = program(drawing, ())
    assert program_from_json(made.to_json()) == made
    canvas = redrawn._canvas(336, np.random.default_rng(0))
    member = draw(made, canvas)
    assert member and {"x+3", "9√2"} <= {getattr(mark, "text", "") for mark in member.diagram.marks}


# What a redrawn triangle of 3, 4 and 5 with the right angle at A prints, what is stated, and whether that is possible.
RIGHT = Fact("right", ("A", "B", "C"))
POSSIBLE = [
    ((), "length A B 3, length A C 4, length B C 5", True),
    ((RIGHT,), "length A B 3, length A C 4, length B C 5", True),
    ((RIGHT,), "length A B 6, length A C 8", True),  # in another unit
    ((RIGHT,), "length A B 3, length A C 4, length B C 6", False),  # not after Pythagoras
    ((), "length A B 3, length A C 4, length B C 6", True),
    ((), "length A B 3, length A C 4, length B C 9", False),  # longer than both sides
    ((), "length A B 3, length A C 8", False),  # not to scale
    ((Fact("isosceles", ("A", "B", "C")),), "length A B 3, length A C 4", False),
    ((RIGHT,), "angle A B C 53.13, angle B C A 36.87", True),
    ((RIGHT,), "angle A B C 50, angle B C A 36", False),
    ((), "angle A B C 70", False),
    ((RIGHT,), "length A B x, angle A B C 60", True),
]


@pytest.mark.parametrize(("stated", "prints", "expected"), POSSIBLE)
def test_printed_values_are_possible(stated, prints, expected):
    found = Solution({"A": 0j, "B": 3j, "C": 4 + 0j}, {})
    described = Description(("A", "B", "C"), lines=(("A", "B"), ("B", "C"), ("A", "C")))
    drawing = drawing_module.Drawing(described, found, (), {}, True, 0)
    words = [text.split() for text in prints.split(", ")]
    facts = [Fact(predicate, tuple(names), value) for predicate, *names, value in words]
    assert possible(drawing, stated, facts) == expected


def test_half_a_circle_is_drawn_as_half():
    half = problem(1, construction_cdl=["Shape(OBA,AO,OB)", "Collinear(AOB)", "Cocircular(O,BA)"], image_cdl=[],
                   text_cdl=["IsCentreOfCircle(O,O)", "IsDiameterOfCircle(AB,O)"])  # fmt: skip
    made = program(redraw(subject(half)), ())
    points, (segments, circles, *_) = made.points, made.strokes
    radius = abs(points["A"] - points["O"])
    chords = [s for s in segments if s.a.startswith("_") or s.b.startswith("_")]
    assert not circles and len(chords) == 36
    assert sum(abs(points[s.a] - points[s.b]) for s in chords) == pytest.approx(math.pi * radius, rel=2e-3)
    assert all(abs(abs(points[s.a] - points["O"]) - radius) < 1e-6 for s in chords)
    # Counterclockwise from B to A to the eye: above the diameter where B is on the right.
    assert all(points[s.a].imag < 1e-6 + points["O"].imag for s in chords) == (points["B"].real > points["A"].real)


@pytest.mark.parametrize(("ends", "turn"), [("AB", math.pi / 2), ("BA", 3 * math.pi / 2)])
def test_an_arc_runs_counterclockwise(ends, turn):
    points = {"O": 0j, "A": 2 + 0j, "B": 2j}
    chords = drawing_module._arc(points, "O", ends[0], ends[1], 2.0)
    assert chords[0].a == ends[0] and chords[-1].b == ends[1]
    assert sum(abs(points[s.a] - points[s.b]) for s in chords) == pytest.approx(2 * turn, rel=2e-3)


def test_solved_figures_stand_upright():
    p = redraw(subject(problem(2))).found.points
    ends = [("A", "B"), ("B", "C"), ("A", "C")]
    level = [pair for pair in ends if abs(p[pair[0]].imag - p[pair[1]].imag) < 1e-6]
    assert level == [max(ends, key=lambda pair: abs(p[pair[0]] - p[pair[1]]))]
    assert min(z.imag for z in p.values()) > -1e-6 + p[level[0][0]].imag


# ---- families -----------------------------------------------------------------------------------------------------


def test_families_are_cubes_of_three_edits_and_pure(root):
    axes = set()
    for index in range(3):
        made = redrawn.family(spec_of(root), "train", index)
        assert made.layout == "cube" and len(made.images) == 8
        assert np.array_equal(made.truth, np.eye(8, dtype=np.int8))
        assert sorted(map(len, made.edits)) == [0, 1, 1, 1, 2, 2, 2, 3]
        axes |= {axis for edits in made.edits for axis in edits}
        assert made.question and made.question.question == "Find the length of BD."
    again = redrawn.family(spec_of(root), "train", 2)
    assert again.images == made.images and again.captions == made.captions
    assert axes >= {"order", "relation", "value"}
    assert (
        redrawn.family(spec_of(root, seed=1), "train", 0).captions != redrawn.family(spec_of(root), "train", 0).captions
    )
    assert redrawn.rows(spec_of(root), "val") == 4


def test_a_family_is_drawn_again_from_its_record(root, tmp_path):
    made = redrawn.family(spec_of(root), "train", 1)
    path = str(tmp_path / "one.tfrecord")
    with tfrecords.ShardWriter(path, "x") as writer:
        writer.write(made)
    (read,) = tfrecords.read_shard(path)
    canvas = canvas_from_json(read.canvas)
    for text, png, facts in zip(read.programs, read.images, read.facts, strict=True):
        member = draw(program_from_json(text), canvas)
        assert member and list(member.facts) == facts_from_json(facts)
        assert encode_png(raster.to_pixels(member.diagram, member.labels)) == png


def test_stated_right_angles_are_right_by_coordinates(root):
    """Every `right`, `perpendicular`, `parallel` and `midpoint` that a member states, by plain arithmetic."""
    checks: dict[str, Callable[..., float]] = {
        "right": lambda p, v, a, b: ((p[a] - p[v]).conjugate() * (p[b] - p[v])).real / abs(p[a] - p[v]),
        "perpendicular": lambda p, a, b, c, d: ((p[b] - p[a]).conjugate() * (p[d] - p[c])).real / abs(p[b] - p[a]),
        "parallel": lambda p, a, b, c, d: ((p[b] - p[a]).conjugate() * (p[d] - p[c])).imag / abs(p[b] - p[a]),
        "midpoint": lambda p, m, a, b: abs(2 * p[m] - p[a] - p[b]),
    }
    seen = 0
    for index in range(4):
        made = redrawn.family(spec_of(root), "train", index)
        for text, facts in zip(made.programs, made.facts, strict=True):
            points = program_from_json(text).points
            width = max(abs(a - b) for a in points.values() for b in points.values())
            for fact in facts_from_json(facts):
                if fact.predicate in checks:
                    seen += 1
                    assert abs(checks[fact.predicate](points, *fact.args)) < 1e-5 * width
    assert seen > 8


def test_breaks_exclude_what_they_replace():
    """A row whose new statement may stay true beside the old one would be refused for ever."""
    assert all(old != row.new for old, rows in BREAKS.items() for row in rows)
    assert len(BREAKS) >= 20


def test_a_problem_that_gives_nothing_is_named(tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps(problem(1, construction_cdl=[], text_cdl=[], image_cdl=[])) + "\n")
    with pytest.raises(UserError, match="nothing could be drawn"):
        redrawn.family(spec_of(tmp_path), "train", 0)


# ---- faults and the command ---------------------------------------------------------------------------------------

JUNK = st.recursive(
    st.none() | st.integers() | st.text("ABO(,)x1 ", max_size=12) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["A", "B", "O"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["construction_cdl", "text_cdl", "image_cdl", "geometry3k_diagram", "point_positions",
                        "diagram_logic_forms", "line_instances"]), JUNK)  # fmt: skip
def test_garbled_problems_are_clear_errors(key, junk):
    garbled = problem(1, annotated=True)
    if key in garbled:
        garbled[key] = junk
    else:
        garbled["geometry3k_diagram"] = garbled["geometry3k_diagram"] | {key: junk}
    try:
        redraw(subject(garbled))
    except (UserError, Unsolved) as fault:
        assert str(fault) and "\n" not in str(fault)


def test_report_and_command(root, capsys, tmp_path):
    found = [redrawn.outcome((str(root), "train", place)) for place in range(3)]
    assert [o.annotated for o in found] == [True, False, False] and found[0].near is not None and found[0].near > 0.99
    text = "\n".join(redrawn.show([*found, found[1]._replace(fault="the moon is full")]))
    assert "with positions: 1 of 1 (100.0 %) drawn" in text and "1 not: the moon is full (2)" in text
    assert redrawn.main(["--root", str(tmp_path)]) == 1
    assert "error: " in capsys.readouterr().err


@needs_real
def test_real_figures_are_redrawn():
    """A fixed sample: the share drawn, and how much of it lies on the ink."""
    found = [redrawn.outcome((str(REAL), "val", place)) for place in range(0, 1397, 14)]
    with_positions = [o for o in found if o.annotated]
    near = [o for o in with_positions if o.near is not None and o.near >= 0.9]
    assert len(near) >= 0.9 * len(with_positions)
    solved = [o for o in found if not o.annotated]
    assert sum(o.fault is None for o in solved) >= 0.75 * len(solved)


@needs_real
def test_no_real_problem_is_garbled():
    assert sum(len([subject(each) for each in reading.load(str(REAL), split)]) for split in reading.SPLITS) == 5586


@needs_real
def test_real_families():
    spec = spec_of(REAL)
    spec.size_px = 336
    for index in (0, 3):
        made = redrawn.family(spec, "val", index)
        assert np.array_equal(made.truth, np.eye(8, dtype=np.int8)) and len(set(made.captions)) == 8
