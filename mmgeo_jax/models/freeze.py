"""Freezes parameters by patterns over their paths."""

import re
from collections.abc import Callable
from typing import Any

import jax

from data_gen.shared.errors import UserError

# Parameters of LoRA, which lie beside frozen kernels and are always trained.
LORA_FACTORS = r".*/lora_[ab]"


def trainable_mask(params: Any, freeze: str) -> Any:
    """Which parameters are not named by the pattern `freeze` ("image/.*"): a tree of bools.

    Raises UserError where it names none, or all, or is no pattern.
    """
    try:
        pattern = re.compile(freeze)
    except re.error as fault:
        raise UserError(f"optim.freeze={freeze!r} is no regular expression: {fault}") from None
    mask = _where(lambda name: not pattern.fullmatch(name) or bool(re.fullmatch(LORA_FACTORS, name)), params)
    if freeze and len(set(jax.tree.leaves(mask))) == 1:
        some = ", ".join(sorted({name.split("/")[0] for name in _names(params)}))
        which = "no parameter" if all(jax.tree.leaves(mask)) else "all parameters"
        raise UserError(
            f"optim.freeze={freeze!r} names {which}: it must match whole paths, such as 'image/.*'; "
            f"they begin with {some}"
        )
    return mask


def stop_frozen(params: Any, freeze: str) -> Any:
    """The same parameters, with no gradient for what `freeze` names: nothing is kept for a backward pass to it."""
    if not freeze:
        return params
    mask = trainable_mask(params, freeze)
    return jax.tree.map(lambda leaf, trains: leaf if trains else jax.lax.stop_gradient(leaf), params, mask)


def _where(says: Callable[[str], bool], params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: says(_name(path)), params)


def _names(params: Any) -> list[str]:
    return [_name(path) for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
