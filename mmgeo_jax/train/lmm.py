"""Trains a multimodal model to answer questions about diagrams: a config -> the folder runs/NAME.

    mmgeo train-lmm --config=configs/lmm_align.py   # from runs/clip_tiny: it learns to read a diagram
    mmgeo train-lmm --config=configs/lmm_tiny.py    # from there: it learns to solve problems

The way from this command to the gradient is that of train/clip.py, except for its end, `make_gradients` below. The same
command resumes a killed run bit for bit, and skips what is done. The folder holds what that of train-clip does, and
eval.json, answers.jsonl and report.html of the problems of the test split.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data_gen.records import tfrecords
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.batch import LmmBatch
from mmgeo_jax.checkpoints import init_from as start_from
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.data import reader
from mmgeo_jax.data.tokenizer import Tokenizer, find_or_train
from mmgeo_jax.distributed import mesh as meshes
from mmgeo_jax.evals import lmm as lmm_eval
from mmgeo_jax.models import freeze, lmm, lora
from mmgeo_jax.models.init import Params
from mmgeo_jax.report import lmm as lmm_report
from mmgeo_jax.train import flops, loop

Arrays = Mapping[str, jax.Array]  # of a batch


def make_task(config: ConfigDict, run: Path, mesh: Mesh, is_new_run: bool) -> loop.Task:
    """Describes the training of a multimodal model. Raises UserError if data, tokenizer or checkpoint do not fit."""
    meshes.check_batch(config.train, mesh)
    sources = [RecordSource(config.data.dir, "train")]
    tokenizer = find_tokenizer(run, config, sources)
    check_sizes(config, tokenizer)
    rows, place = config.train.global_batch, (jax.process_index(), jax.process_count())
    lmm_data.check_lengths(sources[0], tokenizer, config.data, rows)
    graphdef, params = lmm.init(config.model, config.seed)
    for source, parts in (config.init_from, config.init_parts), (config.decoder_from, "decoder"):
        if source and is_new_run:
            params = start_from.fill(params, start_from.read(source, parts), config.model, parts, tokenizer)
    graphdef, params = lora.add(graphdef, params, config.lora, config.optim.freeze, config.seed)
    return loop.Task(
        params=params,
        tokenizer=tokenizer.proto,
        gradients=lambda config: make_gradients(config, graphdef, mesh),
        batches=lambda start: (
            lmm_data.train_batches(sources, tokenizer, config.data, config.seed, start, rows, place),
            start,
        ),
        validate=make_validation(config, graphdef, tokenizer, mesh),
        scalars=scalars,
        count=lambda batch: {
            "images": int((batch["image_segments"] > 0).sum()),
            "tokens": int((batch["segments"] > 0).sum()),
        },
        flops=lambda batch: step_flops(config, batch),
    )


def init_model(config: ConfigDict) -> tuple[nnx.GraphDef, Params]:
    """Returns the freshly initialised model of a config, (graphdef, params), LoRA's factors included."""
    return lora.add(*lmm.init(config.model, config.seed), config.lora, config.optim.freeze, config.seed)


def empty_batch(config: ConfigDict, rows: int) -> LmmBatch[np.ndarray]:
    """Returns a batch that is all padding."""
    return lmm_data.empty_batch(rows, config.data)


def scalars(params: Params) -> loop.Metrics:
    """Returns nothing: no parameter is logged."""
    return {}


def step_flops(config: ConfigDict, batch: loop.Batch) -> int:
    """Returns the model FLOPs of a step over a batch."""
    rows, images = batch["image_segments"].shape
    return flops.lmm_step(config.model, rows, images, batch["tokens"].shape[1], config.optim.freeze)


# ---------------------------------------------------------------- the loss and its gradient

READ = ("images", "tokens", "segments", "prefix", "image_segments")  # what the model gets of a batch


def loss_of(
    config: ConfigDict, graphdef: nnx.GraphDef, params: Params, batch: Arrays
) -> tuple[jax.Array, loop.Metrics]:
    """Computes the mean cross-entropy of the answers' tokens, and the metrics of `lmm.answer_loss`."""
    model: lmm.LMM = nnx.merge(graphdef, params)
    return lmm.answer_loss(model(*(batch[name] for name in READ)), batch["tokens"], batch["loss_mask"])


