"""The solver: what it finds obeys textbook formulas, wrong layouts are refused, points move as little as they must."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data_gen.language.fact import Fact
from data_gen.language.predicates.table import PREDICATES
from data_gen.solver import newton
from data_gen.solver.conditions import Description, layout_fault, outline, start_layout
from data_gen.solver.newton import Unsolved

TRIANGLE = Description(
    names=("A", "B", "C"),
    lines=(("A", "B"), ("B", "C"), ("A", "C")),
    faces=(("A", "B", "C"),),
    rounds=(("A", "B", "C"),),
)


def facts(*texts):
    """ "length A B 3" -> Fact("length", ("A", "B"), "3"): a word that is no name is the value."""
    found = []
    for text in texts:
        predicate, *words = text.split()
        args = tuple(word for word in words if word.lstrip("_").isalpha())
        found.append(Fact(predicate, args, next((word for word in words if word not in args), None)))
    return tuple(found)


def triangle(*texts):
    return replace(TRIANGLE, facts=facts(*texts))


def distance(points, a, b):
    return math.hypot(points[a].real - points[b].real, points[a].imag - points[b].imag)


# ---- what is found ------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.integers(3, 20)] * 3))
def test_three_sides_make_their_triangle(sides):
    a, b, c = sides
    # The law of cosines: no angle under 9 degrees, so that nothing is degenerate.
    cosines = [(y * y + z * z - x * x) / (2 * y * z) for x, y, z in ((a, b, c), (b, c, a), (c, a, b))]
    assume(all(abs(cosine) < math.cos(math.radians(9)) for cosine in cosines))
    points = newton.solve(triangle(f"length B C {a}", f"length C A {b}", f"length A B {c}")).points
    ratios = [distance(points, *pair) / side for pair, side in zip(("BC", "CA", "AB"), sides, strict=True)]
    assert max(ratios) / min(ratios) == pytest.approx(1, abs=1e-7)
    area = ((points["B"] - points["A"]).conjugate() * (points["C"] - points["A"])).imag
    assert area > 0  # counterclockwise, as the face is listed


def test_two_angles_of_a_triangle():
    points = newton.solve(triangle("angle A B C 50", "angle A C B 70")).points
    a, b, c = (distance(points, *pair) for pair in ("BC", "CA", "AB"))
    for side, degrees in ((a, 60), (b, 50), (c, 70)):  # the law of sines
        assert side / math.sin(math.radians(degrees)) == pytest.approx(a / math.sin(math.radians(60)), abs=1e-7)


def test_a_tangent_and_a_secant():
    """PT touches the circle, PAB cuts it: PT squared is PA times PB."""
    described = Description(
        names=("A", "B", "O", "P", "T"),
        lines=(("P", "A", "B"), ("P", "T"), ("O", "T")),
        circles={"O": ("A", "B", "T")},
        facts=facts("tangent O T P", "length P A 4", "length A B 5"),
        ordered=False,
    )
    points = newton.solve(described).points
    unit = distance(points, "P", "A") / 4
    assert distance(points, "P", "T") / unit == pytest.approx(6, abs=1e-6)
    assert distance(points, "A", "B") / unit == pytest.approx(5, abs=1e-6)


def test_a_quadrilateral_with_its_diagonals():
    """The diagonals of a rhombus meet at right angles; with sides 5 and one diagonal 6, the other is 8."""
    described = Description(
        names=("A", "B", "C", "D", "O"),
        lines=(("A", "O", "C"), ("B", "O", "D"), ("A", "B"), ("B", "C"), ("C", "D"), ("A", "D")),
        faces=(("A", "B", "O"), ("B", "C", "O"), ("C", "D", "O"), ("D", "A", "O")),
        rounds=(("A", "B", "O"), ("B", "C", "O"), ("C", "D", "O"), ("D", "A", "O")),
        facts=facts("rhombus A B C D", "length A B 5", "length A C 6"),
    )
    points = newton.solve(described).points
    assert distance(points, "B", "D") / distance(points, "A", "C") == pytest.approx(8 / 6, abs=1e-7)
    assert abs(points["O"] - (points["A"] + points["C"]) / 2) < 1e-7


def test_a_hidden_centre_and_a_radius():
    described = Description(
        names=("A", "B", "C", "_O"),
        lines=TRIANGLE.lines,
        rounds=TRIANGLE.rounds,
        circles={"_O": ("A", "B", "C")},
        facts=facts("length A B 6", "radius _O 5", "angle A C B 70"),
    )
    with pytest.raises(Unsolved, match="together"):
        newton.solve(described)  # a chord of 6 in a radius of 5 is seen under asin 0.6, 37 degrees, or 143
    found = newton.solve(replace(described, facts=described.facts[:2]))
    points, radius = found.points, found.radii["_O"]
    assert distance(points, "A", "B") / radius == pytest.approx(6 / 5, abs=1e-7)
    sine = abs(((points["A"] - points["C"]).conjugate() * (points["B"] - points["C"])).imag)
    assert sine / distance(points, "A", "C") / distance(points, "B", "C") == pytest.approx(0.6, abs=1e-7)


def test_equations_of_measures():
    """AB = AC + 3 with BC = 6 and a right angle at C: AC = 4.5."""
    described = replace(
        triangle("length B C 6", "right C A B"),
        equations=((Fact("length", ("A", "B")), ("Add", Fact("length", ("A", "C")), 3.0)),),
    )
    points = newton.solve(described).points
    assert distance(points, "A", "C") / distance(points, "B", "C") == pytest.approx(4.5 / 6, abs=1e-7)


def test_equal_arguments_give_equal_figures():
    described = triangle("isosceles A B C", "angle B A C 40")
    assert newton.solve(described, seed=3) == newton.solve(described, seed=3)
    assert newton.solve(described, seed=3) != newton.solve(described, seed=4)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (("length A B 3", "length B C 4", "length A C 9"), "together"),
        (("angle A B C 120", "angle B C A 80"), "together"),
        (("angle A B C 1.5", "angle B C A 88"), "under 3 degrees"),
        (("length A B 1", "length A C 80", "length B C 80"), "two points are too near|under 3 degrees"),
    ],
)
def test_what_has_no_sound_figure_is_refused(texts, why):
    with pytest.raises(Unsolved, match=why):
        newton.solve(triangle(*texts))


# ---- equations ----------------------------------------------------------------------------------------------------


def generic(names, rng):
    return {name: complex(*rng.normal(size=2)) for name in names}


EQUATIONS = {name for name, row in PREDICATES.items() if row.equation and not row.valued}
# Their equations lean on the lines and circles of the description, which put the points on the sides and the arc.
LEANING = {"midsegment", "arc_midpoint"}


@pytest.mark.parametrize("predicate", sorted(p for p in EQUATIONS if PREDICATES[p].measure and p not in LEANING))
def test_equations_mean_what_the_predicates_measure(predicate):
    """Where the residuals are 0 the independent measure is 0, and the other way round not by chance."""
    row, rng = PREDICATES[predicate], np.random.default_rng(len(predicate))
    names = tuple("ABCDEF"[: row.arity])
    circles = {"A": ()} if row.radial else {}
    described = Description(names=names, circles=circles, facts=(Fact(predicate, names),))
    system, met = newton.System(described), 0
    for _ in range(40):
        start = system.vector(generic(names, rng), {"A": 0.8} if circles else None)
        assert np.abs(system.residuals(start[None])).max() > 1e-6
        x = newton.polish(system, start)
        if x is None:
            continue
        found = system.solution(x)
        used = [np.array([found.points[name]]) for name in names] + [np.array([r]) for r in found.radii.values()]
        assert row.measure
        deviation, slack = np.broadcast_arrays(*row.measure(*used))
        met += bool(np.isnan(deviation[0]) or (deviation[0] < 1e-7 and slack[0] > 0))
    # Lines have two sides and points order: an on_segment may end outside, a bisector on the far side.
    assert met >= 4


@pytest.mark.parametrize(
    ("text", "coordinates", "radius"),
    [
        ("length A B 5", (0, 3 + 4j), None),
        ("angle A B C 45", (2, 0, 1 + 1j), None),
        ("arc A B C 90", (0, 1, 1j), 1.0),
        ("arc A B C 270", (0, 1j, 1), 1.0),
        ("arc_length A B C 50π", (0, 100, 100j), 100.0),
        ("sector_area A B C 9π", (0, 6, 6j), 6.0),
        ("circle_area A 4π", (0,), 2.0),
        ("circumference A 4π", (0,), 2.0),
        ("diameter_length A 7", (0,), 3.5),
        ("triangle_area A B C 6", (0, 3, 4j), None),
        ("triangle_perimeter A B C 12", (0, 3, 4j), None),
        ("quadrilateral_area A B C D 12", (0, 4, 4 + 3j, 3j), None),
        ("quadrilateral_perimeter A B C D 14", (0, 4, 4 + 3j, 3j), None),
        ("length_ratio A B C D 3/2", (0, 3, 1, 1 + 2j), None),
        ("length_sum A B C D 5", (0, 3, 1, 1 + 2j), None),
        ("angle_sum A B C D E F 135", (2, 0, 1 + 1j, 1, 0, 1j), None),
        ("angle_ratio A B C D E F 1/2", (2, 0, 1 + 1j, 1, 0, 1j), None),
        ("sine A B C √3/2", (1, 0, 1 + math.sqrt(3) * 1j), None),
        ("cosine A B C 1/2", (1, 0, 1 + math.sqrt(3) * 1j), None),
        ("tangent_of A B C √3", (1, 0, 1 + math.sqrt(3) * 1j), None),
        ("incenter A B C D", (1 + 1j, 0, 4, 3j), None),
        ("centroid A B C D", (1 + 1j, 0, 3, 3j), None),
        ("circumcenter A B C D", (2 + 1.5j, 0, 4, 3j), None),
        ("arc_midpoint A B C D", (0, 1 + 1j, math.sqrt(2), math.sqrt(2) * 1j), math.sqrt(2)),
        ("similar A B C D E F", (0, 3, 4j, 1, 1 + 6j, -7), None),
        ("congruent A B C D E F", (0, 3, 4j, 1, 1 + 3j, -3), None),
        ("midsegment A B C D E", (1.5, 2j, 0, 3, 4j), None),
        ("equal_arc A B C A D E", (0, 1, 1j, -1, -1j), 1.0),
    ],
)
def test_values_and_centres_by_hand(text, coordinates, radius):
    fact = facts(text)[0]
    names = tuple(dict.fromkeys(fact.args))
    circles = {"A": ()} if radius else {}
    system = newton.System(Description(names=names, circles=circles, facts=(fact,)))
    points = dict(zip(names, map(complex, coordinates), strict=True))
    right = system.vector(points, {"A": radius} if radius else None)
    right[-1] = math.log(system.unit)  # one unit of length is one unit of the coordinates
    assert system.of_fact and np.abs(system.residuals(right[None])).max() < 1e-9
    wrong = right.copy()
    wrong[: len(names)] += 0.1 * np.arange(len(names)) ** 2 + 0.05
    wrong[2 * len(names) : -1] *= 1.1
    assert np.abs(system.residuals(wrong[None])).max() > 1e-3


def test_every_row_is_tested_and_known():
    valued = {name for name, row in PREDICATES.items() if row.valued}
    assert len(EQUATIONS) == 45 and len(valued) == 23
    assert all("{value}" in PREDICATES[name].phrases[0] for name in valued)
    assert {predicate for predicate in EQUATIONS if PREDICATES[predicate].measure} >= LEANING


# ---- layouts ------------------------------------------------------------------------------------------------------

SQUARE = {"A": 0j, "B": 1 + 0j, "C": 1 + 1j, "D": 1j}
SIDES = (("A", "B"), ("B", "C"), ("C", "D"), ("A", "D"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"B": 0.01 + 0j}, "too near"),
        ({"C": 1j, "D": 1 + 1j}, "cross"),
        ({"A": 1 + 0j, "B": 0j, "C": 1j, "D": 1 + 1j}, "folded"),
        ({"D": 0.5 + 0.02j}, "3 degrees"),
        ({"E": 0.5 + 0.005j}, "not its own"),
    ],
)
def test_faults_of_a_quadrilateral(change, why):
    described = Description(names=tuple("ABCD"), lines=SIDES, faces=(tuple("ABCD"),))
    found = layout_fault(described, SQUARE | change, {})
    assert found is None if why is None else why in str(found)


def test_faults_of_order():
    line = Description(names=("A", "B", "C"), lines=(("A", "B", "C"),))
    assert layout_fault(line, {"A": 0j, "B": 1 + 0j, "C": 2 + 0j}, {}) is None
    assert "order" in str(layout_fault(line, {"A": 0j, "B": 3 + 0j, "C": 2 + 0j}, {}))
    circle = Description(names=("A", "B", "C", "D", "_O"), circles={"_O": tuple("ABCD")})
    around = {"A": 1 + 0j, "B": 1j, "C": -1 + 0j, "D": -1j, "_O": 0j}
    assert layout_fault(circle, around, {"_O": 1.0}) is None
    assert "out of order" in str(layout_fault(circle, around | {"B": -1j, "D": 1j}, {"_O": 1.0}))


def test_the_outline_and_a_start():
    """Four triangles about O: the outline is the square, and every start lays the faces as they are listed."""
    faces = tuple((a, b, "O") for a, b in itertools.pairwise("ABCDA"))
    described = Description(names=tuple("ABCDO"), lines=(*SIDES, tuple("AOC"), tuple("BOD")), faces=faces, rounds=faces)
    assert "".join(outline(described)) in ("ABCD", "BCDA", "CDAB", "DABC")
    for seed in range(20):
        points = start_layout(described, np.random.default_rng(seed))
        areas = [((points[b] - points[a]).conjugate() * (points[c] - points[a])).imag for a, b, c in faces]
        assert min(areas) > 0


# ---- least movement -----------------------------------------------------------------------------------------------


def test_a_sound_figure_stays_where_it_is():
    described = replace(triangle("right C A B"), faces=())
    points = {"C": 100 + 50j, "A": 400 + 50j, "B": 100 + 250j}
    kept = newton.solve_near(described, points).points
    assert all(abs(kept[name] - points[name]) < 1e-6 for name in points)


def test_the_least_movement_is_shared():
    """B lies h above the middle of AC: least squares take 2h/3 from B and lift A and C by h/3."""
    h = 1.0
    described = Description(names=("A", "B", "C"), lines=(("A", "B", "C"),))
    found = newton.solve_near(described, {"A": 0j, "B": 100 + h * 1j, "C": 200 + 0j}).points
    assert found["B"].imag == pytest.approx(h / 3, abs=1e-3) and found["A"].imag == pytest.approx(h / 3, abs=1e-3)
    assert abs(found["B"].real - 100) < 0.02


def test_targets_break_a_fact():
    """A right angle that is to have the cosine 0.5 becomes one of 60 degrees."""
    described = replace(triangle("right C A B"), targets={0: (0.5,)})
    points = newton.solve_near(described, {"C": 0j, "A": 30 + 0j, "B": 40j}).points
    u, v = points["A"] - points["C"], points["B"] - points["C"]
    assert (u.conjugate() * v).real / abs(u) / abs(v) == pytest.approx(0.5, abs=1e-8)
