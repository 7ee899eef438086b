"""The one schema: a family of diagrams and captions, as `tf.train.Example` in TFRecord shards.

A data set is a folder: shards `NAME-split.tfrecord-00000-of-00032`, beside each its index `*.index.json`
(offsets, size, hash, the fingerprint of its spec), `dataset_info.json` and `features.json` (with which
`tfds.builder_from_directory` reads it), and `manifest.json`, written last: what has none is not finished.
"""

import bisect
import contextlib
import dataclasses
import hashlib
import io
import itertools
import json
import operator
import os
import platform
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, SupportsIndex

import google_crc32c
import numpy as np
from etils import epath
from google.protobuf import message

from data_gen.errors import UserError
from data_gen.tfexample import Example

SCHEMA_VERSION = 2
LAYOUTS = ("star", "cube", "product")
EDIT_AXES = ("order", "shape", "relation", "value", "retrieved")
SIGNATURE_WORDS = 8
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Question:
    """A problem over the anchor: `answer` is one of `choices` where there are any; all fields are text."""

    question: str
    choices: tuple[str, ...]
    answer: str
    solution: str


@dataclass(frozen=True, eq=False)
class Family:
    """One anchor and its siblings: N images, C >= N captions. Captions 0..N-1 belong to images 0..N-1 (0 is
    the anchor), the rest are text alone. Where there is no program, only the anchor must have a caption of its
    own: others have one where truth[i, i] is 1, and N may exceed C. Arrays are not to be written to."""

    key: str  # unique, e.g. "synthetic/train/000012"
    layout: str  # one of LAYOUTS
    images: tuple[bytes, ...]  # N PNGs
    captions: tuple[str, ...]  # C
    truth: np.ndarray  # int8[N, C]: 1 true, 0 false, -1 cannot say
    provenance: np.ndarray  # uint8[N, C]: 0 unknown, 1 computed, 2 asserted
    margin_px: np.ndarray  # float32[N, C]: how far the entry is from its opposite, as seen; or nan
    edits: tuple[tuple[str, ...], ...]  # C: axes in which caption j differs from 0, or a text-only one from a member
    kinds: tuple[tuple[str, ...], ...]  # C: the same edits, named more finely ("midpoint_ratio")
    image_signatures: np.ndarray  # uint32[N, 8]: facts that are or may be true of the image
    caption_signatures: np.ndarray  # uint32[C, 8]: facts that the caption states
    facts: tuple[str, ...]  # C JSON texts
    programs: tuple[str, ...]  # N JSON texts, or none where the source has no program
    canvas: str  # JSON: with a program it gives the picture again; empty where there is no program
    source: str
    difficulty: int
    size_px: int
    question: Question | None = None
    # Kind of edit -> (tried, taken) on the way to this family: the index of a shard sums it up, records do not have it.
    proposals: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)


class Field(NamedTuple):
    """A row of the schema. kind: "text", "texts", "images", "int", "array"; shape: letters N, C, or sizes."""

    name: str
    kind: str
    dtype: str = ""
    shape: tuple[str | int, ...] = ()


# A table of two open sizes is stored as raw bytes beside its shape, which is how TFDS stores one.
SCHEMA: tuple[Field, ...] = (
    Field("key", "text"),
    Field("layout", "text"),
    Field("images", "images"),
    Field("captions", "texts"),
    Field("truth", "array", "int8", ("N", "C")),
    Field("provenance", "array", "uint8", ("N", "C")),
    Field("margin_px", "array", "float32", ("N", "C")),
    Field("edits", "texts"),
    Field("kinds", "texts"),
    Field("image_signatures", "array", "uint32", ("N", SIGNATURE_WORDS)),
    Field("caption_signatures", "array", "uint32", ("C", SIGNATURE_WORDS)),
    Field("facts", "texts"),
    Field("programs", "texts"),
    Field("canvas", "text"),
    Field("source", "text"),
    Field("difficulty", "int"),
    Field("size_px", "int"),
    Field("question/question", "text"),
    Field("question/choices", "texts"),
    Field("question/answer", "text"),
    Field("question/solution", "text"),
    Field("schema_version", "int"),
)


def stored_raw(field: Field) -> bool:
    """Whether an array is stored as its shape and its raw bytes."""
    return field.kind == "array" and not isinstance(field.shape[-1], int)


# ---------------------------------------------------------------- family <-> record


