"""Augmentations: a pure function, the same for siblings, no change when off, and ink that stays; workers in order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.shared.errors import UserError
from mmgeo_jax.data import augment, prefetch
from mmgeo_jax.data import clip as clip_data
from tests.mmgeo_jax.data.test_clip_batches import Letters, assert_equal
from tests.mmgeo_jax.data.test_clip_batches import settings as data_settings
from tests.support.fake_source import make

EVERYTHING = dict.fromkeys(augment.AUGMENTATIONS, 1.0)


def figure(size_px=64, left=8):
    """uint8[size_px, size_px]: a frame of 2 px with a cross, on paper."""
    pixels = np.full((size_px, size_px), 255, np.uint8)
    pixels[8:-8, left : left + 2] = pixels[8:-8, -10:-8] = pixels[8:10, left:-8] = pixels[-10:-8, left:-8] = 0
    pixels[30:32, left:-8] = pixels[8:-8, 20:22] = 0
    return pixels


def test_off_is_the_same_bits():
    pictures = np.stack([figure(), figure(left=12)])
    assert augment.augment(pictures, augment.default_config(), (0, 0))[0] is pictures
    zeros = {"augment": dict.fromkeys(augment.AUGMENTATIONS, 0.0)}
    plain, off = (
        [*itertools.islice(clip_data.train_batches([families()], Letters(), data_settings(**more), 0, 0, 2), 3)]
        for more in ({}, zeros)
    )
    for one, other in zip(plain, off, strict=True):
        assert_equal(one, other)


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_each_changes_pixels_is_pure_and_the_same_for_siblings(name):
    pictures = np.stack([figure(), figure(left=12), figure()])
    before = pictures.copy()
    made = augment.augment(pictures, {name: 1.0}, (3, 5))[0]
    np.testing.assert_array_equal(pictures, before)
    assert made.dtype == np.uint8 and made.shape == pictures.shape and (made != pictures).any()
    np.testing.assert_array_equal(made, augment.augment(pictures, {name: 1.0}, (3, 5))[0])
    np.testing.assert_array_equal(made[0], made[2])
    others = [augment.augment(pictures, {name: 1.0}, (3, place))[0] for place in range(6, 12)]
    assert any((made != other).any() for other in others)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sets(st.sampled_from(sorted(augment.AUGMENTATIONS))), st.sampled_from([64, 112]))
def test_ink_stays_on_the_page_and_dark(seed, names, size):
    pictures = np.stack([figure(size), figure(size, left=12)])
    made = augment.augment(pictures, dict.fromkeys(names, 1.0), (seed, 1))[0].astype(int)
    geometry = augment.augment(pictures, {n: 1.0 for n in names if n in augment.GEOMETRIC}, (seed, 1))[0].astype(int)
    # Nothing leaves: as much ink as the scale alone, 0.75 at least and a fit of a turned square, would leave.
    assert ((255 - geometry).sum((1, 2)) > 0.35 * (255 - pictures.astype(int)).sum((1, 2))).all()
    assert (geometry[:, [0, -1]] == 255).all() and (geometry[:, :, [0, -1]] == 255).all()
    # What was ink is darker than paper beside it, whatever the paper.
    for after, place in zip(made, geometry, strict=True):
        assert np.median(after[place < 60]) + 25 < np.median(after[place == 255])


def test_close_strokes_stay_apart():
    pixels = np.full((1, 112, 112), 255, np.uint8)
    pixels[0, 20:90, [50, 53]] = 0  # ticks of a small picture, two pixels of paper between
    for seed in range(20):
        made = augment.augment(pixels, {"thick": 1.0, "blur": 1.0}, (seed, 0))[0][0, 55].astype(int)
        assert min(made[51], made[52]) > max(made[50], made[53]) + 60


def families():
    return [make(key=f"k/{i}", seed=i, n=1 + i % 3, c=4) for i in range(6)]


def test_batches_are_named_by_seed_and_step_for_any_number_of_workers():
    def read(start=0, **more):
        data = data_settings(augment=EVERYTHING | {"quarter": 0.5}, **more)
        return list(itertools.islice(clip_data.train_batches([families()], Letters(), data, 7, start, 4), 5 - start))

    plain = read()
    for others in read(workers=2), read(start=2), read(start=2, workers=3):
        for one, other in zip(plain[5 - len(others) :], others, strict=True):
            assert_equal(one, other)
    assert all((batch["images"][~batch["image_mask"]] == 255).all() for batch in plain)
    (evaluated,) = clip_data.eval_batches([families()], Letters(), data_settings(augment=EVERYTHING), 6)
    (bare,) = clip_data.eval_batches([families()], Letters(), data_settings(), 6)
    assert_equal(evaluated, bare)


def broken(step):
    if step == 2:
        raise UserError("the third is broken")
    return step, np.arange(step)


def test_a_worker_hands_on_its_fault_and_does_not_outlive_the_run():
    made = prefetch.map_in_order(broken, 0, 2)
    assert [next(made)[0] for _ in range(2)] == [0, 1]
    with pytest.raises(UserError, match="^the third is broken$"):
        next(made)


def test_a_worker_that_dies_is_one_line(monkeypatch):
    started = [prefetch._start_worker() for _ in range(2)]
    monkeypatch.setattr(prefetch, "_start_worker", iter(started).__next__)
    made = prefetch.map_in_order(abs, 1, 2)
    assert next(made) == 1
    started[1].kill()
    with pytest.raises(UserError, match="a worker of the reader ended with exit code -9 .*data.workers"):
        while True:
            next(made)
    assert all(process.poll() is not None for process in started)


def test_a_wrong_name_or_chance_is_named():
    with pytest.raises(UserError, match="data.augment.mirror is no augmentation: there are rotate"):
        augment.check_probabilities({"mirror": 0.5})
    with pytest.raises(UserError, match="data.augment.blur=2 is not a probability"):
        augment.check_probabilities({"blur": 2})
