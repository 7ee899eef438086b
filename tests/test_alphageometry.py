"""AlphaGeometry: every construction does what its definition says, checked here with plain coordinate arithmetic; every
problem is drawn clearly and in time; families tell their members apart; bad text is an error that names its place.
"""

import itertools
import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from data_gen import build, families, jgex, layout, loci, records, render, tfrecords
from data_gen.constructions import CONSTRUCTIONS, construction, program_from_json, solve, stated_facts, strokes
from data_gen.diagram import Circle, Segment
from data_gen.errors import UserError
from data_gen.facts import Scene, evaluate, from_json
from data_gen.sources import agdraw, agtext, alphageometry

DATA = Path(os.environ.get("MMGEO_AG", Path(__file__).parents[2] / "shared" / "data" / "alphageometry"))
PROBLEMS, DEFINITIONS = DATA / "jgex_dev_120.txt", DATA / "defs.txt"
needs_real = pytest.mark.skipif(not PROBLEMS.is_file(), reason=f"no AlphaGeometry in {DATA} (set MMGEO_AG)")

# ---- an independent reading: what is asked of coordinates, in plain arithmetic ---------------------------------------


def vector(p, q):
    return q[0] - p[0], q[1] - p[1]


def length(p, q):
    return math.hypot(*vector(p, q))


def sine(u, v):
    return (u[0] * v[1] - u[1] * v[0]) / math.hypot(*u) / math.hypot(*v)


def cosine(u, v):
    return (u[0] * v[0] + u[1] * v[1]) / math.hypot(*u) / math.hypot(*v)


def direction(p, q):
    """Of the line pq, in degrees from 0 to 180."""
    u = vector(p, q)
    return math.degrees(math.atan2(u[1], u[0])) % 180


def between_lines(p, q, r, s):
    """The angle by which line pq is turned into rs, in degrees from 0 to 180."""
    return (direction(r, s) - direction(p, q)) % 180


def centre(p, q, r):
    """Of the circle through three points, from two linear equations."""
    rows = np.array([vector(p, q), vector(p, r)])
    right = np.array([(q[0] ** 2 + q[1] ** 2 - p[0] ** 2 - p[1] ** 2), (r[0] ** 2 + r[1] ** 2 - p[0] ** 2 - p[1] ** 2)])
    return tuple(np.linalg.solve(2 * rows, right))


def eqangle(a, b, c, d, e, f, g, h):
    off = abs(between_lines(a, b, c, d) - between_lines(e, f, g, h))
    return math.sin(math.radians(min(off, 180 - off)))


def cyclic(a, b, c, d):
    o = centre(a, b, c)
    return length(o, d) - length(o, a)


def inside_angle(a, b, c, x):
    """0 where the ray bx runs inside the angle abc."""
    return 0 if sine(vector(b, a), vector(b, x)) * sine(vector(b, x), vector(b, c)) > 0 else 1


# How far points are from what is said of them; 0 where it is so. Lengths in units of the points.
CHECKS: dict[str, Callable[..., float]] = {
    "cong": lambda a, b, c, d: length(a, b) - length(c, d),
    "coll": lambda a, b, c: sine(vector(a, b), vector(a, c)) * length(a, c) if length(a, c) else 0.0,
    "para": lambda a, b, c, d: sine(vector(a, b), vector(c, d)) * length(a, b),
    "perp": lambda a, b, c, d: cosine(vector(a, b), vector(c, d)) * length(a, b),
    "midp": lambda m, a, b: max(abs(m[0] - (a[0] + b[0]) / 2), abs(m[1] - (a[1] + b[1]) / 2)),
    "eqangle": eqangle,
    "cyclic": cyclic,
    "half": lambda a, b, c, d: 2 * length(a, b) - length(c, d),
    "simtri": lambda a, b, c, d, e, f: max(
        abs(length(a, b) * length(e, f) - length(b, c) * length(d, e)),
        abs(length(a, b) * length(d, f) - length(a, c) * length(d, e)),
    ),
    "in_angle": inside_angle,
}


def off(statement, points):
    name, *args = statement.split()
    if name == "rconst":  # rconst a b c d 1 2
        *args, p, q = args
        (a, b, c, d), ratio = (points[n] for n in args), float(p) / float(q)
        return length(a, b) - ratio * length(c, d)
    if name == "s_angle":  # s_angle a b x 30
        *args, degrees = args
        a, b, x = (points[n] for n in args)
        return cosine(vector(b, a), vector(b, x)) - math.cos(math.radians(float(degrees)))
    return CHECKS[name](*(points[n] for n in args))


