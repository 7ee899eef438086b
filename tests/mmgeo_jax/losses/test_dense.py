"""The loss of patches: float64 NumPy in plain loops, and the same gradient in micro-batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_gen.records.patch_targets import CLASSES, GROUPS, PATCH_WORDS, group_slice, unpack
from mmgeo_jax.losses import dense


def case(seed=0, families=2, members=3, grid=9, kept=5):
    """(logits, positions, mask, targets [B, N, grid, W], annotated) of random images."""
    rng = np.random.default_rng(seed)
    images = families * members
    bits = rng.random((families, members, grid, 32 * PATCH_WORDS)) < 0.05
    bits[..., len(CLASSES) :] = False
    words = (
        (bits.reshape(*bits.shape[:-1], PATCH_WORDS, 32) << np.arange(32, dtype=np.uint64)).sum(-1).astype(np.uint32)
    )
    positions = np.stack([rng.permutation(grid)[:kept] for _ in range(images)]).astype(np.int32)
    logits = rng.normal(0, 2, (images, kept, len(CLASSES))).astype(np.float32)
    return logits, positions, rng.random((images, kept)) < 0.8, words, rng.random(images) < 0.7


def plainly(logits, positions, mask, targets, annotated, weight):
    """The loss in float64, one term after another."""
    here = unpack(targets).reshape(-1, *targets.shape[2:-1], len(CLASSES))
    total = 0.0
    for group in GROUPS:
        classes = range(*group_slice(group).indices(len(CLASSES)))
        value = 0.0
        for i, p in np.argwhere(mask & annotated[:, None]):
            for c in classes:
                x = float(logits[i, p, c])
                value += np.logaddexp(0.0, -x if here[i, positions[i, p], c] else x)
        present = here[..., list(classes)].sum()
        total += weight.get(group, 0.0) * value / max(present, 1)
    return total


@pytest.mark.parametrize("seed", range(3))
def test_it_is_that_of_plain_loops(seed):
    weight = {"characters": 1.0, "vertices": 0.5, "marks": 0.25}
    logits, positions, mask, targets, annotated = case(seed)
    flat = targets.reshape(-1, *targets.shape[2:])
    sums = dense.sums(*map(jnp.asarray, (logits, positions, mask, flat, annotated)))
    found, parts = dense.loss(sums, jnp.asarray(targets), weight)
    np.testing.assert_allclose(found, plainly(logits, positions, mask, targets, annotated, weight), rtol=1e-5)
    assert parts.keys() == {f"loss_{group}" for group in weight}


def test_images_without_annotations_and_masked_patches_have_no_gradient():
    logits, positions, mask, targets, annotated = case()
    flat = targets.reshape(-1, *targets.shape[2:])

    def value(logits):
        sums = dense.sums(logits, jnp.asarray(positions), jnp.asarray(mask), jnp.asarray(flat), jnp.asarray(annotated))
        return dense.loss(sums, jnp.asarray(targets), {"characters": 1.0, "strokes": 1.0})[0]

    gradient = np.abs(jax.grad(value)(jnp.asarray(logits))).sum(-1)
    np.testing.assert_array_equal(gradient > 0, mask & annotated[:, None])
