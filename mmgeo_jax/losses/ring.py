"""The contrastive loss of a global batch whose matrix of scores no device ever holds.

Each device keeps its own images. Captions (embeddings and the metadata that labels need) travel round the ring of
devices, so that after as many steps as there are devices every image has met every caption, one block of scores at a
time. The values equal those of `pairs.contrastive_loss` over the whole matrix.

The backward pass is written by hand: the captions travel again, together with their gradients, and each block of scores
is computed once more. Residuals have the size of the embeddings, whatever the number of devices; automatic
differentiation would keep every travelling block.

Two facts make one round each way enough. The images and captions of a true pair belong to one family, which lies on one
device, so that blocks met on the way hold negatives only. And all that the softmax loss needs of negatives is the log
of the summed exponentials of each row and column, which can be accumulated block by block.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float32

from mmgeo_jax.distributed.mesh import BATCH_AXES
from mmgeo_jax.losses import pairs
from mmgeo_jax.losses.pairs import LOWEST, CaptionMeta, ImageMeta, Labels, Loss, Metrics, Scalar, Scores

Mask = Bool[Array, "I J"]


class LossSettings(NamedTuple):
    """Settings of the loss: keys of `pairs.LOSSES` and `pairs.PAIR_MASKS`, and the weights of false pairs."""

    name: str
    mask: str
    hard_negative_weight: float = 1.0
    in_batch_weight: float = 1.0


class NegativeStats(NamedTuple):
    """Running statistics of the negatives that each of K images (or captions) has met so far."""

    best: Float32[Array, " K"]  # highest score, LOWEST where there was none
    top: Float32[Array, " K"]  # highest score of positive weight
    total: Float32[Array, " K"]  # weighted sum of exp(score - top)
    softplus: Float32[Array, " K"]  # weighted sum of log(1 + exp(score))
    number: Float32[Array, " K"]

    @property
    def log_sum(self) -> Float32[Array, " K"]:
        """Log of the weighted sum of exp(score), LOWEST where there are no negatives."""
        return jnp.where(self.total > 0, self.top + jnp.log(jnp.maximum(self.total, 1e-37)), LOWEST)


Negatives = tuple[NegativeStats, NegativeStats]  # of the images, of the captions


def _no_negatives(size: int) -> NegativeStats:
    lowest, zero = jnp.full(size, LOWEST, jnp.float32), jnp.zeros(size, jnp.float32)
    return NegativeStats(lowest, lowest, zero, zero, zero)


def _add_negatives(stats: NegativeStats, scores: Scores, labels: Labels, weights: Scores, axis: int) -> NegativeStats:
    """Adds the negatives of one block to the statistics, summing over `axis`."""
    false = labels == -1
    weigh = jnp.where(false, weights, 0.0)
    top = jnp.maximum(stats.top, jnp.where(weigh > 0, scores, LOWEST).max(axis))
    shifted = jnp.exp(jnp.minimum(scores - jnp.expand_dims(top, axis), 0.0))
    return NegativeStats(
        jnp.maximum(stats.best, jnp.where(false, scores, LOWEST).max(axis)),
        top,
        stats.total * jnp.exp(stats.top - top) + (weigh * shifted).sum(axis),
        stats.softplus + (weigh * jax.nn.softplus(scores)).sum(axis),
        stats.number + false.sum(axis),
    )


class _Ring(NamedTuple):
    """The devices of the ring, and the loss that they compute."""

    settings: LossSettings
    axes: tuple[str, ...]
    devices: int

    def sum(self, x: Array) -> Array:
        """Sums over all devices."""
        return jax.lax.psum(x, axis_name=self.axes)

    def label(self, images: ImageMeta, captions: CaptionMeta) -> tuple[Labels, Scores]:
        """Computes the labels and weights of a block."""
        return pairs.label_block(images, captions, *self.settings[1:])

    def travel(self, step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, travelling: Any) -> tuple[Any, Any]:
        """Runs `step(carry, travelling) -> (carry, travelling)` on every device; what travels is home at the end."""
        if self.devices == 1:
            return step(carry, travelling)
        onwards = [(i, (i + 1) % self.devices) for i in range(self.devices)]

        def leg(_: int, both: tuple[Any, Any]) -> tuple[Any, Any]:
            carry, travelling = step(*both)
            return carry, jax.tree.map(lambda x: jax.lax.ppermute(x, self.axes, onwards), travelling)

        return jax.lax.fori_loop(0, self.devices, leg, (carry, travelling))


# ---- forward -----------------------------------------------------------------------------------------------------


def _forward(
    images: Float32[Array, "I E"],
    captions: Float32[Array, "J E"],
    scale: Scalar,
    bias: Scalar,
    image_meta: ImageMeta,
    caption_meta: CaptionMeta,
    ring: _Ring,
) -> tuple[Scalar, Metrics, NegativeStats, NegativeStats]:
    """Computes (loss, metrics, negatives of the images, negatives of the captions) on one device."""

    def step(by_image: NegativeStats, travelling: tuple) -> tuple:
        captions, caption_meta, by_caption = travelling
        scores = pairs.pair_scores(images, captions, scale, bias)
        labels, weights = ring.label(image_meta, caption_meta)
        by_image = _add_negatives(by_image, scores, labels, weights, 1)
        return by_image, (captions, caption_meta, _add_negatives(by_caption, scores, labels, weights, 0))

    start = captions, caption_meta, _no_negatives(len(captions))
    by_image, (_, _, by_caption) = ring.travel(step, _no_negatives(len(images)), start)
    scores = pairs.pair_scores(images, captions, scale, bias)
    true = ring.label(image_meta, caption_meta)[0] == 1
    loss, parts = VALUES[ring.settings.name](scores, true, (by_image, by_caption), ring)
    return loss, parts | _counts(scores, true, (by_image, by_caption), ring), by_image, by_caption


def _counts(scores: Scores, true: Mask, negatives: Negatives, ring: _Ring) -> Metrics:
    """Counts pairs, and the true ones that beat every false one of their row and of their column."""
    by_image, by_caption = negatives
    count = ring.sum(true.sum().astype(jnp.float32))
    metrics = {"true_pairs": count, "false_pairs": ring.sum(by_image.number.sum())}
    for name, best in (("image_to_text", by_image.best[:, None]), ("text_to_image", by_caption.best[None])):
        metrics[f"hit_{name}"] = ring.sum((true & (scores > best)).sum()) / jnp.maximum(count, 1.0)
    return metrics


def _sigmoid_value(scores: Scores, true: Mask, negatives: Negatives, ring: _Ring) -> Loss:
    count = jnp.maximum(ring.sum(true.sum()), 1)
    true_loss = ring.sum(jnp.where(true, jax.nn.softplus(-scores), 0.0).sum()) / count
    false_loss = ring.sum(negatives[0].softplus.sum()) / count
    return true_loss + false_loss, {"loss_true": true_loss, "loss_false": false_loss}


def _softmax_value(scores: Scores, true: Mask, negatives: Negatives, ring: _Ring) -> Loss:
    def direction(log_sum: Array) -> tuple[Array, Array]:
        counts = true & (log_sum > LOWEST)
        count = ring.sum(counts.sum())
        return ring.sum(jnp.where(counts, jax.nn.softplus(log_sum - scores), 0.0).sum()) / jnp.maximum(count, 1), count

    by_row, row_count = direction(negatives[0].log_sum[:, None])
    by_column, column_count = direction(negatives[1].log_sum[None])
    directions = jnp.maximum((row_count > 0).astype(jnp.float32) + (column_count > 0), 1.0)
    return (by_row + by_column) / directions, {"loss_image_to_text": by_row, "loss_text_to_image": by_column}


VALUES = {"sigmoid": _sigmoid_value, "softmax": _softmax_value}


# ---- backward: gradients of the scores of a block ----------------------------------------------------------------


class _Side(NamedTuple):
    """One side of a block in the backward pass, with what the loss passes back to the log-sums of its negatives."""

    embeddings: Float32[Array, "K E"]
    meta: ImageMeta | CaptionMeta
    log_sum: Float32[Array, " K"]
    gradient: Float32[Array, " K"]  # of the log-sum; for the sigmoid loss 1 / the number of true pairs


TruePairGradients = tuple[Scores, Float32[Array, " I"], Float32[Array, " J"]]


def _sigmoid_negatives(scores: Scores, labels: Labels, weights: Scores, image: _Side, caption: _Side) -> Scores:
    """Computes d loss / d scores of all pairs, true ones included."""
    return image.gradient[:, None] * weights * -labels * jax.nn.sigmoid(-labels * scores)


def _softmax_negatives(scores: Scores, labels: Labels, weights: Scores, image: _Side, caption: _Side) -> Scores:
    """Computes d loss / d scores of negatives: a log-sum's gradient times the share that a pair has in the sum."""
    weigh = jnp.where(labels == -1, weights, 0.0)
    by_row, by_column = image.log_sum[:, None], caption.log_sum[None]
    # A sum is never below its terms, so that the bound only affects rows without negatives.
    shares = [jnp.exp(jnp.minimum(scores - total, 80.0)) for total in (by_row, by_column)]
    return weigh * (image.gradient[:, None] * shares[0] + caption.gradient[None] * shares[1])


