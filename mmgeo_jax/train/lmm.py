"""Train a multimodal model to say what is asked of a diagram: a config -> the folder runs/NAME.

    mmgeo train-lmm --config=configs/lmm_align.py   # from runs/clip_tiny: it learns to read a diagram
    mmgeo train-lmm --config=configs/lmm_tiny.py    # from there: it learns to solve

The same command goes on where a run was killed, bit for bit, and skips what is done. The folder holds what one of
train_clip does (its module says what), and eval.json, answers.jsonl and report.html of the problems of the test split.
The loop itself is in loop.py; here is what it trains.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from data_gen.records import tfrecords
from data_gen.records.tfrecords import RecordSource
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.batch import LmmBatch
from mmgeo_jax.checkpoints import init_from as start_from
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.data import reader
from mmgeo_jax.data.tokenizer import Tokenizer, of_run
from mmgeo_jax.distributed import mesh
from mmgeo_jax.evals import lmm as lmm_eval
from mmgeo_jax.models import freeze, lmm, lora
from mmgeo_jax.report import lmm as lmm_report
from mmgeo_jax.train import flops, loop

Arrays = dict[str, Any]


def task(config: ConfigDict, run: Path, devices: Any, begins: bool) -> loop.Task:
    """A multimodal model on pictures and texts. Raises UserError where the data, the tokenizer or a checkpoint does
    not fit."""
    mesh.check_batch(config.train, devices)
    sources = [RecordSource(config.data.dir, "train")]
    words = find_tokenizer(run, config, sources)
    check_sizes(config, words)
    lmm_data.check_lengths(sources[0], words, config.data, config.train.global_batch)
    graphdef, params = lmm.init(config.model, config.seed)
    for source, parts in (config.init_from, config.init_parts), (config.decoder_from, "decoder"):
        if source and begins:
            params = start_from.fill(params, start_from.read(source, parts), config.model, parts, words)
    graphdef, params = lora.add(graphdef, params, config.lora, config.optim.freeze, config.seed)
    place = jax.process_index(), jax.process_count()
    return loop.Task(
        params=params,
        tokenizer=words.proto,
        gradients=make_gradients(config, graphdef, devices),
        batches=lambda start: (
            lmm_data.train_batches(sources, words, config.data, config.seed, start, config.train.global_batch, *place),
            start,
        ),
        validate=make_validation(config, graphdef, words, devices),
        scalars=scalars,
        count=lambda batch: {
            "images": int((batch["image_segments"] > 0).sum()),
            "tokens": int((batch["segments"] > 0).sum()),
        },
        flops=lambda batch: step_flops(config, batch),
    )


def fresh(config: ConfigDict) -> tuple[nnx.GraphDef, Any]:
    """Returns the model of a config, (graphdef, params), LoRA's factors included."""
    return lora.add(*lmm.init(config.model, config.seed), config.lora, config.optim.freeze, config.seed)


def empty_batch(config: ConfigDict, rows: int) -> LmmBatch[np.ndarray]:
    """A batch of padding."""
    return lmm_data.empty_batch(rows, config.data)


def scalars(params: Any) -> dict[str, jax.Array]:
    """Of the parameters nothing is logged."""
    return {}


def step_flops(config: ConfigDict, batch: Arrays) -> int:
    """Model FLOPs of a step over a batch."""
    rows, images = batch["image_segments"].shape
    return flops.lmm_step(config.model, rows, images, batch["tokens"].shape[1], config.optim.freeze)


# ---------------------------------------------------------------- the loss and its gradient

READ = ("images", "tokens", "segments", "prefix", "image_segments")  # what the model gets of a batch


def loss_of(config: ConfigDict, graphdef: nnx.GraphDef, params: Any, batch: Arrays) -> tuple[jax.Array, Arrays]:
    """Mean cross-entropy of the answers' tokens, and {"tokens", "accuracy"} of `lmm.answer_loss`."""
    model: lmm.LMM = nnx.merge(graphdef, params)
    return lmm.answer_loss(model(*(batch[name] for name in READ)), batch["tokens"], batch["loss_mask"])


