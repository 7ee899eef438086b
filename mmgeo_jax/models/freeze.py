"""Freezes parameters by a regular expression over their paths, such as "image/.*"."""

import re
from collections.abc import Callable
from typing import Any

import jax

from data_gen.shared.errors import UserError
from mmgeo_jax.models.init import Params

# Parameters of LoRA, which lie beside frozen kernels and are always trained.
LORA_FACTORS = r".*/lora_[ab]"


def trainable_mask(params: Params, freeze: str) -> Any:
    """Returns a tree of bools: False for the parameters that `freeze` (optim.freeze) matches, except LoRA's. Raises
    UserError if the pattern matches none, or all, or is not a regular expression."""
    try:
        pattern = re.compile(freeze)
    except re.error as fault:
        raise UserError(f"optim.freeze={freeze!r} is no regular expression: {fault}") from None
    mask = map_paths(lambda name: not pattern.fullmatch(name) or bool(re.fullmatch(LORA_FACTORS, name)), params)
    if freeze and len(set(jax.tree.leaves(mask))) == 1:
        parts = ", ".join(sorted({path_name(path).split("/")[0] for path, _ in jax.tree.leaves_with_path(params)}))
        which = "no parameter" if all(jax.tree.leaves(mask)) else "all parameters"
        raise UserError(
            f"optim.freeze={freeze!r} names {which}: it must match whole paths, such as 'image/.*'; "
            f"they begin with {parts}"
        )
    return mask


def stop_frozen(params: Params, freeze: str) -> Params:
    """Stops gradients to the parameters that `freeze` matches, so that no activations are kept for their sake."""
    if not freeze:
        return params
    mask = trainable_mask(params, freeze)
    return jax.tree.map(lambda leaf, trains: leaf if trains else jax.lax.stop_gradient(leaf), params, mask)


def map_paths(function: Callable[[str], Any], tree: Any) -> Any:
    """Applies a function to the path of each leaf, such as "image/norm/scale"."""
    return jax.tree.map_with_path(lambda path, _: function(path_name(path)), tree)


def path_name(path: tuple[Any, ...]) -> str:
    """Joins the keys of a path by slashes."""
    return jax.tree_util.keystr(path, simple=True, separator="/")
