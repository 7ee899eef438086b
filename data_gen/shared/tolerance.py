"""What a command puts up with where its user asks for it: links out of a folder, broken rows and pictures.

`cli.command` sets it from the options, readers of files ask for it, and a pool's tasks carry it to other processes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from data_gen.shared.errors import UserError

ALLOW_LINKS, SKIP_BROKEN = "--allow-links", "--skip-broken"
LeftOut = dict[str, list[str]]  # why items are left out -> a line about each
BROKEN = "broken"  # why an item is left out that `skipping` has caught


class Tolerance(NamedTuple):
    """links: whether links may lead out of the folder that they are in; broken: whether what is broken is left out."""

    links: bool = False
    broken: bool = False

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "Tolerance":
        """Returns what the arguments of a command ask for."""
        return cls(ALLOW_LINKS in arguments, SKIP_BROKEN in arguments)


NONE = Tolerance()
_given: ContextVar[Tolerance] = ContextVar("tolerance", default=NONE)


def given() -> Tolerance:
    """Returns what is put up with here."""
    return _given.get()


@contextmanager
def tolerating(tolerance: Tolerance) -> Iterator[None]:
    """Puts up with something while the block runs."""
    token = _given.set(tolerance)
    try:
        yield
    finally:
        _given.reset(token)


@contextmanager
def skipping(faults: list[str]) -> Iterator[None]:
    """Runs the block about one item. Where broken ones are left out, a UserError ends up in `faults`."""
    try:
        yield
    except UserError as fault:
        if not given().broken:
            raise
        faults.append(str(fault))
