"""Checksums of arrays, computed where they lie: a flipped bit of a stored array is noticed when it is read again.

The checksum of an array is the sum of its words, each times its own odd number, modulo 2^32. Odd numbers have inverses
there, so a change of one word always shows, and any other change but for one in 2^32; and a sum can be taken over the
parts of an array that lies on many devices.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util


def checksums(trees: Mapping[str, Any]) -> dict[str, int]:
    """Returns the checksum of each array of nested dicts with string keys, by its path: "params/image/norm/scale"."""
    sums = jax.device_get(_sums(traverse_util.flatten_dict(trees, sep="/")))
    return {name: int(value) for name, value in sums.items()}


@jax.jit
def _sums(arrays: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {name: _sum(array) for name, array in arrays.items()}


def _sum(array: jax.Array) -> jax.Array:
    words = jax.lax.bitcast_convert_type(array, np.dtype(f"uint{8 * min(array.dtype.itemsize, 4)}"))
    words = words.astype(jnp.uint32)
    weights = jnp.zeros((), jnp.uint32)
    for axis, size in enumerate(words.shape):  # the place of a word, without a copy of the array's order
        weights = weights * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, words.shape, axis)
    return jnp.sum(words * (2 * weights + 1), dtype=jnp.uint32)
