"""A function over many tasks, in a pool of processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from data_gen.build import _start_worker
from data_gen.errors import UserError

Task = TypeVar("Task")
Done = TypeVar("Done")


def pooled(function: Callable[[Task], Done], tasks: Sequence[Task], workers: int) -> Iterator[Done]:
    """The results as they come, in any order: from a pool or, with one worker, from this process.

    Raises UserError where a worker was killed, and whatever the function raises.
    """
    if workers == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, _start_worker) as pool:
        try:
            for done in as_completed([pool.submit(function, task) for task in tasks]):
                yield done.result()
        except BrokenProcessPool:
            raise UserError("a worker was killed, perhaps for want of memory: use fewer --workers") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
