"""Arrays of others on disk: `.npz`, and safetensors in one file or several. Nothing is unpickled or executed.

Names, shapes and types are read first. An array itself is read when it is asked for, after its shape was found to be
the one wanted: a file's claim of a size allocates nothing.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints.mapping import Arrays
from mmgeo_jax.data.published import is_present, read_settings, require_file

SAFETENSORS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5")
FLOATS = {"F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"}
MOST_NAMED = 12  # differences that an error prints
# A compressed .npz unpacks to at most so many times its own size, or so many bytes: weights hardly shrink.
MOST_GROWTH, FREE_BYTES = 50, 2**26
# What zipfile, NumPy and safetensors raise on broken arrays; a compression unknown to zipfile is a RuntimeError.
UNREADABLE = (
    ValueError,
    OSError,
    RuntimeError,
    EOFError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    safetensors.SafetensorError,
)
LORA = re.compile(r"\.lora_[A-Za-z]|\.base_layer\.|\.modules_to_save\.")


class Stored(NamedTuple):
    """An array that is not read yet."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]


Files = Mapping[str, Stored]  # name -> array


# ---- npz ----------------------------------------------------------------------------------------------------------


def open_npz(path: Path) -> dict[str, Stored]:
    """Returns the arrays of an .npz without the optimizer's. Raises UserError where it is none, or holds objects."""
    if not is_present(path):
        raise UserError(f"checkpoint {path} is not there")
    require_file(path)
    try:
        file = zipfile.ZipFile(path)
        members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
        if sum(info.file_size for info in members.values()) > max(FREE_BYTES, MOST_GROWTH * path.stat().st_size):
            raise ValueError("it claims to unpack to far more than weights do")
        return {name: _npy(file, info, f"checkpoint {path}: {name}") for name, info in members.items()
                if not name.startswith("opt/")}  # fmt: skip
    except UserError:
        raise
    except Exception as fault:  # zipfile and NumPy's header raise nearly anything on broken files
        raise UserError(f"checkpoint {path} is no .npz of plain arrays: {_one_line(fault)}") from None


