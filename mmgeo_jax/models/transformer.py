"""The transformer that both towers share: pre-norm blocks, stacked and scanned, and four ways to pool tokens.

The architecture is SigLIP's, so that its weights load: LayerNorm with epsilon 1e-6, tanh GELU, a final norm, and a head
that pools by attention with a learned probe. With other settings it is CLIP's. Parameters are float32; computation is
in `dtype`. Dimensions: B sequences, S tokens, T queries, D width, E size of an embedding.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models.layer_norm import LayerNorm

ACTIVATIONS = {
    "gelu_tanh": lambda x: nnx.gelu(x, approximate=True),
    "gelu": lambda x: nnx.gelu(x, approximate=False),
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),  # of OpenAI's CLIP
}
# What the backward pass recomputes of a block: nothing; all but the products with weights; everything.
REMAT = {
    "none": lambda layer: layer,
    "dots": lambda layer: jax.checkpoint(
        layer, prevent_cse=False, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    ),
    "full": lambda layer: jax.checkpoint(layer, prevent_cse=False),
}
T = TypeVar("T")


def choice(table: Mapping[str, T], name: str, key: str) -> T:
    """Returns the entry `name` of a table. Raises UserError, which names the config key and the entries, if missing."""
    if name not in table:
        raise UserError(f"config.{key} is {name!r}: choose one of {', '.join(table)}")
    return table[name]


def layer_norm(config: ConfigDict, dtype: jnp.dtype) -> LayerNorm:
    """Returns the LayerNorm of a tower's settings."""
    return LayerNorm(config.width, config.norm_epsilon, dtype)


class Linear(nnx.Linear):
    """A linear layer; with the factors that `lora.add` gives it, plus lora_scale * (x @ lora_a) @ lora_b."""

    lora_a: nnx.Param | None = None  # f32[in, r]
    lora_b: nnx.Param | None = None  # f32[r, out]
    lora_scale: float = 0.0

    def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
        y = super().__call__(inputs, out_sharding)
        if self.lora_a is None or self.lora_b is None:
            return y
        down, up = (factor[...].astype(y.dtype) for factor in (self.lora_a, self.lora_b))
        return y + self.lora_scale * (inputs.astype(y.dtype) @ down) @ up


def dense(fan_in: int, fan_out: int, dtype: jnp.dtype, rngs: nnx.Rngs, bias: bool = True) -> Linear:
    """Returns a linear layer initialised as SigLIP's are: Xavier uniform, its bias zero."""
    init = nnx.initializers.xavier_uniform()
    return Linear(fan_in, fan_out, use_bias=bias, dtype=dtype, kernel_init=init, rngs=rngs)


def attend(
    queries: Float[Array, "B T heads E"],
    keys: Float[Array, "B S heads E"],
    values: Float[Array, "B S heads E"],
    mask: Bool[Array, "B S"] | None,
    causal: bool,
) -> Float[Array, "B T heads E"]:
    """Computes softmax(queries keys^T / sqrt(E)) values, by cuDNN's flash attention where it serves.

    What `mask` marks must come first in a row: the kernel takes lengths, and computes nothing for the rest. A row
    without any is undefined, but finite.
    """
    if not has_flash_attention(queries, keys):
        mask = None if mask is None else mask[:, None, None, :]
        return jax.nn.dot_product_attention(queries, keys, values, mask=mask, is_causal=causal)
    lengths = None if mask is None else jnp.maximum(mask.sum(1, dtype=jnp.int32), 1)
    return jax.nn.dot_product_attention(
        queries, keys, values, key_value_seq_lengths=lengths, is_causal=causal, implementation="cudnn"
    )


def has_flash_attention(queries: jax.Array, keys: jax.Array) -> bool:
    """Returns whether cuDNN takes such arrays: half precision on a GPU, more queries than one, heads of 8 n <= 128."""
    half = queries.dtype in (jnp.bfloat16, jnp.float16)
    size, lengths = queries.shape[-1], (queries.shape[1], keys.shape[1])
    return jax.default_backend() == "gpu" and half and size % 8 == 0 and size <= 128 and min(lengths) > 1


class Attention(nnx.Module):
    """Multi-head attention."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs, causal: bool = False):
        self.heads, self.causal, width = config.heads, causal, config.width
        if width % self.heads:
            raise UserError(f"width {width} does not divide into {self.heads} heads: change one in config.model")
        self.query = dense(width, width, dtype, rngs)
        self.key = dense(width, width, dtype, rngs)
        self.value = dense(width, width, dtype, rngs)
        self.out = dense(width, width, dtype, rngs)

    def __call__(
        self, queries: Float[Array, "B T D"], tokens: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None
    ) -> Float[Array, "B T D"]:
        """Attends from queries to the tokens that `mask` marks, the first ones; if causal, not to later ones."""

        def split(x: jax.Array) -> jax.Array:
            return x.reshape(*x.shape[:-1], self.heads, -1)

        heads = attend(
            split(self.query(queries)), split(self.key(tokens)), split(self.value(tokens)), mask, self.causal
        )
        return self.out(heads.reshape(queries.shape))


class Mlp(nnx.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        width, hidden = config.width, round(config.width * config.mlp_ratio)
        self.up = dense(width, hidden, dtype, rngs)
        self.down = dense(hidden, width, dtype, rngs)
        self.activation = choice(ACTIVATIONS, config.activation, "model.*.activation")

    def __call__(self, x: Float[Array, "B S D"]) -> Float[Array, "B S D"]:
        return self.down(self.activation(self.up(x)))


class Block(nnx.Module):
    """One pre-norm layer: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.attention_norm = layer_norm(config, dtype)
        self.attention = Attention(config, dtype, rngs, config.causal)
        self.mlp_norm = layer_norm(config, dtype)
        self.mlp = Mlp(config, dtype, rngs)

    def __call__(self, x: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B S D"]:
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed, mask)
        return x + self.mlp(self.mlp_norm(x))


