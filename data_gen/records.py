"""The one schema: a family of diagrams and captions, as `tf.train.Example` in TFRecord shards.

A data set is a folder: shards `NAME-split.tfrecord-00000-of-00032`, beside each its index `*.index.json`
(offsets, size, hash, the fingerprint of its spec), `dataset_info.json` and `features.json` (with which
`tfds.builder_from_directory` reads it), and `manifest.json`, written last: a folder without it is not finished.
"""

import bisect
import contextlib
import hashlib
import itertools
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import google_crc32c
import numpy as np
from etils import epath
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from data_gen.errors import UserError

SCHEMA_VERSION = 1
LAYOUTS = ("star", "cube", "product")
EDIT_KINDS = ("order", "shape", "relation", "value", "retrieved")
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
    """One anchor and its siblings: N images, C >= N captions. Captions 0..N-1 belong to images 0..N-1 (0 is the
    anchor), the rest are text alone. Arrays are not to be written to."""

    key: str  # unique, e.g. "synthetic/train/000012"
    layout: str  # one of LAYOUTS
    images: tuple[bytes, ...]  # N PNGs
    captions: tuple[str, ...]  # C
    truth: np.ndarray  # int8[N, C]: 1 true, 0 false, -1 cannot say
    provenance: np.ndarray  # uint8[N, C]: 0 unknown, 1 computed, 2 asserted
    margin_px: np.ndarray  # float32[N, C]: how far the entry is from its opposite, as seen; nan where not known
    edits: tuple[tuple[str, ...], ...]  # C: the EDIT_KINDS in which caption j differs from caption 0
    image_signatures: np.ndarray  # uint32[N, 8]: facts that are or may be true of the image
    caption_signatures: np.ndarray  # uint32[C, 8]: facts that the caption states
    facts: tuple[str, ...]  # C JSON texts
    programs: tuple[str, ...]  # N JSON texts, or none where the source has no program
    source: str
    difficulty: int
    size_px: int
    question: Question | None = None


class Field(NamedTuple):
    """A row of the schema. kind: "text" | "texts" | "images" | "int" | "array"; shape in letters: N, C, or a size."""

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
    Field("image_signatures", "array", "uint32", ("N", SIGNATURE_WORDS)),
    Field("caption_signatures", "array", "uint32", ("C", SIGNATURE_WORDS)),
    Field("facts", "texts"),
    Field("programs", "texts"),
    Field("source", "text"),
    Field("difficulty", "int"),
    Field("size_px", "int"),
    Field("question/question", "text"),
    Field("question/choices", "texts"),
    Field("question/answer", "text"),
    Field("question/solution", "text"),
    Field("schema_version", "int"),
)


def _raw(field: Field) -> bool:
    return field.kind == "array" and not isinstance(field.shape[-1], int)


# ---------------------------------------------------------------- tf.train.Example


