"""The independent checker agrees with stored truth tables, finds errors that are planted, and knows every predicate."""

import itertools
import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from checker import check, verdict
from checker.contradiction import contradictions
from checker.definitions import BY_ARC, BY_CIRCLES, BY_POINTS, BY_VALUE
from checker.drawn import BY_INK
from configs import data_alphageometry, data_composed, data_redrawn, data_tiny
from data_gen.build import shards
from data_gen.drawing.canvas import canvas_from_json
from data_gen.geometry.diagram import AngleText, Circle, Diagram, RegularPolygon, Segment, Shade, Style
from data_gen.language.fact import Fact, facts_from_json
from data_gen.language.predicates.table import PREDICATES
from data_gen.sources.alphageometry import source as alphageometry
from data_gen.sources.composed import source as composed
from data_gen.sources.redrawn import source as redrawn
from data_gen.sources.templates import source as templates
from data_gen.truth.truth_table import Scene, evaluate
from tests.support.paths import ALPHAGEOMETRY, REAL

PROBLEMS = ALPHAGEOMETRY / "jgex_dev_120.txt"
COUNT = 40
MARGIN_PX = 5.0
COMPUTED = [row for row in PREDICATES.values() if row.measure or row.from_marks]


@pytest.fixture(scope="module")
def some_composed():
    """A family of every kind of edit, and some more."""
    return [composed.family(data_composed.get_spec(), "train", i) for i in range(COUNT)]


def test_every_computed_predicate_has_one_definition():
    tables = [set(BY_POINTS), set(BY_VALUE), set(BY_CIRCLES), set(BY_ARC), set(BY_INK)]
    assert set().union(*tables) == {row.name for row in COMPUTED}
    assert not any(a & b for a, b in itertools.combinations(tables, 2))


def agree(made):
    counts: Counter = Counter()
    assert [d for family in made for d in check.check_family(family, counts)] == []
    # Nearly all is decided: the checker does not agree by saying nothing.
    assert counts[1, True] == sum(counts[1, said] for said in (True, False, None))
    assert counts[0, False] > 0.98 * sum(counts[0, said] for said in (True, False, None))


def test_it_agrees_on_composed_families(some_composed):
    agree(some_composed)


def test_it_agrees_on_the_quick_starts_families():
    agree([templates.family(data_tiny.get_spec(), "train", i) for i in range(COUNT)])


@pytest.mark.skipif(not PROBLEMS.is_file(), reason=f"no AlphaGeometry problems at {PROBLEMS}")
def test_it_agrees_on_families_of_alphageometrys_problems():
    spec = data_alphageometry.get_spec()
    spec.file = str(PROBLEMS)
    agree([alphageometry.family(spec, "train", i) for i in range(COUNT)])


# ---- planted errors -----------------------------------------------------------------------------------------------


def test_it_finds_every_flipped_entry(some_composed):
    for family in some_composed[:8]:
        for image, caption in ((0, 0), (2, 2), (0, 1), (5, 3)):
            truth = family.truth.copy()
            truth[image, caption] = 1 - truth[image, caption]
            found = list(check.check_family(replace(family, truth=truth)))
            assert [(d.image, d.caption, d.stored) for d in found] == [(image, caption, truth[image, caption])]
            assert family.key in str(found[0]) and f"caption {caption}" in str(found[0])


def test_it_finds_a_fact_whose_arguments_are_swapped(some_composed):
    swapped = 0
    for family in some_composed:
        facts = json.loads(family.facts[0])
        for fact in facts:
            if fact[0] in ("midpoint", "trisection", "median", "altitude", "right", "obtuse", "tangent", "in_triangle"):
                fact[1][0], fact[1][1] = fact[1][1], fact[1][0]
                changed = replace(family, facts=(json.dumps(facts), *family.facts[1:]))
                assert (0, 0, 1) in {(d.image, d.caption, d.stored) for d in check.check_family(changed)}, fact
                swapped += 1
                break
    assert swapped >= 8


