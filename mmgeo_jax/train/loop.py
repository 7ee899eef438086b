"""The loop that both trainers share: it steps, logs, validates and saves, and resumes a killed run bit for bit.

A trainer (train/clip.py, train/lmm.py) describes what it trains as a `Task`, and calls `run_command`.
"""

import contextlib
import dataclasses
import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data_gen.shared import files as file_io
from data_gen.shared import lock
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.distributed import mesh as meshes
from mmgeo_jax.distributed import processes
from mmgeo_jax.models.init import Params
from mmgeo_jax.train import logging, optim
from mmgeo_jax.train.stopping import Stopping, stopping

CACHE = "~/.cache/mmgeo_jax/xla"  # of compiled programs, unless JAX_COMPILATION_CACHE_DIR is set
MOST_ROWS = 64  # rows that an error names
# Steps dispatched before the first of them is done: the progress bar shows what is computed, not what is queued.
AHEAD = 2
STOPPED = "stopped and saved; the same command resumes it"

Batch = Mapping[str, Any]  # a ClipBatch or an LmmBatch, of numpy or of JAX arrays
Metrics = dict[str, jax.Array]  # f32 scalars
Gradients = Callable[[Params, Any], tuple[tuple[jax.Array, Metrics], Params]]


@dataclasses.dataclass(frozen=True)
class Task:
    """Everything that the loop needs to know of what it trains."""

    params: Params  # float32, the same in every process
    tokenizer: bytes  # for checkpoints
    # Of a config, which may have other weights after a restart; pure: (params, batch) -> ((loss, metrics), gradients).
    gradients: Callable[[ConfigDict], Gradients]
    # From a step on: batches of this process, with the rows of data that they hold as `family` int32[B, ...]; and the
    # step at which their shapes change, if they do.
    batches: Callable[[int], tuple[Iterator[Batch], int]]
    validate: Callable[[Params], dict[str, float]]
    scalars: Callable[[Params], Metrics]  # logged beside the metrics
    count: Callable[[Batch], dict[str, int]]  # of a batch of this process, how many images and tokens it has
    flops: Callable[[Batch], float]  # model FLOPs of a step over such a batch


# (config, folder of the run, mesh, whether the run is new: it has no checkpoint) -> what to train
MakeTask = Callable[[ConfigDict, Path, Mesh, bool], Task]


def train(config: ConfigDict, run: Path, make_task: MakeTask) -> bool:
    """Trains until train.steps; returns False if a signal stopped it earlier, with everything saved. Raises UserError
    if the data or a checkpoint is broken, or the loss is not finite."""
    steps, mesh = config.train.steps, meshes.make_mesh(config.mesh.fsdp)
    alone = jax.process_count() == 1
    told = f"{run}: {STOPPED}"
    with checkpoints.open_folder(run) as folder, processes.end_together(), stopping(told, alone) as stop:
        if folder.latest_step() == steps:
            return True
        task = make_task(config, run, mesh, folder.latest_step() is None)
        optimizer = optim.optimizer(config.optim, steps)
        opt_state = jax.jit(optimizer.init)(task.params)
        state = meshes.shard_state({"params": task.params, "opt_state": opt_state}, mesh)
        start, restored = 0, checkpoints.restore(folder, state, repair=True)
        if restored is not None:
            start, state, _ = restored
        restart = optim.restart_step(config.optim, steps)
        first, later = (
            make_train_step(each, task.gradients(each), task.scalars, optimizer, state, mesh)
            for each in (config, configs.later(config))
        )
        batches, switch = task.batches(start)
        if processes.is_first():
            write_overview(run / "overview.txt", state)
        with logging.open_run_log(run, config, start) as log:
            recorder = Recorder(config, task, folder, log, stop, compiling=(start, switch, restart), saved=start)
            if alone:
                recorder.make_up(start, state)
            for step in range(start, steps):
                with log.clock.waiting():
                    batch = next(batches)
                arguments = state["params"], state["opt_state"], np.int32(step), meshes.shard_batch(batch, mesh)
                train_step = first if step < restart else later
                if step in recorder.compiling:
                    processes.compile_together(train_step, arguments, f"compiled for step {step}")
                params, opt_state, metrics = train_step(*arguments)
                state = {"params": params, "opt_state": opt_state}
                if recorder.after_step(step, batch, state, metrics):
                    return step + 1 == steps and not stop.came
    return True


