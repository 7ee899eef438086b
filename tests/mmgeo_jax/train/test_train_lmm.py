"""The multimodal trainer: killed and gone on, several devices and processes, LoRA, where it starts, and its end."""

import json
import re

import jax
import numpy as np
import pytest
from flax import traverse_util
from PIL import Image

from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.evals import command as eval_command
from mmgeo_jax.evals import lmm as lmm_eval
from mmgeo_jax.evals.benchmarks import answerer
from mmgeo_jax.evals.benchmarks import command as benchmark_command
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.inference import chat
from mmgeo_jax.models import lmm, lora
from mmgeo_jax.report import command as report_command
from mmgeo_jax.train import clip as train_clip
from mmgeo_jax.train import lmm as train_lmm
from tests.mmgeo_jax.distributed.test_processes import close, losses, train
from tests.mmgeo_jax.evals import test_benchmarks
from tests.mmgeo_jax.train import test_train
from tests.mmgeo_jax.train.test_train import arguments
from tests.support import lmm_runs

STEPS = 9


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return lmm_runs.write(tmp_path_factory.mktemp("lmm"), train=14, val=6, test=9)


@pytest.fixture(scope="module")
def whole(base):
    """A run that nothing disturbed, to its end."""
    assert train_lmm.main(arguments(base, base / "whole")) == 0
    return base / "whole" / "run"


def fails(capsys, *command):
    """The one line on which the command fails."""
    assert train_lmm.main(*command) == 1
    lines = [line for line in capsys.readouterr().err.split("\n") if "error: " in line]
    assert len(lines) == 1
    return lines[0]


# ---------------------------------------------------------------- the run


def test_a_run_says_what_was_computed(whole):
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    trained, validated = [x for x in lines if "loss" in x], [x for x in lines if "val_loss" in x]
    assert [x["step"] for x in trained] == list(range(1, STEPS + 1))
    assert [x["step"] for x in validated] == [3, 6, 9] and {"val_accuracy"} <= validated[0].keys()
    assert {"accuracy", "answer_tokens", "empty_slots", "grad_norm", "lr"} <= trained[0].keys()
    assert trained[-1]["loss"] < trained[0]["loss"] and all(x["empty_slots"] == 0 for x in trained)
    timed = [json.loads(line) for line in (whole / "timing.jsonl").read_text().splitlines()]
    assert {"step_s", "data_wait_s", "images_per_s", "tokens_per_s", "tflops_per_s"} <= timed[-1].keys()


def test_killed_in_a_step_it_goes_on_bit_for_bit(base, whole, tmp_path, monkeypatch):
    run = train(base, tmp_path, 1, 1, until=6, module="lmm")
    assert max(losses(run)) < STEPS
    monkeypatch.setattr(train_lmm, "finish", lambda run: None)
    assert train_lmm.main(arguments(base, tmp_path)) == 0
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    ours, theirs = (checkpoints.restore_run(each).params for each in (run, whole))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


LARGER = "--config.train.global_batch=8"


@pytest.fixture(scope="module")
def alone(base):
    """The losses of one process with one device."""
    return losses(train(base, base / "alone", 1, 1, LARGER, module="lmm"))


@pytest.mark.parametrize(("count", "devices", "fsdp"), [(1, 8, 2), (2, 1, 1)])
def test_processes_and_devices_make_no_difference(base, alone, tmp_path, count, devices, fsdp):
    run = train(base, tmp_path, count, devices, LARGER, f"--config.mesh.fsdp={fsdp}", module="lmm")
    close(losses(run), alone)


def test_a_run_goes_on_with_fewer_devices(base, alone, tmp_path):
    run = train(base, tmp_path, 1, 4, LARGER, until=5, module="lmm")
    assert max(losses(run)) < STEPS
    train(base, tmp_path, 1, 2, LARGER, module="lmm")
    close(losses(run), alone)


# ---------------------------------------------------------------- evaluation, report, one question


def test_the_end_of_a_run_is_scores_and_a_report(whole):
    results = json.loads((whole / "eval.json").read_text())
    everything = results["scores"]["all"]["all"]
    assert everything["count"] == 9 and everything["chance"] == 0.25
    given = results["scores"]["given"]
    assert {name: entry["count"] for name, entry in given.items()} == {"in the picture": 4, "in the text": 5}
    assert sum(entry["right"] for entry in given.values()) == everything["right"]
    answers = [json.loads(line) for line in (whole / "answers.jsonl").read_text().splitlines()]
    assert [answer["key"] for answer in answers] == [f"fake/test/{i}" for i in range(9)]
    page = (whole / "report.html").read_text()
    assert "Find x3." in page and "angle sum" in page


