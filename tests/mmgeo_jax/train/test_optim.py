"""What is frozen keeps its bits and costs no state; what is trained has the gradient that it had."""

import math
from typing import Any

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.distributed import mesh
from mmgeo_jax.losses import grad_cache
from mmgeo_jax.models import freeze as freezing
from mmgeo_jax.models import two_tower
from mmgeo_jax.train import optim
from tests.mmgeo_jax.losses.test_grad_cache import gradients, make_batch, small


def named(tree):
    """{path: array}."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


@pytest.mark.parametrize("micro_batches", [1, 4])
def test_gradients_of_what_is_trained_are_as_before_and_the_rest_has_none(micro_batches):
    config = small(micro_batches)
    config.optim.freeze = "image/(blocks|stem)/.*|logit_scale"
    found, whole = (named(gradients(each, 1)[1]) for each in (config, small(micro_batches)))
    for name, gradient in found.items():
        frozen = name.startswith(("image/blocks/", "image/stem/")) or name == "logit_scale"
        np.testing.assert_allclose(gradient, 0 if frozen else whole[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("name", optim.SCALERS)
def test_what_is_frozen_keeps_its_bits_and_has_no_moments(name):
    config = small(1)
    config.optim.update(freeze="image/.*", name=name)
    graphdef, params = two_tower.init(config.model, 0)
    alone = mesh.mesh_of(jax.devices()[:1], fsdp=1)
    optimizer = optim.optimizer(config.optim, 5)
    state, start = optimizer.init(params), jax.device_get(params)
    of = jax.jit(grad_cache.make_gradients(config, graphdef, alone))
    for step in range(3):
        updates, state = optimizer.update(of(params, make_batch(step))[1], state, params)
        params = jax.tree.map(lambda p, u: p + u, params, updates)
    jax.tree.map(np.testing.assert_array_equal, params["image"], start["image"])
    moved = jax.tree.map(lambda a, b: bool((np.asarray(a) != b).any()), params["text"], start["text"])
    assert all(jax.tree.leaves(moved))
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in (state, params["image"], params)]
    assert sizes[0] < 2 * (sizes[2] - sizes[1]) + 10  # two moments of what is trained, and counters


@pytest.mark.parametrize(
    ("freeze", "words"),
    [("images/.*", "names no parameter.*begin with image, logit_bias, logit_scale, text"), (".*", "names all"),
     ("image/(", "no regular expression")],
)  # fmt: skip
def test_a_pattern_that_does_not_fit_is_named(freeze, words):
    params = two_tower.init(small(1).model, 0)[1]
    with pytest.raises(UserError, match=words):
        freezing.trainable_mask(params, freeze)


def arc(lr, steps, step):
    warmup = round(0.1 * steps)
    if step < warmup:
        return lr * step / warmup
    return lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


@pytest.mark.parametrize("restart", [1.0, 0.6, 0.25, 0.0])
def test_the_rate_starts_anew(restart):
    settings = ConfigDict({"lr": 1e-3, "warmup": 0.1, "restart": restart})
    rate, switch = optim.learning_rate(settings, 200), max(1, round(200 * restart))
    assert optim.restart_step(settings, 200) == switch
    wanted = [
        arc(1e-3, switch, step) if step < switch else arc(1e-3, 200 - switch, step - switch) for step in range(200)
    ]
    np.testing.assert_allclose([float(rate(step)) for step in range(200)], wanted, rtol=1e-5, atol=1e-9)


def test_values_after_a_restart():
    config = configs.load("clip_tiny", ["--config.later.loss.in_batch_weight=0.5"])
    later = configs.later(config)
    assert (config.loss.in_batch_weight, later.loss.in_batch_weight) == (0.2, 0.5)
    assert later.loss.hard_negative_weight == config.loss.hard_negative_weight and later.model == config.model
    with config.unlocked():
        config.later.loss.in_bath_weight = 1.0
    with pytest.raises(UserError, match="no key 'loss.in_bath_weight': did you mean 'loss.in_batch_weight'"):
        configs.later(config)


def test_muon_makes_updates_of_kernels_orthogonal_and_gives_all_else_adams():
    settings = ConfigDict({"lr": 1e-2, "warmup": 0.0, "b1": 0.9, "b2": 0.98, "clip": 1e9, "weight_decay": 0.0})
    settings.update(restart=1.0, freeze="", name="muon")
    rng = np.random.default_rng(0)
    shapes: dict[str, Any] = {
        "blocks": {"mlp": {"up": {"kernel": (3, 16, 64), "bias": (3, 64)}}},
        "pool": {"attention": {"query": {"kernel": (24, 16)}}},
        "stem": {"kernel": (9, 5)},
    }

    def draw(shape: Any) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    params, gradient = (
        jax.tree.map(draw, {"image": shapes}, is_leaf=lambda leaf: isinstance(leaf, tuple)) for _ in range(2)
    )
    updates = {}
    for name in ("muon", "adamw"):
        settings.name = name
        optimizer = optim.optimizer(settings, 100)
        updates[name] = named(optimizer.update(gradient, optimizer.init(params), params)[0])
    kernels = {"image/blocks/mlp/up/kernel", "image/pool/attention/query/kernel"}
    for path, update in updates["muon"].items():
        if path not in kernels:
            np.testing.assert_array_equal(update, updates["adamw"][path])
            continue
        for matrix, of in zip(
            update.reshape(-1, *update.shape[-2:]), named(gradient)[path].reshape(-1, *update.shape[-2:]), strict=True
        ):
            u, _, v = np.linalg.svd(of.astype(np.float64), full_matrices=False)
            sizes = np.diag(u.T @ np.asarray(matrix, np.float64) @ v.T) / (-1e-2 * 0.2 * max(of.shape) ** 0.5)
            assert (sizes > 0.6).all() and (sizes < 1.3).all(), (path, sizes)  # Jordan's coefficients: about 1
            rms = float(np.sqrt(np.mean(np.square(matrix))))
            assert 0.7 < rms / (1e-2 * 0.2) < 1.2, path
