"""AdamW, its learning rate, and which parameters decay."""

import re
from typing import Any

import optax
from ml_collections import ConfigDict

from mmgeo_jax.models.freeze import map_paths, trainable_mask
from mmgeo_jax.models.init import Params

# Norms, biases, and the scale and bias of the scores do not decay.
NO_DECAY = r"(.*/)?(\w*norm/\w+|bias\d?|logit_scale|logit_bias)"


def restart_step(optim: ConfigDict, steps: int) -> int:
    """Returns the step, 1 to `steps`, at which the rate starts anew; `steps` where it never does."""
    return max(1, round(optim.get("restart", 1.0) * steps))


def learning_rate(optim: ConfigDict, steps: int) -> optax.Schedule:
    """Returns a schedule: linear from 0 over `optim.warmup` (a share of the steps), then a half cosine down to 0. Where
    `optim.restart` is below 1, one such arc ends after this share of the steps, and a second one follows."""
    restart = restart_step(optim, steps)
    arcs = [_arc(optim, count) for count in (restart, steps - restart) if count]
    return optax.join_schedules(arcs, [restart]) if len(arcs) > 1 else arcs[0]


def _arc(optim: ConfigDict, steps: int) -> optax.Schedule:
    warmup = round(optim.warmup * steps)
    return optax.warmup_cosine_decay_schedule(0.0 if warmup else optim.lr, optim.lr, warmup, max(steps, warmup + 1))


def optimizer(optim: ConfigDict, steps: int) -> optax.GradientTransformation:
    """Returns AdamW after clipping by the global norm. Its state is a dict, and only covers trainable parameters."""
    chain = optax.named_chain(
        ("clip", optax.clip_by_global_norm(optim.clip)),
        ("adam", optax.scale_by_adam(optim.b1, optim.b2)),
        ("decay", optax.add_decayed_weights(optim.weight_decay, decay_mask)),
        ("rate", optax.scale_by_learning_rate(learning_rate(optim, steps))),
    )
    return optax.masked(chain, lambda params: trainable_mask(params, optim.freeze)) if optim.freeze else chain


def decay_mask(params: Params) -> Any:
    """Returns a tree of bools: whether weight decay applies to a parameter."""
    return map_paths(lambda name: re.fullmatch(NO_DECAY, name) is None, params)
