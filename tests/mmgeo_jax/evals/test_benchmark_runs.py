"""A model, or a file of responses, on a benchmark: from items to scores, by call and by command; real files where they
are."""

import json

import pytest

from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import command as benchmark_command
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.run import BENCHMARKS
from tests.support.benchmark_rows import FIXTURES, correct, lines, write
from tests.support.paths import SHARED

# benchmark: folder in SHARED, a file of it, items, items with pictures
REAL = {
    "mathvista": ("mathvista", "testmini_geo_alg.json", 304, 55),
    "wemath": ("wemath_sample", "testmini_sample.json", 170, 170),
    "formalgeo": ("formalgeo7k", "val.jsonl", 1397, 1397),
}


@pytest.fixture
def root(tmp_path):
    """A function that writes the small data set of a benchmark."""
    return lambda name: write(name, tmp_path)


# ---- run and command -------------------------------------------------------------------------------------------------


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
