"""The decoder: Gemma 1, 2 and 3 (text), told apart by settings alone.

Letters: B rows, T tokens that are computed, S places that they look at (T without a cache), D width, H query heads, G
key heads (each serves H / G query heads), E size of a head, L layers, V vocabulary. Parameters are float32; `dtype` is
what is computed in; norms, rotations, softmax and logits are float32.

Where a token stands is its position, not its place in the array: padding may be anywhere, and rows may be packed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from data_gen.shared.errors import UserError
from mmgeo_jax.models.transformer import REMAT, choice, dense

# What the generations have beside the first one's settings.
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
    """Every setting of a decoder, small, Gemma 1's kind; `decoder_config` gives the published sizes."""
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
            "query_scalar": placeholder(float),  # queries are divided by its square root; none: head_dim
            "post_norms": False,  # a norm behind attention and MLP too
            "qk_norm": False,  # of each head's queries and keys
            "attention_cap": placeholder(float),  # logits go through cap * tanh(x / cap)
            "final_cap": placeholder(float),
            "window": placeholder(int),  # local layers see positions nearer than this
            "global_every": 1,  # layers number n, 2n, ... are global, the others local
            "rope_base": 10000.0,  # of global layers
            "rope_scale": 1.0,  # positions in global layers are divided by it
            "local_rope_base": 10000.0,
            "remat": "none",  # none | dots | full: what the backward pass recomputes of a block
            "unroll": 1,  # blocks per step of the scan over layers
        }
    )


def decoder_config(size: str) -> ConfigDict:
    """The settings of a row of SIZES. Raises UserError where there is none."""
    config = default_decoder_config()
    config.update(choice(SIZES, size, "model.decoder"))
    return config


def prefix_mask(segments: jax.Array, positions: jax.Array, prefix: jax.Array) -> jax.Array:
    """Which places see which, bool[B, S, S] (looking, seen).

    Args:
      segments: int32[B, S], the sample of a row that a place belongs to, from 1; 0 is padding, which nobody sees.
      positions: int32[B, S], see `positions_of`: a place sees those of its sample that are not behind it.
      prefix: bool[B, S]: image and question, which see each other fully.
    """
    same = (segments[:, :, None] == segments[:, None, :]) & (segments[:, None, :] > 0)
    before = positions[:, :, None] >= positions[:, None, :]
    return same & (before | (prefix[:, :, None] & prefix[:, None, :]))


def positions_of(segments: jax.Array) -> jax.Array:
    """int32[B, S]: how many places of the same sample come before each one. segments: int32[B, S]."""
    same = segments[:, :, None] == segments[:, None, :]
    return jnp.sum(jnp.tril(same, -1), axis=-1, dtype=jnp.int32)


def rotate(x: jax.Array, angles: jax.Array) -> jax.Array:
    """Rotary embedding of x [B, T, heads, E] by angles f32[B, T, E / 2]; a pair is (x[i], x[i + E / 2])."""
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    sin, cos = jnp.sin(angles)[:, :, None], jnp.cos(angles)[:, :, None]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1).astype(x.dtype)


def cap(x: jax.Array, limit: float | None) -> jax.Array:
    """`x`, softly kept between -limit and limit."""
    return x if limit is None else limit * jnp.tanh(x / limit)


class Cache(NamedTuple):
    """Keys and values of all layers, [L, B, S, G, E] each."""

    keys: jax.Array
    values: jax.Array


class RMSNorm(nnx.Module):
    """x / rms(x) * (1 + scale) over the last axis, in float32."""

    def __init__(self, size: int, epsilon: float):
        self.epsilon = epsilon
        self.scale = nnx.Param(jnp.zeros(size))

    def __call__(self, x: jax.Array) -> jax.Array:
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
        self, x: jax.Array, angles: jax.Array, mask: jax.Array, cache: Cache | None, layer: jax.Array, start: jax.Array
    ) -> tuple[jax.Array, Cache | None]:
        """[B, T, D] to [B, T, D]; keys and values go into the cache's places from `start` on, if there is one."""
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

    def attend(self, query: jax.Array, key: jax.Array, value: jax.Array, mask: jax.Array) -> jax.Array:
        """Queries [B, T, H, E] to keys and values [B, S, G, E] under a mask bool[B, T, S], to [B, T, H, E]."""
        if self.cap is None:
            return jax.nn.dot_product_attention(query, key, value, mask=mask[:, None], scale=self.scale)
        grouped = query.reshape(*query.shape[:2], self.kv_heads, -1, self.head_dim)
        logits = jnp.einsum("btgre,bsge->bgrts", grouped, key, preferred_element_type=jnp.float32) * self.scale
        logits = jnp.where(mask[:, None, None], cap(logits, self.cap), jnp.finfo(jnp.float32).min)
        weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
        return jnp.einsum("bgrts,bsge->btgre", weights, value).reshape(query.shape)


