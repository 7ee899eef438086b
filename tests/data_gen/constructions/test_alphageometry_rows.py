"""AlphaGeometry's constructions do what their definitions say; loci meet where they should; layouts are judged."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.constructions import alphageometry, loci, table
from data_gen.constructions.program import program_from_json
from data_gen.constructions.table import CONSTRUCTIONS, get_construction
from data_gen.drawing import legibility
from data_gen.drawing.draw import draw
from data_gen.geometry.diagram import Circle, Segment
from data_gen.shared.errors import UserError
from data_gen.sources.alphageometry import source as alphageometry_source
from data_gen.sources.alphageometry import terms
from data_gen.truth.truth_table import Scene, evaluate
from tests.data_gen.constructions.alphageometry_definitions import canvas_of, clear, length, off, sampled

# ---- constructions ------------------------------------------------------------------------------------------------

# Each head, and what it says of its points; where the points that it takes are special, how they come about.
SAYS = {
    "angle_bisector x a b c": "eqangle b a b x b x b c, in_angle a b c x",
    "angle_mirror x a b c": "eqangle b a b c b c b x",
    "circle x a b c": "cong x a x b, cong x a x c",
    "circumcenter x a b c": "cong x a x b, cong x a x c",
    "eq_quadrangle a b c d": "cong a d b c",
    "eq_trapezoid a b c d": "para a b c d, cong a d b c",
    "eq_triangle x b c": "cong x b b c, cong x c b c",
    "eqangle2 x a b c": "eqangle a b a x c x c b",
    "eqdia_quadrangle a b c d": "cong b d a c",
    "eqdistance x a b c": "cong a x b c",
    "foot x a b c": "perp a x b c, coll x b c",
    "free x": "",
    "incenter x a b c": "eqangle a b a x a x a c, in_angle b a c x, eqangle b c b x b x b a, in_angle a b c x",
    "incenter2 x y z i a b c": "cong i x i y, cong i x i z, perp i x b c, perp i y c a, perp i z a b, coll x b c,"
                               "coll y a c, coll z a b, in_angle b a c i, in_angle a b c i",
    "excenter x a b c": "eqangle a b a x a x a c, in_angle b a c x, eqangle b c b x b x b a",
    "excenter2 x y z i a b c": "cong i x i y, cong i x i z, perp i x b c, perp i y c a, perp i z a b, coll x b c,"
                               "coll y a c, coll z a b",
    "centroid x y z i a b c": "midp x b c, midp y c a, midp z a b, coll a i x, coll b i y, coll c i z",
    "ninepoints x y z i a b c": "midp x b c, midp y c a, midp z a b, cong i x i y, cong i x i z",
    "intersection_cc x o w a": "cong o x o a, cong w x w a",
    "intersection_lc x a o b": "coll x a b, cong o x o b",
    "intersection_ll x a b c d": "coll x a b, coll x c d",
    "intersection_lp x a b c m n": "coll x a b, para x c m n",
    "intersection_lt x a b c d e": "coll x a b, perp x c d e",
    "intersection_pp x a b c d e f": "para x a b c, para x d e f",
    "intersection_tt x a b c d e f": "perp x a b c, perp x d e f",
    "iso_triangle a b c": "cong a b a c",
    "lc_tangent x a o": "perp x a a o",
    "midpoint x a b": "midp x a b",
    "mirror x a b": "midp b a x",
    "nsquare x a b": "cong a x a b, perp a x a b",
    "on_aline x a b c d e": "eqangle a x a b d c d e",
    "on_aline2 x a b c d e": "eqangle x a x b d c d e",
    "on_bline x a b": "cong x a x b",
    "on_circle x o a": "cong o x o a",
    "on_line x a b": "coll x a b",
    "on_pline x a b c": "para x a b c",
    "on_tline x a b c": "perp x a b c",
    "orthocenter x a b c": "perp x a b c, perp x b a c, perp x c a b",
    "parallelogram a b c x": "para a b c x, para b c a x, cong a b c x, cong b c a x",
    "pentagon a b c d e": "",
    "psquare x a b": "cong a x a b, perp a x a b",
    "quadrangle a b c d": "",
    "reflect x a b c": "cong b a b x, cong c a c x, perp a x b c",
    "r_trapezoid a b c d": "para a b c d, perp a d a b",
    "r_triangle a b c": "perp a b a c",
    "rectangle a b c d": "perp a b b c, perp b c c d, perp c d d a, cong a c b d",
    "risos a b c": "perp a b a c, cong a b a c",
    "s_angle a b x 40": "s_angle a b x 40",
    "segment a b": "",
    "shift x b c d": "cong x b c d, cong x c b d, para x b c d",
    "square a b x y": "perp a b b x, perp b x x y, perp x y y a, cong a b b x, cong b x x y, cong x y y a",
    "isquare a b c d": "perp a b b c, perp b c c d, perp c d d a, cong a b b c, cong b c c d, cong c d d a",
    "trapezoid a b c d": "para a b c d",
    "triangle a b c": "",
    "triangle12 a b c": "half a b a c",
    "2l1c x y z i a b c o": "coll x a c, coll y b c, cong o z o a, coll o i z, cong i x i y, cong i x i z,"
                            "perp i x a c, perp i y b c",
    "e5128 x y a b c d": "cong c x c b, coll y a b, coll x y d, eqangle a b a d x a x y",
    "3peq x y z a b c": "coll x a b, coll y a c, coll z b c, midp z x y",
    "trisect x y a b c": "coll x a c, coll y a c, eqangle b a b x b x b y, eqangle b x b y b y b c, in_angle a b c x,"
                         "in_angle x b c y",
    "trisegment x y a b": "coll x a b, cong a x x y, cong x y y b, midp x a y",
    "on_dia x a b": "perp x a x b",
    "ieq_triangle a b c": "cong a b b c, cong b c c a",
    "on_opline x a b": "coll x a b",
    "cc_tangent0 x y o a w b": "cong o x o a, cong w y w b, perp o x x y, perp w y x y",
    "cc_tangent x y z i o a w b": "cong o x o a, cong w y w b, perp o x x y, perp w y x y, cong o z o a, cong w i w b,"
                                  "perp o z z i, perp w i z i",
    "eqangle3 x a b d e f": "eqangle x a x b d e d f",
    "tangent x y a o b": "cong o x o b, cong o y o b, perp a x x o, perp a y y o",
    "on_circum x a b c": "cyclic a b c x",
}  # fmt: skip
GIVEN = {
    "2l1c": "p q r = triangle p q r; o = circle o p q r; c = on_line c p q; a = on_circle a o p; b = on_circle b o p",
    "e5128": "b c = segment b c; a = on_tline a b b c; d = on_circle d c b",
    **dict.fromkeys(("cc_tangent", "cc_tangent0"), "o w = segment o w; a = on_line a o w; b = midpoint b w a"),
}


def program_with(head):
    """A program that ends in a construction: the points that it takes are anywhere, or as GIVEN says."""
    name, *args = head.split()
    term = terms.TERMS[name]
    at = dict(zip(term.head, args, strict=True))
    before = GIVEN.get(name) or "; ".join(f"{at[r]} = free {at[r]}" for r in sorted(term.takes))
    made = " ".join(at[r] for r in term.head if r in term.gives)
    return "; ".join(filter(None, [before, f"{made} = {head}"]))


def test_all_constructions_are_there():
    assert len(terms.TERMS) == 68 == len(SAYS)
    assert {head.split()[0] for head in SAYS} == set(terms.TERMS)


def test_names_of_rows_are_of_one_table():
    assert not set(alphageometry.ROWS) & set(CONSTRUCTIONS)
    assert not any("+" in name or name.startswith("~") for name in {**alphageometry.ROWS, **CONSTRUCTIONS})


@pytest.mark.parametrize("head", SAYS)
def test_a_construction_is_what_it_says(head):
    """To 1e-9 of the figure, ten times with other points and parameters."""
    for seed in range(10):
        _, program, points = sampled(program_with(head), seed)
        size = max(length(p, q) for p, q in itertools.combinations([*points.values(), (0, 0)], 2))
        for statement in filter(None, map(str.strip, SAYS[head].split(","))):
            assert abs(off(statement, points)) < 1e-9 * max(1, size), (seed, statement)
        again = program_from_json(program.to_json())
        assert again == program and again.points == program.points


@pytest.mark.parametrize("head", SAYS)
def test_what_a_construction_states_is_true_of_its_figure(head):
    """And what any row says that can stand in its place, in the figure with that row."""
    canvas = canvas_of(400)
    checked = 0
    for seed in range(6):
        _, program, _ = sampled(program_with(head), seed)
        rng = np.random.default_rng(seed)
        last = len(program.steps) - 1
        others = [
            alphageometry_source.exchange_on_locus(last, name, program, rng)
            for name in table.partners(program.steps[last].construction)
        ]
        for figure in [program, *(edit.apply(program) for edit in others)]:
            member = draw(figure, canvas) if clear(figure) else None
            if member is None:
                continue
            for fact in member.facts:
                truth, margin = evaluate(fact, Scene.from_diagrams([member.diagram]), canvas.margin_px)
                # A condition like "obtuse" may hold by less than is seen; none may fail.
                assert truth[0] == 1 or (truth[0] == -1 and margin[0] > 0), (figure.to_json(), fact)
                checked += truth[0] == 1
    assert checked or not program.stated_facts


def test_a_quiet_row_draws_and_states_nothing():
    loud, quiet = get_construction("foot"), get_construction("~foot")
    assert quiet.facts == () and quiet.solve is loud.solve and quiet.segments == loud.segments
    assert get_construction("~right_triangle").outs == "abc"
    assert get_construction("~on_line+on_circle").facts == ()


@pytest.mark.parametrize(
    "name", ["nonsense", "~nonsense", "on_line+foot", "foot+on_line", "on_line+on_line+on_line", ""]
)
def test_a_row_that_no_table_has_is_an_error(name):
    with pytest.raises(UserError, match="no construction is called"):
        get_construction(name)
    with pytest.raises(UserError, match="no construction is called"):
        program_from_json(f'{{"steps":[["{name}",["A"],["B"],[]]],"prints":[]}}')


# ---- loci ---------------------------------------------------------------------------------------------------------

place = st.complex_numbers(max_magnitude=3, allow_nan=False, allow_infinity=False)


def distance_from(curve, z):
    if isinstance(curve, loci.Ring):
        return abs(abs(z - curve.centre) - curve.radius)
    way = curve.way / abs(curve.way)
    return abs(((z - curve.point) * way.conjugate()).imag)


def _curve(kind, p, q) -> loci.Curve:
    return loci.Line(p, q - p) if kind == "L" else loci.Ring(p, abs(q - p))


@given(st.lists(place, min_size=4, max_size=4, unique=True), st.sampled_from(["LL", "LR", "RL", "RR"]))
def test_points_where_loci_meet_are_on_both(points, kinds):
    a, b, c, d = points
    curves: list[loci.Curve] = [_curve(kind, p, q) for kind, p, q in zip(kinds, (a, c), (b, d), strict=True)]
    if min(abs(b - a), abs(d - c)) < 0.05:
        return
    try:
        found = loci.meet(curves[0], curves[1])
    except ValueError:
        return
    assert 1 <= len(found) <= 2 and len(found) == (1 if kinds == "LL" else 2)
    for z in found:
        assert max(distance_from(curve, z) for curve in curves) < 1e-5 * max(1, abs(z))


def test_loci_that_do_not_meet_say_so():
    line, above, ring = loci.Line(0j, 1 + 0j), loci.Line(1j, 1 + 0j), loci.Ring(3j, 1)
    apart: list[tuple[loci.Curve, loci.Curve]] = [
        (line, above), (line, line), (line, ring), (ring, line), (ring, loci.Ring(3j, 2)), (ring, loci.Ring(9j, 1)),
        (loci.ray(0j, 1 + 0j), loci.Line(-1 + 0j, 1j)),
    ]  # fmt: skip
    for first, second in apart:
        with pytest.raises(ValueError):
            loci.meet(first, second)
    assert np.allclose(loci.meet(line, loci.Ring(1j, 1)), 0, atol=1e-9)  # touching is meeting


# ---- layouts ------------------------------------------------------------------------------------------------------


def triangle(c):
    return {"A": 0j, "B": 1 + 0j, "C": c}


SIDES = (Segment("A", "B"), Segment("B", "C"), Segment("C", "A"))


@pytest.mark.parametrize(
    ("points", "segments", "circles", "clear"),
    [
        (triangle(0.4 + 0.8j), SIDES, (), True),
        (triangle(0.5 + 0j), SIDES, (), True),  # on one line by construction
        (triangle(0.5 + 0.02j), SIDES, (), False),  # narrow
        ({"A": 1j}, (), (), False),  # nothing but a point
        (triangle(0.02j), (), (), False),  # two points too near
        (triangle(0.4 + 0.8j) | {"_H": 0.001j}, SIDES, (), True),  # hidden
        (triangle(0.4 + 0.8j) | {"D": 0.5 + 0.004j}, SIDES, (), False),  # nearly on a side
        (triangle(0.4 + 0.8j) | {"D": 0.5 + 0j}, SIDES, (), True),
        (triangle(0.4 + 0.8j) | {"O": 0.5 + 0.01j}, SIDES[1:], (Circle("A", "B"),), True),
        (triangle(0.997j), SIDES, (Circle("A", "B"),), False),  # nearly on a circle
        (triangle(0.4 + 0.8j) | {"D": 0.5 + 0j, "E": 0.9 + 0.03j}, (*SIDES, Segment("D", "E")), (), False),
    ],
)
def test_a_degenerate_layout_has_no_quality(points, segments, circles, clear):
    quality = legibility.quality(points, segments, circles)
    assert 0 <= quality <= 1 and (quality > 0) == clear
    turned = {name: 40 * z * 1j + 7 for name, z in points.items()}
    assert legibility.quality(turned, segments, circles) == pytest.approx(quality, abs=1e-6)
