"""A fresh model of any class, split into its graph and plain parameters."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from ml_collections import ConfigDict

Params = dict[str, Any]
Make = Callable[[ConfigDict, nnx.Rngs], nnx.Module]  # a class of modules


def init_graph(make: Make, config: ConfigDict) -> nnx.GraphDef:
    """What `init` gives beside the parameters, at no cost."""
    return nnx.graphdef(nnx.eval_shape(lambda: make(config, nnx.Rngs(0))))


def init(make: Make, config: ConfigDict, seed: int) -> tuple[nnx.GraphDef, Params]:
    """A fresh model as `(graphdef, params)`; params are plain nested dicts of f32 arrays with string keys.

    `nnx.merge(graphdef, params)` is the module again, inside a jitted function as well.
    """
    # As text, since frozen configs that differ in a nested value may compare equal.
    return init_graph(make, config), _fresh(make, json.dumps(config.to_dict()), jax.random.key(seed))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _fresh(make: Make, config: str, key: jax.Array) -> Params:
    return nnx.to_pure_dict(nnx.state(make(ConfigDict(json.loads(config)), nnx.Rngs(key))))
