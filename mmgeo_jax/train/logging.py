"""What a run writes down as it goes, as lines of JSON."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import jax

from data_gen.shared.files import open_atomic
from mmgeo_jax.train import flops

Scalars = Mapping[str, Any]


def open_log(path: str | Path, step: int) -> TextIO:
    """Open a file of JSON lines to append to, without those of a run that was killed after `step`.

    A last line that was cut short goes too. The file is replaced as a whole or not at all.
    """
    path = Path(path)
    text = path.read_text() if path.exists() else ""
    kept = "".join(line for line in text.splitlines(keepends=True) if _step(line) <= step)
    if kept != text:
        with open_atomic(path) as file:
            file.write(kept.encode())
    return path.open("a")


def _step(line: str) -> float:
    """The step of a line; infinity where the line is not whole."""
    try:
        return json.loads(line)["step"] if line.endswith("\n") else float("inf")
    except (ValueError, KeyError, TypeError):
        return float("inf")


def write(log: TextIO, step: int, values: Scalars) -> None:
    """Append one line: the step, and scalars as the shortest digits that give back the same float."""
    line = {"step": step} | {name: float(value) for name, value in values.items()}
    log.write(json.dumps(line) + "\n")
    log.flush()


def mfu(total_flops: float, step_s: float | None) -> dict[str, float]:
    """Model FLOPs per second and MFU of a step of so many, and the most device memory held so far."""
    device = jax.local_devices()[0]
    found = flops.mfu(total_flops, step_s, jax.device_count(), device.device_kind) if step_s else {}
    held = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return found | ({"device_memory_gib": held / 2**30} if held else {})


def progress_postfix(loss: float, rates: Mapping[str, float]) -> dict[str, str]:
    """What stands behind the progress bar."""
    speeds = {f"{name}/s": f"{rates.get(f'{name}_per_s', 0):.0f}" for name in ("images", "tokens")}
    texts = {"loss": f"{loss:.3f}", **speeds}
    return texts | ({"mfu": f"{rates['mfu']:.0%}"} if "mfu" in rates else {})


class Clock:
    """How fast steps go, from its making on."""

    def __init__(self) -> None:
        self._start, self._waited_s, self._steps = time.perf_counter(), 0.0, 0
        self._things: Counter[str] = Counter()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what waits for data."""
        start = time.perf_counter()
        yield
        self._waited_s += time.perf_counter() - start

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Around what is no part of a step."""
        start = time.perf_counter()
        yield
        self._start += time.perf_counter() - start

    def count(self, **things: int) -> None:
        """A step is done, with so many of each thing."""
        self._steps += 1
        self._things.update(things)

    def rates(self) -> dict[str, float]:
        """step_s, data_wait_s (both per step), and each thing per second as NAME_per_s; nothing before a step."""
        if not self._steps:
            return {}
        total_s = time.perf_counter() - self._start
        rates = {"step_s": total_s / self._steps, "data_wait_s": self._waited_s / self._steps}
        return rates | {f"{name}_per_s": count / total_s for name, count in self._things.items()}
