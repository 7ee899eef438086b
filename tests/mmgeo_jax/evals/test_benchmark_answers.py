"""What scorers of benchmarks make of free responses: tables of tricky ones, each with what a person would read."""

import pytest

from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.run import judge_response as judge

CHOICES = ("6", "12", "4√{3}", "45°")  # A to D
# responses to a choice question, and the letter that they mean; "-" where they mean none
LETTERED = [
    ("B", "B"), ("(B)", "B"), ("B.", "B"), ("B)", "B"), ("**B**", "B"), ("b", "B"), ("(b)", "B"), (" B \n", "B"),
    ("（B）", "B"), ("[B]", "B"), ("B: 12", "B"), ("B. 12 cm", "B"), ("(C) 4√{3}", "C"), ("\\boxed{D}", "D"),
    ("\\boxed{\\text{(D)}}", "D"), ("$\\boxed{\\mathrm{C}}$", "C"), ("Answer: A", "A"), ("<Answer>: A", "A"),
    ("**Answer:** A", "A"), ("Answer: (A) 6", "A"), ("The answer is C", "C"), ("The answer is option C.", "C"),
    ("The correct answer is:\n\n**D. 45°**", "D"), ("the correct option is (A).", "A"), ("答案：D", "D"),
    ("故选：B", "B"), ("Option B is correct.", "B"), ("I choose D because AB is a diameter.", "D"),
    ("Triangle ABC has BC = 6.\nSo AC = 12.\nTherefore, the answer is B.", "B"),
    ("The answer is A. Wait, AB is the longer side.\nThe answer is B.", "B"),
    ("\\boxed{A} was my first idea, but it must be \\boxed{C}.", "C"),
    ("A circle has its centre at O.\nThe answer is D", "D"),
    ("B. 12\n\nBecause AB = 6 and AC is twice as long.", "B"),
    # in words or by value
    ("12", "B"), ("12.0", "B"), ("The answer is 12 cm", "B"), ("The length is 12.", "B"), ("4\\sqrt{3}", "C"),
    ("4√3", "C"), ("$4\\sqrt{3}$", "C"), ("6.928", "C"), ("45", "D"), ("45^\\circ", "D"), ("45 degrees", "D"),
    ("Therefore $AB = 6$", "A"), ("24/2", "B"), ("\\frac{36}{3}", "B"),
    # none, or two
    ("A or B", "-"), ("A and B", "-"), ("The answer is A or B.", "-"), ("Answer: A, B", "-"), ("\\boxed{A, C}", "-"),
    ("", "-"), ("   ", "-"), ("\n\n", "-"),
]  # fmt: skip
# No letter and no value of the four: GeoQA and We-Math count no answer, MathVista takes the nearest text.
UNREAD = ["E", "I don't know.", "13", "None", "The answer is AB.", "6 or 12", "The answer is 12.5", "1,200", "-12"]


def choice_item(answer):
    return Item("q", "How long is AC?", answer, "choice", CHOICES)


@pytest.mark.parametrize(("response", "letter"), LETTERED)
@pytest.mark.parametrize("name", ["geoqa", "mathvista", "wemath"])
def test_choices(name, response, letter):
    said = judge(name, choice_item("B" if name == "wemath" else "12"), response)
    index = "ABCD".find(letter)
    assert said.parsed == (None if index < 0 else letter if name == "wemath" else CHOICES[index])
    assert said.right == (letter == "B")


@pytest.mark.parametrize("response", UNREAD)
@pytest.mark.parametrize("name", ["geoqa", "wemath"])
def test_no_choice_is_no_answer(name, response):
    assert judge(name, choice_item("B" if name == "wemath" else "12"), response) == (None, False)


@pytest.mark.parametrize(
    ("response", "said"),
    [  # by the public rule: the least number of changed characters, the first of equals
        ("The answer is 13", "12"),  # one change, as many as 6 and two fewer than the others: but 6 needs two
        ("46°", "45°"),
        ("4√{5}", "4√{3}"),
        ("16", "6"),  # one away from 6 (left out) and from 12 (changed): the first
        ("(E)", "6"),  # a letter that is no choice is a text like any other
        ("7", "6"),
    ],
)
def test_mathvista_takes_the_nearest_choice(response, said):
    assert judge("mathvista", choice_item("12"), response).parsed == said


def test_choices_that_look_like_letters_or_brackets():
    """A lone letter is a letter even where the choices are letters; a bracket in a choice's text is none."""
    letters = Item("q", "?", "C", "choice", ("C", "D", "A", "B"))
    assert judge("mathvista", letters, "A") == ("C", True) and judge("mathvista", letters, "(C)").parsed == "A"
    formulas = Item("q", "?", "f(b)", "choice", ("f(a)", "f(b)", "f(x)"))
    assert judge("mathvista", formulas, "f(b)").right
    assert judge("mathvista", formulas, "The answer is f(x).").parsed == "f(x)"


