"""What a run writes as it goes: JSON lines, a progress bar and, where asked for, TensorBoard and Weights & Biases."""

import contextlib
import importlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import jax
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen.shared import own_json
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from mmgeo_jax.distributed import processes
from mmgeo_jax.train import flops

Scalars = Mapping[str, Any]
Track = Callable[[int, Scalars], None]  # of a step


class Clock:
    """Measures how fast steps go, from its creation or `restart` on."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forgets what was measured."""
        self._start, self._waited_s, self._steps = time.perf_counter(), 0.0, 0
        self._things: Counter[str] = Counter()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Measures a block that waits for data."""
        start = time.perf_counter()
        yield
        self._waited_s += time.perf_counter() - start

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves a block out, which is no part of a step."""
        start = time.perf_counter()
        yield
        self._start += time.perf_counter() - start

    def count(self, **things: int) -> None:
        """Counts a step, and what it processed."""
        self._steps += 1
        self._things.update(things)

    def rates(self) -> dict[str, float]:
        """Returns step_s and data_wait_s per step, and what was counted per second as NAME_per_s; empty before a
        step."""
        if not self._steps:
            return {}
        total_s = time.perf_counter() - self._start
        rates = {"step_s": total_s / self._steps, "data_wait_s": self._waited_s / self._steps}
        return rates | {f"{name}_per_s": count / total_s for name, count in self._things.items()}


class RunLog(NamedTuple):
    """The logs of a run; only the first process writes any."""

    metrics: TextIO  # metrics.jsonl, the same for the same config
    timing: TextIO  # timing.jsonl
    bar: tqdm
    track: Track
    clock: Clock

    def write_step(self, step: int, metrics: Scalars, step_flops: float) -> None:
        """Logs a step's metrics and, since the last call, the rates, and restarts the clock."""
        rates = self.clock.rates()
        rates |= mfu(step_flops, rates.get("step_s"))
        write(self.metrics, step, metrics)
        write(self.timing, step, rates)
        self.track(step, {**metrics, **rates})
        self.bar.set_postfix(progress_postfix(float(metrics["loss"]), rates))
        self.clock.restart()

    def write_scores(self, step: int, scores: Scalars) -> None:
        """Logs the scores of a validation."""
        write(self.metrics, step, scores)
        self.track(step, scores)

    def has_scores(self, step: int) -> bool:
        """Returns whether the scores of a step's validation are logged."""
        lines = map(json.loads, Path(self.metrics.name).read_text().splitlines())
        return any(line["step"] == step and "loss" not in line for line in lines)

    def sync(self) -> None:
        """Makes sure that metrics.jsonl is on the disk."""
        if processes.is_first():
            os.fsync(self.metrics.fileno())


@contextlib.contextmanager
def open_run_log(run: Path, config: ConfigDict, start: int) -> Iterator[RunLog]:
    """Opens the logs of a run that begins at step `start`, or resumes there."""
    first = processes.is_first()
    with contextlib.ExitStack() as stack:
        metrics, timing = (
            stack.enter_context(open_log(run / name if first else os.devnull, start))
            for name in ("metrics.jsonl", "timing.jsonl")
        )
        options = dict(desc=config.name, unit="step", dynamic_ncols=True, disable=not first)
        bar = stack.enter_context(tqdm(total=config.train.steps, initial=start, **options))
        track = stack.enter_context(open_trackers(run, config)) if first else lambda step, values: None
        yield RunLog(metrics, timing, bar, track, Clock())


def mfu(total_flops: float, step_s: float | None) -> dict[str, float]:
    """Returns model FLOPs per second and MFU of a step, and the peak of device memory so far."""
    device = jax.local_devices()[0]
    rates = flops.mfu(total_flops, step_s, jax.device_count(), device.device_kind) if step_s else {}
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return rates | ({"device_memory_gib": peak / 2**30} if peak else {})


def progress_postfix(loss: float, rates: Mapping[str, float]) -> dict[str, str]:
    """Formats what the progress bar shows behind its bar."""
    speeds = {f"{name}/s": f"{rates.get(f'{name}_per_s', 0):.0f}" for name in ("images", "tokens")}
    texts = {"loss": f"{loss:.3f}", **speeds}
    return texts | ({"mfu": f"{rates['mfu']:.0%}"} if "mfu" in rates else {})


# ---------------------------------------------------------------- JSON lines


def open_log(path: str | Path, step: int) -> TextIO:
    """Opens a file of JSON lines to append to, without the lines of a killed run that come after `step`. Lines
    that are broken go too. The file is replaced as a whole or not at all."""
    path = Path(path)
    text = own_json.read_bytes(path, "metrics.jsonl") if path.exists() and str(path) != os.devnull else b""
    kept = b"".join(line for line in text.splitlines(keepends=True) if _step(line) <= step)
    if kept != text:
        with open_atomic(path) as file:
            file.write(kept)
    return path.open("a")


def _step(line: bytes) -> float:
    """Returns the step of a line, or infinity if the line was cut short, or is none of a log."""
    try:
        return own_json.parse(line, "", "metrics.jsonl")["step"] if line.endswith(b"\n") else float("inf")
    except UserError:
        return float("inf")


def write(log: TextIO, step: int, values: Scalars) -> None:
    """Appends a line: the step, and scalars in the fewest digits that give back the same float."""
    line = {"step": step} | {name: float(value) for name, value in values.items()}
    log.write(json.dumps(line) + "\n")
    log.flush()


# ---------------------------------------------------------------- trackers


@contextlib.contextmanager
def tensorboard(run: Path, config: ConfigDict) -> Iterator[Track]:
    """Writes event files into the run's folder: tensorboard --logdir=runs."""
    module = _installed("tensorboardX", "tensorboard")
    with module.SummaryWriter(str(run / "tensorboard")) as writer:

        def track(step: int, values: Scalars) -> None:
            for name, value in values.items():
                writer.add_scalar(name, float(value), step)

        yield track


@contextlib.contextmanager
def wandb(run: Path, config: ConfigDict) -> Iterator[Track]:
    """Logs to the project mmgeo-jax under the run's name, which a resumed run keeps."""
    module = _installed("wandb", "wandb")
    name, settings = config.name, flatten(config)
    with module.init(project="mmgeo-jax", id=name, name=name, config=settings, dir=str(run), resume="allow") as log:
        yield lambda step, values: log.log({key: float(value) for key, value in values.items()}, step=step)


TRACKERS = {"tensorboard": tensorboard, "wandb": wandb}


@contextlib.contextmanager
def open_trackers(run: Path, config: ConfigDict) -> Iterator[Track]:
    """Yields (step, scalars) -> None, which logs to all of `train.trackers`. Raises UserError if one is missing."""
    names = [name.strip() for name in config.train.trackers.split(",") if name.strip()]
    for name in names:
        if name not in TRACKERS:
            raise UserError(f"train.trackers has {name!r}: choose of {', '.join(TRACKERS)}")
    with contextlib.ExitStack() as stack:
        tracks = [stack.enter_context(TRACKERS[name](run, config)) for name in names]

        def track(step: int, values: Scalars) -> None:
            for each in tracks:
                each(step, values)

        yield track


def _installed(package: str, tracker: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UserError(
            f"train.trackers={tracker} needs the package {package}: type .venv/bin/python -m pip install {package}"
        ) from None
