"""LoRA: fine-tunes frozen linear layers through low-rank products beside their kernels (Hu et al., 2021).

A layer of kernel W f32[..., in, out] gets two factors, lora_a f32[..., in, r] and lora_b f32[..., r, out], and computes
x @ W + alpha / r * (x @ lora_a) @ lora_b. The sum W + alpha / r * lora_a @ lora_b is never formed in training: it would
need the memory of full fine-tuning, since its gradient is as large as W. `lora_b` starts at zero, so that the model's
outputs are at first unchanged. Checkpoints hold kernels and factors; `merge` adds them up for inference and export.
"""

import re

import jax
import jax.numpy as jnp
from flax import nnx, traverse_util
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models.freeze import LORA_FACTORS
from mmgeo_jax.models.init import Params
from mmgeo_jax.models.transformer import Linear


def default_config() -> ConfigDict:
    """Returns LoRA's settings, switched off."""
    return ConfigDict(
        {
            "rank": 0,  # r; 0 trains without LoRA
            "alpha": 16.0,  # the product is scaled by alpha / r
            "kernels": r"decoder/blocks/.*/kernel",  # regular expression over whole paths; optim.freeze must cover them
        }
    )


def add(
    graphdef: nnx.GraphDef, params: Params, settings: ConfigDict, freeze: str, seed: int
) -> tuple[nnx.GraphDef, Params]:
    """Adds factors to the linear layers whose kernels `settings.kernels` matches; changes nothing where the rank is 0.
    Raises UserError where the pattern matches no kernel, or one that `freeze` (optim.freeze) leaves trainable."""
    if not settings.rank:
        return graphdef, params
    model = nnx.merge(graphdef, params)
    paths = {"/".join(map(str, path)): module for path, module in nnx.iter_modules(model)}
    layers = {f"{path}/kernel": layer for path, layer in sorted(paths.items()) if isinstance(layer, Linear)}
    matched = {name: layer for name, layer in layers.items() if re.fullmatch(settings.kernels, name)}
    if not matched:
        raise UserError(f"lora.kernels={settings.kernels!r} names no kernel: it must match whole paths")
    if free := [name for name in matched if not re.fullmatch(freeze or "", name)]:
        raise UserError(
            f"LoRA leaves kernels as they are, but optim.freeze={freeze!r} does not name {free[0]}: "
            "set --config.optim.freeze='decoder/.*'"
        )
    for number, layer in enumerate(matched.values()):
        *stacked, fan_in, fan_out = layer.kernel.shape
        key = jax.random.fold_in(jax.random.key(seed), number)
        layer.lora_a = nnx.Param(jax.random.normal(key, (*stacked, fan_in, settings.rank)) * fan_in**-0.5)
        layer.lora_b = nnx.Param(jnp.zeros((*stacked, settings.rank, fan_out)))
        layer.lora_scale = settings.alpha / settings.rank
    graphdef, state = nnx.split(model)
    return graphdef, nnx.to_pure_dict(state)


def merge(params: Params, settings: ConfigDict) -> Params:
    """Returns the parameters of the plain model, each product added to its kernel: for inference and export."""
    flat = traverse_util.flatten_dict(params, sep="/")
    merged = {name: leaf for name, leaf in flat.items() if not re.fullmatch(LORA_FACTORS, name)}
    for name in flat:
        if name.endswith("/lora_a"):
            layer, scale = name.removesuffix("/lora_a"), settings.alpha / settings.rank
            merged[f"{layer}/kernel"] += scale * flat[name] @ flat[f"{layer}/lora_b"]
    return traverse_util.unflatten_dict(merged, sep="/")
