"""Score a run on its own test sets, or any checkpoint on any data set; eval.json holds the scores.

    mmgeo eval --run=runs/clip_tiny                              # runs/clip_tiny/eval.json
    mmgeo eval --checkpoint=path/to/siglip --data data/hardset   # runs/eval_siglip_hardset/eval.json

Of a run, `synthetic` is the test split of its data, `real` the val split of real figures where it has some. Beside
eval.json lies scores.npz, the cosines of every family, for the report.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.records import tfrecords
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints.manager import restore_run
from mmgeo_jax.evals import probes
from mmgeo_jax.evals import scores as eval_scores
from mmgeo_jax.evals.embed import Split, read_split
from mmgeo_jax.evals.runs import fingerprint, finished, how
from mmgeo_jax.evals.scores import BlindScores
from mmgeo_jax.inference import encoder
from mmgeo_jax.inference.encoder import Embedder, embedder
from mmgeo_jax.models import two_tower

TRAIN_FAMILIES = 1500  # on which the blind scorers train
HELD_OUT = ("test", "val")  # the first of them that a data set has
VERSION = 2  # of what is measured: a higher one makes old results stale


def evaluate_run(run_dir: str | Path, force: bool = False) -> dict[str, Any]:
    """Write eval.json and scores.npz of a run; return what eval.json holds.

    Skips what is there for the same checkpoint and the same data, unless forced. Raises UserError where the run has
    no checkpoint, or its data is missing or broken.
    """
    run, started = Path(run_dir), time.perf_counter()
    config, tokenizer, params, step = restore_run(run, "two_tower")
    folders = {
        name: folder for name, folder in (("synthetic", config.data.dir), ("real", config.data.real_dir)) if folder
    }
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


def evaluate_checkpoint(model: encoder.Model, data_dir: str, runs: str | Path = "runs") -> tuple[dict[str, Any], Path]:
    """Score a model on the test split of a data set, or on val where it has no test split.

    Returns what eval.json holds, and its folder, runs/eval_CHECKPOINT_DATA. Raises UserError where the model has no
    text tower or no tokenizer, or the data is missing or broken.
    """
    started, tokenizer = time.perf_counter(), model.require_tokenizer()
    folder = Path(runs) / "eval_{}_{}".format(*(Path(path).resolve().stem for path in (model.source, data_dir)))
    splits = {name for name, shards in tfrecords.read_manifest(data_dir)["splits"].items() if shards}
    split = next((name for name in HELD_OUT if name in splits), None)
    if split is None:
        raise UserError(f"{data_dir} has no families to score: none of the splits {', '.join(HELD_OUT)}")
    test = read_split(data_dir, split, tokenizer, model, [model.embedder])
    results = {
        "version": VERSION,
        "checkpoint": str(model.source),
        "data": {"folder": str(data_dir), "split": split, "fingerprint": fingerprint(data_dir)},
        "lost_share": test.lost_share,
        "scores": eval_scores.section(test, test.embedded[0]),
        "run": how(f"--checkpoint={model.source} --data {data_dir}", started),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, results, {"logit_scale": model.scale, "rows": test.rows, "scores": test.embedded[0].scores()})
    return results, folder


def _write(folder: Path, results: dict[str, Any], arrays: dict[str, Any]) -> None:
    with files.open_atomic(folder / "scores.npz") as file:
        np.savez_compressed(file, **arrays)
    with files.open_atomic(folder / "eval.json") as file:
        file.write(json.dumps(results, indent=1, allow_nan=False).encode())


def blind_scores(train: Split, test: Split, vocab_size: int, seed: int = 0) -> BlindScores:
    """Train on one split, and score another with, every scorer that sees one side only."""
    members = eval_scores.candidates(train.truth).shape[2]

    def captions(name: str, cut: slice, wanted: Callable[[Split], np.ndarray]) -> probes.Scores:
        return probes.score_captions(
            train.tokens[:, cut], wanted(train), test.tokens[:, cut], vocab_size=vocab_size, seed=seed, name=name
        )

    anchors = captions("captions", slice(0, members), eval_scores.wanted_anchor)
    if test.truth.shape[1] == 1:
        return BlindScores(anchors, None, None)
    wanted = eval_scores.wanted_pictures(train)
    pictures = probes.score_pictures(train.thumbnails, wanted, test.thumbnails, seed=seed)
    text_only = test.truth.shape[2] > test.truth.shape[1]
    negatives = captions("text-only captions", slice(None), eval_scores.wanted_pictured) if text_only else None
    return BlindScores(anchors, pictures, negatives)


def _measure(name: str, folder: str, config: Any, tokenizer: Any, embedders: Sequence[Embedder]) -> tuple[dict, Split]:
    held_out = {"synthetic": "test", "real": "val"}[name]
    test = read_split(folder, held_out, tokenizer, config.data, embedders)
    train = read_split(folder, "train", tokenizer, config.data, limit=TRAIN_FAMILIES)
    trained, untrained = test.embedded
    return eval_scores.section(test, trained, untrained, blind_scores(train, test, tokenizer.vocab_size)), test
