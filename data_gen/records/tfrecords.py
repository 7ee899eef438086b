"""Families in TFRecord files.

A data set is a folder: shards `NAME-split.tfrecord-00000-of-00032`, beside each its index `*.index.json`
(offsets, size, hash, the fingerprint of its spec), `dataset_info.json` and `features.json` (with which
`tfds.builder_from_directory` reads it), and `manifest.json`, written last: what has none is not finished.
"""

import bisect
import contextlib
import hashlib
import itertools
import json
import operator
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, SupportsIndex

import google_crc32c
from etils import epath

from data_gen.records.schema import SCHEMA_VERSION, Family, decode, encode
from data_gen.shared import own_json
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic

MANIFEST = "manifest.json"

# ---------------------------------------------------------------- TFRecord framing

_HEAD, _TAIL = 12, 4  # length u64 + its crc; crc of the data


def masked_crc(data: bytes) -> int:
    """Computes TFRecord's masked crc32c. The 40 KB library takes 1 us for a record; a table in Python takes 2 ms."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame_record(data: bytes) -> bytes:
    """Returns one TFRecord: length, crc of the length, the data, crc of the data."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def unframe_record(block: bytes) -> bytes:
    """Returns the data of one TFRecord. Raises UserError if it is cut short or a crc does not match."""
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
    """Returns the file name of a shard, as TFDS names it."""
    return f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"


class ShardWriter:
    """`with ShardWriter(path, fingerprint) as writer: writer.write(family)`: the shard, then its index, each
    whole or not at all. A shard counts once its index is there. `fingerprint` names the spec behind it."""

    def __init__(self, path: epath.PathLike, fingerprint: str):
        self.path = epath.Path(path)
        self._index: dict[str, Any] = {"fingerprint": fingerprint, "offsets": [], "bytes": 0, "proposals": {}}
        self._figures: Counter[str] = Counter()
        self.pictures: dict[str, list] = {}  # as `shared.pictures.tallying` counts them
        self.broken: list[str] = []  # a line about each row that is skipped
        self._digest = hashlib.sha256()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "ShardWriter":
        index_path(self.path).unlink(missing_ok=True)
        for left in self.path.parent.glob(f"{self.path.name}.*.part"):  # by a killed run
            left.unlink(missing_ok=True)
        self._file = self._stack.enter_context(open_atomic(self.path))
        return self

    def write(self, family: Family, figures: Mapping[str, int] | None = None) -> None:
        """Appends a family; `figures` counts those tried for it and refused, as `drawing.draw.counting_figures` does.
        Raises UserError if the family does not fit the schema."""
        block = frame_record(encode(family))
        self._index["offsets"].append(self._index["bytes"])
        self._index["bytes"] += len(block)
        self._digest.update(block)
        self._file.write(block)
        sums = self._index["proposals"]
        for kind, (tried, taken) in family.proposals.items():
            before = sums.get(kind, (0, 0))
            sums[kind] = (before[0] + tried, before[1] + taken)
        self._figures.update(figures or {})

    def __exit__(self, *fault: Any) -> None:
        self._stack.__exit__(*fault)
        if fault[0] is None:
            self._index["sha256"] = self._digest.hexdigest()
            if self._figures:
                self._index["figures"] = dict(self._figures)
            if self.pictures:
                self._index["pictures"] = self.pictures
            if self.broken:
                self._index["broken"] = self.broken
            with open_atomic(index_path(self.path)) as file:
                file.write(json.dumps(self._index).encode())


def index_path(shard: epath.PathLike) -> epath.Path:
    """Returns the path of a shard's index."""
    shard = epath.Path(shard)
    return shard.with_name(shard.name + ".index.json")