def test_we_math_reads_its_own_form_first():
    """The public rule: the first letter of what follows the last 'Answer'; and a word is not a letter."""
    item = choice_item("B")
    assert judge("wemath", item, "<Thought process>: The 4 sides... <<Answer>>: B").parsed == "B"
    assert judge("wemath", item, "Answer: B. The side is 6, not as in A.").parsed == "B"
    assert judge("wemath", item, "Answer: C\n\nAnswer: <B>").parsed == "B"
    assert judge("wemath", item, "Because of the circle, no letter fits.").parsed is None
    assert judge("wemath", item, "Answer: Both fit").parsed is None


# ---- numbers --------------------------------------------------------------------------------------------------------

INTEGERS = [  # to a question whose answer is an integer
    ("12", "12"), ("12.0", "12"), ("12.", "12"), ("The answer is 12 cm", "12"), ("The answer is 12.", "12"),
    ("\\boxed{12}", "12"), ("$12$", "12"), ("**12**", "12"), ("12°", "12"), ("12^\\circ", "12"), ("12 degrees", "12"),
    ("AB = 12", "12"), ("x=12 \\text{ cm}", "12"), ("12 cm^2", "12"), ("12 square units", "12"), ("24/2", "12"),
    ("\\frac{24}{2}", "12"), ("2\\sqrt{36}", "12"), ("1,234", "1234"), ("1,234 people", "1234"), ("-12", "-12"),
    ("−12", "-12"), ("The answer is -12", "-12"), ("7 + 5 = 12", "12"), ("The answer is 7 + 5 = 12", "12"),
    ("First 5, then 7.\nSo there are 12 of them.", "12"), ("The answer is 5. No: the answer is 12.", "12"),
    ("Step 1: 3 + 4 = 7\nStep 2: 7 + 5 = 12", "12"), ("∠A = 30°, so ∠B = 12°.", "12"), ("\\boxed{12\\text{ cm}}", "12"),
    ("The answer is 12 because 3 times 4 is 12.", "12"), ("12.9", "12"), ("11.99", "11"), ("答案是12", "12"),
    ("Answer: 12 (see the figure of 3 parts)", "12"),
    ("The final answer is $\\boxed{12}$. I hope it helps, 100%.", "12"),
    ("12 or 13", None), ("The answer is 12 or 13.", None), ("", None), ("None", None), ("no idea", None), ("AB", None),
    ("twelve", None), ("\\boxed{}", None), ("1/0", None), ("∞", None),
]  # fmt: skip


@pytest.mark.parametrize(("response", "said"), INTEGERS)
def test_mathvista_integers(response, said):
    assert judge("mathvista", Item("q", "?", "12", "integer"), response) == (said, said == "12")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ("3.46", "3.46"), ("3.464", "3.46"), ("2√3", "3.46"), ("2\\sqrt{3}", "3.46"), ("3.455", "3.46"), ("3.4", "3.4"),
        ("The answer is 3.46 cm", "3.46"), ("\\boxed{2\\sqrt{3}}", "3.46"), ("2√3 ≈ 3.46", "3.46"), ("\\pi", "3.14"),
        ("346/100", "3.46"), ("3,46", "46.0"), ("about 3.5", "3.5"), ("3", "3.0"), ("none", None),
        ("3.46 or 3.5", None),
    ],
)  # fmt: skip
def test_mathvista_floats(response, said):
    item = Item("q", "?", "3.46", "float", precision=2)
    assert judge("mathvista", item, response) == (said, said == "3.46")


def test_mathvista_references_are_rounded_too():
    assert judge("mathvista", Item("q", "?", "0.50", "float", precision=2), "0.5").right
    assert judge("mathvista", Item("q", "?", "10", "float", precision=1), "10.04").right
    assert not judge("mathvista", Item("q", "?", "10", "float", precision=1), "10.06").right


@pytest.mark.parametrize(
    ("response", "right"),
    [("[1, 2, 3]", True), ("The list is [1,2,3].", True), ("[1.0, 2, 3]", True), ("[0, 0], no: [1, 2, 3]", True),
     ("[3, 2, 1]", False), ("[1, 2]", False), ("1, 2, 3", False), ("[a, 2, 3]", False), ("[]", False)],
)  # fmt: skip
def test_mathvista_lists(response, right):
    assert judge("mathvista", Item("q", "?", "[1, 2, 3]", "list"), response).right == right