class Transformer(nnx.Module):
    """`depth` blocks, whose parameters have a leading layer axis and which run as one `jax.lax.scan`. `remat` is "none"
    (keep every activation), "dots" (keep the products with weights) or "full" (keep only the inputs of blocks);
    `unroll` is the number of blocks per step of the scan."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs, block: Callable[..., Any] = Block):
        @nnx.split_rngs(splits=config.depth)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def stack(rngs: nnx.Rngs) -> Any:
            return block(config, dtype, rngs)

        self.unroll, self.remat = min(config.unroll, config.depth), choice(REMAT, config.remat, "model.*.remat")
        self.blocks = stack(rngs)

    def __call__(self, x: Float[Array, "B S D"], *context: Any, layers: int | None = None) -> Float[Array, "B S D"]:
        """Computes tokens after the first `layers` blocks (all by default; -1 leaves the last one out). `context` is
        what every block takes beside the tokens: of a `Block`, their mask."""
        graphdef, params = nnx.split(self.blocks)
        if layers is not None:
            params = jax.tree.map(lambda p: p[:layers], params)

        def layer(x: jax.Array, params: nnx.State) -> tuple[jax.Array, None]:
            return nnx.merge(graphdef, params)(x, *context), None

        return jax.lax.scan(self.remat(layer), x, params, unroll=self.unroll)[0]


class AttentionPool(nnx.Module):
    """SigLIP's head: a learned probe attends to the tokens; then x + mlp(norm(x))."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        width = config.width
        self.probe = nnx.Param(nnx.initializers.xavier_uniform()(rngs.params(), (1, width), jnp.float32))
        self.attention = Attention(config, dtype, rngs)
        self.norm = layer_norm(config, dtype)
        self.mlp = Mlp(config, dtype, rngs)

    def __call__(self, tokens: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B D"]:
        probe = jnp.broadcast_to(self.probe[...].astype(tokens.dtype), (len(tokens), 1, tokens.shape[-1]))
        x = self.attention(probe, tokens, mask)
        return (x + self.mlp(self.norm(x)))[:, 0]


def mean_pool(tokens: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B D"]:
    """Returns the mean of the tokens that `mask` marks, zero if it marks none."""
    if mask is None:
        return tokens.mean(1)
    return tokens.sum(1, where=mask[..., None]) / jnp.maximum(mask.sum(1, keepdims=True), 1).astype(tokens.dtype)


def last_pool(tokens: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B D"]:
    """Returns the last token that `mask` marks, the first token if it marks none."""
    if mask is None:
        return tokens[:, -1]
    last = jnp.max(jnp.where(mask, jnp.arange(mask.shape[1]), 0), axis=1)
    return jnp.take_along_axis(tokens, last[:, None, None], axis=1)[:, 0]


def first_pool(tokens: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B D"]:
    """Returns the first token: CLIP's class token."""
    return tokens[:, 0]


# (config, dtype, rngs) -> a pool of tokens [B, S, D] under a mask bool[B, S] (None: all) into [B, D]
POOLS = {
    "map": AttentionPool,
    "mean": lambda *_: mean_pool,
    "last": lambda *_: last_pool,
    "first": lambda *_: first_pool,
}


class Tower(nnx.Module):
    """What both towers share: blocks, final norm, pool and, if `config.head`, a linear layer to `embed`."""

    def __init__(self, config: ConfigDict, embed: int, key: str, dtype: jnp.dtype, rngs: nnx.Rngs):
        if not config.head and config.width != embed:
            raise UserError(
                f"config.model.{key}.width is {config.width} and model.embed {embed}: make them equal, "
                f"or set model.{key}.head=True"
            )
        self.encoder = Transformer(config, dtype, rngs)
        self.norm = layer_norm(config, dtype)
        self.pool = choice(POOLS, config.pool, f"model.{key}.pool")(config, dtype, rngs)
        self.head = dense(config.width, embed, dtype, rngs, config.head_bias) if config.head else None

    def embed(self, tokens: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B E"]:
        """Computes embeddings, not normalised, from the output of the last block."""
        return self.summarise(self.norm(tokens), mask)

    def summarise(self, normed: Float[Array, "B S D"], mask: Bool[Array, "B S"] | None) -> Float[Array, "B E"]:
        """Computes embeddings from tokens after the final norm."""
        pooled = self.pool(normed, mask)
        return pooled if self.head is None else self.head(pooled)