def make_gradients(config: ConfigDict, graphdef: nnx.GraphDef, devices: Any) -> loop.Gradients:
    """(params, batch) -> ((loss, metrics), gradients), in `train.micro_batches` of the batch, which changes neither:
    each counts by its tokens."""
    count = config.train.micro_batches

    def share(params: Any, part: Arrays, total: jax.Array) -> tuple[jax.Array, Arrays]:
        loss, found = loss_of(config, graphdef, freeze.stop_frozen(params, config.optim.freeze), part)
        weight = found["tokens"] / jnp.maximum(total, 1.0)
        return loss * weight, {"accuracy": found["accuracy"] * weight}

    def gradients(params: Any, batch: Arrays) -> tuple[tuple[jax.Array, Arrays], Any]:
        total = batch["loss_mask"][:, 1:].sum().astype(jnp.float32)
        counted = {"told_tokens": total, "left_out": (batch["image_segments"] == 0).sum().astype(jnp.float32)}
        read = {name: batch[name] for name in (*READ, "loss_mask")}
        of_part = jax.value_and_grad(share, has_aux=True)
        if count == 1:
            (loss, found), slope = of_part(params, read, total)
            return (loss, found | counted), slope
        parts = {name: x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1) for name, x in read.items()}
        first = jax.tree.map(lambda x: x[0], parts)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(of_part, params, first, total))

        def add(so_far: Any, part: Arrays) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, so_far, of_part(params, part, total)), None

        ((loss, found), slope), _ = jax.lax.scan(add, zeros, parts)
        return (loss, found | counted), slope

    return gradients


# ---------------------------------------------------------------- tokenizer, checks, validation


def find_tokenizer(run: Path, config: ConfigDict, sources: Sequence[reader.Source]) -> Tokenizer:
    """The run's tokenizer: its own, a given one, that of the multimodal run that it starts from, or a new one."""
    given = Path("none")
    if "decoder" in config.init_parts:
        given = Path(config.init_from or "none") / "tokenizer.model"

    def texts() -> Iterator[str]:
        for source in sources:
            for family in reader.read_evenly_spaced(source, config.tokenizer.train_families, "texts for the tokenizer"):
                yield from lmm_data.tokenizer_corpus(family)

    return of_run(run, config, given, texts, lmm_data.PHRASES)


def check_sizes(config: ConfigDict, words: Tokenizer) -> None:
    """Raises UserError, which says what to set, where the model does not fit the tokenizer or the pictures."""
    if words.vocab_size > config.model.decoder.vocab_size:
        raise UserError(
            f"the decoder does not fit the tokenizer: set --config.model.decoder.vocab_size={words.vocab_size}"
        )
    if config.data.size_px > config.model.image.size_px:
        raise UserError(
            f"data.size_px={config.data.size_px} is more than model.image.size_px={config.model.image.size_px}"
        )


def fingerprint(data: ConfigDict) -> str:
    """Hash of the shards that are trained on and validated with."""
    splits = tfrecords.read_manifest(data.dir)["splits"]
    return hashlib.sha256(json.dumps([splits.get("train"), splits.get("val")]).encode()).hexdigest()[:16]


def make_validation(
    config: ConfigDict, graphdef: nnx.GraphDef, words: Tokenizer, devices: Any
) -> Callable[[Any], dict[str, float]]:
    """A function of params: loss and share of right tokens over the first families of val."""
    source, rows = RecordSource(config.data.dir, "val"), config.train.global_batch
    count = min(len(source), config.train.eval_families)
    batches = lmm_data.eval_batches([source], words, config.data, rows, jax.process_index(), jax.process_count())
    held = [mesh.shard_batch(batch, devices) for batch in itertools.islice(batches, -(-count // rows))]
    of_batch = jax.jit(partial(loss_of, config, graphdef), out_shardings=mesh.replicated(devices))

    def validate(params: Any) -> dict[str, float]:
        parts = jax.device_get([of_batch(params, batch) for batch in held])
        tokens = np.array([found["tokens"] for _, found in parts], np.float64)
        sums = [(tokens * [value for value in values]).sum() for values in (
            [loss for loss, _ in parts], [found["accuracy"] for _, found in parts])]  # fmt: skip
        return {name: float(each / max(1.0, tokens.sum()))
                for name, each in zip(("val_loss", checkpoints.BEST[1]), sums, strict=True)}  # fmt: skip

    return validate


# ---------------------------------------------------------------- the command


def finish(run: Path) -> None:
    """What comes after training on problems, on one machine: unseen ones are solved, where the data has some."""
    if configs.read_run_config(run).data.task == "problems" and lmm_eval.evaluate_run(run):
        lmm_report.write_report(run)


def main(arguments: Sequence[str]) -> int:
    """The command; returns the exit status."""
    what = "Train a multimodal model: a config -> runs/NAME."
    return loop.command(arguments, "train-lmm", what, fingerprint, task, finish)