def _sigmoid_true(scores: Scores, true: Mask, negatives: Negatives, ring: _Ring) -> TruePairGradients:
    share = jnp.broadcast_to(1.0 / jnp.maximum(ring.sum(true.sum()), 1), scores.shape)
    return jnp.zeros_like(scores), share[:, 0], share[0]


def _softmax_true(scores: Scores, true: Mask, negatives: Negatives, ring: _Ring) -> TruePairGradients:
    """Computes d loss / d scores of true pairs, and the gradients of the images' and of the captions' log-sums."""
    log_sums = negatives[0].log_sum[:, None], negatives[1].log_sum[None]
    counts = [true & (log_sum > LOWEST) for log_sum in log_sums]
    numbers = [ring.sum(count.sum()) for count in counts]
    directions = jnp.maximum(sum((number > 0).astype(jnp.float32) for number in numbers), 1.0)
    slopes = [
        jnp.where(count, jax.nn.sigmoid(log_sum - scores), 0.0) / jnp.maximum(number, 1) / directions
        for count, log_sum, number in zip(counts, log_sums, numbers, strict=True)
    ]
    return -(slopes[0] + slopes[1]), slopes[0].sum(1), slopes[1].sum(0)


# (of true pairs, which lie on one device; of the negatives of any block)
GRADIENTS = {"sigmoid": (_sigmoid_true, _sigmoid_negatives), "softmax": (_softmax_true, _softmax_negatives)}


