"""The image tower: patches of a diagram, with their places in the grid and a mask, to one embedding.

Letters: B images, P patches, D width. The tower never needs the whole grid, so blank paper can be left out
before its first block.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models.transformer import Tower, choice, dense, layer_norm

_stem_init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")

# A patch with no pixel darker than this is blank paper: scans and JPEG leave a faint noise.
BLANK_ABOVE = 239


def patchify(images: jax.Array, patch_px: int, budget: int | None = None) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Cuts images uint8[B, H, W] (or [B, H, W, 3]) into patches, left to right, then down.

    Returns patches f32[B, P, patch_px**2 (* 3)] with white as 1 and black as -1, positions int32[B, P] (the
    flat index in the grid) and mask bool[B, P]. Without a `budget` every patch is kept. With one, the
    `budget` patches with most ink are (the earlier first among equals), and those of them that are blank
    paper are masked.
    """
    batch, height, width = images.shape[:3]
    if height % patch_px or width % patch_px:
        raise UserError(f"images of {width} x {height} px do not divide into patches of {patch_px} px")
    rows, columns = height // patch_px, width // patch_px
    patches = images.reshape(batch, rows, patch_px, columns, -1).swapaxes(2, 3)
    patches = patches.reshape(batch, rows * columns, -1)
    positions = jnp.broadcast_to(jnp.arange(rows * columns, dtype=jnp.int32), patches.shape[:2])
    mask = jnp.ones(patches.shape[:2], bool)
    if budget is not None:
        ink = (255 - patches.astype(jnp.int32)).sum(-1)
        positions = jax.lax.top_k(ink, min(budget, rows * columns))[1]
        patches = jnp.take_along_axis(patches, positions[..., None], axis=1)
        mask = patches.min(-1) <= BLANK_ABOVE
    return patches.astype(jnp.float32) / 127.5 - 1.0, positions, mask


def fold(
    kernel: jax.Array, bias: jax.Array, mean: tuple[float, ...], std: tuple[float, ...], channels: int
) -> tuple[jax.Array, jax.Array]:
    """Fits a stem's kernel [..., 3, D] and bias [D] to pixels from -1 to 1 of `channels` channels, 1 or 3.

    `mean` and `std`, per channel and for pixels from 0 to 1, are the normalisation that the kernel was
    trained with.
    """
    centre, spread = np.array(mean, np.float32), np.array(std, np.float32)
    # ((x + 1) / 2 - mean) / std = x * scale + shift
    scale, shift = 0.5 / spread, (0.5 - centre) / spread
    bias = bias + jnp.einsum("...cd,c->d", kernel, shift)
    kernel = kernel * scale[:, None]
    return (kernel if channels == 3 else kernel.sum(-2, keepdims=True)), bias