def encode(family: Family) -> bytes:
    """The family as a serialised `tf.train.Example`: equal families give equal bytes.

    Raises UserError where a field does not fit the schema.
    """
    validate(family)
    question = family.question or Question("", (), "", "")
    values: dict[str, Any] = {field.name: getattr(family, field.name, None) for field in SCHEMA}
    values |= {f"question/{name}": value for name, value in vars(question).items()}
    values |= {"schema_version": SCHEMA_VERSION}
    values |= {name: tuple("+".join(some) for some in values[name]) for name in ("edits", "kinds")}
    example = Example()
    for field in SCHEMA:
        _write_field(example.features.feature, field, values[field.name])
    return example.SerializeToString(deterministic=True)


def _write_field(features: Any, field: Field, value: Any) -> None:
    if stored_raw(field):
        features[field.name + "/shape"].int64_list.value.extend(value.shape)
        raw = np.ascontiguousarray(value, np.dtype(field.dtype).newbyteorder("<")).tobytes()
        features[field.name + "/value"].bytes_list.value.append(raw)
    elif field.kind == "array":
        features[field.name].int64_list.value.extend(value.ravel().tolist())
    elif field.kind == "int":
        features[field.name].int64_list.value.append(value)
    else:
        items = (value,) if field.kind == "text" else value
        # A list that is empty is still there, and still a list of bytes.
        features[field.name].bytes_list.value.extend(i if isinstance(i, bytes) else i.encode() for i in items)
        features[field.name].bytes_list.SetInParent()


def decode(data: bytes) -> Family:
    """The family of a serialised record. Raises UserError where it is of another schema or does not fit."""
    example = Example()
    try:
        example.ParseFromString(data)
    except message.DecodeError:
        raise UserError("the record is not a tf.train.Example") from None
    features = example.features.feature
    version = list(features["schema_version"].int64_list.value) if "schema_version" in features else [0]
    if version != [SCHEMA_VERSION]:
        found = version[0] if version else "none"
        raise UserError(f"it has schema version {found}, this code reads {SCHEMA_VERSION}")
    values = {field.name: _read_field(features, field) for field in SCHEMA if field.name != "schema_version"}
    parts = {name: values.pop(f"question/{name}") for name in ("question", "choices", "answer", "solution")}
    for name in ("edits", "kinds"):
        values[name] = tuple(tuple(some.split("+")) if some else () for some in values[name])
    family = Family(**values, question=Question(**parts) if parts["question"] else None)
    validate(family)
    return family


def _read_field(features: Any, field: Field) -> Any:
    try:
        if stored_raw(field):
            shape = tuple(_require(features, field.name + "/shape").int64_list.value)
            raw = _require(features, field.name + "/value").bytes_list.value[0]
            return np.frombuffer(raw, np.dtype(field.dtype).newbyteorder("<")).reshape(shape)
        found = _require(features, field.name)
        if field.kind == "array":
            words = np.array(found.int64_list.value, np.int64).reshape(-1, SIGNATURE_WORDS)
            if ((words < 0) | (words >= 2**32)).any():
                raise ValueError("a word is not of 32 bits")
            return words.astype(field.dtype)
        if field.kind == "int":
            return found.int64_list.value[0]
        if field.kind == "images":
            return tuple(found.bytes_list.value)
        texts = tuple(item.decode() for item in found.bytes_list.value)
        return texts[0] if field.kind == "text" else texts
    except (ValueError, IndexError) as fault:
        raise UserError(f"field '{field.name}' of the record does not fit the schema ({fault})") from None


def _require(features: Any, name: str) -> Any:
    if name not in features:
        raise UserError(f"the record has no field '{name}'")
    return features[name]


def validate(family: Family) -> None:
    """Check shapes, dtypes and values against the schema. Raises UserError, which names family and field."""

    def demand(good: Any, what: str) -> None:
        if not good:
            raise UserError(f"family '{family.key}': {what}")

    sizes = {"N": len(family.images), "C": len(family.captions)}
    drawn = bool(family.programs)
    demand(min(sizes.values()) >= 1, f"{sizes} does not have N >= 1 and C >= 1")
    demand(sizes["N"] <= sizes["C"] or not drawn, f"{sizes} does not have C >= N")
    demand(family.layout in LAYOUTS, f"layout '{family.layout}' is none of {LAYOUTS}")
    for field in SCHEMA:
        if field.kind == "array":
            array = getattr(family, field.name)
            found = f"{array.dtype}{list(array.shape)}"
            expected = f"{field.dtype}{[sizes[s] if isinstance(s, str) else s for s in field.shape]}"
            demand(found == expected, f"{field.name} is {found}, not {expected}")
    demand(all(family.captions), "a caption is empty")
    counts = {len(family.edits), len(family.kinds), len(family.facts)}
    demand(counts == {sizes["C"]}, "edits, kinds or facts have not C entries")
    demand(len(family.programs) in (0, sizes["N"]), "programs have neither N entries nor none")
    demand(all(set(axes) <= set(EDIT_AXES) for axes in family.edits), f"an edit is none of {EDIT_AXES}")
    demand(bool(family.canvas) == bool(family.programs), "it has not both programs and a canvas, or neither")
    demand(np.isin(family.truth, (-1, 0, 1)).all(), "truth holds a value other than 1, 0, -1")
    demand(family.provenance.max() <= 2, "provenance holds a value above 2")
    own = family.truth.diagonal()
    demand((own == 1).all() if drawn else own[0] == 1, "a caption is not true of its own image")
    demand(family.question is None or family.question.question, "its question has no text")


