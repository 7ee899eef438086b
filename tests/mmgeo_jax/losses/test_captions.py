"""The caption decoder and its loss: float64 NumPy in a plain loop, causality, and who takes part."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from configs import clip_tiny
from data_gen.shared.errors import UserError
from mmgeo_jax.inference.encoder import embedder
from mmgeo_jax.losses import captions
from mmgeo_jax.models import two_tower
from mmgeo_jax.train import clip as train_clip

N, C, L, END = 3, 4, 7, 1


@functools.cache
def model(depth=2):
    """(config, graphdef, params) of a small model with a caption decoder of other width than the tower's."""
    config = clip_tiny.get_config().model
    config.image.update(depth=1, width=16, heads=2, patch_budget=5, size_px=48)
    config.text.update(depth=1, width=16, heads=2, length=L, vocab_size=20)
    config.captioner.update(depth=depth, width=24, heads=3)
    config.embed = 16
    return config, *two_tower.init(config, 0)


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(2, 20, (C, L)).astype(np.int32)
    for row, end in enumerate((3, 6, 5, 2)):
        tokens[row, end:] = (END, *[0] * (L - end - 1))
    return rng.integers(0, 256, (N, 48, 48), dtype=np.uint8), tokens


def test_likelihoods_are_those_of_a_plain_loop_over_tokens():
    """Each token's probability, from a call that sees no later token, multiplied up to the end."""
    config, graphdef, params = model()
    images, tokens = inputs()
    likelihoods = embedder(config, params).likelihoods
    assert likelihoods is not None
    found = likelihoods(images, tokens)
    captioner = nnx.merge(graphdef, params)
    seen = captioner.read_images(images)
    for i in range(N):
        for j in range(C):
            total = 0.0
            for place in range(int(np.argmax(tokens[j] == END)) + 1):
                cut = np.where(np.arange(L) < place, tokens[j], 9)[None]  # later ones are another token
                one = (seen.tokens[i : i + 1], seen.mask[i : i + 1])
                logits = np.asarray(captioner.captioner(*one, jnp.asarray(cut))[0, place], np.float64)
                total += logits[tokens[j, place]] - np.log(np.exp(logits).sum())
            assert found[i, j] == pytest.approx(total, abs=2e-4)
    assert np.ptp(found, axis=0).min() > 1e-4  # pictures matter


def test_the_loss_is_the_mean_over_tokens_of_captions_that_count():
    _, tokens = inputs()
    truth = np.zeros((2, N, C), np.int8)
    truth[:, range(N), range(N)] = 1
    truth[0, 2, 2] = -1  # padded: its caption does not count
    batch = {"tokens": jnp.asarray([tokens, tokens[::-1]]), "truth": jnp.asarray(truth)}
    sums = jnp.asarray([1.0, 2.0, 0.0, 3.0, 4.0, 5.0])  # of images; the third is left out
    value, metrics = captions.loss(sums, batch, END, 0.5)
    assert float(metrics["loss_caption"]) == pytest.approx(15 / sum([4, 7, 3, 6, 7]))
    assert float(value) == pytest.approx(float(metrics["loss_caption"]) / 2)
    batch |= {"asked": jnp.asarray([tokens[:N], tokens[:N]]), "asked_from": jnp.asarray([[2, 0, 7], [1, 1, 1]])}
    taught = captions.counted(*captions.taught(batch), END)
    np.testing.assert_array_equal(taught.sum(1), [2, 7, 0, 3, 6, 5])


def test_a_prompt_is_given_and_not_scored():
    """Prompt and answer together are as likely as the prompt, and then the answer."""
    _, graphdef, params = model()
    images, tokens = inputs()
    tower = nnx.merge(graphdef, params)
    seen, rows = tower.read_images(images), jnp.asarray(tokens[:N])
    whole, answer = tower.log_likelihoods(seen, rows), tower.log_likelihoods(seen, rows, jnp.full(N, 2))
    prompt = tower.log_likelihoods(seen, jnp.where(jnp.arange(L) < 2, rows, END), 0)
    logits = tower.captioner(seen.tokens, seen.mask, rows)[:, 2]
    ended = logits[:, END] - jax.nn.logsumexp(logits, -1)  # what the end costs where the answer would begin
    np.testing.assert_allclose(whole, answer + prompt - ended, atol=1e-4)


def test_more_images_than_captions_and_captions_alone():
    truth = jnp.ones((1, 3, 2), jnp.int8)
    np.testing.assert_array_equal(captions.captioned(truth), [[True, True, False]])
    assert captions.own_tokens(jnp.arange(14).reshape(1, 2, 7), 3).shape == (3, 7)


def test_a_model_without_a_decoder_says_what_to_set():
    config = clip_tiny.get_config()
    config.loss.caption = 1.0
    with pytest.raises(UserError, match=r"captioner\.depth=2"):
        train_clip.check_readers(config)
    assert embedder(*(model(depth=0)[k] for k in (0, 2))).likelihoods is None
    graphdef, params = model(depth=0)[1:]
    with pytest.raises(UserError, match="nothing decodes captions"):
        jax.eval_shape(lambda: nnx.merge(graphdef, params).log_likelihoods(None, None))
