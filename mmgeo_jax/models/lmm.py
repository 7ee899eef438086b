"""The multimodal model: an image tower, a projector, and a decoder that reads image and question and writes the answer.

Dimensions: B rows, T text tokens, K images of a row, P image tokens of an image, S = K * P + T slots, D width of the
decoder, V vocabulary. Images come first in a row, whichever sample they belong to; attention and positions follow
samples (models/gemma.py). So a row holds one sample, or several packed ones.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int32, UInt8
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models import init as init_params
from mmgeo_jax.models.gemma import Decoder, default_decoder_config, positions_of, prefix_mask
from mmgeo_jax.models.transformer import choice, dense
from mmgeo_jax.models.two_tower import default_model_config
from mmgeo_jax.models.vit import ImageTower, patchify

# features taken from the image tower: (number of blocks, as for Transformer; whether the final norm follows)
FEATURES: dict[str, tuple[int | None, bool]] = {"second_last": (-1, False), "last": (None, True)}


def default_lmm_config() -> ConfigDict:
    """Returns every setting of the model, at a small size. PaliGemma is features="last", projector="linear"."""
    return ConfigDict(
        {
            "image": default_model_config().image,  # as in train-clip, whose towers fit; the pool is loaded but unused
            "features": "second_last",  # second_last | last (after all blocks and the final norm)
            "projector": "mlp",  # mlp (two layers, GELU between) | linear
            "decoder": default_decoder_config(),
            "dtype": "float32",  # of the computation; parameters are float32
        }
    )


class Sequence(NamedTuple):
    """The input of the decoder."""

    x: Float[Array, "B S D"]
    positions: Int32[Array, "B S"]
    segments: Int32[Array, "B S"]  # 0 is padding
    prefix: Bool[Array, "B S"]


class Projector(nnx.Module):
    """Projects features by two layers with a GELU between ("mlp"), or by one ("linear")."""

    def __init__(self, kind: str, fan_in: int, width: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        is_mlp = choice({"mlp": True, "linear": False}, kind, "model.projector")
        self.up = dense(fan_in, width, dtype, rngs) if is_mlp else None
        self.out = dense(width if is_mlp else fan_in, width, dtype, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.out(x if self.up is None else nnx.gelu(self.up(x), approximate=False))


class LMM(nnx.Module):
    """`config` is `default_lmm_config`'s. Parameters: image/..., projector/..., decoder/..."""

    def __init__(self, config: ConfigDict, rngs: nnx.Rngs):
        dtype = jnp.dtype(config.dtype)
        self.layers, self.normed = choice(FEATURES, config.features, "model.features")
        image = config.image
        self.size_px, self.patch_px, self.patch_budget = image.size_px, image.patch_px, image.patch_budget or None
        embed = image.width if not image.head else config.decoder.width  # the head is not used
        self.image = ImageTower(image, embed, dtype, rngs)
        self.projector = Projector(config.projector, image.width, config.decoder.width, dtype, rngs)
        self.decoder = Decoder(config.decoder, dtype, rngs)

    def image_tokens(
        self, images: UInt8[Array, "N H W"] | UInt8[Array, "N H W 3"]
    ) -> tuple[Float[Array, "N P D"], Bool[Array, "N P"]]:
        """Computes image tokens, and the mask of those that are not blank paper. P is all patches of the tower's
        square, or image.patch_budget of them: those with most ink, in reading order."""
        patches, positions, mask = patchify(to_square(images, self.size_px), self.patch_px, self.patch_budget)
        if self.patch_budget is None:
            features = self.image.tokens(patches, layers=self.layers)[:, -patches.shape[1] :]  # without a class token
        else:
            features = self.image.tokens(patches, positions, mask, self.layers)[:, -patches.shape[1] :]
            order = jnp.argsort(positions, axis=1)
            features = jnp.take_along_axis(features, order[..., None], axis=1)
            mask = jnp.take_along_axis(mask, order, axis=1)
        return self.projector(self.image.norm(features) if self.normed else features), mask

    def sequence(
        self,
        images: UInt8[Array, "B ..."] | None,
        tokens: Int32[Array, "B T"],
        segments: Int32[Array, "B T"],
        prefix: Bool[Array, "B T"],
        image_segments: Int32[Array, "B K"] | None = None,
    ) -> Sequence:
        """Concatenates image tokens and text. Arguments are those of `__call__`."""
        x = self.decoder.embed(tokens)
        if images is not None:
            rows = len(tokens)
            if image_segments is None:
                image_segments = jnp.ones((rows, 1), jnp.int32)
            flat = images.reshape(-1, *images.shape[images.ndim - (3 if images.shape[-1] == 3 else 2) :])
            if len(flat) != image_segments.size:
                raise UserError(f"{len(flat)} images for {image_segments.size} slots: image_segments is int32[B, K]")
            features, mask = self.image_tokens(flat)
            owners = jnp.where(mask.reshape(*image_segments.shape, -1), image_segments[..., None], 0).reshape(rows, -1)
            x = jnp.concatenate([features.reshape(rows, -1, x.shape[-1]), x], axis=1)
            segments = jnp.concatenate([owners, segments], axis=1)
            prefix = jnp.concatenate([jnp.ones(owners.shape, bool), prefix.astype(bool)], axis=1)
        return Sequence(x, positions_of(segments), segments, prefix.astype(bool))

    def __call__(
        self,
        images: UInt8[Array, "B ..."] | None,
        tokens: Int32[Array, "B T"],
        segments: Int32[Array, "B T"],
        prefix: Bool[Array, "B T"],
        image_segments: Int32[Array, "B K"] | None = None,
    ) -> Float32[Array, "B T V"]:
        """Computes logits at the text tokens: those at t predict token t + 1.

        Args:
          images: [B, H, W] (grey, 255 is paper), [B, H, W, 3], or K per row [B, K, H, W] or [B, K, H, W, 3]; smaller
            ones than the tower's square are centred in it. None: no images.
          segments: the sample of a row that a token belongs to, from 1; 0 is padding.
          prefix: tokens of questions; image and question attend to each other in both directions, the rest is causal.
          image_segments: the sample of each image, 0 for an empty slot. By default K is 1, an image of sample 1.
        """
        inputs = self.sequence(images, tokens, segments, prefix, image_segments)
        mask = prefix_mask(inputs.segments, inputs.positions, inputs.prefix)
        hidden, _ = self.decoder(inputs.x, inputs.positions, mask)
        return self.decoder.logits(hidden[:, -tokens.shape[1] :])


