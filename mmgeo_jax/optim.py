"""The optimizer and its learning rate."""

import re
from collections.abc import Callable
from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from mmgeo_jax.errors import UserError

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
        ("decay", optax.add_decayed_weights(optim.weight_decay, decays)),
        ("rate", optax.scale_by_learning_rate(learning_rate(optim, steps))),
    )
    return optax.masked(chain, lambda params: trained(params, optim.freeze)) if optim.freeze else chain


def decays(params: Any) -> Any:
    """Which parameters weight decay applies to: a tree of bools."""
    return _where(lambda name: re.fullmatch(NO_DECAY, name) is None, params)


def trained(params: Any, freeze: str) -> Any:
    """Which parameters are not named by the pattern `freeze` ("image/.*"): a tree of bools.

    Raises UserError where it names none, or all, or is no pattern.
    """
    try:
        pattern = re.compile(freeze)
    except re.error as fault:
        raise UserError(f"optim.freeze={freeze!r} is no regular expression: {fault}") from None
    mask = _where(lambda name: pattern.fullmatch(name) is None, params)
    if freeze and len(set(jax.tree.leaves(mask))) == 1:
        some = ", ".join(sorted({name.split("/")[0] for name in _names(params)}))
        which = "no parameter" if all(jax.tree.leaves(mask)) else "all parameters"
        raise UserError(
            f"optim.freeze={freeze!r} names {which}: it must match whole paths, such as 'image/.*'; "
            f"they begin with {some}"
        )
    return mask


def held(params: Any, freeze: str) -> Any:
    """The same parameters, with no gradient for what `freeze` names: nothing is kept for a backward pass to it."""
    if not freeze:
        return params
    mask = trained(params, freeze)
    return jax.tree.map(lambda leaf, trains: leaf if trains else jax.lax.stop_gradient(leaf), params, mask)


def _where(says: Callable[[str], bool], params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: says(_name(path)), params)


def _names(params: Any) -> list[str]:
    return [_name(path) for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
