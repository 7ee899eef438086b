"""Lets several processes train one model: they find each other, and agree on what only one may decide.

A laptop, a machine with GPUs and a TPU VM need one process, and nothing is started for it. There are several on a TPU
pod slice, under Slurm or MPI (JAX detects them), or where JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
JAX_PROCESS_ID say so. All run the same command; only the first one writes.
"""

import contextlib
import os
import re
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

from data_gen.shared import signals
from data_gen.shared.errors import UserError

# variable that a launcher sets -> number of processes in its value
LAUNCHERS: dict[str, Callable[[str], int]] = {
    "SLURM_STEP_NUM_TASKS": int,
    "OMPI_COMM_WORLD_SIZE": int,
    "TPU_WORKER_HOSTNAMES": lambda names: len(names.split(",")),
}
OURS = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
WAIT_S = 50  # for the other processes to come
# How JAX says that a connection to another process is gone.
LOST = r"Gloo|NCCL|UNAVAILABLE|DEADLINE_EXCEEDED|[Hh]eartbeat|[Cc]oordination service"
BARRIER_MS = 6 * 3600 * 1000  # at most, until all have come to the same place
HEARTBEAT_S = 30  # without a sign of life from a process, until the others end


def join(environment: Mapping[str, str] = os.environ) -> None:
    """Connects to the other processes, if there are any. Must run before devices are first used. Raises UserError if
    only some of the variables are set, or the connection fails."""
    given = {name: environment[name] for name in OURS if name in environment}
    if given and len(given) < len(OURS):
        missing = ", ".join(name for name in OURS if name not in given)
        raise UserError(f"{', '.join(given)} set, but not {missing}: set all three, or none for a single process")
    launchers = {name: _count(read, environment.get(name)) for name, read in LAUNCHERS.items()}
    launcher = OURS[1] if given else max(launchers, key=launchers.__getitem__)
    if not given and launchers[launcher] < 2:
        return
    tried = f" at {given[OURS[0]]}" if given else ""
    advice = (
        f"{launcher} says {environment[launcher]!r} processes, but they did not meet{tried} within {WAIT_S} s: start "
        f"all of them (with srun or mpirun, where one launches), or unset {launcher} for a single process"
    )
    # XLA would end the process itself, with a stack of its own.
    timer = threading.Timer(WAIT_S, _end, [advice])
    timer.daemon = True
    timer.start()
    try:
        address, *numbers = (given[name] for name in OURS) if given else (None,)
        count, place = map(int, numbers) if numbers else (None, None)
        jax.distributed.initialize(
            address, count, place, initialization_timeout=10 * WAIT_S, heartbeat_timeout_seconds=HEARTBEAT_S
        )
    except (RuntimeError, ValueError, KeyError) as fault:  # KeyError: of a variable that the launcher did not set
        raise UserError(f"{advice} ({' '.join(str(fault).split())[:160]})") from None
    finally:
        timer.cancel()


def _end(line: str) -> None:
    """Ends this process, whatever its other threads wait for."""
    signals.say(line)
    signals.leave(1)


@contextlib.contextmanager
def end_together() -> Iterator[None]:
    """Ends this process at once where it is one of several and the block fails, be it that another one has ended: what
    closes files and connections in an orderly way would wait for all. The others then end by this, too."""
    try:
        yield
    except Exception as fault:
        if jax.process_count() == 1:
            raise
        reason = " ".join(str(fault).split())
        if re.search(LOST, reason):
            _end(f"another process has ended, and says why; the same command in all of them resumes ({reason[:160]})")
        if not isinstance(fault, UserError | OSError):
            traceback.print_exc()
        _end(reason)


def _count(read: Callable[[str], int], value: str | None) -> int:
    try:
        return read(value) if value else 1
    except ValueError:
        return 1


def is_first() -> bool:
    """Returns whether this process is the one that writes."""
    return jax.process_index() == 0


def wait(purpose: str) -> None:
    """Waits until all processes call this with the same words, each time others: for hours, where a collective
    operation of Gloo would give up after half a minute."""
    multihost.get_barrier_sync_fn()(key=purpose, timeout_ms=BARRIER_MS)


def compile_together(function: jax.stages.Wrapped, arguments: Sequence[Any], purpose: str) -> None:
    """Compiles a jitted function for arguments, and waits until all processes have. One that found it in the
    compilation cache would otherwise run it, and give up on the others."""
    if jax.process_count() > 1:
        function.lower(*arguments).compile()
        wait(purpose)


def any_process(flag: bool) -> bool:
    """Returns whether the flag is set in any process. All processes must call this at once."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array([flag]))))