def pairs(points):
    return {name: (z.real, z.imag) for name, z in points.items()}


def problem(text):
    return agtext.parse(text, "test", "test line 2")


def sampled(text, seed):
    """(problem, program, the points under the names of the text) with random parameters."""
    rng = np.random.default_rng(seed)
    read = problem(text)
    for _ in range(200):
        if found := agdraw.sample(read, False, rng):
            program, points = found
            return read, program, {name: pairs(points)[letter] for name, letter in read.letters.items()}
    raise AssertionError(f"{text}: no figure in 200 starts")


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
    term = jgex.TERMS[name]
    at = dict(zip(term.head, args, strict=True))
    before = GIVEN.get(name) or "; ".join(f"{at[r]} = free {at[r]}" for r in sorted(term.takes))
    made = " ".join(at[r] for r in term.head if r in term.gives)
    return "; ".join(filter(None, [before, f"{made} = {head}"]))


def test_all_constructions_are_there():
    assert len(jgex.TERMS) == 68 == len(SAYS)
    assert {head.split()[0] for head in SAYS} == set(jgex.TERMS)


def test_names_of_rows_are_of_one_table():
    assert not set(jgex.ROWS) & set(CONSTRUCTIONS)
    assert not any("+" in name or name.startswith("~") for name in {**jgex.ROWS, **CONSTRUCTIONS})


@pytest.mark.parametrize("head", SAYS)
def test_a_construction_is_what_it_says(head):
    """To 1e-9 of the figure, ten times with other points and parameters."""
    for seed in range(10):
        _, program, points = sampled(program_with(head), seed)
        size = max(length(p, q) for p, q in itertools.combinations([*points.values(), (0, 0)], 2))
        for statement in filter(None, map(str.strip, SAYS[head].split(","))):
            assert abs(off(statement, points)) < 1e-9 * max(1, size), (seed, statement)
        again = program_from_json(program.to_json())
        assert again == program and solve(again) == solve(program)


def clear(program):
    try:
        return layout.quality(solve(program), *strokes(program)[:2]) > 0
    except (ValueError, ZeroDivisionError):
        return False


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
            alphageometry.exchange(last, name, program, rng) for name in jgex.partners(program.steps[last].construction)
        ]
        for figure in [program, *(edit.apply(program) for edit in others)]:
            member = families.draw(figure, canvas) if clear(figure) else None
            if member is None:
                continue
            for fact in member.facts:
                truth, margin = evaluate(fact, Scene.of([member.diagram]), canvas.margin_px)
                # A condition like "obtuse" may hold by less than is seen; none may fail.
                assert truth[0] == 1 or (truth[0] == -1 and margin[0] > 0), (figure.to_json(), fact)
                checked += truth[0] == 1
    assert checked or not stated_facts(program)


def test_a_quiet_row_draws_and_states_nothing():
    loud, quiet = construction("foot"), construction("~foot")
    assert quiet.facts == () and quiet.solve is loud.solve and quiet.segments == loud.segments
    assert construction("~right_triangle").outs == "abc"
    assert construction("~on_line+on_circle").facts == ()


@pytest.mark.parametrize(
    "name", ["nonsense", "~nonsense", "on_line+foot", "foot+on_line", "on_line+on_line+on_line", ""]
)
def test_a_row_that_no_table_has_is_an_error(name):
    with pytest.raises(UserError, match="no construction is called"):
        construction(name)
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
    quality = layout.quality(points, segments, circles)
    assert 0 <= quality <= 1 and (quality > 0) == clear
    turned = {name: 40 * z * 1j + 7 for name, z in points.items()}
    assert layout.quality(turned, segments, circles) == pytest.approx(quality, abs=1e-6)


# ---- text ---------------------------------------------------------------------------------------------------------

GOOD = "a b c = triangle a b c; d = on_line d a b, on_circle d c a ? coll a b d"


def test_a_problem_is_read():
    read = problem(
        "p q1 = segment p q1; o = midpoint o p q1; r = on_circle r o p; c = on_tline c r r o ? perp p r r q1"
    )
    assert read.letters == {"p": "P", "q1": "A", "o": "O", "r": "R", "c": "C"}
    assert [part.row for parts in read.steps for part in parts] == ["segment", "midpoint", "on_circle", "square_to"]
    assert read.goal == ("perp", ("P", "R", "R", "A"))
    assert set(read.draws) == {Circle("O", "A"), Segment("P", "R"), Segment("R", "A")}