class PatchStem(nnx.Module):
    """The linear stem of a ViT; its kernel is [p, p, 3, D]."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.dtype, self.mean, self.std = dtype, tuple(config.mean), tuple(config.std)
        shape = (config.patch_px, config.patch_px, 3, config.width)
        self.kernel = nnx.Param(_stem_init(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(config.width)) if config.stem_bias else None

    def __call__(self, patches: jax.Array) -> jax.Array:
        """Patches f32[B, P, p*p] (grey) or [B, P, p*p*3] to tokens [B, P, D]."""
        channels = patches.shape[-1] // self.kernel.shape[0] ** 2
        bias = jnp.zeros(self.kernel.shape[-1]) if self.bias is None else self.bias[...]
        kernel, bias = fold(self.kernel[...], bias, self.mean, self.std, channels)
        kernel = kernel.reshape(-1, kernel.shape[-1]).astype(self.dtype)
        return patches.astype(self.dtype) @ kernel + bias.astype(self.dtype)


class ConvStem(nnx.Module):
    """Two 3 x 3 convolutions of stride 2 inside each patch, then a linear layer: patches may still be left
    out."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.dtype, self.mean, self.std = dtype, tuple(config.mean), tuple(config.std)
        self.patch_px, narrow, wide = config.patch_px, config.width // 4, config.width // 2
        side = -(-config.patch_px // 4)
        self.kernel1 = nnx.Param(_stem_init(rngs.params(), (3, 3, 3, narrow), jnp.float32))
        self.bias1 = nnx.Param(jnp.zeros(narrow))
        self.kernel2 = nnx.Param(_stem_init(rngs.params(), (3, 3, narrow, wide), jnp.float32))
        self.bias2 = nnx.Param(jnp.zeros(wide))
        self.out = dense(side * side * wide, config.width, dtype, rngs)

    def __call__(self, patches: jax.Array) -> jax.Array:
        """As PatchStem. A patch is padded with white paper, so that what lies beside it does not matter."""
        batch, count, size = patches.shape
        channels = size // self.patch_px**2
        x = patches.reshape(batch * count, self.patch_px, self.patch_px, channels)
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
        x = nnx.gelu(self.conv(x, *fold(self.kernel1[...], self.bias1[...], self.mean, self.std, channels)))
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = nnx.gelu(self.conv(x, self.kernel2[...], self.bias2[...]))
        return self.out(x.reshape(batch, count, -1))

    def conv(self, x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        """A convolution of stride 2 as one matrix product, which a CPU does faster than XLA's own."""
        reach = x.shape[1] - 2
        windows = [x[:, dy : dy + reach : 2, dx : dx + reach : 2] for dy in range(3) for dx in range(3)]
        flat = jnp.concatenate(windows, axis=-1).astype(self.dtype)
        return flat @ kernel.reshape(-1, kernel.shape[-1]).astype(self.dtype) + bias.astype(self.dtype)


def kept_patches(config: ConfigDict) -> int:
    """How many patches of a picture a tower of these settings computes: all, or its budget."""
    patches = (config.size_px // config.patch_px) ** 2
    return min(patches, config.patch_budget or patches)


STEMS = {"patch": PatchStem, "conv": ConvStem}


class ImageTower(Tower):
    """A ViT with SigLIP's pooling. `config` is the `image` part of `default_model_config`."""

    def __init__(self, config: ConfigDict, embed: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        if config.size_px % config.patch_px:
            raise UserError(f"images of {config.size_px} px do not divide into patches of {config.patch_px} px")
        self.patches = (config.size_px // config.patch_px) ** 2
        self.stem = choice(STEMS, config.stem, "model.image.stem")(config, dtype, rngs)
        init = nnx.initializers.normal(config.width**-0.5)
        places = self.patches + config.class_token
        self.position = nnx.Param(init(rngs.params(), (places, config.width), jnp.float32))
        self.class_token = nnx.Param(init(rngs.params(), (config.width,), jnp.float32)) if config.class_token else None
        self.first_norm = layer_norm(config, dtype, rngs) if config.first_norm else None
        super().__init__(config, embed, "image", dtype, rngs)

    def tokens(
        self,
        patches: jax.Array,
        positions: jax.Array | None = None,
        mask: jax.Array | None = None,
        layers: int | None = None,
    ) -> jax.Array:
        """Tokens [B, P, D] after the first `layers` blocks (-1: all but the last), before the final norm.

        Arguments as `patchify` returns them; no `positions` means the whole grid in order, no `mask` all
        patches. What a masked patch holds changes nothing but its own token.
        """
        if positions is None and patches.shape[1] != self.patches:
            count = patches.shape[1]
            raise UserError(f"images of {count} patches, but model.image.size_px gives {self.patches}: set it")
        if mask is not None:
            patches = jnp.where(mask[..., None], patches, 0.0)
        x, table = self.stem(patches), self.position[...]
        offset = len(table) - self.patches  # the class token's place comes first
        x += (table[offset:] if positions is None else table[offset + positions]).astype(x.dtype)
        if self.class_token is not None:
            first = (self.class_token[...] + table[0]).astype(x.dtype)
            x = jnp.concatenate([jnp.broadcast_to(first, (len(x), 1, x.shape[-1])), x], axis=1)
            mask = None if mask is None else jnp.pad(mask, ((0, 0), (1, 0)), constant_values=True)
        if self.first_norm is not None:
            x = self.first_norm(x)
        return self.encoder(x, mask, layers)

    def __call__(
        self, patches: jax.Array, positions: jax.Array | None = None, mask: jax.Array | None = None
    ) -> jax.Array:
        """The embedding [B, E] of each image, not normalised."""
        tokens = self.tokens(patches, positions, mask)
        extra = tokens.shape[1] - patches.shape[1]
        return self.embed(tokens, None if mask is None else jnp.pad(mask, ((0, 0), (extra, 0)), constant_values=True))
