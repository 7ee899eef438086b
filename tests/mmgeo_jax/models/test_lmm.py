"""The multimodal model and generation: what must change logits and what must not, packed rows, the cache."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from data_gen.shared.errors import UserError
from mmgeo_jax.inference import sampling as decoding
from mmgeo_jax.inference.sampling import Sampling
from mmgeo_jax.models import lmm

CLOSE: dict[str, Any] = dict(rtol=1e-5, atol=1e-5)
V, P = 30, 6  # tokens of the vocabulary, image tokens of a picture


def small_config(**image):
    """Gemma 3's features and Gemma 2's caps together, so that none of them is left out."""
    config = lmm.default_lmm_config()
    config.image.update(size_px=32, patch_px=8, width=16, depth=2, heads=2, pool="mean", unroll=1, patch_budget=P)
    config.image.update(image)
    config.decoder.update(vocab_size=V, width=16, depth=2, heads=4, kv_heads=2, head_dim=8, hidden=24, window=5)
    config.decoder.update(global_every=2, qk_norm=True, post_norms=True, attention_cap=5.0, final_cap=20.0)
    return config


@functools.cache
def model():
    """Random arrays; the token table is large, so that likely tokens differ from place to place."""
    graphdef, params = lmm.init(small_config(), 0)
    rng = np.random.default_rng(1)
    noisy = jax.tree.map(lambda leaf: leaf + rng.normal(0, 0.3, leaf.shape).astype(np.float32), params)
    return graphdef, noisy


@functools.cache
def forward():
    graphdef, params = model()
    return functools.partial(jax.jit(lambda p, *args: nnx.merge(graphdef, p)(*args)), params)


def pictures(count=2):
    """Few strokes on white paper: fewer patches with ink than P."""
    images = np.full((count, 32, 32), 255, np.uint8)
    for number, image in enumerate(images):
        image[3, 2 : 14 + 5 * number] = 0
        image[20 + number : 30, 9] = 60
    return images


TOKENS = np.array([[5, 9, 3, 12, 7, 1, 0, 0], [5, 21, 17, 1, 0, 0, 0, 0]], np.int32)
SEGMENTS = np.array([[1] * 6 + [0] * 2, [1] * 4 + [0] * 4], np.int32)
PREFIX = np.array([[1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]], bool)
REAL, ANSWER = SEGMENTS > 0, (SEGMENTS > 0) & ~PREFIX


def test_padding_and_its_place_change_nothing():
    plain = forward()(pictures(), TOKENS, SEGMENTS, PREFIX)
    noise = forward()(pictures(), np.where(REAL, TOKENS, 13), SEGMENTS, PREFIX | ~REAL)
    np.testing.assert_allclose(noise[REAL], plain[REAL], **CLOSE)
    right = [
        np.stack([np.roll(row, 8 - n) for row, n in zip(x, (6, 4), strict=True)]) for x in (TOKENS, SEGMENTS, PREFIX)
    ]
    found = forward()(pictures(), *right)
    for row, n in enumerate((6, 4)):
        np.testing.assert_allclose(found[row, 8 - n :], plain[row, :n], **CLOSE)


def test_the_answer_is_causal_and_the_question_is_not():
    plain = np.asarray(forward()(pictures(), TOKENS, SEGMENTS, PREFIX))

    def moved(place):
        tokens = TOKENS.copy()
        tokens[0, place] += 1
        found = np.asarray(forward()(pictures(), tokens, SEGMENTS, PREFIX))
        np.testing.assert_array_equal(found[1], plain[1])
        return np.abs(found[0] - plain[0]).max(-1)[:6] > 1e-5

    assert moved(4).tolist() == [False] * 4 + [True] * 2
    assert moved(2).tolist() == [True] * 6
    images = pictures()
    images[0, 24, 24] = 0
    assert (np.abs(np.asarray(forward()(images, TOKENS, SEGMENTS, PREFIX)) - plain)[0, :6].max(-1) > 1e-5).all()


def test_packed_and_unpacked_losses_agree():
    apart, found = lmm.answer_loss(
        forward()(pictures(), TOKENS, SEGMENTS, PREFIX), jnp.asarray(TOKENS), jnp.asarray(ANSWER)
    )

    def pack(x):
        return np.concatenate([x[0, :6], x[1, :4], x[0, :0]])[None]

    tokens, prefix = pack(TOKENS), pack(PREFIX)
    segments = np.array([[1] * 6 + [2] * 4], np.int32)
    logits = forward()(pictures()[None], tokens, segments, prefix, np.array([[1, 2]]))
    packed, again = lmm.answer_loss(logits, tokens, jnp.asarray(pack(ANSWER)))
    np.testing.assert_allclose(packed, apart, rtol=1e-6)
    assert found["tokens"] == again["tokens"] == 5 and found["accuracy"] == again["accuracy"]
    # Each sample has the other's picture: not the same.
    swapped = forward()(pictures()[None], tokens, segments, prefix, np.array([[2, 1]]))
    assert abs(lmm.answer_loss(swapped, tokens, jnp.asarray(pack(ANSWER)))[0] - apart) > 1e-4


def test_an_image_gives_as_many_tokens_as_its_mask_leaves():
    graphdef, params = model()
    wide = lmm.init_graph(small_config(patch_budget=16))
    shown = jax.jit(lambda p, x: nnx.merge(wide, p)(x, TOKENS, SEGMENTS, PREFIX))(params, pictures())
    np.testing.assert_allclose(shown[REAL], forward()(pictures(), TOKENS, SEGMENTS, PREFIX)[REAL], **CLOSE)
    tokens, mask = jax.jit(lambda p, x: nnx.merge(graphdef, p).image_tokens(x))(params, pictures())
    assert tokens.shape == (2, P, 16) and mask.sum(1).tolist() == [4, 5]
    # In reading order: of all 16 patches, those with ink are where they are in the picture.
    inked = pictures().reshape(2, 4, 8, 4, 8).min((2, 4)).reshape(2, 16) < 255
    np.testing.assert_array_equal(
        jax.jit(lambda p, x: nnx.merge(wide, p).image_tokens(x)[1])(params, pictures()), inked
    )


def test_smaller_pictures_are_put_on_white_paper():
    small = pictures()[:, 2:30, :30]
    square = lmm.to_square(small, 32)
    assert square.shape == (2, 32, 32) and (square[:, 2:30, 1:31] == small).all() and (square[:, 31] == 255).all()
    with pytest.raises(UserError, match="40 x 32 px"):
        lmm.to_square(jnp.zeros((1, 32, 40)), 32)


def test_answer_loss_by_hand():
    logits = np.log(np.array([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.2, 0.6]]], np.float32))
    loss, found = lmm.answer_loss(jnp.asarray(logits), jnp.array([[2, 1, 2]]), jnp.array([[True, True, True]]))
    np.testing.assert_allclose(loss, -(np.log(0.25) + np.log(0.8)) / 2, rtol=1e-6)
    assert found["tokens"] == 2 and found["accuracy"] == 0.5
    assert lmm.answer_loss(jnp.asarray(logits), jnp.array([[2, 1, 2]]), jnp.zeros((1, 3), bool))[0] == 0.0


@pytest.mark.parametrize(
    "features, projector, head, class_token", [("last", "linear", False, True), ("second_last", "mlp", True, False)]
)
def test_layouts_have_their_parameters(features, projector, head, class_token):
    config = small_config(head=head, class_token=class_token, pool="map", patch_budget=None)
    config.update(features=features, projector=projector)

    def run(tokens):
        return lmm.LMM(config, nnx.Rngs(0))(jnp.asarray(pictures()), tokens, jnp.asarray(SEGMENTS), jnp.asarray(PREFIX))

    assert jax.eval_shape(run, TOKENS).shape == (2, 8, V)
    shapes = jax.eval_shape(lambda: nnx.to_pure_dict(nnx.state(lmm.LMM(config, nnx.Rngs(0)))))
    assert set(shapes) == {"image", "projector", "decoder"}
    assert set(shapes["projector"]) == ({"out"} if projector == "linear" else {"up", "out"})


def test_unknown_layouts_are_one_line():
    for key in ("features", "projector"):
        config = small_config()
        config[key] = "other"
        with pytest.raises(UserError, match=f"model.{key}"):
            lmm.init_graph(config)


# ---- generation -----------------------------------------------------------------------------------------------------

PROMPTS = np.array([[-1, 5, 9, 3], [5, 21, -1, -1]], np.int32)  # ragged, padding on either side
L = 5


def generate(sampling, seed=0, prompts=PROMPTS):
    graphdef, params = model()
    return decoding.generate(graphdef, params, pictures(), prompts, sampling, seed)


def without_cache(tokens):
    """Logits f32[B, n, L, V] of the places that answers int32[B, n, L] were drawn from, all at once."""
    found = []
    for sample in range(tokens.shape[1]):
        whole = np.concatenate([PROMPTS, tokens[:, sample]], axis=1)
        segments = (whole >= 0).astype(np.int32)
        prefix = np.broadcast_to(np.arange(whole.shape[1]) < PROMPTS.shape[1], whole.shape)
        logits = np.asarray(forward()(pictures(), np.maximum(whole, 0), segments, prefix))
        # The first token comes from the prompt's last one, wherever that is.
        first = logits[np.arange(2), [3, 1]][:, None]
        found.append(np.concatenate([first, logits[:, PROMPTS.shape[1] : -1]], axis=1))
    return np.stack(found, axis=1)


def test_the_cache_changes_no_token():
    """Greedy: each token is the most likely one of a forward pass over all before it."""
    tokens, lengths = generate(Sampling(length=L, stop=(), cache=P + 4 + L))
    assert lengths.tolist() == [[L], [L]] and len(np.unique(tokens)) > 2
    np.testing.assert_array_equal(without_cache(tokens).argmax(-1), tokens)
    np.testing.assert_array_equal(generate(Sampling(length=L, stop=(), cache=40))[0], tokens)


def test_the_cache_changes_no_drawn_token():
    sampling = Sampling(length=L, samples=2, temperature=1.5, top_k=12, top_p=0.9, stop=(), cache=16)
    tokens, _ = generate(sampling, seed=3)
    logits = without_cache(tokens)
    for prompt, sample in np.ndindex(2, 2):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), prompt), sample)
        for number in range(L):
            keys = jax.random.fold_in(key, number)[None]
            assert (
                decoding.sample_token(logits[prompt, sample, number][None], keys, sampling)[0]
                == tokens[prompt, sample, number]
            )
    np.testing.assert_array_equal(generate(sampling, seed=3)[0], tokens)
    assert (generate(sampling, seed=4)[0] != tokens).any() and (tokens[:, 0] != tokens[:, 1]).any()


def test_stop_tokens_end_answers():
    free, _ = generate(Sampling(length=L, stop=(), cache=P + 4 + L))
    stop = int(free[0, 0, 2])
    sampling = Sampling(length=L, stop=(stop,), cache=16)
    tokens, lengths = generate(sampling)
    for row in (0, 1):
        places = np.flatnonzero(free[row, 0] == stop)
        end = places[0] if len(places) else L
        assert lengths[row, 0] == end and (tokens[row, 0, end:] == 0).all()
        np.testing.assert_array_equal(tokens[row, 0, :end], free[row, 0, :end])
    graphdef, params = model()
    steps = list(decoding.stream(graphdef, params, pictures(), PROMPTS, sampling))
    np.testing.assert_array_equal(np.stack([token for token, _ in steps], axis=2), tokens[..., : len(steps)])
    assert len(steps) == min(L, lengths.max() + 1)


def test_top_k_and_top_p_leave_out_the_others():
    logits = jnp.log(jnp.array([[0.5, 0.05, 0.3, 0.15]]))
    kept = lambda **how: (decoding.filter_logits(logits, Sampling(temperature=1.0, **how)) > -1e9)[0].tolist()  # noqa: E731
    assert kept() == [True] * 4
    assert kept(top_k=2) == [True, False, True, False]
    assert kept(top_p=0.5) == [True, False, False, False]
    assert kept(top_p=0.75) == [True, False, True, False]
    assert kept(top_p=0.85) == [True, False, True, True]
    np.testing.assert_allclose(decoding.filter_logits(logits, Sampling(temperature=2.0)), logits / 2)


BAD = {
    "cache of 14": (Sampling(length=L, cache=14), PROMPTS),
    "no tokens": (Sampling(length=L), np.array([[5, 3], [-1, -1]], np.int32)),
    "temperature": (Sampling(temperature=-1.0), PROMPTS),
    "top_p": (Sampling(top_p=0.0), PROMPTS),
    "samples": (Sampling(samples=0), PROMPTS),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_generated_is_one_line(what):
    with pytest.raises(UserError, match=what):
        generate(*BAD[what][:1], prompts=BAD[what][1])
