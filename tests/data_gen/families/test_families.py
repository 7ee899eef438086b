"""Programs, edits and families: what is drawn is what is said, and each trap of the design is guarded."""

import itertools
import json
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.data_tiny import get_spec
from data_gen.constructions.program import Program, program_from_json
from data_gen.constructions.step import Step
from data_gen.constructions.table import CONSTRUCTIONS, rows_of
from data_gen.drawing import legibility, raster
from data_gen.drawing.canvas import Canvas, canvas_from_json, fit
from data_gen.drawing.draw import draw
from data_gen.drawing.png import encode_png
from data_gen.families.acceptance import may_join, truth_of
from data_gen.families.splits import letters_split
from data_gen.geometry.diagram import Circle, RightAngle, Segment, Style, Ticks
from data_gen.geometry.plane import angle_deg
from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact, canonical, facts_from_json
from data_gen.records import schema
from data_gen.shared.errors import UserError
from data_gen.sources.composed import figure
from data_gen.sources.templates import source as templates
from data_gen.truth.truth_table import Scene, truth_table


def canvas(**changes):
    base = Canvas(size_px=112, border_px=14.0, rotation_deg=0.0, mirror=False, style=Style(), marks=True,
                           wording=0, margin_px=5.0, gap_px=10.0)  # fmt: skip
    return replace(base, **changes)


def program(construction, params, prints=(), letters="ABCD"):
    row = CONSTRUCTIONS[construction]
    return Program((Step(construction, (), tuple(letters[: len(row.outs)]), params),), prints)


@pytest.fixture(scope="module")
def made():
    spec = get_spec()
    return [templates.family(spec, split, i) for split in ("train", "test") for i in range(24)]


def parameters(row, data):
    return tuple(float(data.draw(st.integers(int(low), int(high)))) for low, high in row.ranges)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_construction_makes_its_facts_true(data):
    skeleton = data.draw(st.sampled_from(templates.SKELETONS))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    letters = dict(zip("abcdefgp", "ABCDEFGP", strict=True)) | {"O": "O"} | templates.HIDDEN
    choices = [rows_of(slot.split(":")[0]) for slot in skeleton.slots]
    rows = tuple(some[int(rng.integers(len(some)))].name for some in choices)
    drawn = templates.sample(skeleton, rows, letters, True, rng)
    member = draw(drawn, canvas(gap_px=1.0))
    if member is None:
        return
    truth, _ = truth_table([[fact] for fact in drawn.stated_facts], Scene.from_diagrams([member.diagram]), 0.05)
    assert (truth == 1).all(), list(zip(drawn.stated_facts, truth[0], strict=True))


def test_every_construction_is_in_a_skeleton():
    used = {slot.split(":")[0] for skeleton in templates.SKELETONS for slot in skeleton.slots}
    assert used | set(figure.SLOTS) >= {row.slot for row in CONSTRUCTIONS.values()} - {"placed"}
    for row in CONSTRUCTIONS.values():
        assert {(r.ins, r.outs) for r in rows_of(row.slot)} == {(row.ins, row.outs)}, "rows of a slot are exchangeable"


def test_placed_points_explicit_strokes_and_the_canvas_come_back_from_json():
    placed = Step("placed", (), ("A", "B", "O"), (0.0, 0.0, 4.0, 1.5, 2.0, 3.0))
    drawn = Program((placed,), (), (Segment("A", "B", dashed=True), Circle("O", "A")), (Fact("on_circle", ("O", "A")),))
    assert program_from_json(drawn.to_json()) == drawn
    assert drawn.rename({"A": "X"}).draws == (Segment("X", "B", dashed=True), Circle("O", "X"))
    paper = canvas(style=Style(font="sans"))
    assert canvas_from_json(paper.to_json()) == paper
    member = draw(drawn, canvas(gap_px=1.0))
    assert member is not None
    assert member.diagram.segments == drawn.draws[:1] and member.facts == drawn.states


def test_a_record_draws_its_pictures_again(made):
    for family in made[:4]:
        paper = canvas_from_json(family.canvas)
        for program_, png in zip(family.programs, family.images, strict=True):
            member = draw(program_from_json(program_), paper)
            assert member is not None
            assert encode_png(raster.to_pixels(member.diagram, member.labels)) == png


def test_a_program_survives_json_and_unknown_steps_are_named():
    some = program("isosceles_triangle", (50.0, 0.0), (Fact("length", ("A", "B"), "5"),))
    assert program_from_json(some.to_json()) == some
    with pytest.raises(UserError, match="nonagon"):
        program_from_json(some.to_json().replace("isosceles_triangle", "nonagon"))


