"""The contrastive loss over a global batch that no device ever holds, nor its matrix of scores.

Each device keeps its own images. Captions (embeddings and what labels need to know of them) travel round the ring of
devices, so that after as many steps as there are devices every image has met every caption, one block of scores at a
time. The values equal those of `losses.contrastive_loss` over the whole matrix.

The backward rule is written by hand: the captions travel again, their gradients with them, and each block of scores is
made once more. What is kept between the two is of the size of the embeddings, whatever the number of devices.

Two facts keep it to one round each way. A true pair is of one place in the batch, whose images and captions lie on one
device: only false pairs are met on the way. And of the false pairs the softmax loss needs nothing but the log of the
summed exponentials of each row and each column, which add up block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from mmgeo_jax.distributed.mesh import AXES, batch_axes
from mmgeo_jax.losses.pairs import LOWEST, Columns, Metrics, Rows, label_block, pair_scores


class Choices(NamedTuple):
    """What the loss is: rows of `losses.LOSSES` and `losses.PAIRS`, and the weights of false pairs."""

    kind: str
    pairs: str
    sibling_weight: float = 1.0
    stranger_weight: float = 1.0


class Rivals(NamedTuple):
    """What a row of images, or of captions, has met of false pairs so far."""

    best: jax.Array  # f32[K]: the highest score of all, LOWEST where there was none
    top: jax.Array  # f32[K]: the highest of those that weigh anything
    total: jax.Array  # f32[K]: the weighted sum of exp(score - top)
    softplus: jax.Array  # f32[K]: the weighted sum of log(1 + exp(score))
    number: jax.Array  # f32[K]: how many

    @property
    def log_total(self) -> jax.Array:
        """f32[K]: the log of the weighted sum of exp(score), LOWEST where nothing competes."""
        return jnp.where(self.total > 0, self.top + jnp.log(jnp.maximum(self.total, 1e-37)), LOWEST)


def _no_rivals(size: int) -> Rivals:
    lowest, zero = jnp.full(size, LOWEST, jnp.float32), jnp.zeros(size, jnp.float32)
    return Rivals(lowest, lowest, zero, zero, zero)


def _meet(met: Rivals, scores: jax.Array, labels: jax.Array, weights: jax.Array, axis: int) -> Rivals:
    """`met` and the false pairs of one block more; `axis` is the one that is summed over."""
    false = labels == -1
    weigh = jnp.where(false, weights, 0.0)
    top = jnp.maximum(met.top, jnp.where(weigh > 0, scores, LOWEST).max(axis))
    shifted = jnp.exp(jnp.minimum(scores - jnp.expand_dims(top, axis), 0.0))
    return Rivals(
        jnp.maximum(met.best, jnp.where(false, scores, LOWEST).max(axis)),
        top,
        met.total * jnp.exp(met.top - top) + (weigh * shifted).sum(axis),
        met.softplus + (weigh * jax.nn.softplus(scores)).sum(axis),
        met.number + false.sum(axis),
    )


# ---- the two directions of a trip --------------------------------------------------------------------------------


class _Side(NamedTuple):
    """Embeddings and labels of one side, and for the backward rule the gradient that its rivals' log-sums get."""

    embeddings: jax.Array  # f32[K, E]
    labelled: Rows | Columns
    log_total: jax.Array  # f32[K]
    pull: jax.Array  # f32[K]


def _travel(step: Callable, carry: tuple, travelling: tuple, axes: tuple[str, ...], devices: int) -> tuple:
    """`step(carry, travelling) -> (carry, travelling)` at every device of the ring; all come home at the end."""
    onwards = [(i, (i + 1) % devices) for i in range(devices)]

    def leg(_: int, both: tuple) -> tuple:
        carry, travelling = step(*both)
        return carry, jax.tree.map(lambda x: jax.lax.ppermute(x, axes, onwards), travelling)

    if devices == 1:
        return step(carry, travelling)
    return jax.lax.fori_loop(0, devices, leg, (carry, travelling))


