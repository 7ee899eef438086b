"""The optimizers, their learning rate, and which parameters decay."""

import operator
import re
from typing import Any

import jax
import optax
from ml_collections import ConfigDict
from optax import contrib

from mmgeo_jax.models.freeze import map_paths, trainable_mask
from mmgeo_jax.models.init import Params
from mmgeo_jax.models.transformer import choice

# Norms, biases, and the scale and bias of the scores do not decay.
NO_DECAY = r"(.*/)?(\w*norm/\w+|bias\d?|logit_scale|logit_bias)"

# Muon serves the kernels of blocks and pools, not those that read pixels or tokens, or write logits.
KERNELS = r"(.*/)?(\w*attention|mlp)/\w+/kernel"
MUON_BETA = 0.95
ADAM_RMS = 0.2  # of Adam's updates, before the rate
Named = tuple[str, optax.GradientTransformation]


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
    """Returns clipping by the global norm, the scaler `optim.name`, weight decay and the rate. Its state is a dict, and
    only covers trainable parameters."""
    chain = optax.named_chain(
        ("clip", optax.clip_by_global_norm(optim.clip)),
        *choice(SCALERS, optim.get("name", "adamw"), "optim.name")(optim),
        ("decay", optax.add_decayed_weights(optim.weight_decay, decay_mask)),
        ("rate", optax.scale_by_learning_rate(learning_rate(optim, steps))),
    )
    return optax.masked(chain, lambda params: trainable_mask(params, optim.freeze)) if optim.freeze else chain


def _adam(optim: ConfigDict) -> list[Named]:
    return [("adam", optax.scale_by_adam(optim.b1, optim.b2))]


def _muon(optim: ConfigDict) -> list[Named]:
    """Makes the updates of kernels orthogonal (Muon, Jordan et al., 2024), of the same root mean square as Adam's (Liu
    et al., 2025), so that one rate serves both; all else has Adam."""

    def axes(kernels: Params) -> Any:  # layers are stacked before them
        return jax.tree.map(lambda leaf: contrib.MuonDimensionNumbers(leaf.ndim - 2, leaf.ndim - 1), kernels)

    def as_adam(kernels: Params, _: Any) -> Params:
        return jax.tree.map(lambda leaf: ADAM_RMS * max(leaf.shape[-2:]) ** 0.5 * leaf, kernels)

    def others(params: Params) -> Any:
        return jax.tree.map(operator.not_, kernel_mask(params))

    muon = optax.chain(contrib.scale_by_muon(beta=MUON_BETA, weight_dimension_numbers=axes), optax.stateless(as_adam))
    adam = optax.scale_by_adam(optim.b1, optim.b2)
    return [("muon", optax.masked(muon, kernel_mask)), ("adam", optax.masked(adam, others))]


SCALERS = {"adamw": _adam, "muon": _muon}


def kernel_mask(params: Params) -> Any:
    """Returns a tree of bools: whether a parameter is a kernel that Muon serves."""
    return map_paths(lambda name: re.fullmatch(KERNELS, name) is not None, params)


def decay_mask(params: Params) -> Any:
    """Returns a tree of bools: whether weight decay applies to a parameter."""
    return map_paths(lambda name: re.fullmatch(NO_DECAY, name) is None, params)
