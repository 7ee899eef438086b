"""Every training config loads, and its step can be traced; the paper's three stages hang together."""

from pathlib import Path

import jax
import pytest

from mmgeo_jax import config
from mmgeo_jax.distributed import mesh
from mmgeo_jax.train import compile_report

CONFIGS = sorted(path.stem for kind in ("clip", "lmm") for path in Path("configs").glob(f"{kind}_*.py"))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_step_can_be_traced(name):
    settings = config.load(f"configs/{name}.py")
    assert settings.name == name
    alone = mesh.mesh_of(jax.devices()[:1], fsdp=1)
    mesh.check_batch(settings.train, alone)
    params, _, batch = compile_report.shapes(settings, alone)
    trainer = compile_report.trainer_of(settings)
    graphdef, _ = jax.eval_shape(lambda: trainer.init_model(settings))
    (loss, _), gradients = jax.eval_shape(trainer.make_gradients(settings, graphdef, alone), params, batch)
    assert loss.shape == ()
    assert all(jax.tree.leaves(jax.tree.map(lambda gradient, leaf: gradient.shape == leaf.shape, gradients, params)))


def test_each_stage_begins_where_the_one_before_ended():
    first, second, third = (config.load(f"configs/clip_stage{number}.py") for number in (1, 2, 3))
    assert (first.init_from, second.init_from, third.init_from) == ("", "runs/clip_stage1", "runs/clip_stage2")
    assert first.model == second.model == third.model
    align, tune = (config.load(f"configs/lmm_{name}.py") for name in ("align", "tiny"))
    assert (align.init_from, tune.init_from) == ("runs/clip_tiny", "runs/lmm_align")
    assert align.model == tune.model and align.model.image == config.load("configs/clip_tiny.py").model.image
    assert (second.data.max_captions - 1, second.data.retrieved_captions, third.data.max_images - 1) == (10, 30, 7)