def test_it_finds_a_moved_point(some_composed, monkeypatch):
    """One by one, each point that a caption speaks of is drawn a tenth of the figure to the side."""
    true_diagrams, found, moved = check.diagrams_of, 0, 0
    for family in some_composed[:12]:
        for name in sorted({n for _, names, _ in verdict.facts_of(family.facts[0]) for n in names}):

            def shifted(family, name=name):
                first, *rest = true_diagrams(family)
                x, y = first.points[name]
                points = {**first.points, name: (x + 0.07 * family.size_px, y - 0.07 * family.size_px)}
                return [replace(first, points=points), *rest]

            monkeypatch.setattr(check, "diagrams_of", shifted)
            wrong = list(check.check_family(family))
            monkeypatch.undo()
            assert all(d.image == 0 for d in wrong)
            moved, found = moved + 1, found + any(d.caption == 0 for d in wrong)
    # Not every move breaks a caption: an acute triangle stays acute.
    assert found > 0.5 * moved > 10


def test_the_command_prints_agreement_and_fails_on_a_disagreement(tmp_path, capsys, monkeypatch):
    out = str(tmp_path / "data")
    sizes = [f"--spec.families.{split}={n}" for split, n in (("train", 3), ("val", 1), ("test", 1))]
    assert shards.main(["--spec=configs/data_tiny.py", f"--out={out}", "--workers=1", *sizes]) == 0
    assert check.main([out, "--families=9"]) == 0
    assert "3 families checked" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(check, "contradictions", lambda facts: ["1 is 2"])
        assert check.main([out]) == 1
        told = capsys.readouterr().out
        assert "caption 7 contradicts itself: 1 is 2" in told and "0 disagreements, 24 captions against" in told
    monkeypatch.setitem(BY_POINTS, "scalene", lambda *p: [("more", -99.0)])
    monkeypatch.setattr(verdict, "TOLERANCE", 1e3)  # everything is true
    assert check.main([out]) == 1
    assert "stored 0, but" in capsys.readouterr().out
    assert check.main([str(tmp_path)]) == 1
    assert "no finished data set" in capsys.readouterr().err


# ---- engine and definitions, fact by fact -------------------------------------------------------------------------


def contradict(fact: Fact, diagram: Diagram, margin_px: float) -> bool:
    engine = int(evaluate(fact, Scene.from_diagrams([diagram]), margin_px)[0][0])
    found = verdict.apply_definition((fact.predicate, fact.args, fact.value or ""), diagram)
    said = verdict.verdict(found, diagram.size_px, margin_px)
    return (engine, said) in ((1, False), (0, True))


def random_facts(diagram: Diagram, stated: list[Fact], rng: random.Random):
    """Facts of every predicate about points at random, and those that are stated with their letters exchanged."""
    names = list(diagram.names)
    centres = [c.centre for c in diagram.circles if c.centre in names]
    for row in COMPUTED:
        for _ in range(4):
            circles = rng.sample(centres, row.circles) if row.circles <= len(centres) else None
            rest = [n for n in names if n not in (circles or ())]
            if circles is None or len(rest) < row.arity - row.circles:
                continue
            values = [f.value for f in stated if f.predicate == row.name] or list(row.values) or ["3"]
            value = rng.choice(values) if row.axis == "value" or row.values else None
            yield Fact(row.name, (*circles, *rng.sample(rest, row.arity - row.circles)), value)
    for fact in stated:
        yield fact.rename(dict(zip(names, rng.sample(names, len(names)), strict=True)))


def test_engine_and_definitions_agree_about_any_fact(some_composed):
    """Degenerate figures, collinear points and other names for one line are all among these."""
    rng, looked = random.Random(0), 0
    for family in some_composed[::2]:
        margin_px = canvas_from_json(family.canvas).margin_px
        stated = [fact for text in family.facts for fact in facts_from_json(text)]
        for diagram in check.diagrams_of(family)[:2]:
            for fact in random_facts(diagram, stated, rng):
                assert not contradict(fact, diagram, margin_px), (family.key, fact)
                looked += 1
    assert looked > 5_000


