"""Prefetches batches in processes of their own, for where the threads of one interpreter do not keep up.

Worker i of W makes every W-th batch, starting with the i-th, and writes it into a pipe of its own, where it waits until
it is needed: the order is that of a single process. Each worker has a session of its own, so that Ctrl-C reaches the
run alone, and it ends when nobody reads its pipe any more, however the run ended.
"""

import os
import pickle
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import IO, Any, TypeVar

import numpy as np

from data_gen.shared.errors import UserError

Item = TypeVar("Item")
# A fresh Python with its parent's module path: it imports what reading needs, but not the command.
COMMAND = "import sys; sys.path[:] = sys.argv[1:]; from mmgeo_jax.data import prefetch; prefetch.run_worker()"


def map_in_order(make: Callable[[int], Item], start: int, worker_count: int) -> Iterator[Item]:
    """Yields make(start), make(start + 1), ... without end, computed by `worker_count` processes; `make` is pickled. A
    UserError of `make` is raised in its turn. Raises UserError where a worker ends early."""
    with ExitStack() as stack:
        running = [stack.enter_context(_start_worker()) for _ in range(worker_count)]
        # Each pipe has a thread that waits for it.
        threads = [stack.enter_context(ThreadPoolExecutor(1)) for _ in running]
        for process in running:
            stack.callback(process.kill)
        pairs = list(zip(running, threads, strict=True))
        ahead = deque(
            thread.submit(_begin, process, (make, start + i, worker_count)) for i, (process, thread) in enumerate(pairs)
        )
        while True:
            for process, thread in pairs:
                value = ahead.popleft().result()
                if isinstance(value, UserError):
                    raise value
                ahead.append(thread.submit(_receive, process))
                yield value


def _start_worker() -> subprocess.Popen:
    command = [sys.executable, "-c", COMMAND, *sys.path]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def _begin(process: subprocess.Popen, task: tuple[Callable[[int], Any], int, int]) -> Any:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # the worker is gone, which _receive reports
        write_value(process.stdin, task)
    return _receive(process)


def _receive(process: subprocess.Popen) -> Any:
    assert process.stdout is not None
    try:
        return read_value(process.stdout)
    except EOFError:
        code = process.wait()
        raise UserError(
            f"a worker of the reader ended with exit code {code} (-9: the machine ran out of memory): "
            "set data.workers lower; 0 reads by threads"
        ) from None


def run_worker() -> None:
    """Runs a worker: reads (make, start, stride) and writes make(start), make(start + stride), ... while it is read."""
    # SIGTERM may be sent to the whole group; the run handles it, and then ends its workers.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keeps what libraries print out of the pipe
    make, step, stride = read_value(sys.stdin.buffer)
    with suppress(BrokenPipeError):
        while True:
            try:
                write_value(pipe, make(step))
            except UserError as fault:
                write_value(pipe, fault)
                return
            step += stride


# ---------------------------------------------------------------- values in a pipe


def write_value(pipe: IO[bytes], value: Any) -> None:
    """Writes a pickled value, its arrays without a copy."""
    buffers: list[pickle.PickleBuffer] = []
    parts = [memoryview(pickle.dumps(value, 5, buffer_callback=buffers.append))]
    parts += [buffer.raw() for buffer in buffers]
    pipe.write(struct.pack(f"<q{len(parts)}q", len(parts), *(part.nbytes for part in parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read_value(pipe: IO[bytes]) -> Any:
    """Reads the next value that `write_value` wrote, in a process of the same user. Raises EOFError at the end."""
    (count,) = struct.unpack("<q", _exactly(pipe, 8))
    head, *buffers = (_exactly(pipe, size) for size in struct.unpack(f"<{count}q", _exactly(pipe, 8 * count)))
    return pickle.loads(head, buffers=buffers)


def _exactly(pipe: IO[bytes], size: int) -> memoryview:
    data = memoryview(np.empty(size, np.uint8))  # type: ignore[arg-type]
    filled = 0
    while filled < size:
        got = pipe.readinto(data[filled:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        filled += got
    return data
