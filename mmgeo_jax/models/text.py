"""The text tower: caption tokens -> one embedding, which depends on neither padding nor batch."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int32
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models.transformer import Tower


class TextTower(Tower):
    """A transformer over tokens, built as SigLIP's. `config` is the `text` part of `default_model_config`."""

    def __init__(self, config: ConfigDict, embed: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.masked, self.end_id = config.masked, config.end_id
        token_init = nnx.initializers.normal(config.width**-0.5)
        place_init = nnx.initializers.normal(0.01)
        self.token = nnx.Param(token_init(rngs.params(), (config.vocab_size, config.width), jnp.float32))
        self.position = nnx.Param(place_init(rngs.params(), (config.length, config.width), jnp.float32))
        super().__init__(config, embed, "text", dtype, rngs)

    def __call__(self, tokens: Int32[Array, "B L"]) -> Float[Array, "B E"]:
        """Embeds captions, which are padded after their first `end_id`; the embeddings are not normalised."""
        length = tokens.shape[1]
        if length > len(self.position):
            raise UserError(f"captions of {length} tokens, but model.text.length is {len(self.position)}: raise it")
        x = self.token[...][tokens] + self.position[...][:length]
        mask = up_to_end(tokens, self.end_id) if self.masked else None
        return self.embed(self.encoder(x.astype(self.norm.dtype), mask), mask)


def up_to_end(tokens: Int32[Array, "B L"], end_id: int) -> Bool[Array, "B L"]:
    """Masks tokens up to and including the first `end_id`, or all if there is none: padding may be any token."""
    ends = tokens == end_id
    return jnp.cumsum(ends, axis=1) - ends == 0
