"""LoRA: a kernel that stays as it is, and beside it a product of two thin matrices that is trained (Hu et al., 2021).

Of a kernel W f32[..., in, out] that a pattern names, parameters lora/PATH/down f32[..., in, r] and lora/PATH/up
f32[..., r, out] are added; the model computes with W + alpha / r * down @ up. `up` starts at zero, so that a model is
what it was before. What is saved has both; what is loaded for use has the sum.
"""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError

PART = "lora"


def default_config() -> ConfigDict:
    """LoRA's settings, switched off."""
    return ConfigDict(
        {
            "rank": 0,  # r; 0: none
            "alpha": 16.0,
            "kernels": r"decoder/blocks/.*/kernel",  # a pattern of whole paths, which optim.freeze must name too
        }
    )


def add(params: Any, settings: ConfigDict, freeze: str, seed: int) -> Any:
    """Parameters with thin matrices beside them; the same ones where the rank is 0.

    Raises UserError where the pattern names no kernel, or one that `freeze` (optim.freeze) leaves to be trained itself.
    """
    if not settings.rank:
        return params
    flat = traverse_util.flatten_dict(params, sep="/")
    named = sorted(name for name in flat if re.fullmatch(settings.kernels, name) and flat[name].ndim >= 2)
    if not named:
        raise UserError(f"lora.kernels={settings.kernels!r} names no kernel: it must match whole paths")
    if free := [name for name in named if not re.fullmatch(freeze or "", name)]:
        raise UserError(
            f"LoRA leaves kernels as they are, but optim.freeze={freeze!r} does not name {free[0]}: "
            "set --config.optim.freeze='decoder/.*'"
        )
    thin = {}
    for number, name in enumerate(named):
        *layers, fan_in, fan_out = flat[name].shape
        key = jax.random.fold_in(jax.random.key(seed), number)
        shape = *layers, fan_in, settings.rank
        thin[f"{PART}/{name}/down"] = jax.random.normal(key, shape) * fan_in**-0.5
        thin[f"{PART}/{name}/up"] = jnp.zeros((*layers, settings.rank, fan_out))
    return traverse_util.unflatten_dict(flat | thin, sep="/")


def merge(params: Any, settings: ConfigDict) -> Any:
    """The model's own parameters, the products added to their kernels."""
    if PART not in params:
        return params
    flat = traverse_util.flatten_dict({name: tree for name, tree in params.items() if name != PART}, sep="/")
    thin = traverse_util.flatten_dict(params[PART], sep="/")
    for path in thin:
        if path.endswith("/down"):
            name, scale = path.removesuffix("/down"), settings.alpha / settings.rank
            flat[name] = flat[name] + scale * thin[path] @ thin[f"{name}/up"]
    return traverse_util.unflatten_dict(flat, sep="/")
