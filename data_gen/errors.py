"""The one error that a command shows its user, and how a command ends."""

import errno
import sys
from collections.abc import Callable


class UserError(Exception):
    """A known fault: one line that says what, where, and what to do. Commands print it and exit with 1."""


def exit_status(command: Callable[[], int], where: str) -> int:
    """What a command returns, or 1 where it ends with a known fault: that is one line.

    `where` is named in a fault of the file system that names no file.
    """
    try:
        return command()
    except UserError as fault:
        line = str(fault)
    except OSError as fault:
        full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
        line = f"the disk is full, writing {where}: make room and give the same command again" if full else (
            f"{fault.filename or where}: {fault.strerror}")  # fmt: skip
    except ImportError as fault:
        if "://" not in where:
            raise
        line = f"{where}: {fault}; for gs:// paths type: .venv/bin/pip install gcsfs"
    except KeyboardInterrupt:
        line = "interrupted; give the same command again to go on"
    print(f"error: {line}", file=sys.stderr)
    return 1