def make_train_step(
    config: ConfigDict,
    gradients_of: Gradients,
    scalars: Callable[[Params], Metrics],
    optimizer: optax.GradientTransformation,
    state: Mapping[str, Any],
    mesh: Mesh,
) -> jax.stages.Wrapped:
    """Returns the jitted (params, opt_state, step, batch) -> (params, opt_state, metrics), which donates its first two
    arguments. `step` is int32, from 0."""
    rate = optim.learning_rate(config.optim, config.train.steps)

    def train_step(
        params: Params, opt_state: Any, step: jax.Array, batch: dict[str, jax.Array]
    ) -> tuple[Params, Any, Metrics]:
        (loss, metrics), gradients = gradients_of(params, batch)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        metrics = {"loss": loss, **metrics, "grad_norm": optax.tree.norm(gradients)}
        metrics |= {"update_norm": optax.tree.norm(updates), "lr": jnp.asarray(rate(step)), **scalars(params)}
        return optax.apply_updates(params, updates), opt_state, metrics

    shardings = [meshes.state_shardings(state[name], mesh) for name in ("params", "opt_state")]
    replicated = meshes.replicated(mesh)
    return jax.jit(
        train_step,
        in_shardings=(*shardings, replicated, meshes.batch_sharding(mesh)),
        out_shardings=(*shardings, replicated),
        donate_argnums=(0, 1),
    )


@dataclasses.dataclass
class Recorder:
    """Logs, validates and saves between steps, as often as config.train says."""

    config: ConfigDict
    task: Task
    folder: ocp.CheckpointManager
    log: logging.RunLog
    stop: Stopping
    compiling: tuple[int, ...]  # steps that compile, which are not timed
    saved: int  # the step of the newest checkpoint
    unchecked: list[tuple[int, np.ndarray, jax.Array, jax.Array]] = dataclasses.field(default_factory=list)

    def after_step(self, step: int, batch: Batch, state: Mapping[str, Any], metrics: Metrics) -> bool:
        """Handles the end of a step, numbered from 0; returns whether the run ends with it."""
        settings, done, count = self.config.train, step + 1, jax.process_count()
        logs, validates, saves = (
            done % every == 0 or done == settings.steps
            for every in (settings.log_every, settings.eval_every, settings.checkpoint_every)
        )
        self.unchecked.append((done, batch["family"], metrics["loss"], metrics["grad_norm"]))
        if len(self.unchecked) > AHEAD:
            jax.block_until_ready(self.unchecked[-1 - AHEAD])
        self.log.clock.count(**{name: each * count for name, each in self.task.count(batch).items()})
        if step in self.compiling:
            jax.block_until_ready(metrics)
            self.log.clock.restart()
        # A single process may stop at any step; several agree on it where they synchronise anyway.
        stops = self.stop.came if count == 1 else logs and processes.any_process(self.stop.came)
        if logs or validates or saves or stops:
            check_finite(self.unchecked, self.folder.latest_step())
            self.unchecked.clear()
        if validates or saves or stops:
            check_update(done, state, self.folder.latest_step())
        if logs:
            self.log.write_step(done, jax.device_get(metrics), self.task.flops(batch) * count)
        self.stop.save = lambda: self.save_late(done, state)
        with self.log.clock.paused():
            scores = self.task.validate(state["params"]) if validates else None
            with self.stop.lock:
                if scores:
                    self.log.write_scores(done, scores)
                if saves or stops:
                    self.save(done, state, scores)
                self.stop.over = stops or done == settings.steps
        self.log.bar.update()
        return self.stop.over

    def save(self, done: int, state: Mapping[str, Any], scores: Mapping[str, float] | None = None) -> None:
        """Saves the state after a step, in a thread of Orbax."""
        self.log.sync()  # before the checkpoint: a run resumed from it has all lines up to its step
        checkpoints.save(self.folder, done, state, self.task.tokenizer, scores)
        self.saved = done

    def save_late(self, done: int, state: Mapping[str, Any]) -> None:
        """Saves the state after a step, unless it is saved, and waits until it is written."""
        if self.saved < done:
            check_update(done, state, self.folder.latest_step())
            self.save(done, state)
        self.folder.wait_until_finished()

    def make_up(self, start: int, state: Mapping[str, Any]) -> None:
        """Validates the step that a run goes on from, where a signal came before it was validated."""
        if start and start % self.config.train.eval_every == 0 and not self.log.has_scores(start):
            with self.log.clock.paused():
                if scores := self.task.validate(state["params"]):
                    self.log.write_scores(start, scores)


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