# ---------------------------------------------------------------- TFRecord framing

_HEAD, _TAIL = 12, 4  # length u64 + its crc; crc of the data


def masked_crc(data: bytes) -> int:
    """TFRecord's masked crc32c. The 40 KB library takes 1 us for a record; a table in Python takes 2 ms."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """One TFRecord: length, crc of the length, the data, crc of the data."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def unframe(block: bytes) -> bytes:
    """The data of one framed record. Raises UserError where it is cut short or a crc does not match."""
    if len(block) < _HEAD + _TAIL:
        raise UserError("cut short")
    length, length_crc = struct.unpack("<QI", block[:_HEAD])
    if masked_crc(block[:8]) != length_crc:
        raise UserError("the crc of its length does not match")
    if len(block) != _HEAD + length + _TAIL:
        raise UserError("cut short")
    data = block[_HEAD:-_TAIL]
    if masked_crc(data) != struct.unpack("<I", block[-_TAIL:])[0]:
        raise UserError("the crc of its data does not match")
    return data


# ---------------------------------------------------------------- shards


def shard_name(name: str, split: str, shard: int, shards: int) -> str:
    """The file name of a shard, as TFDS names it."""
    return f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"


@contextlib.contextmanager
def open_atomic(path: epath.PathLike) -> Iterator[Any]:
    """Open a file to write bytes: it appears when the block ends, whole and synced to disk, or not at all."""
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


class ShardWriter:
    """`with ShardWriter(path, fingerprint) as writer: writer.write(family)`: the shard, then its index, each
    whole or not at all. A shard counts once its index is there. `fingerprint` names the spec behind it."""

    def __init__(self, path: epath.PathLike, fingerprint: str):
        self.path = epath.Path(path)
        self._index: dict[str, Any] = {"fingerprint": fingerprint, "offsets": [], "bytes": 0, "proposals": {}}
        self._digest = hashlib.sha256()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "ShardWriter":
        index_path(self.path).unlink(missing_ok=True)
        for left in self.path.parent.glob(f"{self.path.name}.*.part"):  # by a killed run
            left.unlink(missing_ok=True)
        self._file = self._stack.enter_context(open_atomic(self.path))
        return self

    def write(self, family: Family) -> None:
        """Append a family. Raises UserError where it does not fit the schema."""
        block = frame(encode(family))
        self._index["offsets"].append(self._index["bytes"])
        self._index["bytes"] += len(block)
        self._digest.update(block)
        self._file.write(block)
        sums = self._index["proposals"]
        for kind, (tried, taken) in family.proposals.items():
            before = sums.get(kind, (0, 0))
            sums[kind] = (before[0] + tried, before[1] + taken)

    def __exit__(self, *fault: Any) -> None:
        self._stack.__exit__(*fault)
        if fault[0] is None:
            self._index["sha256"] = self._digest.hexdigest()
            with open_atomic(index_path(self.path)) as file:
                file.write(json.dumps(self._index).encode())


def index_path(shard: epath.PathLike) -> epath.Path:
    """Where the index of a shard lies."""
    shard = epath.Path(shard)
    return shard.with_name(shard.name + ".index.json")


def read_index(shard: epath.PathLike) -> dict[str, Any]:
    """The index of a whole shard: {"fingerprint", "offsets": start of each record, "bytes", "sha256", "proposals"}.

    Raises UserError where shard or index is missing, or the shard has not the size that the index tells.
    """
    shard = epath.Path(shard)
    try:
        index = json.loads(index_path(shard).read_text())
        _check_index(index)
        size, expected = shard.stat().length, index["bytes"]
    except FileNotFoundError as fault:
        raise UserError(f"{fault.filename} is missing: {_REBUILD}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{index_path(shard)} is not an index: {_REMAKE}") from None
    if size != expected:
        raise UserError(f"shard {shard} ends at byte offset {size}, its index says {expected}: {_REMAKE}")
    return index


