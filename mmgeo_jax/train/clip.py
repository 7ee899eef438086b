"""Trains an image tower and a text tower on families of diagrams: a config -> the folder runs/NAME.

    mmgeo train-clip --config=configs/clip_tiny.py --config.optim.lr=1e-3

The way from this command to the gradient:

    clip.main                    gives the loop a `Task` (make_task), and evaluates what it trained (finish)
    loop.run_command             reads the config, connects processes, opens the run's folder
    loop.train                   loops: batch -> train step -> logs, validation, checkpoint
    loop.make_train_step         updates parameters from the gradient (train/optim.py)
    grad_cache.make_gradients    embeds (models/two_tower.py), computes the loss (losses/pairs.py) and its gradient

data/clip.py begins with the way from a record to a batch. The same command resumes a killed run bit for bit, and skips
what is done. The folder holds config.json, tokenizer.model, metrics.jsonl (the same for the same config), timing.jsonl
(how fast), checkpoints/, and at the end eval.json and report.html.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data_gen.records import tfrecords
from data_gen.records.tfrecords import RecordSource
from data_gen.retrieval.sidecar import WithRetrieved
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.batch import ClipBatch
from mmgeo_jax.checkpoints import init_from as start_from
from mmgeo_jax.data import asked, reader
from mmgeo_jax.data import clip as clip_data
from mmgeo_jax.data.tokenizer import Tokenizer, find_or_train
from mmgeo_jax.distributed import mesh as meshes
from mmgeo_jax.evals import clip as clip_eval
from mmgeo_jax.evals import ranking
from mmgeo_jax.losses import grad_cache
from mmgeo_jax.models import two_tower
from mmgeo_jax.models.init import Params
from mmgeo_jax.report import clip as clip_report
from mmgeo_jax.train import flops, loop

VALIDATED = ("val", "test", "train")  # the first of them that has families
make_gradients = grad_cache.make_gradients


def make_task(config: ConfigDict, run: Path, mesh: Mesh, is_new_run: bool) -> loop.Task:
    """Describes the training of two towers. Raises UserError if data, tokenizer or checkpoint do not fit the config."""
    meshes.check_batch(config.train, mesh)
    sources = open_sources(config.data)
    tokenizer = find_tokenizer(run, config, sources)
    check_tokenizer(tokenizer, config.model.text)
    check_readers(config)
    clip_data.check_truncation(sources[0], tokenizer, config.data)
    graphdef, params = init_model(config)
    if config.init_from and is_new_run:
        given = tokenizer if config.tokenizer.file else None
        checkpoint = start_from.read(config.init_from)
        params = start_from.fill(params, checkpoint, config.model, config.init_parts, given)
    return loop.Task(
        params=params,
        tokenizer=tokenizer.proto,
        gradients=lambda config: make_gradients(config, graphdef, mesh),
        batches=lambda start: read_batches(sources, tokenizer, config, start),
        validate=make_validation(config, graphdef, tokenizer, mesh),
        scalars=scalars,
        count=lambda batch: {
            "images": int(batch["image_mask"].sum()),
            "tokens": int((batch["tokens"] != tokenizer.pad_id).sum()),
        },
        flops=lambda batch: step_flops(config, batch),
    )


def check_readers(config: ConfigDict) -> None:
    """Raises UserError where a loss has a weight, but the model has nothing that it could teach."""
    names = losses_beside(config)
    if "dense" in names and not config.model.image.patch_head:
        raise UserError("loss.dense has weights, but nothing reads patches: set --config.model.image.patch_head=True")
    if (decoded := names & {"caption", "distil"}) and not config.model.captioner.depth:
        name = min(decoded)
        raise UserError(f"loss.{name} has a weight, but nothing decodes: set --config.model.captioner.depth=2")
    asked.check_shares(config.data.asked)


def losses_beside(config: ConfigDict) -> set[str]:
    """Returns the names of the losses beside the contrastive one that have a weight, before a restart or after it."""
    return {name for each in (config, configs.later(config)) for name in grad_cache.beside(each)}


def layout(config: ConfigDict) -> ConfigDict:
    """Returns config.data with what the losses read beside it, before a restart or after it."""
    data = ConfigDict(config.data).unlock()
    names = losses_beside(config)
    if "dense" in names:
        data.patch_px = config.model.image.patch_px
    data.distil = "distil" in names
    if "caption" not in names:
        data.asked = ConfigDict({"caption": 1.0})
    return data


def init_model(config: ConfigDict) -> tuple[nnx.GraphDef, Params]:
    """Returns the freshly initialised model of a config, (graphdef, params)."""
    return two_tower.init(config.model, config.seed)


def empty_batch(config: ConfigDict, rows: int) -> ClipBatch[np.ndarray]:
    """Returns a batch of whole families that is all padding."""
    data = layout(config)
    data.max_captions = config.data.max_captions + config.data.retrieved_captions
    families = clip_data.stack_families([clip_data.empty_family(data)] * rows)
    return {**families, "family": np.zeros(rows, np.int32)}


def scalars(params: Params) -> loop.Metrics:
    """Returns the scale and the bias of the scores, for the log."""
    return {"scale": jnp.exp(params["logit_scale"]), "bias": params["logit_bias"]}


def step_flops(config: ConfigDict, batch: loop.Batch) -> int:
    """Returns the model FLOPs of a step over a batch."""
    images, captions = (batch[name].shape[0] * batch[name].shape[1] for name in ("images", "tokens"))
    return flops.train_step(config.model, images, captions, config.optim.freeze)


# ---------------------------------------------------------------- data and validation


def open_sources(data: ConfigDict) -> list[reader.Source]:
    """Opens the train split of data.dir, and with data.train_on_real that of data.real_dir. With
    data.retrieved_captions so many captions of other families follow each family's own."""
    if data.train_on_real and not data.real_dir:
        raise UserError(
            "data.train_on_real is True, but data.real_dir names no folder: set --config.data.real_dir=data/formalgeo7k"
        )
    folders = (data.dir, data.real_dir if data.train_on_real else "")
    sources = [RecordSource(folder, "train") for folder in folders if folder]
    if not data.retrieved_captions:
        return list(sources)
    return [WithRetrieved(source, data.max_captions, data.retrieved_captions) for source in sources]


