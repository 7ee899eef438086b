"""Score a run on its test sets: python -m mmgeo_jax.evaluate --run=runs/clip_tiny writes runs/clip_tiny/eval.json.

`synthetic` is the test split of the run's data, `real` the val split of real figures where the run has some. Beside
eval.json lies scores.npz, the cosines of every family, for the report.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import jax
import numpy as np
from etils import epath
from flax import nnx

from data_gen import records, tfrecords
from mmgeo_jax import blind, sections
from mmgeo_jax.checkpoints import restore_run
from mmgeo_jax.errors import UserError
from mmgeo_jax.evalset import Embedder, Split, read_split
from mmgeo_jax.models import two_tower
from mmgeo_jax.sections import BlindScores

TRAIN_FAMILIES = 1500  # on which the blind scorers train
VERSION = 1  # of what is measured: a higher one makes old results stale
PACKAGES = ("jax", "flax", "optax", "numpy")


def evaluate_run(run_dir: str | Path, force: bool = False) -> dict[str, Any]:
    """Write eval.json and scores.npz of a run; return what eval.json holds.

    Skips what is there for the same checkpoint and the same data, unless forced. Raises UserError where the run has
    no checkpoint, or its data is missing or broken.
    """
    run, started = Path(run_dir), time.perf_counter()
    config, tokenizer, params, step = restore_run(run)
    folders = {name: folder for name, folder in (("synthetic", config.data.dir), ("real", config.data.real)) if folder}
    made_of = {
        "version": VERSION,
        "checkpoint_step": step,
        "data": {name: fingerprint(folder) for name, folder in folders.items()},
    }
    if not force and (finished := _finished(run, made_of)):
        print(f"{run / 'eval.json'} is there for step {step} and the same data")
        return finished
    embedders, scale = _embedders(config, params)
    results: dict[str, Any] = {"synthetic": None, "real": None}
    arrays: dict[str, Any] = {"logit_scale": scale}
    for name, folder in folders.items():
        results[name], test = _measure(name, folder, config, tokenizer, embedders)
        arrays |= {f"{name}_rows": test.rows, f"{name}_scores": test.embedded[0].scores()}
    results |= made_of | {"run": _how(run, started)}
    with tfrecords.open_atomic(run / "scores.npz") as file:
        np.savez_compressed(file, **arrays)
    with tfrecords.open_atomic(run / "eval.json") as file:
        file.write(json.dumps(results, indent=1, allow_nan=False).encode())
    return results


def fingerprint(data_dir: str) -> str:
    """Hash of a data folder's manifest, which names the hash of every shard."""
    tfrecords.read_manifest(data_dir)
    return sha256((epath.Path(data_dir) / tfrecords.MANIFEST).read_bytes()).hexdigest()[:16]


def blind_scores(train: Split, test: Split, vocab_size: int, seed: int = 0) -> BlindScores:
    """Train on one split, and score another with, every scorer that sees one side only."""
    members = sections.candidates(train.truth).shape[2]

    def captions(name: str, cut: slice, wanted: Callable[[Split], np.ndarray]) -> blind.Scores:
        return blind.score_captions(
            train.tokens[:, cut], wanted(train), test.tokens[:, cut], vocab_size=vocab_size, seed=seed, name=name
        )

    anchors = captions("captions", slice(0, members), sections.wanted_anchor)
    if test.truth.shape[1] == 1:
        return BlindScores(anchors, None, None)
    wanted = sections.wanted_pictures(train)
    pictures = blind.score_pictures(train.thumbnails, wanted, test.thumbnails, seed=seed)
    text_only = test.truth.shape[2] > test.truth.shape[1]
    negatives = captions("text-only captions", slice(None), sections.wanted_pictured) if text_only else None
    return BlindScores(anchors, pictures, negatives)


def _measure(name: str, folder: str, config: Any, tokenizer: Any, embedders: Sequence[Embedder]) -> tuple[dict, Split]:
    held_out = {"synthetic": "test", "real": "val"}[name]
    test = read_split(folder, held_out, tokenizer, config.data, embedders)
    train = read_split(folder, "train", tokenizer, config.data, limit=TRAIN_FAMILIES)
    trained, untrained = test.embedded
    return sections.section(test, trained, untrained, blind_scores(train, test, tokenizer.vocab_size)), test


def _embedders(config: Any, params: Any) -> tuple[list[Embedder], float]:
    """The trained and the untrained model, and the trained one's logit scale."""
    graphdef, fresh = two_tower.init(config.model, config.seed)

    def embedder(params: Any) -> Embedder:
        images = jax.jit(lambda params, images: nnx.merge(graphdef, params).embed_images(images))
        texts = jax.jit(lambda params, tokens: nnx.merge(graphdef, params).embed_texts(tokens))
        return Embedder(lambda batch: images(params, batch), lambda batch: texts(params, batch))

    return [embedder(params), embedder(fresh)], float(np.exp(params["logit_scale"]))


def _finished(run: Path, made_of: dict[str, Any]) -> dict[str, Any] | None:
    """The results of a run where they are whole and made of the same parts."""
    try:
        results = json.loads((run / "eval.json").read_text())
        same = all(results[key] == value for key, value in made_of.items()) and (run / "scores.npz").exists()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return results if same else None


def _how(run: Path, started: float) -> dict[str, Any]:
    """What the report says of the evaluation."""
    return {
        "command": f"python -m mmgeo_jax.evaluate --run={run}",
        "versions": ", ".join([f"python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores",
        "seconds": round(time.perf_counter() - started, 1),
    }


def summary(results: dict[str, Any]) -> str:
    """A line for each test set."""
    lines = []
    for name in ("synthetic", "real"):
        if section := results[name]:
            keys = ("image_hit1", "text_hit1", "chance", "blind_text_hit1", "untrained_text_hit1")
            scores = {key: section[key] for key in keys} | section["by_kind"]
            words = ", ".join(f"{key} {value:.3f}" for key, value in scores.items() if value is not None)
            lines.append(f"{name} ({section['n']} families): {words}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m mmgeo_jax.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="the folder of a trained run, such as runs/clip_tiny")
    parser.add_argument("--force", action="store_true", help="measure again what is there")
    options = parser.parse_args(arguments)
    try:
        print(summary(evaluate_run(options.run, options.force)))
    except (UserError, records.UserError, OSError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
