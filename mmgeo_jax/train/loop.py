"""The loop that all trainers share: a task -> steps, logs, checkpoints; killed anywhere, it goes on bit for bit.

A trainer (train_clip.py, train_lmm.py) says what is trained, as a `Task`, and calls `command`.
"""

import contextlib
import dataclasses
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen.shared import files as file_io
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.distributed import mesh, processes
from mmgeo_jax.train import logging, optim, trackers

CACHE = "~/.cache/mmgeo_jax/xla"  # of compiled programs, where JAX_COMPILATION_CACHE_DIR says nothing else
MOST_ROWS = 64  # rows that an error names
AHEAD = 2  # steps given to the devices before the first of them is done: progress tells what is done, not what waits

Arrays = dict[str, Any]
Gradients = Callable[[Any, Arrays], tuple[tuple[jax.Array, dict[str, jax.Array]], Any]]


@dataclasses.dataclass(frozen=True)
class Task:
    """What is trained.

    params: nested dicts of float32 arrays, the same in every process; tokenizer: as bytes, for the checkpoint.
    gradients: the pure (params, batch) -> ((loss, metrics), gradients). batches: from a step on, this process's slices,
    which have `family` int32[B, ...], the rows that they are; and the step at which their shapes change, if any.
    validate: params -> scalars. scalars: of params, what is logged beside metrics. count: things of a slice, such as
    images. flops: model FLOPs of a step over a slice.
    """

    params: Any
    tokenizer: bytes
    gradients: Gradients
    batches: Callable[[int], tuple[Iterator[Any], int]]
    validate: Callable[[Any], dict[str, float]]
    scalars: Callable[[Any], dict[str, jax.Array]]
    count: Callable[[Arrays], dict[str, int]]
    flops: Callable[[Arrays], float]


# (config, run, devices, whether the run begins, without a checkpoint) -> the task
MakeTask = Callable[[ConfigDict, Path, Any, bool], Task]


def train(config: ConfigDict, run: Path, make_task: MakeTask) -> bool:
    """Train until train.steps; returns False where a signal ended it before, everything saved.

    Raises UserError where the data or a checkpoint is broken, or the loss is not finite.
    """
    steps = config.train.steps
    devices = mesh.make_mesh(config.mesh.fsdp)
    with checkpoints.open_folder(run) as folder, contextlib.ExitStack() as files, stopping() as stopped:
        if folder.latest_step() == steps:
            return True

        task = make_task(config, run, devices, folder.latest_step() is None)
        optimizer = optim.optimizer(config.optim, steps)
        state = mesh.shard_state({"params": task.params, "opt_state": optimizer.init(task.params)}, devices)
        start, restored = 0, checkpoints.restore(folder, state, repair=True)
        if restored is not None:
            start, state, _ = restored
        params, opt_state = state["params"], state["opt_state"]

        train_step = make_train_step(config, task.gradients, task.scalars, optimizer, state, devices)
        batches, switch = task.batches(start)
        first, process_count = processes.is_first(), jax.process_count()
        if first:
            write_overview(run / "overview.txt", state)
        log, timing = (
            files.enter_context(logging.open_log(run / name if first else os.devnull, start))
            for name in ("metrics.jsonl", "timing.jsonl")
        )
        bar = files.enter_context(
            tqdm(total=steps, initial=start, desc=config.name, unit="step", dynamic_ncols=True, disable=not first)
        )
        track = files.enter_context(trackers.open_trackers(run, config)) if first else lambda step, values: None
        clock, unchecked = logging.Clock(), []

        for step in range(start, steps):
            with clock.waiting():
                batch = next(batches)
            params, opt_state, values = train_step(params, opt_state, np.int32(step), mesh.shard_batch(batch, devices))
            done = step + 1
            logs, validates, saves = (
                done % every == 0 or done == steps
                for every in (config.train.log_every, config.train.eval_every, config.train.checkpoint_every)
            )
            unchecked.append((done, batch["family"], values["loss"], values["grad_norm"]))
            if len(unchecked) > AHEAD:
                jax.block_until_ready(unchecked[-1 - AHEAD])
            clock.count(**{name: count * process_count for name, count in task.count(batch).items()})
            if step in (start, switch):  # which compiled
                jax.block_until_ready(values)
                clock = logging.Clock()
            # Alone a process may stop at any step, several where they wait for each other anyway.
            stops = bool(stopped) if process_count == 1 else logs and processes.any_process(bool(stopped))
            if logs or validates or saves or stops:
                check_finite(unchecked, folder.latest_step())
                unchecked.clear()
            if logs:
                rates = clock.rates()
                rates |= logging.mfu(task.flops(batch) * process_count, rates.get("step_s"))
                values = jax.device_get(values)
                logging.write(log, done, values)
                logging.write(timing, done, rates)
                track(done, {**values, **rates})
                bar.set_postfix(logging.progress_postfix(float(values["loss"]), rates))
                clock = logging.Clock()
            with clock.paused():
                found = task.validate(params) if validates else None
                if found:
                    logging.write(log, done, found)
                    track(done, found)
                if saves or stops:
                    if first:
                        os.fsync(log.fileno())
                    trees = {"params": params, "opt_state": opt_state}
                    checkpoints.save(folder, done, trees, task.tokenizer, found)
            bar.update()
            if stops and done < steps:
                return False
    return True


