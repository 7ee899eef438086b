"""A run that is killed at ten random moments ends bit for bit as one that nothing disturbed.

It reads now by threads, now by a process of its own; checkpoints are written by a thread.
"""

import os
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np

from mmgeo_jax.checkpoints import manager as checkpoints
from tests.mmgeo_jax.train.test_train import PROCESS, arguments, base, compiled_programs  # noqa: F401
from tests.support.paths import ROOT

STEPS = 60
KILLS = 10
SETTINGS = (f"--config.train.steps={STEPS}", "--config.train.checkpoint_every=4", "--config.train.eval_every=20")


def start(base, runs, workers=0):  # noqa: F811
    settings = arguments(base, runs, *SETTINGS, f"--config.data.workers={workers}")
    command = [sys.executable, "-c", PROCESS, "nowhere", str(runs / "run"), *settings]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def lines(run):
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_somewhere(process, run, rng):
    """SIGKILL or SIGTERM a little after some more steps; whether the process was still running."""
    wanted, deadline = lines(run) + rng.randint(0, 7), time.monotonic() + 120
    while lines(run) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(rng.random() * 0.2)
    if process.poll() is not None:
        return False
    number = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    # Before the run has begun there is nothing to save: SIGTERM ends the process as it ends any other.
    expected = {-signal.SIGKILL} if number == signal.SIGKILL else {0, -signal.SIGTERM}
    assert process.returncode in expected, err[-2000:]
    return True


def test_ten_kills_change_nothing(base, tmp_path):  # noqa: F811
    rng, killed = random.Random(0), 0
    calmly = start(base, tmp_path / "calm")
    calmly.communicate(timeout=300)
    assert calmly.returncode == 0
    run = tmp_path / "wild" / "run"
    for number in range(KILLS):
        killed += kill_somewhere(start(base, tmp_path / "wild", workers=number % 2), run, rng)
    assert killed >= KILLS - 2
    process = start(base, tmp_path / "wild")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    calm = tmp_path / "calm" / "run"
    assert (run / "metrics.jsonl").read_bytes() == (calm / "metrics.jsonl").read_bytes()
    ends = [checkpoints.restore_run(path) for path in (calm, run)]
    assert ends[0].step == ends[1].step == STEPS
    jax.tree.map(np.testing.assert_array_equal, *(end.params for end in ends))
    assert not [name for name in os.listdir(run / "checkpoints") if not name.isdigit()]
