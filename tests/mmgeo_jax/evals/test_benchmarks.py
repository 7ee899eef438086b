"""Readers of benchmarks, and their scores against tables worked out by hand."""

import itertools
import json
from typing import Any

import numpy as np
import pytest

from data_gen.shared.errors import UserError
from data_gen.sources.formalgeo import reading
from mmgeo_jax.evals.benchmarks import answerer, visonlyqa, wemath
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.benchmarks.item import KINDS, Item, format_prompt
from mmgeo_jax.evals.benchmarks.run import BENCHMARKS
from tests.support.benchmark_rows import (
    FIXTURES,
    correct,
    formalgeo_rows,
    geoqa_rows,
    lines,
    mathvista_rows,
    mmmath_rows,
    visonlyqa_rows,
    wemath_rows,
    write,
)


@pytest.fixture
def root(tmp_path):
    """A function that writes the small data set of a benchmark."""
    return lambda name: write(name, tmp_path)


# ---- readers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BENCHMARKS)
def test_items(name, root):
    items = benchmarks.read_items(name, root(name))
    assert len(items) == len({item.key for item in items}) == FIXTURES[name][3]
    for item in items:
        assert item.kind in KINDS and item.pictures and item.pictures[0].is_file()
        assert item.question in format_prompt(item) and all(c in format_prompt(item) for c in item.choices)
        assert item.answer in ("B",) if name == "wemath" else not item.choices or item.answer in item.choices


def test_what_items_say(root):
    vista, unit, number = benchmarks.read_items("mathvista", root("mathvista"))
    assert vista.groups == {"skill": ("GEO", "ALG"), "task": ("GPS",)} and number.precision == 1
    assert unit.question == "? (Unit: cm)" and "(B) No" in format_prompt(vista)
    first = benchmarks.read_items("wemath", root("wemath"))[0]
    assert (first.key, first.choices) == ("2steps_7_1", ("1", "2", "3", "No correct answer"))
    assert [i.groups["difficulty"][0] for i in benchmarks.read_items("mmmath", root("mmmath"))] == [
        "easy",
        "medium",
        "hard",
    ]
    length = benchmarks.read_items("formalgeo", root("formalgeo"))[0]
    assert length.groups == {"level": ("3 to 4",), "asked": ("LengthOfLine",)}


@pytest.mark.parametrize("text", [
    "A. 8;B. 6; C. 4;D. No", "A. 8;  B. 6;C. 4;\nD. No", "A. 8 B. 6 ;C. 4; D. No", "A. 8；B. 6;C. 4;D. No",
])  # fmt: skip
def test_options(text):
    assert wemath.split_options(text.replace("；", ";")) == ("8", "6", "4", "No")


def test_an_option_may_speak_of_another_letter():
    assert wemath.split_options("A. to point D. ;B. to A. and back; C. 3") == ("to point D.", "to A. and back", "3")


def change(value, *keys, to):
    """The same JSON value with something else at a place."""
    if not keys:
        return to
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[keys[0]] = change(copy[keys[0]], *keys[1:], to=to)
    return copy


