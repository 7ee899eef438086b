"""The text tower: caption tokens to one embedding that depends on neither padding nor batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from mmgeo_jax.errors import UserError
from mmgeo_jax.models.transformer import Tower

PAD_ID = 0


class TextTower(Tower):
    """A transformer over tokens with SigLIP's layout. `config` is the `text` part of
    `default_model_config`."""

    def __init__(self, config: ConfigDict, embed: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.masked = config.masked
        token_init = nnx.initializers.normal(config.width**-0.5)
        place_init = nnx.initializers.normal(0.01)
        self.token = nnx.Param(token_init(rngs.params(), (config.vocab_size, config.width), jnp.float32))
        self.position = nnx.Param(place_init(rngs.params(), (config.length, config.width), jnp.float32))
        super().__init__(config, embed, "text", dtype, rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """Tokens int32[B, L], 0 where padded, to embeddings [B, E], not normalised."""
        length = tokens.shape[1]
        if length > len(self.position):
            raise UserError(f"captions of {length} tokens, but model.text.length is {len(self.position)}: raise it")
        x = self.token[...][tokens] + self.position[...][:length]
        mask = tokens != PAD_ID if self.masked else None
        return self.embed(self.encoder(x.astype(self.norm.dtype), mask), mask)
