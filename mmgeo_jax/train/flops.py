"""Counts the model FLOPs of a training step, and lists the peak FLOPs of chips: the two sides of MFU.

Model FLOPs are counted as in the papers: the matrix products of the forward pass, two for a multiplication and an
addition, times three for training, because the backward pass has two products for each. Recomputation, norms, softmaxes
and embeddings do not count. Frozen parts need fewer products (`passes`); LoRA's own are too few to matter.
"""

import re
from collections.abc import Sequence

from ml_collections import ConfigDict

from mmgeo_jax.models.vit import kept_patches

TRAINING = 3  # forward, and backward with respect to inputs and to weights
# Dense bf16 FLOPs per second of one chip, from data sheets; the first pattern found in the device's name counts.
PEAKS: tuple[tuple[str, float], ...] = (
    (r"H100 PCIe", 756e12),
    (r"H100|H200|GH200", 989e12),
    (r"B200|B100", 2250e12),
    (r"A100", 312e12),
    (r"A10G?\b", 125e12),
    (r"L40S", 362e12),
    (r"L4\b", 121e12),
    (r"V100", 125e12),  # fp16
    (r"T4\b", 65e12),  # fp16
    (r"RTX 4090", 165e12),
    (r"TPU v6 lite|TPU v6e", 918e12),
    (r"TPU v5 lite|TPU v5e", 197e12),
    (r"TPU v5p?\b", 459e12),
    (r"TPU v4", 275e12),
    (r"TPU v3", 61.5e12),  # of one core, which JAX calls a device
    (r"TPU v2", 23e12),
)


def peak(device_kind: str) -> float | None:
    """Returns the peak FLOPs per second of a `jax.Device.device_kind`, or None if the table does not know it."""
    return next((flops for pattern, flops in PEAKS if re.search(pattern, device_kind)), None)


def blocks(tower: ConfigDict, tokens: int) -> int:
    """Returns the forward FLOPs of a tower's blocks over one sequence of `tokens`."""
    width, hidden = tower.width, round(tower.width * tower.mlp_ratio)
    products = 4 * width * width + 2 * width * hidden  # query, key, value, out; up, down
    attention = 2 * tokens * width  # scores, and their mix of values
    return 2 * tower.depth * tokens * (products + attention)


def image(model: ConfigDict) -> int:
    """Returns the forward FLOPs of one image."""
    tower = model.image
    kept = kept_patches(tower)
    pixels = tower.patch_px**2  # grey
    return 2 * kept * pixels * tower.width + blocks(tower, kept + tower.class_token) + pool(tower, kept, model.embed)


def text(model: ConfigDict) -> int:
    """Returns the forward FLOPs of one caption, padded to its length."""
    return blocks(model.text, model.text.length) + pool(model.text, model.text.length, model.embed)


def caption(model: ConfigDict) -> int:
    """Returns the forward FLOPs of the caption decoder over one caption; 0 where there is none."""
    config = model.captioner
    if not config.depth:
        return 0
    length, kept, width = model.text.length, kept_patches(model.image), config.width
    per_patch = 2 * width * (model.image.width + 2 * config.depth * width)  # their layer; keys and values
    across = 4 * config.depth * length * width * (width + kept)  # query and out; scores, and their mix of values
    return blocks(config, length) + kept * per_patch + across + 2 * length * width * model.text.vocab_size


def pool(tower: ConfigDict, tokens: int, embed: int) -> int:
    """Returns the forward FLOPs of pool and head."""
    head = 2 * tower.width * embed if tower.head else 0
    if tower.pool != "map":
        return head
    width, hidden = tower.width, round(tower.width * tower.mlp_ratio)
    # Keys and values of all tokens, query and out of the probe alone.
    return head + 4 * tokens * width * width + 4 * width * width + 4 * tokens * width + 4 * width * hidden


def decoder(config: ConfigDict, positions: int, with_logits: int) -> int:
    """Returns the forward FLOPs of a decoder over one row of so many positions, `with_logits` of which get logits."""
    heads, kv_heads = config.heads * config.head_dim, config.kv_heads * config.head_dim
    products = config.width * (2 * heads + 2 * kv_heads + 3 * config.hidden)  # query, out; key, value; gate, up, down
    attention = 2 * positions * heads
    return 2 * config.depth * positions * (products + attention) + 2 * with_logits * config.width * config.vocab_size


def projector(model: ConfigDict, tokens: int) -> int:
    """Returns the forward FLOPs of the projector over so many image tokens."""
    width = model.decoder.width
    return 2 * tokens * width * (model.image.width + (width if model.projector == "mlp" else 0))


def passes(freeze: str, part: str, upstream: Sequence[str] = ()) -> int:
    """Returns how many times training computes the products of a part. Once forward; once for the gradient of its
    inputs, if it or a part `upstream` of it is trained; and once for the gradient of its weights, if it is trained
    itself."""
    trains = [not (freeze and re.fullmatch(freeze, f"{each}/blocks/mlp/up/kernel")) for each in (part, *upstream)]
    return 1 + any(trains) + trains[0]


def train_step(model: ConfigDict, images: int, captions: int, freeze: str = "") -> int:
    """Returns the model FLOPs of a step of two towers, the scores of all pairs of images and captions included."""
    towers = passes(freeze, "image") * images * image(model) + passes(freeze, "text") * captions * text(model)
    towers += passes(freeze, "captioner", ("image",)) * images * caption(model)
    return towers + TRAINING * 2 * images * captions * model.embed


def lmm_step(model: ConfigDict, rows: int, images: int, length: int, freeze: str = "") -> int:
    """Returns the model FLOPs of a step of a multimodal model over rows of so many images and text tokens each."""
    tower = model.image
    seen = kept_patches(tower)
    one = 2 * seen * tower.patch_px**2 * tower.width + blocks(tower, seen + tower.class_token)
    row = passes(freeze, "image") * images * one
    row += passes(freeze, "projector", ("image",)) * images * projector(model, seen)
    row += passes(freeze, "decoder", ("image", "projector")) * decoder(model.decoder, images * seen + length, length)
    return rows * row


def mfu(flops: float, seconds: float, devices: int, device_kind: str) -> dict[str, float]:
    """Returns {"tflops_per_s": of all devices, "mfu": the share of their peak, if that is known}."""
    rates, limit = {"tflops_per_s": flops / seconds / 1e12}, peak(device_kind)
    return rates | ({"mfu": flops / seconds / (limit * devices)} if limit else {})
