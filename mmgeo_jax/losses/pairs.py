"""Labels, weights and losses over all images and all captions of a batch.

One matrix holds every pair: its rows are the I = B * N images, its columns the J = B * C captions. A pair is true (+1),
false (-1) or ignored (0), and has a weight. The in-batch loss, the paper's losses over hard negatives and the loss over
whole families are all choices of these two matrices (`PAIR_MASKS`).

`label_block` needs nothing beyond its own rows and columns, so the matrix may be computed in slices of any shape.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int8, Int32, Shaped, UInt32

from data_gen.shared.errors import UserError

# Finite stand-in for -inf, so that rows without negatives get zero gradients instead of NaN.
LOWEST = -1e30

Scalar = Float32[Array, ""]
Metrics = dict[str, Scalar]
Loss = tuple[Scalar, Metrics]
Scores = Float32[Array, "I J"]
Labels = Int8[Array, "I J"]


class ImageMeta(NamedTuple):
    """Metadata from which images are labelled."""

    family: Int32[Array, " I"]
    member: Int32[Array, " I"]  # place in the family; 0 is the anchor
    present: Bool[Array, " I"]  # False for padding
    truth: Int8[Array, "I C"]  # the image's row of its family's truth table
    signature: UInt32[Array, "I W"]  # Bloom filter of the facts that are, or may be, true of it


class CaptionMeta(NamedTuple):
    """Metadata from which captions are labelled."""

    family: Int32[Array, " J"]
    member: Int32[Array, " J"]  # place in the family; 0 is the anchor's caption
    present: Bool[Array, " J"]
    signature: UInt32[Array, "J W"]  # Bloom filter of the facts that it states


# Which pairs count, given (both of one family, the image is an anchor, the caption is an anchor's). `mm` is the paper's
# loss: an anchor against its own hard negatives, without in-batch negatives.
PAIR_MASKS: dict[str, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]] = {
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


def flat(x: Shaped[Array, "B M ..."]) -> Shaped[Array, "B*M ..."]:
    """Merges the first two dimensions."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def pair_metadata(
    truth: Int8[Array, "B N C"],
    image_mask: Bool[Array, "B N"],
    caption_mask: Bool[Array, "B C"],
    image_signatures: UInt32[Array, "B N W"],
    caption_signatures: UInt32[Array, "B C W"],
    family: Int32[Array, " B"] | None = None,
) -> tuple[ImageMeta, CaptionMeta]:
    """Flattens what labels depend on, of a batch or of a slice of one. `family` identifies families, by default by
    their place in the batch. A slice must give it, because places repeat."""
    batch, images, captions = truth.shape
    family = jnp.arange(batch, dtype=jnp.int32) if family is None else family

    def axes(count: int) -> tuple[jax.Array, jax.Array]:
        return jnp.repeat(family, count), jnp.tile(jnp.arange(count, dtype=jnp.int32), batch)

    return (
        ImageMeta(*axes(images), flat(image_mask), flat(truth), flat(image_signatures)),
        CaptionMeta(*axes(captions), flat(caption_mask), flat(caption_signatures)),
    )


def may_be_true(caption_signatures: UInt32[Array, "J W"], image_signatures: UInt32[Array, "I W"]) -> Bool[Array, "I J"]:
    """Tests whether all facts that caption j states are among those that may be true of image i. The rule has no
    exceptions: a caption that states nothing (all zero) may be true of every image, and any caption may be true of an
    image of which nothing is known (all one)."""
    return jnp.all((caption_signatures[None] & ~image_signatures[:, None]) == 0, axis=-1)


def label_block(
    images: ImageMeta, captions: CaptionMeta, mask: str, hard_negative_weight: float = 1.0, in_batch_weight: float = 1.0
) -> tuple[Labels, Scores]:
    """Computes labels (1 true, -1 false, 0 ignored) and weights for every pair of some images and captions.

    Within a family the truth table decides, and pairs that it leaves open are ignored. Across families a caption is
    false of an image, an in-batch negative, unless their signatures allow it to be true: then the pair is ignored. True
    pairs weigh 1, false ones `hard_negative_weight` within a family and `in_batch_weight` across, ignored ones 0.
    Raises UserError if `mask` is no key of PAIR_MASKS.
    """
    if mask not in PAIR_MASKS:
        raise UserError(f"config.loss.mask is {mask!r}: choose one of {', '.join(PAIR_MASKS)}")
    same = images.family[:, None] == captions.family[None]
    counts = PAIR_MASKS[mask](same, images.member[:, None] == 0, captions.member[None] == 0)
    counts &= images.present[:, None] & captions.present[None]
    truth = jnp.take(images.truth, captions.member, axis=1)
    known = jnp.where(same, truth >= 0, ~may_be_true(captions.signature, images.signature))
    labels = jnp.where(counts & known, jnp.where(same & (truth == 1), 1, -1), 0).astype(jnp.int8)
    weights = jnp.where(same, hard_negative_weight, in_batch_weight).astype(jnp.float32)
    return labels, jnp.where(labels == 1, 1.0, jnp.where(labels == -1, weights, 0.0))


