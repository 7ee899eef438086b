"""Reads what users provide, checked once: JSON, texts and paths. Faults are a UserError that says where."""

import codecs
import contextlib
import hashlib
import io
import json
import os
import platform
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from data_gen.shared import tolerance
from data_gen.shared.errors import UserError

MAX_TEXT = 20_000  # characters
MAX_PATH = 1000  # characters


def expand_home(text: str) -> str:
    """Returns a path in which a first ~ is the user's home; of any other text, and of ~name, the text."""
    return os.path.expanduser(text) if text == "~" or text.startswith("~/") else text


def read_bytes(path: Path, what: str) -> bytes:
    """Returns the bytes of a file. Raises UserError, which says `what` to do, if there is none."""
    if not _is_file(path):
        raise UserError(f"{path} is not there: {what}")
    try:
        return path.read_bytes()
    except OSError as fault:
        raise UserError(f"{path} cannot be read ({fault.strerror}): {what}") from None


def read_npz(path: epath.PathLike, names: Sequence[str]) -> list[np.ndarray]:
    """Reads arrays of a .npz. Raises OSError where it cannot be read, ValueError where it is broken or lacks one."""
    data = epath.Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except Exception as fault:  # zipfile, its decompressors and NumPy's header raise nearly anything on broken files
        raise ValueError(" ".join(str(fault).split())[:160] or type(fault).__name__) from None


def parse_json(data: bytes | str, where: str) -> Any:
    """Parses a JSON text in UTF-8. Raises UserError if it is none, nested too deep, or has a key twice."""
    text = decode_utf8(data, where) if isinstance(data, bytes) else data
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except _Twice as fault:
        raise UserError(f"{where} has the key {fault} twice in one object: leave one") from None
    except (ValueError, RecursionError) as fault:
        if not text.strip():
            raise UserError(f"{where} is empty: fetch the file again") from None
        raise UserError(f"{where} is not JSON ({fault}): fetch the file again") from None


class _Twice(Exception):
    """A key that an object has twice."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise _Twice(repr(twice[:50]))
    return found


UTF16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def decode_utf8(data: bytes, where: str) -> str:
    """Returns bytes as text, without a byte order mark. Raises UserError where they are not UTF-8, and names the
    encodings in which some programs save by themselves."""
    # Without a mark, every other byte of Latin text in UTF-16 is 0, which no text in UTF-8 has.
    if data.startswith(UTF16_OR_32) or b"\0" in data[:4]:
        raise UserError(f"{where} is UTF-16 or UTF-32: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UserError(f"{where} is not UTF-8 ({fault.reason} at byte {fault.start}): save it as UTF-8") from None


def json_lines(path: Path, what: str) -> Iterator[tuple[str, Any]]:
    """Yields (place, value) of each line of a JSONL file that is not blank. Raises UserError where all are, or one is
    not JSON."""
    yield from ((where, parse_json(line, where)) for where, line in lines(path, what))


def lines(path: Path, what: str) -> Iterator[tuple[str, bytes]]:
    """Yields (place, line) of each line of a JSONL file that is not blank. Raises UserError where all are."""
    data = read_bytes(path, what)
    if not data.strip():
        raise UserError(f"{path} is empty: {what}")
    if data.startswith(UTF16_OR_32) or b"\0" in data[:4]:
        decode_utf8(data, str(path))  # which says what it is: lines of UTF-16 do not end where those of UTF-8 do
    for count, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield f"{path} line {count}", line


def require_text(value: Any, where: str, key: str) -> str:
    """Returns the value. Raises UserError unless it is text, not blank, valid UTF-8, at most MAX_TEXT characters."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: '{key}' must be a text that is not empty")
    if len(value) > MAX_TEXT:
        raise UserError(f"{where}: '{key}' has {len(value)} characters, at most {MAX_TEXT} are taken")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: '{key}' holds half a character (a lone surrogate): correct it") from None
    return value


def require_texts(value: Any, where: str, key: str) -> tuple[str, ...]:
    """Returns a list of texts, each checked by `require_text`, as a tuple."""
    if not isinstance(value, list):
        raise UserError(f"{where}: '{key}' must be a list of texts")
    return tuple(require_text(item, where, f"{key}[{i}]") for i, item in enumerate(value))


def resolve_inside(root: Path, name: str, where: str) -> Path:
    """Returns the file that a name means, following links. Raises UserError if it is not in the folder `root`. An
    absolute name, or one with '..', is accepted if it ends in the folder all the same; `root` may be a link. A link
    in the folder that leads out of it is followed where the user allows it. A name that is not there is looked for in
    the other Unicode forms, in which macOS and archives write it."""
    if len(name) > MAX_PATH or not name.isprintable():
        raise UserError(f"{where}: {name[:200]!r} is not a path: correct it")
    try:
        forms = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD") if not name.isascii())]
        found = next((form for form in forms if (root / form).exists()), name)
        path, folder = (root / found).resolve(), root.resolve()
    except (OSError, ValueError, RuntimeError):
        raise UserError(f"{where}: {name[:200]!r} is not a path: correct it") from None
    if "\\" in name:
        raise UserError(f"{where}: {name[:200]!r} has backslashes: write its folders with slashes (/)")
    if path.is_relative_to(folder):
        return path
    link = Path(os.path.normpath(folder / found))
    if not link.is_relative_to(folder):
        raise UserError(f"{where}: {name[:200]!r} leads out of {root}: paths must stay in that folder")
    if not tolerance.given().links:
        raise UserError(
            f"{where}: {name[:200]!r} is a link that leads out of {root}: copy what it leads to into that folder, or "
            f"follow links with {tolerance.ALLOW_LINKS}"
        )
    return link


class Folder:
    """A folder of pictures that many rows name: a name that has been resolved is not looked for again."""

    def __init__(self, root: str | Path):
        self._root = Path(root)
        self._found: dict[str, Path] = {}

    def find(self, name: str, where: str) -> Path:
        """Returns the file that a name means, as `resolve_inside` does."""
        if name not in self._found:
            self._found[name] = resolve_inside(self._root, name, where)
        return self._found[name]


def _is_file(path: Path) -> bool:
    """Returns whether a path is a plain file (no folder, pipe or device, which might never end)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def digest_files(paths: Iterable[Path], pictures: Iterable[Path] = ()) -> str:
    """Hashes the bytes of files, and the names and sizes of pictures, whose bytes would take too long to read."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for picture in dict.fromkeys(pictures):
        size = picture.stat().st_size if _is_file(picture) else -1
        digest.update(f"{picture.name}\0{size}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


@contextlib.contextmanager
def open_atomic(path: epath.PathLike) -> Iterator[Any]:
    """Opens a file to write bytes: it appears when the block ends, complete and synced to disk, or not at all."""
    path = epath.Path(path)
    # Two hosts may write the same bytes at the same time.
    part = path.with_name(f"{path.name}.{platform.node()}-{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            # A file of an object store has nothing to sync.
            with contextlib.suppress(AttributeError, io.UnsupportedOperation):
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
