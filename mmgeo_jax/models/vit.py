"""The image tower: patches of a diagram, with their positions in the grid and a mask -> one embedding.

Dimensions: B images, P patches, D width. The tower never needs the whole grid, so blank paper can be dropped before its
first block.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int32, UInt8
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models.transformer import Tower, choice, dense, layer_norm

_stem_init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")

# A patch whose pixels are all less than this below its paper is blank: scans and JPEG leave a faint noise.
INK = 16


def patchify(
    images: UInt8[Array, "B H W"] | UInt8[Array, "B H W 3"], patch_px: int, budget: int | None = None
) -> tuple[Float32[Array, "B P pixels"], Int32[Array, "B P"], Bool[Array, "B P"]]:
    """Cuts images into patches, left to right, then down; returns (patches, positions, mask).

    White becomes 1 and black -1; a position is the flat index in the grid. Without a `budget` every patch is kept. With
    one, the `budget` patches with most ink are (ties go to the earlier one); blank ones come last, and are masked. Ink
    is what is darker than the paper around it.
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
        levels = patches.reshape(batch, rows, columns, patch_px**2, -1).astype(jnp.int32)
        depth = (local_paper(levels.max(3))[..., None, :] - levels).reshape(patches.shape)
        inked = depth.max(-1) >= INK
        ink = depth.sum(-1) + jnp.where(inked, 255 * patches.shape[-1], 0)
        positions = jax.lax.top_k(ink, min(budget, rows * columns))[1]
        patches = jnp.take_along_axis(patches, positions[..., None], axis=1)
        mask = jnp.take_along_axis(inked, positions, axis=1)
    return patches.astype(jnp.float32) / 127.5 - 1.0, positions, mask