BROKEN = [
    ("geoqa", lambda: change(geoqa_rows(), 1, "label", to=4), "row 1: 'label' is '4'"),
    ("geoqa", lambda: change(geoqa_rows(), 1, "label", to=True), "row 1: 'label'"),
    ("geoqa", lambda: change(geoqa_rows(), 1, "choices", to="ABCD"), "row 1: 'choices' must be a list"),
    ("geoqa", lambda: change(geoqa_rows(), 2, "id", to="0"), "has '0' twice"),
    ("geoqa", lambda: change(geoqa_rows(), 1, "image", to="../../etc/passwd"), "row 1: '../../etc/passwd' leads out"),
    ("geoqa", lambda: change(geoqa_rows(), 1, "question", to=""), "row 1: 'question' must be a text"),
    ("geoqa", lambda: [1], "row 0 is not an object"),
    ("geoqa", lambda: [], "has no question"),
    ("geoqa", lambda: "rows", "neither a list nor an object"),
    ("mathvista", lambda: change(mathvista_rows(), "0", "answer", to="Maybe"), "row '0': the answer 'Maybe'"),
    ("mathvista", lambda: change(mathvista_rows(), "2", "precision", to=None), "row '2': a float needs"),
    ("mathvista", lambda: change(mathvista_rows(), "2", "precision", to=[1]), "row '2': a float needs"),
    ("mathvista", lambda: change(mathvista_rows(), "1", "answer_type", to="text"), "row '1': question_type"),
    ("mathvista", lambda: change(mathvista_rows(), "1", "metadata", to=None), "row '1' has no 'metadata'"),
    ("mathvista", lambda: change(mathvista_rows(), "1", "metadata", "skills", to=["x"]), "row '1': 'skill' is 'x'"),
    ("mathvista", lambda: change(mathvista_rows(), "1", "metadata", "task", to={}), "row '1': 'task'"),
    ("mathvista", lambda: change(mathvista_rows(), "1", "image", to="/etc/passwd"), "leads out"),
    ("wemath", lambda: wemath_rows()[1:], "problem 2steps_7 has no part '1'"),
    ("wemath", lambda: change(wemath_rows(), 0, "key", to="2steps_3"), "row 0: 'key' '2steps_3'"),
    ("wemath", lambda: change(wemath_rows(), 0, "ID", to="3steps_7"), "row 0: 'key'"),
    ("wemath", lambda: change(wemath_rows(), 0, "answer", to="E"), "row 0: the answer 'E'"),
    ("wemath", lambda: change(wemath_rows(), 0, "option", to="8, 6, 4"), "row 0: the answer 'B' is no letter of its 0"),
    ("mmmath", lambda: change(mmmath_rows(), 1, "difficult", to=3), "line 2: 'difficult' is '3'"),
    ("mmmath", lambda: change(mmmath_rows(), 1, to=[]), "line 2 is not an object"),
    ("mmmath", lambda: change(mmmath_rows(), 1, "file_name", to="../../x.png"), "line 2: '../../x.png' leads out"),
    ("formalgeo", lambda: change(formalgeo_rows(), 1, "problem_answer", to=12), "line 2: 'problem_answer'"),
    ("formalgeo", lambda: change(formalgeo_rows(), 1, "problem_img", to="../x.png"), "problem 1: '../x.png' leads out"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "message"), BROKEN)
def test_a_broken_row_is_one_line_that_names_it(name, rows, message, tmp_path):
    file = tmp_path / FIXTURES[name][0]
    file.write_text(lines(rows()) if file.suffix == ".jsonl" else json.dumps(rows()))
    with pytest.raises(UserError) as fault:
        benchmarks.read_items(name, tmp_path)
    assert message in str(fault.value) and "\n" not in str(fault.value)


UNANSWERED = [  # rows whose answer the data set keeps back, as test splits do
    ("geoqa", lambda: change(geoqa_rows(), 0, "label", to=None)),
    ("mathvista", lambda: change(mathvista_rows(), "0", "answer", to="")),
    ("mathvista", lambda: change(mathvista_rows(), "1", "answer", to=None)),
    ("mathvista", lambda: change(mathvista_rows(), "2", "answer", to="")),
    ("wemath", lambda: change(wemath_rows(), 0, "answer", to="")),
    ("mmmath", lambda: change(mmmath_rows(), 1, "solution", to="So it is 12.")),
]


@pytest.mark.parametrize(("name", "rows"), UNANSWERED)
def test_a_row_without_an_answer_counts_wrong_and_stops_nothing(name, rows, tmp_path):
    file = tmp_path / FIXTURES[name][0]
    file.write_text(lines(rows()) if file.suffix == ".jsonl" else json.dumps(rows()))
    items = benchmarks.read_items(name, tmp_path)
    scores = benchmarks.score_responses(
        name, items, dict(zip([item.key for item in items], correct(items), strict=True))
    )
    assert (scores["count"], scores["right"]) == (FIXTURES[name][3], FIXTURES[name][3] - 1)
    assert scores["no_reference"] == 1


JUNK: list[Any] = [
    None, 3, -1, 2**80, 1.5, float("nan"), True, "", "x", "\x00", "../x", "x" * 30000, [], [[]], [None], [1], {},
]  # fmt: skip
ROWS = {"geoqa": geoqa_rows, "mathvista": mathvista_rows, "wemath": wemath_rows, "mmmath": mmmath_rows,
        "formalgeo": formalgeo_rows, "visonlyqa": visonlyqa_rows}  # fmt: skip


@pytest.mark.parametrize("name", BENCHMARKS)
def test_junk_in_any_field_is_read_or_told(name, tmp_path):
    """Every field of the first row, and of what is inside it, replaced by every sort of junk: never a traceback."""
    rows: Any = ROWS[name]()
    file = tmp_path / FIXTURES[name][0]
    file.parent.mkdir(exist_ok=True)
    at = next(iter(rows)) if isinstance(rows, dict) else 0
    inner = [(key, k) for key, value in rows[at].items() if isinstance(value, dict) for k in value]
    for place, junk in itertools.product([(), *((key,) for key in rows[at]), *inner], JUNK):
        broken = change(rows, at, *place, to=junk)
        reading.load.cache_clear()
        file.write_text(lines(broken) if file.suffix == ".jsonl" else json.dumps(broken))
        try:
            items = benchmarks.read_items(name, tmp_path)
        except UserError as fault:
            assert "\n" not in str(fault) and len(str(fault)) < 1000
        else:
            benchmarks.score_responses(name, items, {item.key: "The answer is A." for item in items})