class GatedMlp(nnx.Module):
    """down(gelu(gate(x)) * up(x))."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.gate = dense(config.width, config.hidden, dtype, rngs, bias=False)
        self.up = dense(config.width, config.hidden, dtype, rngs, bias=False)
        self.down = dense(config.hidden, config.width, dtype, rngs, bias=False)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.down(nnx.gelu(self.gate(x), approximate=True) * self.up(x))


class Block(nnx.Module):
    """One layer: x + attention(norm(x)), then x + mlp(norm(x)); with `post_norms`, what is added is normed too."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        def norm(wanted: bool = True) -> RMSNorm | None:
            return RMSNorm(config.width, config.norm_epsilon) if wanted else None

        self.attention_norm, self.mlp_norm = norm(), norm()
        self.attention_post_norm, self.mlp_post_norm = norm(config.post_norms), norm(config.post_norms)
        self.attention = Attention(config, dtype, rngs)
        self.mlp = GatedMlp(config, dtype, rngs)

    def __call__(self, x: jax.Array, *where: Any) -> tuple[jax.Array, Cache | None]:
        def after(norm: RMSNorm | None, y: jax.Array) -> jax.Array:
            return y if norm is None else norm(y)

        assert self.attention_norm is not None and self.mlp_norm is not None
        added, cache = self.attention(self.attention_norm(x), *where)
        x = x + after(self.attention_post_norm, added)
        return x + after(self.mlp_post_norm, self.mlp(self.mlp_norm(x))), cache


class Decoder(nnx.Module):
    """Token table, `depth` blocks that run as one `jax.lax.scan`, a final norm, and logits by the token table.

    `config` is `default_decoder_config`'s.
    """

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

    def empty_cache(self, rows: int, places: int) -> Cache:
        """A cache of zeros for so many rows and places, in `dtype`."""
        shape = (len(self.local), rows, places, self.kv_heads, self.head_dim)
        return Cache(jnp.zeros(shape, self.dtype), jnp.zeros(shape, self.dtype))

    def embed(self, tokens: jax.Array) -> jax.Array:
        """Tokens int32[B, T] to [B, T, D], times the square root of D as `dtype` has it."""
        scale = jnp.asarray(self.token.shape[1] ** 0.5, self.dtype)
        return self.token[...][tokens].astype(self.dtype) * scale

    def logits(self, hidden: jax.Array) -> jax.Array:
        """What `__call__` gives, [..., D], to f32[..., V]."""
        table = self.token[...].astype(self.dtype)
        found = jnp.einsum("...d,vd->...v", hidden, table, preferred_element_type=jnp.float32)
        return cap(found, self.final_cap)

    def angles(self, positions: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Rotations of positions int32[B, T] in global and in local layers, f32[B, T, E / 2] each."""
        power = np.arange(0, self.head_dim, 2) / self.head_dim
        wide = self.rope_base**-power / self.rope_scale
        near = self.local_rope_base**-power
        place = positions[..., None].astype(jnp.float32)
        return place * wide.astype(np.float32), place * near.astype(np.float32)

    def __call__(
        self,
        x: jax.Array,
        positions: jax.Array,
        mask: jax.Array,
        cache: Cache | None = None,
        start: jax.Array | int = 0,
        key_positions: jax.Array | None = None,
    ) -> tuple[jax.Array, Cache | None]:
        """What comes out of the final norm, and the cache, if one came in.

        Args:
          x: [B, T, D], from `embed` or of image tokens.
          positions: int32[B, T].
          mask: bool[B, T, S], see `prefix_mask`.
          cache: of S places; those from `start` on take these tokens' keys and values. None: S = T.
          key_positions: int32[B, S], positions of the cache's places, these tokens' too; None: `positions`.
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
    """Raises UserError where settings of a decoder do not go together."""
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
