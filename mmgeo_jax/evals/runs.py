"""Records how an evaluation was made, and tells whether an earlier one is still valid."""

import json
import os
import time
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import jax
from etils import epath

from data_gen.records import tfrecords

PACKAGES = ("jax", "flax", "optax", "numpy")


def fingerprint_data(data_dir: str) -> str:
    """Hashes a data folder's manifest, which names the hash of every shard."""
    tfrecords.read_manifest(data_dir)
    return sha256((epath.Path(data_dir) / tfrecords.MANIFEST).read_bytes()).hexdigest()[:16]


def load_finished(path: Path, inputs: dict[str, Any], others: Sequence[Path]) -> dict[str, Any] | None:
    """Reads eval.json if it was made from the same inputs and the other files exist too; else returns None."""
    try:
        results = json.loads(path.read_text())
        same = all(each.exists() for each in others) and all(results[key] == inputs[key] for key in inputs)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return results if same else None


def make_folder(source: str | Path, data_dir: str | Path, runs_dir: str | Path) -> Path:
    """Creates the folder for the results of a checkpoint on a data set, runs/eval_CHECKPOINT_DATA."""
    folder = Path(runs_dir) / "eval_{}_{}".format(*(Path(path).resolve().stem for path in (source, data_dir)))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def describe_run(arguments: str, started: float) -> dict[str, Any]:
    """Returns command, versions, device and duration of an evaluation, for its report."""
    return {
        "command": f"mmgeo eval {arguments}",
        "versions": ", ".join([f"python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores",
        "seconds": round(time.perf_counter() - started, 1),
    }