def to_square(images: UInt8[Array, "N H W ..."], size_px: int) -> UInt8[Array, "N size_px size_px ..."]:
    """Centres images in white squares of `size_px`. Raises UserError if they do not fit."""
    height, width = images.shape[1:3]
    if max(height, width) > size_px:
        raise UserError(f"an image of {width} x {height} px is larger than model.image.size_px={size_px}: shrink it")
    pads = [(0, 0)] + [((size_px - size) // 2, (size_px - size + 1) // 2) for size in (height, width)]
    return jnp.pad(images, pads + [(0, 0)] * (images.ndim - 3), constant_values=255)


def answer_loss(
    logits: Float[Array, "B T V"], tokens: Int32[Array, "B T"], loss_mask: Bool[Array, "B T"]
) -> tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]]:
    """Computes the mean cross-entropy of the tokens that `loss_mask` marks.

    Args:
      logits: those at t predict token t + 1.
      loss_mask: answers and their end. The first token of a row is never predicted, and in a packed row the first token
        of a sample must not be marked, since nothing of its own sample comes before it.

    Returns the loss, 0 if nothing is marked, and {"tokens": how many are marked, "accuracy": the share of them that is
    the most likely token}.
    """
    logits, targets = logits[:, :-1].astype(jnp.float32), tokens[:, 1:]
    weights = loss_mask[:, 1:].astype(jnp.float32)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    losses = jax.nn.logsumexp(logits, axis=-1) - chosen
    count = weights.sum()
    hits = (jnp.argmax(logits, axis=-1) == targets) * weights
    share = 1.0 / jnp.maximum(count, 1.0)
    return jnp.sum(losses * weights) * share, {"tokens": count, "accuracy": hits.sum() * share}


init_graph = functools.partial(init_params.init_graph, LMM)
init = functools.partial(init_params.init, LMM)
