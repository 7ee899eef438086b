"""Every setting has its range, checked before anything is read."""

import pytest

from data_gen.build.spec import load_spec
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from tests.support.paths import ROOT

WRONG = """\
data.workers=-1 train.steps=0 train.log_every=0 train.eval_every=-1 train.checkpoint_every=0 data.images=0
data.max_images=0 data.size_px=0 data.size_px=-112 model.image.mean=(1,2) model.image.std=(0,1,1) name= name=../x name=.
loss.in_batch_weight=nan loss.in_batch_weight=inf optim.lr=-1 optim.b1=1 optim.b2=nan optim.clip=0
optim.warmup=2 data.augment.blur=1.5 data.augment.blur=-0.1 seed=-1 mesh.fsdp=0 optim.freeze=( model.image.heads=0
model.image.patch_budget=-1 model.init_bias=inf name=x;y name=-x"""


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


def test_all_that_comes_with_the_package_is_in_range(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    for path in (ROOT / "configs").glob("*.py"):
        load_spec(str(path), []) if path.stem.startswith("data_") else configs.load(path)
    assert flatten(configs.load("clip_tiny", ["--config.workdir=~/x"]))["workdir"] == "/home/me/x"


@pytest.mark.parametrize("body", ["import sys; sys.exit(3)", "return None", "return {}", "raise SystemExit"])
def test_a_function_that_gives_no_config_is_one_line(body, tmp_path):
    (tmp_path / "c.py").write_text(f"def get_config():\n    {body}\n")
    with pytest.raises(UserError, match="get_config"):
        configs.load(tmp_path / "c.py")