@settings(max_examples=30, deadline=None)
@given(st.floats(-180, 180), st.booleans())
def test_a_figure_is_fitted_into_its_border(rotation_deg, mirror):
    points = program("kite", (60.0, 140.0)).points
    placed = fit(points, (), canvas(rotation_deg=rotation_deg, mirror=mirror))
    xs = np.array([(z.real, z.imag) for z in placed.values()])
    assert xs.min() >= 14 - 1e-6 and xs.max() <= 98 + 1e-6
    assert max(np.ptp(xs, axis=0)) == pytest.approx(84)
    assert angle_deg(*(placed[n] for n in "BAD")) == pytest.approx(60)


# ---- traps --------------------------------------------------------------------------------------------------------


def table(*programs, on=None):
    members = [member for p in programs if (member := draw(p, on or canvas()))]
    return truth_of(members, canvas())


@pytest.mark.parametrize(
    ("construction", "params", "mapping", "same"),
    [
        ("square", (90.0, 70.0), {"A": "B", "B": "C", "C": "D", "D": "A"}, True),  # turned
        ("rectangle", (90.0, 60.0), {"A": "D", "D": "A", "B": "C", "C": "B"}, True),  # reversed
        ("parallelogram", (60.0, 60.0), {"A": "B", "B": "A"}, False),
        ("equilateral_triangle", (60.0, 0.0), {"A": "B", "B": "C", "C": "A"}, True),
        ("isosceles_triangle", (70.0, 0.0), {"A": "B", "B": "A"}, True),  # its own symmetry
        ("isosceles_triangle", (70.0, 0.0), {"A": "C", "C": "A"}, False),
        ("right_triangle", (35.0, 0.0), {"B": "C", "C": "B"}, True),
        ("kite", (60.0, 150.0), {"B": "D", "D": "B"}, True),
        ("right_trapezoid", (90.0, 55.0), {"A": "D", "D": "A", "B": "C", "C": "B"}, True),
        ("trapezoid", (60.0, 50.0), {"A": "B", "B": "C", "C": "D", "D": "A"}, False),
    ],
)
def test_symmetry_a_relabelling_that_says_the_same_is_no_negative(construction, params, mapping, same):
    anchor = program(construction, params)
    truth = table(anchor, anchor.rename(mapping))
    assert may_join(truth, [0], 1) == (not same)


@pytest.mark.parametrize(("special", "general"), [
    (("square", (90.0, 70.0)), ("rectangle", (90.0, 60.0))), (("square", (90.0, 70.0)), ("rhombus", (60.0, 70.0))),
    (("rhombus", (60.0, 70.0)), ("parallelogram", (60.0, 60.0))),
    (("equilateral_triangle", (60.0, 0.0)), ("isosceles_triangle", (70.0, 0.0))),
    (("parallelogram", (60.0, 60.0)), ("trapezoid", (60.0, 50.0))),
])  # fmt: skip
def test_hierarchy_an_edit_towards_the_more_general_stays_true(special, general):
    truth = table(program(*special), program(*general))
    assert truth[0, 1] != 0, "the general name is not false of the special figure"
    assert not may_join(truth, [0], 1)


def test_coincidence_the_median_of_an_isosceles_triangle_is_its_altitude():
    base = Step("isosceles_triangle", (), ("B", "C", "A"), (70.0, 0.0))  # equal sides meet in A

    def cevian(name):
        return Program((base, Step(name, ("A", "B", "C"), ("D",), ())))

    assert not may_join(table(cevian("median"), cevian("altitude")), [0], 1)
    uneven = Step("scalene_triangle", (), ("A", "B", "C"), (75.0, 40.0))
    median, altitude = (Program((uneven, Step(n, ("A", "B", "C"), ("D",), ()))) for n in ("median", "altitude"))
    assert may_join(table(median, altitude), [0], 1)


def test_coincidence_printed_numbers_agree_with_the_drawing(made):
    for family in made:
        for text in family.programs:
            some = program_from_json(text)
            points = some.points
            for fact in some.printed_facts:
                if fact.predicate == "angle":
                    drawn = angle_deg(*(points[n] for n in fact.args))
                    assert drawn == pytest.approx(float(fact.value or "nan"), abs=1e-3)


