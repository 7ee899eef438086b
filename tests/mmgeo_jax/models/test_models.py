"""The towers: against a float64 NumPy forward, and what must not change an embedding."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.losses.pairs import pair_scores
from mmgeo_jax.models import two_tower, vit
from mmgeo_jax.models.text import up_to_end
from mmgeo_jax.models.two_tower import TwoTower, default_model_config, init

BATCH = 3


def patchify(images: np.ndarray, patch_px: int, budget: int | None = None):
    return vit.patchify(jnp.asarray(images), patch_px, budget)


def small_config(**changes) -> ConfigDict:
    """Towers of 16 to 24 wide; `changes` are dotted keys with "__" for the dot."""
    config = default_model_config()
    config.update_from_flattened_dict(
        {"image.size_px": 32, "image.patch_px": 8, "image.width": 24, "image.depth": 3, "image.heads": 2}
        | {"text.width": 16, "text.depth": 2, "text.heads": 2, "text.length": 12, "text.vocab_size": 40}
        | {"embed": 24, "image.unroll": 1, "text.unroll": 1}
        | {key.replace("__", "."): value for key, value in changes.items()}
    )
    return config


@functools.cache
def model(**changes):
    """A small model with random biases and norms as well, so that none of them can be forgotten."""
    towers = nnx.eval_shape(lambda: TwoTower(small_config(**changes), nnx.Rngs(0)))
    graphdef, shapes = nnx.split(towers)
    rng = np.random.default_rng(0)

    def draw(path, leaf) -> np.ndarray:
        mean = float(path[-1].key in ("scale", "logit_scale"))
        return rng.normal(mean, 0.2, leaf.shape).astype(leaf.dtype)

    return graphdef, jax.tree_util.tree_map_with_path(draw, nnx.to_pure_dict(shapes))


@functools.cache
def jitted(method: str, **changes):
    graphdef, params = model(**changes)
    return functools.partial(jax.jit(lambda p, *args: getattr(nnx.merge(graphdef, p), method)(*args)), params)


@functools.cache
def image_tower(**changes):
    graphdef, params = model(**changes)
    return functools.partial(jax.jit(lambda p, *args: nnx.merge(graphdef, p).image(*args)), params)


def pictures(seed: int = 0, size_px: int = 32) -> np.ndarray:
    """White paper with a few strokes: most 8 px patches are blank."""
    rng = np.random.default_rng(seed)
    images = np.full((BATCH, size_px, size_px), 255, np.uint8)
    for image in images:
        for _ in range(3):
            y, x = rng.integers(0, size_px - 4, 2)
            image[y : y + 2, x : x + 4] = rng.integers(0, 200, (2, 4))
    return images


def captions(seed: int = 0) -> np.ndarray:
    tokens = np.random.default_rng(seed).integers(2, 40, (BATCH, 12)).astype(np.int32)
    for row, count in zip(tokens, (12, 7, 1), strict=True):
        row[count - 1] = 1
        row[count:] = 0
    return tokens


# The reference: one token matrix at a time, in float64.


def norm(p, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) * p["scale"] + p["bias"]


def linear(p, x):
    return x @ p["kernel"] + p["bias"]


def mlp(p, x):
    up = linear(p["up"], x)
    gelu = 0.5 * up * (1 + np.tanh(math.sqrt(2 / math.pi) * (up + 0.044715 * up**3)))
    return linear(p["down"], gelu)


def attend(p, queries, tokens, heads):
    query, key, value = linear(p["query"], queries), linear(p["key"], tokens), linear(p["value"], tokens)
    size = query.shape[-1] // heads
    out = []
    for h in range(heads):
        at = slice(h * size, (h + 1) * size)
        logits = query[:, at] @ key[:, at].T / math.sqrt(size)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        out.append(weights / weights.sum(-1, keepdims=True) @ value[:, at])
    return linear(p["out"], np.concatenate(out, -1))


def encode(p, x, heads, layers):
    for layer in range(layers):
        block = jax.tree.map(lambda leaf, layer=layer: leaf[layer], p["blocks"])
        normed = norm(block["attention_norm"], x)
        x = x + attend(block["attention"], normed, normed, heads)
        x = x + mlp(block["mlp"], norm(block["mlp_norm"], x))
    return x


def pool(p, x, heads, kind):
    if kind != "map":
        return x.mean(0) if kind == "mean" else x[-1]
    x = attend(p["pool"]["attention"], p["pool"]["probe"], x, heads)
    return (x + mlp(p["pool"]["mlp"], norm(p["pool"]["norm"], x)))[0]


def reference_image(params, image, *, layers=3, mean=0.5, std=0.5, keep=None, pooling="map"):
    """One picture [32, 32] or [32, 32, 3] through the tower; `keep` lists the patches that there are."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["image"])
    colours = (np.stack([image] * 3, -1) if image.ndim == 2 else image) / 255.0
    x = []
    for place in range(16) if keep is None else keep:
        top, left = place // 4 * 8, place % 4 * 8
        patch = (colours[top : top + 8, left : left + 8] - mean) / std
        x.append(np.einsum("yxc,yxcd->d", patch, p["stem"]["kernel"]) + p["stem"]["bias"] + p["position"][place])
    x = encode(p["encoder"], np.stack(x), 2, layers)
    if layers < 3:
        return x
    pooled = pool(p, norm(p["norm"], x), 2, pooling)
    return linear(p["head"], pooled) if "head" in p else pooled