def _example_class() -> Any:
    """The class of `tf.train.Example`, declared from its published field numbers: no package carries it that
    imports in less than a second."""
    proto = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="mmgeo/example.proto", package="mmgeo", syntax="proto3")
    one, many = proto.LABEL_OPTIONAL, proto.LABEL_REPEATED

    def declare(name: str, *fields: tuple, nested: Any = None) -> Any:
        row = (file.message_type if nested is None else nested).add(name=name)
        for field_name, number, label, kind in fields:
            named = isinstance(kind, str)
            field = row.field.add(name=field_name, number=number, label=label,
                                  type=proto.TYPE_MESSAGE if named else kind)  # fmt: skip
            if named:
                field.type_name = f".mmgeo.{kind}"
        return row

    declare("BytesList", ("value", 1, many, proto.TYPE_BYTES))
    declare("FloatList", ("value", 1, many, proto.TYPE_FLOAT))
    declare("Int64List", ("value", 1, many, proto.TYPE_INT64))
    kinds = ("bytes_list", 1, one, "BytesList"), ("float_list", 2, one, "FloatList"), ("int64_list", 3, one, "Int64List")
    feature = declare("Feature", *kinds)
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = declare("Features", ("feature", 1, many, "Features.FeatureEntry"))
    entry = declare("FeatureEntry", ("key", 1, one, proto.TYPE_STRING), ("value", 2, one, "Feature"),
                    nested=features.nested_type)  # fmt: skip
    entry.options.map_entry = True
    declare("Example", ("features", 1, one, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("mmgeo.Example"))


_Example = _example_class()


def encode(family: Family) -> bytes:
    """The family as a serialised `tf.train.Example`: equal families give equal bytes.

    Raises UserError where a field does not fit the schema.
    """
    validate(family)
    question = family.question or Question("", (), "", "")
    values: dict[str, Any] = {field.name: getattr(family, field.name, None) for field in SCHEMA}
    values |= {f"question/{name}": value for name, value in vars(question).items()}
    values |= {"schema_version": SCHEMA_VERSION, "edits": tuple("+".join(kinds) for kinds in family.edits)}
    example = _Example()
    for field in SCHEMA:
        _write_field(example.features.feature, field, values[field.name])
    return example.SerializeToString(deterministic=True)


def _write_field(features: Any, field: Field, value: Any) -> None:
    if _raw(field):
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
    """The family of a serialised record. Raises UserError where it is of another schema or does not fit it."""
    example = _Example()
    try:
        example.ParseFromString(data)
    except message.DecodeError:
        raise UserError("the record is not a tf.train.Example") from None
    features = example.features.feature
    version = list(features["schema_version"].int64_list.value) if "schema_version" in features else [0]
    if version != [SCHEMA_VERSION]:
        raise UserError(f"the record has schema version {version[0]}, this code reads {SCHEMA_VERSION}: "
                        "make the data again with this version")  # fmt: skip
    values = {field.name: _read_field(features, field) for field in SCHEMA if field.name != "schema_version"}
    parts = {name: values.pop(f"question/{name}") for name in ("question", "choices", "answer", "solution")}
    values["edits"] = tuple(tuple(kinds.split("+")) if kinds else () for kinds in values["edits"])
    family = Family(**values, question=Question(**parts) if parts["question"] else None)
    validate(family)
    return family


def _read_field(features: Any, field: Field) -> Any:
    try:
        if _raw(field):
            shape = tuple(_require(features, field.name + "/shape").int64_list.value)
            raw = _require(features, field.name + "/value").bytes_list.value[0]
            return np.frombuffer(raw, np.dtype(field.dtype).newbyteorder("<")).reshape(shape)
        found = _require(features, field.name)
        if field.kind == "array":
            width = field.shape[-1]
            return np.array(found.int64_list.value, np.int64).astype(field.dtype).reshape(-1, width)
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
    """Check shapes, dtypes and values against the schema. Raises UserError, which names the family and the field."""

    def demand(good: Any, what: str) -> None:
        if not good:
            raise UserError(f"family '{family.key}': {what}")

    sizes = {"N": len(family.images), "C": len(family.captions)}
    demand(1 <= sizes["N"] <= sizes["C"], f"{sizes['C']} captions for {sizes['N']} images, C >= N >= 1 is needed")
    demand(family.layout in LAYOUTS, f"layout '{family.layout}' is none of {LAYOUTS}")
    for field in SCHEMA:
        if field.kind == "array":
            array = getattr(family, field.name)
            shape = tuple(sizes[s] if isinstance(s, str) else s for s in field.shape)
            demand(array.dtype == field.dtype and array.shape == shape,
                   f"{field.name} is {array.dtype}{list(array.shape)}, not {field.dtype}{list(shape)}")  # fmt: skip
    demand(all(family.captions), "a caption is empty")
    demand(len(family.edits) == len(family.facts) == sizes["C"], "edits and facts need an entry for each caption")
    demand(len(family.programs) in (0, sizes["N"]), "programs need an entry for each image, or none at all")
    demand(all(kind in EDIT_KINDS for kinds in family.edits for kind in kinds), f"an edit is none of {EDIT_KINDS}")
    demand(np.isin(family.truth, (-1, 0, 1)).all(), "truth holds a value other than 1, 0, -1")
    demand(family.provenance.max() <= 2, "provenance holds a value above 2")
    demand((family.truth.diagonal() == 1).all(), "a caption is not true of its own image")
    demand(family.question is None or family.question.question, "its question has no text")


# ---------------------------------------------------------------- TFRecord framing

_HEAD, _TAIL = 12, 4  # length u64 + its crc; crc of the data


def masked_crc(data: bytes) -> int:
    """TFRecord's masked crc32c. The library is 40 KB and takes 1 us for a record; a table in Python takes 2 ms."""
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