def read_index(shard: epath.PathLike) -> dict[str, Any]:
    """Reads the index of a whole shard: {"fingerprint", "offsets": start of each record, "bytes", "sha256",
    "proposals": {kind of edit: [tried, taken]}}, of drawn figures "figures": {"tried": count, reason of refusal:
    count}, and "broken": a line about each row that was skipped. Raises UserError if shard or index is missing, or the
    shard has another size than its index says."""
    shard = epath.Path(shard)
    index = own_json.read(index_path(shard), "index.json")
    try:
        size, expected = shard.stat().length, index["bytes"]
    except FileNotFoundError as fault:
        raise UserError(f"{fault.filename} is missing: {_REBUILD}") from None
    if index["offsets"] and index["offsets"][-1] >= expected:
        raise UserError(f"{index_path(shard)} has a record that begins behind its end: {_REMAKE}")
    if size != expected:
        raise UserError(f"shard {shard} ends at byte offset {size}, its index says {expected}: {_REMAKE}")
    return index


_BUILD = "run the build of its data set again"
_REBUILD = f"{_BUILD}, which makes what is missing"
_REMAKE = f"delete it and {_REBUILD}"


def read_shard(path: epath.PathLike) -> Iterator[Family]:
    """Yields the families of a shard in order. Raises UserError, which names the offset, if one is broken."""
    index = read_index(path)
    with epath.Path(path).open("rb") as file:
        for number in range(len(index["offsets"])):
            yield read_record(file, path, index, number)


def read_record(file: Any, path: epath.PathLike, index: dict[str, Any], number: int) -> Family:
    """Returns record `number` of an open shard. Raises UserError, which names the offset, if it is broken."""
    start, *rest = index["offsets"][number : number + 2]
    end = rest[0] if rest else index["bytes"]
    file.seek(start)
    try:
        return decode(unframe_record(file.read(end - start)))
    except UserError as fault:
        place = f"shard {path}, record {number} at byte offset {start}"
        raise UserError(f"{place}: {fault}; {_REMAKE}") from None


def write_manifest(directory: epath.PathLike, manifest: dict[str, Any]) -> None:
    """Declares a data set complete. `manifest`: {"name", "seed", "spec", "fingerprint", "versions", "splits":
    {split: [{"file", "families", "bytes", "sha256"}, ...]}}; the schema's version is added."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **manifest}, indent=1)
    with open_atomic(epath.Path(directory) / MANIFEST) as file:
        file.write(text.encode())


def read_manifest(directory: epath.PathLike) -> dict[str, Any]:
    """Returns the manifest of a data set. Raises UserError if there is none, or it has another schema."""
    path = epath.Path(directory) / MANIFEST
    version = own_json.read(path, "schema_version")["schema_version"]
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version!r:.20}, this code reads {SCHEMA_VERSION}: "
            "make the data again in an empty folder"
        )
    return own_json.read(path)


def choose_split(directory: epath.PathLike, wanted: Sequence[str]) -> str:
    """Returns the first of the splits that has families; where few pictures are all there is, some have none. Raises
    UserError where all of them are empty."""
    splits = read_manifest(directory)["splits"]
    for name in wanted:
        if any(row["families"] for row in splits.get(name, ())):
            return name
    raise UserError(f"{directory} has no families in {', '.join(wanted)}: make it with some")


class RecordSource:
    """The families of one split by row number: `len(source)`, `source[row] -> Family`. Threads may share one. Raises
    UserError, which names the shard and the byte offset, if a record is broken."""

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
                return read_record(file, path, index, number)
        except FileNotFoundError:
            raise UserError(f"shard {path} is missing: {_REBUILD}") from None

    def _index(self, shard: int, path: epath.Path) -> dict[str, Any]:
        if shard not in self._indexes:
            index, row = read_index(path), self._shards[shard]
            if index["sha256"] != row["sha256"] or len(index["offsets"]) != row["families"]:
                raise UserError(f"shard {path} is not the one that {MANIFEST} tells of: {_REMAKE}")
            self._indexes[shard] = index
        return self._indexes[shard]
