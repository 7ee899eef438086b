"""What the decoder hands on: float64 NumPy pair by pair, and the captions that are drawn for it."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from mmgeo_jax.data.rivals import RIVALS, draw_rivals
from mmgeo_jax.losses import distil, grad_cache
from mmgeo_jax.models import two_tower
from tests.mmgeo_jax.losses.test_grad_cache import make_batch, small


def plainly(likelihoods, scores):
    """The divergence in float64."""
    wanted, found = (np.exp(x - np.logaddexp.reduce(x)) for x in (np.float64(likelihoods) / 2, np.float64(scores)))
    return float((wanted * (np.log(wanted) - np.log(found))).sum())


def test_the_divergence_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    likelihoods, scores = rng.normal(-40, 4, (6, 4)).astype(np.float32), rng.normal(0, 5, (6, 4)).astype(np.float32)
    found = distil.divergence(jnp.asarray(likelihoods), jnp.asarray(scores))
    wanted = [plainly(a, b) for a, b in zip(likelihoods, scores, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(distil.divergence(jnp.asarray(likelihoods), jnp.asarray(likelihoods) / 2), 0, atol=2e-5)


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(0, 4))
def test_rivals_are_an_images_own_caption_and_false_ones(seed, images, more):
    rng = np.random.default_rng(seed)
    truth = rng.choice([-1, 0, 1], (images, images + more)).astype(np.int8)
    drawn = draw_rivals(truth, rng)
    assert drawn.shape == (images, 1 + RIVALS)
    for i, (own, *others) in enumerate(drawn.tolist()):
        false = set(np.flatnonzero(truth[i] == 0).tolist())
        if truth[i, i] == 1 and false:
            assert own == i and set(others) <= false and len(set(others)) == min(RIVALS, len(false))
        else:
            assert {own, *others} == {-1}


def test_sums_are_those_of_each_pair_and_teach_no_decoder():
    config, batch = small(1, name="beside"), make_batch()
    graphdef, params = two_tower.init(config.model, 0)
    part = {name: jnp.asarray(batch[name]) for name in ("images", "tokens", "rivals")}

    def sums(params):
        return grad_cache.outputs(["distil"], graphdef, params, part)[2]["distil"][:, 0]

    model = nnx.merge(graphdef, params)
    families, members = batch["rivals"].shape[:2]
    seen = model.read_images(part["images"].reshape(-1, *part["images"].shape[2:]))
    scale = float(jnp.exp(params["logit_scale"]))
    wanted = []
    for b, i in np.ndindex(families, members):
        drawn, k = batch["rivals"][b, i], b * members + i
        if drawn[0] < 0:
            wanted.append(0.0)
            continue
        tokens = part["tokens"][b, drawn]
        one = jax.tree.map(lambda x, k=k, drawn=drawn: jnp.repeat(x[k : k + 1], len(drawn), 0), seen)
        cosines = np.asarray(model.embed_texts(tokens)) @ np.asarray(seen.embeddings[k])
        wanted.append(plainly(model.log_likelihoods(one, tokens), scale * cosines))
    np.testing.assert_allclose(sums(params), wanted, rtol=1e-4, atol=1e-5)
    gradient = jax.grad(lambda params: sums(params).sum())(params)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient["captioner"]))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(gradient["image"]))
