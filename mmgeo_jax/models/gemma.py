"""The decoder: Gemma 1, 2 and 3 (text), which differ only in settings.

Dimensions: B rows, T tokens that are computed, S slots that they attend to (T without a cache), D width, H query heads,
G key heads (each serves H / G query heads), E size of a head, L layers, V vocabulary. Parameters are float32;
computation is in `dtype`, but norms, rotations, softmax and logits are in float32.

The position of a token is independent of its slot in the array: padding may be anywhere, and rows may be packed.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int32
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from data_gen.shared.errors import UserError
from mmgeo_jax.models.transformer import REMAT, choice, dense

# What later generations add to the first one's settings.
GEMMA2 = {"post_norms": True, "attention_cap": 50.0, "final_cap": 30.0, "window": 4096, "global_every": 2}
GEMMA3 = {"post_norms": True, "qk_norm": True, "window": 1024, "global_every": 6, "rope_base": 1e6}


def _size(vocab_size: int, width: int, depth: int, heads: int, kv_heads: int, hidden: int) -> dict[str, Any]:
    return {"vocab_size": vocab_size, "width": width, "depth": depth, "heads": heads, "kv_heads": kv_heads,
            "hidden": hidden, "head_dim": 256}  # fmt: skip


# Published sizes, and "tiny" ones of about 3 million parameters that a CPU trains.
TINY = _size(512, 192, 6, 6, 2, 768) | {"head_dim": 32}
SIZES: dict[str, dict[str, Any]] = {
    "tiny": TINY,
    "tiny2": GEMMA2 | TINY | {"window": 128},
    "tiny3": GEMMA3 | TINY | {"window": 128},
    "gemma_2b": _size(256000, 2048, 18, 8, 1, 16384),
    "gemma_7b": _size(256000, 3072, 28, 16, 16, 24576),
    "gemma2_2b": GEMMA2 | _size(256000, 2304, 26, 8, 4, 9216),
    "gemma2_9b": GEMMA2 | _size(256000, 3584, 42, 16, 8, 14336),
    "gemma3_1b": GEMMA3 | _size(262144, 1152, 26, 4, 1, 6912) | {"window": 512},
    "gemma3_4b": GEMMA3 | _size(262208, 2560, 34, 8, 4, 10240) | {"rope_scale": 8.0},
}


def default_decoder_config() -> ConfigDict:
    """Returns every setting of a decoder, a small Gemma 1; `decoder_config` has the published sizes."""
    return ConfigDict(
        {
            "vocab_size": 512,
            "width": 128,
            "depth": 4,
            "heads": 4,
            "kv_heads": 1,  # 1: multi-query; as many as heads: multi-head
            "head_dim": 32,
            "hidden": 512,  # of the gated MLP
            "norm_epsilon": 1e-6,
            "query_scalar": placeholder(float),  # queries are divided by its square root; None: head_dim
            "post_norms": False,  # norms after attention and MLP, too
            "qk_norm": False,  # of each head's queries and keys
            "attention_cap": placeholder(float),  # logits go through cap * tanh(x / cap)
            "final_cap": placeholder(float),
            "window": placeholder(int),  # local layers attend to positions nearer than this
            "global_every": 1,  # layers number n, 2n, ... are global, the others local
            "rope_base": 10000.0,  # of global layers
            "rope_scale": 1.0,  # positions in global layers are divided by it
            "local_rope_base": 10000.0,
            "remat": "none",  # none | dots | full: what the backward pass recomputes of a block
            "unroll": 1,  # blocks per step of the scan over layers
        }
    )


def decoder_config(size: str) -> ConfigDict:
    """Returns the settings of a size, a key of SIZES. Raises UserError if there is none."""
    config = default_decoder_config()
    config.update(choice(SIZES, size, "model.decoder"))
    return config


def prefix_mask(
    segments: Int32[Array, "B S"], positions: Int32[Array, "B S"], prefix: Bool[Array, "B S"]
) -> Bool[Array, "B S S"]:
    """Computes which slots (second dimension) attend to which (third).

    Args:
      segments: the sample of a row that a slot belongs to, from 1; 0 is padding, which is never attended to.
      positions: see `positions_of`; a slot attends to those of its sample that do not come later.
      prefix: image and question, which attend to each other in both directions.
    """
    same = (segments[:, :, None] == segments[:, None, :]) & (segments[:, None, :] > 0)
    before = positions[:, :, None] >= positions[:, None, :]
    return same & (before | (prefix[:, :, None] & prefix[:, None, :]))


def positions_of(segments: Int32[Array, "B S"]) -> Int32[Array, "B S"]:
    """Counts the slots of the same sample that come before each one."""
    same = segments[:, :, None] == segments[:, None, :]
    return jnp.sum(jnp.tril(same, -1), axis=-1, dtype=jnp.int32)


def rotate(x: Float[Array, "B T heads E"], angles: Float32[Array, "B T E/2"]) -> Float[Array, "B T heads E"]:
    """Applies rotary embeddings (Su et al., 2021) to the pairs (x[i], x[i + E / 2])."""
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    sin, cos = jnp.sin(angles)[:, :, None], jnp.cos(angles)[:, :, None]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1).astype(x.dtype)


def cap(x: jax.Array, limit: float | None) -> jax.Array:
    """Softly bounds `x` to between -limit and limit."""
    return x if limit is None else limit * jnp.tanh(x / limit)


class Cache(NamedTuple):
    """Keys and values of all layers."""

    keys: Float[Array, "L B S G E"]
    values: Float[Array, "L B S G E"]


class RMSNorm(nnx.Module):
    """Computes x / rms(x) * (1 + scale) over the last axis, in float32."""

    def __init__(self, size: int, epsilon: float):
        self.epsilon = epsilon
        self.scale = nnx.Param(jnp.zeros(size))

    def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... D"]:
        wide = x.astype(jnp.float32)
        wide *= jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + self.epsilon)
        return (wide * (1.0 + self.scale[...])).astype(x.dtype)


class Attention(nnx.Module):
    """Grouped-query attention with rotary positions."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.scale, self.cap = (config.query_scalar or config.head_dim) ** -0.5, config.attention_cap
        self.query = dense(config.width, self.heads * self.head_dim, dtype, rngs, bias=False)
        self.key = dense(config.width, self.kv_heads * self.head_dim, dtype, rngs, bias=False)
        self.value = dense(config.width, self.kv_heads * self.head_dim, dtype, rngs, bias=False)
        self.out = dense(self.heads * self.head_dim, config.width, dtype, rngs, bias=False)
        self.query_norm = RMSNorm(self.head_dim, config.norm_epsilon) if config.qk_norm else None
        self.key_norm = RMSNorm(self.head_dim, config.norm_epsilon) if config.qk_norm else None

    def __call__(
        self,
        x: Float[Array, "B T D"],
        angles: Float32[Array, "B T E/2"],
        mask: Bool[Array, "B T S"],
        cache: Cache | None,
        layer: Int32[Array, ""],
        start: Int32[Array, ""],
    ) -> tuple[Float[Array, "B T D"], Cache | None]:
        """Attends; writes keys and values into the cache's slots from `start` on, if there is a cache."""
        query = self.query(x).reshape(*x.shape[:2], self.heads, self.head_dim)
        key = self.key(x).reshape(*x.shape[:2], self.kv_heads, self.head_dim)
        value = self.value(x).reshape(*x.shape[:2], self.kv_heads, self.head_dim)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        query, key = rotate(query, angles), rotate(key, angles)
        if cache is not None:
            at = (layer, 0, start, 0, 0)
            cache = Cache(
                jax.lax.dynamic_update_slice(cache.keys, key[None], at),
                jax.lax.dynamic_update_slice(cache.values, value[None], at),
            )
            key, value = cache.keys[layer], cache.values[layer]
        return self.out(self.attend(query, key, value, mask).reshape(*x.shape[:2], -1)), cache

    def attend(
        self,
        query: Float[Array, "B T H E"],
        key: Float[Array, "B S G E"],
        value: Float[Array, "B S G E"],
        mask: Bool[Array, "B T S"],
    ) -> Float[Array, "B T H E"]:
        """Attends from queries to the keys that `mask` marks."""
        if self.cap is None:
            return jax.nn.dot_product_attention(query, key, value, mask=mask[:, None], scale=self.scale)
        grouped = query.reshape(*query.shape[:2], self.kv_heads, -1, self.head_dim)
        logits = jnp.einsum("btgre,bsge->bgrts", grouped, key, preferred_element_type=jnp.float32) * self.scale
        logits = jnp.where(mask[:, None, None], cap(logits, self.cap), jnp.finfo(jnp.float32).min)
        weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
        return jnp.einsum("bgrts,bsge->btgre", weights, value).reshape(query.shape)