def _check_index(index: Any) -> None:
    """Raises ValueError, TypeError or KeyError where it is not what a ShardWriter writes."""
    offsets, end = index["offsets"], index["bytes"]
    whole = [*offsets, end]
    if not all(type(n) is int for n in whole) or (offsets and offsets[0]) or whole != sorted(set(whole)):
        raise ValueError("offsets do not rise from 0 to the size")
    if not isinstance(index["sha256"], str) or not isinstance(index["fingerprint"], str):
        raise TypeError("a hash is no text")


_REBUILD = "run the build of its data set again, which makes what is missing"
_REMAKE = f"delete it and {_REBUILD}"


def read_shard(path: epath.PathLike) -> Iterator[Family]:
    """The families of a shard in order. Raises UserError, which names the offset, where one is broken."""
    index = read_index(path)
    with epath.Path(path).open("rb") as file:
        for number in range(len(index["offsets"])):
            yield _read_record(file, path, index, number)


def _read_record(file: Any, path: epath.PathLike, index: dict[str, Any], number: int) -> Family:
    start, *rest = index["offsets"][number : number + 2]
    end = rest[0] if rest else index["bytes"]
    file.seek(start)
    try:
        return decode(unframe(file.read(end - start)))
    except UserError as fault:
        place = f"shard {path}, record {number} at byte offset {start}"
        raise UserError(f"{place}: {fault}; {_REMAKE}") from None


def write_manifest(directory: epath.PathLike, manifest: dict[str, Any]) -> None:
    """Declare a data set whole. `manifest`: {"name", "seed", "spec", "fingerprint", "versions", "splits":
    {split: [{"file", "families", "bytes", "sha256"}, ...]}}; the schema's version is added."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **manifest}, indent=1)
    with open_atomic(epath.Path(directory) / MANIFEST) as file:
        file.write(text.encode())


def read_manifest(directory: epath.PathLike) -> dict[str, Any]:
    """The manifest of a data set. Raises UserError where there is none, or it is of another schema."""
    path = epath.Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        version = manifest["schema_version"]
        _check_rows(manifest["splits"]) if version == SCHEMA_VERSION else None
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{directory} holds no finished data set (no {MANIFEST}): make it with "
            f"python -m data_gen.build --spec=configs/... --out={directory}"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path} is not a manifest: delete it and run the build again") from None
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version!r:.20}, this code reads {SCHEMA_VERSION}: "
            "make the data again in an empty folder"
        )
    return manifest


def _check_rows(splits: Any) -> None:
    """Raises ValueError, TypeError or KeyError where the splits of a manifest are not lists of shards in its folder."""
    for row in itertools.chain.from_iterable(dict(splits).values()):
        name = row["file"]
        if type(row["families"]) is not int or not 0 <= row["families"] < 2**40 or not isinstance(row["sha256"], str):
            raise TypeError("families or sha256 of a shard")
        named = isinstance(name, str) and name.isprintable() and len(name) <= 200 and "\\" not in name
        if not named or os.path.basename(name) != name or name in ("", ".", ".."):
            raise ValueError("a shard outside the folder")


class RecordSource:
    """The families of one split by row number: `len(source)`, `source[row] -> Family`. Threads may share one.

    Raises UserError, which names the shard and the byte offset, where a record is broken.
    """

    def __init__(self, directory: epath.PathLike, split: str):
        splits = read_manifest(directory)["splits"]
        if split not in splits:
            raise UserError(f"{directory} has no split '{split}', only {', '.join(splits)}")
        self.directory, self.split = epath.Path(directory), split
        self._shards = splits[split]
        self._starts = list(itertools.accumulate((row["families"] for row in self._shards), initial=0))
        self._indexes: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, row: SupportsIndex) -> Family:
        row = operator.index(row)
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        shard = bisect.bisect_right(self._starts, row) - 1
        path, number = self.directory / self._shards[shard]["file"], row - self._starts[shard]
        index = self._index(shard, path)
        try:
            # Opening takes 15 us, and no descriptor is kept, however many shards and threads there are.
            with path.open("rb") as file:
                return _read_record(file, path, index, number)
        except FileNotFoundError:
            raise UserError(f"shard {path} is missing: {_REBUILD}") from None

    def _index(self, shard: int, path: epath.Path) -> dict[str, Any]:
        if shard not in self._indexes:
            index, row = read_index(path), self._shards[shard]
            if index["sha256"] != row["sha256"] or len(index["offsets"]) != row["families"]:
                raise UserError(f"shard {path} is not the one that {MANIFEST} tells of: {_REMAKE}")
            self._indexes[shard] = index
        return self._indexes[shard]
