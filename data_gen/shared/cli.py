"""The frame of every command: its parser, its exit status, and one line for what goes wrong."""

import argparse
import errno
import functools
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import PurePath

from data_gen.shared import signals, tolerance
from data_gen.shared.errors import UserError
from data_gen.shared.files import expand_home


def program() -> str:
    """Returns how the commands were called: `mmgeo`, or `python -m mmgeo_jax` from a checkout."""
    return "python -m mmgeo_jax" if PurePath(sys.argv[0]).parts[-2:] == ("mmgeo_jax", "__main__.py") else "mmgeo"


def parser(name: str, description: str, example: str, **more) -> argparse.ArgumentParser:
    """Returns the parser of the command `mmgeo NAME`; `example` is printed below its options. Options must be written
    out: an abbreviation would be understood differently once an option is added."""
    epilog = f"example:\n  {example}".replace("mmgeo ", f"{program()} ")
    shape = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(
        f"{program()} {name}", description=description, epilog=epilog, formatter_class=shape, allow_abbrev=False, **more
    )
    made.add_argument(tolerance.ALLOW_LINKS, action="store_true", help="follow links that lead out of their folder")
    return made


Main = Callable[[Sequence[str]], int]


def add_split(parser: argparse.ArgumentParser, split: str) -> None:
    """Adds the options --data and --split, which name a split of a data set."""
    parser.add_argument("--data", default="data/tiny", help="folder of a data set (default: %(default)s)")
    parser.add_argument("--split", default=split, help="of the data set (default: %(default)s)")


def add_workers(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """Adds the option --workers, one per core by default."""
    count = default or os.cpu_count() or 1
    told = default or "one per core"
    parser.add_argument("--workers", type=_positive, default=count, help=f"processes (default: {told})")


def _positive(text: str) -> int:
    """Reads a whole number above 0."""
    if not re.fullmatch(r"0*[1-9]\d{0,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number above 0")
    return int(text)


def command(main: Main) -> Main:
    """Wraps a command's `main`: ~/ is the user's home in every argument, a known fault becomes one line on stderr and
    exit status 1, and Ctrl-C one line and 130."""

    @functools.wraps(main)
    def wrapped(arguments: Sequence[str]) -> int:
        status = 1
        try:
            with tolerance.tolerating(tolerance.Tolerance.of(arguments)):
                return main([_expand(argument) for argument in arguments])
        except UserError as fault:
            line = str(fault)
        except OSError as fault:
            full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
            named = f"{fault.filename}: {fault.strerror}" if fault.filename else fault.strerror or str(fault)
            line = "the disk is full: make room and give the same command again" if full else named
        except ImportError as fault:
            if not any("://" in argument for argument in arguments):
                raise
            line = f"{fault}; for gs:// paths type: pip install gcsfs"
        except KeyboardInterrupt as fault:
            line, status = signals.LINE, signals.status_of(fault)
        signals.say(line)
        return status

    return wrapped


def _expand(argument: str) -> str:
    option, value = re.fullmatch(r"(--[\w.-]+=)?(.*)", argument, re.DOTALL).groups(default="")  # type: ignore[union-attr]
    if option and value == "--":  # of which argparse makes an empty list
        raise UserError(f"{option}-- has no value: -- stands for none, give another")
    return option + expand_home(value)
