"""The two towers, image and text, and the scale and bias that turn their cosines into scores."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int32, UInt8
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from data_gen.records.patch_targets import CLASSES
from data_gen.shared.errors import UserError
from mmgeo_jax.models import init as init_params
from mmgeo_jax.models.captioner import Captioner
from mmgeo_jax.models.text import TextTower
from mmgeo_jax.models.transformer import dense
from mmgeo_jax.models.vit import ImageTower, patchify


def default_model_config() -> ConfigDict:
    """Returns every setting of a model, at a small size; configs start from it."""
    shared = {
        "width": 128,
        "depth": 4,
        "heads": 4,
        "mlp_ratio": 4.0,
        "pool": "map",  # map | mean | last | first
        "head": True,  # a linear layer to `embed` after the pool
        "head_bias": True,
        "activation": "gelu_tanh",  # gelu_tanh | gelu | quick_gelu
        "norm_epsilon": 1e-6,
        "causal": False,  # a token sees no later ones
        "remat": "none",  # none | dots | full: what the backward pass recomputes of a block
        "unroll": 4,  # blocks per step of the scan over layers: more is faster on a CPU, slower to compile
    }
    image = {
        "size_px": 112,
        "patch_px": 16,
        "patch_budget": placeholder(int),  # patches to keep, those with most ink; None: all; none or 0: all
        "stem": "patch",  # patch (linear, as SigLIP) | conv (inside each patch)
        "mean": (0.5, 0.5, 0.5),  # per channel, of pixels from 0 to 1
        "std": (0.5, 0.5, 0.5),
        "head": False,
        "stem_bias": True,  # of the linear stem
        "class_token": False,  # before the patches, as CLIP has it
        "first_norm": False,  # before the first block
        "patch_head": False,  # a linear layer that says what stands at each patch, for loss.dense
    }
    # `masked`: padding, all after the first token `end_id`, is not attended to. SigLIP's own weights were trained
    # with attention to padding, at a fixed length.
    text = {"vocab_size": 512, "length": 64, "depth": 2, "masked": True, "end_id": 1}
    # A decoder of captions beside the towers, for loss.caption and the likelihood of a pair; depth 0: none.
    blocks = ("width", "heads", "mlp_ratio", "activation", "norm_epsilon", "remat", "unroll")
    return ConfigDict(
        {
            "image": shared | image,
            "text": shared | text,
            "captioner": {name: shared[name] for name in blocks} | {"depth": 0},
            "embed": 128,
            "dtype": "float32",  # of the computation; parameters are float32
            "init_scale": 10.0,  # SigLIP's start; 1 / 0.07 is CLIP's, for the softmax loss
            "init_bias": -10.0,
        }
    )


# Parameters that read patches beside the towers: embeddings do not depend on them.
PATCH_READERS = ("patch_head/", "captioner/")
RARE_LOGIT = -4.6  # where the patch head starts: one patch in a hundred has anything of a class


class Seen(NamedTuple):
    """What the image tower makes of images."""

    embeddings: Float32[Array, "B E"]  # of length 1
    tokens: Float[Array, "B P D"]  # of patches, after the final norm
    positions: Int32[Array, "B P"]  # of the patches, in the grid
    mask: Bool[Array, "B P"]  # which patches are not blank paper


class TwoTower(nnx.Module):
    """Embeds images and captions in one space. `logit_scale` (kept as its logarithm) and `logit_bias` are f32 scalars:
    the score of a pair is exp(logit_scale) * cosine + logit_bias (`losses.pair_scores`)."""

    def __init__(self, config: ConfigDict, rngs: nnx.Rngs):
        dtype = jnp.dtype(config.dtype)
        self.patch_px, self.patch_budget = config.image.patch_px, config.image.patch_budget or None
        self.image = ImageTower(config.image, config.embed, dtype, rngs)
        self.text = TextTower(config.text, config.embed, dtype, rngs)
        self.logit_scale = nnx.Param(jnp.log(jnp.float32(config.init_scale)))
        self.logit_bias = nnx.Param(jnp.float32(config.init_bias))
        self.patch_head = dense(config.image.width, len(CLASSES), dtype, rngs) if config.image.patch_head else None
        if self.patch_head is not None:
            self.patch_head.bias = nnx.Param(jnp.full(len(CLASSES), RARE_LOGIT))
        captioner = config.captioner
        self.captioner = Captioner(captioner, config.text, config.image.width, dtype, rngs) if captioner.depth else None

    def embed_images(self, images: UInt8[Array, "B H W"] | UInt8[Array, "B H W 3"]) -> Float32[Array, "B E"]:
        """Embeds images, grey (255 is paper) or in colour; embeddings have length 1."""
        patches, positions, mask = patchify(images, self.patch_px, self.patch_budget)
        if self.patch_budget is None:
            return unit(self.image(patches))
        return unit(self.image(patches, positions, mask))

    def read_images(self, images: UInt8[Array, "B H W"] | UInt8[Array, "B H W 3"]) -> Seen:
        """Embeds images as `embed_images` does, and returns their patches with it."""
        patches, positions, mask = patchify(images, self.patch_px, self.patch_budget)
        whole = self.patch_budget is None
        embedded, tokens = self.image.embed_and_read(patches, *(() if whole else (positions, mask)))
        return Seen(unit(embedded), tokens, positions, mask)

    def read_patches(self, seen: Seen) -> Float32[Array, "B P K"]:
        """Computes the logits of what stands at each patch. Only with model.image.patch_head."""
        if self.patch_head is None:
            raise UserError("nothing reads patches: set --config.model.image.patch_head=True")
        return self.patch_head(seen.tokens).astype(jnp.float32)

    def log_likelihoods(
        self, seen: Seen, tokens: Int32[Array, "B L"], start: Int32[Array, " B"] | int = 0
    ) -> Float32[Array, " B"]:
        """Computes log p(caption | image), in nats, of as many captions as images, of their tokens from `start` on
        given those before. Only with a captioner."""
        if self.captioner is None:
            raise UserError("nothing decodes captions: set --config.model.captioner.depth=2")
        mask = None if self.patch_budget is None else seen.mask
        return self.captioner.log_likelihoods(seen.tokens, mask, tokens, start)

    def embed_texts(self, tokens: Int32[Array, "B L"]) -> Float32[Array, "B E"]:
        """Embeds captions, as `Tokenizer.encode_batch` returns them; embeddings have length 1."""
        return unit(self.text(tokens))


def unit(x: Float[Array, "... E"]) -> Float32[Array, "... E"]:
    """Returns x / |x| over the last axis, in float32, with a finite gradient at zero."""
    x = x.astype(jnp.float32)
    return x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12)


init_graph = functools.partial(init_params.init_graph, TwoTower)
init = functools.partial(init_params.init, TwoTower)