def test_a_circle_is_drawn_where_three_points_lie_on_it():
    two = problem("a b = segment a b; c = on_circle c a b")
    assert two.draws == () and two.steps[1][0].row == "radius_off"
    three = problem("a b = segment a b; c = on_circle c a b; d = on_circle d a c")
    assert three.draws == (Circle("A", "B"),) and three.steps[2][0].row == "on_circle"
    # A second circle about one centre is two equal radii: a circle is named by its centre.
    both = problem(
        "a b = segment a b; c = on_circle c a b; d = on_circle d a c; e = midpoint e a b; f = on_circle f a e"
    )
    assert both.draws == (Circle("A", "B"),) and both.steps[4][0].row == "radius_off"


def test_two_loci_are_one_step():
    read, program, points = sampled(GOOD, 0)
    assert len(program.steps) == 2 and program.steps[1].construction == "on_line+radius_off"
    assert abs(off("coll d a b", points)) < 1e-9 and abs(off("cong c d c a", points)) < 1e-9
    assert read.goal and read.goal.holds(solve(program))


BAD = {
    "": "a clause is",
    "a b c": "a clause is",
    "= triangle a b c": "a clause is",
    "a b c = triangle a b c;": "clause 2",
    "a b c = triangel a b c": "did you mean 'triangle'",
    "a b c = " + "tri" * 100_000 + " a b c": "no construction 'tritritri",
    "a = free\x1b[2J a": "no construction 'free\\x1b[2J'",
    "a b c = __import__ a b c": "no construction '__import__'",
    "a b c = triangle a b": "takes 3 names, not 2",
    "a b c = triangle a b d": "gives 'a b d'",
    "a b = triangle a b c": "gives 'a b c'",
    "a a c = triangle a a c": "there already",
    "A b c = triangle A b c": "no name of a point",
    "a b c = triangle a b c; d = foot d a b e": "'e' is not there yet",
    "a b c = triangle a b c; d = foot d d b c": "'d' is not there yet",
    "a b c = triangle a b c; a = foot a a b c": "there already",
    "a b c = triangle a b c; d = on_line d a b, foot d a b c": "two loci at most",
    "a b c = triangle a b c; d = on_line d a b, on_line d b c, on_line d a c": "two loci at most",
    "a b c = triangle a b c; d = on_line d a b, intersection_ll d a b c a": "two loci at most",
    "a b c = triangle a b c; d = on_line d a b,": "no construction ''",
    "a b = segment a b; c = s_angle a b c x": "'x' is no number",
    "a b = segment a b; c = s_angle a b c 181": "'181' is no number",
    "a b = segment a b; c = s_angle a b c nan": "'nan' is no number",
    "a b c = triangle a b c ? coll a b": "takes 3 points",
    "a b c = triangle a b c ? coll a b d": "'d' is not in the figure",
    "a b c = triangle a b c ? likes a b c": "no goal 'likes'",
    "; ".join(f"p{i} = free p{i}" for i in range(27)): "more than 26 points",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_bad_text_is_an_error_that_names_its_place(text):
    with pytest.raises(UserError) as fault:
        agtext.parse(text, "name", "some.txt line 8")
    message = str(fault.value)
    assert message.isprintable()
    assert "some.txt line 8" in message and BAD[text] in message and len(message) < 400


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_mutilated_text_is_a_problem_or_an_error(data):
    text = list("a b c = triangle a b c; o = circle o a b c; d = on_line d a o, on_circle d o a ? cyclic a b c d")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from([*"abcdo =;,?_1", "", "\x00", "é", "\n", "((", "~"]))
    try:
        read = agtext.parse("".join(text), "name", "x line 2")
    except UserError:
        return
    assert read.steps


def test_bad_files_are_errors(tmp_path):
    path = tmp_path / "problems.txt"
    with pytest.raises(UserError, match="is not there"):
        agtext.read(str(path))
    for content, message in [
        (b"", "is empty"),
        (b"one\n", "line 1: a name without a program"),
        (b"\xff\xfe\n", "UTF-8"),
        (b"x" * (agtext.MAX_BYTES + 1), "larger"),
    ]:
        path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            agtext.read(str(path))
    path.write_text(f"one\n{GOOD}\n\n\ntwo\na b = segment a b; c = foot c a b\n")
    with pytest.raises(UserError, match=r"line 6, clause 2 'c = foot c a b': foot takes 4 names"):
        agtext.read(str(path))


# ---- families -----------------------------------------------------------------------------------------------------

