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
MakeBatch = Callable[[list[int], list[int]], Batch]  # (rows, positions) -> batch
Process = tuple[int, int]  # its index, and how many there are
ALONE: Process = (0, 1)


def process_slots(global_batch: int, process: Process = ALONE) -> range:
    """Returns which places of the global batch a process fills. Raises UserError where it does not divide evenly."""
    index, count = process
    if global_batch % count:
        raise UserError(f"a global batch of {global_batch} families does not divide among {count} processes")
    share = global_batch // count
    return range(index * share, (index + 1) * share)


def shuffled_batches(
    make: MakeBatch[Batch], count: int, seed: int, start_step: int, global_batch: int, slots: range, workers: int = 0
) -> Iterator[Batch]:
    """Yields `make(rows, positions)` of each step from `start_step` on, without end; seeking is O(1). The rows
    are those of the families that fill `slots` of the global batch, the positions their places in the endless order.
    Reads `count` rows with `workers` processes, or with threads if 0."""
    order = grain.MapDataset.range(count).shuffle(seed=seed % 2**32).repeat()
    batch_of_step = partial(_batch_of_step, make, order, global_batch, slots)
    if workers:
        return prefetch.map_in_order(batch_of_step, start_step, workers)
    return iter(grain.MapDataset.range(start_step, 2**40).map(batch_of_step).to_iter_dataset(READ_OPTIONS))


def _batch_of_step(make: MakeBatch[Batch], order: Sequence[int], global_batch: int, slots: range, step: int) -> Batch:
    positions = [step * global_batch + slot for slot in slots]
    return make([order[position] for position in positions], positions)


def ordered_batches(make: Callable[[list[int]], Batch], count: int, global_batch: int, slots: range) -> Iterator[Batch]:
    """Yields `make(rows)` over all rows once, in order; beyond the last row, rows are -1."""

    def batch_of_step(step: int) -> Batch:
        rows = [step * global_batch + slot for slot in slots]
        return make([row if row < count else -1 for row in rows])

    return iter(grain.MapDataset.range(-(-count // global_batch)).map(batch_of_step).to_iter_dataset(READ_OPTIONS))
