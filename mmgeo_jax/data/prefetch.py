"""Processes that make batches, for where the threads of one interpreter do not keep up.

Worker i of W makes every W-th batch, from the i-th on, and writes it into a pipe of its own, where it waits until it is
asked for: the order is that of one process. A worker has a session of its own, so that Ctrl-C is for the run alone to
answer, and ends when nobody reads its pipe any more, however the run came to its end.
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
from typing import IO, Any

import numpy as np

from data_gen.shared.errors import UserError

# A fresh Python, told where its parent finds modules: it imports what reading needs, and not the command.
COMMAND = "import sys; sys.path[:] = sys.argv[1:]; from mmgeo_jax import workers; workers.work()"


def in_order(make: Callable[[int], Any], start: int, workers: int) -> Iterator[Any]:
    """make(start), make(start + 1), ... without end, by `workers` processes; `make` is pickled.

    Raises the UserError of `make` at its place, or UserError where a worker ends before its time.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(_worker()) for _ in range(workers)]
        # A thread for each: it waits for its pipe, and Python runs on meanwhile.
        threads = [stack.enter_context(ThreadPoolExecutor(1)) for _ in running]
        for process in running:
            stack.callback(process.kill)
        pairs = list(zip(running, threads, strict=True))
        ahead = deque(
            thread.submit(_begin, process, (make, start + i, workers)) for i, (process, thread) in enumerate(pairs)
        )
        while True:
            for process, thread in pairs:
                value = ahead.popleft().result()
                if isinstance(value, UserError):
                    raise value
                ahead.append(thread.submit(_receive, process))
                yield value


def _worker() -> subprocess.Popen:
    command = [sys.executable, "-c", COMMAND, *sys.path]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def _begin(process: subprocess.Popen, task: tuple[Callable[[int], Any], int, int]) -> Any:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # of a worker that is gone, which _receive tells of
        write(process.stdin, task)
    return _receive(process)


def _receive(process: subprocess.Popen) -> Any:
    assert process.stdout is not None
    try:
        return read(process.stdout)
    except EOFError:
        code = process.wait()
        raise UserError(
            f"a worker of the reader ended with exit code {code} (-9: the machine was short of memory): "
            "set data.workers lower; 0 reads by threads"
        ) from None


def work() -> None:
    """A worker: reads (make, start, stride), writes make(start), make(start + stride), ... until nobody reads."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it may be sent to all; the run answers, and then ends this
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no batch
    make, step, stride = read(sys.stdin.buffer)
    with suppress(BrokenPipeError):
        while True:
            try:
                write(pipe, make(step))
            except UserError as fault:
                write(pipe, fault)
                return
            step += stride


# ---------------------------------------------------------------- values in a pipe


def write(pipe: IO[bytes], value: Any) -> None:
    """A value, its arrays as they lie in memory."""
    buffers: list[pickle.PickleBuffer] = []
    parts = [memoryview(pickle.dumps(value, 5, buffer_callback=buffers.append))]
    parts += [buffer.raw() for buffer in buffers]
    pipe.write(struct.pack(f"<q{len(parts)}q", len(parts), *(part.nbytes for part in parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read(pipe: IO[bytes]) -> Any:
    """The next value that `write` wrote, by this machine and user alone. Raises EOFError where the pipe ends."""
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