def _forward(
    images: jax.Array, captions: jax.Array, scale: jax.Array, bias: jax.Array, rows: Rows, columns: Columns,
    choices: Choices, axes: tuple[str, ...], devices: int,
) -> tuple[jax.Array, Metrics, Rivals, Rivals]:  # fmt: skip
    """(loss, metrics, what images have met, what captions have met), on one device."""

    def step(by_image: Rivals, travelling: tuple) -> tuple:
        captions, columns, by_caption = travelling
        scores = pair_scores(images, captions, scale, bias)
        labels, weights = label_block(rows, columns, *choices[1:])
        by_image = _meet(by_image, scores, labels, weights, 1)
        return by_image, (captions, columns, _meet(by_caption, scores, labels, weights, 0))

    start = _no_rivals(len(images)), (captions, columns, _no_rivals(len(captions)))
    by_image, (_, _, by_caption) = _travel(step, *start, axes, devices)
    scores = pair_scores(images, captions, scale, bias)
    labels, weights = label_block(rows, columns, *choices[1:])
    everywhere = partial(jax.lax.psum, axis_name=axes)
    loss, parts = VALUES[choices.kind](scores, labels == 1, by_image, by_caption, everywhere)
    return loss, parts | _counts(scores, labels == 1, by_image, by_caption, everywhere), by_image, by_caption


def _counts(scores: jax.Array, true: jax.Array, by_image: Rivals, by_caption: Rivals, everywhere: Callable) -> Metrics:
    """The numbers of pairs, and how many true ones beat every false one of their row and of their column."""
    count = everywhere(true.sum().astype(jnp.float32))
    found = {"true_pairs": count, "false_pairs": everywhere(by_image.number.sum())}
    for name, rival in (("image_to_text", by_image.best[:, None]), ("text_to_image", by_caption.best[None])):
        found[f"hit_{name}"] = everywhere((true & (scores > rival)).sum()) / jnp.maximum(count, 1.0)
    return found


def _sigmoid_value(
    scores: jax.Array, true: jax.Array, by_image: Rivals, by_caption: Rivals, everywhere: Callable
) -> tuple[jax.Array, Metrics]:
    count = jnp.maximum(everywhere(true.sum()), 1)
    true_loss = everywhere(jnp.where(true, jax.nn.softplus(-scores), 0.0).sum()) / count
    false_loss = everywhere(by_image.softplus.sum()) / count
    return true_loss + false_loss, {"loss_true": true_loss, "loss_false": false_loss}


def _softmax_value(
    scores: jax.Array, true: jax.Array, by_image: Rivals, by_caption: Rivals, everywhere: Callable
) -> tuple[jax.Array, Metrics]:
    def direction(rival: jax.Array) -> tuple[jax.Array, jax.Array]:
        counts = true & (rival > LOWEST)
        count = everywhere(counts.sum())
        return everywhere(jnp.where(counts, jax.nn.softplus(rival - scores), 0.0).sum()) / jnp.maximum(count, 1), count

    by_row, row_count = direction(by_image.log_total[:, None])
    by_column, column_count = direction(by_caption.log_total[None])
    directions = jnp.maximum((row_count > 0).astype(jnp.float32) + (column_count > 0), 1.0)
    return (by_row + by_column) / directions, {"loss_image_to_text": by_row, "loss_text_to_image": by_column}


VALUES = {"sigmoid": _sigmoid_value, "softmax": _softmax_value}


# ---- gradients of the scores of a block --------------------------------------------------------------------------


def _sigmoid_slopes(
    scores: jax.Array, labels: jax.Array, weights: jax.Array, image: _Side, caption: _Side
) -> jax.Array:
    """d loss / d scores; a side's `pull` is 1 over the number of true pairs."""
    return image.pull[:, None] * weights * -labels * jax.nn.sigmoid(-labels * scores)


def _softmax_slopes(
    scores: jax.Array, labels: jax.Array, weights: jax.Array, image: _Side, caption: _Side
) -> jax.Array:
    """Of false pairs: each log-sum hands on what it gets by the share that a pair has in it."""
    weigh = jnp.where(labels == -1, weights, 0.0)
    by_row, by_column = image.log_total[:, None], caption.log_total[None]
    # A sum is at least its parts: the bound only tames rows that have met nothing.
    shares = [jnp.exp(jnp.minimum(scores - total, 80.0)) for total in (by_row, by_column)]
    return weigh * (image.pull[:, None] * shares[0] + caption.pull[None] * shares[1])


def _softmax_own(scores: jax.Array, true: jax.Array, by_image: Rivals, by_caption: Rivals, everywhere: Callable):
    """Of true pairs, which are all at home: (d loss / d scores, pulls of the images' and the captions' log-sums)."""
    rivals = by_image.log_total[:, None], by_caption.log_total[None]
    counts = [true & (rival > LOWEST) for rival in rivals]
    numbers = [everywhere(count.sum()) for count in counts]
    directions = jnp.maximum(sum((number > 0).astype(jnp.float32) for number in numbers), 1.0)
    slopes = [
        jnp.where(count, jax.nn.sigmoid(rival - scores), 0.0) / jnp.maximum(number, 1) / directions
        for count, rival, number in zip(counts, rivals, numbers, strict=True)
    ]
    return -(slopes[0] + slopes[1]), slopes[0].sum(1), slopes[1].sum(0)