class GatedMlp(nnx.Module):
    """Computes down(gelu(gate(x)) * up(x))."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.gate = dense(config.width, config.hidden, dtype, rngs, bias=False)
        self.up = dense(config.width, config.hidden, dtype, rngs, bias=False)
        self.down = dense(config.hidden, config.width, dtype, rngs, bias=False)

    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        return self.down(nnx.gelu(self.gate(x), approximate=True) * self.up(x))


class Block(nnx.Module):
    """One layer: x + attention(norm(x)), then x + mlp(norm(x)); with `post_norms` both summands are normed, too."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        def norm(present: bool = True) -> RMSNorm | None:
            return RMSNorm(config.width, config.norm_epsilon) if present else None

        self.attention_norm, self.mlp_norm = norm(), norm()
        self.attention_post_norm, self.mlp_post_norm = norm(config.post_norms), norm(config.post_norms)
        self.attention = Attention(config, dtype, rngs)
        self.mlp = GatedMlp(config, dtype, rngs)

    def __call__(self, x: Float[Array, "B T D"], *context: Any) -> tuple[Float[Array, "B T D"], Cache | None]:
        """Computes a layer and the updated cache; `context` is what attention takes beside `x`."""

        def after(norm: RMSNorm | None, y: jax.Array) -> jax.Array:
            return y if norm is None else norm(y)

        assert self.attention_norm is not None and self.mlp_norm is not None
        added, cache = self.attention(self.attention_norm(x), *context)
        x = x + after(self.attention_post_norm, added)
        return x + after(self.mlp_post_norm, self.mlp(self.mlp_norm(x))), cache


