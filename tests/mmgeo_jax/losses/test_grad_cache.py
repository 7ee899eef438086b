"""A batch in micro-batches, round the ring or not, has the loss and the gradient of the batch in one piece."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import clip_tiny
from data_gen.records.patch_targets import GROUPS, PATCH_WORDS
from mmgeo_jax.data.rivals import draw_rivals
from mmgeo_jax.distributed import mesh
from mmgeo_jax.losses import grad_cache
from mmgeo_jax.models import two_tower
from tests.support.devices import needs_devices

B, N, C = 16, 2, 3


def small(micro_batches, **loss):
    config = clip_tiny.get_config()
    config.model.image.update(depth=1, width=16, heads=2, patch_budget=9)
    config.model.text.update(depth=1, width=16, heads=2)
    config.model.embed = 16
    config.data.size_px, config.data.max_tokens = 48, 7
    config.train.micro_batches = micro_batches
    if loss.get("name") == "beside":
        config.model.image.patch_head = True
        config.model.captioner.update(depth=1, width=16, heads=2)
        loss = {"name": "softmax", "dense": dict.fromkeys(GROUPS, 0.5), "caption": 0.5, "distil": 0.5}
    config.loss.update(loss)
    return config


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 0, 1, -1], size=(B, N, C)).astype(np.int8)
    truth[:, range(N), range(N)] = 1
    return {
        "images": rng.integers(0, 256, (B, N, 48, 48), dtype=np.uint8),
        "tokens": rng.integers(1, 500, (B, C, 7), dtype=np.int32),
        "truth": truth,
        "image_mask": rng.random((B, N)) < 0.9,
        "caption_mask": rng.random((B, C)) < 0.9,
        "image_signatures": rng.integers(0, 2**32, (B, N, 8), dtype=np.uint32),
        "caption_signatures": np.uint32(1) << rng.integers(0, 32, (B, C, 8)).astype(np.uint32),
        "family": rng.permutation(100)[:B].astype(np.int32),
        "patch_targets": rng.integers(0, 2**32, (B, N, 9, PATCH_WORDS), dtype=np.uint32),
        "annotated": rng.random((B, N)) < 0.8,
        "rivals": np.stack([draw_rivals(each, rng) for each in truth]),
    }


def gradients(config, devices):
    """((loss, metrics), gradients) on the first so many devices."""
    graphdef, params = two_tower.init(config.model, 0)
    mesh_ = mesh.mesh_of(jax.devices()[:devices], fsdp=1)
    params, batch = mesh.shard_state(params, mesh_), mesh.shard_batch(make_batch(), mesh_)
    return jax.device_get(jax.jit(grad_cache.make_gradients(config, graphdef, mesh_))(params, batch))


@functools.cache
def at_once(name):
    """The same of the whole batch on one device, which all others are compared with."""
    return gradients(small(1, name=name), 1)


def close(found, expected):
    """To 1e-5 of each array's largest entry, or of a hundredth of the largest of all."""
    largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(expected[1]))

    def check(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(0.01 * largest, float(np.abs(b).max())))

    jax.tree.map(check, found, expected)


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "beside"])
def test_sixteen_micro_batches_have_the_gradient_of_the_whole(name):
    close(gradients(small(16, name=name), 1), at_once(name))


@pytest.mark.parametrize(
    ("devices", "micro_batches"),
    [pytest.param(*case, marks=needs_devices) for case in ((2, 1), (8, 1), (4, 4), (8, 2))],
)
@pytest.mark.parametrize("name", ["softmax", "sigmoid", "beside"])
def test_devices_and_micro_batches_make_no_difference(name, devices, micro_batches):
    close(gradients(small(micro_batches, name=name), devices), at_once(name))


@pytest.mark.parametrize(("name", "moves"), [("softmax", False), ("sigmoid", True)])
def test_the_bias_of_scores_is_trained_where_the_loss_sees_it(name, moves):
    assert (at_once(name)[1]["logit_bias"] != 0) == moves


def test_plain_accumulation_is_another_loss():
    """The mean over parts, each a batch of its own, differs by far more than rounding."""
    config = small(1, name="softmax")
    graphdef, params = two_tower.init(config.model, 0)
    alone = mesh.mesh_of(jax.devices()[:1], fsdp=1)
    of = jax.jit(grad_cache.make_gradients(config, graphdef, alone))
    parts = [of(params, {name: x[k::4] for name, x in make_batch().items()})[1] for k in range(4)]
    mean = jax.tree.map(lambda *some: jnp.mean(jnp.stack(some), 0), *parts)
    whole = of(params, make_batch())[1]
    off = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max() / jnp.abs(b).max()), mean["image"], whole["image"])
    assert max(jax.tree.leaves(off)) > 0.05


def test_parts_come_back_in_the_order_of_the_batch():
    x = jnp.arange(B * N * 2.0).reshape(B * N, 2)
    parts = grad_cache.split(x, B, 4)
    assert parts.shape == (4, B * N // 4, 2)
    np.testing.assert_array_equal(grad_cache.merge(parts, B), x)
    np.testing.assert_array_equal(parts[1, :N], x[N : 2 * N])