def test_realisability_what_cannot_be_drawn_clearly_is_redrawn():
    base = Step("right_triangle", (), ("A", "B", "C"), (45.0, 0.0))
    beside = Program((base, Step("altitude", ("B", "A", "C"), ("D",), ())))  # the foot falls on A
    assert draw(beside, canvas()) is None
    assert draw(Program((base,)), canvas(gap_px=200.0)) is None
    half = program("isosceles_triangle", (50.0, 0.0), (Fact("angle", ("B", "A", "C")),))
    assert draw(half, canvas()) is not None
    assert draw(program("parallelogram", (60.0, 55.0), (Fact("angle", ("A", "C", "B")),)), canvas()) is None


def test_coincidence_a_length_is_not_printed_beside_two_segments():
    base = Step("acute_triangle", (), ("A", "B", "C"), (60.0, 50.0))
    foot = Step("median", ("A", "B", "C"), ("D",), ())
    whole, side = (Program((base, foot), (Fact("length", args, "5"),)) for args in (("B", "C"), ("A", "B")))
    assert draw(whole, canvas(gap_px=1.0)) is None, "5 might be BD"
    assert draw(side, canvas(gap_px=1.0)) is not None


def test_visibility_a_change_too_small_to_see_is_rejected():
    near, far = (program("rhombus", (p, 70.0), ()) for p in (88.5, 60.0))
    square = program("square", (90.0, 70.0))
    truth = table(square, near, far)
    assert truth[1, 0] == -1 and truth[2, 0] == 0


def test_leaks_the_letters_round_an_anchor_are_in_random_order(made):
    """Were anchors lettered in alphabetical order round the figure, siblings with swapped letters would be known."""
    spec = get_spec()
    rng = np.random.default_rng(0)
    skeleton = templates.SKELETONS[0]
    first: Counter[tuple[int, ...]] = Counter()
    for _ in range(600):
        letters = templates._letters(spec, "train", skeleton, rng)
        order = [letters[role] for role in "abcd"]
        first[tuple(sorted(range(4), key=lambda i: order[i]))] += 1
    assert len(first) == 24 and max(first.values()) < 60


def test_leaks_every_caption_of_a_family_names_the_same_points(made):
    for family in made:
        names = {frozenset(n for f in facts_from_json(t) for n in f.args) for t in family.facts}
        assert len(names) == 1


def test_repeats_no_two_captions_of_a_family_say_the_same(made):
    for family in made:
        stated = {frozenset(map(canonical, facts_from_json(text))) for text in family.facts}
        assert len(stated) == len(family.captions)


# ---- families -----------------------------------------------------------------------------------------------------


def test_the_block_of_a_family_is_the_identity_and_text_negatives_are_false(made):
    for family in made:
        count = len(family.images)
        assert count == 8
        np.testing.assert_array_equal(family.truth[:, :count], np.eye(count))
        assert not family.truth[0, count:].any()
        assert (family.provenance == schema.COMPUTED).all()
        false = family.truth == 0
        assert (family.margin_px[false] >= 5.0).all()


def test_truth_is_what_an_independent_reading_of_the_programs_gives(made):
    """Facts checked again from the solved coordinates, by formulas of their own, in units of the figure's size."""
    checks: dict[str, Callable[..., bool]] = {
        "right": lambda p, v, a, b: abs(((p[a] - p[v]) * (p[b] - p[v]).conjugate()).real) < 1e-6,
        "midpoint": lambda p, m, a, b: abs(2 * p[m] - p[a] - p[b]) < 1e-6,
        "median": lambda p, a, d, b, c: abs(2 * p[d] - p[b] - p[c]) < 1e-6,
        "altitude": lambda p, a, d, b, c: (
            abs(((p[d] - p[a]) * (p[c] - p[b]).conjugate()).real) < 1e-6
            and abs(((p[d] - p[b]) * (p[c] - p[b]).conjugate()).imag) < 1e-6
        ),
        "inscribed_triangle": lambda p, o, a, b, c: np.ptp([abs(p[x] - p[o]) for x in (a, b, c)]) < 1e-6,
        "square": lambda p, a, b, c, d: (
            abs((p[d] - p[a]) ** 2 + (p[b] - p[a]) ** 2) < 1e-6 and abs(p[a] + p[c] - p[b] - p[d]) < 1e-6
        ),
        "parallel": lambda p, a, b, c, d: abs(((p[b] - p[a]) * (p[d] - p[c]).conjugate()).imag) < 1e-6,
        "rectangle": lambda p, a, b, c, d: (
            abs(p[a] + p[c] - p[b] - p[d]) < 1e-6 and abs(abs(p[a] - p[c]) - abs(p[b] - p[d])) < 1e-6
        ),
    }
    seen: Counter[str] = Counter()
    for family in made:
        solved = [program_from_json(text).points for text in family.programs]
        for j, text in enumerate(family.facts):
            for fact in facts_from_json(text):
                if fact.predicate in checks:
                    for i, points in enumerate(solved):
                        seen[fact.predicate] += 1
                        if not checks[fact.predicate](points, *fact.args):
                            assert family.truth[i, j] != 1, (family.key, i, j, fact)
    assert len(seen) >= 4


