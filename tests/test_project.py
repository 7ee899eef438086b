"""The project's own files agree with each other: Makefile, README, pyproject, requirements, lock and imports."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mmgeo_jax.cli import COMMANDS
from tests.support.paths import ROOT

INSTALLED = metadata.packages_distributions()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
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


def requirements() -> dict[str, Requirement]:
    """The lines of requirements.txt, by canonical name; each carries its reason as a comment."""
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    for line in lines:
        assert line.partition("#")[2].strip(), f"no reason beside {line}"
    return by_name(line.partition("#")[0] for line in lines)


def by_name(specifications: Iterable[str]) -> dict[str, Requirement]:
    rows = [Requirement(specification) for specification in specifications]
    return {canonicalize_name(row.name): row for row in rows}


def imported_modules(*folders: str) -> dict[str, str]:
    """Third-party top-level modules imported under the folders, with one file that imports each."""
    own = {"checker", "configs", "data_gen", "mmgeo_jax", "tests"}
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


def test_pages_name_only_targets_that_exist():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    pages = "".join(path.read_text() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
    named = set(re.findall(r"(?:^    |`)make ([a-z][a-z-]*)", pages, re.M))
    assert {"train-clip", "test"} <= named <= set(phony.group(1).split())


def test_files_that_the_makefile_names_exist():
    for name in re.findall(r"configs/\w+\.py", (ROOT / "Makefile").read_text()):
        assert (ROOT / name).is_file(), name
    for command in re.findall(r"-m mmgeo_jax ([\w-]+)", (ROOT / "Makefile").read_text()):
        assert command in COMMANDS, command
    for path in re.findall(r"tests/[\w/]+\.py", (ROOT / "Makefile").read_text()):
        assert (ROOT / path).is_file(), path


def test_train_clip_passes_everything_on():
    plain = make("-n", "train-clip").stdout.splitlines()
    assert plain[-2].endswith("-m mmgeo_jax data --spec=configs/data_tiny.py --out=data/tiny")
    assert plain[-1].strip().endswith("-m mmgeo_jax train-clip --config=configs/clip_tiny.py")
    full = make(
        "-n",
        "train-clip",
        "SPEC=configs/data_1m.py",
        "REAL=/a/real",
        "NAME=mine",
        "CONFIG=configs/x.py",
        "ARGS=--config.seed=1 --config.optim.lr=1e-5",
    ).stdout.splitlines()
    assert full[-3].endswith("--spec=configs/data_1m.py --out=data/1m")
    assert full[-2].endswith("--spec=configs/data_formalgeo.py --spec.root=/a/real --out=data/formalgeo7k")
    assert full[-1].split("--config", 1)[1] == (
        "=configs/x.py --config.data.dir=data/1m --config.data.real_dir=data/formalgeo7k --config.name=mine"
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


def pci(vendor: str, device: str) -> dict[str, str]:
    """The file by which Linux names a device on the PCI bus."""
    return {
        "sys/bus/pci/devices/0000:00:04.0/modalias": f"pci:v0000{vendor}d0000{device}sv00001AE0sd0000004Dbc08sc80i00"
    }


@pytest.mark.parametrize(
    ("files", "variables", "word"),
    [
        ({}, {}, "cpu"),
        ({"dev/nvidia0": ""}, {}, "gpu"),
        ({"dev/nvidiactl": "", "dev/nvidia3": ""}, {}, "gpu"),  # in a container there may be no first card
        ({"dev/dxg": ""}, {}, "gpu"),  # WSL 2
        (pci("1AE0", "0063"), {}, "tpu"),
        (pci("1AE0", "0042"), {}, "cpu"),  # Google's network card, which any of its virtual machines has
        (pci("8086", "0063"), {}, "cpu"),  # a TPU's number, but of another vendor
        ({}, {"TPU_ACCELERATOR_TYPE": "v5litepod-8"}, "tpu"),
    ],
)
def test_accelerators_are_found(files, variables, word, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert f"machine: {word} " in setup_commands(f"SYSTEM={tmp_path}", **variables)


@pytest.mark.parametrize("version", ["", "0.9.2", "0.10", "0.10.0", "0.12.9", "0.13.0", "1.0", "x"])
def test_colab_keeps_its_jax_where_it_is_in_range(version, tmp_path):
    """A Colab with a GPU, and a Python whose JAX has this version, or has none."""
    fakes = tmp_path / "fakes"
    if version:
        (fakes / "jax-0.dist-info").mkdir(parents=True)
        (fakes / "jax-0.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: jax\nVersion: {version}\n")
    python = script(tmp_path / "python3", f'PYTHONPATH="{fakes}" exec "{sys.executable}" -S "$@"')
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    kept = version not in ("", "x") and requirements()["jax"].specifier.contains(version)
    done = setup_commands(f"SYSTEM={tmp_path}", f"PYTHON={python}", COLAB_RELEASE_TAG="release-colab")
    assert f"machine: {'colab' if kept else 'gpu'} " in done


def setup_commands(*arguments: str, **variables: str) -> str:
    """What `make setup` would do with this Python, as one text."""
    return make("-n", "setup", "VENV=nowhere/venv", f"PYTHON={sys.executable}", *arguments, **variables).stdout


@pytest.mark.parametrize(("word", "what"), [("cpu", "."), ("gpu", ".[gpu]"), ("tpu", ".[tpu]")])
def test_setup_installs_the_jax_of_the_machine(word, what):
    done = setup_commands(f"MACHINE={word}")
    assert f"{sys.executable} -m venv nowhere/venv" in done
    assert (
        f"nowhere/venv/bin/python -m pip install --disable-pip-version-check -e '{what}' -c requirements.lock" in done
    )


def test_setup_on_colab_makes_no_venv_and_pins_the_jax_that_is_there():
    colab = {"COLAB_RELEASE_TAG": "release-colab"}
    done = setup_commands(**colab)
    assert "-m venv" not in done and "requirements.lock" not in done
    assert f"{sys.executable} -m pip install --disable-pip-version-check -e '.' $(" in done
    listing = re.search(r"-e '\.' \$\((.*)\)$", done, re.M)
    assert listing is not None
    pins = subprocess.run(listing.group(1), shell=True, capture_output=True, text=True, check=True).stdout.split()
    assert pins == [f"{name}=={metadata.version(name)}" for name in ("jax", "jaxlib")]
    report = make("-n", "report", "RUN=x", f"PYTHON={sys.executable}", **colab).stdout.splitlines()[-1]
    assert report.startswith(f"{sys.executable} -m mmgeo_jax report")
    told = setup_commands("MACHINE=tpu", **colab)
    assert f"{sys.executable} -m venv nowhere/venv" in told and "-e '.[tpu]' -c" in told


@pytest.fixture
def without_cairo(tmp_path):
    """A folder for PATH's front and an installed-looking environment whose cairocffi finds no library."""
    script(tmp_path / "venv/bin/python", f'test -e "{tmp_path}/libcairo2"')
    (tmp_path / "venv/.installed-cpu").touch()
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
    required = set(requirements())
    imported = imported_modules("checker", "configs", "data_gen", "mmgeo_jax")
    assert imported.pop("apache_beam") == "data_gen/build/beam.py"  # in an environment of its own
    assert imported.pop("lmms_eval") == "mmgeo_jax/evals/harnesses/lmms_eval.py"  # in another
    for module, path in imported.items():
        assert distributions(module) & required, f"{path} imports {module}, which requirements.txt lacks"
    used = {name for module in imported for name in distributions(module)}
    assert required <= used, f"required but imported nowhere: {required - used}"


