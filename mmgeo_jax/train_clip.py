"""Train an image tower and a text tower on families of diagrams: a config -> the folder runs/NAME.

    python -m mmgeo_jax.train_clip --config=configs/clip_tiny.py --config.optim.lr=1e-3

The same command goes on where a run was killed, bit for bit, and skips what is done. The folder holds config.json,
tokenizer.model, metrics.jsonl (what is computed: the same for the same config), timing.jsonl (how fast),
checkpoints/, and at the end eval.json and report.html.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen import records, tfrecords
from data_gen.nearest import WithRetrieved
from data_gen.tfrecords import RecordSource
from mmgeo_jax import checkpoints, evaluate, hits, input, mesh, metrics, objective, optim, processes, report, trackers
from mmgeo_jax import config as configs
from mmgeo_jax.errors import UserError
from mmgeo_jax.models import two_tower
from mmgeo_jax.tokenizer import Tokenizer
from mmgeo_jax.tokenizer import train as train_tokenizer
from mmgeo_jax.weights import start as start_from

CACHE = "~/.cache/mmgeo_jax/xla"  # of compiled programs, where JAX_COMPILATION_CACHE_DIR says nothing else
MOST_ROWS = 64  # families that an error names

Arrays = dict[str, Any]


def train(config: ConfigDict, run: Path) -> bool:
    """Train until train.steps; returns False where a signal ended it before, everything saved.

    Raises UserError where the data or a checkpoint is broken, or the loss is not finite.
    """
    data, steps = config.data, config.train.steps
    devices = mesh.make_mesh(config.mesh.fsdp)
    mesh.check_batch(config.train, devices)
    with checkpoints.open_folder(run) as folder, contextlib.ExitStack() as files, stopping() as stopped:
        if folder.latest_step() == steps:
            return True

        sources = open_sources(data)
        words = find_tokenizer(run, config, sources)
        check_tokenizer(words, config.model.text)
        input.lost_share(sources[0], words, data)

        graphdef, params = two_tower.init(config.model, config.seed)
        if config.init_from and folder.latest_step() is None:
            given = words if config.tokenizer.file else None
            checkpoint = start_from.read(config.init_from)
            params = start_from.fill(params, checkpoint, config.model, config.init_parts, given)
        optimizer = optim.optimizer(config.optim, steps)
        state = mesh.place({"params": params, "opt_state": optimizer.init(params)}, devices)
        start, restored = 0, checkpoints.restore(folder, state, repair=True)
        if restored is not None:
            start, state, proto = restored
            words = Tokenizer(proto)
        params, opt_state = state["params"], state["opt_state"]

        train_step = make_train_step(config, graphdef, optimizer, state, devices)
        validate = make_validation(config, graphdef, words, devices)
        batches, switch = read_batches(sources, words, config, start)
        first, process_count = processes.is_first(), jax.process_count()
        if first:
            line = mesh.summary(state)
            with tfrecords.open_atomic(run / "overview.txt") as file:
                file.write(f"{line}\n\n{mesh.overview(state['params'])}\n".encode())
            print(f"{line}: {run / 'overview.txt'}", file=sys.stderr)
        log, timing = (
            files.enter_context(metrics.open_log(run / name if first else os.devnull, start))
            for name in ("metrics.jsonl", "timing.jsonl")
        )
        bar = files.enter_context(
            tqdm(total=steps, initial=start, desc=config.name, unit="step", dynamic_ncols=True, disable=not first)
        )
        track = files.enter_context(trackers.open_trackers(run, config)) if first else lambda step, values: None
        clock, unchecked = metrics.Clock(), []

        for step in range(start, steps):
            with clock.waiting():
                batch = next(batches)
            params, opt_state, values = train_step(params, opt_state, np.int32(step), mesh.put(batch, devices))
            done = step + 1
            logs, validates, saves = (
                done % every == 0 or done == steps
                for every in (config.train.log_every, config.train.eval_every, config.train.checkpoint_every)
            )
            unchecked.append((done, batch["family"], values["loss"], values["grad_norm"]))
            images, tokens = int(batch["image_mask"].sum()), int((batch["tokens"] != words.pad_id).sum())
            clock.count(images=images * process_count, tokens=tokens * process_count)
            if step in (start, switch):  # which compiled
                jax.block_until_ready(values)
                clock = metrics.Clock()
            # Alone a process may stop at any step, several where they wait for each other anyway.
            stops = bool(stopped) if process_count == 1 else logs and processes.any_of_them(bool(stopped))
            if logs or validates or saves or stops:
                check_finite(unchecked, folder.latest_step())
                unchecked.clear()
            if logs:
                rates = clock.rates()
                rates |= metrics.utilisation(config.model, batch, rates.get("step_s"))
                values = jax.device_get(values)
                metrics.write(log, done, values)
                metrics.write(timing, done, rates)
                track(done, {**values, **rates})
                bar.set_postfix(metrics.shown(float(values["loss"]), rates))
                clock = metrics.Clock()
            with clock.paused():
                found = validate(params) if validates else None
                if found:
                    metrics.write(log, done, found)
                    track(done, found)
                if saves or stops:
                    if first:
                        os.fsync(log.fileno())
                    trees = {"params": params, "opt_state": opt_state}
                    checkpoints.save(folder, done, trees, words.proto, found)
            bar.update()
            if stops and done < steps:
                return False
    return True


# ---------------------------------------------------------------- the step


def make_train_step(
    config: ConfigDict, graphdef: nnx.GraphDef, optimizer: optax.GradientTransformation, state: Arrays, devices: Any
) -> jax.stages.Wrapped:
    """The jitted pure function (params, opt_state, step, batch) -> (params, opt_state, metrics), which takes over
    the buffers of its first two arguments. `step` is int32, from 0; metrics are f32 scalars."""
    rate = optim.learning_rate(config.optim, config.train.steps)

    gradients_of = objective.make_gradients(config, graphdef, devices)

    def train_step(
        params: Any, opt_state: Any, step: jax.Array, batch: Arrays
    ) -> tuple[Any, Any, dict[str, jax.Array]]:
        (value, parts), gradients = gradients_of(params, batch)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        values = {"loss": value, **parts, "grad_norm": optax.tree.norm(gradients)}
        values |= {"update_norm": optax.tree.norm(updates), "lr": jnp.asarray(rate(step))}
        values |= {"scale": jnp.exp(params["logit_scale"]), "bias": params["logit_bias"]}
        return optax.apply_updates(params, updates), opt_state, values

    kept = [mesh.state_shardings(state[name], devices) for name in ("params", "opt_state")]
    whole = mesh.everywhere(devices)
    return jax.jit(
        train_step,
        in_shardings=(*kept, whole, mesh.batch_sharding(devices)),
        out_shardings=(*kept, whole),
        donate_argnums=(0, 1),
    )


def check_finite(values: Sequence[tuple[int, np.ndarray, jax.Array, jax.Array]], kept: int | None) -> None:
    """Raises UserError for the first (step, rows of its families, loss, gradient norm) that is not finite."""
    for step, rows, loss, norm in values:
        if not (np.isfinite(loss) and np.isfinite(norm)):
            named = ", ".join(map(str, rows[:MOST_ROWS].tolist())) + (", ..." if len(rows) > MOST_ROWS else "")
            left = f"the checkpoint of step {kept} stays" if kept else "nothing was saved before"
            raise UserError(
                f"step {step} has a loss of {loss:g} and a gradient of {norm:g}, over families {named} of train: "
                f"lower optim.lr, or look at these; {left}"
            )


# ---------------------------------------------------------------- data and validation


def open_sources(data: ConfigDict) -> list[input.Source]:
    """What is trained on: the train split of data.dir, and that of data.real where data.real_train; with
    data.retrieved captions of other families after each family's own."""
    if data.real_train and not data.real:
        raise UserError(
            "data.real_train is True, but data.real names no folder: set --config.data.real=data/formalgeo7k"
        )
    folders = (data.dir, data.real if data.real_train else "")
    sources = [RecordSource(folder, "train") for folder in folders if folder]
    if not data.retrieved:
        return list(sources)
    return [WithRetrieved(source, data.captions, data.retrieved) for source in sources]


