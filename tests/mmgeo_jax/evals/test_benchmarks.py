"""Readers of benchmarks, their scores against tables worked out by hand, and the command; real files where they are."""

import itertools
import json
from typing import Any

import pytest
from PIL import Image

from data_gen.shared.errors import UserError
from data_gen.sources.formalgeo import reading
from mmgeo_jax.evals.benchmarks import command as benchmark_command
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.benchmarks import wemath
from mmgeo_jax.evals.benchmarks.item import KINDS, Item, format_prompt
from mmgeo_jax.evals.benchmarks.run import BENCHMARKS
from tests.support.paths import SHARED

# benchmark: folder in SHARED, a file of it, items, items with pictures
REAL = {
    "mathvista": ("mathvista", "testmini_geo_alg.json", 304, 55),
    "wemath": ("wemath_sample", "testmini_sample.json", 170, 170),
    "formalgeo": ("formalgeo7k", "val.jsonl", 1397, 1397),
}


def picture(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), 255).save(path)


def geoqa_rows():
    row = {"question": "求∠A", "choices": ["30°", "45°", "60°", "90°"]}
    return [row | {"id": str(i), "label": i, "image": f"images/{i}.png", "type": ("angle", "length")[i % 2]}
            for i in range(4)]  # fmt: skip


def mathvista_rows():
    common: dict[str, Any] = {"unit": None, "precision": None, "choices": None, "image": "images/0.png"}
    metadata: dict[str, Any] = {"skills": ["geometry reasoning"], "task": "geometry problem solving"}
    rows: list[dict[str, Any]] = [
        {"pid": "0", "question": "?", "answer": "Yes", "question_type": "multi_choice", "answer_type": "text",
         "choices": ["Yes", "No"], "metadata": metadata | {"skills": ["geometry reasoning", "algebraic reasoning"]}},
        {"pid": "1", "question": "?", "answer": "12", "question_type": "free_form", "answer_type": "integer",
         "unit": "cm", "metadata": metadata},
        {"pid": "2", "question": "?", "answer": "1.5", "question_type": "free_form", "answer_type": "float",
         "precision": 1, "metadata": {"skills": ["algebraic reasoning"], "task": "textbook question answering"}},
        {"pid": "3", "question": "?", "answer": "[1, 2]", "question_type": "free_form", "answer_type": "list",
         "metadata": {"skills": ["statistical reasoning"], "task": "figure question answering"}},
    ]  # fmt: skip
    return {row["pid"]: common | row for row in rows}


def wemath_rows():
    rows = []
    for name, steps in (("2steps_7", 2), ("3steps_9", 3)):
        kind = name.split("_")[0]
        for part in [*map(str, range(1, steps + 1)), "multi"]:
            rows.append({
                "ID": name, "key": f"{kind}_{part}", "question": "?", "option": "A. 1; B. 2 C. 3 ;D. No correct answer",
                "answer": "B", "knowledge concept": "Areas;Angles" if part == "multi" else f"Areas {part}",
                "image_path": f"{kind}/image/{part}.png",
            })  # fmt: skip
    return rows


def mmmath_rows():
    row = {"question": "Find AC.", "file_name": "1.png", "year": "九年级上学期", "knowledge": ["Properties of Shapes"]}
    levels = ("容易", "普通", "困难")
    return [row | {"solution": f"So \\boxed{{{i}}}", "difficult": level} for i, level in enumerate(levels)]


def formalgeo_rows():
    row = {"problem_text_en": "Find AC.", "construction_cdl": [], "text_cdl": [], "image_cdl": [], "problem_level": 3,
           "goal_cdl": "Value(LengthOfLine(AC))"}  # fmt: skip
    answers = ("5*sqrt(3)", "12", "('A','B')")
    return [row | {"problem_id": i, "problem_img": f"{i}.png", "problem_answer": a} for i, a in enumerate(answers)]


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FIXTURES = {  # benchmark: file, its text, the folder of pictures, number of items
    "geoqa": ("test.json", lambda: json.dumps(geoqa_rows()), ".", 4),
    "mathvista": ("testmini.json", lambda: json.dumps(mathvista_rows()), ".", 3),
    "wemath": ("testmini.json", lambda: json.dumps(wemath_rows()), ".", 7),
    "mmmath": ("MM_Math.jsonl", lambda: lines(mmmath_rows()), "images", 3),
    "formalgeo": ("val.jsonl", lambda: lines(formalgeo_rows()), "diagrams", 2),
}


