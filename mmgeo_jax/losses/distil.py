"""Hands on what the caption decoder knows to the embeddings: it tells a family's captions apart before they do.

For each image a few captions of its family are drawn, its own among them (`rivals` of a batch). The decoder's
log-likelihoods of them, at TEMPERATURE, are the targets of a softmax over the scores of the same pairs; the loss is
their Kullback-Leibler divergence, nats an image. The decoder is a teacher here, and learns nothing from it.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int32

from mmgeo_jax.losses.pairs import Loss, flat

TEMPERATURE = 2.0  # of the likelihoods: nats that count as one
READS = ("tokens", "rivals")  # of a batch


def pairs(part: Mapping[str, Array]) -> tuple[Int32[Array, "K I L"], Int32[Array, "I K"]]:
    """Returns the tokens of each image's K drawn captions, and the rows of these captions among all, B * C."""
    tokens, drawn = part["tokens"], jnp.maximum(part["rivals"], 0)
    families, captions = tokens.shape[:2]
    rows = flat(drawn + captions * jnp.arange(families, dtype=jnp.int32)[:, None, None])
    return flat(tokens)[rows.T], rows


def divergence(likelihoods: Float32[Array, "I K"], scores: Float32[Array, "I K"]) -> Float32[Array, " I"]:
    """Computes how far the softmax over an image's scores is from that over its captions' log-likelihoods."""
    wanted = jax.nn.log_softmax(jax.lax.stop_gradient(likelihoods) / TEMPERATURE)
    return jnp.sum(jnp.exp(wanted) * (wanted - jax.nn.log_softmax(scores)), axis=-1)


def loss(sums: Float32[Array, " I"], batch: Mapping[str, Array], weight: float) -> Loss:
    """Computes the weighted mean over the images that have rivals, and the mean itself as a metric."""
    count = (batch["rivals"][..., 0] >= 0).sum()
    mean = sums.sum() / jnp.maximum(count, 1)
    return weight * mean, {"loss_distil": jax.lax.stop_gradient(mean)}
