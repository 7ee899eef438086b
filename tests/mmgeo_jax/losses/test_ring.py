"""The ring loss equals the dense one, values, metrics and gradients, on 1, 2, 4 and 8 devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmgeo_jax.distributed import mesh
from mmgeo_jax.losses import pairs as pair_losses
from mmgeo_jax.losses import ring
from mmgeo_jax.losses.pairs import PAIR_MASKS
from tests.support.devices import needs_devices

pytestmark = needs_devices
B, N, C, WIDTH, WORDS = 16, 3, 5, 12, 2


def make_batch(seed):
    """Families with padding, undecided pairs, and captions that may be true across families."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 0, 0, 1, -1], size=(B, N, C)).astype(np.int8)
    truth[:, range(N), range(N)] = 1
    image_mask = np.arange(N) < rng.integers(1, N + 1, B)[:, None]
    caption_mask = np.arange(C) < rng.integers(N, C + 1, B)[:, None]
    image_mask[3] = caption_mask[3] = False
    truth[~image_mask] = -1
    truth.swapaxes(1, 2)[~caption_mask] = -1
    bits, more = rng.integers(0, 2**32, (2, B, N, WORDS), dtype=np.uint64)
    parts = {
        "truth": truth, "image_mask": image_mask, "caption_mask": caption_mask,
        "image_signatures": (bits | more).astype(np.uint32),
        "caption_signatures": (np.uint32(1) << rng.integers(0, 32, (B, C, WORDS)).astype(np.uint32)),
    }  # fmt: skip
    unit = [x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (rng.normal(size=(B * n, WIDTH)) for n in (N, C))]
    return parts, [x.astype(np.float32) for x in unit]


def dense(images, captions, scale, bias, parts, settings, devices):
    """The loss over the whole matrix, in one piece."""
    scores = pair_losses.pair_scores(images, captions, scale, bias)
    labels, weights = pair_losses.label_block(*pair_losses.pair_metadata(**parts), *settings[1:])
    return pair_losses.contrastive_loss(scores, labels, weights, settings.name)


def ringed(images, captions, scale, bias, parts, settings, devices):
    rows, columns = pair_losses.pair_metadata(**parts)
    return ring.contrastive_loss(images, captions, scale, bias, rows, columns, settings, devices)


def value_and_gradients(loss, batch, settings, scale, shape):
    """((loss, metrics), gradients of images, captions, scale and bias)."""
    parts, embeddings = batch
    devices = mesh.mesh_of(jax.devices()[: shape[0] * shape[1]], fsdp=shape[1])
    placed = jax.device_put((parts, embeddings), mesh.batch_sharding(devices))

    def of(images, captions, scale, bias):
        return loss(images, captions, scale, bias, placed[0], settings, devices)

    function = jax.jit(jax.value_and_grad(of, argnums=(0, 1, 2, 3), has_aux=True))
    return function(*placed[1], jnp.float32(scale), jnp.float32(-2.0))


def close(found, expected, atol):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), found, expected)


# All ways to pair on 8 devices, and all shapes of a mesh for whole families.
CASES = [(mask, (4, 2)) for mask in PAIR_MASKS] + [("family", shape) for shape in ((1, 1), (2, 1), (2, 2), (1, 8))]


@pytest.mark.parametrize("name", pair_losses.LOSSES)
@pytest.mark.parametrize(("mask", "shape"), CASES, ids=str)
def test_it_equals_the_dense_loss(mask, shape, name):
    batch, settings = make_batch(seed=len(mask)), ring.LossSettings(name, mask, 1.5, 0.25)
    expected = value_and_gradients(dense, batch, settings, 7.0, (1, 1))
    close(value_and_gradients(ringed, batch, settings, 7.0, shape), expected, atol=1e-6)


@pytest.mark.parametrize("name", pair_losses.LOSSES)
@pytest.mark.parametrize("weights", [(0.0, 1.0), (1.0, 0.0)], ids=str)
def test_far_scores_stay_finite(name, weights):
    """Scores of hundreds, devices whose rows meet nothing, weights of zero."""
    batch, settings = make_batch(seed=5), ring.LossSettings(name, "family", *weights)
    batch[0]["image_mask"][1:] = False
    expected = value_and_gradients(dense, batch, settings, 500.0, (1, 1))
    close(value_and_gradients(ringed, batch, settings, 500.0, (8, 1)), expected, atol=1e-4)