def _sigmoid_own(scores: jax.Array, true: jax.Array, by_image: Rivals, by_caption: Rivals, everywhere: Callable):
    share = jnp.broadcast_to(1.0 / jnp.maximum(everywhere(true.sum()), 1), scores.shape)
    return jnp.zeros_like(scores), share[:, 0], share[0]


SLOPES = {"sigmoid": (_sigmoid_own, _sigmoid_slopes), "softmax": (_softmax_own, _softmax_slopes)}


def _backward(
    images: jax.Array, captions: jax.Array, scale: jax.Array, bias: jax.Array, rows: Rows, columns: Columns,
    by_image: Rivals, by_caption: Rivals, choices: Choices, axes: tuple[str, ...], devices: int,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:  # fmt: skip
    """The gradients of images, captions, scale and bias, on one device."""
    everywhere = partial(jax.lax.psum, axis_name=axes)
    own, slopes = SLOPES[choices.kind]
    labels, _ = label_block(rows, columns, *choices[1:])
    at_home = pair_scores(images, captions, scale, bias)
    slope, image_pull, caption_pull = own(at_home, labels == 1, by_image, by_caption, everywhere)
    image = _Side(images, rows, by_image.log_total, image_pull)

    def hand_on(slope: jax.Array, captions: jax.Array) -> tuple[jax.Array, ...]:
        by_images = jnp.einsum("ij,je->ie", slope, captions, precision="highest")
        by_captions = jnp.einsum("ij,ie->je", slope, images, precision="highest")
        return scale * by_images, scale * by_captions, (by_images * images).sum(), slope.sum()

    def step(kept: tuple, travelling: tuple) -> tuple:
        caption, gradient = travelling
        scores = pair_scores(images, caption.embeddings, scale, bias)
        labels, weights = label_block(rows, caption.labelled, *choices[1:])
        parts = hand_on(slopes(scores, labels, weights, image, caption), caption.embeddings)
        kept = tuple(a + b for a, b in zip(kept, (parts[0], *parts[2:]), strict=True))
        return kept, (caption, gradient + parts[1])

    by_images, by_captions, by_scale, by_bias = hand_on(slope, captions)
    caption = _Side(captions, columns, by_caption.log_total, caption_pull)
    kept, (_, by_captions) = _travel(step, (by_images, by_scale, by_bias), (caption, by_captions), axes, devices)
    return kept[0], by_captions, everywhere(kept[1]), everywhere(kept[2])


# ---- the loss ----------------------------------------------------------------------------------------------------


def contrastive_loss(
    images: jax.Array, captions: jax.Array, scale: jax.Array, bias: jax.Array, rows: Rows, columns: Columns,
    choices: Choices, mesh: Mesh,
) -> tuple[jax.Array, Metrics]:  # fmt: skip
    """The loss f32 of embeddings f32[I, E] and f32[J, E], split over all axes of the mesh, and metrics.

    scale, bias: f32 scalars, applied to the cosines. The images and the captions of a family lie on one device, and
    `rows.family` and `columns.family` tell families of the whole batch apart. Equals `losses.contrastive_loss`.
    """
    axes, devices = batch_axes(), mesh.size
    split, whole = PartitionSpec(AXES["batch"]), PartitionSpec()
    common = dict(choices=choices, axes=axes, devices=devices)
    inputs = (split, split, whole, whole, split, split)

    def sharded(function: Callable, inputs: tuple, outputs: tuple) -> Callable:
        return jax.shard_map(
            partial(function, **common), mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False
        )

    forward = sharded(_forward, inputs, (whole, whole, split, split))
    backward = sharded(_backward, (*inputs, split, split), (split, split, whole, whole))

    @jax.custom_vjp
    def loss(images, captions, scale, bias, rows, columns):
        return forward(images, captions, scale, bias, rows, columns)[:2]

    def loss_forward(*arguments):
        value, metrics, *met = forward(*arguments)
        return (value, metrics), (arguments, met)

    def loss_backward(kept, cotangents):
        arguments, met = kept
        gradients = backward(*arguments, *met)
        return *(cotangents[0] * gradient for gradient in gradients), None, None

    loss.defvjp(loss_forward, loss_backward)
    value, metrics = loss(images.astype(jnp.float32), captions.astype(jnp.float32), scale, bias, rows, columns)
    return value, jax.lax.stop_gradient(metrics)
