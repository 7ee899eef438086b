"""Records: the schema comes back as it went in, and whatever is broken is named by shard and offset."""

import json
import struct
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.records import schema, tfds_metadata, tfrecords
from data_gen.shared.errors import UserError
from tests.support.fake_source import make

QUESTIONS = st.none() | st.fixed_dictionaries(
    {
        "question": st.text(min_size=1, max_size=20),
        "choices": st.lists(st.text(max_size=5), max_size=4).map(tuple),
        "answer": st.text(max_size=5),
        "solution": st.text(max_size=20),
        "tags": st.lists(st.text(max_size=5), max_size=3).map(tuple),
    }
)


def assert_same(a, b):
    for name, value in vars(a).items():
        other = getattr(b, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype
            np.testing.assert_array_equal(value, other)
        else:
            assert value == other, name


def write_set(folder, families, shards=2):
    """A data set of one split, "train", in shards of equal size; returns the paths of the shards."""
    size = -(-len(families) // shards)
    rows, paths = [], []
    for s in range(shards):
        path = folder / tfrecords.shard_name("small", "train", s, shards)
        part = families[s * size : (s + 1) * size]
        with tfrecords.ShardWriter(path, "spec") as writer:
            for family in part:
                writer.write(family)
        index = tfrecords.read_index(path)
        rows.append({"file": path.name, "families": len(part), **{k: index[k] for k in ("bytes", "sha256")}})
        paths.append(path)
    tfds_metadata.write_metadata(folder, "small", {"train": rows})
    tfrecords.write_manifest(folder, {"name": "small", "splits": {"train": rows}})
    return paths


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 5), extra=st.integers(0, 4), seed=st.integers(0, 1000), question=QUESTIONS,
    caption=st.text(max_size=12).map(lambda text: text.replace("{", "").replace("}", "") + " {}"),
)  # fmt: skip
def test_a_family_comes_back_as_it_went_in(n, extra, seed, question, caption):
    family = make(seed=seed, n=n, c=n + extra, question=question, caption=caption)
    data = schema.encode(family)
    assert_same(family, schema.decode(data))
    assert schema.encode(schema.decode(data)) == data


@pytest.mark.parametrize("tags", [(), ("semicircle", "picture")])
def test_the_bytes_are_those_of_tensorflows_own_classes(tmp_path, tags):
    """TFDS, without TensorFlow, parses the record by features.json; its Example class writes the same bytes."""
    tfds = pytest.importorskip("tensorflow_datasets")
    from tensorflow_datasets.proto import tf_example_pb2

    question = {"question": "AB?", "choices": ("1", "2"), "answer": "1", "solution": "∵ …", "tags": tags}
    family = make(c=5, question=question)
    data = schema.encode(family)
    assert tf_example_pb2.Example.FromString(data).SerializeToString(deterministic=True) == data
    write_set(tmp_path, [family] * 5)
    builder = tfds.builder_from_directory(tmp_path)
    assert builder.info.splits["train"].num_examples == 5
    names = sorted(str(path) for path in builder.info.splits["train"].filepaths)
    assert names == sorted(str(path) for path in tmp_path.glob("*.tfrecord-?????-of-?????"))
    read = builder.info.features.deserialize_example_np(data)
    np.testing.assert_array_equal(read["truth"], family.truth)
    np.testing.assert_array_equal(read["margin_px"], family.margin_px)
    np.testing.assert_array_equal(read["caption_signatures"], family.caption_signatures)
    assert [text.decode() for text in read["captions"]] == list(family.captions)
    assert len(read["images"]) == 3 and read["images"][0].shape == (8, 8, 1)
    assert read["question"]["solution"].decode() == "∵ …"
    # What most sources do not write is no feature of their data sets.
    assert ("tags" in read["question"]) == bool(tags)
    assert [text.decode() for text in read["question"].get("tags", [])] == list(tags)


def test_tags_say_what_a_question_is_and_old_records_have_none():
    bare = {"question": "AB?", "choices": ("1", "2"), "answer": "2", "solution": ""}
    plain, tagged = (make(question=bare | {"tags": tags}) for tags in ((), ("midsegment", "picture")))
    old, new = (schema.decode(schema.encode(family)).question for family in (plain, tagged))
    assert old and new and b"question/tags" not in schema.encode(plain)
    assert (old.kind, old.needs_picture, old.letter) == ("", False, "B")
    assert (new.kind, new.needs_picture) == ("midsegment", True)


def test_crc_is_the_one_that_tfrecord_uses():
    # Published check value of crc32c, then the mask as the TFRecord format gives it.
    crc = 0xE3069283
    assert tfrecords.masked_crc(b"123456789") == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32
    data = tfrecords.frame_record(b"abc")
    assert data[:8] == struct.pack("<Q", 3) and data[12:15] == b"abc" and len(data) == 19


def test_a_flip_of_any_byte_of_a_frame_is_noticed():
    block = tfrecords.frame_record(b"abc")
    for place in range(len(block)):
        with pytest.raises(UserError):
            tfrecords.unframe_record(block[:place] + bytes([block[place] ^ 1]) + block[place + 1 :])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"truth": np.zeros((3, 4), np.int8)}, "own image"),
        ({"truth": np.ones((3, 3), np.int8)}, "truth is int8[3, 3], not int8[3, 4]"),
        ({"truth": np.ones((3, 4), np.int64)}, "int64"),
        ({"provenance": np.full((3, 4), 3, np.uint8)}, "provenance"),
        ({"captions": ("a", "b")}, "C >= N"),
        ({"captions": ("a", "b", "", "d")}, "caption is empty"),
        ({"programs": ("{}",)}, "programs"),
        ({"edits": ((), ("colour",), (), ())}, "edit"),
        ({"layout": "ring"}, "layout"),
        ({"facts": ()}, "facts"),
    ],
)
def test_a_family_that_does_not_fit_the_schema_is_refused(change, word):
    with pytest.raises(UserError, match="family 'fake/train/000000'") as fault:
        schema.encode(replace(make(), **change))
    assert word in str(fault.value)