class Decoder(nnx.Module):
    """A token table, `depth` blocks run as one `jax.lax.scan`, a final norm, and logits by the token table."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        check(config)

        @nnx.split_rngs(splits=config.depth)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def stack(rngs: nnx.Rngs) -> Block:
            return Block(config, dtype, rngs)

        self.dtype, self.window, self.final_cap = dtype, config.window, config.final_cap
        self.unroll, self.remat = min(config.unroll, config.depth), choice(REMAT, config.remat, "model.decoder.remat")
        self.local = tuple(number % config.global_every != 0 for number in range(1, config.depth + 1))
        self.head_dim, self.rope_base, self.rope_scale = config.head_dim, config.rope_base, config.rope_scale
        self.local_rope_base, self.kv_heads = config.local_rope_base, config.kv_heads
        init = nnx.initializers.normal(config.width**-0.5)
        self.token = nnx.Param(init(rngs.params(), (config.vocab_size, config.width), jnp.float32))
        self.blocks = stack(rngs)
        self.norm = RMSNorm(config.width, config.norm_epsilon)

    def empty_cache(self, rows: int, slots: int) -> Cache:
        """Returns a cache of zeros for so many rows and slots, in `dtype`."""
        shape = (len(self.local), rows, slots, self.kv_heads, self.head_dim)
        return Cache(jnp.zeros(shape, self.dtype), jnp.zeros(shape, self.dtype))

    def embed(self, tokens: Int32[Array, "B T"]) -> Float[Array, "B T D"]:
        """Embeds tokens, scaled by the square root of D rounded to `dtype`."""
        scale = jnp.asarray(self.token.shape[1] ** 0.5, self.dtype)
        return self.token[...][tokens].astype(self.dtype) * scale

    def logits(self, hidden: Float[Array, "... D"]) -> Float32[Array, "... V"]:
        """Computes logits from the output of `__call__`."""
        table = self.token[...].astype(self.dtype)
        logits = jnp.einsum("...d,vd->...v", hidden, table, preferred_element_type=jnp.float32)
        return cap(logits, self.final_cap)

    def angles(self, positions: Int32[Array, "B T"]) -> tuple[Float32[Array, "B T E/2"], Float32[Array, "B T E/2"]]:
        """Computes the rotations of positions in global and in local layers."""
        power = np.arange(0, self.head_dim, 2) / self.head_dim
        wide = self.rope_base**-power / self.rope_scale
        near = self.local_rope_base**-power
        place = positions[..., None].astype(jnp.float32)
        return place * wide.astype(np.float32), place * near.astype(np.float32)

    def __call__(
        self,
        x: Float[Array, "B T D"],
        positions: Int32[Array, "B T"],
        mask: Bool[Array, "B T S"],
        cache: Cache | None = None,
        start: jax.Array | int = 0,
        key_positions: Int32[Array, "B S"] | None = None,
    ) -> tuple[Float[Array, "B T D"], Cache | None]:
        """Computes the output of the final norm, and the updated cache if there is one.

        Args:
          x: from `embed`, or image tokens.
          mask: see `prefix_mask`.
          cache: of S slots; those from `start` on take these tokens' keys and values. None: S = T.
          key_positions: positions of the cache's slots, those of these tokens included; None: `positions`.
        """
        key_positions = positions if key_positions is None else key_positions
        far, near = self.angles(positions)
        close = mask
        if self.window is not None:
            close = mask & (jnp.abs(positions[:, :, None] - key_positions[:, None, :]) < self.window)
        graphdef, params = nnx.split(self.blocks)
        place = jnp.asarray(start, jnp.int32)

        def layer(carry: tuple[jax.Array, Cache | None], part: Any) -> tuple[tuple[jax.Array, Cache | None], None]:
            params, local, number = part
            block, seen, angles = nnx.merge(graphdef, params), mask, far
            if any(self.local):
                seen, angles = jnp.where(local, close, mask), jnp.where(local, near, far)
            return block(carry[0], angles, seen, carry[1], number, place), None

        parts = params, jnp.array(self.local), jnp.arange(len(self.local))
        (x, cache), _ = jax.lax.scan(self.remat(layer), (x.astype(self.dtype), cache), parts, unroll=self.unroll)
        return self.norm(x), cache


def check(config: ConfigDict) -> None:
    """Raises UserError if the settings of a decoder contradict each other."""
    if config.heads % config.kv_heads:
        raise UserError(
            f"model.decoder.heads={config.heads} does not divide among kv_heads={config.kv_heads}: change one"
        )
    if config.head_dim % 2:
        raise UserError(f"model.decoder.head_dim={config.head_dim} is odd, but rotary positions need pairs")
    if config.global_every < 1 or (config.global_every > 1 and config.window is None):
        raise UserError(
            f"model.decoder.global_every={config.global_every} and window={config.window}: "
            "the first is 1 or more, and where it is more, local layers need a window"
        )
