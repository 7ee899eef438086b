"""The project's own files agree with each other: Makefile, README, requirements, lock and imports."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import machine
from tests.support.paths import ROOT

INSTALLED = metadata.packages_distributions()
PYTHONS = ("3.11", "3.12", "3.13")


def make(*arguments: str, path: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs make in the repository without what an outer make put into the environment."""
    environment = {"PATH": path or os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    command = [shutil.which("make") or "make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def requirements(name: str) -> dict[str, Requirement]:
    """The requirement lines of a file, by canonical name; every line must carry its reason as a comment."""
    rows: dict[str, Requirement] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line and line[0] not in "#-":
            specification, _, reason = line.partition("#")
            assert reason.strip(), f"{name}: no reason beside {specification.strip()}"
            requirement = Requirement(specification)
            rows[canonicalize_name(requirement.name)] = requirement
    return rows


def imported_modules(*folders: str) -> dict[str, str]:
    """Third-party top-level modules imported under the folders, with one file that imports each."""
    own = {"data_gen", "mmgeo_jax", "configs", "tests", "machine"} | {path.stem for path in ROOT.glob("tests/*.py")}
    found = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - own - sys.stdlib_module_names:
                found[top] = str(path.relative_to(ROOT))
    return found


def distributions(module: str) -> set[str]:
    return {canonicalize_name(name) for name in INSTALLED.get(module, [module])}


def test_help_lists_every_target_once_with_an_example():
    text = make().stdout
    assert text == make("help").stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    listed = [line.split()[0] for line in text.splitlines() if "e.g. make" in line]
    assert sorted(listed) == sorted(phony.group(1).split())


def test_readme_names_only_targets_that_exist():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    named = set(re.findall(r"(?:^    |`)make ([a-z][a-z-]*)", (ROOT / "README.md").read_text(), re.M))
    assert {"train-clip", "test"} <= named <= set(phony.group(1).split())


def test_files_that_the_makefile_names_exist():
    for name in re.findall(r"configs/\w+\.py", (ROOT / "Makefile").read_text()):
        assert (ROOT / name).is_file(), name
    for module in re.findall(r"-m ((?:data_gen|mmgeo_jax)\.\w+)", (ROOT / "Makefile").read_text()):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_train_clip_passes_everything_on():
    plain = make("-n", "train-clip").stdout.splitlines()
    assert plain[-2].endswith("-m data_gen.build.shards --spec=configs/data_tiny.py --out=data/tiny")
    assert plain[-1].strip().endswith("-m mmgeo_jax.train.clip --config=configs/clip_tiny.py")
    full = make(
        "-n", "train-clip", "SPEC=configs/data_1m.py", "REAL=/a/real", "NAME=mine", "CONFIG=configs/x.py",
        "ARGS=--config.seed=1 --config.optim.lr=1e-5",
    ).stdout.splitlines()  # fmt: skip
    assert full[-3].endswith("--spec=configs/data_1m.py --out=data/1m")
    assert full[-2].endswith("--spec=configs/data_formalgeo.py --spec.root=/a/real --out=data/formalgeo7k")
    assert full[-1].split("--config", 1)[1] == (
        "=configs/x.py --config.data.dir=data/1m --config.data.real=data/formalgeo7k --config.name=mine"
        " --config.seed=1 --config.optim.lr=1e-5"
    )


@pytest.mark.parametrize("target", ["eval", "report"])
def test_a_missing_run_is_told_before_anything_is_installed(target, tmp_path):
    result = make(target, f"VENV={tmp_path}/venv")
    assert result.returncode and not (tmp_path / "venv").exists()
    assert f"error: RUN is not set; type: make {target} RUN=" in result.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('case "$*" in *--version*) echo Python 3.9.18;; *) exit 1;; esac', "is Python 3.9.18, but"),
        (f'case "$*" in *ensurepip*) exit 1;; *) exec "{sys.executable}" "$@";; esac', "has no venv module"),
    ],
)
def test_a_python_that_cannot_serve_is_one_clear_line(body, message, tmp_path):
    python = script(tmp_path / "python3", body)
    result = make("setup", f"PYTHON={python}", f"VENV={tmp_path}/venv")
    errors = [line for line in result.stderr.splitlines() if not line.startswith("make: ")]
    assert result.returncode and len(errors) == 1 and "Traceback" not in result.stdout
    assert message in errors[0] and "type: " in errors[0]
    assert not (tmp_path / "venv").exists()


