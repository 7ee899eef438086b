"""The package, built and installed, works outside the checkout, and makes data where JAX is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mmgeo_jax.cli import COMMANDS
from tests.support.paths import ROOT

SOURCES = ("checker", "configs", "data_gen", "mmgeo_jax")
TINY = ("--spec.families.train=2", "--spec.families.val=1", "--spec.families.test=1", "--spec.size_px=64")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the sources: what an earlier build left in the checkout does not get into it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The bin folder of an environment with the wheel, which sees the requirements of the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", f"--python={python}", "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "requirements.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    return folder / "venv/bin"


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "JAX_PLATFORMS": "cpu"}
    return subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_every_source_and_config(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [path for name in SOURCES for path in (ROOT / name).rglob("*") if path.is_file()]
    names = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert len(names) > 200
    assert {name.replace("configs/", "mmgeo_configs/", 1) for name in names} == {
        name for name in held if ".dist-info/" not in name
    }


def test_the_command_makes_data_in_any_folder(installed, tmp_path):
    shown = run(tmp_path, installed / "mmgeo", "--help")
    assert shown.returncode == 0 and all(f"  {name} " in shown.stdout for name in COMMANDS), shown.stderr
    made = run(tmp_path, installed / "mmgeo", "data", "--spec=data_tiny", "--out=tiny", "--workers=1", *TINY)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "tiny/tiny-train.tfrecord-00000-of-00001").is_file()
    config = run(tmp_path, installed / "mmgeo", "train-clip", "--config=configs/clip_b16.py", "--help")
    assert "--config.name=clip_b16" in config.stdout, config.stderr


def test_the_package_is_imported_in_any_folder(installed, tmp_path):
    code = "import mmgeo_jax; print(mmgeo_jax.load.__module__, mmgeo_jax.__file__)"
    module, file = run(tmp_path, installed / "python", "-c", code).stdout.split()
    assert module == "mmgeo_jax.inference.encoder" and Path(file).is_relative_to(installed.parent)


def test_data_is_made_where_jax_is_not_installed(tmp_path):
    code = f"""
import importlib, sys
sys.modules |= dict.fromkeys(("jax", "jaxlib", "flax", "optax", "orbax", "grain", "tensorflow"))
from mmgeo_jax.cli import COMMANDS, main
for module, _ in COMMANDS.values():
    if not module.startswith("mmgeo_jax.") and module != "data_gen.build.beam":
        importlib.import_module(module)
sys.exit(main(["data", "--spec=data_tiny", "--out={tmp_path}/tiny", "--workers=1", *{TINY}]))
"""
    done = run(ROOT, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "tiny").glob("*.tfrecord-*-of-00001"))) == 3