def test_another_schema_version_is_refused(tmp_path, monkeypatch):
    write_set(tmp_path, [make()], shards=1)
    data = schema.encode(make())
    version = schema.SCHEMA_VERSION
    for module in (schema, tfrecords):
        monkeypatch.setattr(module, "SCHEMA_VERSION", version + 1)
    with pytest.raises(UserError, match=f"schema version {version}, this code reads {version + 1}"):
        schema.decode(data)
    with pytest.raises(UserError, match=f"manifest.json has schema version {version}"):
        tfrecords.RecordSource(tmp_path, "train")


def test_rows_are_read_at_random_and_from_many_threads(tmp_path):
    families = [make(key=f"k/{i}", seed=i) for i in range(10)]
    write_set(tmp_path, families, shards=3)
    source = tfrecords.RecordSource(tmp_path, "train")
    assert len(source) == 10
    assert [source[np.int64(i)].key for i in (9, 0, 4, 3, 8)] == [f"k/{i}" for i in (9, 0, 4, 3, 8)]
    with pytest.raises(IndexError):
        source[10]
    wrong: list[int] = []

    def read(offset):
        wrong.extend(i for i in range(60) if source[(i * offset) % 10].key != f"k/{(i * offset) % 10}")

    threads = [threading.Thread(target=read, args=(offset,)) for offset in (1, 3, 7, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@settings(max_examples=40, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_an_error_that_names_shard_and_offset(tmp_path_factory, place, flip):
    folder = tmp_path_factory.mktemp("set")
    (path,) = write_set(folder, [make(seed=i) for i in range(3)], shards=1)
    index, data = tfrecords.read_index(path), bytearray(path.read_bytes())
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    row = sum(int(place * len(data)) >= offset for offset in index["offsets"]) - 1
    source = tfrecords.RecordSource(folder, "train")
    with pytest.raises(UserError) as fault:
        source[row]
    assert str(path) in str(fault.value) and f"byte offset {index['offsets'][row]}:" in str(fault.value)
    assert "\n" not in str(fault.value) and "delete it and run the build" in str(fault.value)
    assert [source[other].key for other in range(3) if other != row]


def test_a_shard_cut_short_is_an_error_before_and_while_it_is_read(tmp_path):
    (path,) = write_set(tmp_path, [make(seed=i) for i in range(3)], shards=1)
    opened, offsets, whole = (
        tfrecords.RecordSource(tmp_path, "train"),
        tfrecords.read_index(path)["offsets"],
        path,
    )
    assert opened[0]
    path.write_bytes(whole.read_bytes()[: offsets[2] + 20])
    with pytest.raises(UserError, match=f"byte offset {offsets[2]}: cut short"):
        opened[2]
    with pytest.raises(UserError, match=f"ends at byte offset {offsets[2] + 20}, its index says"):
        tfrecords.RecordSource(tmp_path, "train")[0]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no finished data set"):
        tfrecords.RecordSource(tmp_path / "nothing", "train")
    paths = write_set(tmp_path, [make(seed=i) for i in range(4)])
    with pytest.raises(UserError, match="no split 'test', only train"):
        tfrecords.RecordSource(tmp_path, "test")
    source = tfrecords.RecordSource(tmp_path, "train")
    assert source[3]
    paths[0].unlink()
    with pytest.raises(UserError, match="00000-of-00002 is missing"):
        source[0]
    paths[1].unlink()
    with pytest.raises(UserError, match="00001-of-00002 is missing"):
        source[3]


def test_a_shard_of_another_data_set_is_refused(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        folder.mkdir()
        write_set(folder, [make(seed=seed)], shards=1)
    for file in folders[0].glob("small-train*"):
        file.replace(folders[1] / file.name)
    with pytest.raises(UserError, match="not the one that manifest.json tells of"):
        tfrecords.RecordSource(folders[1], "train")[0]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "x.tfrecord-00000-of-00001"
    with pytest.raises(ZeroDivisionError), tfrecords.ShardWriter(path, "spec") as writer:
        writer.write(make())
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    writer = tfrecords.ShardWriter(path, "spec")
    writer.__enter__().write(make())
    (part,) = tmp_path.iterdir()  # as a killed run leaves it
    assert part.name.startswith(path.name) and part.suffix == ".part"
    with pytest.raises(UserError, match="is missing"):
        tfrecords.read_index(path)


def test_a_broken_index_or_manifest_is_one_line(tmp_path):
    (path,) = write_set(tmp_path, [make()], shards=1)
    tfrecords.index_path(path).write_text("{")
    with pytest.raises(UserError, match="is not an index"):
        tfrecords.RecordSource(tmp_path, "train")[0]
    (tmp_path / "manifest.json").write_text(json.dumps([]))
    with pytest.raises(UserError, match="is not a manifest"):
        tfrecords.RecordSource(tmp_path, "train")
