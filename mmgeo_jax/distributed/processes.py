"""Lets several processes train one model: they find each other, and agree on what only one may decide.

A laptop, a machine with GPUs and a TPU VM need one process, and nothing is started for it. There are several on a TPU
pod slice, under Slurm or MPI (JAX detects them), or where JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
JAX_PROCESS_ID say so. All run the same command; only the first one writes.
"""

import os
from collections.abc import Callable, Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils

from data_gen.shared.errors import UserError

# variable that a launcher sets -> number of processes in its value
LAUNCHERS: dict[str, Callable[[str], int]] = {
    "SLURM_STEP_NUM_TASKS": int,
    "OMPI_COMM_WORLD_SIZE": int,
    "TPU_WORKER_HOSTNAMES": lambda names: len(names.split(",")),
}
OURS = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def join(environment: Mapping[str, str] = os.environ) -> None:
    """Connects to the other processes, if there are any. Must run before devices are first used. Raises UserError if
    only some of the variables are set, or the connection fails."""
    given = {name: environment[name] for name in OURS if name in environment}
    if given and len(given) < len(OURS):
        missing = ", ".join(name for name in OURS if name not in given)
        raise UserError(f"{', '.join(given)} set, but not {missing}: set all three, or none for a single process")
    try:
        if given:
            jax.distributed.initialize(given[OURS[0]], int(given[OURS[1]]), int(given[OURS[2]]))
        elif any(_count(read, environment.get(name)) > 1 for name, read in LAUNCHERS.items()):
            jax.distributed.initialize()
    except (RuntimeError, ValueError) as fault:
        line = " ".join(str(fault).split())[:200]
        raise UserError(f"the processes did not meet: {line}") from None


def _count(read: Callable[[str], int], value: str | None) -> int:
    try:
        return read(value) if value else 1
    except ValueError:
        return 1


def is_first() -> bool:
    """Returns whether this process is the one that writes."""
    return jax.process_index() == 0


def wait(purpose: str) -> None:
    """Waits until all processes call this."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(purpose)


def any_process(flag: bool) -> bool:
    """Returns whether the flag is set in any process. All processes must call this at once."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array([flag]))))
