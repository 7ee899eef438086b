"""The loss of a batch and its gradient, exact in micro-batches: GradCache (Gao et al., 2021).

A contrastive loss is no sum over micro-batches, since every image meets every caption: plain gradient accumulation
computes another loss, with fewer negatives. GradCache embeds one micro-batch at a time and keeps only the embeddings;
computes the loss over all of them and its gradient with respect to each; then embeds every micro-batch once more and
backpropagates those gradients to the parameters. Activations are held for one micro-batch at a time.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Float32, Int32, Shaped, UInt8
from ml_collections import ConfigDict

from mmgeo_jax.batch import ClipBatch
from mmgeo_jax.losses import dense as dense_loss
from mmgeo_jax.losses import pairs as pair_losses
from mmgeo_jax.losses import ring
from mmgeo_jax.losses.pairs import Loss, flat
from mmgeo_jax.models import freeze
from mmgeo_jax.models.init import Params

# Of images, of captions, and of images the sums of the dense loss (`losses/dense.py`), where it has a weight.
Embeddings = tuple[Float32[Array, "I E"], Float32[Array, "J E"]]
Outputs = tuple[Float32[Array, "I E"], Float32[Array, "J E"], Float32[Array, "I groups"]]
Part = dict[str, jax.Array]  # what `outputs` reads of a batch
Batch = ClipBatch[jax.Array]
DENSE = ("patch_targets", "annotated", "image_mask")  # what the dense loss reads of a batch
Gradients = Callable[[Params, Batch], tuple[Loss, Params]]


def embed(
    graphdef: nnx.GraphDef, params: Params, images: UInt8[Array, "B N H W"], tokens: Int32[Array, "B C L"]
) -> Embeddings:
    """Embeds all images and all captions of a batch."""
    model = nnx.merge(graphdef, params)
    return model.embed_images(flat(images)), model.embed_texts(flat(tokens))


def outputs(graphdef: nnx.GraphDef, params: Params, part: Part) -> Outputs:
    """Computes what the loss needs of a batch or a part of it: embeddings, and sums of patches where it has targets."""
    if "patch_targets" not in part:
        embedded = embed(graphdef, params, part["images"], part["tokens"])
        return *embedded, jnp.zeros((len(embedded[0]), 0), jnp.float32)
    model = nnx.merge(graphdef, params)
    images, logits, *kept = model.read_images(flat(part["images"]))
    known = flat(part["annotated"] & part["image_mask"])
    sums = dense_loss.sums(logits, kept[0], kept[1], flat(part["patch_targets"]), known)
    return images, model.embed_texts(flat(part["tokens"])), sums


def loss_of(config: ConfigDict, mesh: Mesh, params: Params, computed: Outputs, batch: Batch) -> Loss:
    """Computes the loss of a batch from its outputs, and metrics."""
    *embeddings, sums = computed
    total, metrics = pair_loss(config, mesh, params, (embeddings[0], embeddings[1]), batch)
    if weights := dense_loss.weights(config.loss):
        more, parts = dense_loss.loss(sums, batch["patch_targets"], weights)
        total, metrics = total + more, metrics | {"loss_pairs": jax.lax.stop_gradient(total)} | parts
    return total, metrics


def pair_loss(config: ConfigDict, mesh: Mesh, params: Params, embeddings: Embeddings, batch: Batch) -> Loss:
    """Computes the contrastive loss of embeddings, and metrics: over the whole matrix on one device, round the ring on
    several."""
    loss = config.loss
    # Anchors alone have no hard negatives, which in-batch negatives could outweigh.
    weights = loss.hard_negative_weight, loss.in_batch_weight if batch["truth"].shape[1] > 1 else 1.0
    # Families are identified by their place in the batch, not by `family`: one may occur twice at the end of an epoch,
    # and then the signatures of its copies say which pairs across them may be true.
    masks = batch["image_mask"], batch["caption_mask"]
    signatures = batch["image_signatures"], batch["caption_signatures"]
    metadata = pair_losses.pair_metadata(batch["truth"], *masks, *signatures)
    pairs = *embeddings, jnp.exp(params["logit_scale"]), params["logit_bias"]
    if mesh.size > 1:
        return ring.contrastive_loss(*pairs, *metadata, ring.LossSettings(loss.name, loss.mask, *weights), mesh)
    labelled = pair_losses.label_block(*metadata, loss.mask, *weights)
    return pair_losses.contrastive_loss(pair_losses.pair_scores(*pairs), *labelled, loss.name)


def make_gradients(config: ConfigDict, graphdef: nnx.GraphDef, mesh: Mesh) -> Gradients:
    """Returns (params, batch) -> ((loss, metrics), gradients), computed in `train.micro_batches` parts."""
    count, stop_frozen = config.train.micro_batches, partial(freeze.stop_frozen, freeze=config.optim.freeze)
    names = ("images", "tokens", *(DENSE if dense_loss.weights(config.loss) else ()))

    def part_of(batch: Batch) -> Part:
        return {name: cast(Part, batch)[name] for name in names}

    def at_once(params: Params, batch: Batch) -> Loss:
        params = stop_frozen(params)
        return loss_of(config, mesh, params, outputs(graphdef, params, part_of(batch)), batch)

    def in_micro_batches(params: Params, batch: Batch) -> tuple[Loss, Params]:
        inputs = jax.tree.map(partial(split_micro_batches, count=count), part_of(batch))
        families = batch["images"].shape[0]
        cached = jax.lax.map(lambda part: outputs(graphdef, params, part), inputs)
        computed = jax.tree.map(lambda x: merge(x, families), cached)

        def loss(params: Params, computed: Outputs) -> Loss:
            return loss_of(config, mesh, stop_frozen(params), computed, batch)

        value, (gradients, cotangents) = jax.value_and_grad(loss, (0, 1), has_aux=True)(params, computed)
        cotangents = jax.tree.map(lambda x: split(x, families, count), cotangents)

        def accumulate(total: Params, part: tuple[Part, Outputs]) -> tuple[Params, None]:
            inputs, cotangent = part
            _, back = jax.vjp(lambda params: outputs(graphdef, stop_frozen(params), inputs), params)
            return jax.tree.map(jnp.add, total, back(cotangent)[0]), None

        return value, jax.lax.scan(accumulate, gradients, (inputs, cotangents))[0]

    return jax.value_and_grad(at_once, has_aux=True) if count == 1 else in_micro_batches


def split_micro_batches(x: Shaped[Array, "B ..."], count: int) -> Shaped[Array, "count B/count ..."]:
    """Splits a batch so that micro-batch k holds families k, k + count, ...: each device then has its share of it."""
    return x.reshape(len(x) // count, count, *x.shape[1:]).swapaxes(0, 1)


def merge(parts: Float[Array, "count I/count E"], families: int) -> Float[Array, "I E"]:
    """Merges the embeddings of micro-batches into the order of the batch."""
    count, size, width = parts.shape
    members = count * size // families
    return parts.reshape(count, size // members, members, width).swapaxes(0, 1).reshape(count * size, width)


def split(x: Float[Array, "I E"], families: int, count: int) -> Float[Array, "count I/count E"]:
    """Inverts `merge`."""
    by_family = x.reshape(families, len(x) // families, x.shape[-1])
    return split_micro_batches(by_family, count).reshape(count, len(x) // count, x.shape[-1])
