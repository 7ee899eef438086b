"""Runs of several real processes, and of several devices: the same batches, the same losses, one run to go on with."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data_gen.shared.errors import UserError
from mmgeo_jax.distributed import processes
from tests.mmgeo_jax.train.test_train import arguments, base  # noqa: F401
from tests.support.paths import ROOT

# A process that trains as the command does, without evaluation, to a step of its first argument, where it gets SIGTERM.
PROCESS = """
import importlib, os, signal, sys
from mmgeo_jax.distributed import mesh

module, until, *arguments = sys.argv[1:]
trainer = importlib.import_module(f"mmgeo_jax.train.{module}")
trainer.finish = lambda run: None
put, steps = mesh.shard_batch, []  # two of the batches are for validation

def counted(batch, devices):
    steps.append(1)
    if len(steps) == 2 + int(until):
        os.kill(os.getpid(), signal.SIGTERM)
    return put(batch, devices)

mesh.shard_batch = counted
sys.exit(trainer.main(arguments))
"""
NEVER = 1000


def free_port():
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


def train(base, runs, count, devices, *more, until=NEVER, module="clip"):  # noqa: F811
    """`count` processes of so many devices each train the run `runs`/run."""
    command = [sys.executable, "-c", PROCESS, module, str(until), *arguments(base, runs), *more]
    address = f"localhost:{free_port()}"
    started = []
    for number in range(count):
        environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(devices)}
        if count > 1:
            environment |= dict(zip(processes.OURS, (address, str(count), str(number)), strict=True))
        pipes = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=pipes, stderr=pipes, text=True))
    ended = [process.communicate(timeout=600) for process in started]
    # What went wrong comes first: the others say at length that they miss the one that ended.
    assert all(process.returncode == 0 for process in started), "\n".join(err[:2000] for _, err in ended)
    return runs / "run"


def losses(run):
    """Step -> loss."""
    lines = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


@pytest.fixture(scope="module")
def alone(base):  # noqa: F811
    """One process, one device."""
    return losses(train(base, base / "alone", 1, 1))


def close(found, expected):
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-5)


@pytest.mark.parametrize(("count", "devices", "fsdp"), [(1, 4, 2), (2, 1, 1), (2, 2, 2), (4, 1, 2)])
def test_processes_and_devices_make_no_difference(base, tmp_path, alone, count, devices, fsdp):  # noqa: F811
    run = train(base, tmp_path, count, devices, f"--config.mesh.fsdp={fsdp}")
    close(losses(run), alone)


@pytest.mark.parametrize(("before", "after"), [((2, 1), (1, 1)), ((1, 1), (2, 1)), ((1, 4), (1, 2))])
def test_a_run_goes_on_with_other_processes_and_devices(base, tmp_path, alone, before, after):  # noqa: F811
    run = train(base, tmp_path, *before, until=5)
    assert max(losses(run)) == 5
    train(base, tmp_path, *after)
    close(losses(run), alone)
    shutil.rmtree(run)


def test_a_run_goes_on_from_eight_devices_to_four(base, tmp_path):  # noqa: F811
    larger = "--config.train.global_batch=8"
    expected = losses(train(base, tmp_path / "alone", 1, 1, larger))
    run = train(base, tmp_path, 1, 8, larger, "--config.mesh.fsdp=2", until=4)  # one batch is for validation
    assert max(losses(run)) == 5
    train(base, tmp_path, 1, 4, larger, "--config.mesh.fsdp=4")
    close(losses(run), expected)


def test_half_told_processes_are_one_line():
    with pytest.raises(UserError, match="JAX_PROCESS_ID"):
        processes.join({"JAX_COORDINATOR_ADDRESS": "localhost:1", "JAX_NUM_PROCESSES": "2"})
    with pytest.raises(UserError, match="did not meet"):
        processes.join(dict(zip(processes.OURS, ("localhost:1", "two", "0"), strict=True)))


def in_a_process(code, **variables):
    """Runs code that joins, with variables set; returns (what it printed, seconds)."""
    began = time.monotonic()
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **variables}
    program = f"import sys\nfrom mmgeo_jax.cli import main\nfrom mmgeo_jax.distributed import processes\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120)
    return done.stderr, time.monotonic() - began


JOIN = "processes.WAIT_S = 5\ntry: processes.join()\nexcept processes.UserError as fault: sys.exit(str(fault))"
SLURM = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_PROCID": "0",
         "SLURM_LOCALID": "0", "SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"}  # fmt: skip


@pytest.mark.parametrize("variables", [dict(list(SLURM.items())[:1]), dict(list(SLURM.items())[:3]), SLURM])
def test_a_slurm_step_whose_others_do_not_come_is_advice_in_time(variables):
    said, seconds = in_a_process(JOIN, **variables)
    assert "SLURM_STEP_NUM_TASKS says '2' processes" in said and "unset SLURM_STEP_NUM_TASKS" in said
    assert "Traceback" not in said and seconds < 60


def test_an_unreachable_coordinator_is_a_line_that_says_what_was_tried():
    said, seconds = in_a_process(JOIN, **dict(zip(processes.OURS, ("127.0.0.1:1", "2", "1"), strict=True)))
    assert "at 127.0.0.1:1" in said and "Traceback" not in said and seconds < 60


DIES = """
import os, sys
from mmgeo_jax.distributed import processes
processes.join()
with processes.end_together():
    for turn in range(1000):
        processes.any_process(False)
        if turn == 3 and os.environ["DIES"] == os.environ["JAX_PROCESS_ID"]:
            os._exit(9)
"""


@pytest.mark.parametrize("dies", ["0", "1"])
def test_when_a_process_dies_the_other_ends_with_a_line(dies):
    address, started, began = f"localhost:{free_port()}", [], time.monotonic()
    for number in ("0", "1"):
        environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1", "DIES": dies}
        environment |= dict(zip(processes.OURS, (address, "2", number), strict=True))
        command = [sys.executable, "-c", DIES]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=90)[1] for process in started]
    other = 1 - int(dies)
    assert [started[int(dies)].returncode, started[other].returncode] == [9, 1], said[other][-2000:]
    assert "error: another process has ended" in said[other] and "Traceback" not in said[other]
    assert time.monotonic() - began < 80


def test_a_platform_that_is_not_there_is_a_line():
    said, _ = in_a_process(
        "from mmgeo_jax import cli\nimport types\nimport jax\n"
        "cli.importlib.import_module = lambda name: types.SimpleNamespace(main=lambda rest: jax.devices())\n"
        "sys.exit(main(['eval']))", JAX_PLATFORMS="cuda",
    )  # fmt: skip
    assert said.startswith("error: JAX_PLATFORMS is 'cuda'") and said.count("\n") == 1


def test_a_process_alone_starts_nothing():
    processes.join({"SLURM_STEP_NUM_TASKS": "1", "TPU_WORKER_HOSTNAMES": "localhost"})
