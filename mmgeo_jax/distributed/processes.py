"""Several processes that train one model: how they find each other, and what they agree on.

One process is the ordinary case, on a laptop, a machine of GPUs or a TPU VM, and nothing is started for it. There are
several on a TPU pod slice, under Slurm or MPI (JAX finds them by itself), or where JAX_COORDINATOR_ADDRESS,
JAX_NUM_PROCESSES and JAX_PROCESS_ID say so. All run the same command; the first one writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils

from data_gen.shared.errors import UserError

# Variable that a launcher sets -> how many processes it says there are
LAUNCHERS: dict[str, Callable[[str], int]] = {
    "SLURM_STEP_NUM_TASKS": int,
    "OMPI_COMM_WORLD_SIZE": int,
    "TPU_WORKER_HOSTNAMES": lambda names: len(names.split(",")),
}
OURS = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def join(environment: Mapping[str, str] = os.environ) -> None:
    """Meet the other processes, where there are any. Must come before anything asks for devices.

    Raises UserError where only some of the variables are set, or the others do not come.
    """
    said = {name: environment[name] for name in OURS if name in environment}
    if said and len(said) < len(OURS):
        missing = ", ".join(name for name in OURS if name not in said)
        raise UserError(f"{', '.join(said)} set, but not {missing}: set all three, or none for a single process")
    try:
        if said:
            jax.distributed.initialize(said[OURS[0]], int(said[OURS[1]]), int(said[OURS[2]]))
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
    """Whether this process is the one that writes."""
    return jax.process_index() == 0


def wait(for_what: str) -> None:
    """Until all processes are here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(for_what)


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process: all have to ask at once."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array([flag]))))
