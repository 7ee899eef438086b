"""A run ends in time with everything saved, whatever it does when a signal comes; a finished one takes more steps."""

import json
import subprocess
import sys

from mmgeo_jax.train import clip as train_clip
from tests.mmgeo_jax.train.test_train import (  # noqa: F401
    STEPS,
    arguments,
    base,
    compiled_programs,
    copy_of,
    fails,
    finished,
    whole,
)
from tests.support.paths import ROOT

# A process that trains as the command does, without evaluation; at a place it gets SIGTERM and hangs in a library, or a
# checkpoint's folder cannot be made.
PROCESS = """
import dataclasses, hashlib, os, signal, sys
from data_gen.shared import signals
from mmgeo_jax.train import clip as train_clip
from mmgeo_jax.train import loop

place, *arguments = sys.argv[1:]
signals.LATE_S, signals.CLOSING_S = 1, 3
train_clip.finish = lambda run: None
make_step, make_task, mkdir = loop.make_train_step, train_clip.make_task, os.mkdir

def hang():
    os.kill(os.getpid(), signal.SIGTERM)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)

def hanging_step(*parts):
    step = make_step(*parts)
    return lambda *values: hang() if place == "compiles" and values[2] == 2 else step(*values)

def hanging_task(*parts):
    task, validated = make_task(*parts), []
    def validate(params):
        validated.append(1)
        return hang() if place == "validates" and len(validated) == 2 else task.validate(params)
    return dataclasses.replace(task, validate=validate)

def no_folder(path, *more, **others):
    if place == "fails" and "checkpoints/8.orbax" in str(path):
        raise PermissionError(13, "Permission denied", str(path))
    mkdir(path, *more, **others)

loop.make_train_step, train_clip.make_task, os.mkdir = hanging_step, hanging_task, no_folder
sys.exit(signals.run(lambda: train_clip.main(arguments)))
"""


def process(base, runs, place):  # noqa: F811
    command = [sys.executable, "-c", PROCESS, place, *arguments(base, runs)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def saved(run):
    return sorted(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit())


def test_a_signal_is_no_loss_while_a_library_runs(base, whole, tmp_path, finished):  # noqa: F811
    """While a step compiles, and while a validation runs, which is made up for; and a save that fails ends the run."""
    run = tmp_path / "run"
    for place, steps in ("compiles", [2]), ("validates", [2, 4, 6]):
        ended = process(base, tmp_path, place)
        assert ended.returncode == 0 and "stopped and saved" in ended.stdout, ended.stderr
        assert saved(run) == steps[-2:]
    failed = process(base, tmp_path, "fails")
    assert failed.returncode == 1 and failed.stderr.count("error: ") == 1 and saved(run) == [4, 6], failed.stderr
    assert train_clip.main(arguments(base, tmp_path)) == 0
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_a_finished_run_goes_on_with_more_steps(base, whole, tmp_path, finished, capsys):  # noqa: F811
    run = copy_of(whole, tmp_path)
    # What a save that was killed leaves behind.
    for name in (f"{STEPS + 2}.orbax-checkpoint-tmp", f"{STEPS + 1}.orbax-checkpoint-tmp-17"):
        (run / "checkpoints" / name / "params.orbax-checkpoint-tmp").mkdir(parents=True)
    assert train_clip.main(arguments(base, tmp_path, f"--config.train.steps={STEPS + 2}")) == 0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rates = {line["step"]: line["lr"] for line in lines if "lr" in line}
    assert list(rates) == [*range(1, STEPS + 3)] and rates[STEPS + 1] > rates[STEPS]
    assert saved(run)[-1] == STEPS + 2 and all(path.name.isdigit() for path in (run / "checkpoints").iterdir())
    line = fails(capsys, arguments(base, tmp_path, f"--config.train.steps={STEPS}"))
    assert f"has done {STEPS + 2} steps, and train.steps is {STEPS}: give {STEPS + 2} or more" in line
    for path in (run / "checkpoints").glob(f"{STEPS + 2}"):
        path.rename(run / "checkpoints" / f"{STEPS + 1}")
    line = fails(capsys, arguments(base, tmp_path, f"--config.train.steps={STEPS + 5}"))
    assert f"finish its {STEPS + 2} steps first, or give another" in line
