"""Checkpoints of a run, runs/NAME/checkpoints/STEP/: arrays by Orbax, and the tokenizer beside them.

Items `params` and `opt_state` are nested dicts of arrays, keyed by strings all the way down; item `run` is JSON
with the step, the tokenizer and the checksums of both and of every array; item `metrics` has what validation found at
that step, if it ran. A checkpoint appears whole or not at all, and what changed in it since is noticed.
"""

import base64
import contextlib
import io
import json
import logging
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import jax
import orbax.checkpoint as ocp
from flax import traverse_util
from ml_collections import ConfigDict
from orbax.checkpoint.checkpoint_managers import preservation_policy as policies

from data_gen.shared import own_json
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints.checksums import checksums
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.distributed import processes
from mmgeo_jax.models import freeze, lmm, lora, two_tower
from mmgeo_jax.models.init import Params

TREES = ("params", "opt_state")
KEPT = 2  # the newest, beside the best
BEST = ("val_hit1", "val_accuracy")  # the metric by which it is the best: the first that is there
LEFTOVER = ".orbax-checkpoint-tmp"  # in the name of a folder until it is whole
MOST_NAMED = 4  # differences that an error names

Trees = Mapping[str, Any]  # item -> tree of arrays


class Trained(NamedTuple):
    """A model of a run: `nnx.merge(graphdef, params)` is the module, LoRA merged into its kernels."""

    config: ConfigDict
    tokenizer: Tokenizer
    params: Params
    step: int


def open_folder(run_dir: str | Path) -> ocp.CheckpointManager:
    """Opens the checkpoints of a run, of which the last KEPT and the best stay. `latest_step()` is None where there are
    none, `best_step()` where none was validated. Leaving the context waits for what is still being written."""
    # Faults are raised; what is logged of them besides is a traceback for each thread.
    for logger in ("absl", "asyncio"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    options = ocp.CheckpointManagerOptions(
        best_fn=_best, preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(KEPT), BEST_STAYS])
    )
    # Named here, so that a folder can be asked for shapes before anything of it is read.
    handlers = {name: ocp.StandardCheckpointHandler() for name in TREES} | {"run": ocp.JsonCheckpointHandler()}
    folder = (Path(run_dir) / "checkpoints").absolute()
    _drop_broken_metrics(folder)
    return ocp.CheckpointManager(folder, options=options, item_handlers=handlers)


def _drop_broken_metrics(folder: Path) -> None:
    """Deletes metrics that are not whole, with a warning: Orbax reads those of all steps when it opens a folder."""
    for path in sorted(folder.glob("*/metrics")):
        with contextlib.suppress(UserError):
            if any(name in own_json.read(path / "metrics") for name in BEST):
                continue
        print(f"warning: {path} is broken: its checkpoint stays, without what validation found", file=sys.stderr)
        shutil.rmtree(path)


def _best(metrics: Mapping[str, float]) -> float:
    return next(metrics[name] for name in BEST if name in metrics)


BEST_STAYS = policies.BestN(get_metric_fn=_best, n=1, keep_checkpoints_without_metrics=False)


def save(
    folder: ocp.CheckpointManager, step: int, trees: Trees, tokenizer: bytes, found: Mapping[str, float] | None = None
) -> None:
    """Writes the checkpoint of a step, with what validation `found`, if it ran. The arrays are taken before this
    returns (JAX keeps a buffer that is donated while something else reads it), and a thread writes them while training
    goes on, one checkpoint at a time. Its faults are raised by the next call, or where the folder is left."""
    arrays = {name: to_dict(tree) for name, tree in trees.items()}
    items = {name: ocp.args.StandardSave(tree) for name, tree in arrays.items()}
    run = {
        "step": step,
        "tokenizer_base64": base64.b64encode(tokenizer).decode(),
        "tokenizer_crc32c": google_crc32c.value(tokenizer),
        "checksums": checksums(arrays),
        "shapes": {name: _shapes(tree) for name, tree in arrays.items()},
    }
    with silence_orbax():
        folder.save(step, args=ocp.args.Composite(run=ocp.args.JsonSave(run), **items), metrics=found)


