"""The multimodal model: an image tower's features, a projector, and a decoder that reads image and question and writes
the answer.

Letters: B rows, T text tokens, K images of a row, P image tokens of an image, S = K * P + T places, D width of the
decoder, V vocabulary. Image places come first in a row, whatever sample they belong to; what sees what, and where it
stands, goes by sample and position (models/gemma.py). So a row holds one sample, or several packed ones.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models import init as init_params
from mmgeo_jax.models.gemma import Decoder, default_decoder_config, positions_of, prefix_mask
from mmgeo_jax.models.transformer import choice, dense
from mmgeo_jax.models.two_tower import default_model_config
from mmgeo_jax.models.vit import ImageTower, patchify

# What is taken from the image tower: (number of blocks, as Transformer has it; whether the final norm follows).
FEATURES: dict[str, tuple[int | None, bool]] = {"second_last": (-1, False), "last": (None, True)}


def default_lmm_config() -> ConfigDict:
    """Every setting of the model, small. PaliGemma is features="last", projector="linear"."""
    return ConfigDict(
        {
            "image": default_model_config().image,  # a tower of train-clip fits, its pool too, though it is not used
            "features": "second_last",  # second_last | last (after all blocks and the final norm)
            "projector": "mlp",  # mlp (two layers, GELU between) | linear
            "decoder": default_decoder_config(),
            "dtype": "float32",  # of the computation; parameters are float32
        }
    )


class Sequence(NamedTuple):
    """What the decoder reads, S places a row."""

    x: jax.Array  # [B, S, D]
    positions: jax.Array  # int32[B, S]
    segments: jax.Array  # int32[B, S], 0 is padding
    prefix: jax.Array  # bool[B, S]


class MlpProjector(nnx.Module):
    """Two layers with a GELU between, [..., from] to [..., D]."""

    def __init__(self, fan_in: int, width: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.up = dense(fan_in, width, dtype, rngs)
        self.out = dense(width, width, dtype, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.out(nnx.gelu(self.up(x), approximate=False))


class LinearProjector(nnx.Module):
    """One layer, [..., from] to [..., D]."""

    def __init__(self, fan_in: int, width: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.out = dense(fan_in, width, dtype, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.out(x)


PROJECTORS = {"mlp": MlpProjector, "linear": LinearProjector}


class LMM(nnx.Module):
    """`config` is `default_lmm_config`'s. Parameters: image/..., projector/..., decoder/..."""

    def __init__(self, config: ConfigDict, rngs: nnx.Rngs):
        dtype = jnp.dtype(config.dtype)
        self.layers, self.normed = choice(FEATURES, config.features, "model.features")
        image = config.image
        self.size_px, self.patch_px, self.patch_budget = image.size_px, image.patch_px, image.patch_budget or None
        embed = image.width if not image.head else config.decoder.width  # the head is not used
        self.image = ImageTower(image, embed, dtype, rngs)
        projector = choice(PROJECTORS, config.projector, "model.projector")
        self.projector = projector(image.width, config.decoder.width, dtype, rngs)
        self.decoder = Decoder(config.decoder, dtype, rngs)

    def image_tokens(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Images uint8[N, H, W] or [N, H, W, 3] to tokens [N, P, D] and the mask bool[N, P] of those that count.

        P is all patches of the tower's square, or image.patch_budget: those with most ink, in reading order.
        """
        patches, positions, mask = patchify(to_square(images, self.size_px), self.patch_px, self.patch_budget)
        if self.patch_budget is None:
            features = self.image.tokens(patches, layers=self.layers)
        else:
            order = jnp.argsort(positions, axis=1)
            patches = jnp.take_along_axis(patches, order[..., None], axis=1)
            positions, mask = (jnp.take_along_axis(each, order, axis=1) for each in (positions, mask))
            features = self.image.tokens(patches, positions, mask, self.layers)
        features = features[:, -patches.shape[1] :]  # without a class token
        return self.projector(self.image.norm(features) if self.normed else features), mask

    def sequence(
        self,
        images: jax.Array | None,
        tokens: jax.Array,
        segments: jax.Array,
        prefix: jax.Array,
        image_segments: jax.Array | None = None,
    ) -> Sequence:
        """Image tokens, then text. Arguments as `__call__` has them."""
        x = self.decoder.embed(tokens)
        if images is not None:
            rows = len(tokens)
            if image_segments is None:
                image_segments = jnp.ones((rows, 1), jnp.int32)
            flat = images.reshape(-1, *images.shape[images.ndim - (3 if images.shape[-1] == 3 else 2) :])
            if len(flat) != image_segments.size:
                raise UserError(f"{len(flat)} images for {image_segments.size} places: image_segments is int32[B, K]")
            seen, mask = self.image_tokens(flat)
            whose = jnp.where(mask.reshape(*image_segments.shape, -1), image_segments[..., None], 0).reshape(rows, -1)
            x = jnp.concatenate([seen.reshape(rows, -1, x.shape[-1]), x], axis=1)
            segments = jnp.concatenate([whose, segments], axis=1)
            prefix = jnp.concatenate([jnp.ones(whose.shape, bool), prefix.astype(bool)], axis=1)
        return Sequence(x, positions_of(segments), segments, prefix.astype(bool))

    def __call__(
        self,
        images: jax.Array | None,
        tokens: jax.Array,
        segments: jax.Array,
        prefix: jax.Array,
        image_segments: jax.Array | None = None,
    ) -> jax.Array:
        """Logits f32[B, T, V] of the text places: those at t are of token t + 1.

        Args:
          images: uint8[B, H, W] (grey, 255 is paper), [B, H, W, 3], or K a row [B, K, H, W] or [B, K, H, W, 3]; smaller
            ones than the tower's square are put into its middle. None: no pictures.
          tokens: int32[B, T].
          segments: int32[B, T], the sample of a row that a token belongs to, from 1; 0 is padding.
          prefix: bool[B, T], the question, which image and question see fully; the rest is causal.
          image_segments: int32[B, K], the sample of each image; 0: none there. Without it, K is 1 and it is sample 1's.
        """
        read = self.sequence(images, tokens, segments, prefix, image_segments)
        mask = prefix_mask(read.segments, read.positions, read.prefix)
        hidden, _ = self.decoder(read.x, read.positions, mask)
        return self.decoder.logits(hidden[:, -tokens.shape[1] :])


def to_square(images: jax.Array, size_px: int) -> jax.Array:
    """Images [N, H, W, ...] in the middle of white squares of `size_px`. Raises UserError where they do not fit."""
    height, width = images.shape[1:3]
    if max(height, width) > size_px:
        raise UserError(f"an image of {width} x {height} px is larger than model.image.size_px={size_px}: shrink it")
    pads = [(0, 0)] + [((size_px - size) // 2, (size_px - size + 1) // 2) for size in (height, width)]
    return jnp.pad(images, pads + [(0, 0)] * (images.ndim - 3), constant_values=255)


def answer_loss(logits: jax.Array, tokens: jax.Array, loss_mask: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Mean cross-entropy of the tokens that `loss_mask` names, each told from what comes before it.

    Args:
      logits: f32[B, T, V], those at t are of token t + 1.
      tokens: int32[B, T].
      loss_mask: bool[B, T]: answers and their end. A sample's first token is never told, since there is no question
        before it; in a packed row it must not be named.

    Returns the loss, f32[], 0 where nothing is named, and {"tokens": how many count, "accuracy": the share of them that
    is most likely}, f32[] each.
    """
    logits, targets = logits[:, :-1].astype(jnp.float32), tokens[:, 1:]
    weights = loss_mask[:, 1:].astype(jnp.float32)
    told = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    losses = jax.nn.logsumexp(logits, axis=-1) - told
    count = weights.sum()
    hits = (jnp.argmax(logits, axis=-1) == targets) * weights
    share = 1.0 / jnp.maximum(count, 1.0)
    return jnp.sum(losses * weights) * share, {"tokens": count, "accuracy": hits.sum() * share}


init_graph = functools.partial(init_params.init_graph, LMM)
init = functools.partial(init_params.init, LMM)