def make_gradients(config: ConfigDict, graphdef: nnx.GraphDef, mesh: Mesh | None) -> loop.Gradients:
    """Returns (params, batch) -> ((loss, metrics), gradients), computed in `train.micro_batches` parts. Each part
    weighs as much as it has answer tokens, so that the number of parts changes nothing."""
    count = config.train.micro_batches

    def weighted_loss(params: Params, part: Arrays, total: jax.Array) -> tuple[jax.Array, loop.Metrics]:
        loss, metrics = loss_of(config, graphdef, freeze.stop_frozen(params, config.optim.freeze), part)
        weight = metrics["tokens"] / jnp.maximum(total, 1.0)
        return loss * weight, {"accuracy": metrics["accuracy"] * weight}

    def gradients(params: Params, batch: Arrays) -> tuple[tuple[jax.Array, loop.Metrics], Params]:
        total = batch["loss_mask"][:, 1:].sum().astype(jnp.float32)
        counts = {"answer_tokens": total, "empty_slots": (batch["image_segments"] == 0).sum().astype(jnp.float32)}
        inputs = {name: batch[name] for name in (*READ, "loss_mask")}
        gradients_of = jax.value_and_grad(weighted_loss, has_aux=True)
        if count == 1:
            (loss, metrics), gradients = gradients_of(params, inputs, total)
            return (loss, metrics | counts), gradients
        parts = {name: x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1) for name, x in inputs.items()}
        first = jax.tree.map(lambda x: x[0], parts)
        shapes = jax.eval_shape(gradients_of, params, first, total)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

        def accumulate(sums: Any, part: Arrays) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, sums, gradients_of(params, part, total)), None

        ((loss, metrics), gradients), _ = jax.lax.scan(accumulate, zeros, parts)
        return (loss, metrics | counts), gradients

    return gradients


# ---------------------------------------------------------------- tokenizer, checks, validation


def find_tokenizer(run: Path, config: ConfigDict, sources: Sequence[reader.Source]) -> Tokenizer:
    """Finds the tokenizer: the run's own, a given one, that of the multimodal run it starts from, or a trained one."""
    given = Path("none")
    if "decoder" in config.init_parts:
        given = Path(config.init_from or "none") / "tokenizer.model"
    texts = reader.read_texts(sources, config.tokenizer.train_families, lmm_data.tokenizer_corpus)
    return find_or_train(run, config, given, texts, lmm_data.PHRASES)


def check_sizes(config: ConfigDict, tokenizer: Tokenizer) -> None:
    """Raises UserError, which says what to set, if the model does not fit the tokenizer or the images."""
    if tokenizer.vocab_size > config.model.decoder.vocab_size:
        raise UserError(
            f"the decoder does not fit the tokenizer: set --config.model.decoder.vocab_size={tokenizer.vocab_size}"
        )
    if config.data.size_px > config.model.image.size_px:
        raise UserError(
            f"data.size_px={config.data.size_px} is more than model.image.size_px={config.model.image.size_px}"
        )


def fingerprint(data: ConfigDict) -> str:
    """Hashes the shards that training and validation read."""
    splits = tfrecords.read_manifest(data.dir)["splits"]
    return hashlib.sha256(json.dumps([splits.get("train"), splits.get("val")]).encode()).hexdigest()[:16]


def make_validation(
    config: ConfigDict, graphdef: nnx.GraphDef, tokenizer: Tokenizer, mesh: Mesh
) -> Callable[[Params], dict[str, float]]:
    """Returns params -> loss and share of right tokens over the first families of val; of another split where val has
    none."""
    split = tfrecords.choose_split(config.data.dir, ("val", "test", "train"))
    source, rows = RecordSource(config.data.dir, split), config.train.global_batch
    count = min(len(source), config.train.eval_families)
    batches = lmm_data.eval_batches([source], tokenizer, config.data, rows, (jax.process_index(), jax.process_count()))
    sharded = [meshes.shard_batch(batch, mesh) for batch in itertools.islice(batches, -(-count // rows))]
    of_batch = jax.jit(partial(loss_of, config, graphdef), out_shardings=meshes.replicated(mesh))

    def validate(params: Params) -> dict[str, float]:
        losses, metrics = zip(*jax.device_get([of_batch(params, batch) for batch in sharded]), strict=True)
        tokens = np.array([each["tokens"] for each in metrics], np.float64)

        def mean(values: Sequence[np.ndarray]) -> float:
            return float((tokens * np.array(values)).sum() / max(1.0, tokens.sum()))

        return {"val_loss": mean(losses), checkpoints.BEST[1]: mean([each["accuracy"] for each in metrics])}

    return validate


def finish(run: Path) -> None:
    """Solves the problems of the test split after training on problems, and writes the report."""
    if configs.read_run_config(run).data.task != "problems":
        return
    if results := lmm_eval.evaluate_run(run):
        lmm_report.write_report(run)
    else:
        print(lmm_eval.summarize(results))


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    description = "Train a multimodal model: a config -> runs/NAME."
    return loop.run_command(arguments, "train-lmm", description, fingerprint, make_task, finish)
