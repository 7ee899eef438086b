"""LoRA computes what merged kernels compute, and needs little more memory than frozen ones."""

import jax
import numpy as np
import pytest
from flax import nnx, traverse_util
from ml_collections import ConfigDict

from configs import lmm_align
from mmgeo_jax.distributed import mesh
from mmgeo_jax.models import lmm, lora
from mmgeo_jax.models.freeze import stop_frozen
from mmgeo_jax.train import compile_report
from mmgeo_jax.train import lmm as train_lmm


def config_of(rank: int, freeze: str = "decoder/.*", **decoder) -> ConfigDict:
    config = lmm_align.get_config()
    config.optim.freeze, config.lora.rank = freeze, rank
    config.model.image.update(depth=2, width=32, heads=2)
    config.model.decoder.update({"width": 64, "depth": 3, "heads": 2, "head_dim": 32, "hidden": 96} | decoder)
    return config


def trained(config: ConfigDict):
    """A model whose factors are no longer zero: (graphdef, params)."""
    graphdef, params = train_lmm.init_model(config)
    flat = traverse_util.flatten_dict(params, sep="/")
    rng = np.random.default_rng(0)
    flat |= {name: rng.normal(size=x.shape).astype("f4") * 0.02 for name, x in flat.items() if name.endswith("lora_b")}
    return graphdef, traverse_util.unflatten_dict(flat, sep="/")


def batch_of(config: ConfigDict):
    batch, rng = train_lmm.empty_batch(config, 2), np.random.default_rng(1)
    batch["images"][:] = rng.integers(0, 256, batch["images"].shape)
    batch["tokens"][:] = rng.integers(2, 500, batch["tokens"].shape)
    batch["segments"][:], batch["image_segments"][:, 0] = 1, 1
    batch["prefix"][:, :10], batch["loss_mask"][:, 10:] = True, True
    return batch


@pytest.mark.parametrize("kernels", ["decoder/blocks/.*/kernel", ".*blocks/.*/kernel|projector/.*/kernel"])
def test_low_rank_products_equal_merged_kernels(kernels):
    config = config_of(4, freeze=".*blocks/.*|projector/.*")
    config.lora.kernels = kernels
    graphdef, params = trained(config)
    plain, _ = lmm.init(config.model, config.seed)
    batch = batch_of(config)
    inputs = [batch[name] for name in train_lmm.READ]

    @jax.jit
    def logits(params):
        return nnx.merge(graphdef, params)(*inputs)

    @jax.jit
    def merged_logits(params):
        return nnx.merge(plain, lora.merge(params, config.lora))(*inputs)

    before = merged_logits(lmm.init(config.model, config.seed)[1])
    np.testing.assert_allclose(logits(train_lmm.init_model(config)[1]), before, rtol=1e-5, atol=1e-5)
    after = logits(params)
    np.testing.assert_allclose(after, merged_logits(params), rtol=1e-5, atol=1e-5)
    assert np.abs(after - before).max() > 1e-2


def test_the_factors_alone_get_gradients():
    config = config_of(4)
    graphdef, params = trained(config)
    batch = batch_of(config)

    def loss(params):
        return train_lmm.loss_of(config, graphdef, stop_frozen(params, config.optim.freeze), batch)[0]

    gradients = traverse_util.flatten_dict(jax.jit(jax.grad(loss))(params)["decoder"], sep="/")
    for name, gradient in gradients.items():
        assert (np.abs(gradient).max() > 0) == ("lora_" in name), name


def test_memory_is_near_that_of_a_frozen_decoder():
    """Bytes of temporaries of a training step, compiled and not run."""

    def temporaries(rank: int, freeze: str) -> int:
        config = config_of(rank, freeze, width=512, depth=4, heads=8, head_dim=64, hidden=2048, unroll=1)
        config.data.update(samples_per_row=1, max_tokens=16)
        config.train.global_batch = 1
        one = mesh.mesh_of(jax.devices()[:1], fsdp=1)
        return compile_report.temporary_bytes(config, one)

    full, frozen, low_rank = temporaries(0, ""), temporaries(0, "decoder/.*"), temporaries(8, "decoder/.*")
    assert low_rank < 1.5 * frozen and low_rank < 0.5 * full, (full, frozen, low_rank)