@pytest.mark.parametrize("name", BENCHMARKS)
def test_missing_data_says_where_to_get_it(name, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError) as fault:
            benchmarks.read_items(name, folder)
        assert BENCHMARKS[name].WHERE in str(fault.value) and "\n" not in str(fault.value)
    file = tmp_path / FIXTURES[name][0]
    file.parent.mkdir(exist_ok=True)
    file.write_text("{broken")
    with pytest.raises(UserError, match="is not JSON"):
        benchmarks.read_items(name, tmp_path)


# ---- scores ----------------------------------------------------------------------------------------------------------


def test_counts_by_group(root):
    items = benchmarks.read_items("geoqa", root("geoqa"))
    said = {"0": "A", "1": "B", "2": "The answer is 45°", "elsewhere": "A"}  # right, right, wrong; the last is missing
    scores = benchmarks.score_responses("geoqa", items, said)
    assert (scores["right"], scores["count"], scores["accuracy"]) == (2, 4, 0.5)
    assert (scores["missing"], scores["no_answer"]) == (1, 1)
    assert scores["groups"]["type"] == {"angle": {"accuracy": 0.5, "right": 1, "count": 2},
                                        "length": {"accuracy": 0.5, "right": 1, "count": 2}}  # fmt: skip
    assert benchmarks.score_responses("geoqa", items, said | {"3": " "})["no_answer"] == 1


def test_four_dimensions_of_a_table_worked_out_by_hand():
    """Ten problems: the four-dimension scores of We-Math, counted with pen and paper.

    steps, whole    strict  loose
    11 1            CM      CM
    11 0            IG      IG
    10 1            RM      CM
    01 0            IK      IK
    00 1            RM      RM
    00 0            IK      IK
    111 1           CM      CM
    110 1           RM      CM
    111 0           IG      IG
    000 1           RM      RM

    strict: CM 2, RM 4, IG 2, IK 2: score 1 - (1 + 4 + 2) / 10 = 0.3, RM's rate 4 / 6
    loose:  CM 4, RM 2, IG 2, IK 2: score 1 - (1 + 2 + 2) / 10 = 0.5, RM's rate 2 / 6
    """
    table = ["11 1", "11 0", "10 1", "01 0", "00 1", "00 0", "111 1", "110 1", "111 0", "000 1"]
    states = [([c == "1" for c in row.split()[0]], row.split()[1] == "1") for row in table]
    scores = wemath.score_four_dimensions(states)
    strict, loose = scores["strict"], scores["loose"]
    assert scores["problems"] == 10
    assert {k: strict[k]["count"] for k in ("IK", "IG", "CM", "RM")} == {"IK": 2, "IG": 2, "CM": 2, "RM": 4}
    assert {k: loose[k]["count"] for k in ("IK", "IG", "CM", "RM")} == {"IK": 2, "IG": 2, "CM": 4, "RM": 2}
    assert strict["score"] == pytest.approx(0.3) and loose["score"] == pytest.approx(0.5)
    assert strict["RM"]["rate"] == pytest.approx(4 / 6) and loose["RM"]["rate"] == pytest.approx(2 / 6)
    assert strict["IK"]["rate"] == strict["IG"]["rate"] == strict["CM"]["rate"] == pytest.approx(0.2)


def test_four_dimensions_at_the_ends():
    right, wrong = (
        wemath.score_four_dimensions([([True] * 2, True)] * 3),
        wemath.score_four_dimensions([([False] * 3, False)] * 3),
    )
    assert right["strict"]["score"] == right["loose"]["score"] == 1 and right["strict"]["RM"]["rate"] == 0
    assert wrong["strict"]["score"] == wrong["loose"]["score"] == 0 and wrong["strict"]["RM"]["rate"] is None