def read_batches(
    sources: Sequence[input.Source], words: input.Tokenizer, config: ConfigDict, start: int
) -> tuple[Iterator[input.Batch], int]:
    """Batches from step `start` on, and the step from which they are whole families.

    Before it (`train.anchors_first` of the steps) a batch holds as many pictures, each the anchor of another family.
    """
    data, train = config.data, config.train
    switch = round(train.anchors_first * train.steps)

    def batches(layout: ConfigDict, first: int, size: int) -> Iterator[input.Batch]:
        place = jax.process_index(), jax.process_count()
        return input.train_batches(sources, words, layout, config.seed, first, size, *place)

    whole = ConfigDict(data)
    whole.captions = data.captions + data.retrieved
    families = batches(whole, max(start, switch), train.global_batch)
    if start >= switch:
        return families, switch
    alone = ConfigDict(data)
    alone.images = alone.captions = 1
    anchors = batches(alone, start, train.global_batch * data.images)
    return itertools.chain(itertools.islice(anchors, switch - start), families), switch


def fingerprint(data: ConfigDict) -> str:
    """Hash of the shards that are trained on and validated with."""
    folders = [data.dir, *([data.real] if data.real_train else [])]
    splits = [tfrecords.read_manifest(folder)["splits"] for folder in folders]
    text = json.dumps([[rows.get("train"), rows.get("val")] for rows in splits])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def find_tokenizer(run: Path, config: ConfigDict, sources: Sequence[input.Source]) -> Tokenizer:
    """The run's tokenizer: the one that is there, that of `tokenizer.file`, the one of the run that it starts from, or
    one that is trained on captions of its training families."""
    path, given = run / "tokenizer.model", Path(config.init_from or "none") / "tokenizer.model"
    if path.exists():
        return Tokenizer(path)
    if config.tokenizer.file:
        if given.exists() and re.fullmatch(config.init_parts, "text"):
            raise UserError(
                "init_from is a run, whose text tower knows its own tokenizer alone: leave tokenizer.file empty, or "
                "take the image tower with --config.init_parts=image"
            )
        proto = Tokenizer(config.tokenizer.file).proto
    elif given.exists():
        proto = given.read_bytes()
    else:
        captions: list[str] = []
        for source in sources:
            rows = np.unique(np.linspace(0, len(source) - 1, config.tokenizer.families).astype(int))
            for row in tqdm(rows.tolist(), "captions for the tokenizer", unit=" families", leave=False):
                captions += source[row].captions
        proto = train_tokenizer(captions, config.tokenizer.vocab_size)
    if processes.is_first():  # the others make the same one
        with tfrecords.open_atomic(path) as file:
            file.write(proto)
    return Tokenizer(proto)