def pair_scores(images: Float32[Array, "I E"], captions: Float32[Array, "J E"], scale: Scalar, bias: Scalar) -> Scores:
    """Computes scale * cosine + bias for embeddings of length 1."""
    return scale * jnp.einsum("ie,je->ij", images, captions, precision="highest") + bias


def sigmoid_loss(scores: Scores, labels: Labels, weights: Scores) -> Loss:
    """Computes the weighted sum of log(1 + exp(-label * score)) over all pairs, divided by the number of true pairs.
    For plain batches the division makes it SigLIP's loss (Zhai et al., 2023), and padding does not change it."""
    terms = weights * jax.nn.softplus(-labels * scores)
    true = labels == 1
    count = jnp.maximum(true.sum(), 1)
    loss = terms.sum() / count
    true_loss = jnp.where(true, terms, 0.0).sum() / count
    return loss, {"loss_true": true_loss, "loss_false": loss - true_loss}


def softmax_loss(scores: Scores, labels: Labels, weights: Scores) -> Loss:
    """Computes CLIP's loss (Radford et al., 2021), generalised to several true pairs per row and to weighted negatives.

    Each true pair contributes one term per direction: -log of its share of the softmax over itself and the negatives of
    its row (or column). Other true pairs leave the denominator, and a negative's weight multiplies its exponential. A
    direction's loss is the mean over the true pairs that have a negative; the loss is the mean over the directions that
    have such a pair. So rows and columns without a true pair, and true pairs without negatives, do not count.
    """
    false = (labels == -1) & (weights > 0)
    negatives = jnp.where(false, scores + jnp.log(jnp.where(false, weights, 1.0)), LOWEST)

    def direction(axis: int) -> tuple[jax.Array, jax.Array]:
        log_sum = jax.nn.logsumexp(negatives, axis=axis, keepdims=True)
        counts = (labels == 1) & jnp.any(false, axis=axis, keepdims=True)
        count = counts.sum()
        terms = jnp.where(counts, jax.nn.softplus(log_sum - scores), 0.0)
        return terms.sum() / jnp.maximum(count, 1), count > 0

    (by_image, image_counts), (by_caption, caption_counts) = direction(1), direction(0)
    directions = jnp.maximum(image_counts.astype(jnp.float32) + caption_counts, 1.0)
    loss = (by_image + by_caption) / directions
    return loss, {"loss_image_to_text": by_image, "loss_text_to_image": by_caption}


LOSSES = {"sigmoid": sigmoid_loss, "softmax": softmax_loss}


def contrastive_loss(scores: Float[Array, "I J"], labels: Labels, weights: Scores, name: str) -> Loss:
    """Computes the loss `name`, a key of LOSSES, from scores with scale and bias applied; and metrics. The metrics are
    the parts of the loss, the numbers of true and false pairs, and the shares of true pairs that beat every false one
    of their row and of their column, where a tie is a miss."""
    if name not in LOSSES:
        raise UserError(f"config.loss.name is {name!r}: choose one of {', '.join(LOSSES)}")
    scores, weights = scores.astype(jnp.float32), weights.astype(jnp.float32)
    loss, parts = LOSSES[name](scores, labels, weights)
    true = labels == 1
    count = true.sum().astype(jnp.float32)
    negatives = jnp.where(labels == -1, scores, -jnp.inf)

    def wins(axis: int) -> jax.Array:
        return (true & (scores > negatives.max(axis, keepdims=True))).sum() / jnp.maximum(count, 1.0)

    metrics = {"true_pairs": count, "false_pairs": (labels == -1).sum().astype(jnp.float32)}
    metrics |= {"hit_image_to_text": wins(1), "hit_text_to_image": wins(0)}
    return loss, jax.lax.stop_gradient(parts | metrics)
