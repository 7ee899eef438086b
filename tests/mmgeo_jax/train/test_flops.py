"""FLOPs against those of the compiled forward pass, and the table of chips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from mmgeo_jax.models import lmm, two_tower
from mmgeo_jax.train import flops


def small():
    """Wide enough that what is not counted (norms, softmax, activations) is little."""
    config = two_tower.default_model_config()
    config.image.update(size_px=64, patch_px=16, width=256, depth=2, heads=4, unroll=2)
    config.text.update(length=20, width=256, depth=3, heads=4, unroll=3)
    config.embed = 256
    return config


def compiled_flops(config, method, argument):
    graphdef, params = two_tower.init(config, 0)
    function = jax.jit(lambda params, x: getattr(nnx.merge(graphdef, params), method)(x))
    cost = function.lower(params, argument).compile().cost_analysis()
    assert cost is not None
    return cost["flops"]


@pytest.mark.parametrize(
    ("method", "counted", "argument"),
    [
        ("embed_images", flops.image, jax.ShapeDtypeStruct((8, 64, 64), jnp.uint8)),
        ("embed_texts", flops.text, jax.ShapeDtypeStruct((8, 20), jnp.int32)),
    ],
    ids=["image", "text"],
)
def test_they_are_those_of_the_compiled_forward_pass(method, counted, argument):
    """To 5 %: the compiler counts norms, softmax and activations too."""
    config = small()
    np.testing.assert_allclose(8 * counted(config), compiled_flops(config, method, argument), rtol=0.05)


def test_a_budget_of_patches_costs_less():
    config, cut = small(), small()
    cut.image.patch_budget = 8
    assert flops.image(cut) < 0.6 * flops.image(config)


@pytest.mark.parametrize(
    ("kind", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA H200", 989e12), ("NVIDIA A100-SXM4-80GB", 312e12),
        ("TPU v4", 275e12), ("TPU v5 lite", 197e12), ("TPU v5", 459e12), ("TPU v6 lite", 918e12), ("cpu", None),
    ],
)  # fmt: skip
def test_chips_are_known_by_their_names(kind, peak):
    assert flops.peak(kind) == peak
    rates = flops.mfu(1e15, 2.0, 4, kind)
    assert rates["tflops_per_s"] == 500 and rates.get("mfu") == (peak and pytest.approx(5e14 / peak / 4))


def test_those_of_a_multimodal_model_are_of_its_compiled_forward_pass():
    """To 7 %: the compiler counts norms, softmax and activations too."""
    config = lmm.default_lmm_config()
    config.image.update(size_px=64, patch_px=16, width=256, depth=3, heads=4, unroll=3)
    config.image.head, config.features = False, "last"
    config.decoder.update(vocab_size=1000, width=256, depth=3, heads=4, kv_heads=2, head_dim=64, hidden=512, unroll=3)
    graphdef, params = lmm.init(config, 0)
    images, tokens = jax.ShapeDtypeStruct((4, 2, 64, 64), jnp.uint8), jax.ShapeDtypeStruct((4, 40), jnp.int32)
    owners = jax.ShapeDtypeStruct((4, 2), jnp.int32)
    function = jax.jit(lambda params, *args: nnx.merge(graphdef, params)(*args))
    cost = function.lower(params, images, tokens, tokens, tokens, owners).compile().cost_analysis()
    assert cost is not None
    # All frozen: a forward pass alone.
    np.testing.assert_allclose(flops.lmm_step(config, 4, 2, 40, freeze=".*"), cost["flops"], rtol=0.07)


def test_what_is_frozen_has_fewer_products():
    assert [flops.passes(freeze, "text") for freeze in ("", "text/.*", "image/.*")] == [3, 1, 3]
    # Through a frozen decoder the gradient still goes back to the projector.
    assert flops.passes("decoder/.*", "decoder", ("projector",)) == 2
    assert flops.passes("(image|projector|decoder)/.*", "decoder", ("image", "projector")) == 1
