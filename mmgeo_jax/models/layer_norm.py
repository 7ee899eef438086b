"""LayerNorm (Ba et al., 2016) with a backward rule by hand. Dimensions: D width."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Float32


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalise(
    x: Float[Array, "... D"], scale: Float32[Array, " D"], bias: Float32[Array, " D"], epsilon: float
) -> Float32[Array, "... D"]:
    """Computes (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis in float32."""
    return _normalise(x, scale, bias, epsilon)[0]


def _normalise(x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> tuple[jax.Array, tuple]:
    wide = x.astype(jnp.float32)
    mean = wide.mean(-1, keepdims=True)
    inverse = jax.lax.rsqrt(jnp.square(wide - mean).mean(-1, keepdims=True) + epsilon)
    return (wide - mean) * (inverse * scale) + bias, (x, mean, inverse, scale)


def _normalise_backward(epsilon: float, kept: tuple, gradient: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Computes the gradient by hand: derived by JAX, it takes a sixth of a small model's step on a CPU."""
    x, mean, inverse, scale = kept
    normed, scaled = (x.astype(jnp.float32) - mean) * inverse, gradient * scale
    along = (scaled * normed).mean(-1, keepdims=True)
    of_x = inverse * (scaled - scaled.mean(-1, keepdims=True) - normed * along)
    rows = tuple(range(gradient.ndim - 1))
    return of_x.astype(x.dtype), (gradient * normed).sum(rows), gradient.sum(rows)


normalise.defvjp(_normalise, _normalise_backward)


class LayerNorm(nnx.Module):
    """A LayerNorm over the last axis, with statistics in float32."""

    def __init__(self, width: int, epsilon: float, dtype: jnp.dtype):
        self.epsilon, self.dtype = epsilon, dtype
        self.scale, self.bias = nnx.Param(jnp.ones(width)), nnx.Param(jnp.zeros(width))

    def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... D"]:
        return normalise(x, self.scale[...], self.bias[...], self.epsilon).astype(self.dtype)
