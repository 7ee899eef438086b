"""The loss of a batch and its gradient: at once or in micro-batches, on one device or round a ring of them.

A contrastive loss is not a sum over micro-batches: every image meets every caption. So plain gradient accumulation
trains with fewer negatives, which is another loss. What is done here is exact: embed micro-batch by micro-batch and
keep the embeddings alone; take the loss over all of them, and its gradient with respect to each; then embed each
micro-batch once more and hand that gradient on to the parameters. Activations are kept for one micro-batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from mmgeo_jax.losses import pairs as pair_losses
from mmgeo_jax.losses import ring
from mmgeo_jax.models import freeze

Arrays = dict[str, Any]
Embeddings = tuple[jax.Array, jax.Array]  # of images f32[I, E], of captions f32[J, E]
# What labels are made of. Families are told apart by their place in the batch: two copies of one, at the end of an
# epoch, are strangers whose signatures say what may be true.
LABELLED = ("truth", "image_mask", "caption_mask", "image_signatures", "caption_signatures")


def flat(x: jax.Array) -> jax.Array:
    """[B, M, ...] to [B * M, ...]."""
    return x.reshape(-1, *x.shape[2:])


def embed(graphdef: nnx.GraphDef, params: Any, batch: Arrays) -> Embeddings:
    """The embeddings of all images and all captions of a batch."""
    model = nnx.merge(graphdef, params)
    return model.embed_images(flat(batch["images"])), model.embed_texts(flat(batch["tokens"]))


def loss_of(
    config: ConfigDict, devices: Mesh, params: Any, embeddings: Embeddings, batch: Arrays
) -> tuple[jax.Array, pair_losses.Metrics]:
    """The loss of embeddings, and its metrics: over the whole matrix on one device, round the ring on several."""
    loss, (images, captions) = config.loss, embeddings
    # Among anchors alone nobody is to be drowned by strangers.
    stranger_weight = loss.stranger_weight if batch["truth"].shape[1] > 1 else 1.0
    choices = ring.Choices(loss.kind, loss.pairs, loss.sibling_weight, stranger_weight)
    rows, columns = pair_losses.rows_and_columns(**{name: batch[name] for name in LABELLED})
    pairs = images, captions, jnp.exp(params["logit_scale"]), params["logit_bias"]
    if devices.size > 1:
        return ring.contrastive_loss(*pairs, rows, columns, choices, devices)
    labelled = pair_losses.label_block(rows, columns, *choices[1:])
    return pair_losses.contrastive_loss(pair_losses.pair_scores(*pairs), *labelled, choices.kind)


def make_gradients(
    config: ConfigDict, graphdef: nnx.GraphDef, devices: Mesh
) -> Callable[[Any, Arrays], tuple[tuple[jax.Array, pair_losses.Metrics], Any]]:
    """(params, batch) -> ((loss, metrics), gradients), in `train.micro_batches` of the batch."""
    count = config.train.micro_batches

    def whole(params: Any, batch: Arrays) -> tuple[jax.Array, pair_losses.Metrics]:
        params = freeze.held(params, config.optim.freeze)
        return loss_of(config, devices, params, embed(graphdef, params, batch), batch)

    def in_micro_batches(params: Any, batch: Arrays) -> tuple[tuple[jax.Array, pair_losses.Metrics], Any]:
        read = {name: divided(batch[name], count) for name in ("images", "tokens")}
        families = batch["images"].shape[0]
        kept = jax.lax.map(lambda part: embed(graphdef, params, part), read)
        embeddings = jax.tree.map(lambda x: joined(x, families), kept)

        def loss(params: Any, embeddings: Embeddings) -> tuple[jax.Array, pair_losses.Metrics]:
            params = freeze.held(params, config.optim.freeze)
            return loss_of(config, devices, params, embeddings, batch)

        value, (gradients, pulls) = jax.value_and_grad(loss, (0, 1), has_aux=True)(params, embeddings)
        pulls = jax.tree.map(lambda x: parted(x, families, count), pulls)

        def hand_on(total: Any, part: tuple[Arrays, Embeddings]) -> tuple[Any, None]:
            batch, pull = part
            _, back = jax.vjp(lambda params: embed(graphdef, freeze.held(params, config.optim.freeze), batch), params)
            return jax.tree.map(jnp.add, total, back(pull)[0]), None

        return value, jax.lax.scan(hand_on, gradients, (read, pulls))[0]

    return jax.value_and_grad(whole, has_aux=True) if count == 1 else in_micro_batches


def divided(x: jax.Array, count: int) -> jax.Array:
    """[B, ...] to [count, B / count, ...]: every count-th family, so that each device has its share of each part."""
    return x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1)


def joined(parts: jax.Array, families: int) -> jax.Array:
    """Embeddings [count, B / count * M, E] of micro-batches to [B * M, E], in the order of the batch."""
    count, size, width = parts.shape
    members = count * size // families
    return parts.reshape(count, -1, members, width).swapaxes(0, 1).reshape(-1, width)


def parted(x: jax.Array, families: int, count: int) -> jax.Array:
    """The inverse of `joined`."""
    return divided(x.reshape(families, -1, x.shape[-1]), count).reshape(count, -1, x.shape[-1])