def read_batches(
    sources: Sequence[reader.Source], tokenizer: clip_data.Tokenizer, config: ConfigDict, start: int
) -> tuple[Iterator[ClipBatch[np.ndarray]], int]:
    """Returns batches from step `start` on, and the step at which whole families begin. Before it, for
    `train.anchor_warmup` of the steps, a batch has as many images, each the anchor of another family."""
    data, train = layout(config), config.train
    switch = round(train.anchor_warmup * train.steps)

    def batches(kind: ConfigDict, first: int, size: int) -> Iterator[ClipBatch[np.ndarray]]:
        place = jax.process_index(), jax.process_count()
        return clip_data.train_batches(sources, tokenizer, kind, config.seed, first, size, place)

    of_families = ConfigDict(data)
    of_families.max_captions = data.max_captions + data.retrieved_captions
    families = batches(of_families, max(start, switch), train.global_batch)
    if start >= switch:
        return families, switch
    of_anchors = ConfigDict(data)
    of_anchors.max_images = of_anchors.max_captions = 1
    anchors = batches(of_anchors, start, train.global_batch * data.max_images)
    return itertools.chain(itertools.islice(anchors, switch - start), families), switch


def fingerprint(data: ConfigDict) -> str:
    """Hashes the shards that training and validation read."""
    folders = [data.dir, *([data.real_dir] if data.train_on_real else [])]
    splits = [tfrecords.read_manifest(folder)["splits"] for folder in folders]
    text = json.dumps([[rows.get("train"), rows.get("val")] for rows in splits])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def find_tokenizer(run: Path, config: ConfigDict, sources: Sequence[reader.Source]) -> Tokenizer:
    """Finds the tokenizer: the run's own, a given one, that of the run it starts from, or a new one."""
    given = Path(config.init_from or "none") / "tokenizer.model"
    if config.tokenizer.file and given.exists() and re.fullmatch(config.init_parts, "text"):
        raise UserError(
            "init_from is a run, whose text tower knows its own tokenizer alone: leave tokenizer.file empty, or "
            "take the image tower with --config.init_parts=image"
        )
    captions = reader.read_texts(sources, config.tokenizer.train_families, lambda family: family.captions)
    return find_or_train(run, config, given, captions)