def check_tokenizer(words: Tokenizer, text: ConfigDict) -> None:
    """Raises UserError, which says what to set, where the text tower of a config does not fit a tokenizer."""
    wrong = {"tokenizer.vocab_size": words.vocab_size} if words.vocab_size > text.vocab_size else {}
    wrong |= {"model.text.end_id": words.end_id} if words.end_id != text.end_id else {}
    if wrong:
        settings = " ".join(f"--config.{key}={value}" for key, value in wrong.items())
        raise UserError(f"the text tower does not fit the tokenizer: set {settings}")


def make_validation(
    config: ConfigDict, graphdef: nnx.GraphDef, words: Tokenizer, devices: Any
) -> Callable[[Any], dict[str, float]]:
    """A function of params: Hit@1 over the N x N block, and by kind of edit, on the first families of val."""
    source, global_batch = RecordSource(config.data.dir, "val"), config.train.global_batch
    data = ConfigDict(config.data)
    data.images = data.captions = len(source[0].images)  # whole families, whatever is trained on
    count = min(len(source), config.train.eval_families)
    batches = input.eval_batches([source], words, data, global_batch, jax.process_index(), jax.process_count())
    held = [mesh.put(batch, devices) for batch in itertools.islice(batches, -(-count // global_batch))]
    families = [source[row] for row in range(min(len(source), len(held) * global_batch))]
    pairs = [hits.single_edit_pairs(family.edits, data.images) for family in families]
    whole = mesh.everywhere(devices)

    @partial(jax.jit, out_shardings=whole)
    def cosines(params: Any, batch: Arrays) -> tuple[jax.Array, jax.Array]:
        """f32[B, N, C] and the truth int8[B, N, C]."""
        images, texts = objective.embed(graphdef, params, batch)
        shapes = ((*batch[name].shape[:2], -1) for name in ("images", "tokens"))
        images, texts = (x.reshape(shape) for x, shape in zip((images, texts), shapes, strict=True))
        return jnp.einsum("bnd,bcd->bnc", images, texts, precision="highest"), batch["truth"]

    def validate(params: Any) -> dict[str, float]:
        parts = [jax.device_get(cosines(params, batch)) for batch in held]
        scores, truth = (np.concatenate(part)[: len(families)] for part in zip(*parts, strict=True))
        block = hits.block(scores), hits.block(truth)
        tallies = {
            "val_image_hit1": hits.hit1(*block, hits.PICTURES),
            "val_text_hit1": hits.hit1(*block, hits.CAPTIONS),
        }
        sides = [hits.by_kind(scores, truth, pairs, side) for side in (hits.PICTURES, hits.CAPTIONS)]
        tallies |= {f"val_{kind}": hits.total(side[kind] for side in sides) for kind in hits.KINDS}
        found = {name: tally.mean for name, tally in tallies.items() if tally.mean is not None}
        return found | {checkpoints.BEST: (found["val_image_hit1"] + found["val_text_hit1"]) / 2}

    return validate


# ---------------------------------------------------------------- the command


@contextlib.contextmanager
def stopping() -> Iterator[list[int]]:
    """A list that is empty until SIGTERM or Ctrl-C: the loop then saves and ends. A second Ctrl-C ends at once."""
    stopped: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    old = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, before in old.items():
            signal.signal(number, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", os.path.expanduser(CACHE))
    try:
        config = configs.parse(arguments, "mmgeo_jax.train_clip", "Train the two towers: a config -> runs/NAME.")
        if config.deterministic:  # XLA reads it when devices are first asked for
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
        processes.join()
        run = Path(config.runs) / config.name
        config.data.fingerprint = fingerprint(config.data)
        if processes.is_first():
            configs.claim(run, config)
        processes.wait("config.json")
        configs.claim(run, config)
        if not train(config, run):
            _say(f"{run}: stopped and saved; the same command goes on")
            return 0
        if jax.process_count() > 1:
            _say(f"{run}: trained; now, on one machine: make eval RUN={run} and make report RUN={run}")
            return 0
        evaluate.evaluate_run(run)
        report.write_report(run)
    except (UserError, records.UserError) as fault:
        return _fail(fault)
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on")
    except Exception as fault:
        full = isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in str(fault):
            return _fail("the disk is full: make room and give the same command again")
        if isinstance(fault, OSError) and fault.filename:
            return _fail(f"{fault.filename}: {fault.strerror}")
        raise
    print(f"{run}: done, see {run / 'report.html'}")
    return 0


def _say(line: str) -> None:
    """Print a line, once for all processes."""
    if processes.is_first():
        print(line)


def _fail(what: object) -> int:
    print(f"error: {what}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
