"""The one schema: a family of diagrams and captions, as a `tf.train.Example` (`tfrecords.py` puts them into files)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from google.protobuf import message

from data_gen.records.tfexample import Example
from data_gen.shared.errors import UserError

LETTERS = "ABCDEFGH"  # of the choices of a question
SCHEMA_VERSION = 3
LAYOUTS = ("star", "cube", "product")
EDIT_AXES = ("order", "shape", "relation", "value", "retrieved")
SIGNATURE_WORDS = 8
UNKNOWN, COMPUTED, ASSERTED = 0, 1, 2  # provenance of an entry of the truth table
IN_PICTURE = "picture"  # a tag of a question


@dataclass(frozen=True)
class Question:
    """A problem over the anchor: `answer` is one of `choices` where there are any; all fields are text. `tags`: none,
    or the kind of problem ("inscribed_angle") and, where the text alone does not do, IN_PICTURE."""

    question: str
    choices: tuple[str, ...]
    answer: str
    solution: str
    tags: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Returns the kind of problem; "" if its source does not tell."""
        return self.tags[0] if self.tags else ""

    @property
    def needs_picture(self) -> bool:
        """Returns whether the given values stand in the picture alone."""
        return IN_PICTURE in self.tags[1:]

    @property
    def letter(self) -> str:
        """Returns the answer as the letter of its choice, "A" for the first; "" if it is none of them."""
        return chr(ord("A") + self.choices.index(self.answer)) if self.answer in self.choices else ""


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
    provenance: np.ndarray  # uint8[N, C]: UNKNOWN, COMPUTED or ASSERTED
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
    annotations: tuple[str, ...] = ()  # N JSON texts (annotations.py), or none where it is not known what stands where
    # Kind of edit -> (tried, taken) on the way to this family: the index of a shard sums it up, records do not have it.
    proposals: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)


class Field(NamedTuple):
    """A row of the schema. kind: "text", "texts", "images", "int", "array"; shape: letters N, C, or sizes. optional: a
    list that is left out where it is empty, so that records written before it was thought of stay the same."""

    name: str
    kind: str
    dtype: str = ""
    shape: tuple[str | int, ...] = ()
    optional: bool = False


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
    Field("question/tags", "texts", optional=True),
    Field("annotations", "texts", optional=True),
    Field("schema_version", "int"),
)
QUESTION_FIELDS = tuple(field.name for field in dataclasses.fields(Question))


def stored_raw(field: Field) -> bool:
    """Returns whether an array is stored as its shape and its raw bytes."""
    return field.kind == "array" and not isinstance(field.shape[-1], int)


# ---------------------------------------------------------------- family <-> record


def encode(family: Family) -> bytes:
    """Returns the family as a serialised `tf.train.Example`: equal families give equal bytes. Raises UserError if a
    field does not fit the schema."""
    validate(family)
    values, example = _values(family), Example()
    for field in fields_of(family):
        _write_field(example.features.feature, field, values[field.name])
    return example.SerializeToString(deterministic=True)


def fields_of(family: Family) -> tuple[Field, ...]:
    """Returns the fields that a family's record has: all but optional ones that are empty."""
    values = _values(family)
    return tuple(field for field in SCHEMA if not field.optional or values[field.name])


def _values(family: Family) -> dict[str, Any]:
    question = family.question or Question("", (), "", "")
    values: dict[str, Any] = {field.name: getattr(family, field.name, None) for field in SCHEMA}
    values |= {f"question/{name}": value for name, value in vars(question).items()}
    values |= {"schema_version": SCHEMA_VERSION}
    return values | {name: tuple("+".join(some) for some in values[name]) for name in ("edits", "kinds")}


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
    """Returns the family of a serialised record. Raises UserError if it has another schema or does not fit it."""
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
    parts = {name: values.pop(f"question/{name}") for name in QUESTION_FIELDS}
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
        if field.optional and field.name not in features:
            return ()
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
    """Checks shapes, dtypes and values against the schema. Raises UserError, which names family and field."""

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
    demand(len(family.annotations) == sizes["N"] or not (drawn or family.annotations), "annotations have not N entries")
    demand(all(set(axes) <= set(EDIT_AXES) for axes in family.edits), f"an edit is none of {EDIT_AXES}")
    demand(bool(family.canvas) == bool(family.programs), "it has not both programs and a canvas, or neither")
    demand(np.isin(family.truth, (-1, 0, 1)).all(), "truth holds a value other than 1, 0, -1")
    demand(family.provenance.max() <= 2, "provenance holds a value above 2")
    own = family.truth.diagonal()
    demand((own == 1).all() if drawn else own[0] == 1, "a caption is not true of its own image")
    demand(family.question is None or family.question.question, "its question has no text")