def make_train_step(
    config: ConfigDict,
    gradients_of: Gradients,
    scalars: Callable[[Any], dict[str, jax.Array]],
    optimizer: optax.GradientTransformation,
    state: Arrays,
    devices: Any,
) -> jax.stages.Wrapped:
    """The jitted pure function (params, opt_state, step, batch) -> (params, opt_state, metrics), which takes over
    the buffers of its first two arguments. `step` is int32, from 0; metrics are f32 scalars."""
    rate = optim.learning_rate(config.optim, config.train.steps)

    def train_step(
        params: Any, opt_state: Any, step: jax.Array, batch: Arrays
    ) -> tuple[Any, Any, dict[str, jax.Array]]:
        (value, parts), gradients = gradients_of(params, batch)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        values = {"loss": value, **parts, "grad_norm": optax.tree.norm(gradients)}
        values |= {"update_norm": optax.tree.norm(updates), "lr": jnp.asarray(rate(step)), **scalars(params)}
        return optax.apply_updates(params, updates), opt_state, values

    kept = [mesh.state_shardings(state[name], devices) for name in ("params", "opt_state")]
    whole = mesh.replicated(devices)
    return jax.jit(
        train_step,
        in_shardings=(*kept, whole, mesh.batch_sharding(devices)),
        out_shardings=(*kept, whole),
        donate_argnums=(0, 1),
    )


def check_finite(values: Sequence[tuple[int, np.ndarray, jax.Array, jax.Array]], kept: int | None) -> None:
    """Raises UserError for the first (step, its rows of data, loss, gradient norm) that is not finite."""
    for step, rows, loss, norm in values:
        if not (np.isfinite(loss) and np.isfinite(norm)):
            rows = rows.ravel()
            named = ", ".join(map(str, rows[:MOST_ROWS].tolist())) + (", ..." if len(rows) > MOST_ROWS else "")
            left = f"the checkpoint of step {kept} stays" if kept else "nothing was saved before"
            raise UserError(
                f"step {step} has a loss of {loss:g} and a gradient of {norm:g}, over families {named} of train: "
                f"lower optim.lr, or look at these; {left}"
            )


def write_overview(path: Path, state: Arrays) -> None:
    """Where each parameter lies, and what a device holds of all, in a file; a line of it on the screen."""
    line = mesh.summary(state)
    with file_io.open_atomic(path) as file:
        file.write(f"{line}\n\n{mesh.overview(state['params'])}\n".encode())
    print(f"{line}: {path}", file=sys.stderr)


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


def command(
    arguments: Sequence[str] | None,
    name: str,
    what: str,
    fingerprint: Callable[[ConfigDict], str],
    make_task: MakeTask,
    finish: Callable[[Path], None],
) -> int:
    """A trainer's command; returns the exit status.

    Args:
      name: of the module; what: it does, for --help.
      fingerprint: of config.data, what is trained on.
      finish: what comes after training, in a single process.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", os.path.expanduser(CACHE))
    try:
        config = configs.parse_command_line(arguments, name, what)
        if config.deterministic:  # XLA reads it when devices are first asked for
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
        processes.join()
        run = Path(config.workdir) / config.name
        config.data.fingerprint = fingerprint(config.data)
        if processes.is_first():
            configs.lock_config(run, config)
        processes.wait("config.json")
        configs.lock_config(run, config)
        if not train(config, run, make_task):
            _say(f"{run}: stopped and saved; the same command goes on")
            return 0
        if jax.process_count() > 1:
            _say(f"{run}: trained; now, on one machine: make eval RUN={run} and make report RUN={run}")
            return 0
        finish(run)
    except UserError as fault:
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
    page = run / "report.html"
    print(f"{run}: done" + (f", see {page}" if page.exists() else ""))
    return 0


def _say(line: str) -> None:
    """Print a line, once for all processes."""
    if processes.is_first():
        print(line)


def _fail(what: object) -> int:
    print(f"error: {what}", file=sys.stderr)
    return 1
