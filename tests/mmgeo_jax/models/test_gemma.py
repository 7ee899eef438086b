"""The decoder: against a float64 NumPy forward; masks, positions, shardings."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from data_gen.shared.errors import UserError
from mmgeo_jax.distributed import mesh
from mmgeo_jax.models import gemma

SMALL = dict(vocab_size=30, width=16, depth=3, heads=4, kv_heads=2, head_dim=8, hidden=24)
KINDS = {
    "1": {},
    "2": gemma.GEMMA2 | dict(window=3, attention_cap=1.0, final_cap=2.0, query_scalar=5.0),
    "3": gemma.GEMMA3 | dict(window=2, global_every=3, rope_scale=8.0),
}


def small_config(kind):
    config = gemma.default_decoder_config()
    config.update(SMALL | KINDS[kind])
    return config


@functools.cache
def model(kind):
    """A small decoder of random arrays, its norms' scales too."""
    graphdef, shapes = nnx.split(
        nnx.eval_shape(lambda: gemma.Decoder(small_config(kind), jnp.dtype("float32"), nnx.Rngs(0)))
    )
    rng = np.random.default_rng(0)
    draw = lambda leaf: rng.normal(0, 0.5, leaf.shape).astype(np.float32)  # noqa: E731
    return graphdef, jax.tree.map(draw, nnx.to_pure_dict(shapes))


@functools.cache
def found(kind):
    """Logits f32[1, T, V] of `inputs`."""
    graphdef, params = model(kind)

    def run(params, tokens, positions, mask):
        decoder = nnx.merge(graphdef, params)
        return decoder.logits(decoder(decoder.embed(tokens), positions, mask)[0])

    return np.asarray(jax.jit(run)(params, *inputs()))


def inputs():
    """A row of seven tokens, of two samples and a padding; the first sample's prefix is two long."""
    tokens = np.array([[3, 7, 1, 29, 4, 4, 8]], np.int32)
    segments = jnp.array([[1, 1, 1, 1, 0, 2, 2]])
    positions = gemma.positions_of(segments)
    return tokens, positions, gemma.prefix_mask(segments, positions, jnp.arange(7)[None] < 2)


# The reference: one row, one head at a time, in float64.


def rms(x, scale):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * (1 + scale)


def rotated(x, positions, base, divisor):
    half = x.shape[-1] // 2
    out = np.empty_like(x)
    for i in range(half):
        angle = positions / divisor / base ** (i / half)
        out[:, i] = x[:, i] * np.cos(angle) - x[:, half + i] * np.sin(angle)
        out[:, half + i] = x[:, half + i] * np.cos(angle) + x[:, i] * np.sin(angle)
    return out


def attend(p, x, positions, mask, c, is_local):
    out = []
    rope = (c.local_rope_base, 1.0) if is_local else (c.rope_base, c.rope_scale)
    if is_local:
        mask = mask & (np.abs(np.subtract.outer(positions, positions)) < c.window)
    for head in range(c.heads):
        group = head * c.kv_heads // c.heads
        mine, shared = (slice(h * c.head_dim, (h + 1) * c.head_dim) for h in (head, group))
        query, key, value = (
            x @ p[name]["kernel"][:, at] for name, at in (("query", mine), ("key", shared), ("value", shared))
        )
        if c.qk_norm:
            query, key = rms(query, p["query_norm"]["scale"]), rms(key, p["key_norm"]["scale"])
        logits = rotated(query, positions, *rope) @ rotated(key, positions, *rope).T
        logits /= np.sqrt(c.query_scalar or c.head_dim)
        if c.attention_cap:
            logits = c.attention_cap * np.tanh(logits / c.attention_cap)
        weights = np.where(mask, np.exp(logits - logits.max(-1, keepdims=True)), 0.0)
        out.append(weights / np.maximum(weights.sum(-1, keepdims=True), 1e-300) @ value)
    return np.concatenate(out, -1) @ p["out"]["kernel"]


def reference(kind, **changes):
    """Logits f64[T, V] of `inputs`, with settings changed where wanted."""
    config, (tokens, positions, mask) = small_config(kind), (np.asarray(each)[0] for each in inputs())
    config.update(changes)
    params = jax.tree.map(lambda leaf: leaf.astype(np.float64), model(kind)[1])
    x = params["token"][tokens] * np.sqrt(config.width)
    for layer in range(config.depth):
        p = jax.tree.map(lambda leaf, layer=layer: leaf[layer], params["blocks"])
        is_local = (layer + 1) % config.global_every != 0
        y = attend(p["attention"], rms(x, p["attention_norm"]["scale"]), positions, mask, config, is_local)
        x = x + (rms(y, p["attention_post_norm"]["scale"]) if config.post_norms else y)
        y = rms(x, p["mlp_norm"]["scale"])
        gate = y @ p["mlp"]["gate"]["kernel"]
        gelu = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        y = (gelu * (y @ p["mlp"]["up"]["kernel"])) @ p["mlp"]["down"]["kernel"]
        x = x + (rms(y, p["mlp_post_norm"]["scale"]) if config.post_norms else y)
    logits = rms(x, params["norm"]["scale"]) @ params["token"].T
    return config.final_cap * np.tanh(logits / config.final_cap) if config.final_cap else logits