def test_setup_finds_a_newer_python_beside_an_old_one(tmp_path):
    script(tmp_path / "bin/python3", "exit 1")
    for name in ("python3.13", "python3.12"):
        script(tmp_path / "bin" / name, "exit 127")
    script(tmp_path / "bin/python3.11", f'exec "{sys.executable}" "$@"')
    result = make("-n", "setup", f"VENV={tmp_path}/venv", path=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert f"python3.11 -m venv {tmp_path}/venv" in result.stdout


@pytest.mark.parametrize(
    ("files", "variables", "word"),
    [
        ({}, {}, "cpu"),
        ({"dev/nvidia0": ""}, {}, "gpu"),
        ({"dev/nvidiactl": "", "dev/nvidia3": ""}, {}, "gpu"),
        ({"sys/bus/pci/devices/0000:00:04.0/vendor": "0x1ae0", "sys/bus/pci/devices/0000:00:04.0/device": "0x0063"},
         {}, "tpu"),
        # Google's network card, which any of its virtual machines has
        ({"sys/bus/pci/devices/0000:00:03.0/vendor": "0x1ae0", "sys/bus/pci/devices/0000:00:03.0/device": "0x0042"},
         {}, "cpu"),
        # A TPU's number, but of another vendor
        ({"sys/bus/pci/devices/0000:00:03.0/vendor": "0x8086", "sys/bus/pci/devices/0000:00:03.0/device": "0x0063"},
         {}, "cpu"),
        ({}, {"TPU_ACCELERATOR_TYPE": "v5litepod-8"}, "tpu"),
        ({"dev/nvidia0": ""}, {"COLAB_RELEASE_TAG": "release-colab"}, "colab"),
    ],
)  # fmt: skip
def test_accelerators_are_found(files, variables, word, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert machine.name(tmp_path, variables) == word


@pytest.mark.parametrize(("jax", "word"), [("", "gpu"), ("0.9.2", "gpu"), ("0.12.1", "colab"), ("0.13.0", "gpu")])
def test_colab_keeps_its_jax_where_it_is_in_range(jax, word, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "installed_jax", lambda: jax)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    assert machine.name(tmp_path, {"COLAB_RELEASE_TAG": "release-colab"}) == word


@pytest.mark.parametrize("version", ["0.9.2", "0.10", "0.10.0", "0.12.9", "0.13.0", "1.0", "x"])
def test_range_of_jax_is_that_of_the_requirements(version):
    bounds = requirements("requirements.txt")["jax"].specifier
    assert machine.in_range(version) == (version != "x" and bounds.contains(version))


def setup_commands(*arguments: str, **variables: str) -> str:
    """What `make setup` would do with this Python, as one text."""
    return make("-n", "setup", "VENV=nowhere/venv", f"PYTHON={sys.executable}", *arguments, **variables).stdout


@pytest.mark.parametrize(
    ("word", "file"), [("cpu", "requirements.txt"), ("gpu", "requirements-gpu.txt"), ("tpu", "requirements-tpu.txt")]
)
def test_setup_installs_the_jax_of_the_machine(word, file):
    done = setup_commands(f"MACHINE={word}")
    assert f"{sys.executable} -m venv nowhere/venv" in done
    assert f"nowhere/venv/bin/python -m pip install --disable-pip-version-check -r {file} -c requirements.lock" in done


def test_setup_on_colab_makes_no_venv_and_pins_the_jax_that_is_there():
    colab = {"COLAB_RELEASE_TAG": "release-colab"}
    done = setup_commands(**colab)
    assert "-m venv" not in done and "requirements.lock" not in done
    assert f"{sys.executable} -m pip install --disable-pip-version-check -r requirements.txt $(" in done
    listing = re.search(r"-r requirements.txt \$\((.*)\)$", done, re.M)
    assert listing is not None
    pins = subprocess.run(listing.group(1), shell=True, capture_output=True, text=True, check=True).stdout.split()
    assert pins == [f"{name}=={metadata.version(name)}" for name in ("jax", "jaxlib")]
    assert make("-n", "report", "RUN=x", f"PYTHON={sys.executable}", **colab).stdout.splitlines()[-1].startswith(
        f"{sys.executable} -m mmgeo_jax.report.clip"
    )  # fmt: skip
    told = setup_commands("REQUIREMENTS=requirements-tpu.txt", **colab)
    assert f"{sys.executable} -m venv nowhere/venv" in told and "-r requirements-tpu.txt -c" in told


@pytest.fixture
def without_cairo(tmp_path):
    """A folder for PATH's front and an installed-looking environment whose cairocffi finds no library."""
    script(tmp_path / "venv/bin/python", f'test -e "{tmp_path}/libcairo2"')
    (tmp_path / "venv/.installed-requirements").touch()
    return tmp_path


def make_cairo(folder: Path) -> subprocess.CompletedProcess[str]:
    return make("cairo", "MACHINE=cpu", f"VENV={folder}/venv", path=f"{folder}/bin:{os.environ['PATH']}")


def test_missing_cairo_is_one_line_for_a_user(without_cairo):
    script(without_cairo / "bin/id", "echo 1000")
    result = make_cairo(without_cairo)
    errors = [line for line in result.stderr.splitlines() if not line.startswith("make: ")]
    assert result.returncode and len(errors) == 1
    assert "error: libcairo2 is missing; type: sudo apt-get install libcairo2" in errors[0]


def test_missing_cairo_is_installed_for_root(without_cairo):
    script(without_cairo / "bin/id", "echo 0")
    script(without_cairo / "bin/apt-get", f'echo "$*" >>{without_cairo}/apt; touch {without_cairo}/libcairo2')
    result = make_cairo(without_cairo)
    assert result.returncode == 0, result.stderr
    calls = (without_cairo / "apt").read_text().splitlines()
    assert calls == ["update", "install -y --no-install-recommends libcairo2"]


def test_run_time_imports_are_required_and_requirements_are_used():
    required = set(requirements("requirements.txt"))
    imported = imported_modules("data_gen", "mmgeo_jax", "configs")
    assert imported.pop("apache_beam") == "data_gen/build/beam.py"  # in an environment of its own
    for module, path in imported.items():
        assert distributions(module) & required, f"{path} imports {module}, which requirements.txt lacks"
    used = {name for module in imported for name in distributions(module)}
    assert required <= used, f"required but imported nowhere: {required - used}"


def test_test_imports_are_required():
    files = ("requirements.txt", "requirements-dev.txt", "requirements-reference.txt", "requirements-gcs.txt")
    required = {name for file in files for name in requirements(file)}
    for module, path in imported_modules("tests").items():
        assert distributions(module) & required, f"{path} imports {module}, which no requirements file has"


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_has_one_version_within_bounds_for_each_python(python):
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux"}
    locked: dict[str, Version] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and line[0] not in "# ":
            row = Requirement(line)
            if row.marker is None or row.marker.evaluate(environment):
                key = canonicalize_name(row.name)
                assert key not in locked, f"{key} twice"
                locked[key] = Version(next(iter(row.specifier)).version)
    required = requirements("requirements.txt") | requirements("requirements-dev.txt")
    for name, requirement in required.items():
        assert name in locked, f"{name} is not locked: make lock"
        assert locked[name] in requirement.specifier, f"{name} {locked[name]} is out of bounds: make lock"
    assert (locked["jax"] >= Version("0.12")) == (python != "3.11")


def test_lock_names_no_host_and_no_path():
    lock = (ROOT / "requirements.lock").read_text()
    assert "make lock" in lock and not re.search(r"://|file:|@ |--", lock)


def test_accelerator_files_keep_the_bounds_of_jax():
    bounds = requirements("requirements.txt")["jax"].specifier
    for name in ("requirements-gpu.txt", "requirements-tpu.txt"):
        assert requirements(name)["jax"].specifier == bounds
        assert "-r requirements.txt" in (ROOT / name).read_text()


def test_files_of_the_data_engine_keep_the_bounds_of_the_whole():
    alone, whole = requirements("requirements-data.txt"), requirements("requirements.txt")
    imported = set(imported_modules("data_gen")) - {"apache_beam"}
    assert set(alone) == {name for module in imported for name in distributions(module)} & set(whole)
    assert all(whole[name].specifier == row.specifier for name, row in alone.items())
    for name in ("requirements-beam.txt", "requirements-stock.txt", "requirements-gcs.txt"):
        assert "-r requirements-data.txt" in (ROOT / name).read_text()
        assert requirements(name)["pytest"].specifier == requirements("requirements-dev.txt")["pytest"].specifier


def test_the_reference_environment_is_the_whole_and_more():
    assert "-r requirements.txt" in (ROOT / "requirements-reference.txt").read_text()
    tested, dev = requirements("requirements-reference.txt"), requirements("requirements-dev.txt")
    assert tested["pytest"].specifier == dev["pytest"].specifier


def test_metadata_agrees_with_makefile_licence_and_citation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert project["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()
    assert project["license"] == "Apache-2.0" and "license: Apache-2.0" in citation
    assert f"version: {project['version']}\n" in citation
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()


def test_ci_runs_the_tests_of_the_readme_and_lint():
    ci = ROOT / ".ci/run"
    assert os.access(ci, os.X_OK)
    lines = ci.read_text().splitlines()
    assert "set -euo pipefail" in lines and "make lint" in lines and "make test" in lines