# (reference, response, right): answers of MM-Math stand in boxes
BOXED = [
    ("12", "\\boxed{12}", True), ("12", "So $AB=\\boxed{12}$.", True), ("12", "\\boxed{12.0}", True),
    ("12", "\\boxed{12.01}", True), ("12", "\\boxed{12.02}", False), ("12", "\\boxed{12cm}", True),
    ("12", "\\boxed{12 \\text{ cm}}", True), ("12\\text{cm}^2", "\\boxed{12}", True), ("12", "\\boxed{12m}", True),
    ("12", "\\boxed{12\\,\\mathrm{cm}}", True), ("12", "\\boxed{12 \\text{ cm}^{2}}", True),
    ("12", "\\boxed{13}", False),
    ("12", "12", False), ("12", "The answer is 12.", False), ("12", "", False), ("12", "\\boxed{}", False),
    ("12", "\\boxed{12", True), ("12", "\\boxed{-12}", False), ("-12", "\\boxed{-12}", True),
    ("12", "\\boxed{x=12}", True),
    ("x=12", "\\boxed{12}", True), ("AB=12", "\\boxed{CD=12}", True), ("12", "\\boxed{12 or 13}", False),
    ("12", "\\boxed{12}, that is \\boxed{12}", False), ("3,4", "\\boxed{4},\\boxed{3}", True),
    ("3,4", "\\boxed{4, 3}", True),
    ("3,4", "\\boxed{3}", False), ("3,3", "\\boxed{3,4}", False), ("3", "\\boxed{3,4}", False),
    ("\\frac{3}{4}", "\\boxed{0.75}", True),
    ("\\frac{3}{4}", "\\boxed{3/4}", True), ("\\frac{3}{4}", "\\boxed{\\dfrac{3}{4}}", True),
    ("0.75", "\\boxed{75\\%}", True),
    ("2\\sqrt{3}", "\\boxed{2√3}", True), ("2\\sqrt{3}", "\\boxed{\\sqrt{12}}", True),
    ("2\\sqrt{3}", "\\boxed{3.46}", True),
    ("2\\sqrt{3}", "\\boxed{3\\sqrt{2}}", False), ("45^{\\circ}", "\\boxed{45}", True), ("45", "\\boxed{45°}", True),
    ("45^\\circ", "\\boxed{45^{\\circ}}", True), ("6\\pi", "\\boxed{6π}", True), ("6\\pi", "\\boxed{18.85}", True),
    ("6\\pi", "\\boxed{6}", False), ("\\pm 3", "\\boxed{3, -3}", True), ("\\pm 3", "\\boxed{3}", False),
    ("\\sin 30", "\\boxed{\\frac{1}{2}}", True), ("(2,3)", "\\boxed{(2, 3)}", True), ("(2,3)", "\\boxed{(3,2)}", False),
    ("[2,3)", "\\boxed{(2,3)}", False), ("\\left(2,\\frac{1}{2}\\right)", "\\boxed{(2,0.5)}", True),
    ("AB", "\\boxed{AB}", True),
    ("AB", "\\boxed{AC}", False), ("2a+b", "\\boxed{2a + b}", True), ("1200", "\\boxed{1,200}", True),
    ("12", "\\boxed{12厘米}", True), ("12", "\\boxed{None}", False), ("50", "\\boxed{0.5}", True),
    ("12", "\\boxed{__import__('os')}", False), ("12", "\\boxed{" + "(" * 5000, False),
    ("12", "\\boxed{9^9^9^9^9}", False),
    # references in their boxes, as other harnesses hand them over
    ("\\boxed{12}", "\\boxed{12}", True), ("\\boxed{12}", "\\boxed{13}", False),
    ("\\boxed{12\\text{cm}}", "\\boxed{12}", True), ("\\boxed{相切}", "\\boxed{相切}", True),
    ("\\boxed{3}, \\boxed{4}", "\\boxed{4,3}", True), ("$\\boxed{\\frac{1}{2}}$", "\\boxed{0.5}", True),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "response", "right"), BOXED)
def test_mm_math(reference, response, right):
    assert judge("mmmath", Item("q", "?", reference, "open"), response).right == right


# (reference, response, right): FormalGeo7k's answers are expressions; responses are free
OPEN = [(12 if said is None else said, response, said is not None) for response, said in INTEGERS
        if response not in ("12.9", "11.99")]  # fmt: skip
OPEN += [
    ("5*sqrt(3)", "\\boxed{5\\sqrt{3}}", True), ("5*sqrt(3)", "5√3", True), ("5*sqrt(3)", "The answer is 8.66.", True),
    ("5*sqrt(3)", "8.6", False), ("13/2", "6.5", True), ("13/2", "\\frac{13}{2}", True), ("13/2", "6 1/2", True),
    ("8*pi", "The area is 8π cm².", True), ("8*pi", "25.13", True), ("8*pi", "8", False), ("1+sqrt(3)", "1 + √3", True),
    ("180*acos(1/4)/pi", "75.52°", True), ("32/sin(11*pi/36)", "32/sin(55°)", True), ("12", "12.02", False),
    ("32/sin(11*pi/36)", "\\boxed{\\frac{32}{\\sin 55^\\circ}}", True), ("0", "\\boxed{0}", True),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "response", "right"), OPEN)
def test_formalgeo(reference, response, right):
    assert judge("formalgeo", Item("q", "?", str(reference), "open"), response).right == right


def test_each_benchmark_has_at_least_forty_tricky_answers():
    assert min(len(LETTERED), len(INTEGERS), len(BOXED), len(OPEN)) >= 40