def test_we_math_from_responses_to_scores(root):
    folder = root("wemath")
    nodes = [{"root2": domain, "full node": f"Plane_{domain}_{concept}"}
             for domain, concept in (("Plane", "Areas 1"), ("Plane", "Areas 2"), ("Solid", "Areas 3"))]  # fmt: skip
    (folder / wemath.NODES).write_text(json.dumps(nodes))
    items = benchmarks.read_items("wemath", folder)
    # Of the first problem a step is wrong and the whole right; of the second all steps are right and the whole wrong.
    said = {"2steps_7_1": "Answer: B", "2steps_7_2": "Answer: A", "2steps_7_multi": "<Answer>: B",
            "3steps_9_1": "B", "3steps_9_2": "(B)", "3steps_9_3": "B.", "3steps_9_multi": "C"}  # fmt: skip
    scores = benchmarks.score_responses("wemath", items, said)
    assert scores["one_step"] == {"accuracy": 0.8, "right": 4, "count": 5}
    assert scores["two_steps"] == {"accuracy": 1, "right": 1, "count": 1}
    assert scores["three_steps"] == {"accuracy": 0, "right": 0, "count": 1}
    assert scores["concepts"]["Areas 2"] == {"accuracy": 0.5, "right": 1, "count": 2}
    # Plane: the mean of 1 (Areas 1) and 0.5 (Areas 2)
    assert scores["domains"] == {"Plane": {"accuracy": 0.75, "concepts": 2}, "Solid": {"accuracy": 1, "concepts": 1}}
    assert scores["four_dimensions"]["strict"]["score"] == pytest.approx(1 - (0.5 + 1) / 2)
    assert scores["four_dimensions"]["loose"]["score"] == pytest.approx(1 - 0.5 / 2)
    assert "problem" not in scores["groups"]


# ---- VisOnlyQA: questions as captions, answers by the public rule, figures as wholes ---------------------------------

LENGTH = (
    "Line BA is X times longer than BC. Which of the following options is a reasonable estimate of X? (a) 1 (b) 0.5 "
)
DENIED = [
    ("There is a triangle ABC in the figure.", "There is no triangle ABC in the figure."),
    ("There is no triangle ABC in the figure.", "There is a triangle ABC in the figure."),
    (
        "In the figure, the line AB is a diameter of a circle.",
        "In the figure, the line AB is not a diameter of a circle.",
    ),
    (
        "In the figure, the line AB is not a diameter of a circle.",
        "In the figure, the line AB is a diameter of a circle.",
    ),
]


def test_options_become_captions():
    question, choices = visonlyqa.split_options(LENGTH, ("a", "b"))
    assert question.endswith("estimate of X?") and choices == ("1", "0.5")
    assert visonlyqa.write_captions(question, choices) == (
        "Line BA is 1 times longer than BC.", "Line BA is 0.5 times longer than BC.",
    )  # fmt: skip
    for sentence, denied in DENIED:
        assert visonlyqa.write_captions(f"{sentence} True or False?", ("True", "False")) == (sentence, denied)


@pytest.mark.parametrize(
    ("response", "parsed"),
    [("(b)", "0.5"), ("b", "0.5"), ("The answer is (a).", "1"), ("**Answer: B**", "0.5"), ("(a) or (b)", None),
     ("I cannot tell.", None)],
)  # fmt: skip
def test_options_are_read_by_the_public_rule_first(response, parsed):
    item = Item("k", "?", "0.5", "choice", choices=("1", "0.5"))
    assert visonlyqa.judge_response(item, response).parsed == parsed


def test_figures_count_as_wholes(root):
    items = benchmarks.read_items("visonlyqa", root("visonlyqa"))
    scores = benchmarks.score_responses("visonlyqa", items, {"t0": "False", "t1": "False", "t2": "False"})
    assert scores["right"] == 2 and scores["figures"]["real triangle"]["right"] == 1
    assert scores["figures"]["real triangle"]["count"] == 2 and scores["majority"] == {"real triangle": 2 / 3}


def prefer_denials(pictures, texts):
    """Scores as an encoder that likes captions which deny."""
    assert len(pictures) == 1 and pictures[0].is_file()
    return np.array([[float(" no " in text) for text in texts]])


def test_an_encoder_chooses_captions(root):
    items = benchmarks.read_items("visonlyqa", root("visonlyqa"))
    responses = answerer.make_chooser(prefer_denials)(items)
    assert responses == ["(A)", "(B)", "(B)"]
    assert [visonlyqa.judge_response(item, text).right for item, text in zip(items, responses, strict=True)] == [
        False, False, True,
    ]  # fmt: skip


def test_an_encoder_is_refused_where_choices_are_no_captions(root):
    with pytest.raises(UserError, match="captions: take --name=visonlyqa"):
        answerer.make_chooser(prefer_denials)(benchmarks.read_items("geoqa", root("geoqa")))