def _npy(file: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Stored:
    with file.open(info) as member:
        version = np.lib.format.read_magic(member)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = reader[version](member)
        begin = member.tell()
    if dtype.hasobject or dtype.names:
        raise UserError(f"{where} is {_kind(dtype)}{list(shape)}, and plain floats are wanted")
    size = dtype.itemsize * int(np.prod([int(side) for side in shape], dtype=object))
    if any(side < 0 for side in shape) or size != info.file_size - begin:
        raise UserError(f"{where} says {_kind(dtype)}{list(shape)}, {size} bytes, but holds {info.file_size - begin}")

    def read() -> np.ndarray:
        with file.open(info) as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    return Stored(tuple(shape), _kind(dtype), read)


def _kind(dtype: np.dtype) -> str:
    """Names a type; NumPy has no bfloat16 and saves it as two raw bytes."""
    if dtype.names:
        return "a structure"
    return "bfloat16" if dtype.kind == "V" and dtype.itemsize == 2 else dtype.newbyteorder("=").name


# ---- safetensors --------------------------------------------------------------------------------------------------


def open_safetensors(folder: Path) -> dict[str, Stored]:
    """Returns the arrays of a folder's one safetensors file, or else of those that its index names. Raises UserError,
    which names the file, where one is missing or broken, or two hold the same array."""
    if is_present(folder / SAFETENSORS):  # transformers, too, leaves an index beside it alone
        return _open_one(folder / SAFETENSORS, folder)
    if not is_present(folder / INDEX):
        raise UserError(_what_instead(folder))
    where = read_settings(folder, INDEX)["weight_map"]
    found: dict[str, Stored] = {}
    for name in sorted(set(where.values_.values())):
        if Path(name).name != name:
            raise UserError(f"{folder / INDEX} names a file that is not in its folder: {name[:200]!r}")
        part = _open_one(folder / name, folder)
        if twice := sorted(part.keys() & found.keys()):
            raise UserError(f"{folder / name} holds {twice[0]}, which another part holds too: fetch the parts again")
        found |= part
    if missing := sorted(where.values_.keys() - found.keys()):
        name = missing[0]
        raise UserError(f"{folder / where.values_[name]} does not hold {name}, as {INDEX} says: fetch it again")
    return found


def _open_one(path: Path, folder: Path) -> dict[str, Stored]:
    try:
        file = safetensors.safe_open(require_file(path, folder), "np")
        found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        return {name: Stored(tuple(part.get_shape()), part.get_dtype(), _reader(file, name))
                for name, part in found.items()}  # fmt: skip
    except UserError:
        raise
    except Exception as fault:
        raise UserError(f"{path} is no whole file of safetensors: {_one_line(fault)}") from None


def _reader(file: Any, name: str) -> Callable[[], np.ndarray]:
    return lambda: file.get_tensor(name)


def _what_instead(folder: Path) -> str:
    """Says what a folder has in place of model.safetensors."""
    names = sorted(path.name for path in folder.iterdir())
    missing = f"{folder / SAFETENSORS} is not there"
    if pickles := [name for name in names if name.endswith(PICKLES)]:
        return (f"{missing}, only {pickles[0]}, which is not read since loading it may execute code: save it as "
                "safetensors (save_pretrained(..., safe_serialization=True))")  # fmt: skip
    if other := [name for name in names if name.endswith(".safetensors")]:
        return f"{missing}, only {', '.join(other[:3])}: rename the file, or fetch {INDEX}"
    return missing


# ---- checks -------------------------------------------------------------------------------------------------------


def strip_prefix(files: Files, anchors: Iterable[str], where: str) -> dict[str, Stored]:
    """Returns arrays whose names lack the prefix that a wrapper gave them (module., model., base_model.model.): what
    stands before the first of `anchors`, names of the layout that is read, of which none is there as it is. Raises
    UserError where it is not the same for all, or where the arrays are an adapter's."""
    if adapters := sorted(name for name in files if LORA.search(name)):
        raise UserError(f"{where} holds an adapter ({adapters[0]}): merge it into the model first, and save that")
    anchors = tuple(anchors)
    if any(anchor in files for anchor in anchors):
        return dict(files)
    found = {name.removesuffix(anchor) for anchor in anchors for name in files if name.endswith(anchor)}
    if len(found) > 1:
        raise UserError(f"{where} has arrays of several models, {' and '.join(sorted(found)[:3])}: save one of them")
    prefix = "".join(found)
    return {name.removeprefix(prefix): stored for name, stored in files.items()}


def check_shapes(files: Mapping[str, Any], wanted: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Raises UserError, which names the arrays, where some are missing or of another shape. Nothing is read."""
    lines = [
        f"{name} is {list(files[name].shape) if name in files else 'not there'}, and {list(shape)} is wanted"
        for name, shape in wanted.items()
        if name not in files or tuple(files[name].shape) != tuple(shape)
    ]
    if lines:
        more = f"; and {len(lines) - MOST_NAMED} more" if len(lines) > MOST_NAMED else ""
        raise UserError(f"{where} is not whole: {'; '.join(lines[:MOST_NAMED])}{more}")


def read_floats(files: Files, names: Iterable[str], where: str) -> Arrays:
    """Reads arrays as float32. Raises UserError, which names the array, where one holds no plain floats, is broken, or
    has values that are not finite."""
    return {name: _float32(files[name], f"{where}: {name}") for name in names}


def _float32(stored: Stored, where: str) -> np.ndarray:
    shown = f"{where} is {stored.dtype}{list(stored.shape)}"
    if stored.dtype not in FLOATS:
        raise UserError(f"{shown}, and floats of 16, 32 or 64 bits are wanted")
    try:
        array = stored.read()
    except UNREADABLE as fault:
        raise UserError(f"{shown} and does not read: {_one_line(fault)}") from None
    if array.dtype.kind == "V" and stored.dtype == "bfloat16":
        array = array.view(ml_dtypes.bfloat16)
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.asarray(array, np.float32)
    if not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise UserError(f"{shown} of which {bad} values are not finite in float32: the model is broken")
    return array


def measure(files: Mapping[str, Any], table: Mapping[str, str], where: str) -> dict[str, int]:
    """Returns the sizes that a table of shapes names: {"a/kernel": "D F", "a/bias": "1 F"} gives {"D": ..., "F": ...}.
    Raises UserError, which names the array, where one is missing, of another rank, empty, or where sizes disagree."""
    sizes: dict[str, int] = {}
    for name, letters in table.items():
        shape = tuple(files[name].shape) if name in files else None
        wanted = letters.split()
        if shape is None or len(shape) != len(wanted) or not all(shape):
            raise UserError(f"{where}: {name} is {list(shape) if shape is not None else 'not there'}, and "
                            f"[{', '.join(wanted)}] is wanted")  # fmt: skip
        for letter, size in zip(wanted, shape, strict=True):
            if size != (known := int(letter) if letter.isdigit() else sizes.setdefault(letter, size)):
                said = ", ".join(str(sizes.get(each, each)) for each in wanted)
                raise UserError(f"{where}: {name} is {list(shape)}, and [{said}] is wanted ({letter} is {known})")
    return sizes


def _one_line(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:160] or type(fault).__name__
