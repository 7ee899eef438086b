"""The sidecar of retrieved captions: its files, its reader, and families with retrieved negatives for training.

Beside each shard of a split lies `SHARD.nearest.npz`: for each of its families the most similar captions of other
families that are false of its anchor. What they state lies in `NAME-SPLIT.captions.npz`, once for all that say the
same, with *roles* in the place of letters: p0, p1... for the points and c0, c1... for the centres of circles, in the
order in which its facts first name them, shapes before relations before values. Put into the letters of an anchor,
role by role, such a caption speaks of the anchor's points, so that what it says has to be read, and not only of whom.
"""

import bisect
import hashlib
import io
import itertools
import json
import operator
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple, SupportsIndex

import numpy as np
from etils import epath

from data_gen.drawing.canvas import canvas_from_json
from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact, facts_from_json, facts_to_json
from data_gen.language.predicates.table import PREDICATES
from data_gen.records import schema, tfrecords
from data_gen.records.schema import ASSERTED, COMPUTED, Family
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import files
from data_gen.shared.errors import UserError
from data_gen.truth.signatures import caption_signature, drawable

VERSION = 1  # of both files
RETRIEVED = ("retrieved",)
AXES = ("shape", "relation", "value")


# ---- letters and roles --------------------------------------------------------------------------------------------


def anchor_facts(family: Family) -> tuple[Fact, ...]:
    """Returns the facts of the anchor's caption, perhaps none. Raises UserError where they do not read."""
    try:
        return tuple(facts_from_json(family.facts[0]))
    except UserError:
        fault = f"family '{family.key}': the facts of its first caption do not read: make its data again"
        raise UserError(fault) from None


def roles(facts: Sequence[Fact]) -> dict[str, str]:
    """Maps name -> role, centres of circles apart from other points, in the order in which the facts name them. In
    whatever order a caption says it, the shapes come first, and of these what has most points."""
    ordered = sorted(facts, key=lambda f: (AXES.index(PREDICATES[f.predicate].axis), -len(f.args), f.predicate))
    centres = {name for fact in facts for name in fact.args[: PREDICATES[fact.predicate].circles]}
    points, circles = itertools.count(), itertools.count()
    found: dict[str, str] = {}
    for name in (name for fact in ordered for name in fact.args):
        if name not in found:
            found[name] = f"c{next(circles)}" if name in centres else f"p{next(points)}"
    return found


def in_letters_of(facts: Sequence[Fact], family: Family) -> tuple[Fact, ...]:
    """Gives facts in roles the letters that have these roles in the anchor's caption of a family."""
    names = {role: name for name, role in roles(anchor_facts(family)).items()}
    return tuple(fact.rename(names) for fact in facts)


def caption_for(facts: Sequence[Fact], family: Family) -> str:
    """Returns the facts as a caption in the wording of a family."""
    return write_caption(facts, canvas_from_json(family.canvas).wording if family.canvas else 0)


# ---- files --------------------------------------------------------------------------------------------------------


def sidecar_path(shard: epath.PathLike) -> epath.Path:
    """Returns where the sidecar of a shard lies."""
    shard = epath.Path(shard)
    return shard.with_name(shard.name + ".nearest.npz")


def captions_path(directory: epath.PathLike, split: str) -> epath.Path:
    """Returns where the captions of a split lie that its sidecars speak of."""
    return epath.Path(directory) / f"{tfrecords.read_manifest(directory)['name']}-{split}.captions.npz"


def split_digest(directory: epath.PathLike, split: str) -> str:
    """Returns a hash of what a split's sidecars depend on: its shards, and those of test, never retrieved from."""
    splits = tfrecords.read_manifest(directory)["splits"]
    if split not in splits:
        raise UserError(f"{directory} has no split '{split}', only {', '.join(splits)}")
    hashes = [[row["sha256"] for row in splits.get(name, ())] for name in (split, "test")]
    return hashlib.sha256(json.dumps([VERSION, hashes]).encode()).hexdigest()


