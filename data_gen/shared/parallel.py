"""Maps a function over many tasks in a pool of processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

from data_gen.shared.errors import UserError
from data_gen.shared.signals import ENDING

Task = TypeVar("Task")
Done = TypeVar("Done")


def map_in_pool(
    function: Callable[[Task], Done], tasks: Sequence[Task], workers: int, ordered: bool = False
) -> Iterator[Done]:
    """Yields the results as they come, or in the order of the tasks; one worker needs no pool. Raises UserError if a
    worker was killed, and whatever the function raises."""
    if workers == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, _start_worker) as pool:
        try:
            futures = [pool.submit(function, task) for task in tasks]
            for done in futures if ordered else as_completed(futures):
                yield done.result()
        except BrokenProcessPool:
            raise UserError("a worker was killed, perhaps for want of memory: use fewer --workers") from None
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():  # the pool would wait for what they do
                child.kill()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    """Leaves signals to the command, and exits when the command is killed: a worker would wait for work for ever."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