def test_edits_are_shared_out_equally():
    stars = np.array(templates.PLANS).sum(0)
    assert (stars == 14).all() and (np.array(templates.PLANS).sum(1) == 7).all()
    cubes = Counter(axis for axes in templates.CUBES for axis in axes)
    assert set(cubes.values()) == {3}


def test_a_cube_has_every_combination_and_a_star_single_edits(made):
    for family in made:
        own = family.edits[:8]
        if family.layout == "star":
            assert own[0] == () and all(len(e) == 1 for e in own[1:])
        else:
            axes = sorted({a for e in own for a in e})
            expected = [s for k in range(4) for s in itertools.combinations(axes, k)]
            assert sorted(tuple(sorted(e)) for e in own) == sorted(expected)
    assert {family.layout for family in made} == {"star", "cube"}


def test_every_plan_gives_whole_families():
    """A figure whose partners are not told apart from each other gives too few siblings: another plan is drawn."""
    spec = get_spec()
    spec.text_only = 0
    for index in range(120):
        assert len(templates.family(spec, "train", index).images) == 8


def test_an_anchor_is_no_rarer_than_its_siblings():
    """Over all plans every figure of a skeleton is as often a sibling as an anchor, on each axis."""
    for skeleton in templates.SKELETONS[:4]:
        plans = templates._table(skeleton, 112, 0).plans({"shape": 1, "relation": 1})
        assert plans is not None
        for table in plans.partners.values():
            np.testing.assert_allclose(table.sum(1), 1, atol=1e-6)
            np.testing.assert_allclose(table.sum(0), 1, atol=0.1)
            assert not np.diag(table).any()


def test_any_corner_of_a_cube_may_be_its_anchor():
    spec = get_spec()
    spec.cube_share, spec.text_only = 1.0, 0
    roots: Counter[str] = Counter()
    for index in range(40):
        family = templates.family(spec, "train", index)
        assert family.edits[0] == () and len(set(family.edits)) == 8
        np.testing.assert_array_equal(family.truth, np.eye(8))
        roots[json.loads(family.programs[0])["steps"][0][0]] += 1
    assert len(roots) > 5


def test_a_family_is_a_pure_function(made):
    again = templates.family(get_spec(), "train", 5)
    first = made[5]
    assert again.images == first.images and again.captions == first.captions
    other = get_spec()
    other.seed = 1
    assert templates.family(other, "train", 5).captions != first.captions


def test_splits_share_no_letters_of_a_skeleton(made):
    for family in made:
        split = family.key.split("/")[1]
        names = sorted({n for f in facts_from_json(family.facts[0]) for n in f.args} - {"O"})
        homes = {s.name for s in templates.SKELETONS if letters_split(s.name, names) == split}
        assert homes


@pytest.mark.parametrize("difficulty", range(len(templates.DIFFICULTIES)))
def test_every_level_of_difficulty_can_be_drawn(difficulty):
    spec = get_spec()
    spec.difficulty, spec.size_px = difficulty, 160
    for index in range(4):
        family = templates.family(spec, "train", index)
        assert family.difficulty == difficulty and family.size_px == 160


def test_too_few_letters_is_one_clear_line():
    spec = get_spec()
    spec.letters = "AB"
    with pytest.raises(UserError, match=r"spec\.letters has 2 letters"):
        templates.family(spec, "train", 0)


def test_wordings_are_stable_and_say_the_same_facts():
    facts = [Fact("square", tuple("ABCD")), Fact("midpoint", tuple("EAB")), Fact("length", ("A", "B"), "5.5")]
    assert write_caption(facts) == "ABCD is a square. E is the midpoint of AB. AB = 5.5."
    texts = {write_caption(facts, wording) for wording in range(40)}
    assert len(texts) > 8
    assert write_caption(facts, 7) == write_caption(facts, 7)
    assert all("5.5" in text and "ABCD" in text and text.endswith(".") for text in texts)
    assert zlib.crc32(json.dumps(sorted(texts)).encode()) == zlib.crc32(json.dumps(sorted(texts)).encode())


