"""Written numbers: their values against arithmetic done by Python, and texts that are none."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.reading import answers, expressions
from mmgeo_jax.evals.benchmarks.run import judge_response as judge

ROOT3 = 3**0.5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("-3.5", -3.5), ("−3.5", -3.5), (".5", 0.5), ("1,234.5", 1234.5), ("12,345,678", 12345678),
        ("3/4", 0.75), ("1 1/2", 1.5), ("2\\frac{1}{2}", 2.5), ("2\\frac{\\pi}{2}", math.pi), ("-\\frac{1}{2}", -0.5),
        ("\\dfrac{\\sqrt{2}}{2}", 2**0.5 / 2), ("√2/2", 2**0.5 / 2), ("2√{3}", 2 * ROOT3), ("2 sqrt 3", 2 * ROOT3),
        ("5*sqrt(3)", 5 * ROOT3), ("\\sqrt[3]{8}", 2), ("6\\pi", 6 * math.pi), ("4π cm²", 4 * math.pi), ("π", math.pi),
        ("x = 12 cm", 12), ("AB=CD=3", 3), ("2√3 ≈ 3.46", 2 * ROOT3), ("3.14 \\times 2^2", 12.56), ("2^{-1}", 0.5),
        ("2^3^2", 512), ("-2^2", -4), ("(1+2)(3+4)", 21), ("2(3)", 6), ("8/2/2", 2), ("3-2-1", 0), ("3*-2", -6),
        ("45°", 45), ("45^\\circ", 45), ("45^{\\circ}", 45), ("45 degrees", 45), ("60度", 60), ("50%", 50),
        ("sin 30", 0.5), ("sin(30°)", 0.5), ("\\sin 30^\\circ", 0.5), ("sin(pi/6)", 0.5), ("tan(45)", 1),
        ("\\sin^2 30", 0.25), ("180*acos(1/2)/pi", 60), ("arctan(1)", math.pi / 4), ("\\arcsin 1", math.pi / 2),
        ("24*sin(pi/6)**2", 6), ("4/tan(pi/4)°", 4), ("12\\text{ cm}^2", 12), ("12 square units", 12),
        ("12 sq. ft", 12),
        ("1e3", 1000), ("1e-3", 0.001), ("1.5e+02", 150), ("2.5E2 cm", 250), ("1{,}200", 1200), ("12\\,000", 12000),
        ("\\frac12", 0.5), ("\\dfrac12", 0.5), ("\\tfrac{1}2", 0.5), ("\\frac1{20}", 0.05), ("AB ≈ 5.39 cm", 5.39),
        ("≈5.39", 5.39), ("x \\approx 5.39", 5.39), ("minus 3", -3), ("negative 3", -3),
        ("negative \\frac{1}{2}", -0.5),
        ("20√{2}海里", 20 * 2**0.5), ("$\\left(\\frac{1}{2}\\right)^2$", 0.25), ("**7**", 7), ("7.", 7), ("（7）", 7),
    ],
)  # fmt: skip
def test_values(text, value):
    assert expressions.parse(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", "x", "12 13", "1/0", "sqrt(-1)", "(-8)^(1/3)", "9^9^9^9", "(1", "1)", "()", "\\frac{1}", "sin",
    "3:4",
     "1,2", "3, 4", "(2,3)", "1e5.5", "1e5000", "2e", "e3", "nan", "inf", "asin(2)", "0^-1", "1" * 401, 
     "(" * 300, "-" * 300, "^" * 50,
     "sqrt" * 60, "__import__('os').system('true')", "1 if 1 else 2", "[1][0]", "\\frac" * 50, "2**9999"],
)  # fmt: skip
def test_what_is_no_number(text):
    assert expressions.parse_or_none(text) is None


def _joined(kind, a, b):
    (x, v), (y, w) = a, b
    return {
        "+": (f"({x}+{y})", v + w), "-": (f"({x} - {y})", v - w), "*": (f"{x}\\cdot {y}", v * w),
        "/": (f"\\frac{{{x}}}{{{y}}}", v / w if w else math.nan), "//": (f"({x})/({y})", v / w if w else math.nan),
        "sqrt": (f"\\sqrt{{{x}}}", math.sqrt(v) if v >= 0 else math.nan), "pi": (f"({x})π", v * math.pi),
        "side": (f"({x})({y})", v * w), "square": (f"({x})^2", v * v),
    }[kind]  # fmt: skip


TREES = st.recursive(
    st.one_of(st.integers(0, 9999), st.decimals(0, 99, places=2)).map(lambda n: (str(n), float(n))),
    lambda inner: st.builds(
        _joined, st.sampled_from(["+", "-", "*", "/", "//", "sqrt", "pi", "side", "square"]), inner, inner
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_any_expression_has_the_value_that_it_was_built_with(tree):
    text, value = tree
    if len(text) <= expressions.MAX_LENGTH:
        read = expressions.parse_or_none(text)
        assert read is None if not math.isfinite(value) else read == pytest.approx(value, rel=1e-9, abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="AB()[]{}\\ .,:12°√π^/*+-=≈%$\nabcorsqrtfinswe答", max_size=120))
def test_no_text_breaks_the_readers(text):
    """Whatever a model says, there is an answer or none, never an error."""
    number = answers.find_number(text)
    assert number is None or math.isfinite(number)
    assert answers.find_choice(text, ("1", "2√3", "A circle", "45°")) in (None, 0, 1, 2, 3)


@pytest.mark.parametrize(
    "response",
    ["A " * 30000, "\\boxed{" * 9000, "1+" * 30000, "answer is " * 8000, "(" * 60000, "1 " * 30000, "\\text{" * 9000,
     " " * 60000, "$" * 60000, "\\frac{1}" * 7000, "m " * 30000, "1 or " * 9000, "* " * 9000],
)  # fmt: skip
def test_long_responses_are_read_in_a_moment(response):
    start = time.perf_counter()
    for name, kind in (("formalgeo", "open"), ("mmmath", "open"), ("geoqa", "choice"), ("mathvista", "choice")):
        judge(name, Item("q", "?", "45°", kind, ("1", "2√3", "A circle", "45°")), response)
    assert time.perf_counter() - start < 10  # well under a second on an idle machine


def test_the_end_of_a_long_response_is_read():
    assert judge("formalgeo", Item("q", "?", "45", "open"), "so 1 + 1 = 2. " * 5000 + "The answer is 45.").right


def test_find():
    found = expressions.find_numbers("AB = 12 and CD = 2√3 cm, x1 = 30°; 1,234 apples (3, 4), 12.56 cm^2.")
    assert [value for _, value in found] == pytest.approx([12, 2 * ROOT3, 30, 1234, 3, 4, 12.56])