def test_solutions_vote():
    asked = lmm_runs.family("test", 1).question  # 20°
    said = [f"The answer is \\boxed{{{value}}}." for value in ("99°", "10°", "20°", "20°", "10°", "20°")]
    assert lmm_eval.take_vote(asked, said) == (said[2], ("20°", True))
    assert lmm_eval.take_vote(asked, said[:5]) == (said[1], ("10°", False))
    assert lmm_eval.take_vote(asked, ["nothing", said[0]]) == ("nothing", (None, False))


def test_an_evaluation_is_made_once(whole, capsys):
    before = (whole / "eval.json").stat().st_mtime_ns
    assert eval_command.main([f"--run={whole}"]) == 0
    assert "is there for the same step" in capsys.readouterr().out
    assert (whole / "eval.json").stat().st_mtime_ns == before
    assert report_command.main([f"--run={whole}"]) == 0


def test_an_answer_does_not_depend_on_its_neighbours(base, whole):
    solver = chat.load(whole)
    pictures = np.stack([np.full((32, 32), 255, np.uint8), np.eye(32, dtype=np.uint8) * 255])
    questions = ["Find x1.", "Find x2.\n(A) 10°\n(B) 20°\n(C) 30°\n(D) 40°"]
    sampling = chat.GREEDY._replace(length=10)
    together = solver.answer(pictures, questions, sampling)
    alone = [solver.answer(pictures[i : i + 1], questions[i : i + 1], sampling)[0] for i in range(2)]
    assert together == alone
    streamed = ["".join(solver.stream(pictures[i], questions[i], sampling._replace(cache=200))) for i in range(2)]
    assert [[text] for text in streamed] == alone


@pytest.fixture
def figure(tmp_path):
    path = tmp_path / "figure.png"
    Image.fromarray(np.full((40, 60), 255, np.uint8)).save(path)
    return path


def test_an_item_without_a_picture_is_asked_on_blank_paper(whole):
    answer = answerer.make_answerer(chat.load(whole), length=4)
    assert len(answer([Item("1", "Find x.", "2", "open")])) == 1


