"""What a rule proposes is never true together with the fact that it contradicts."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.geometry.diagram import Circle, Diagram, Segment
from data_gen.geometry.plane import line_distance
from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import parse_value, same_value
from data_gen.language.predicates.table import PREDICATES, symmetry_group
from data_gen.truth.contradictions import Context, contradictions
from data_gen.truth.truth_table import Scene, evaluate

LETTERS = "ABCDEFGHKLMN"
# What follows from what: an edit to the right-hand side would leave the caption true.
IMPLIES = {
    "square": {"rectangle", "rhombus", "parallelogram", "kite"},
    "rectangle": {"parallelogram"},
    "rhombus": {"parallelogram", "kite"},
    "isosceles_trapezoid": {"trapezoid"},
    "right_trapezoid": {"trapezoid"},
    "equilateral": {"isosceles", "acute"},
    "isosceles_right": {"isosceles", "right"},
    "diameter": {"chord"},
    "off_centre_chord": {"chord"},
    "midpoint": {"on_segment", "collinear"},
    "perpendicular_bisector": {"perpendicular"},
}


@st.composite
def facts(draw):
    row = PREDICATES[draw(st.sampled_from(sorted(PREDICATES)))]
    names = draw(st.permutations(LETTERS))
    return Fact(row.name, tuple(names[: row.arity]), "7" if row.axis == "value" else None)


CONTEXT = Context(tuple(LETTERS), {name: ("7", "14/2", "8", "x") for name in PREDICATES}, lambda p, a, b: True)


@given(facts())
def test_no_symmetric_rewrite_and_nothing_twice(fact):
    group = symmetry_group(fact.predicate)
    same = {tuple(fact.args[i] for i in p) for p in group}
    edits = [edited for _, edited in contradictions(fact, context=CONTEXT)]
    assert not [e for e in edits if e.predicate == fact.predicate and e.args in same and e.value in (None, "7", "14/2")]
    assert len({canonical(e) for e in edits}) == len(edits)


@given(facts())
def test_nothing_more_general(fact):
    for axis, edited in contradictions(fact, context=CONTEXT):
        assert axis in ("order", "shape", "relation", "value")
        assert edited.predicate not in IMPLIES.get(fact.predicate, ())


def test_traps_by_name():
    def proposed(fact):
        return {edited.predicate for _, edited in contradictions(fact)}

    assert "rectangle" not in proposed(Fact("square", tuple("ABCD")))
    assert "isosceles" not in proposed(Fact("equilateral", tuple("ABC")))
    assert "chord" not in proposed(Fact("diameter", tuple("OAB")))
    assert "off_centre_chord" in proposed(Fact("diameter", tuple("OAB")))
    turned = [e.args for _, e in contradictions(Fact("square", tuple("ABCD"))) if e.predicate == "square"]
    assert len(turned) == 2 and not {tuple("BCDA"), tuple("DCBA")} & set(turned)


GRID = [(float(x), float(y)) for x in range(4) for y in range(4)]
COMPUTED = sorted(name for name, row in PREDICATES.items() if row.measure and row.arity <= 5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(GRID), min_size=5, max_size=5, unique=True), st.sampled_from(COMPUTED))
def test_never_both_true_in_one_drawing(places, predicate):
    points = {n: (40 * x + 20, 40 * y + 20) for n, (x, y) in zip("OABCD", places, strict=True)}
    scene = Scene.from_diagrams([Diagram(200, points, (Segment("A", "B"),), (Circle("O", "A"),))])
    z = {n: complex(*p) for n, p in points.items()}
    context = Context(tuple("OABCD"), off_line=lambda p, a, b: line_distance(z[p], z[a], z[b]) > 1)
    names = itertools.permutations("OABCD", PREDICATES[predicate].arity)
    for fact in {
        canonical(Fact(predicate, args)) for args in names if args[0] == "O" or not PREDICATES[predicate].circles
    }:
        if _degenerate(fact, z) or evaluate(fact, scene, 4.0)[0][0] != 1:
            continue
        for _, edited in contradictions(fact, context=context):
            assert _degenerate(edited, z) or evaluate(edited, scene, 4.0)[0][0] != 1, (fact, edited)


def _degenerate(fact: Fact, z: dict[str, complex]) -> bool:
    """A triangle or a quadrilateral with three points on a line is none, and two lines that meet are two."""
    if PREDICATES[fact.predicate].axis == "shape" or fact.predicate in ("median", "altitude", "bisector", "meet"):
        args = fact.args[1:] if fact.predicate == "meet" else fact.args
        args = args[:1] + args[2:] if fact.predicate in ("median", "altitude", "bisector") else args
        return any(line_distance(z[a], z[b], z[c]) < 1 for a, b, c in itertools.combinations(args, 3))
    return False


def test_lines_need_somebody_who_knows_them():
    fact = Fact("parallel", tuple("ABCD"))
    assert not [e for axis, e in contradictions(fact, context=Context(tuple("ABCDE"))) if axis == "order"]


def test_shuffled_by_the_generator_alone():
    fact = Fact("midpoint", tuple("MAB"))
    runs = [contradictions(fact, np.random.default_rng(seed), CONTEXT) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2] and set(runs[0]) == set(runs[2]) == set(contradictions(fact, context=CONTEXT))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("12.5", 12.5),
        ("3/2", 1.5),
        ("2√3", 12**0.5),
        ("√2/2", 0.5**0.5),
        ("x", None),
        ("3x-4", None),
        ("", None),
    ],
)
def test_number(text, value):
    assert parse_value(text) == (None if value is None else pytest.approx(value))


def test_values_that_read_the_same_do_not_contradict():
    assert (
        same_value("1/2", "0.5") and same_value("2√2", "√8") and not same_value("x", "y") and not same_value("x", "3")
    )
