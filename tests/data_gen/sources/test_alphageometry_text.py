"""The text of AlphaGeometry's problems: what is right is read, what is wrong is an error that names its place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from data_gen.geometry.diagram import Circle, Segment
from data_gen.shared.errors import UserError
from data_gen.sources.alphageometry import source
from data_gen.sources.alphageometry.parse import MAX_BYTES, parse_problem, read_problems
from tests.data_gen.constructions.alphageometry_definitions import GOOD, off, problem, sampled

# ---- text ---------------------------------------------------------------------------------------------------------


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
    assert read.goal and read.goal.holds(program.points)


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
    "a b = segment a b; c = s_angle a b c -181": "'-181' is no number",
    "a b = segment a b; c = s_angle a b c --20": "'--20' is no number",
    "a@0_ b@1_0 = segment a b": "no name of a point",
    "a b = segment a b; c = s_angle a b c nan": "'nan' is no number",
    "a b c = triangle a b c ? coll a b": "takes 3 points",
    "a b c = triangle a b c ? coll a b d": "'d' is not in the figure",
    "a b c = triangle a b c ? likes a b c": "no goal 'likes'",
    "a b c = triangle a b c ? perp a b b c 30": "perp takes 4 points, not 5",
    "a b c = triangle a b c ? rconst a b b c": "rconst has 1 2 or 1/2 behind its points, not ''",
    "a b c = triangle a b c ? rconst a b b c 1 0": "not '1 0'",
    "a b c = triangle a b c ? aconst a b b c 1pi/0": "aconst has 60 or 1pi/3 behind its points, not '1pi/0'",
    "a b c = triangle a b c ? s_angle a b c": "not ''",
    "; ".join(f"p{i} = free p{i}" for i in range(27)): "more than 26 points",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_bad_text_is_an_error_that_names_its_place(text):
    with pytest.raises(UserError) as fault:
        parse_problem(text, "name", "some.txt line 8")
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
        read = parse_problem("".join(text), "name", "x line 2")
    except UserError:
        return
    assert read.steps


def test_bad_files_are_errors(tmp_path):
    path = tmp_path / "problems.txt"
    with pytest.raises(UserError, match="is not there"):
        read_problems(str(path))
    for content, message in [
        (b"", "is empty"),
        (b"one\n", "line 1: a name without a program"),
        (b"\xff\xfe\n", "UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger"),
    ]:
        path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_problems(str(path))
    bad = "a b = segment a b; c = foot c a b"
    path.write_text(f"one\n{bad}\n\n\ntwo\n{bad}\n")
    with pytest.raises(UserError, match=r"line 2, clause 2 'c = foot c a b': foot takes 4 names.*and 1 more"):
        read_problems(str(path))


def test_a_bad_row_leaves_the_others_of_its_file(tmp_path):
    path = tmp_path / "problems.txt"
    path.write_text(f"one\n{GOOD}\n\n\ntwo\na b = segment a b; c = foot c a b\nthree\n{GOOD}\n")
    problems, faults = read_problems(str(path))
    assert [p.name for p in problems] == ["one", "three"]
    assert source.left_out(ConfigDict({"file": str(path)})) == {"not understood": faults}
    assert len(faults) == 1 and "line 6, clause 2 'c = foot c a b': foot takes 4 names" in faults[0]


# A short form of AlphaGeometry's -> the same in full.
SHORT = {
    "a b c = triangle; d = on_line b c": "a b c = triangle a b c; d = on_line d b c",
    "a b c = triangle; h = on_tline b a c, on_tline c a b":
        "a b c = triangle a b c; h = on_tline h b a c, on_tline h c a b",
    "a b c = triangle a b c; u v w i = incenter2 a b c": "a b c = triangle a b c; u v w i = incenter2 u v w i a b c",
    "a b = segment; c = s_angle a b 35": "a b = segment a b; c = s_angle a b c 35",
    "a@0_0 b@4.5_-0.13 = segment a b; m@-2.25_1 = midpoint a b": "a b = segment a b; m = midpoint m a b",
    "a@-1.0068968328888160_12345678901.5 b@1e-05_-.5 = segment": "a b = segment a b",
}  # fmt: skip


@pytest.mark.parametrize("short", SHORT)
def test_points_that_a_construction_gives_may_be_left_out_or_placed(short):
    read, full = problem(short), problem(SHORT[short])
    assert (read.steps, read.letters, read.draws) == (full.steps, full.letters, full.draws)


# Goals with what they need to be true of a figure, and ones near them that are not.
TRUE_AND_FALSE = {
    "a b c = triangle; d = foot a b c": ("aconst a d b c 90o", "aconst a d b c 1pi/3"),
    "a b = segment; c = s_angle a b -60": ("s_angle a b c -60", "s_angle a b c 60"),
    "a b = segment a b; c = s_angle a b c -60": ("aconst b a b c 2pi/3", "aconst b a b c 1pi/3"),
    "a b = segment; m = midpoint a b": ("rconst a m a b 1 2", "rconst a m a b 2/3"),
    "a b c = triangle; m = midpoint a b": ("sameside a b m b a m", "sameside m a b a m b"),
    "a b c = triangle; m n = trisegment a b": ("ncoll a b c", "ncoll a m n"),
    "a b c = triangle; d = parallelogram a b c d": ("npara a b b c", "npara a b d c"),
    "a b c = r_triangle": ("nperp a b b c", "nperp a b a c"),
    "a b c = triangle; d = parallelogram a b c d; m = midpoint a b; n = midpoint d c":
        ("eqratio3 a d b c m n", "eqratio3 a d m c b n"),
    "a b c d = rectangle": ("contri2 a b c d c b", "contri2 a b c b d a"),
    "a b c d = trapezoid": ("diff a b", "diff a a"),
}  # fmt: skip


@pytest.mark.parametrize("text", TRUE_AND_FALSE)
def test_a_goal_is_true_or_false_of_a_figure(text):
    _, program, _ = sampled(text, 0)
    held = [problem(f"{text} ? {goal}").goal.holds(program.points) for goal in TRUE_AND_FALSE[text]]
    assert held == [True, False]


def test_a_line_too_few_or_too_many_leaves_the_other_problems_whole(tmp_path):
    path = tmp_path / "problems.txt"
    path.write_text(f"alone\none\n{GOOD}\ntwo\na b c triangle\nthree\n{GOOD}\n{GOOD}\nfour\n{GOOD}\nend\n")
    problems, faults = read_problems(str(path))
    assert [p.name for p in problems] == ["one", "three", "four"]
    assert [fault.split(": ", 1)[0].rpartition("line ")[2] for fault in faults] == [
        "1",
        "5, clause 1 'a b c triangle'",
        "8",
        "11",
    ]
    assert "name without a program" in faults[0] and "program without a name" in faults[2]


def test_a_negative_angle_is_one_to_the_other_side():
    turns = []
    for degrees in (35, -35):
        _, _, points = sampled(f"a b = segment a b; c = s_angle a b c {degrees}", 0)
        a, b, c = (complex(*points[name]) for name in "abc")
        turns.append(np.degrees(np.angle((c - b) / (a - b))))
    assert np.allclose(turns, [35, -35]) or np.allclose(turns, [-35, 35])
