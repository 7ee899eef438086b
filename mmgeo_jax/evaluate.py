"""Score a run on its own test sets, or any checkpoint on any data set; eval.json holds the scores.

    python -m mmgeo_jax.evaluate --run=runs/clip_tiny                              # runs/clip_tiny/eval.json
    python -m mmgeo_jax.evaluate --checkpoint=path/to/siglip --data data/hardset   # runs/eval_siglip_hardset/eval.json

Of a run, `synthetic` is the test split of its data, `real` the val split of real figures where it has some. Beside
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

from data_gen import records, tfrecords
from mmgeo_jax import api, blind, checkpoints, sections
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import restore_run
from mmgeo_jax.errors import UserError
from mmgeo_jax.evalset import Embedder, Split, embedder, read_split
from mmgeo_jax.models import two_tower
from mmgeo_jax.sections import BlindScores

TRAIN_FAMILIES = 1500  # on which the blind scorers train
HELD_OUT = ("test", "val")  # the first of them that a data set has
VERSION = 2  # of what is measured: a higher one makes old results stale
PACKAGES = ("jax", "flax", "optax", "numpy")


def evaluate_run(run_dir: str | Path, force: bool = False) -> dict[str, Any]:
    """Write eval.json and scores.npz of a run; return what eval.json holds.

    Skips what is there for the same checkpoint and the same data, unless forced. Raises UserError where the run has
    no checkpoint, or its data is missing or broken.
    """
    run, started = Path(run_dir), time.perf_counter()
    config, tokenizer, params, step = restore_run(run, "two_tower")
    folders = {name: folder for name, folder in (("synthetic", config.data.dir), ("real", config.data.real)) if folder}
    made_of = {
        "version": VERSION,
        "checkpoint_step": step,
        "data": {name: fingerprint(folder) for name, folder in folders.items()},
    }
    if not force and (there := finished(run / "eval.json", made_of, [run / "scores.npz"])):
        print(f"{run / 'eval.json'} is there for step {step} and the same data (ARGS=--force measures again)")
        return there
    embedders = [embedder(config.model, each) for each in (params, two_tower.init(config.model, config.seed)[1])]
    scale = float(np.exp(params["logit_scale"]))
    results: dict[str, Any] = {"synthetic": None, "real": None}
    arrays: dict[str, Any] = {"logit_scale": scale}
    for name, folder in folders.items():
        results[name], test = _measure(name, folder, config, tokenizer, embedders)
        arrays |= {f"{name}_rows": test.rows, f"{name}_scores": test.embedded[0].scores()}
    results |= made_of | {"run": how(f"--run={run}", started)}
    _write(run, results, arrays)
    return results


def evaluate_checkpoint(model: api.Model, data_dir: str, runs: str | Path = "runs") -> tuple[dict[str, Any], Path]:
    """Score a model on the test split of a data set, or on val where it has no test split.

    Returns what eval.json holds, and its folder, runs/eval_CHECKPOINT_DATA. Raises UserError where the model has no
    text tower or no tokenizer, or the data is missing or broken.
    """
    started, words = time.perf_counter(), model.words()
    folder = Path(runs) / "eval_{}_{}".format(*(Path(path).resolve().stem for path in (model.source, data_dir)))
    splits = {name for name, shards in tfrecords.read_manifest(data_dir)["splits"].items() if shards}
    split = next((name for name in HELD_OUT if name in splits), None)
    if split is None:
        raise UserError(f"{data_dir} has no families to score: none of the splits {', '.join(HELD_OUT)}")
    test = read_split(data_dir, split, words, model, [model.embedder])
    results = {
        "version": VERSION,
        "checkpoint": str(model.source),
        "data": {"folder": str(data_dir), "split": split, "fingerprint": fingerprint(data_dir)},
        "lost_share": test.lost_share,
        "scores": sections.section(test, test.embedded[0]),
        "run": how(f"--checkpoint={model.source} --data {data_dir}", started),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, results, {"logit_scale": model.scale, "rows": test.rows, "scores": test.embedded[0].scores()})
    return results, folder


def _write(folder: Path, results: dict[str, Any], arrays: dict[str, Any]) -> None:
    with tfrecords.open_atomic(folder / "scores.npz") as file:
        np.savez_compressed(file, **arrays)
    with tfrecords.open_atomic(folder / "eval.json") as file:
        file.write(json.dumps(results, indent=1, allow_nan=False).encode())


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
        "command": f"python -m mmgeo_jax.evaluate {arguments}",
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


def table(results: dict[str, Any]) -> str:
    """Both Hit@1 of a checkpoint on a data set, by layout and difficulty, and two-alternative accuracies by kind."""
    scores, data = results["scores"], results["data"]
    details, sides = scores["details"], ("text", "image")
    whole = {f"{side}_hit1": {"score": scores[f"{side}_hit1"], "interval": scores["intervals"][f"{side}_hit1"],
                              "chance": details["chance"][f"{side}_hit1"]} for side in sides}  # fmt: skip
    rows = {"all": whole}
    for title, groups in (("", details["by_layout"]), ("difficulty ", details["by_difficulty"])):
        rows |= {f"{title}{name}": group for name, group in groups.items()}
    for kinds in (details["by_kind"], details["by_finer_kind"]):
        rows |= {kind: {f"{side}_hit1": kinds[side][kind] for side in sides} for kind in kinds["text"]}
    lines = [f"{results['checkpoint']} on {data['folder']}, {data['split']}, {scores['n']} families; 95 % intervals",
             f"{'':20}{'picture finds caption':27}{'caption finds picture':27}chance"]  # fmt: skip
    for name, row in rows.items():
        entries = [row[f"{side}_hit1"] for side in sides]
        if any(entry["score"] is not None for entry in entries):
            chance = next(entry["chance"] for entry in entries if entry["score"] is not None)
            lines.append(f"{name:20}{_shown(entries[0]):27}{_shown(entries[1]):27}{chance:.3f}")
    if lost := results["lost_share"]:
        lines.append(
            f"the tokenizer, or the length of captions, makes {lost:.1%} of the false ones the same as a true one"
        )
    return "\n".join(lines)


def _shown(entry: dict[str, Any]) -> str:
    if entry["score"] is None:
        return "-"
    low, high = entry["interval"]
    return f"{entry['score']:.3f} ({low:.3f} to {high:.3f})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m mmgeo_jax.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", help="the folder of a trained run, scored on its own data")
    what.add_argument("--checkpoint", help="a run, a big_vision .npz, or a Hugging Face folder of SigLIP or CLIP")
    parser.add_argument("--data", nargs="+", default=[], metavar="DIR", help="data sets for --checkpoint")
    parser.add_argument("--tokenizer", help="of a published checkpoint: a file or folder (default: in its own folder)")
    parser.add_argument("--force", action="store_true", help="measure again what is there, for --run")
    options = parser.parse_args(arguments)
    if bool(options.checkpoint) != bool(options.data):
        parser.error("--checkpoint and --data go together")
    try:
        if options.run:
            if checkpoints.kind_of(configs.read(options.run).model) == "lmm":
                from mmgeo_jax import evaluate_lmm  # which needs this module

                print(evaluate_lmm.summary(evaluate_lmm.evaluate_run(options.run, options.force)))
            else:
                print(summary(evaluate_run(options.run, options.force)))
            return 0
        model = api.load(options.checkpoint, options.tokenizer)
        for folder in options.data:
            results, where = evaluate_checkpoint(model, folder)
            print(f"{table(results)}\n{where / 'eval.json'}")
    except (UserError, records.UserError, OSError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
