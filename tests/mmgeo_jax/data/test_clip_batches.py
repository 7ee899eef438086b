"""Input: the step and the seed alone name a batch, whatever the number of processes; padding says so."""

import itertools

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from data_gen.records.tfrecords import RecordSource
from data_gen.shared.errors import UserError
from mmgeo_jax.data import clip as clip_data
from mmgeo_jax.data import images
from tests.data_gen.records.test_records import write_set
from tests.support.fake_source import make, png


def settings(**changes):
    return ConfigDict(dict(max_images=3, max_captions=5, max_tokens=12, size_px=8) | changes)


DATA = settings()


class Letters:
    """A tokenizer with a token per letter; small letters only, if told so."""

    def __init__(self, lower=False):
        self.lower = lower

    def encode_batch(self, texts, length):
        tokens = np.zeros((len(texts), length), np.int32)
        for row, text in zip(tokens, texts, strict=True):
            codes = [ord(letter) for letter in (text.lower() if self.lower else text)][:length]
            row[: len(codes)] = codes
        return tokens


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    write_set(folder, [make(key=f"k/{i}", seed=i, n=1 + i % 4, c=3 + i % 4) for i in range(10)], shards=3)
    return RecordSource(folder, "train")


def train(source, steps, start_step=0, seed=0, global_batch=4, **process):
    batches = clip_data.train_batches([source], Letters(), DATA, seed, start_step, global_batch, **process)
    return list(itertools.islice(batches, steps))


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], name)


def test_an_epoch_holds_each_family_once_and_the_next_has_another_order(source):
    rows = np.concatenate([batch["family"] for batch in train(source, 10)]).reshape(4, 10)
    assert (np.sort(rows, axis=1) == np.arange(10)).all()
    assert len({tuple(epoch) for epoch in rows}) == 4
    other = np.concatenate([batch["family"] for batch in train(source, 10, seed=1)]).reshape(4, 10)
    assert (other != rows).any()


@pytest.mark.parametrize("start_step", [1, 7])
def test_starting_at_a_step_equals_going_on_to_it(source, start_step):
    for one, other in zip(train(source, 10)[start_step:], train(source, 10 - start_step, start_step), strict=True):
        assert_equal(one, other)


def test_starting_late_costs_nothing_and_does_not_wrap(source):
    rows = np.concatenate([batch["family"] for batch in train(source, 5, start_step=5 * 10**9)])
    assert sorted(rows.tolist()) == sorted([*range(10), *range(10)])


def test_four_processes_together_read_what_one_reads(source):
    parts = [train(source, 6, process=(i, 4)) for i in range(4)]
    for whole, *shares in zip(train(source, 6), *parts, strict=True):
        assert_equal(whole, {name: np.concatenate([share[name] for share in shares]) for name in whole})
    evals = [list(clip_data.eval_batches([source], Letters(), DATA, 4, (i, 2))) for i in range(2)]
    for whole, *shares in zip(clip_data.eval_batches([source], Letters(), DATA, 4), *evals, strict=True):
        assert_equal(whole, {name: np.concatenate([share[name] for share in shares]) for name in whole})


def test_a_batch_has_the_shapes_and_types_of_its_docstring(source):
    (batch,) = train(source, 1)
    assert {name: (array.dtype.name, array.shape) for name, array in batch.items()} == {
        "images": ("uint8", (4, 3, 8, 8)),
        "image_mask": ("bool", (4, 3)),
        "tokens": ("int32", (4, 5, 12)),
        "caption_mask": ("bool", (4, 5)),
        "truth": ("int8", (4, 3, 5)),
        "image_signatures": ("uint32", (4, 3, 8)),
        "caption_signatures": ("uint32", (4, 5, 8)),
        "family": ("int32", (4,)),
    }


def test_eval_goes_in_order_and_pads_the_last_batch(source):
    batches = list(clip_data.eval_batches([source], Letters(), DATA, 4))
    assert [batch["family"].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, -1, -1]]
    last = batches[-1]
    assert not last["image_mask"][2:].any() and not last["caption_mask"][2:].any()
    assert (last["truth"][2:] == -1).all() and (last["images"][2:] == 255).all() and not last["tokens"][2:].any()