def test_test_imports_are_required():
    required = set(requirements()) | {name for extra in EXTRAS.values() for name in by_name(extra)}
    for module, path in imported_modules("tests").items():
        assert distributions(module) & required, f"{path} imports {module}, which no extra has"


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
    required = requirements() | by_name(EXTRAS["test"]) | by_name(EXTRAS["dev"])
    del required["mmgeo-jax"]
    for name, requirement in required.items():
        assert name in locked, f"{name} is not locked: make lock"
        assert locked[name] in requirement.specifier, f"{name} {locked[name]} is out of bounds: make lock"
    assert (locked["jax"] >= Version("0.12")) == (python != "3.11")


def test_lock_names_no_host_and_no_path():
    lock = (ROOT / "requirements.lock").read_text()
    assert "make lock" in lock and not re.search(r"://|file:|@ |--", lock)


def test_every_line_of_an_extra_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    for specification in [line for extra in EXTRAS.values() for line in extra]:
        assert re.search(re.escape(f'"{specification}"') + r"[],]* +# \w", text), specification


def test_the_data_engine_alone_has_what_it_imports_within_the_bounds_of_the_whole():
    alone, whole = by_name(PROJECT["dependency-groups"]["data"]), requirements()
    imported = set(imported_modules("data_gen")) - {"apache_beam"}
    assert set(alone) == {name for module in imported for name in distributions(module)} & set(whole)
    assert all(str(whole[name]) == str(row) for name, row in alone.items())


@pytest.mark.parametrize("target", ["test-beam", "test-stock", "test-reference", "test-harness", "test-gcs"])
def test_environments_of_their_own_are_extras(target):
    [installation] = [line for line in make("-n", "-B", target).stdout.splitlines() if " -e " in line]
    [extras] = re.findall(r"-e '\.\[(.*)\]'", installation)
    assert set(extras.split(",")) <= set(EXTRAS)


def test_metadata_agrees_with_makefile_licence_and_citation():
    project = PROJECT["project"]
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