def reference_text(params, tokens, pooling):
    """One caption through the tower, its padding cut off."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["text"])
    tokens = tokens[tokens != 0]
    x = encode(p["encoder"], p["token"][tokens] + p["position"][: len(tokens)], 2, 2)
    return linear(p["head"], pool(p, norm(p["norm"], x), 2, pooling))


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("pooling", ["map", "mean", "last"])
def test_images_match_the_float64_forward(pooling):
    changes = {"image__pool": pooling, "image__head": pooling == "mean", "embed": 20 if pooling == "mean" else 24}
    _, params = model(**changes)
    expected = [unit(reference_image(params, image, pooling=pooling)) for image in pictures()]
    np.testing.assert_allclose(jitted("embed_images", **changes)(pictures()), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["map", "mean", "last"])
def test_captions_match_the_float64_forward(pooling):
    _, params = model(text__pool=pooling)
    expected = [unit(reference_text(params, row, pooling)) for row in captions()]
    np.testing.assert_allclose(jitted("embed_texts", text__pool=pooling)(captions()), expected, atol=1e-5)


def test_grey_is_colour_with_equal_channels_under_any_normalisation():
    mean, std = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
    changes = {"image__mean": mean, "image__std": std}
    _, params = model(**changes)
    embed = jitted("embed_images", **changes)
    grey, colours = pictures(), np.random.default_rng(1).integers(0, 256, (BATCH, 32, 32, 3)).astype(np.uint8)
    for images in (grey, colours):
        expected = [unit(reference_image(params, image, mean=mean, std=std)) for image in images]
        np.testing.assert_allclose(embed(images), expected, atol=1e-5)
    np.testing.assert_allclose(embed(grey), embed(np.stack([grey] * 3, -1)), atol=1e-5)


def test_features_of_the_second_last_layer():
    graphdef, params = model()
    patches = patchify(pictures(), 8)[0]
    tokens = jax.jit(lambda p: nnx.merge(graphdef, p).image.tokens(patches, layers=-1))(params)
    expected = [reference_image(params, image, layers=2) for image in pictures()]
    np.testing.assert_allclose(tokens, expected, rtol=1e-5, atol=1e-5)


def test_dropping_blank_patches_is_masking_them():
    _, params = model()
    images = pictures()
    patches, positions, mask = patchify(images, 8, budget=9)
    assert mask.any(1).all() and not mask.all(1).any()
    dropped = image_tower()(patches, positions, mask)
    every, places, _ = patchify(images, 8)
    inked = np.asarray(every.min(-1)) < 0.87
    np.testing.assert_allclose(image_tower()(every, places, inked), dropped, atol=1e-5)
    expected = [
        reference_image(params, image, keep=np.flatnonzero(ink)) for image, ink in zip(images, inked, strict=True)
    ]
    np.testing.assert_allclose(dropped, expected, atol=1e-5)
    budget = jitted("embed_images", image__patch_budget=9)(images)
    np.testing.assert_allclose(budget, unit(np.array(expected)), atol=1e-5)


@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_garbage_in_masked_patches_changes_nothing(stem):
    tower = image_tower(image__stem=stem)
    patches, positions, mask = (np.array(part) for part in patchify(pictures(), 8, budget=9))
    clean = tower(patches, positions, mask)
    patches[~mask] = np.nan
    positions[~mask] = 3
    np.testing.assert_array_equal(tower(patches, positions, mask), clean)
    shuffle = np.random.default_rng(0).permutation(9)
    np.testing.assert_allclose(tower(patches[:, shuffle], positions[:, shuffle], mask[:, shuffle]), clean, atol=1e-5)


def test_the_convolution_of_the_stem_is_xla_s():
    stem = vit.ConvStem(small_config().image, jnp.dtype("float32"), nnx.Rngs(0))
    rng = np.random.default_rng(0)
    for side in (18, 10, 9):
        x, kernel = jnp.asarray(rng.normal(size=(2, side, side, 3))), jnp.asarray(rng.normal(size=(3, 3, 3, 5)))
        layout = ("NHWC", "HWIO", "NHWC")
        expected = jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=layout)
        np.testing.assert_allclose(stem.conv(x, kernel, jnp.ones(5)), expected + 1, atol=1e-4)


def test_a_vector_of_zeros_has_a_gradient():
    assert np.isfinite(jax.grad(lambda x: two_tower.unit(x)[0])(jnp.zeros(4))).all()


def test_a_blank_page_has_a_finite_embedding_and_gradient():
    graphdef, params = model(image__patch_budget=9, image__depth=1)
    blank = np.full((1, 32, 32), 255, np.uint8)

    def loss(params):
        return nnx.merge(graphdef, params).embed_images(blank)[0, 0]

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    assert np.isfinite(value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_patchify_lays_patches_out_in_reading_order():
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 24)).astype(np.uint8)
    patches, positions, mask = patchify(images, 8)
    assert patches.shape == (2, 6, 64) and patches.dtype == jnp.float32 and positions.dtype == jnp.int32
    np.testing.assert_array_equal(positions, [range(6)] * 2)
    assert mask.all()
    np.testing.assert_allclose(patches[1, 4].reshape(8, 8), images[1, 8:, 8:16] / 127.5 - 1, atol=1e-6)


def test_the_budget_keeps_most_ink_and_the_earlier_of_equals():
    page = np.full((1, 8, 32), 255, np.uint8)
    page[0, 0, 8:12], page[0, 0, 24:28], page[0, 0, 16:24] = 100, 100, 0
    _, positions, mask = patchify(page, 8, budget=2)
    assert positions.tolist() == [[2, 1]] and mask.all()
    _, positions, mask = patchify(page, 8, budget=9)
    assert positions.tolist() == [[2, 1, 3, 0]] and mask.tolist() == [[True, True, True, False]]


@pytest.mark.parametrize("pooling", ["map", "mean", "last"])
def test_padding_and_batch_do_not_change_a_caption(pooling):
    embed = jitted("embed_texts", text__pool=pooling)
    tokens = captions()
    whole = np.asarray(embed(tokens))
    np.testing.assert_allclose(embed(tokens[1:2, :7]), whole[1:2], atol=1e-6)
    np.testing.assert_allclose(embed(tokens[[1, 0, 1]]), whole[[1, 0, 1]], atol=1e-6)
    assert np.abs(whole[1] - np.asarray(embed(np.where(tokens == tokens[1, 3], 5, tokens)))[1]).max() > 1e-3


def test_without_the_mask_padding_is_attended_to():
    """As in SigLIP, whose weights expect it."""
    embed = jitted("embed_texts", text__masked=False, text__pool="last")
    tokens = captions()
    assert np.abs(np.asarray(embed(tokens))[1] - np.asarray(embed(tokens[:, :7]))[1]).max() > 1e-3


def test_unrolling_and_remat_change_no_value_and_no_gradient():
    def value_and_gradient(**changes):
        graphdef, params = model(image__pool="mean", **changes)

        def loss(params):
            return nnx.merge(graphdef, params).embed_images(pictures())[0, 1]

        return jax.jit(jax.value_and_grad(loss))(params)

    expected, expected_gradient = value_and_gradient()
    for remat in ("dots", "full"):
        value, gradient = value_and_gradient(image__unroll=4, image__remat=remat)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), gradient, expected_gradient)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
        assert np.abs(gradient["image"]["encoder"]["blocks"]["mlp"]["up"]["kernel"]).max(axis=(1, 2)).min() > 0


def test_bfloat16_is_computed_in_and_float32_kept():
    shapes = nnx.state(nnx.eval_shape(lambda: TwoTower(small_config(dtype="bfloat16"), nnx.Rngs(0))))
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    images = jitted("embed_images", dtype="bfloat16")(pictures())
    texts = jitted("embed_texts", dtype="bfloat16")(captions())
    assert images.dtype == texts.dtype == jnp.float32
    np.testing.assert_allclose(images, jitted("embed_images")(pictures()), atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=-1), 1, atol=1e-5)


def test_params_are_plain_stacked_and_reproducible():
    config = small_config(image__depth=2, image__pool="mean", text__pool="last", init_scale=20.0, init_bias=-3.0)
    graphdef, params = init(config, seed=3)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        assert all(isinstance(key, jax.tree_util.DictKey) and isinstance(key.key, str) for key in path)
        assert isinstance(leaf, jax.Array) and leaf.dtype == jnp.float32
    assert params["image"]["stem"]["kernel"].shape == (8, 8, 3, 24)
    kernels = params["image"]["encoder"]["blocks"]["mlp"]["up"]["kernel"]
    assert kernels.shape == (2, 24, 96)
    assert not np.array_equal(kernels[0], kernels[1])
    (_, again), (_, other) = init(config, seed=3), init(config, seed=4)
    assert jax.tree.all(jax.tree.map(np.array_equal, params, again))
    assert not np.array_equal(kernels, other["image"]["encoder"]["blocks"]["mlp"]["up"]["kernel"])
    assert params.keys() == {"image", "text", "logit_scale", "logit_bias"}
    assert params["logit_scale"].shape == params["logit_bias"].shape == ()
    towers = nnx.merge(graphdef, params)
    scale, bias = jnp.exp(towers.logit_scale[...]), towers.logit_bias[...]
    np.testing.assert_allclose(pair_scores(jnp.eye(2), jnp.eye(2), scale, bias), [[17, -3], [-3, 17]], rtol=1e-6)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"embed": 20}, "image.head"),
        ({"image__stem": "convolution"}, "conv"),
        ({"text__pool": "middle"}, "last"),
        ({"image__remat": "some"}, "full"),
        ({"image__size_px": 36}, "divide"),
        ({"image__heads": 5}, "heads"),
    ],
)
def test_a_bad_config_is_told_in_one_line(changes, words):
    with pytest.raises(UserError, match=words):
        init(small_config(**changes), 0)


def test_captions_longer_than_the_table_are_refused():
    graphdef, params = model()
    with pytest.raises(UserError, match="model.text.length"):
        nnx.merge(graphdef, params).embed_texts(jnp.ones((1, 13), jnp.int32))
    with pytest.raises(UserError, match="size_px"):
        nnx.merge(graphdef, params).embed_images(jnp.ones((1, 40, 40), jnp.uint8))


def test_a_caption_goes_up_to_its_first_end_token():
    tokens = jnp.array([[5, 1, 1, 1], [0, 7, 1, 0], [4, 5, 6, 7]])
    assert up_to_end(tokens, 1).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
