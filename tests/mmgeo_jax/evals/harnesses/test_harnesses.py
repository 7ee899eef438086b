"""Runs of train-lmm as models of lmms-eval and VLMEvalKit, on stand-ins of both; test_lmms_eval.py has the real one."""

import dataclasses
import json
import sys
import types
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.harnesses import lmms_eval, lmms_task, vlmevalkit
from mmgeo_jax.inference import chat
from tests.support import benchmark_rows, lmm_runs


@dataclasses.dataclass
class FakeSolver:
    """Answers with what it is told, by turns, and notes what it is asked."""

    says: tuple[str, ...] = ("The answer is A.",)
    asked: list[Any] = dataclasses.field(default_factory=list)

    def ask(self, pictures, questions, sampling, batch, seed=0):
        assert len(pictures) == len(questions) <= batch
        self.asked += [SimpleNamespace(picture=p, question=q, sampling=sampling, seed=seed)
                       for p, q in zip(pictures, questions, strict=True)]  # fmt: skip
        return [self.says[(len(self.asked) - len(questions) + i) % len(self.says)] for i in range(len(questions))]


@pytest.fixture
def solver(monkeypatch):
    fake = FakeSolver()
    monkeypatch.setattr(chat, "load", lambda *_: fake)
    return fake


def ask(rows, visuals, *, batch_size=4, length=64, **wanted):
    """Asks the model of lmms-eval a question a row."""
    model = lmms_eval.Mmgeo("runs/lmm_tiny", batch_size=batch_size, length=length)
    model.rank, model.cache_hook = 0, SimpleNamespace(add_partial=lambda *_: None)
    model.task_dict = {"t": {"test": rows}}
    requests = [SimpleNamespace(args=(f"Find x{i}.", wanted, visuals, i, "t", "test")) for i in range(len(rows))]
    return model.generate_until(requests)


# ---------------------------------------------------------------- lmms-eval


@pytest.mark.parametrize("batch_size", [1, 4, "3", "auto"])
def test_requests_are_answered_in_their_order(batch_size, solver):
    solver.says = tuple(f"answer {i}" for i in range(7))
    picture = Image.new("L", (8, 8))
    assert ask(range(7), lambda row: [picture], batch_size=batch_size) == list(solver.says)
    assert [each.question for each in solver.asked] == [f"Find x{i}." for i in range(7)]
    assert all(each.picture is picture for each in solver.asked)


@pytest.mark.parametrize(
    ("visuals", "first"),
    [(None, None), ([], None), ([[]], None), (["a.png", "b.png"], "a.png"), ([["a.png"], ["b.png"]], "a.png"),
     ("a.png", "a.png"), ([None, "b.png"], "b.png")],
)  # fmt: skip
def test_the_first_picture_is_seen(visuals, first, solver):
    ask([0], lambda row: visuals)
    assert solver.asked[0].picture == first


def test_sound_is_refused(solver):
    with pytest.raises(UserError, match="sees pictures alone, and the task gives array, sampling_rate"):
        ask([0], lambda row: [{"array": [0.0], "sampling_rate": 8000}])


@pytest.mark.parametrize(
    ("wanted", "settings"),
    [
        ({}, (64, 0.0, 0, 1.0, ())),
        ({"max_new_tokens": 16384, "temperature": 0, "top_p": None, "until": None}, (64, 0.0, 0, 1.0, ())),
        ({"max_new_tokens": 8, "temperature": 0.7, "top_p": 0.9, "top_k": 5, "until": ["\n\n", ""]},
         (8, 0.7, 5, 0.9, ("\n\n",))),
        ({"temperature": 0.7, "do_sample": False, "until": "."}, (64, 0.0, 0, 1.0, (".",))),
        ({"temperature": 0.7, "do_sample": True, "num_beams": 1}, (64, 0.7, 0, 1.0, ())),
    ],
)  # fmt: skip
def test_settings_of_a_task(wanted, settings, solver):
    assert lmms_eval.read_settings(wanted, 64) == settings
    ask([0], lambda row: [], **wanted)
    assert solver.asked[0].sampling[:5] == (settings[0], 1, settings[1], settings[2], settings[3])


def test_an_answer_ends_before_the_first_end(solver):
    solver.says = ("a; b. c",)
    assert ask([0], lambda row: [], until=[".", ";", "?"]) == ["a"]
    assert ask([0], lambda row: [], until=["?"]) == ["a; b. c"]


def test_repeats_are_drawn_anew(solver):
    ask(range(4), lambda row: [], batch_size=2, temperature=1.0)
    assert [each.seed for each in solver.asked] == [1, 1, 2, 2]


# ---------------------------------------------------------------- tasks of lmms-eval


