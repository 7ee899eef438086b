"""The layout shows the flow: no import goes against it or in a circle, and nothing is too long to read."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("data_gen", "checker", "mmgeo_jax")


def under(package: str, folders: str) -> list[str]:
    return [f"{package}.{folder}" for folder in folders.split()]


# The order of the flow, from a point in the plane to a data set, and from a model to a run: a folder imports itself and
# what stands before it.
FLOW = [
    *under("data_gen", "shared geometry language records constructions truth drawing solver families retrieval"),
    *under("data_gen", "sources build checks view"),
    "checker",
    *under("mmgeo_jax", "config batch models distributed losses data checkpoints inference"),
    *under("mmgeo_jax", "evals report train cli __main__"),
]
JAX = {"jax", "jaxlib", "flax", "optax", "orbax", "grain"}
# package -> what it never imports: data is made where JAX is not installed, and the independent checker shares
# no definition with what it checks.
NEVER = {
    "data_gen": JAX | {"tensorflow", "torch", "mmgeo_jax", "checker"},
    "mmgeo_jax": {"tensorflow", "torch"},
    "checker": JAX | {"tensorflow", "torch", "mmgeo_jax"}
    | {"data_gen.truth", "data_gen.language", "data_gen.solver", "data_gen.families"},
}  # fmt: skip
MOST_FILES, MOST_LINES, LONGEST_FUNCTION = 15, 400, 60

Sources = dict[str, str]  # module -> its text


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@pytest.fixture(scope="module")
def sources() -> Sources:
    paths = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {module_name(path): (ROOT / path).read_text() for path in paths}


@cache
def tree(text: str) -> ast.Module:
    return ast.parse(text)


def imports(sources: Sources) -> dict[str, set[str]]:
    """What each module imports, wherever in the file: modules of ours in full, others as they are written."""
    found: dict[str, set[str]] = {module: set() for module in sources}
    for module, text in sources.items():
        for node in ast.walk(tree(text)):
            if isinstance(node, ast.Import):
                found[module] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module, f"{module}: imports are absolute"
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                found[module] |= {name if name in sources else node.module for name in names}
    return found


def folder(module: str) -> str:
    package, *rest = module.split(".")
    return package if package in FLOW else ".".join([package, *rest[:1]])


def place(module: str) -> int | None:
    """How late in the flow a module's folder comes; None outside it, as for a package's own __init__."""
    return FLOW.index(folder(module)) if folder(module) in FLOW else None


def upward(sources: Sources) -> Iterator[str]:
    for module, targets in imports(sources).items():
        for target in targets:
            here, there = place(module), place(target)
            if here is not None and there is not None and there > here:
                yield f"{module} imports {target}"


def forbidden(sources: Sources) -> Iterator[str]:
    for module, targets in imports(sources).items():
        for target in targets:
            parts = target.split(".")
            prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
            if prefixes & NEVER.get(module.split(".")[0], set()):
                yield f"{module} imports {target}"


def circles(sources: Sources) -> Iterator[str]:
    """Peels off the modules that import none of the rest; what cannot be peeled is a circle, or leads to one."""
    left = {module: targets & set(sources) for module, targets in imports(sources).items()}
    while leaves := {module for module, targets in left.items() if not targets & set(left)}:
        left = {module: targets for module, targets in left.items() if module not in leaves}
    yield from left


def too_long(sources: Sources) -> Iterator[str]:
    for module, text in sources.items():
        if (lines := len(text.splitlines())) > MOST_LINES:
            yield f"{module}: {lines} lines"
        for node in ast.walk(tree(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    yield f"{module}.{node.name}: {lines} lines"


def crowded(paths: list[Path]) -> Iterator[str]:
    for folder, files in Counter(path.parent for path in paths).items():
        if files > MOST_FILES:
            yield f"{folder}: {files} files"


@pytest.mark.parametrize("faults", [upward, forbidden, circles, too_long])
def test_sources_keep_the_rule(faults, sources):
    assert not list(faults(sources))


@pytest.mark.parametrize(
    ("faults", "broken"),
    [
        (upward, {"data_gen.geometry.plane": "def f():\n    from data_gen.view.gallery import page"}),
        (upward, {"mmgeo_jax.losses.pairs": "import mmgeo_jax.train.loop"}),
        (upward, {"data_gen.build.shards": "from mmgeo_jax.config import load"}),
        (forbidden, {"data_gen.build.shards": "from mmgeo_jax.config import load"}),
        (forbidden, {"data_gen.truth.signatures": "import jax.numpy as jnp"}),
        (forbidden, {"mmgeo_jax.data.clip": "import tensorflow as tf"}),
        (forbidden, {"checker.drawn": "from data_gen.truth import truth_table", "data_gen.truth.truth_table": ""}),
        (
            circles,
            {"data_gen.truth.a": "from data_gen.truth.b import x", "data_gen.truth.b": "import data_gen.truth.a"},
        ),
        (too_long, {"checker.drawn": "pass\n" * 401}),
        (too_long, {"checker.drawn": "def f():\n" + "    pass\n" * 60}),
    ],
)
def test_a_broken_rule_is_found(faults, broken):
    assert list(faults(broken))


def test_every_folder_has_its_place_in_the_flow(sources):
    assert {folder(module) for module in sources} - {"data_gen", "mmgeo_jax"} == set(FLOW)


def test_no_folder_is_crowded():
    assert not list(
        crowded([path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")])
    )
    assert list(crowded([Path(f"data_gen/{number}.py") for number in range(MOST_FILES + 1)]))


def test_tests_lie_where_the_sources_do():
    for package in PACKAGES:
        for path in (ROOT / "tests" / package).rglob("test_*.py"):
            tested = ROOT / path.parent.relative_to(ROOT / "tests")
            assert tested.is_dir(), f"{path} tests no folder of {package}"
