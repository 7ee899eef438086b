"""The caption loss beside the contrastive one: a decoder is taught each picture's own caption (`models/captioner.py`).

It is the mean over all tokens of the batch of their negative log-likelihood, each given the tokens before it
(LocCa's captioning task, Wan et al., 2024).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int8, Int32

from mmgeo_jax.losses.pairs import Loss
from mmgeo_jax.models.text import up_to_end


def captioned(truth: Int8[Array, "B N C"]) -> Bool[Array, "B N"]:
    """Masks the images whose own caption, of the same number, is there and true."""
    own = jnp.diagonal(truth, axis1=1, axis2=2) == 1
    return jnp.pad(own, ((0, 0), (0, truth.shape[1] - own.shape[1])))


def own_tokens(tokens: Int32[Array, "B C L"], images: int) -> Int32[Array, "I L"]:
    """Returns each image's own caption; an image beyond the captions gets the last one, which does not count."""
    chosen = jnp.minimum(jnp.arange(images), tokens.shape[1] - 1)
    return tokens[:, chosen].reshape(-1, tokens.shape[-1])


def loss(
    sums: Float32[Array, " I"], tokens: Int32[Array, "B C L"], truth: Int8[Array, "B N C"], end_id: int, weight: float
) -> Loss:
    """Computes the weighted loss of a batch from the negative log-likelihoods of its images' captions, and the mean
    itself, nats a token, as a metric."""
    counts = up_to_end(own_tokens(tokens, truth.shape[1]), end_id).sum(1) * captioned(truth).reshape(-1)
    mean = sums.sum() / jnp.maximum(counts.sum(), 1)
    return weight * mean, {"loss_caption": jax.lax.stop_gradient(mean)}
