"""The caption loss beside the contrastive one: a decoder is taught what it is asked of each picture.

By default that is the picture's own caption; with shares in `data.asked` also places and what stands there
(`data/asked.py`). The loss is the mean over all tokens that are taught of their negative log-likelihood, each given the
picture and the tokens before it (LocCa, Wan et al., 2024).
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int8, Int32

from mmgeo_jax.losses.pairs import Loss, flat
from mmgeo_jax.models.text import up_to_end

READS = ("tokens", "truth", "asked", "asked_from")  # of a batch; the last two where it has them


def taught(batch: Mapping[str, Array]) -> tuple[Int32[Array, "I L"], Int32[Array, " I"]]:
    """Returns for each image the tokens that the decoder reads, and the place of the first that it is taught; a place
    beyond the last where it is taught nothing."""
    if "asked" in batch:
        return flat(batch["asked"]), flat(batch["asked_from"])
    tokens, truth = batch["tokens"], batch["truth"]
    start = jnp.where(captioned(truth), 0, tokens.shape[-1])
    return own_tokens(tokens, truth.shape[1]), start.reshape(-1)


def captioned(truth: Int8[Array, "B N C"]) -> Bool[Array, "B N"]:
    """Masks the images whose own caption, of the same number, is there and true."""
    own = jnp.diagonal(truth, axis1=1, axis2=2) == 1
    return jnp.pad(own, ((0, 0), (0, truth.shape[1] - own.shape[1])))


def own_tokens(tokens: Int32[Array, "B C L"], images: int) -> Int32[Array, "I L"]:
    """Returns each image's own caption; an image beyond the captions gets the last one, which does not count."""
    chosen = jnp.minimum(jnp.arange(images), tokens.shape[1] - 1)
    return tokens[:, chosen].reshape(-1, tokens.shape[-1])


def counted(tokens: Int32[Array, "I L"], start: Int32[Array, " I"], end_id: int) -> Bool[Array, "I L"]:
    """Masks the tokens from `start` up to the end."""
    return up_to_end(tokens, end_id) & (jnp.arange(tokens.shape[1]) >= start[:, None])


def loss(sums: Float32[Array, " I"], batch: Mapping[str, Array], end_id: int, weight: float) -> Loss:
    """Computes the weighted loss of a batch from the negative log-likelihoods of its images, and the mean itself, nats
    a token, as a metric."""
    mean = sums.sum() / jnp.maximum(counted(*taught(batch), end_id).sum(), 1)
    return weight * mean, {"loss_caption": jax.lax.stop_gradient(mean)}