def write_arrays(path: epath.Path, digest: str, **arrays: np.ndarray) -> None:
    """Writes arrays as a compressed npz, whole or not at all: equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, version=np.int64(VERSION), digest=np.array(digest), **arrays)
    with files.open_atomic(path) as file:
        file.write(buffer.getvalue())


def read_arrays(path: epath.Path, digest: str, names: Sequence[str]) -> list[np.ndarray]:
    """Reads arrays from such a file. Raises UserError where it is missing, broken, or belongs to other shards."""
    again = f"run mmgeo retrieval --data={path.parent}"
    try:
        version, made_for, *arrays = files.read_npz(path, ("version", "digest", *names))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} is not there: {again}") from None
    except (ValueError, OSError):
        raise UserError(f"{path} does not read: delete it and {again} again") from None
    if (version.tolist(), str(made_for)) != (VERSION, digest):
        raise UserError(f"{path} belongs to other shards than those that are there: {again} again")
    return arrays


class Captions(NamedTuple):
    """What the anchors of a split state, in roles, each once."""

    rows: np.ndarray  # int32[D]: a family whose anchor's caption says so
    texts: Sequence[str]  # D JSON texts of facts

    def facts(self, number: int) -> list[Fact]:
        """Returns the facts of caption `number`, in roles."""
        return facts_from_json(self.texts[number])


def write_captions(path: epath.Path, digest: str, captions: Captions) -> None:
    """Writes the captions of a split."""
    encoded = [text.encode() for text in captions.texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    write_arrays(path, digest, rows=captions.rows, ends=ends, text=np.frombuffer(b"".join(encoded), np.uint8))


def read_captions(path: epath.Path, digest: str) -> Captions:
    """Returns the inverse of `write_captions`. Raises UserError like `read_arrays`."""
    rows, ends, text = read_arrays(path, digest, ("rows", "ends", "text"))
    whole, bounds = text.tobytes(), [0, *ends.tolist()]
    return Captions(rows, [whole[a:b].decode() for a, b in itertools.pairwise(bounds)])


# ---- reading ------------------------------------------------------------------------------------------------------


class Retrieved(NamedTuple):
    """A caption of another family in the letters of an anchor, of which it is false."""

    text: str
    facts: tuple[Fact, ...]
    similarity: float  # cosine, 0 to 1
    rank: int  # 0 for the most similar caption that fits, of which the true ones are left out
    row: int  # of the family whose anchor says so


class Sidecar:
    """The retrieved captions of a split. Threads may share one; a shard's file is read when it is first needed. Raises
    UserError where a file is missing, broken or stale."""

    def __init__(self, directory: epath.PathLike, split: str):
        self._folder, self._split = epath.Path(directory), split
        self._digest = split_digest(directory, split)
        self._shards = tfrecords.read_manifest(directory)["splits"][split]
        self._starts = list(itertools.accumulate((row["families"] for row in self._shards), initial=0))
        self._read: dict[int, list[np.ndarray]] = {}

    @cached_property
    def _captions(self) -> Captions:
        return read_captions(captions_path(self._folder, self._split), self._digest)

    def negatives(self, row: int, family: Family, most: int) -> list[Retrieved]:
        """Returns up to `most` retrieved captions of family `row`, the most similar first."""
        if not 0 <= row < self._starts[-1]:
            raise IndexError(f"row {row} of {self._starts[-1]}")
        shard = bisect.bisect_right(self._starts, row) - 1
        if shard not in self._read:
            path = sidecar_path(self._folder / self._shards[shard]["file"])
            # In reading order: of `number`, -1 marks the places that are empty.
            self._read[shard] = read_arrays(path, self._digest, ("number", "similarity", "rank"))
        numbers, similarities, ranks = (array[row - self._starts[shard]] for array in self._read[shard])
        found = []
        for k in np.flatnonzero(numbers >= 0)[:most].tolist():
            facts = in_letters_of(self._captions.facts(numbers[k]), family)
            source = int(self._captions.rows[numbers[k]])
            found.append(Retrieved(caption_for(facts, family), facts, float(similarities[k]), int(ranks[k]), source))
        return found


def nearest(directory: epath.PathLike, split: str, row: int, most: int = 100) -> list[Retrieved]:
    """Returns one family's retrieved captions, the most similar first. To read many, keep a `Sidecar`."""
    return Sidecar(directory, split).negatives(row, RecordSource(directory, split)[row], most)


# ---- for training -------------------------------------------------------------------------------------------------


class WithRetrieved:
    """The families of a source, each cut to `captions` captions and followed by up to `count` retrieved ones. These are
    false of the anchor; of the siblings nobody has asked, and training leaves the pairs out."""

    def __init__(self, source: RecordSource, captions: int, count: int):
        self._source, self._captions, self._count = source, captions, count
        self._sidecar = Sidecar(source.directory, source.split)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, row: SupportsIndex) -> Family:
        row = operator.index(row)
        family = self._source[row]
        return add_retrieved(family, self._sidecar.negatives(row, family, self._count), self._captions)


def add_retrieved(family: Family, retrieved: Sequence[Retrieved], captions: int) -> Family:
    """Returns a family with its first `captions` captions (its pictures' own at least), then retrieved ones."""
    pictures, count = len(family.images), len(retrieved)
    kept = max(pictures, min(captions, len(family.captions)))
    truth, provenance = np.full((pictures, count), -1, np.int8), np.zeros((pictures, count), np.uint8)
    truth[0], provenance[0] = 0, COMPUTED if family.programs else ASSERTED
    margin_px = np.full((pictures, count), np.nan, np.float32)
    signatures = np.zeros((count, schema.SIGNATURE_WORDS), np.uint32)
    for j, each in enumerate(retrieved):
        signatures[j] = caption_signature(drawable(each.facts))
    return replace(
        family,
        captions=family.captions[:kept] + tuple(each.text for each in retrieved),
        truth=np.concatenate([family.truth[:, :kept], truth], 1),
        provenance=np.concatenate([family.provenance[:, :kept], provenance], 1),
        margin_px=np.concatenate([family.margin_px[:, :kept], margin_px], 1),
        edits=family.edits[:kept] + (RETRIEVED,) * count,
        kinds=family.kinds[:kept] + (RETRIEVED,) * count,
        facts=family.facts[:kept] + tuple(facts_to_json(each.facts) for each in retrieved),
        caption_signatures=np.concatenate([family.caption_signatures[:kept], signatures]),
    )