def test_a_question_is_answered(whole, figure, capsys):
    command = [f"--run={whole}", f"--image={figure}", "--question=Find x1.", "--length=8"]
    assert chat.main([*command, "--choices", "10°", "20°"]) == 0
    first = capsys.readouterr()
    assert first.out.endswith("\n")
    assert chat.main([*command, "--choices", "10°", "20°"]) == 0
    assert capsys.readouterr().out == first.out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": "no/such.png"}, "no/such.png: No such file"),
        ({"image": __file__}, "does not decode"),
        ({"question": " "}, "the question is empty"),
        ({"question": "Find x. " * 40}, "raise the cache to"),
        ({"run": "no/such"}, "is no run's folder"),
    ],
)
def test_bad_input_is_one_line(whole, figure, capsys, change, says):
    keys = {"run": whole, "image": figure, "question": "Find x1.", "length": 8, "cache": 64} | change
    assert chat.main([f"--{key}={value}" for key, value in keys.items()]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert says in line


def test_a_run_is_asked_a_public_benchmark(whole, tmp_path, capsys):
    row = {"id": "1", "question": "Find x.", "choices": ["10°", "20°"], "label": 1, "image": "a.png"}
    (tmp_path / "test.json").write_text(json.dumps([row, row | {"id": "2"}]))
    Image.fromarray(np.full((40, 60), 255, np.uint8)).save(tmp_path / "a.png")
    command = ["--name=geoqa", f"--root={tmp_path}", f"--run={whole}", "--length=8"]
    assert benchmark_command.main(command) == 0
    results = json.loads((whole / "geoqa.json").read_text())
    assert results["count"] == 2 and results["missing"] == 0
    lines = [json.loads(line) for line in (whole / "geoqa_responses.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == ["1", "2"] and lines[0]["response"] == lines[1]["response"]
    (tmp_path / "a.png").write_bytes(b"no picture")
    capsys.readouterr()
    assert benchmark_command.main(command) == 1
    assert "a.png does not decode" in capsys.readouterr().err


@pytest.mark.parametrize("name", test_benchmarks.FIXTURES)
def test_a_run_is_asked_every_public_benchmark(whole, tmp_path, capsys, name):
    file, _, _, count = test_benchmarks.FIXTURES[name]
    command = [f"--name={name}", f"--root={test_benchmarks.write(name, tmp_path)}", f"--run={whole}", "--length=8"]
    assert benchmark_command.main(command) == 0
    results = json.loads((whole / f"{name}.json").read_text())
    assert results["count"] == count and results["missing"] == 0
    (tmp_path / file).unlink()
    capsys.readouterr()
    assert benchmark_command.main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and str(tmp_path) in line and benchmarks.BENCHMARKS[name].WHERE in line


# ---------------------------------------------------------------- what it starts from, and what is trained


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A run of train-clip whose image tower fits."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "config.py").write_text(
        test_train.CONFIG.replace("tower.update(width=32", "tower.update(width=16")
        .replace("depth=1", "depth=2")
        .replace("steps=9", "steps=1")
        .replace("embed = 32", "embed = 16")
    )
    test_train.write_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_clip, "finish", lambda run: None)
        assert train_clip.main(arguments(folder, folder / "runs")) == 0
    return folder / "runs" / "run"


def test_it_starts_from_an_encoder_and_goes_on_from_itself(base, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(train_lmm, "finish", lambda run: None)
    short = "--config.train.steps=1", "--config.optim.warmup=0.0"
    start = f"--config.init_from={encoder}", "--config.init_parts=image", "--config.optim.freeze=image/.*"
    assert train_lmm.main(arguments(base, tmp_path, *short, *start, "--config.data.task=captions")) == 0
    first = checkpoints.restore_run(tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, first.params["image"], checkpoints.restore_run(encoder).params["image"])

    more = f"--config.init_from={tmp_path / 'run'}", "--config.name=next", "--config.optim.lr=0.0"
    assert train_lmm.main(arguments(base, tmp_path, *short, *more)) == 0
    second = checkpoints.restore_run(tmp_path / "next")
    jax.tree.map(np.testing.assert_array_equal, second.params, first.params)
    assert second.tokenizer.proto == first.tokenizer.proto


def test_lora_trains_thin_matrices_alone(base, tmp_path, monkeypatch):
    monkeypatch.setattr(train_lmm, "finish", lambda run: None)
    more = "--config.lora.rank=2", "--config.optim.freeze=(image|decoder)/.*", "--config.train.steps=3"
    assert train_lmm.main(arguments(base, tmp_path, *more)) == 0
    config = configs.read_run_config(tmp_path / "run")
    graphdef, params = lmm.init(config.model, config.seed)
    with checkpoints.open_folder(tmp_path / "run") as folder:
        _, thin = lora.add(graphdef, params, config.lora, config.optim.freeze, config.seed)
        restored = checkpoints.restore(folder, {"params": thin})
    assert restored is not None
    saved = restored[1]["params"]
    before, after, merged = (
        traverse_util.flatten_dict(tree, sep="/")
        for tree in (params["decoder"], saved["decoder"], checkpoints.restore_run(tmp_path / "run").params["decoder"])
    )
    assert merged.keys() == before.keys()
    for name, leaf in before.items():
        np.testing.assert_array_equal(after[name], leaf)
    names = ("kernel", "lora_a", "lora_b")
    kernel, down, up = (np.asarray(after[f"blocks/mlp/up/{name}"], np.float64) for name in names)
    assert np.abs(up).max() > 0
    expected = kernel + config.lora.alpha / 2 * np.einsum("lir,lro->lio", down, up)
    np.testing.assert_allclose(merged["blocks/mlp/up/kernel"], expected, rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_one_line(base, whole, encoder, tmp_path, capsys):
    theirs = f"--config.tokenizer.file={whole / 'tokenizer.model'}"

    def line(*more):
        return fails(capsys, arguments(base, tmp_path, *more))

    assert "does not name decoder/" in line("--config.lora.rank=2", "--config.name=a")
    assert "names no kernel" in line("--config.lora.rank=2", "--config.lora.kernels=x", "--config.name=b")
    assert "model.decoder.vocab_size=" in line(theirs, "--config.model.decoder.vocab_size=64", "--config.name=c")
    assert "data.max_tokens=20" in line("--config.data.max_tokens=20", "--config.name=d")
    other = f"--config.init_from={encoder}", "--config.init_parts=image"
    assert "does not fit config.model" in line(*other, "--config.model.image.depth=1", "--config.name=f")
    assert "mesh.fsdp" in line("--config.mesh.fsdp=3", "--config.name=g")
    assert not list(tmp_path.glob("*/checkpoints/*"))


def test_a_run_of_the_other_trainer_is_one_line(base, whole, encoder, tmp_path, capsys):
    with pytest.raises(UserError, match="train-clip, and this wants one of train-lmm"):
        chat.load(encoder)
    with pytest.raises(UserError, match="train-lmm, and this wants one of train-clip"):
        checkpoints.restore_run(whole, "two_tower")


def test_a_loss_that_is_not_finite_names_the_problems(base, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_lmm, "finish", lambda run: None)
    line = fails(capsys, arguments(base, tmp_path, "--config.optim.lr=1e38", "--config.optim.warmup=0.0"))
    assert re.search(r"step \d has a loss of \S+ and a gradient of (nan|inf), over families \d+", line)
