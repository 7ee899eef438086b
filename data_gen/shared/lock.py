"""Keeps a folder to one command at a time."""

import contextlib
import errno
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from data_gen.shared.errors import UserError

HELD = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def hold(folder: str | os.PathLike[str], what: str, name: str = "in_use") -> Iterator[None]:
    """Holds a folder, created if need be, while the block runs. Raises UserError, which names the holder, where another
    process has it. The lock is the kernel's, which lets go of it when the process dies, and works over NFS between
    machines; an object store has none, and a file system that knows no locks is used without."""
    if "://" in str(folder):
        yield
        return
    path = Path(folder) / f".{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _take(path, what)
    try:
        os.truncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: whoever waits sees that the file is another one now
        os.close(handle)


def _take(path: Path, what: str) -> int:
    """Returns the open lock file of a folder, locked."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
            if fault.errno in HELD:
                os.close(handle)
                raise UserError(f"{path.parent} is in use: {holder} {what} there; wait for it, or end it") from None
            return handle
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)
