"""Which rows of a data set each step reads, as a pure function of the seed and the step.

Step t holds places t*B to (t+1)*B of an endless order, in which every epoch is a fresh permutation of all rows, and
each process takes its slice of them. So the reader's whole state is the step, and the order is the same for any number
of processes, threads and workers.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import grain
import numpy as np

from data_gen.shared.errors import UserError
from mmgeo_jax.data import prefetch

READ_OPTIONS = grain.ReadOptions(num_threads=4, prefetch_buffer_size=4)  # counted in batches

Batch = dict[str, np.ndarray]
# (rows, their places in the endless order) -> the batch of them
Make = Callable[[list[int], list[int]], Batch]


def slots(global_batch: int, process_index: int = 0, process_count: int = 1) -> range:
    """The places of the global batch that a process fills. Raises UserError where it does not divide."""
    if global_batch % process_count:
        raise UserError(f"a global batch of {global_batch} families does not divide among {process_count} processes")
    share = global_batch // process_count
    return range(process_index * share, (process_index + 1) * share)


def total(sources: Sequence[Any]) -> int:
    """How many rows several sources have as one. Raises UserError where there are none."""
    count = sum(len(source) for source in sources)
    if not count:
        raise UserError("there is no family to read: the split is empty")
    return count


def endless(
    make: Make, rows: int, seed: int, start: int, global_batch: int, slots: range, worker_count: int = 0
) -> Iterator[Batch]:
    """Batches from step `start` on, which costs nothing to reach; by so many processes, or by threads of this one."""
    order = grain.MapDataset.range(rows).shuffle(seed=seed % 2**32).repeat()
    batch = partial(_of_step, make, order, global_batch, slots)
    if worker_count:
        return prefetch.in_order(batch, start, worker_count)
    return iter(grain.MapDataset.range(start, 2**40).map(batch).to_iter_dataset(READ_OPTIONS))


def _of_step(make: Make, order: Sequence[int], global_batch: int, slots: range, step: int) -> Batch:
    places = [step * global_batch + slot for slot in slots]
    return make([order[place] for place in places], places)


def once(make: Callable[[list[int]], Batch], rows: int, global_batch: int, slots: range) -> Iterator[Batch]:
    """Every row once, in order; those behind the last are -1."""

    def batch(step: int) -> Batch:
        wanted = [step * global_batch + slot for slot in slots]
        return make([row if row < rows else -1 for row in wanted])

    return iter(grain.MapDataset.range(-(-rows // global_batch)).map(batch).to_iter_dataset(READ_OPTIONS))
