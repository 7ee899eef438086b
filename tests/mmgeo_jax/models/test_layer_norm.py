"""LayerNorm and its backward rule against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmgeo_jax.models.layer_norm import LayerNorm, normalise

EPSILON = 1e-6


def reference(x, scale, bias, cotangent):
    """Returns the value and the gradients of <cotangent, norm(x)>, each by its own formula."""
    width = x.shape[-1]
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    value = centred / deviation * scale + bias
    # d norm_i / d x_j = (delta_ij - 1/D - c_i c_j / (D s^2)) / s, as a matrix for each row.
    outer = centred[..., :, None] * centred[..., None, :] / (width * deviation[..., None] ** 2)
    jacobian = (np.eye(width) - 1 / width - outer) / deviation[..., None]
    of_x = np.einsum("...i,...ij->...j", cotangent * scale, jacobian)
    return value, of_x, (cotangent * centred / deviation).reshape(-1, width).sum(0), cotangent.reshape(-1, width).sum(0)


@pytest.mark.parametrize("mean, spread", [(0.0, 1.0), (30.0, 1.0), (0.0, 1e-4), (0.0, 100.0)])
def test_value_and_gradients_are_those_of_the_formula(mean, spread):
    rng = np.random.default_rng(0)
    x, cotangent = rng.normal(mean, spread, (3, 5, 24)), rng.normal(size=(3, 5, 24))
    scale, bias = rng.normal(1, 0.3, 24), rng.normal(size=24)
    single = [a.astype(np.float32) for a in (x, scale, bias, cotangent)]
    value, pull = jax.vjp(lambda *args: normalise(*args, EPSILON), *single[:3])
    expected = reference(*(a.astype(np.float64) for a in single))
    for found, wanted in zip((value, *pull(single[3])), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5 * np.abs(wanted).max())


def test_half_precision_has_statistics_in_float32_and_gradients_of_its_own_type():
    norm = LayerNorm(16, EPSILON, jnp.bfloat16)
    x = jnp.asarray(np.random.default_rng(0).normal(300, 1, (4, 16)), jnp.bfloat16)
    found = norm(x)
    wide = np.asarray(x, np.float64)
    wanted = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + EPSILON)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(found, np.float64), wanted, atol=2**-7)
    assert jax.grad(lambda x: norm(x).sum().astype(jnp.float32))(x).dtype == jnp.bfloat16
