"""Scores the two towers: a run on its own test sets, or any checkpoint on any data set. `mmgeo eval` calls it.

Of a run, `synthetic` is the test split of its data, and `real` the val split of real figures where it has some.
Results are eval.json and, beside it, scores.npz with the cosines of every family, for the report.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from data_gen.records import tfrecords
from data_gen.shared import files
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import preparation as preparations
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.evals import probes, runs
from mmgeo_jax.evals import scores as eval_scores
from mmgeo_jax.evals.embed import Split, read_split
from mmgeo_jax.evals.scores import Scores, UnimodalScores
from mmgeo_jax.inference import encoder
from mmgeo_jax.inference.encoder import Embedder, embedder
from mmgeo_jax.models import two_tower

PROBE_FAMILIES = 1500  # on which the leak probes train
# name of a test set -> the first of these splits that has families is scored
HELD_OUT = {"synthetic": ("test", "val", "train"), "real": ("val", "test", "train")}
VERSION = 3  # of what is measured: a higher one makes old results stale


def evaluate_run(run_dir: str | Path, force: bool = False) -> dict[str, Any]:
    """Writes eval.json and scores.npz of a run; returns the contents of eval.json. Skips what was made from the same
    checkpoint and data, unless forced. Raises UserError where there is no checkpoint, or data is missing or broken."""
    run, started = Path(run_dir), time.perf_counter()
    config, tokenizer, params, step = checkpoints.restore_run(run, "two_tower")
    folders = {"synthetic": config.data.dir, "real": config.data.real_dir}
    folders = {name: folder for name, folder in folders.items() if folder}
    data = {name: runs.fingerprint_data(folder) for name, folder in folders.items()}
    inputs = {"version": VERSION, "checkpoint_step": step, "data": data}
    if finished := runs.load_finished(run, inputs, "scores.npz", force, "eval.json"):
        return finished
    untrained = embedder(config.model, two_tower.init(config.model, config.seed)[1])._replace(likelihoods=None)
    embedders = [embedder(config.model, params), untrained]
    results: dict[str, Any] = {"synthetic": None, "real": None}
    arrays: dict[str, Any] = {"logit_scale": float(np.exp(params["logit_scale"]))}
    for name, folder in folders.items():
        split = tfrecords.choose_split(folder, HELD_OUT[name])
        scores, test = _score_with_controls(split, folder, config.data, tokenizer, embedders)
        results[name] = scores.to_json() | {"split": split} | by_likelihood(test)
        arrays |= {f"{name}_rows": test.rows, f"{name}_scores": test.embedded[0].scores()}
    results |= inputs | {"run": runs.describe_run(f"--run={run}", started)}
    _write_results(run, results, arrays)
    return results


def evaluate_checkpoint(
    model: encoder.Model,
    source: str | Path,
    data_dir: str,
    runs_dir: str | Path = "runs",
    preparation: str = preparations.OURS.name,
) -> tuple[dict[str, Any], Path]:
    """Scores a model on the test split of a data set, or on val where it has no test split, its pictures prepared as
    `data/preparation.py` has it. Returns the contents of eval.json and its folder, runs/eval_CHECKPOINT_DATA. Raises
    UserError where the model has no text tower or no tokenizer, or the data is missing or broken."""
    started, tokenizer = time.perf_counter(), model.require_tokenizer()
    split = tfrecords.choose_split(data_dir, HELD_OUT["synthetic"])
    prepared = preparations.find(preparation, source, model.size_px)
    test = read_split(data_dir, split, tokenizer, model.length, model.size_px, [model.embedder], prepare=prepared.apply)
    results = {
        "version": VERSION,
        "checkpoint": str(source),
        "data": {"folder": str(data_dir), "split": split, "fingerprint": runs.fingerprint_data(data_dir)},
        "preparation": {"name": prepared.name, "says": prepared.says},
        "merged_share": test.merged_share,
        "scores": eval_scores.compute_scores(test, test.embedded[0]).to_json() | by_likelihood(test),
        "run": runs.describe_run(f"--checkpoint={source} --data {data_dir} --preparation={preparation}", started),
    }
    folder = runs.make_folder(source, data_dir, runs_dir, preparations.suffix(prepared))
    arrays = {"logit_scale": model.scale, "rows": test.rows, "scores": test.embedded[0].scores()}
    _write_results(folder, results, arrays)
    return results, folder


def by_likelihood(test: Split) -> dict[str, Any]:
    """Returns the scores of a test set by likelihood, as {"likelihood": ...}, where the model decodes captions."""
    if test.embedded[0].likelihoods is None:
        return {}
    return {"likelihood": eval_scores.compute_scores(test, test.embedded[0], likelihood=True).to_json()}


def _write_results(folder: Path, results: dict[str, Any], arrays: dict[str, Any]) -> None:
    with files.open_atomic(folder / "scores.npz") as file:
        np.savez_compressed(file, **arrays)
    runs.write_results(folder, results)


def _score_with_controls(
    split: str, folder: str, data: ConfigDict, tokenizer: Tokenizer, embedders: Sequence[Embedder]
) -> tuple[Scores, Split]:
    test = read_split(folder, split, tokenizer, data.max_tokens, data.size_px, embedders)
    train = read_split(folder, "train", tokenizer, data.max_tokens, data.size_px, limit=PROBE_FAMILIES)
    trained, untrained = test.embedded
    unimodal = unimodal_scores(train, test, tokenizer.vocab_size)
    return eval_scores.compute_scores(test, trained, untrained, unimodal), test


def unimodal_scores(train: Split, test: Split, vocab_size: int, seed: int = 0) -> UnimodalScores:
    """Trains every leak probe, which sees one side only, on one split, and scores another with it."""
    members = eval_scores.candidates(train.truth).shape[2]

    def score_captions(name: str, cut: slice, target: Callable[[Split], np.ndarray]) -> probes.ProbeScores:
        return probes.score_captions(
            train.tokens[:, cut], target(train), test.tokens[:, cut], vocab_size=vocab_size, seed=seed, name=name
        )

    anchors = score_captions("captions", slice(0, members), eval_scores.target_anchor)
    if test.truth.shape[1] == 1:
        return UnimodalScores(anchors, None, None)
    targets = eval_scores.target_pictures(train)
    pictures = probes.score_pictures(train.thumbnails, targets, test.thumbnails, seed=seed)
    if test.truth.shape[2] == test.truth.shape[1]:
        return UnimodalScores(anchors, pictures, None)
    negatives = score_captions("text-only captions", slice(None), eval_scores.target_pictured)
    return UnimodalScores(anchors, pictures, negatives)


def summarize(results: dict[str, Any]) -> str:
    """Formats eval.json: a line for each test set of a run, or the table of a checkpoint."""
    if "checkpoint" in results:
        return _format_table(results)
    lines = []
    for name in ("synthetic", "real"):
        if section := results[name]:
            keys = ("image_hit1", "text_hit1", "chance", "unimodal_text_hit1", "untrained_text_hit1")
            lines.append(f"{name} ({section['families']} families of {section['split']}): {_values(section, keys)}")
            if other := section.get("likelihood"):
                lines.append(f"{name} by likelihood: {_values(other, keys[:2])}")
    return "\n".join(lines)


def _values(section: dict[str, Any], keys: Sequence[str]) -> str:
    scores = {key: section[key] for key in keys} | section["by_kind"]
    return ", ".join(f"{key} {value:.3f}" for key, value in scores.items() if value is not None)


def _format_table(results: dict[str, Any]) -> str:
    """Formats both Hit@1 by layout and difficulty, then pairwise accuracies by kind."""
    data = results["data"]
    lines = [
        f"{results['checkpoint']} on {data['folder']}, {data['split']}, {results['scores']['families']} families; "
        "95 % intervals",
        f"pictures prepared {preparations.describe(results['preparation'])}",
    ]
    if share := results["merged_share"]:
        lines.append(f"{share:.1%} of false captions have the tokens of a true one: merged by the tokenizer, or cut")
    lines += _table_lines("by cosine", results["scores"])
    if other := results["scores"].get("likelihood"):
        lines += _table_lines("by likelihood", other)
    return "\n".join(lines)


def _table_lines(by: str, scores: dict[str, Any]) -> list[str]:
    details, hits = scores["details"], ("text_hit1", "image_hit1")
    overall = {
        name: {"score": scores[name], "interval": scores["intervals"][name], "chance": details["chance"][name]}
        for name in hits
    }
    rows = {"all": overall}
    for title, groups in (("", details["by_layout"]), ("difficulty ", details["by_difficulty"])):
        rows |= {f"{title}{name}": group for name, group in groups.items()}
    for kinds in (details["by_kind"], details["by_finer_kind"]):
        rows |= {kind: {name: kinds[name.removesuffix("_hit1")][kind] for name in hits} for kind in kinds["text"]}
    lines = [
        f"{by:20}{'picture finds caption':27}{'caption finds picture':27}chance",
    ]
    for name, row in rows.items():
        cells = [row[each] for each in hits]
        if any(cell["score"] is not None for cell in cells):
            chance = next(cell["chance"] for cell in cells if cell["score"] is not None)
            lines.append(f"{name:20}{_format_score(cells[0]):27}{_format_score(cells[1]):27}{chance:.3f}")
    return lines


def _format_score(cell: dict[str, Any]) -> str:
    if cell["score"] is None:
        return "-"
    low, high = cell["interval"]
    return f"{cell['score']:.3f} ({low:.3f} to {high:.3f})"