def run_task(folder, say):
    """Does what lmms-eval does with a task: rows -> responses -> a samples file, and the mean of the metric."""
    results: list[dict[str, Any]] = []
    lines: list[str] = []
    for number, line in enumerate((folder / "rows.jsonl").read_text().splitlines()):
        doc = json.loads(line)
        assert all(isinstance(picture, Image.Image) for picture in lmms_task.doc_to_visual(doc))
        said = say(number, doc)
        results.append(lmms_task.process_results(doc, [said]))
        lines.append(json.dumps({"doc_id": number, "filtered_resps": said, "input": doc["prompt"], **results[-1]}))
    (folder / "samples.jsonl").write_text("\n".join(lines))
    return sum(result["accuracy"] for result in results) / len(results)


def test_own_problems_are_a_task_of_the_same_score(tmp_path, capsys):
    data = lmm_runs.write(tmp_path, test=9) / "data"
    out = tmp_path / "task"
    assert lmms_task.main([f"--data={data}", "--count=7", f"--out={out}"]) == 0
    assert "7 questions" in capsys.readouterr().out
    accuracy = run_task(out, lambda number, doc: f"The answer is {'AB'[number % 2]}.")
    assert accuracy == 4 / 7  # the right ones are A, B, C, D, A, B, C
    scores = benchmarks.score_file("geoqa", out, out / "samples.jsonl", tmp_path / "eval.json")
    assert scores["accuracy"] == accuracy and scores["missing"] == 0 == scores["unknown"]
    yaml = (out / "mmgeo_problems.yaml").read_text()
    assert json.dumps(str(out / "rows.jsonl")) in yaml and "!function mmgeo_jax.evals.harnesses.lmms_task." in yaml


@pytest.mark.parametrize("name", list(benchmarks.BENCHMARKS))
def test_each_benchmark_is_a_task_of_the_same_score(name, tmp_path):
    root, out = tmp_path / "data", tmp_path / "task"
    root.mkdir()
    benchmark_rows.write(name, root)
    assert lmms_task.main([f"--name={name}", f"--root={root}", f"--out={out}", "--prompts=public"]) == 0
    items = benchmarks.read_items(name, root)
    right = benchmark_rows.correct(items)
    accuracy = run_task(out, lambda number, doc: right[number] if number else "Nothing can be said.")
    scores = benchmarks.score_file(name, root, out / "samples.jsonl", tmp_path / "eval.json")
    assert scores["accuracy"] == accuracy == (len(items) - 1) / len(items)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name=wemath", "--root=nowhere"], "nowhere is no folder"),
        (["--data=nowhere"], "nowhere"),
        (["--data=nowhere", "--count=0"], "--count=0"),
        (["--data=nowhere", "--length=0"], "--length=0"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message, tmp_path, capsys):
    assert lmms_task.main([*arguments, f"--out={tmp_path}"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]


# ---------------------------------------------------------------- VLMEvalKit

KIT = """
import json, sys
from vlmeval.config import supported_VLM

name = sys.argv[sys.argv.index("--model") + 1]
model = supported_VLM[name]()
model.set_dump_image(print)
said = model.generate([{"type": "image", "value": "a.png"}, {"type": "text", "value": "Find x."},
                       {"type": "image", "value": "b.png"}, {"type": "text", "value": "Choose."}], dataset="MathVista")
print(json.dumps([name, said, model.INTERLEAVE, sys.argv[3:]]))
"""


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """A checkout of VLMEvalKit, as far as its interface goes."""

    class BaseModel:
        INTERLEAVE = False
        generate_inner: Any

        def generate(self, message, dataset=None):
            return self.generate_inner(message, dataset)

    parts: dict[str, dict[str, Any]] = {
        "vlmeval.vlm.base": {"BaseModel": BaseModel},
        "vlmeval.config": {"supported_VLM": {}},
    }
    for name in ("vlmeval", "vlmeval.vlm", *parts):
        module = types.ModuleType(name)
        vars(module).update(parts.get(name, {}))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "run.py").write_text(KIT)
    return tmp_path


def test_vlmevalkit_runs_on_a_run(kit, solver, capsys):
    rest = ["--data", "MathVista_MINI", "--mode", "infer"]
    assert vlmevalkit.main(["--run=runs/lmm_tiny", *rest, f"--root={kit}", "--length=40"]) == 0
    assert json.loads(capsys.readouterr().out) == ["lmm_tiny", "The answer is A.", False, rest]
    (asked,) = solver.asked
    assert (asked.picture, asked.question, asked.sampling.length) == ("a.png", "Find x.\nChoose.", 40)


def test_vlmevalkit_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    assert vlmevalkit.main(["--run=runs/x", f"--root={tmp_path}"]) == 1
    assert "has no run.py" in capsys.readouterr().err
    (tmp_path / "run.py").touch()
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert vlmevalkit.main(["--run=runs/x", f"--root={tmp_path}"]) == 1
    assert "needs vlmeval, which is not installed" in capsys.readouterr().err
