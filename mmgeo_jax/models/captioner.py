"""A small decoder that reads a caption off a picture's patches: LocCa's (Wan et al., 2024), beside the two towers.

It attends to the patches before they are pooled, so that it can tell details which one vector cannot: the likelihood of
a caption given a picture is a second score of the pair. Dimensions: B pairs, P patches, L tokens, V vocabulary.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int32
from ml_collections import ConfigDict

from mmgeo_jax.models.text import up_to_end
from mmgeo_jax.models.transformer import Attention, Mlp, Transformer, dense, layer_norm


class CaptionBlock(nnx.Module):
    """One pre-norm layer: causal attention over the caption, attention to the patches, MLP."""

    def __init__(self, config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.attention_norm = layer_norm(config, dtype)
        self.attention = Attention(config, dtype, rngs, causal=True)
        self.patches_norm = layer_norm(config, dtype)
        self.patches_attention = Attention(config, dtype, rngs)
        self.mlp_norm = layer_norm(config, dtype)
        self.mlp = Mlp(config, dtype, rngs)

    def __call__(
        self, x: Float[Array, "B L D"], patches: Float[Array, "B P D"], mask: Bool[Array, "B P"] | None
    ) -> Float[Array, "B L D"]:
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed, None)
        x = x + self.patches_attention(self.patches_norm(x), patches, mask)
        return x + self.mlp(self.mlp_norm(x))


class Captioner(nnx.Module):
    """The decoder. `config` is `model.captioner`; tokens and their greatest number are the text tower's."""

    def __init__(self, config: ConfigDict, text: ConfigDict, image_width: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.end_id, self.dtype = text.end_id, dtype
        token_init, place_init = nnx.initializers.normal(config.width**-0.5), nnx.initializers.normal(0.01)
        self.token = nnx.Param(token_init(rngs.params(), (text.vocab_size, config.width), jnp.float32))
        self.position = nnx.Param(place_init(rngs.params(), (text.length, config.width), jnp.float32))
        self.patches = dense(image_width, config.width, dtype, rngs)
        self.decoder = Transformer(config, dtype, rngs, CaptionBlock)
        self.norm = layer_norm(config, dtype)

    def __call__(
        self, patches: Float[Array, "B P D"], mask: Bool[Array, "B P"] | None, tokens: Int32[Array, "B L"]
    ) -> Float32[Array, "B L V"]:
        """Computes the logits of each token of captions from those before it and the normed patches of a picture.
        `mask`: the patches that count, which come first; None: all."""
        table = self.token[...]
        before = jnp.pad(table[tokens[:, :-1]], ((0, 0), (1, 0), (0, 0)))  # nothing stands before the first
        x = (before + self.position[...][: tokens.shape[1]]).astype(self.dtype)
        x = self.norm(self.decoder(x, self.patches(patches), mask))
        return jnp.einsum("bld,vd->blv", x, table.astype(self.dtype)).astype(jnp.float32)

    def log_likelihoods(
        self,
        patches: Float[Array, "B P D"],
        mask: Bool[Array, "B P"] | None,
        tokens: Int32[Array, "B L"],
        start: Int32[Array, " B"] | int = 0,
    ) -> Float32[Array, " B"]:
        """Computes log p(caption | picture) in nats, of the tokens from `start` up to the caption's end."""
        logits = self(patches, mask, tokens)
        chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
        counted = up_to_end(tokens, self.end_id) & (jnp.arange(tokens.shape[1]) >= jnp.reshape(start, (-1, 1)))
        return jnp.sum(chosen - jax.nn.logsumexp(logits, axis=-1), axis=1, where=counted)
