"""Every setting has its range, checked before anything is read."""

import re
from collections.abc import Iterable

import pytest

from data_gen.build.spec import SPEC, load_spec
from data_gen.shared.config import flatten, load
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.losses import pairs
from mmgeo_jax.models import lmm, transformer, vit
from mmgeo_jax.train import logging
from tests.support.paths import ROOT

WRONG = """\
data.workers=-1 train.steps=0 train.log_every=0 train.eval_every=-1 train.checkpoint_every=0 data.images=0
data.max_images=0 data.size_px=0 data.size_px=-112 model.image.mean=(1,2) model.image.std=(0,1,1) name= name=../x name=.
loss.in_batch_weight=nan loss.in_batch_weight=inf optim.lr=-1 optim.b1=1 optim.b2=nan optim.clip=0
optim.warmup=2 data.augment.blur=1.5 data.augment.blur=-0.1 seed=-1 mesh.fsdp=0 optim.freeze=( model.image.heads=0
model.image.patch_budget=-1 model.init_bias=inf model.dtype=float64
loss.name=hinge loss.mask=x model.image.pool=max model.text.remat=some model.image.stem=x model.image.activation=relu
train.trackers=mlflow init_parts=tower model.text.end_id=-1 name=x;y name=-x"""


@pytest.mark.parametrize("override", [*WRONG.split(), "name=x; touch pwned", "name=a\nb", "name=" + "a" * 101])
def test_a_value_out_of_range_is_one_line(override):
    with pytest.raises(UserError) as fault:
        configs.load("clip_tiny", [f"--config.{override}"])
    assert override.partition("=")[0] in str(fault.value) and "\n" not in str(fault.value)


@pytest.mark.parametrize("name", ["a b", "größe", "clip_tiny-2", "v1.0", "図"])
def test_usual_names_are_taken(name):
    assert configs.load("clip_tiny", [f"--config.name={name}"]).name == name


@pytest.mark.parametrize("override", ["size_px=0", "seed=-1", "families.train=-1", "cube_share=nan", "cube_share=2"])
def test_a_spec_out_of_range_is_one_line(override):
    with pytest.raises(UserError, match=override.partition("=")[0]):
        load_spec("configs/data_composed.py", [f"--spec.{override}"])


REGISTRIES: dict[str, Iterable[str]] = {
    "data.task": lmm_data.TASKS,
    "loss.name": pairs.LOSSES,
    "loss.mask": pairs.PAIR_MASKS,
    "model.features": lmm.FEATURES,
    "model.image.stem": vit.STEMS,
    "model.image.activation": transformer.ACTIVATIONS,
    "model.text.pool": transformer.POOLS,
    "model.decoder.remat": transformer.REMAT,
    "train.trackers": logging.TRACKERS,
}


def test_what_can_be_chosen_is_what_there_is():
    for key, registry in REGISTRIES.items():
        fits, words = rule_of(configs.RANGES, key)
        assert all(map(fits, registry)) and not fits("other") and not fits(None), key
        assert set(re.findall(r"[\w+]+", words)) - {"one", "of", "joined", "by"} == set(registry), key


def rule_of(table, key):
    return next((rule for row, rule in table.items() if re.fullmatch(row, key)), None)


def test_every_setting_that_comes_with_the_package_has_its_range():
    for path in (ROOT / "configs").glob("*.py"):
        noun, table = ("spec", SPEC) if path.stem.startswith("data_") else ("config", configs.RANGES)
        for key, value in flatten(load(noun, path)).items():
            rule = rule_of(table, key)
            assert rule is not None, f"{path.name}: {key} has no row"
            assert not rule[0](object()) and rule[0](value), key


def test_all_that_comes_with_the_package_is_in_range(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/me")
    for path in (ROOT / "configs").glob("*.py"):
        load_spec(str(path), []) if path.stem.startswith("data_") else configs.load(path)
    assert flatten(configs.load("clip_tiny", ["--config.workdir=~/x"]))["workdir"] == "/home/me/x"
    (tmp_path / "c.py").write_text((ROOT / "configs/clip_tiny.py").read_text().replace('"data/tiny"', '"~/tiny"'))
    assert configs.load(tmp_path / "c.py").data.dir == "/home/me/tiny"


@pytest.mark.parametrize("body", ["import sys; sys.exit(3)", "return None", "return {}", "raise SystemExit"])
def test_a_function_that_gives_no_config_is_one_line(body, tmp_path):
    (tmp_path / "c.py").write_text(f"def get_config():\n    {body}\n")
    with pytest.raises(UserError, match="get_config"):
        configs.load(tmp_path / "c.py")