def test_ragged_families_are_padded_and_long_ones_cut(source):
    for row, arrays in enumerate(clip_data.load_family(source[row], Letters(), DATA) for row in range(10)):
        family = source[row]
        n, c = min(3, len(family.images)), min(5, len(family.captions))
        assert arrays["image_mask"].tolist() == [True] * n + [False] * (3 - n)
        assert arrays["caption_mask"].tolist() == [True] * c + [False] * (5 - c)
        np.testing.assert_array_equal(arrays["truth"][:n, :c], family.truth[:n, :c])
        assert (arrays["truth"][n:] == -1).all() and (arrays["truth"][:, c:] == -1).all()
        np.testing.assert_array_equal(arrays["caption_signatures"][:c], family.caption_signatures[:c])
        np.testing.assert_array_equal(arrays["image_signatures"][:n], family.image_signatures[:n])
        assert (arrays["images"][n:] == 255).all()
    anchor = clip_data.load_family(source[3], Letters(), settings(max_images=1))
    assert anchor["images"].shape == (1, 8, 8) and anchor["truth"].shape == (1, 5)


def test_several_sources_are_mixed_in_one_order(source):
    mixed = clip_data.train_batches([source, source], Letters(), DATA, 0, 0, 5)
    rows = np.concatenate([batch["family"] for batch in itertools.islice(mixed, 4)])
    assert sorted(rows.tolist()) == list(range(20)) and rows.tolist() != list(range(20))
    (batch,) = itertools.islice(clip_data.eval_batches([source, source], Letters(), DATA, 20), 1)
    np.testing.assert_array_equal(batch["images"][:10], batch["images"][10:])


def test_pictures_become_grey_squares_of_paper():
    ink = np.zeros((4, 8), np.uint8)
    wide = images.decode_image(png(ink), 8)
    assert (wide[2:6] == 0).all() and (wide[:2] == 255).all() and (wide[6:] == 255).all()
    assert images.decode_image(png(ink), 16).shape == (16, 16)
    exact = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(images.decode_image(png(exact), 8), exact)
    clear = np.zeros((8, 8, 4), np.uint8)  # black, transparent but for the first row
    clear[0, :, 3] = 255
    grey = images.decode_image(png(clear), 8)
    assert (grey[0] == 0).all() and (grey[1:] == 255).all()
    palette = Image.fromarray(exact).convert("P")
    assert images.decode_image(png(np.asarray(palette.convert("RGB"))), 8).shape == (8, 8)


def test_a_negative_with_the_tokens_of_a_true_caption_is_dropped():
    truth = np.array([[1, 0, 0, 0], [0, 1, -1, 0]], np.int8)
    family = make(n=2, c=4, truth=truth, captions=("AB is long", "ab is short", "ab is long", "CD"))
    data = settings(max_images=2, max_captions=4)
    np.testing.assert_array_equal(clip_data.load_family(family, Letters(), data)["truth"], truth)
    # In small letters 0 and 2 are one caption: true of the first picture, perhaps true of the second.
    merged = clip_data.load_family(family, Letters(lower=True), data)["truth"]
    np.testing.assert_array_equal(merged, [[1, 0, -1, 0], [-1, 1, -1, 0]])
    # Cut after "ab is ", 0, 1 and 2 are.
    cut = clip_data.load_family(family, Letters(lower=True), settings(max_images=2, max_captions=4, max_tokens=6))[
        "truth"
    ]
    np.testing.assert_array_equal(cut, [[1, -1, -1, 0], [-1, 1, -1, 0]])


def test_a_setting_that_loses_negatives_is_named():
    truth = np.eye(2, dtype=np.int8)
    families = [make(n=2, c=2, truth=truth, captions=("abcd", "abcD")) for _ in range(20)]
    assert clip_data.check_truncation(families, Letters(), DATA) == 0
    with pytest.raises(UserError, match="100.0% of the negatives .* the tokenizer merges them.* tokenizer.file"):
        clip_data.check_truncation(families, Letters(lower=True), DATA)
    with pytest.raises(UserError, match="data.max_tokens=3 cuts captions short"):
        clip_data.check_truncation(families, Letters(), settings(max_tokens=3))


def test_faults_are_one_line_and_reach_the_loop(source, tmp_path):
    with pytest.raises(UserError, match="picture 1 of family 'k' does not decode"):
        next(clip_data.train_batches([[make(key="k", images=(png(np.zeros((8, 8), np.uint8)), b"PNG", b""))]],
                                  Letters(), DATA, 0, 0, 1))  # fmt: skip
    (path,) = write_set(tmp_path, [make()], shards=1)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match="byte offset 0: the crc"):
        next(clip_data.train_batches([RecordSource(tmp_path, "train")], Letters(), DATA, 0, 0, 1))
    with pytest.raises(UserError, match="does not divide among 3 processes"):
        train(source, 1, process=(0, 3))
    with pytest.raises(UserError, match="data.max_captions=2 is less than data.max_images=3"):
        clip_data.eval_batches([source], Letters(), settings(max_captions=2), 4)
    with pytest.raises(UserError, match="the split is empty"):
        clip_data.train_batches([[]], Letters(), DATA, 0, 0, 4)