TEXTS = [
    "a b c = triangle a b c; d = foot d a b c; e = midpoint e a b; f = midpoint f a c ? cong e f d e",
    "a b c = triangle a b c; d = foot d b a c; e = foot e c a b; h = on_line h b d, on_line h c e ? perp a h b c",
    "a b c = triangle a b c; o = circle o a b c; d = midpoint d b c; e = on_line e o d, on_circle e o a ? cong e b e c",
    "a b c d = quadrangle a b c d; e = midpoint e a b; f = midpoint f b c; g = midpoint g c d; h = midpoint h d a"
    " ? para e f h g",
    "a b c = r_triangle a b c; d = midpoint d b c; e = foot e a b c ? cong a d b d",
    "a b c = triangle a b c; d = parallelogram a b c d; e = midpoint e a c; f = on_line f b c ? coll b e d",
    "a b = segment a b; o = midpoint o a b; c = on_circle c o a; d = foot d c a b; e = lc_tangent e c o, on_line e a b"
    " ? perp a c c b",
]


def _shifted(text, by):
    """The same program with the letters a to h moved along the alphabet."""
    return re.sub(r"\b[a-h]\b", lambda match: chr(ord(match[0]) + by), text)


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    """Each problem in several letterings, which fall into different splits."""
    texts = [_shifted(text, by) for text in TEXTS for by in range(5)]
    assert {alphageometry.split_of(" ".join(text.split())) for text in texts} >= {"train", "test"}
    path = tmp_path_factory.mktemp("ag") / "problems.txt"
    path.write_text("".join(f"number {i}\n{text}\n" for i, text in enumerate(texts)))
    return str(path)


def spec_of(path):
    return SimpleNamespace(name="ag", file=path, seed=3, size_px=336, letters="ABCDEFGHKLMNPQRST",
                           families=dict(train=12, test=6))  # fmt: skip


def canvas_of(size_px):
    return alphageometry._canvas(size_px, np.random.default_rng(1))


@pytest.fixture(scope="module")
def made(problems):
    spec = spec_of(problems)
    return {
        split: [alphageometry.family(spec, split, i) for i in range(alphageometry.rows(spec, split))]
        for split in ("train", "test")
    }


def test_families_are_cubes_whose_members_are_told_apart(made):
    for family in itertools.chain(*made.values()):
        records.validate(family)
        assert family.layout == "cube" and len(family.images) == len(family.captions) == 8
        np.testing.assert_array_equal(family.truth, np.eye(8, dtype=np.int8))
        assert len(set(family.captions)) == 8 and len({program for program in family.programs}) == 8
        assert sorted(map(len, family.edits)) == [0, 1, 1, 1, 2, 2, 2, 3]
    axes = {axis for family in made["train"] for edits in family.edits for axis in edits}
    assert axes == {"shape", "relation", "order", "value"}


def test_a_family_is_a_pure_function(problems, made):
    again = alphageometry.family(spec_of(problems), "train", 2)
    assert records.encode(again) == records.encode(made["train"][2])


def test_a_stored_program_gives_its_picture_again(made):
    family = made["test"][0]
    canvas = families.canvas_from_json(family.canvas)
    for program, image, facts in zip(family.programs, family.images, family.facts, strict=True):
        member = families.draw(program_from_json(program), canvas)
        assert member and list(member.facts) == from_json(facts)
        assert render.encode_png(render.to_pixels(member.diagram, member.labels)) == image


def test_splits_share_no_letters_of_captions(made):
    told = {split: {"".join(sorted({name for fact in from_json(facts) for name in fact.args}))
                    for family in some for facts in family.facts} for split, some in made.items()}  # fmt: skip
    assert not told["train"] & told["test"]
    assert all(alphageometry.split_of(letters) == split for split, some in told.items() for letters in some)


def test_members_are_clear(made):
    for family in itertools.chain(*made.values()):
        canvas = families.canvas_from_json(family.canvas)
        for program in map(program_from_json, family.programs):
            member = families.draw(program, canvas)
            assert member and clear(program)
            check_clear(member.diagram)


