"""Ends a command at Ctrl-C and SIGTERM: at once where Python runs, and in time where it does not.

Python handles a signal between two of its own instructions. A compiler or a library that runs for minutes holds the
handler up, or swallows what it raises; a thread, which the kernel tells of the signal too, then ends the process.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
LATE_S = 15  # from a signal on, until what it should have ended counts as stuck
CLOSING_S = 10  # for the threads of a command that has ended
LINE = "interrupted; give the same command again to resume"


class Ended(KeyboardInterrupt):
    """SIGTERM, or Ctrl-C, by its `number`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def status_of(fault: KeyboardInterrupt) -> int:
    """Returns the exit status by which shells tell what ended a command: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + getattr(fault, "number", signal.SIGINT)


@contextlib.contextmanager
def handled(handler: Callable[[int], None], late: Callable[[int], None]) -> Iterator[None]:
    """Calls `handler` with each signal of ENDING while the block runs, and `late`, in a thread of its own, if the block
    has not ended LATE_S after the first. Only the main thread may enter it; blocks nest."""
    ended, (reader, writer) = threading.Event(), os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        number = 1
        while number and number not in ENDING:  # 0 is written where the block ends
            number = os.read(reader, 1)[0]
        if number and not ended.wait(LATE_S):
            late(number)

    def handle(number: int, frame: FrameType | None) -> None:
        handler(number)

    thread = threading.Thread(target=watch, name="signals", daemon=True)
    thread.start()
    old_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    old = {number: signal.signal(number, handle) for number in ENDING}
    try:
        yield
    finally:
        ended.set()
        for number, before in old.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(old_writer)
        os.write(writer, b"\0")
        thread.join()
        os.close(writer)
        os.close(reader)


def run(command: Callable[[], int]) -> int:
    """Runs a command as the whole of this process; returns its exit status. A signal ends it with one line, whatever it
    does, and a thread that never ends cannot keep it once it has failed."""
    came: list[int] = []

    def interrupt(number: int) -> None:
        came.append(number)
        if _importing():  # a library that is only half there may crash at what is raised; nothing is to be tidied up
            late(number)
        raise Ended(number)

    def late(number: int) -> None:
        say(LINE)
        leave(128 + number)

    try:
        with handled(interrupt, late):
            status = command()
    except (KeyboardInterrupt, Exception) as fault:  # an import makes an error of its own of what a handler raises
        if not came and not isinstance(fault, KeyboardInterrupt):
            raise
        say(LINE)
        status = 128 + came[0] if came else status_of(KeyboardInterrupt())
    for number in ENDING:  # what is left to do is short: a second signal ends it at once
        signal.signal(number, signal.SIG_DFL)
    if status:
        timer = threading.Timer(CLOSING_S, leave, [status])
        timer.daemon = True
        timer.start()
    return status


def _importing() -> bool:
    """Returns whether the main thread is in an import, or in what one runs."""
    frame: FrameType | None = sys._getframe()
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def say(line: str) -> None:
    """Prints an error's line, where anybody is left to read it."""
    with contextlib.suppress(OSError, ValueError):
        print(f"error: {line}", file=sys.stderr, flush=True)


def leave(status: int) -> None:
    """Ends this process at once, whatever its threads wait for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
