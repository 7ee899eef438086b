"""Labels, weights and losses over all images and all captions of a batch.

One matrix holds every pair: its rows are the I = B * N images, its columns the J = B * C captions. A pair is
true (+1), false (-1) or left out (0), and has a weight. The in-batch loss, the paper's losses over hard
negatives and the loss over whole families are all choices of these two matrices (`PAIRS`).

`label_block` sees only what belongs to its rows and its columns, so the matrix may be made in any slices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from data_gen.shared.errors import UserError

# Below any score, yet finite: where nothing competes, the gradient is zero and not NaN.
LOWEST = -1e30

Metrics = dict[str, jax.Array]


class Rows(NamedTuple):
    """What labels need to know of images."""

    family: jax.Array  # int32[I]
    member: jax.Array  # int32[I]: 0 is the anchor
    present: jax.Array  # bool[I]: False where padded
    truth: jax.Array  # int8[I, C]: the image's row of its family's truth table
    signature: jax.Array  # uint32[I, W]: the facts that are or may be true of it


class Columns(NamedTuple):
    """What labels need to know of captions."""

    family: jax.Array  # int32[J]
    member: jax.Array  # int32[J]: 0 is the anchor's
    present: jax.Array  # bool[J]
    signature: jax.Array  # uint32[J, W]: the facts that it states


# Which pairs count, given (of one family, the image is an anchor, the caption is an anchor's). `mm` is the
# paper's loss: an anchor against its own negatives, without strangers.
PAIRS: dict[str, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]] = {
    "in_batch": lambda same, image, caption: image & caption,
    "mm_text": lambda same, image, caption: same & image,
    "mm_image": lambda same, image, caption: same & caption,
    "mm": lambda same, image, caption: same & (image | caption),
    "in_batch+mm_text": lambda same, image, caption: image & (caption | same),
    "in_batch+mm_image": lambda same, image, caption: caption & (image | same),
    "in_batch+mm": lambda same, image, caption: image & caption | same & (image | caption),
    "siblings": lambda same, image, caption: same,
    "family": lambda same, image, caption: jnp.ones_like(same),
}


def rows_and_columns(
    truth: jax.Array,
    image_mask: jax.Array,
    caption_mask: jax.Array,
    image_signatures: jax.Array,
    caption_signatures: jax.Array,
    family: jax.Array | None = None,
) -> tuple[Rows, Columns]:
    """The images and captions of a batch (or of a slice of one), laid out flat.

    truth int8[B, N, C]; masks bool[B, N] and bool[B, C]; signatures uint32[B, N, W] and uint32[B, C, W];
    `family` int32[B] tells families apart, by default their place in the batch. A slice needs it: places
    repeat.
    """
    batch, images, captions = truth.shape
    family = jnp.arange(batch, dtype=jnp.int32) if family is None else family

    def flat(x: jax.Array) -> jax.Array:
        return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])

    def axes(count: int) -> tuple[jax.Array, jax.Array]:
        return jnp.repeat(family, count), jnp.tile(jnp.arange(count, dtype=jnp.int32), batch)

    return (
        Rows(*axes(images), flat(image_mask), flat(truth), flat(image_signatures)),
        Columns(*axes(captions), flat(caption_mask), flat(caption_signatures)),
    )


def may_be_true(caption_signatures: jax.Array, image_signatures: jax.Array) -> jax.Array:
    """bool[I, J]: the facts that caption j states are all among those that may be true of image i.

    There are no exceptions: a caption that states nothing (all zero) may be true of every image, and of an
    image of which nothing is known (all one) every caption may be true.
    """
    return jnp.all((caption_signatures[None] & ~image_signatures[:, None]) == 0, axis=-1)


def label_block(
    rows: Rows, columns: Columns, pairs: str, sibling_weight: float = 1.0, stranger_weight: float = 1.0
) -> tuple[jax.Array, jax.Array]:
    """Labels int8[I, J] (1 true, -1 false, 0 left out) and weights f32[I, J] of some images and captions.

    In one family the truth table decides, and what it cannot say is left out. Of two families, a caption is
    false of the image, unless the signatures say that it may be true: then the pair is left out. True pairs
    weigh 1, false ones `sibling_weight` or `stranger_weight`, pairs left out 0. UserError if `pairs` is not
    in PAIRS.
    """
    if pairs not in PAIRS:
        raise UserError(f"config.loss.pairs is {pairs!r}: choose one of {', '.join(PAIRS)}")
    same = rows.family[:, None] == columns.family[None]
    counts = PAIRS[pairs](same, rows.member[:, None] == 0, columns.member[None] == 0)
    counts &= rows.present[:, None] & columns.present[None]
    truth = jnp.take(rows.truth, columns.member, axis=1)
    known = jnp.where(same, truth >= 0, ~may_be_true(columns.signature, rows.signature))
    labels = jnp.where(counts & known, jnp.where(same & (truth == 1), 1, -1), 0).astype(jnp.int8)
    weights = jnp.where(same, sibling_weight, stranger_weight).astype(jnp.float32)
    return labels, jnp.where(labels == 1, 1.0, jnp.where(labels == -1, weights, 0.0))


def pair_scores(images: jax.Array, captions: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    """Scores f32[I, J] of embeddings f32[I, E] and f32[J, E] of length 1: scale * cosine + bias."""
    return scale * jnp.einsum("ie,je->ij", images, captions, precision="highest") + bias


def sigmoid_loss(scores: jax.Array, labels: jax.Array, weights: jax.Array) -> tuple[jax.Array, Metrics]:
    """Every pair is a yes or no of its own: the weighted sum of log(1 + exp(-label * score)), over the true
    pairs.

    Dividing by the number of true pairs makes it SigLIP's loss for plain batches, and blind to padding.
    """
    terms = weights * jax.nn.softplus(-labels * scores)
    true = labels == 1
    count = jnp.maximum(true.sum(), 1)
    loss = terms.sum() / count
    true_loss = jnp.where(true, terms, 0.0).sum() / count
    return loss, {"loss_true": true_loss, "loss_false": loss - true_loss}


def softmax_loss(scores: jax.Array, labels: jax.Array, weights: jax.Array) -> tuple[jax.Array, Metrics]:
    """Every true pair is one term in each direction: -log of its share among itself and the false pairs.

    The other true pairs of its row (or column) leave the denominator; a false pair's weight multiplies its
    exponential there. A direction's loss is the mean over the true pairs that have a false one to beat; the
    loss is the mean over the directions that have any such pair. So rows and columns without a true pair, and
    true pairs without a false one, count for nothing.
    """
    false = (labels == -1) & (weights > 0)
    rivals = jnp.where(false, scores + jnp.log(jnp.where(false, weights, 1.0)), LOWEST)

    def direction(axis: int) -> tuple[jax.Array, jax.Array]:
        rival = jax.nn.logsumexp(rivals, axis=axis, keepdims=True)
        counts = (labels == 1) & jnp.any(false, axis=axis, keepdims=True)
        count = counts.sum()
        terms = jnp.where(counts, jax.nn.softplus(rival - scores), 0.0)
        return terms.sum() / jnp.maximum(count, 1), count > 0

    (by_image, image_counts), (by_caption, caption_counts) = direction(1), direction(0)
    directions = jnp.maximum(image_counts.astype(jnp.float32) + caption_counts, 1.0)
    loss = (by_image + by_caption) / directions
    return loss, {"loss_image_to_text": by_image, "loss_text_to_image": by_caption}


LOSSES = {"sigmoid": sigmoid_loss, "softmax": softmax_loss}


def contrastive_loss(scores: jax.Array, labels: jax.Array, weights: jax.Array, kind: str) -> tuple[jax.Array, Metrics]:
    """The loss of scores f32[I, J] (scale and bias applied), f32 scalar, and metrics, f32 scalars.

    `kind` is a row of LOSSES. The metrics hold the parts of the loss, the numbers of true and false pairs,
    and how many of the true pairs beat every false one of their row and of their column; a tie is a miss.
    """
    if kind not in LOSSES:
        raise UserError(f"config.loss.kind is {kind!r}: choose one of {', '.join(LOSSES)}")
    scores, weights = scores.astype(jnp.float32), weights.astype(jnp.float32)
    loss, parts = LOSSES[kind](scores, labels, weights)
    true = labels == 1
    count = true.sum().astype(jnp.float32)
    rivals = jnp.where(labels == -1, scores, -jnp.inf)

    def wins(axis: int) -> jax.Array:
        return (true & (scores > rivals.max(axis, keepdims=True))).sum() / jnp.maximum(count, 1.0)

    metrics = {"true_pairs": count, "false_pairs": (labels == -1).sum().astype(jnp.float32)}
    metrics |= {"hit_image_to_text": wins(1), "hit_text_to_image": wins(0)}
    return loss, jax.lax.stop_gradient(parts | metrics)
