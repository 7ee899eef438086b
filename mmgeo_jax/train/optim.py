"""The optimizer and its learning rate."""

import re
from typing import Any

import optax
from ml_collections import ConfigDict

from mmgeo_jax.models.freeze import _where, trainable_mask

# Norms, biases, and the scale and bias of the scores are not drawn towards zero.
NO_DECAY = r"(.*/)?(\w*norm/\w+|bias\d?|logit_scale|logit_bias)"


def learning_rate(optim: ConfigDict, steps: int) -> optax.Schedule:
    """Linear from 0 over the first `optim.warmup` (a share of the steps), then a half cosine down to 0."""
    warmup = round(optim.warmup * steps)
    return optax.warmup_cosine_decay_schedule(0.0 if warmup else optim.lr, optim.lr, warmup, max(steps, warmup + 1))


def optimizer(optim: ConfigDict, steps: int) -> optax.GradientTransformation:
    """AdamW after clipping by the global norm; its state is a dict that names the parts, for what is trained alone."""
    chain = optax.named_chain(
        ("clip", optax.clip_by_global_norm(optim.clip)),
        ("adam", optax.scale_by_adam(optim.b1, optim.b2)),
        ("decay", optax.add_decayed_weights(optim.weight_decay, decay_mask)),
        ("rate", optax.scale_by_learning_rate(learning_rate(optim, steps))),
    )
    return optax.masked(chain, lambda params: trainable_mask(params, optim.freeze)) if optim.freeze else chain


def decay_mask(params: Any) -> Any:
    """Which parameters weight decay applies to: a tree of bools."""
    return _where(lambda name: re.fullmatch(NO_DECAY, name) is None, params)