def test_ticks_of_different_steps_have_different_counts():
    """Sides of a kite carry one and two ticks, halves of a side then three: two again would say that they are equal."""
    kite = Step("kite", (), ("A", "B", "C", "D"), (60.0, 145.0))
    middle = Step("middle_of_bc", ("A", "B", "C", "D"), ("E",), ())
    counts = [mark.count for mark in Program((kite, middle)).optional_marks if isinstance(mark, Ticks)]
    assert counts == [1, 1, 2, 2, 3, 3]
    triangle = Step("isosceles_triangle", (), ("A", "B", "C"), (70.0, 0.0))
    median = Step("median", ("A", "B", "C"), ("D",), ())
    assert [m.count for m in Program((triangle, median)).optional_marks if isinstance(m, Ticks)] == [1, 1, 2, 2]


# ---- what cannot be read is not drawn -----------------------------------------------------------------------------


def placed(draws: str, *steps: Step, prints=(), **at: complex) -> Program:
    """Points where they are given, strokes between them ("AB CD"; T is hidden), and steps that mark them."""
    flat = tuple(x for z in at.values() for x in (z.real, z.imag))
    hidden = Program((Step("placed", (), tuple(at), flat), *steps), prints, tuple(Segment(*s) for s in draws.split()))
    return hidden.rename({"T": "_T"})


def test_a_right_angle_that_a_stroke_splits_is_not_marked():
    side = Step("rectangle", (), ("A", "B", "C", "D"), (90.0, 60.0))
    squares = {}
    for name, draws in (("plain", ()), ("cut", (Segment("A", "C", dashed=True),)), ("beside", (Segment("A", "X"),))):
        away = (Step("placed", (), ("X",), (-0.5, -0.3)),) if name == "beside" else ()
        member = draw(Program((side, *away), draws=draws), canvas())
        assert member is not None
        squares[name] = {m.vertex for m in member.diagram.marks if isinstance(m, RightAngle)}
    assert squares == {"plain": {"A", "B"}, "cut": {"B"}, "beside": {"A", "B"}}


def test_a_measure_and_a_number_do_not_share_an_angle():
    base = Step("acute_triangle", (), ("A", "B", "C"), (60.0, 50.0))
    printed = (Fact("angle", ("B", "A", "C")),)
    numbers = {corner: Step(f"numbered.at_{corner}", ("A", "B", "C"), (), ()) for corner in "abc"}
    drawn = {corner: draw(Program((base, step), printed), canvas()) for corner, step in numbers.items()}
    assert drawn["a"] is None and drawn["b"] is not None and drawn["c"] is not None


@pytest.mark.parametrize(
    ("marks_", "least"), [("marked.equal", 2.33), ("marked.equal2", 3), ("parts.3", 3), ("parts.5", 5)]
)
def test_small_strokes_need_a_segment_long_enough(marks_, least):
    """Each of them stands at least legibility.MIN_TICK_GAP of the canvas from the next and from the ends; and one tick
    half a unit of the marks from the ends, here 5.2 px."""
    room = 112 / (112 - 2 * 14) * legibility.MIN_TICK_GAP  # of the figure's width, 1
    for share, wanted in ((0.97, False), (1.03, True)):
        ins = ("C", "D", "A", "B")[: 4 if "equal" in marks_ else 2]
        some = placed("AB CD", Step(marks_, ins, (), ()), A=0j, B=1 + 0j, C=0.5j, D=0.5j + share * least * room)
        assert (draw(some, canvas(gap_px=3.0)) is not None) == wanted


def test_a_stroke_hardly_longer_than_the_least_gap_is_not_drawn():
    for length, wanted in ((11.8, False), (12.2, True)):
        short = placed("AB AT", A=0j, B=84 + 0j, T=complex(0, length))
        assert (draw(short, canvas(gap_px=10.0)) is not None) == wanted


@pytest.mark.parametrize(
    ("turn_deg", "wanted"), [(0.0, True), (4.5, False), (-4.5, False), (5.5, False), (7.5, True), (175.0, True)]
)
def test_strokes_that_part_look_apart(turn_deg, wanted):
    way = np.exp(1j * np.radians(turn_deg))
    some = placed("AB AC", A=0j, B=1 + 0j, C=complex(0.6 * way))
    assert (draw(some, canvas(gap_px=1.0)) is not None) == wanted
