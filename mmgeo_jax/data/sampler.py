"""Which families each step reads, as a pure function of the seed and the step.

Step t holds positions t*B to (t+1)*B of an endless order, in which every epoch is a fresh permutation of all rows, and
each process takes its slice of them. So the reader's whole state is the step, and the order is the same for any number
of processes, threads and workers.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import grain

from data_gen.shared.errors import UserError
from mmgeo_jax.data import prefetch

READ_OPTIONS = grain.ReadOptions(num_threads=4, prefetch_buffer_size=4)  # counted in batches

Batch = TypeVar("Batch")


def process_slots(global_batch: int, process_index: int = 0, process_count: int = 1) -> range:
    """Returns which places of the global batch a process fills. Raises UserError where it does not divide evenly."""
    if global_batch % process_count:
        raise UserError(f"a global batch of {global_batch} families does not divide among {process_count} processes")
    share = global_batch // process_count
    return range(process_index * share, (process_index + 1) * share)


def shuffled_batches(
    make_batch: Callable[[list[int], list[int]], Batch],
    row_count: int,
    seed: int,
    start_step: int,
    global_batch: int,
    slots: range,
    worker_count: int = 0,
) -> Iterator[Batch]:
    """Yields `make_batch(rows, positions)` of each step from `start_step` on, without end; seeking is O(1). The rows
    are those of the families that fill `slots` of the global batch, the positions their places in the endless order.
    Reads with `worker_count` processes, or with threads if 0."""
    order = grain.MapDataset.range(row_count).shuffle(seed=seed % 2**32).repeat()
    batch_of_step = partial(_batch_of_step, make_batch, order, global_batch, slots)
    if worker_count:
        return prefetch.map_in_order(batch_of_step, start_step, worker_count)
    return iter(grain.MapDataset.range(start_step, 2**40).map(batch_of_step).to_iter_dataset(READ_OPTIONS))


def _batch_of_step(
    make_batch: Callable[[list[int], list[int]], Batch],
    order: Sequence[int],
    global_batch: int,
    slots: range,
    step: int,
) -> Batch:
    positions = [step * global_batch + slot for slot in slots]
    return make_batch([order[position] for position in positions], positions)


def ordered_batches(
    make_batch: Callable[[list[int]], Batch], row_count: int, global_batch: int, slots: range
) -> Iterator[Batch]:
    """Yields `make_batch(rows)` over all rows once, in order; beyond the last row, rows are -1."""

    def batch_of_step(step: int) -> Batch:
        rows = [step * global_batch + slot for slot in slots]
        return make_batch([row if row < row_count else -1 for row in rows])

    return iter(grain.MapDataset.range(-(-row_count // global_batch)).map(batch_of_step).to_iter_dataset(READ_OPTIONS))
