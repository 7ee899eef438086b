"""The pages: no dead link, no command, option, setting, file or folder that is not there."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data_gen.shared.config import flatten
from mmgeo_jax.cli import COMMANDS
from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "perf" / "NOTES.md"])
OWN = ("checker/", "configs/", "data_gen/", "docs/", "mmgeo_jax/", "perf/", "tests/")


def commands_of(text: str) -> list[list[str]]:
    """Returns the words of each `mmgeo COMMAND ...` in code."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (\S.*)$", text, re.M)
    found = re.findall(r"(?:^|[\s,(])(?:mmgeo|python -m mmgeo_jax) ([a-z][^#`\n]*)", "\n".join(code))
    return [words.split() for words in found]


def heading_ids(path: Path) -> set[str]:
    """Returns the anchors that a page's headings have."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in heading_ids(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_and_commands_exist(page):
    text = page.read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^    |`)make ([a-z][a-z-]*)", text, re.M))
    assert named <= targets, named - targets
    for name, *_ in commands_of(text):
        assert name in COMMANDS, name
    for module in re.findall(r"python -m ((?:perf|docs)\.\w+)", text):
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_folders_exist(page):
    for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", page.read_text()):
        if path.startswith(OWN):
            assert (ROOT / path).exists(), path


def test_the_tree_of_the_readme_is_that_of_the_code():
    block = (ROOT / "README.md").read_text().split("## Where things are")[1].split("\n## ")[0]
    named: dict[str, set[str]] = {"data_gen": set(), "mmgeo_jax": set()}
    package = ""
    for indent, folder in re.findall(r"^    ( *)([\w]+)/", block, re.M):
        if not indent:
            package = folder
        elif package in named:
            named[package].add(folder)
    for package, folders in named.items():
        there = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        assert folders == there, (package, folders ^ there)


def test_settings_that_are_named_exist():
    keys: dict[str, set[str]] = {"config": set(), "spec": set()}
    for path in ROOT.glob("configs/*.py"):
        module = importlib.import_module(f"configs.{path.stem}")
        if hasattr(module, "get_config"):
            keys["config"] |= set(flatten(module.get_config()))
        else:
            keys["spec"] |= set(flatten(module.get_spec()))
    for page in PAGES:
        if page.name == "NOTES.md":  # a log: its settings are those of its day
            continue
        for kind, key in re.findall(r"--(config|spec)\.([a-z_][\w.]*)=", page.read_text()):
            assert key in keys[kind], f"{page.name}: --{kind}.{key}"


@pytest.mark.slow
def test_options_that_are_named_exist():
    """Asks every command that a page shows for its --help, once."""
    shown: dict[str, set[str]] = {}
    for page in PAGES:
        for name, *words in commands_of(page.read_text()):
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            shown.setdefault(name, set()).update(o for o in options if not o.startswith(("--config.", "--spec.")))
    for name, options in shown.items():
        if not options or name == "beam":  # in an environment of its own
            continue
        command = [sys.executable, "-m", "mmgeo_jax", name, "--help"]
        text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert options <= set(re.findall(r"--[\w-]+", text)), (name, options)


def test_the_walks_of_contributing_name_functions_that_exist():
    """`folder/file.py: name` is a definition of that file, in one of the packages."""
    named = re.findall(r"`((?:\w+/)+\w+\.py): ([\w.]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 10
    for path, name in named:
        found = [ROOT / base / path for base in ("", "mmgeo_jax", "data_gen") if (ROOT / base / path).is_file()]
        assert found, path
        tree = ast.parse(found[0].read_text())
        parts: list[ast.AST] = [tree]
        for part in name.split("."):
            parts = [
                node for outer in parts for node in ast.iter_child_nodes(outer) if getattr(node, "name", "") == part
            ]
        assert parts, f"{path}: {name}"