# Corners of figures that were judged wrongly once: points, and for each fact what a textbook says.
PLACES = {
    "A": (20.0, 20.0), "B": (80.0, 20.0), "C": (70.0, 60.0), "D": (30.0, 60.0),  # ABCD is a trapezoid
    "M": (50.0, 20.0), "N": (75.0, 40.0), "P": (95.0, 20.0), "Q": (35.0, 20.0), "O": (50.0, 45.0),
}  # fmt: skip
JUDGED = (
    ("trapezoid", "ABCD", 1), ("isosceles_trapezoid", "ABCD", 1),
    ("trapezoid", "ABDC", 0), ("isosceles_trapezoid", "ABDC", 0),  # not in order round
    ("irregular", "ACBD", -1), ("irregular", "AMBC", -1),  # no quadrilaterals
    ("parallelogram", "AQPB", 0), ("parallelogram", "QAMB", 0),  # all on one line
    ("scalene", "AMB", 0), ("obtuse", "MAB", 0), ("scalene", "QMP", 0), ("isosceles", "MAB", 0),
    ("bisector", "MDAB", 0), ("median", "QMAB", 0), ("altitude", "QMAB", 0), ("outside_triangle", "CAQB", 0),
    ("midsegment", "MNBAC", 1), ("midsegment", "NMBAC", 1), ("midsegment", "MNBCA", 1), ("midsegment", "MQBAC", 0),
    ("meet", "MABQP", 0), ("similar", "AMBAMB", 0),
    ("solid", "AB", 1), ("solid", "AM", 1), ("solid", "QB", 1), ("solid", "CD", 0), ("dashed", "CD", 1),
    ("dashed", "AB", 0),
)  # fmt: skip


def corner_cases() -> Diagram:
    drawn = (Segment("A", "M"), Segment("M", "B"), Segment("B", "C"), Segment("C", "D", dashed=True))
    return Diagram(112, PLACES, drawn, style=Style())


@pytest.mark.parametrize("predicate, names, expected", JUDGED)
def test_corner_cases_of_the_definitions(predicate, names, expected):
    scene, fact = Scene.from_diagrams([corner_cases()]), Fact(predicate, tuple(names))
    assert int(evaluate(fact, scene, MARGIN_PX)[0][0]) == expected
    assert not contradict(fact, corner_cases(), MARGIN_PX)


def test_an_angles_number_is_its_own_whatever_points_name_its_arms():
    drawing = replace(corner_cases(), marks=(AngleText("C", "A", "B", "1"),))
    for names, expected in (("CAB", 1), ("BAC", 1), ("MAC", 1), ("CAP", 1), ("DAB", 0), ("CBA", 0)):
        fact = Fact("numbered_angle", tuple(names), "1")
        assert int(evaluate(fact, Scene.from_diagrams([drawing]), MARGIN_PX)[0][0]) == expected, names
        assert not contradict(fact, drawing, MARGIN_PX)


def test_a_drawn_triangle_may_be_the_regular_polygon():
    """An inscribed equilateral triangle that is drawn by its sides: the engine says nothing of it, certainly not no."""
    points = {"O": (50.0, 50.0), "A": (50.0, 10.0), "B": (84.64101615137756, 70.0), "C": (15.358983848622444, 70.0),
              "D": (90.0, 50.0)}  # fmt: skip
    sides = (Segment("A", "B"), Segment("B", "C"), Segment("C", "A"))
    drawing = Diagram(112, points, sides, (Circle("O", "A"),), (RegularPolygon("O", "D", 4),), style=Style())
    for names, value, expected in (("OA", "3", -1), ("OD", "4", 1), ("OD", "3", 0)):
        fact = Fact("inscribed_regular", tuple(names), value)
        assert int(evaluate(fact, Scene.from_diagrams([drawing]), MARGIN_PX)[0][0]) == expected
        assert not contradict(fact, drawing, MARGIN_PX)
    found = [BY_INK["inscribed_regular"](drawing, tuple(n), v) for n, v in (("OA", "3"), ("OB", "3"), ("OB", "4"))]
    assert found == [True, True, False]


