"""The loss of a batch and its gradient, exact in micro-batches: GradCache (Gao et al., 2021).

A contrastive loss is no sum over micro-batches, since every image meets every caption: plain gradient accumulation
computes another loss, with fewer negatives. GradCache embeds one micro-batch at a time and keeps only the embeddings;
computes the loss over all of them and its gradient with respect to each; then embeds every micro-batch once more and
backpropagates those gradients to the parameters. Activations are held for one micro-batch at a time.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Float32, Int32, Shaped, UInt8
from ml_collections import ConfigDict

from mmgeo_jax.batch import ClipBatch
from mmgeo_jax.losses import captions, dense, distil, ring
from mmgeo_jax.losses import pairs as pair_losses
from mmgeo_jax.losses.pairs import Loss, flat
from mmgeo_jax.models import freeze
from mmgeo_jax.models.init import Params
from mmgeo_jax.models.two_tower import Seen, TwoTower

Embeddings = tuple[Float32[Array, "I E"], Float32[Array, "J E"]]
# Sums of each image for the losses beside the contrastive one, by name: [I, number of sums].
Sums = dict[str, Float32[Array, "I sums"]]
Outputs = tuple[Float32[Array, "I E"], Float32[Array, "J E"], Sums]
Part = dict[str, jax.Array]  # what `outputs` reads of a batch
Batch = ClipBatch[jax.Array]
Gradients = Callable[[Params, Batch], tuple[Loss, Params]]


def embed(
    graphdef: nnx.GraphDef, params: Params, images: UInt8[Array, "B N H W"], tokens: Int32[Array, "B C L"]
) -> Embeddings:
    """Embeds all images and all captions of a batch."""
    model = nnx.merge(graphdef, params)
    return model.embed_images(flat(images)), model.embed_texts(flat(tokens))


# ---------------------------------------------------------------- losses beside the contrastive one


class Beside(NamedTuple):
    """A loss that is a sum over images.

    weights: what a config gives it, nothing where it is off. reads: what its sums need of a batch. sums: (model, seen
    images, embeddings of captions, part of a batch) -> [I, number of sums]. loss: (config, sums, batch) -> the loss and
    metrics.
    """

    weights: Callable[[ConfigDict], Any]
    reads: tuple[str, ...]
    sums: Callable[[TwoTower, Seen, jax.Array, Part], Float32[Array, "I sums"]]
    loss: Callable[[ConfigDict, Float32[Array, "I sums"], Batch], Loss]


def dense_sums(model: TwoTower, seen: Seen, texts: jax.Array, part: Part) -> Float32[Array, "I sums"]:
    """Sums what patches are taught, by group."""
    known = flat(part["annotated"] & part["image_mask"])
    return dense.sums(model.read_patches(seen), seen.positions, seen.mask, flat(part["patch_targets"]), known)


def caption_sums(model: TwoTower, seen: Seen, texts: jax.Array, part: Part) -> Float32[Array, "I sums"]:
    """Computes the negative log-likelihood of what the decoder is taught of each image."""
    return -model.log_likelihoods(seen, *captions.taught(part))[:, None]


def distil_sums(model: TwoTower, seen: Seen, texts: jax.Array, part: Part) -> Float32[Array, "I sums"]:
    """Computes how far the scores of each image are from the decoder's likelihoods; 0 where nothing is drawn."""
    tokens, rows = distil.pairs(part)
    likelihoods = jax.lax.map(partial(model.log_likelihoods, jax.lax.stop_gradient(seen)), tokens).T
    cosines = jnp.einsum("ie,ike->ik", seen.embeddings, texts[rows], precision="highest")
    found = distil.divergence(likelihoods, jnp.exp(model.logit_scale[...]) * cosines)
    return jnp.where(flat(part["rivals"])[:, 0] >= 0, found, 0.0)[:, None]