def silence_orbax() -> contextlib.AbstractContextManager[Any]:
    """Silences Orbax, whose threads print tracebacks of faults that it raises as well."""
    return contextlib.redirect_stderr(io.StringIO())


def restore(folder: ocp.CheckpointManager, like: Trees, *, repair: bool = False) -> tuple[int, Trees, bytes] | None:
    """Reads the newest checkpoint that is whole, as (step, trees, tokenizer); None where there is none.

    `like` names the items, as trees of arrays or of jax.ShapeDtypeStruct, on whose shardings they are restored;
    what has none goes to the first device. A broken checkpoint is passed over with a warning, and deleted if
    `repair`, as is what a save that was killed has left. Raises UserError where none can be read, or where names,
    shapes or types differ from those of `like`.
    """
    if repair and processes.is_first():
        for path in (each for each in Path(folder.directory).iterdir() if LEFTOVER in each.name):
            shutil.rmtree(path, ignore_errors=True)
    steps = sorted(folder.all_steps(), reverse=True)
    for step in steps:
        path = folder.directory / str(step)
        try:
            with silence_orbax():
                return step, *_read(folder, step, like)
        except UserError as fault:
            raise UserError(f"checkpoint {path} is of another model: {fault}") from None
        except Exception as fault:  # whatever Orbax, and what lies beneath it, makes of broken files
            reason = " ".join(f"{type(fault).__name__}: {fault}".split())[:160]
        if step == steps[-1]:
            raise UserError(f"checkpoint {path} is broken, and none is left before it; delete the run ({reason})")
        print(f"warning: checkpoint {path} is broken, taking the one before it ({reason})", file=sys.stderr)
        if repair:
            if processes.is_first():
                shutil.rmtree(path)
            processes.wait(f"repair of step {step}")
            folder.reload()
    return None


def _read(folder: ocp.CheckpointManager, step: int, like: Trees) -> tuple[Trees, bytes]:
    metadata = folder.item_metadata(step)
    run = folder.restore(step, args=ocp.args.Composite(run=ocp.args.JsonRestore()))["run"]
    for name, tree in like.items():
        saved = _shapes(metadata[name].tree)
        if saved != run.get("shapes", {}).get(name, saved):  # older checkpoints do not say
            raise ValueError(f"{name} has other shapes than were saved")
        _compare(saved, _shapes(to_dict(tree)), name)
    wanted = {name: ocp.args.StandardRestore(to_dict(jax.tree.map(_abstract, tree))) for name, tree in like.items()}
    items = folder.restore(step, args=ocp.args.Composite(**wanted))
    tokenizer = base64.b64decode(run["tokenizer_base64"], validate=True)
    if run["step"] != step or google_crc32c.value(tokenizer) != run["tokenizer_crc32c"]:
        raise ValueError("its step or tokenizer is not what was saved")
    for name, found in checksums({name: items[name] for name in like}).items():
        if found != run["checksums"][name]:
            raise ValueError(f"{name} is not what was saved: a bit has flipped")
    return {name: restore_like(items[name], tree) for name, tree in like.items()}, tokenizer


def is_published(source: str | Path) -> bool:
    """Returns whether a path holds somebody's checkpoint: an `.npz`, or a Hugging Face folder. A run's config.json has
    a `model`, theirs a `model_type`."""
    path = Path(source) / "config.json"
    if path.is_file():
        with contextlib.suppress(ValueError, OSError, RecursionError):
            found = json.loads(path.read_text())
            return isinstance(found, dict) and "model_type" in found
    return Path(source).suffix == ".npz"


def kind_of_source(source: str | Path) -> str:
    """Returns which of MODELS a run or a published checkpoint is of; an encoder where it cannot be told."""
    path = Path(source)
    if not is_published(source):
        return kind_of(configs.read_run_config(source).model)
    if path.is_dir():
        return "lmm" if "gemma" in str(json.loads((path / "config.json").read_text())["model_type"]) else "two_tower"
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as file:
        if any(name.removeprefix("params/").startswith("llm/") for name in file.namelist()):
            return "lmm"
    return "two_tower"