def check_tokenizer(tokenizer: Tokenizer, text: ConfigDict) -> None:
    """Raises UserError, which says what to set, if the text tower of a config does not fit a tokenizer."""
    wrong = {"tokenizer.vocab_size": tokenizer.vocab_size} if tokenizer.vocab_size > text.vocab_size else {}
    wrong |= {"model.text.end_id": tokenizer.end_id} if tokenizer.end_id != text.end_id else {}
    if wrong:
        settings = " ".join(f"--config.{key}={value}" for key, value in wrong.items())
        raise UserError(f"the text tower does not fit the tokenizer: set {settings}")


def make_validation(
    config: ConfigDict, graphdef: nnx.GraphDef, tokenizer: Tokenizer, mesh: Mesh
) -> Callable[[Params], dict[str, float]]:
    """Returns params -> Hit@1 over the N x N block, or over all captions where families have one image, and accuracy by
    kind of edit, on the first families of val; of another split where val has none."""
    split = tfrecords.choose_split(config.data.dir, VALIDATED)
    if split != VALIDATED[0] and jax.process_index() == 0:
        print(f"{config.data.dir} has no families in val: validation is on {split}")
    source, global_batch = RecordSource(config.data.dir, split), config.train.global_batch
    count = min(len(source), config.train.eval_families)
    data = ConfigDict(config.data)
    # Whole families, even if training cuts them.
    data.max_images = max(len(source[row].images) for row in range(count))
    data.max_captions = max(len(source[row].captions) for row in range(count))
    data.max_captions = data.max_images if data.max_images > 1 else data.max_captions
    place = jax.process_index(), jax.process_count()
    batches = clip_data.eval_batches([source], tokenizer, data, global_batch, place)
    sharded = [meshes.shard_batch(batch, mesh) for batch in itertools.islice(batches, -(-count // global_batch))]
    families = [source[row] for row in range(min(len(source), len(sharded) * global_batch))]
    pairs = [ranking.single_edit_pairs(family.edits, data.max_captions) for family in families]

    @partial(jax.jit, out_shardings=meshes.replicated(mesh))
    def cosines(params: Params, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Returns cosines f32[B, N, C] and the truth int8[B, N, C]."""
        images, texts = grad_cache.embed(graphdef, params, batch["images"], batch["tokens"])
        images, texts = (x.reshape(len(batch["truth"]), -1, x.shape[-1]) for x in (images, texts))
        return jnp.einsum("bnd,bcd->bnc", images, texts, precision="highest"), batch["truth"]

    def validate(params: Params) -> dict[str, float]:
        parts = [jax.device_get(cosines(params, batch)) for batch in sharded]
        scores, truth = (np.concatenate(part)[: len(families)] for part in zip(*parts, strict=True))
        tallies = {
            "val_image_hit1": ranking.hit1(scores, truth, ranking.PICTURES),
            "val_text_hit1": ranking.hit1(scores, truth, ranking.CAPTIONS),
        }
        sides = [ranking.accuracy_by_kind(scores, truth, pairs, side) for side in (ranking.PICTURES, ranking.CAPTIONS)]
        tallies |= {f"val_{kind}": ranking.pool(side[kind] for side in sides) for kind in ranking.KINDS}
        means = {name: tally.mean for name, tally in tallies.items() if tally.mean is not None}
        hits = [means[name] for name in ("val_image_hit1", "val_text_hit1") if name in means]
        return means | ({"val_hit1": sum(hits) / len(hits)} if hits else {})

    return validate


def finish(run: Path) -> None:
    """Evaluates the trained run and writes its report."""
    clip_eval.evaluate_run(run)
    clip_report.write_report(run)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    description = "Train the two towers: a config -> runs/NAME."
    return loop.run_command(arguments, "train-clip", description, fingerprint, make_task, finish)