def test_a_spec_without_problems_of_a_split_has_no_families(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(f"one\n{GOOD}\n")
    spec = spec_of(str(path))
    assert sorted(alphageometry.rows(spec, split) for split in ("train", "test")) in ([0, 6], [0, 12], [0, 0])


def test_build_makes_a_data_set_of_it(problems, tmp_path):
    spec = ConfigDict(vars(spec_of(problems)) | {"source": "alphageometry", "shard_size": 2,
                                                 "families": {"train": 2, "test": 2}})  # fmt: skip
    assert build.build(spec, str(tmp_path / "data"), 1)
    [shard] = (tmp_path / "data").glob("*train*-00001")
    assert len(list(tfrecords.read_shard(str(shard)))) == 2


# ---- the command --------------------------------------------------------------------------------------------------


def test_the_report_says_what_is_not_drawn_and_why(tmp_path, capsys):
    path = tmp_path / "problems.txt"
    hopeless = "a b = segment a b; c = midpoint c a b; d = midpoint d a b"
    false = "a b c = triangle a b c; d = midpoint d a b ? perp c d a b"
    path.write_text(f"good\n{GOOD}\nbad\na = fre a\nhopeless\n{hopeless}\nfalse\n{false}\n")
    assert alphageometry.main(["--file", str(path), "--out", str(tmp_path / "figures")]) == 0
    out = capsys.readouterr().out
    assert "line 4, clause 1 'a = fre a'" in out and "line 6: 'hopeless': no clear layout" in out
    assert "line 8: 'false': its goal, perp C D A B, is not true" in out
    assert "1 of 4 problems are drawn" in out
    assert [p.name for p in (tmp_path / "figures").iterdir()] == ["0002.png"]
    assert alphageometry.main(["--file", str(tmp_path / "none.txt")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


# ---- the real problems --------------------------------------------------------------------------------------------


def check_clear(diagram):
    """No two points nearer than 2 % of the width, no angle between strokes in a point under 3 degrees."""
    points = diagram.points
    xs, ys = zip(*points.values(), strict=True)
    width = max(max(xs) - min(xs), max(ys) - min(ys))
    for circle in diagram.circles:
        width = max(width, 2 * length(points[circle.centre], points[circle.through]))
    for p, q in itertools.combinations(diagram.names, 2):
        assert length(points[p], points[q]) > 0.02 * width, (p, q)
    for name in diagram.names:
        lines = []
        for s in diagram.segments:
            ends = [points[s.a], points[s.b]]
            if name in (s.a, s.b) or abs(length(ends[0], points[name]) + length(points[name], ends[1])
                                         - length(*ends)) < 1e-9 * width:  # fmt: skip
                lines.append(direction(*ends))
        for a, b in itertools.combinations(lines, 2):
            apart = min(abs(a - b), 180 - abs(a - b))
            assert apart < 1e-4 or apart > 3, (name, apart)


def definitions():
    """Name of a construction -> letters of its head, and everything that it makes true."""
    found = {}
    rows = DEFINITIONS.read_text().split("\n")
    for head, _, _, body, _ in (rows[i : i + 5] for i in range(0, len(rows) - 4, 6)):
        name, *letters = head.split()
        statements = [s.strip() for part in body.split(";") for s in part.rpartition(":")[2].split(",")]
        found[name] = letters, [s for s in statements if s]
    return found


def premises(text):
    """What the clauses of a program make true, in its own names."""
    table = definitions()
    for term in (term.split() for clause in text.split("?")[0].split(";") for term in clause.split("=")[1].split(",")):
        letters, statements = table[term[0]]
        at = dict(zip(letters, term[1:], strict=True))
        for statement in statements:
            yield " ".join(at.get(word, word) for word in statement.split())


@needs_real
def test_the_definitions_are_all_ours():
    assert {name: "".join(letters) for name, (letters, _) in definitions().items()} == {
        name: term.head for name, term in jgex.TERMS.items()
    }


@needs_real
def test_real_problems_are_drawn_truly_clearly_and_fast():
    """At least 112 of 116; every premise and the goal to 1e-6 of the figure's size; none degenerate; none over 2 s."""
    drawn, canvas = 0, canvas_of(384)
    for number, (line, name, text) in enumerate(agtext.lines(str(PROBLEMS))):
        read = agtext.parse(text, name, f"line {line}")
        start = time.process_time()
        member = agdraw.figure(read, canvas, np.random.default_rng(number))
        assert time.process_time() - start < 2, text
        if member is None:
            continue
        drawn += 1
        check_clear(member.diagram)
        points = {given: member.diagram.points[letter] for given, letter in read.letters.items()}
        size = max(length(p, q) for p, q in itertools.combinations(points.values(), 2))
        unit = {given: (x / size, y / size) for given, (x, y) in points.items()}
        goal = text.partition("?")[2].strip()
        for statement in [*premises(text), goal]:
            assert abs(off(statement, unit)) < 1e-6, (text, statement)
        scene = Scene.of([member.diagram])
        for fact in stated_facts(member.program):
            assert evaluate(fact, scene, canvas.margin_px)[0][0] == 1, (text, fact)
        assert program_from_json(member.program.to_json()) == member.program
    assert drawn >= 112