@jax.jit
def _all_finite(state: Any) -> jax.Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state)]))


def check_update(step: int, state: Any, kept: int | None) -> None:
    """Raises UserError where a step has left anything in the state that is not finite, as a step too large does whose
    loss and gradient are."""
    if not _all_finite(state):
        left = f"the checkpoint of step {kept} stays" if kept else "nothing was saved before"
        raise UserError(f"step {step} has left parameters that are not finite: lower optim.lr; {left}")


def write_overview(path: Path, state: Mapping[str, Any]) -> None:
    """Writes how each parameter is sharded, and how much a device holds; prints a summary of one line."""
    line = meshes.summary(state)
    with file_io.open_atomic(path) as file:
        file.write(f"{line}\n\n{meshes.overview(state['params'])}\n".encode())
    print(f"{line}: {path}", file=sys.stderr)


def run_command(
    arguments: Sequence[str],
    name: str,
    description: str,
    fingerprint: Callable[[ConfigDict], str],
    make_task: MakeTask,
    finish: Callable[[Path], None],
) -> int:
    """Runs a trainer's command; returns the exit status.

    Args:
      name: of the command; description: for its --help.
      fingerprint: hashes the data that config.data names.
      finish: evaluates the trained run, in a single process.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", os.path.expanduser(CACHE))
    config = configs.parse_command_line(arguments, name, description)
    model = config.get("model")
    kind = checkpoints.kind_of(model) if isinstance(model, ConfigDict) else ""
    if kind and (wanted := checkpoints.MODELS[kind].trainer) != name:
        raise UserError(f"{config.get('name')} is a config of {wanted}, and this is {name}: give it to {wanted}")
    configs.check_whole(config, name)
    if config.deterministic:  # must be set before devices are first used
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
    processes.join()
    run = Path(config.workdir) / config.name
    config.data.fingerprint = fingerprint(config.data)
    with contextlib.ExitStack() as stack:
        if processes.is_first():
            stack.enter_context(lock.hold(run, "trains"))
        stack.enter_context(processes.end_together())
        return _train_and_finish(config, run, make_task, finish)


def _train_and_finish(config: ConfigDict, run: Path, make_task: MakeTask, finish: Callable[[Path], None]) -> int:
    """Trains, evaluates, and says what is there; returns the exit status."""
    if processes.is_first():
        configs.lock_config(run, config)
    processes.wait("config.json")
    configs.lock_config(run, config)
    try:
        trained = train(config, run, make_task)
    except Exception as fault:
        if isinstance(fault, OSError | UserError) or "No space left on device" not in str(fault):
            raise
        raise OSError(errno.ENOSPC, "No space left on device") from fault  # of TensorStore, which has its own errors
    if trained and jax.process_count() == 1:
        finish(run)
        page = run / "report.html"
        print(f"{run}: done" + (f", see {page}" if page.exists() else ""))
    elif processes.is_first():
        later = f"trained; now, on one machine: make eval RUN={run} and make report RUN={run}"
        print(f"{run}: {later if trained else STOPPED}")
    return 0
