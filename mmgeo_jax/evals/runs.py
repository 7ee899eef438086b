"""Records how an evaluation was made, and tells whether an earlier one is still valid."""

import json
import os
import time
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import jax
from etils import epath

from data_gen.records import tfrecords
from data_gen.shared import files, own_json
from data_gen.shared.errors import UserError

OWNER = "of.json"  # the checkpoint and the data set that a folder of scores is of
PACKAGES = ("jax", "flax", "optax", "numpy")


def fingerprint_data(data_dir: str) -> str:
    """Hashes a data folder's manifest, which names the hash of every shard."""
    tfrecords.read_manifest(data_dir)
    return sha256((epath.Path(data_dir) / tfrecords.MANIFEST).read_bytes()).hexdigest()[:16]


def load_finished(run: Path, inputs: dict[str, Any], other: str, force: bool, form: str) -> dict[str, Any] | None:
    """Reads eval.json of a run, which fits a `form` of own_json.FILES, and says so, if it was made from the same inputs
    and the `other` file is there too. Returns None otherwise, and always if `force`."""
    path = run / "eval.json"
    try:
        results = own_json.read(path, form)
    except UserError:  # missing or broken: it is made again
        return None
    same = (run / other).exists() and all(results.get(key) == inputs[key] for key in inputs)
    if force or not same:
        return None
    print(f"{path} is there for the same step and data (ARGS=--force measures again)")
    return results


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Writes eval.json."""
    with files.open_atomic(folder / "eval.json") as file:
        file.write(json.dumps(results, indent=1, allow_nan=False).encode())


def make_folder(source: str | Path, data_dir: str | Path, runs_dir: str | Path, suffix: str = "") -> Path:
    """Creates the folder for the results of a checkpoint on a data set, runs/eval_CHECKPOINT_DATA with a suffix, and
    a hash of both paths where another checkpoint or data set of these names has that one."""
    paths = [Path(path).resolve() for path in (source, data_dir)]
    # Only an ending that says nothing is left out: m-v1.0 and m-v1.1 are two.
    name = "eval_{}_{}".format(*(path.stem if path.suffix == ".npz" else path.name for path in paths)) + suffix
    key = json.dumps([*map(str, paths), *([suffix] if suffix else [])])
    for folder in (Path(runs_dir) / name, Path(runs_dir) / f"{name}_{sha256(key.encode()).hexdigest()[:8]}"):
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder / OWNER
        if not owner.exists() and not (folder / "eval.json").exists():
            with files.open_atomic(owner) as file:
                file.write(key.encode())
        if owner.exists() and owner.read_text(errors="replace") == key:
            break
    return folder


def describe_run(arguments: str, started: float) -> dict[str, Any]:
    """Returns command, versions, device and duration of an evaluation, for its report."""
    return {
        "command": f"mmgeo eval {arguments}",
        "versions": ", ".join([f"python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores",
        "seconds": round(time.perf_counter() - started, 1),
    }
