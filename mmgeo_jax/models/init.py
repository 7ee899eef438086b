"""Initialises a model of any class, split into its graph and plain parameters."""

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
    """Returns the graph of a model without computing any parameter."""
    return nnx.graphdef(nnx.eval_shape(lambda: make(config, nnx.Rngs(0))))


def init(make: Make, config: ConfigDict, seed: int) -> tuple[nnx.GraphDef, Params]:
    """Initialises a model as `(graphdef, params)`; params are plain nested dicts of f32 arrays with string keys.
    `nnx.merge(graphdef, params)` gives the module back, inside a jitted function too."""
    # As text, since frozen configs that differ in a nested value may compare equal.
    return init_graph(make, config), _fresh(make, json.dumps(config.to_dict()), jax.random.key(seed))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _fresh(make: Make, config: str, key: jax.Array) -> Params:
    return nnx.to_pure_dict(nnx.state(make(ConfigDict(json.loads(config)), nnx.Rngs(key))))