def test_shades_and_graphs_are_read_off_the_drawing():
    circle = (Circle("O", "C"),)
    drawing = replace(corner_cases(), circles=circle, shades=(Shade(("A", "B", "C", "D")), Shade(("O", "C"))))
    for predicate, names, expected in (("shaded_quadrilateral", "CBAD", 1), ("shaded_quadrilateral", "ACBD", 0),
                                       ("shaded_circle", "O", 1), ("shaded_triangle", "ABC", 0)):  # fmt: skip
        assert verdict.apply_definition((predicate, tuple(names), ""), drawing) == bool(expected)
        assert int(evaluate(Fact(predicate, tuple(names)), Scene.from_diagrams([drawing]), MARGIN_PX)[0][0]) == expected


# ---- captions against themselves ----------------------------------------------------------------------------------

# What a caption states -> what is wrong with it, "" where nothing is.
CAPTIONS = {
    "length A B 3; length A C 4; length B C 5; right A B C": "",
    "length A B 3; length A C 4; length B C 6; right A B C": "right angle and sides",
    "length A B 3; length B C 3; right A B C": "right angle and sides",
    "length A B 10; length A C 12; length B C 26": "ABC has sides",
    "length A B 10; length A C x; length B C 26": "",
    "isosceles C A B; length C A 10; length C B 12": "AC and BC are equal",
    "equal_length A B C D; length A B 7; length D C 7": "",
    "equal_length A B C D; length A B 7; length D C 9": "AB and CD are equal",
    "parallelogram A B C D; length A B 7; length B C 9": "",
    "parallelogram A B C D; angle A B C 70; angle C D A 80": "B of AC and D of AC are equal",
    "angle A B C 70; angle B C A 50; angle C A B 60": "",
    "angle A B C 70; angle B C A 50; angle C A B 75": "ABC has angles",
    "angle A B C 70; angle B C A 110": "ABC has angles",
    "perpendicular A B A C; angle A B C 45; angle A C B 55": "ABC has angles",
    "equilateral A B C; angle A B C 70": "B of AC is 60, but 70",
    "isosceles_right A B C; angle A B C 40": "B of AC is 45, but 40",
    "rectangle A B C D; angle A B C 80": "B of AC is 90, but 80",
    "square A B C D; length A B 7; length C D 8": "AB and CD are equal",
    "equal_angle A B C D E F; angle A B C 40; angle D E F 50": "B of AC and E of DF are equal",
    "perpendicular A B C D; angle A B C 45": "",
}


@pytest.mark.parametrize("text", CAPTIONS)
def test_captions_against_themselves(text):
    facts = []
    for statement in text.split("; "):
        predicate, *names = statement.split()
        value = names.pop() if predicate in ("length", "angle") else ""
        facts.append((predicate, tuple(names), value))
    found = list(contradictions(facts))
    assert bool(found) == bool(CAPTIONS[text]) and CAPTIONS[text] in "".join(found), found


@pytest.mark.skipif(not (REAL / "train.jsonl").is_file(), reason=f"no FormalGeo7k in {REAL} (set MMGEO_REAL)")
def test_redrawn_families_agree_and_do_not_contradict_themselves():
    spec = data_redrawn.get_spec()
    spec.root = str(REAL)
    made = [redrawn.family(spec, "val", index) for index in range(12)]
    agree(made)
    assert [fault for family in made for fault in check.check_captions(family)] == []


def test_composed_captions_do_not_contradict_themselves(some_composed):
    assert [fault for family in some_composed for fault in check.check_captions(family)] == []
