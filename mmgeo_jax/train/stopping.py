"""Stops a run at a signal with everything saved: between two steps or, where a compiler or a validation takes long,
by a thread that saves the last step and ends the process.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from data_gen.shared import signals
from data_gen.shared.errors import UserError


class Stopping:
    """What the loop asks and tells: whether a signal `came`, and how to save if the loop does not get to it itself."""

    def __init__(self, line: str) -> None:
        self.came = self.over = False
        self.lock = threading.RLock()  # of whoever saves
        self.save: Callable[[], None] = lambda: None
        self._line = line

    def note(self, number: int) -> None:
        """Handles a signal in the main thread. A second Ctrl-C ends the run at once."""
        self.came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def late(self, number: int) -> None:
        """Saves and ends the process, beside a main thread that does neither."""
        with self.lock:
            if self.over:
                return
            try:
                self.save()
            except UserError as fault:
                signals.say(str(fault))
                signals.leave(1)
            except Exception:  # the main thread has gone on after all, and taken the arrays with it: it saves them
                return
            with contextlib.suppress(OSError, ValueError):
                print(self._line, flush=True)
            signals.leave(0)


@contextlib.contextmanager
def stopping(line: str, alone: bool) -> Iterator[Stopping]:
    """Yields the Stopping that SIGTERM or Ctrl-C sets. A thread saves only in a process that trains `alone`, since
    several save together; `line` is what it prints."""
    state = Stopping(line)
    with signals.handled(state.note, state.late if alone else lambda number: None):
        yield state