def _backward(
    images: Float32[Array, "I E"],
    captions: Float32[Array, "J E"],
    scale: Scalar,
    bias: Scalar,
    image_meta: ImageMeta,
    caption_meta: CaptionMeta,
    by_image: NegativeStats,
    by_caption: NegativeStats,
    ring: _Ring,
) -> tuple[Float32[Array, "I E"], Float32[Array, "J E"], Scalar, Scalar]:
    """Computes the gradients of images, captions, scale and bias on one device."""
    of_true, of_negatives = GRADIENTS[ring.settings.name]
    true = ring.label(image_meta, caption_meta)[0] == 1
    local = pairs.pair_scores(images, captions, scale, bias)
    slope, image_gradient, caption_gradient = of_true(local, true, (by_image, by_caption), ring)
    image = _Side(images, image_meta, by_image.log_sum, image_gradient)

    def chain(slope: Scores, captions: Array) -> tuple[Array, ...]:
        """From the gradient of a block of scores to those of (images, captions, scale, bias)."""
        to_images = jnp.einsum("ij,je->ie", slope, captions, precision="highest")
        to_captions = jnp.einsum("ij,ie->je", slope, images, precision="highest")
        return scale * to_images, scale * to_captions, (to_images * images).sum(), slope.sum()

    def step(sums: tuple, travelling: tuple) -> tuple:
        caption, gradient = travelling
        scores = pairs.pair_scores(images, caption.embeddings, scale, bias)
        labels, weights = ring.label(image_meta, caption.meta)
        parts = chain(of_negatives(scores, labels, weights, image, caption), caption.embeddings)
        sums = tuple(a + b for a, b in zip(sums, (parts[0], *parts[2:]), strict=True))
        return sums, (caption, gradient + parts[1])

    to_images, to_captions, to_scale, to_bias = chain(slope, captions)
    caption = _Side(captions, caption_meta, by_caption.log_sum, caption_gradient)
    sums, (_, to_captions) = ring.travel(step, (to_images, to_scale, to_bias), (caption, to_captions))
    return sums[0], to_captions, ring.sum(sums[1]), ring.sum(sums[2])


# ---- the loss ----------------------------------------------------------------------------------------------------


def contrastive_loss(
    images: Float32[Array, "I E"],
    captions: Float32[Array, "J E"],
    scale: Scalar,
    bias: Scalar,
    image_meta: ImageMeta,
    caption_meta: CaptionMeta,
    settings: LossSettings,
    mesh: Mesh,
) -> Loss:
    """Computes the loss and metrics of embeddings of length 1 that are split over all axes of the mesh. Scale and bias
    are applied to the cosines. The images and captions of a family must lie on one device, and `image_meta.family` and
    `caption_meta.family` identify families across the whole batch."""
    ring = _Ring(settings, BATCH_AXES, mesh.size)
    split, whole = PartitionSpec(BATCH_AXES), PartitionSpec()
    inputs = (split, split, whole, whole, split, split)

    def sharded(function: Callable, inputs: tuple, out: tuple) -> Callable:
        return jax.shard_map(partial(function, ring=ring), mesh=mesh, in_specs=inputs, out_specs=out, check_vma=False)

    forward = sharded(_forward, inputs, (whole, whole, split, split))
    backward = sharded(_backward, (*inputs, split, split), (split, split, whole, whole))

    @jax.custom_vjp
    def loss(*arguments: Any) -> Loss:
        return forward(*arguments)[:2]

    def loss_forward(*arguments: Any) -> tuple[Loss, Any]:
        value, metrics, *stats = forward(*arguments)
        return (value, metrics), (arguments, stats)

    def loss_backward(residuals: Any, cotangents: Any) -> tuple[Any, ...]:
        arguments, stats = residuals
        gradients = backward(*arguments, *stats)
        return *(cotangents[0] * gradient for gradient in gradients), None, None

    loss.defvjp(loss_forward, loss_backward)
    embeddings = images.astype(jnp.float32), captions.astype(jnp.float32)
    value, metrics = loss(*embeddings, scale, bias, image_meta, caption_meta)
    return value, jax.lax.stop_gradient(metrics)