def write(name, folder):
    """The small data set of a benchmark, with pictures, in a folder."""
    file, text, _, _ = FIXTURES[name]
    (folder / file).write_text(text())
    for item in benchmarks.read_items(name, folder):
        for path in item.pictures:
            picture(folder, path.relative_to(folder.resolve()))
    return folder


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
        "formalgeo": formalgeo_rows}  # fmt: skip


@pytest.mark.parametrize("name", BENCHMARKS)
def test_junk_in_any_field_is_read_or_told(name, tmp_path):
    """Every field of the first row, and of what is inside it, replaced by every sort of junk: never a traceback."""
    rows: Any = ROWS[name]()
    file = tmp_path / FIXTURES[name][0]
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
    (tmp_path / FIXTURES[name][0]).write_text("{broken")
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


# ---- run and command -------------------------------------------------------------------------------------------------


def correct(items):
    return [f"Answer: {item.answer}" if item.choices else f"So \\boxed{{{item.answer}}}" if item.kind != "list"
            else item.answer for item in items]  # fmt: skip


@pytest.mark.parametrize("name", BENCHMARKS)
def test_run(name, root, tmp_path):
    asked = []

    def answer(items):
        asked.append(len(items))
        return correct(items)

    folder, out = root(name), tmp_path / "runs" / "eval.json"
    scores = benchmarks.run_benchmark(name, folder, answer, out, batch=2)
    assert scores["accuracy"] == 1 and scores["missing"] == scores["no_answer"] == scores["without_picture"] == 0
    assert max(asked) == 2 and sum(asked) == scores["items"] == FIXTURES[name][3]
    assert json.loads(out.read_text()) == scores
    # The responses beside it give the same scores again.
    again = benchmarks.score_file(name, folder, out.with_name("eval_responses.jsonl"), tmp_path / "again.json")
    assert {**again, "without_picture": 0} == {**scores, "unknown": 0}


def test_items_without_picture_are_left_out_with_their_problem(root, tmp_path):
    folder = root("wemath")
    (folder / "2steps/image/1.png").unlink()
    scores = benchmarks.run_benchmark("wemath", folder, correct, tmp_path / "eval.json")
    assert (scores["items"], scores["without_picture"]) == (4, 3)
    for path in folder.rglob("*.png"):
        path.unlink()
    with pytest.raises(UserError, match="has no picture of wemath"):
        benchmarks.run_benchmark("wemath", folder, correct, tmp_path / "eval.json")


def test_nothing_is_written_where_the_model_breaks(root, tmp_path):
    def breaks(items):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        benchmarks.run_benchmark("geoqa", root("geoqa"), breaks, tmp_path / "eval.json")
    assert not list(tmp_path.glob("eval*"))


def command(*arguments):
    return benchmark_command.main([str(each) for each in arguments])