BESIDE = {
    "dense": Beside(
        lambda config: dense.weights(config.loss),
        ("patch_targets", "annotated", "image_mask"),
        dense_sums,
        lambda config, sums, batch: dense.loss(sums, batch["patch_targets"], dense.weights(config.loss)),
    ),
    "caption": Beside(
        lambda config: config.loss.get("caption", 0.0),
        captions.READS,
        caption_sums,
        lambda config, sums, batch: captions.loss(
            sums[:, 0], cast(Part, batch), config.model.text.end_id, config.loss.caption
        ),
    ),
    "distil": Beside(
        lambda config: config.loss.get("distil", 0.0),
        distil.READS,
        distil_sums,
        lambda config, sums, batch: distil.loss(sums[:, 0], cast(Part, batch), config.loss.distil),
    ),
}


def beside(config: ConfigDict) -> tuple[str, ...]:
    """Returns the names of the losses of BESIDE that have a weight."""
    return tuple(name for name, row in BESIDE.items() if row.weights(config))


def outputs(names: Sequence[str], graphdef: nnx.GraphDef, params: Params, part: Part) -> Outputs:
    """Computes what the loss needs of a batch or a part of it: embeddings, and the sums of the losses `names`."""
    if not names:
        return *embed(graphdef, params, part["images"], part["tokens"]), {}
    model = nnx.merge(graphdef, params)
    seen = model.read_images(flat(part["images"]))
    texts = model.embed_texts(flat(part["tokens"]))
    return seen.embeddings, texts, {name: BESIDE[name].sums(model, seen, texts, part) for name in names}


def loss_of(config: ConfigDict, mesh: Mesh, params: Params, computed: Outputs, batch: Batch) -> Loss:
    """Computes the loss of a batch from its outputs, and metrics."""
    images, texts, sums = computed
    total, metrics = pair_loss(config, mesh, params, (images, texts), batch)
    if sums:
        metrics["loss_pairs"] = jax.lax.stop_gradient(total)
    for name, each in sums.items():
        more, parts = BESIDE[name].loss(config, each, batch)
        total, metrics = total + more, metrics | parts
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
    # A softmax does not see the bias: its gradient would be rounding, of which Adam makes whole steps.
    bias = params["logit_bias"] if loss.name == "sigmoid" else jax.lax.stop_gradient(params["logit_bias"])
    pairs = *embeddings, jnp.exp(params["logit_scale"]), bias
    if mesh.size > 1:
        return ring.contrastive_loss(*pairs, *metadata, ring.LossSettings(loss.name, loss.mask, *weights), mesh)
    labelled = pair_losses.label_block(*metadata, loss.mask, *weights)
    return pair_losses.contrastive_loss(pair_losses.pair_scores(*pairs), *labelled, loss.name)


def make_gradients(config: ConfigDict, graphdef: nnx.GraphDef, mesh: Mesh) -> Gradients:
    """Returns (params, batch) -> ((loss, metrics), gradients), computed in `train.micro_batches` parts."""
    count, stop_frozen = config.train.micro_batches, partial(freeze.stop_frozen, freeze=config.optim.freeze)
    names = beside(config)
    read = {"images", "tokens", *(field for name in names for field in BESIDE[name].reads)}
    forward = partial(outputs, names, graphdef)

    def part_of(batch: Batch) -> Part:
        return {name: cast(Part, batch)[name] for name in sorted(read & batch.keys())}

    def at_once(params: Params, batch: Batch) -> Loss:
        params = stop_frozen(params)
        return loss_of(config, mesh, params, forward(params, part_of(batch)), batch)

    def in_micro_batches(params: Params, batch: Batch) -> tuple[Loss, Params]:
        inputs = jax.tree.map(partial(split_micro_batches, count=count), part_of(batch))
        families = batch["images"].shape[0]
        cached = jax.lax.map(partial(forward, params), inputs)
        computed = jax.tree.map(lambda x: merge(x, families), cached)

        def loss(params: Params, computed: Outputs) -> Loss:
            return loss_of(config, mesh, stop_frozen(params), computed, batch)

        value, (gradients, cotangents) = jax.value_and_grad(loss, (0, 1), has_aux=True)(params, computed)
        cotangents = jax.tree.map(lambda x: split(x, families, count), cotangents)

        def accumulate(total: Params, part: tuple[Part, Outputs]) -> tuple[Params, None]:
            inputs, cotangent = part
            _, back = jax.vjp(lambda params: forward(stop_frozen(params), inputs), params)
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