def restore_run(run_dir: str | Path, kind: str = "") -> Trained:
    """Restores the model of a run's newest checkpoint. Raises UserError where there is none, it is broken, or it is not
    of the `kind` asked for, a key of MODELS."""
    if is_published(run_dir):
        raise UserError(f"{run_dir} is a published checkpoint, and this wants a run")
    config = configs.read_whole_config(run_dir)
    found = kind_of(config.model)
    if kind and found != kind:
        raise UserError(f"{run_dir} is a run of {MODELS[found].trainer}, and this wants one of {MODELS[kind].trainer}")

    def fresh() -> Params:
        model = MODELS[found].init(config.model, config.seed)
        return (lora.add(*model, config.lora, config.optim.freeze, config.seed) if "lora" in config else model)[1]

    check_settings(config.model, MODELS[found].settings(), f"{run_dir}/config.json")
    try:
        shapes = jax.eval_shape(fresh)
    except UserError:
        raise
    except Exception as fault:  # of JAX, about sizes that do not go together
        reason = " ".join(str(fault).split())[:160]
        raise UserError(
            f"{run_dir}/config.json has sizes that make no model ({reason}): put back what it was"
        ) from None
    with open_folder(run_dir) as folder:
        restored = restore(folder, {"params": shapes})
    if restored is None:
        raise UserError(f"{run_dir} has no checkpoint: train it first")
    step, trees, tokenizer = restored
    return Trained(config, Tokenizer(tokenizer), lora.merge(trees["params"], config.get("lora")), step)


def check_settings(model: ConfigDict, wanted: ConfigDict, where: str) -> None:
    """Raises UserError where a `config.model` read from a file lacks a setting, or has one of another type."""
    known = flatten(model)
    for key, usual in flatten(wanted).items():
        parent = wanted
        for part in key.split(".")[:-1]:
            parent = parent[part]
        kind = parent.get_type(key.rpartition(".")[2])
        kinds = {float: (int, float), tuple: (tuple, list)}.get(kind, (kind,))
        if key not in known or not (type(known[key]) in kinds or (usual is None and known[key] is None)):
            is_there = own_json.show(known[key]) if key in known else "not there"
            raise UserError(f"{where} has a model whose {key} is {is_there}, not of type {kind.__name__}: put it back")


class Kind(NamedTuple):
    """How a kind of model is made, and trained."""

    init: Callable[[ConfigDict, int], tuple[Any, Params]]
    trainer: str
    settings: Callable[[], ConfigDict]  # all of a `config.model`


MODELS = {
    "two_tower": Kind(two_tower.init, "train-clip", two_tower.default_model_config),
    "lmm": Kind(lmm.init, "train-lmm", lmm.default_lmm_config),
}


def kind_of(model: ConfigDict) -> str:
    """Returns which of MODELS a `config.model` is of."""
    return "lmm" if "decoder" in model else "two_tower"


# ---------------------------------------------------------------- trees


def to_dict(tree: Any) -> dict[str, Any]:
    """Converts any tree of arrays to nested dicts with string keys, without empty branches."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return traverse_util.unflatten_dict({freeze.path_name(path): leaf for path, leaf in leaves}, sep="/")


def restore_like(tree: dict[str, Any], like: Any) -> Any:
    """Puts what `to_dict` gave back into the structure of `like`."""
    return freeze.map_paths(traverse_util.flatten_dict(tree, sep="/").__getitem__, like)


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    sharding = getattr(leaf, "sharding", None) or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _shapes(tree: Any) -> dict[str, str]:
    flat = traverse_util.flatten_dict(tree, sep="/")
    return {name: f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]" for name, leaf in flat.items()}


def _compare(saved: dict[str, str], wanted: dict[str, str], item: str) -> None:
    """Raises UserError, which names the differences, where two trees of shapes are not the same."""
    different = [
        f"{item}/{name} is {saved.get(name, 'missing')}, not {wanted.get(name, 'expected at all')}"
        for name in sorted(saved.keys() | wanted.keys())
        if saved.get(name) != wanted.get(name)
    ]
    if different:
        more = f", and {len(different) - MOST_NAMED} more" if len(different) > MOST_NAMED else ""
        raise UserError("; ".join(different[:MOST_NAMED]) + more)
