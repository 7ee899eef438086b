"""What an evaluation records of how it was made, and whether one is still good."""

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


def fingerprint(data_dir: str) -> str:
    """Hash of a data folder's manifest, which names the hash of every shard."""
    tfrecords.read_manifest(data_dir)
    return sha256((epath.Path(data_dir) / tfrecords.MANIFEST).read_bytes()).hexdigest()[:16]


def finished(path: Path, made_of: dict[str, Any], beside: Sequence[Path]) -> dict[str, Any] | None:
    """What eval.json holds, where it was made of the same, and the files beside it are there."""
    try:
        results = json.loads(path.read_text())
        same = all(each.exists() for each in beside) and all(results[key] == made_of[key] for key in made_of)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return results if same else None


def how(arguments: str, started: float) -> dict[str, Any]:
    """What the report says of the evaluation."""
    return {
        "command": f"mmgeo eval {arguments}",
        "versions": ", ".join([f"python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores",
        "seconds": round(time.perf_counter() - started, 1),
    }