def local_paper(lightest: Int32[Array, "B rows columns C"]) -> Int32[Array, "B rows columns C"]:
    """Returns the paper's level for each patch, of the lightest pixel of each: a closing by 3 x 3 patches (Serra 1982),
    which follows shade and grey paper, and passes over patches that drawing fills. White wherever a patch nearby has a
    white pixel all round."""

    def pool(x: jax.Array, start: int, function: Callable[[jax.Array, jax.Array], jax.Array]) -> jax.Array:
        return jax.lax.reduce_window(x, jnp.int32(start), function, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")

    for axis in (1, 2):  # a shade goes on beyond the border
        second = min(1, lightest.shape[axis] - 1)
        ends = [jnp.take(lightest, jnp.array([i, j]), axis) for i, j in ((0, second), (-1, -1 - second))]
        beyond = [jnp.where(abs(jnp.diff(end, axis=axis)) <= INK, -jnp.diff(end, axis=axis), 0) for end in ends]
        first, last = (jnp.take(end, jnp.array([0]), axis) + more for end, more in zip(ends, beyond, strict=True))
        lightest = jnp.concatenate([first, lightest, last], axis)
    return pool(pool(lightest, -255, jax.lax.max), 510, jax.lax.min)[:, 1:-1, 1:-1]


def fold(
    kernel: Float32[Array, "... 3 D"],
    bias: Float32[Array, " D"],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    channels: int,
) -> tuple[Float32[Array, "... channels D"], Float32[Array, " D"]]:
    """Adapts a stem's kernel and bias to pixels from -1 to 1 of `channels` channels, 1 or 3. `mean` and `std`, per
    channel and for pixels from 0 to 1, are the normalisation that the kernel was trained with."""
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

    def __call__(self, patches: Float32[Array, "B P pixels"]) -> Float[Array, "B P D"]:
        """Embeds patches of p * p pixels, grey or in colour."""
        channels = patches.shape[-1] // self.kernel.shape[0] ** 2
        bias = jnp.zeros(self.kernel.shape[-1]) if self.bias is None else self.bias[...]
        kernel, bias = fold(self.kernel[...], bias, self.mean, self.std, channels)
        kernel = kernel.reshape(-1, kernel.shape[-1]).astype(self.dtype)
        return patches.astype(self.dtype) @ kernel + bias.astype(self.dtype)


class ConvStem(nnx.Module):
    """Two 3 x 3 convolutions of stride 2 inside each patch, then a linear layer, so that patches may be dropped."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.dtype, self.mean, self.std = dtype, tuple(config.mean), tuple(config.std)
        self.patch_px, narrow, wide = config.patch_px, config.width // 4, config.width // 2
        side = -(-config.patch_px // 4)
        self.kernel1 = nnx.Param(_stem_init(rngs.params(), (3, 3, 3, narrow), jnp.float32))
        self.bias1 = nnx.Param(jnp.zeros(narrow))
        self.kernel2 = nnx.Param(_stem_init(rngs.params(), (3, 3, narrow, wide), jnp.float32))
        self.bias2 = nnx.Param(jnp.zeros(wide))
        self.out = dense(side * side * wide, config.width, dtype, rngs)

    def __call__(self, patches: Float32[Array, "B P pixels"]) -> Float[Array, "B P D"]:
        """Embeds patches as PatchStem does. Each is padded with white paper, so that its neighbours do not matter."""
        batch, count, size = patches.shape
        channels = size // self.patch_px**2
        x = patches.reshape(batch * count, self.patch_px, self.patch_px, channels)
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
        x = nnx.gelu(self.conv(x, *fold(self.kernel1[...], self.bias1[...], self.mean, self.std, channels)))
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = nnx.gelu(self.conv(x, self.kernel2[...], self.bias2[...]))
        return self.out(x.reshape(batch, count, -1))

    def conv(self, x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        """Convolves with stride 2 by one matrix product, which is faster on a CPU than XLA's convolution."""
        reach = x.shape[1] - 2
        windows = [x[:, dy : dy + reach : 2, dx : dx + reach : 2] for dy in range(3) for dx in range(3)]
        flat = jnp.concatenate(windows, axis=-1).astype(self.dtype)
        return flat @ kernel.reshape(-1, kernel.shape[-1]).astype(self.dtype) + bias.astype(self.dtype)


def kept_patches(config: ConfigDict) -> int:
    """Returns how many patches of an image a tower of these settings computes: all, or its budget."""
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
        self.first_norm = layer_norm(config, dtype) if config.first_norm else None
        super().__init__(config, embed, "image", dtype, rngs)

    def tokens(
        self,
        patches: Float32[Array, "B P pixels"],
        positions: Int32[Array, "B P"] | None = None,
        mask: Bool[Array, "B P"] | None = None,
        layers: int | None = None,
    ) -> Float[Array, "B P D"]:
        """Computes tokens after the first `layers` blocks (-1: all but the last), before the final norm. Arguments are
        as `patchify` returns them; without `positions` the grid is whole and in order, without `mask` all patches
        count. The content of a masked patch affects nothing but its own token."""
        if positions is None and patches.shape[1] != self.patches:
            count = patches.shape[1]
            raise UserError(f"images of {count} patches, but model.image.size_px gives {self.patches}: set it")
        if mask is not None:
            patches = jnp.where(mask[..., None], patches, 0.0)
        x, table = self.stem(patches), self.position[...]
        offset = len(table) - self.patches  # the class token's position comes first
        x += (table[offset:] if positions is None else table[offset + positions]).astype(x.dtype)
        if self.class_token is not None:
            first = (self.class_token[...] + table[0]).astype(x.dtype)
            x = jnp.concatenate([jnp.broadcast_to(first, (len(x), 1, x.shape[-1])), x], axis=1)
            mask = None if mask is None else jnp.pad(mask, ((0, 0), (1, 0)), constant_values=True)
        if self.first_norm is not None:
            x = self.first_norm(x)
        return self.encoder(x, mask, layers=layers)

    def __call__(
        self,
        patches: Float32[Array, "B P pixels"],
        positions: Int32[Array, "B P"] | None = None,
        mask: Bool[Array, "B P"] | None = None,
    ) -> Float[Array, "B E"]:
        """Embeds images; the embeddings are not normalised."""
        return self.embed_and_read(patches, positions, mask)[0]

    def embed_and_read(
        self,
        patches: Float32[Array, "B P pixels"],
        positions: Int32[Array, "B P"] | None = None,
        mask: Bool[Array, "B P"] | None = None,
    ) -> tuple[Float[Array, "B E"], Float[Array, "B P D"]]:
        """Embeds images, and returns their patches' tokens after the final norm, too."""
        normed = self.norm(self.tokens(patches, positions, mask))
        extra = normed.shape[1] - patches.shape[1]
        mask = None if mask is None else jnp.pad(mask, ((0, 0), (extra, 0)), constant_values=True)
        return self.summarise(normed, mask), normed[:, extra:]
