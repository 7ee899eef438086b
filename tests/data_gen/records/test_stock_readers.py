"""TensorFlow's readers take our shards, every field: run by `make test-stock`, in an environment of its own."""

import numpy as np
import pytest

from data_gen.build import shards as shard_files
from data_gen.drawing.png import decode_png
from data_gen.records import schema, tfrecords
from tests.data_gen.build.test_build import SPEC
from tests.support import fake_source

tf = pytest.importorskip("tensorflow", reason="TensorFlow has an environment of its own: make test-stock")
tfds = pytest.importorskip("tensorflow_datasets")

QUESTION = {"question": "How long is AB?", "choices": ("3", "4"), "answer": "4", "solution": "3² + 4² = 5², so AB = 4."}
WORDS = schema.SIGNATURE_WORDS


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A finished data set, some of its families with a question, and all its families of train by our own reader."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "spec.py").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(shard_files.SOURCES, "fake", fake_source.__name__)
        patch.setattr(fake_source, "family", family)
        assert shard_files.main([f"--spec={folder / 'spec.py'}", f"--out={folder / 'data'}", "--workers=1"]) == 0
    source = tfrecords.RecordSource(folder / "data", "train")
    return folder / "data", [source[row] for row in range(len(source))]


def family(spec, split, index):
    question = QUESTION if index % 2 else None
    sizes = {"n": 1 + index % 4, "c": 4 + index % 3, "caption": f"{split} ∠{index}° {{}}"}
    return fake_source.make(f"fake/{split}/{index:06d}", index, question=question, **sizes)


def texts(values):
    return tuple(value.decode() for value in values)


def compare(family, found):
    """Every field of our family with a reader's row: {name: array, bytes or list of bytes}; pictures as arrays."""
    seen = set()
    for field in schema.SCHEMA:
        seen.add(field.name)
        value = found.get(field.name, []) if field.optional else found[field.name]
        if field.name == "schema_version":
            assert value == schema.SCHEMA_VERSION
        elif field.name.startswith("question/"):
            asked = family.question or schema.Question("", (), "", "")
            ours = getattr(asked, field.name.split("/")[1])
            assert (texts(value) if field.kind == "texts" else value.decode()) == ours, field.name
        elif field.kind == "array":
            ours = getattr(family, field.name)
            assert value.dtype == ours.dtype, field.name
            np.testing.assert_array_equal(value, ours, err_msg=field.name)
        elif field.kind == "images":
            assert len(value) == len(family.images)
            for picture, png in zip(value, family.images, strict=True):
                np.testing.assert_array_equal(picture[..., 0], decode_png(png))
        elif field.kind == "texts":
            ours = getattr(family, field.name)
            joined = tuple(row if isinstance(row, str) else "+".join(row) for row in ours)
            assert texts(value) == joined, field.name
        else:
            ours = getattr(family, field.name)
            assert (value.decode() if field.kind == "text" else value) == ours, field.name
    assert seen == {field.name for field in schema.SCHEMA}


# What a stranger would write by the README's table of fields, not by our own code.
TEXT, TEXTS, INT = (
    tf.io.FixedLenFeature([], tf.string),
    tf.io.RaggedFeature(tf.string),
    tf.io.FixedLenFeature([], tf.int64),
)
TABLES = {"truth": tf.int8, "provenance": tf.uint8, "margin_px": tf.float32}
PARSED = (
    dict.fromkeys(("key", "layout", "canvas", "source", "question/question", "question/answer"), TEXT)
    | {"question/solution": TEXT, "difficulty": INT, "size_px": INT, "schema_version": INT}
    | dict.fromkeys(("images", "captions", "edits", "kinds", "facts", "programs", "annotations"), TEXTS)
    | dict.fromkeys(("question/choices", "question/tags"), TEXTS)
    | {f"{name}/shape": tf.io.FixedLenFeature([2], tf.int64) for name in TABLES}
    | {f"{name}/value": TEXT for name in TABLES}
    | dict.fromkeys(("image_signatures", "caption_signatures"), tf.io.RaggedFeature(tf.int64))
)


def test_tf_data_reads_every_field(data):
    folder, families = data
    shards = sorted(str(path) for path in folder.glob("small-train.tfrecord-*-of-00004"))
    rows = list(tf.data.TFRecordDataset(shards).map(lambda record: tf.io.parse_single_example(record, PARSED)))
    assert len(rows) == len(families) == 14
    for family, row in zip(families, rows, strict=True):
        found = {name: value.numpy() for name, value in row.items()}
        for name, dtype in TABLES.items():
            found[name] = tf.reshape(tf.io.decode_raw(row[f"{name}/value"], dtype), row[f"{name}/shape"]).numpy()
        for name in ("image_signatures", "caption_signatures"):
            found[name] = found[name].astype(np.uint32).reshape(-1, WORDS)
        found["images"] = [tf.io.decode_png(png, channels=1).numpy() for png in row["images"]]
        compare(family, found)


def test_tfds_reads_every_field(data):
    folder, families = data
    builder = tfds.builder_from_directory(folder)
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 14,
        "val": 3,
        "test": 5,
    }
    rows = list(tfds.as_numpy(builder.as_dataset("train")))
    for family, row in zip(families, rows, strict=True):
        question = {f"question/{name}": value for name, value in row.pop("question").items()}
        compare(family, row | question)