def test_the_command(root, tmp_path, capsys):
    folder, out, given = root("geoqa"), tmp_path / "eval.json", tmp_path / "given.jsonl"
    assert command("--list") == 0
    listed = capsys.readouterr().out
    assert all(name in listed and module.WHERE in listed for name, module in BENCHMARKS.items())
    given.write_text(lines({"key": key, "response": said} for key, said in (("0", "A"), (1, None), ("x", "A"))))
    assert command("--name=geoqa", f"--root={folder}", f"--responses={given}", f"--out={out}") == 0
    assert "1 of 4 right (25.0 %), 3 without an answer, 2 of them missing" in capsys.readouterr().out
    scores = json.loads(out.read_text())
    assert (scores["right"], scores["missing"], scores["no_answer"], scores["unknown"]) == (1, 2, 3, 1)
    judged = [json.loads(line) for line in (tmp_path / "eval_judged.jsonl").read_text().splitlines()]
    assert [(row["key"], row["parsed"], row["right"]) for row in judged] == [("0", "30°", True), ("1", None, False)]
    given.write_text(lines([{"key": "0", "response": ["A", "B", "The answer is B."]}]))
    assert command("--name=geoqa", f"--root={folder}", f"--responses={given}", f"--out={out}") == 0
    scores = json.loads(out.read_text())
    assert scores["right"] == 0 and scores["samples"] == {"most": 3, "mean_accuracy": 1 / 3, "any_right": 1.0}
    assert len((tmp_path / "eval_judged.jsonl").read_text().splitlines()) == 3
    capsys.readouterr()
    assert command("--name=geoqa", f"--root={folder}", "--prompts") == 0
    prompts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert prompts[0]["key"] == "0" and "(A) 30°" in prompts[0]["prompt"]
    assert command("--name=geoqa", f"--root={folder}", "--baseline", f"--out={out}") == 0
    assert json.loads(out.read_text())["right"] == 1  # one of the four answers is the first choice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: give a file of responses"),
        ('{"key": "other", "response": "A"}', "has no key of geoqa"),
        ('{"key": "0"', "line 1 is not JSON"),
        ('["0", "A"]', "line 1 is not {"),
        ('{"key": "0", "response": 3}', "line 1 is not {"),
        ('{"key": "0", "response": "A"}\n{"key": 0, "response": "B"}', "line 2 has the key '0' again"),
        (None, "is not there"),
    ],
)
def test_broken_responses_are_one_line(text, message, root, tmp_path, capsys):
    given = tmp_path / "given.jsonl"
    if text is not None:
        given.write_text(text)
    assert command("--name=geoqa", f"--root={root('geoqa')}", f"--responses={given}", f"--out={tmp_path}/e.json") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not (tmp_path / "e.json").exists()


def test_half_a_character_in_a_response_is_no_fault(root, tmp_path):
    scores = benchmarks.run_benchmark(
        "geoqa", root("geoqa"), lambda items: ["\ud800 A"] * len(items), tmp_path / "e.json"
    )
    assert scores["count"] == 4


# ---- real files ------------------------------------------------------------------------------------------------------


def real(name):
    folder, file, count, pictured = REAL[name]
    if not (SHARED / folder / file).is_file():
        pytest.skip(f"no {file} in {SHARED / folder} (set MMGEO_DATA)")
    return SHARED / folder, count, pictured


@pytest.mark.parametrize("name", REAL)
def test_real_files_from_end_to_end(name, tmp_path):
    folder, count, pictured = real(name)
    items = benchmarks.read_items(name, folder)
    assert len(items) == count
    scores = benchmarks.run_benchmark(name, folder, benchmarks.make_baseline(items), tmp_path / "eval.json")
    assert (scores["items"], scores["without_picture"]) == (pictured, count - pictured)
    assert 0 < scores["accuracy"] < 0.5


@pytest.mark.parametrize("form", ["{}", "So x = 3.\n\\boxed{{{}}}", "We add 5 and 7.\nAnswer: {}"])
@pytest.mark.parametrize("name", REAL)
def test_real_answers_are_right_in_any_form(name, form):
    """The references themselves, in words: each right, by letter and by value."""
    items: list[Item] = benchmarks.read_items(name, real(name)[0])
    wrong = [item.key for item in items if not benchmarks.judge_response(name, item, form.format(item.answer)).right]
    assert not wrong
    letters = {item.key: form.format("ABCDEFGH"[item.choices.index(item.answer)])
               for item in items if item.answer in item.choices}  # fmt: skip
    assert not [
        i.key for i in items if i.key in letters and not benchmarks.judge_response(name, i, letters[i.key]).right
    ]
