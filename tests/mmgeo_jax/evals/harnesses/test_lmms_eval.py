"""lmms-eval's own command on a run of train-lmm: run by `make test-harness`, in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.harnesses import lmms_task
from mmgeo_jax.train import lmm as train_lmm
from tests.support import lmm_runs

pytest.importorskip("lmms_eval", reason="lmms-eval has an environment of its own: make test-harness")
LEARNED = ("train.steps=150", "train.eval_every=150", "train.checkpoint_every=150", "optim.lr=5e-3", "eval.samples=1",
           "eval.max_tokens=24", "name=lmm_tiny")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that knows its 14 problems by heart; of the 18 that it is asked, the others are new to it."""
    folder = lmm_runs.write(tmp_path_factory.mktemp("lmm"), train=14, val=6, test=18)
    paths = [f"--config={folder}/config.py", f"--config.data.dir={folder}/data", f"--config.workdir={folder}/runs"]
    assert train_lmm.main([*paths, *(f"--config.{setting}" for setting in LEARNED)]) == 0
    return folder / "runs" / "lmm_tiny"


def evaluate(run, task, out):
    """The command of docs/harnesses.md. Returns the accuracy that lmms-eval reports, and its samples file."""
    command = [Path(sys.executable).with_name("lmms-eval"), "--model", "mmgeo", "--model_args",
               f"pretrained={run},length=24", "--include_path", task, "--tasks", "mmgeo_problems", "--batch_size", "4",
               "--log_samples", "--output_path", out]  # fmt: skip
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(out / "hf"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-2000:]
    (results,) = out.glob("*/*_results.json")
    (samples,) = out.glob("*/*_samples_mmgeo_problems.jsonl")
    return json.loads(results.read_text())["results"]["mmgeo_problems"]["accuracy,none"], samples


def test_its_command_and_our_scorer_give_the_same_number(run, tmp_path):
    task = tmp_path / "task"
    assert lmms_task.main([f"--data={run.parents[1] / 'data'}", f"--out={task}"]) == 0
    accuracy, samples = evaluate(run, task, tmp_path / "out")
    scores = benchmarks.score_file("geoqa", task, samples, tmp_path / "eval.json")
    assert scores["accuracy"] == pytest.approx(accuracy, abs=1e-9) and 0 < accuracy < 1
    assert scores["count"] == 18 and scores["missing"] == 0
    # and so does our own command, which asks the same questions without it
    from mmgeo_jax.evals.benchmarks.answerer import make_answerer
    from mmgeo_jax.inference import chat

    asked = benchmarks.run_benchmark("geoqa", task, make_answerer(chat.load(run), 24), tmp_path / "own.json")
    assert asked["right"] == scores["right"]
    told = {row["key"]: row["filtered_resps"] for row in map(json.loads, samples.read_text().splitlines())}
    own = map(json.loads, (tmp_path / "own_responses.jsonl").read_text().splitlines())
    assert told == {row["key"]: row["response"].strip() for row in own}