REAL = np.array([0, 1, 2, 3, 5, 6])  # places that are no padding


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_a_plain_forward(kind):
    np.testing.assert_allclose(found(kind)[0, REAL], reference(kind)[REAL], rtol=1e-4, atol=1e-4)


CHANGES = [
    ("2", dict(attention_cap=None)), ("2", dict(final_cap=None)), ("2", dict(window=7)), ("2", dict(post_norms=False)),
    ("2", dict(query_scalar=None)), ("3", dict(qk_norm=False)), ("3", dict(rope_scale=1.0)), ("3", dict(rope_base=1e4)),
    ("3", dict(global_every=1)), ("3", dict(local_rope_base=1e6)),
]  # fmt: skip


@pytest.mark.parametrize("kind, change", CHANGES)
def test_each_setting_matters(kind, change):
    assert np.abs(found(kind)[0, REAL] - reference(kind, **change)[REAL]).max() > 1e-3


def test_prefix_mask_by_hand():
    """Rows look, columns are seen: a prefix of two and an answer of two, padding, and a sample of its own."""
    expected = """
        1100000
        1100000
        1110000
        1111000
        0000000
        0000010
        0000011"""
    rows = [[cell == "1" for cell in line.strip()] for line in expected.split()]
    np.testing.assert_array_equal(inputs()[2][0], rows)
    np.testing.assert_array_equal(inputs()[1][0, REAL], [0, 1, 2, 3, 0, 1])


def test_bfloat16_is_near_and_logits_stay_float32():
    config = small_config("3")
    graphdef = nnx.graphdef(nnx.eval_shape(lambda: gemma.Decoder(config, jnp.dtype("bfloat16"), nnx.Rngs(0))))
    tokens, positions, mask = inputs()

    def run(params):
        decoder = nnx.merge(graphdef, params)
        hidden = decoder(decoder.embed(tokens), positions, mask)[0]
        return hidden, decoder.logits(hidden)

    hidden, logits = jax.jit(run)(model("3")[1])
    assert hidden.dtype == jnp.bfloat16 and logits.dtype == jnp.float32
    exact = reference("3")[REAL]
    assert np.abs(logits[0, REAL] - exact).max() < 0.1 * np.abs(exact).max()


PUBLISHED = {
    "gemma_2b": 2.51,
    "gemma_7b": 8.54,
    "gemma2_2b": 2.61,
    "gemma2_9b": 9.24,
    "gemma3_1b": 1.00,
    "gemma3_4b": 3.88,
}  # fmt: skip  billions of parameters, as the reports on the models have them


@pytest.mark.parametrize("size", gemma.SIZES)
def test_sizes_have_their_parameters(size):
    config = gemma.decoder_config(size)
    state = nnx.state(nnx.eval_shape(lambda: gemma.Decoder(config, jnp.dtype("float32"), nnx.Rngs(0))))
    count = sum(leaf.size for leaf in jax.tree.leaves(state)) / 1e9
    assert count == pytest.approx(PUBLISHED.get(size, 0.00334), rel=0.005)


def test_every_matrix_is_split_over_its_width():
    """fsdp over the dimension of the decoder's width, of all that is not a norm."""
    shape: Any = jax.sharding.AbstractMesh((1, 8), ("data", "fsdp"))
    config = gemma.decoder_config("tiny3")
    state = nnx.to_pure_dict(
        nnx.state(nnx.eval_shape(lambda: gemma.Decoder(config, jnp.dtype("float32"), nnx.Rngs(0))))
    )
    tree = mesh.state_shardings({"decoder": state}, shape)
    for (path, sharding), leaf in zip(jax.tree_util.tree_leaves_with_path(tree), jax.tree.leaves(state), strict=True):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        axes = [axis for axis, split in enumerate(sharding.spec) if split == "fsdp"]
        wanted = [] if name.endswith("scale") else [1 if name.endswith(("out/kernel", "down/kernel", "token")) else 0]
        if name.endswith("kernel"):
            wanted = [axis + 1 for axis in wanted]  # layers come first
        assert axes == wanted, name
        assert all(leaf.shape[axis] == 192 for axis in axes)


BAD = {
    "kv_heads": dict(kv_heads=3),
    "head_dim": dict(head_dim=7),
    "window": dict(global_every=2),
    "remat": dict(remat="all"),
}


@pytest.mark.parametrize("what", BAD)
def test_settings_that_do_not_go_together_are_one_line(what):
    config = small_config("1")
    config.update(BAD[what])
    with pytest.raises(UserError, match=what):
        nnx.eval_shape(lambda: gemma.Decoder(config, jnp.dtype("float32"), nnx.Rngs(0)))


def test_a_size_that_is_not_there_is_one_line():
    with pytest.raises(UserError, match="gemma3_4b"):
        gemma.decoder_config("gemma9")
