"""The Makefile passes a user's values on as they are, and executes none of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

HOSTILE = [
    "a b", " a  b ", "it's", "''", '"', '"a" \'b\'', "x; touch pwned", "`touch pwned`", "$(touch pwned)", "${IFS}",
    "$(shell touch pwned)", "$$(touch pwned)", "x'; touch pwned; '", 'x"; touch pwned; "', "x & touch pwned",
    "x | touch pwned", "x > pwned", ">pwned", "x && touch pwned", "x\ntouch pwned", "x\n\ttouch pwned\n", "\n", "x # y",
    "Find $x$.", "costs $5", "$", "$$", "$@", "a\\", "a\\b\\$c", "\\'", "*", "?", "[a-z]*", "~", "!x", "%", "a=b:c",
    "Größe 圖 ∠ABC = 30°", "$(error no)", "$(eval x:=y)", "}", ")", "(", "\t", "x\r\ny", "-n", "{a,b}", "@x", "+x",
    "a,b", "x;touch${IFS}pwned", "\\`touch pwned\\`", "\u3000", "é", "a" * 5000, "$(info x)$(call quote,X)",
]  # fmt: skip
BLANKS = " \t\n\r"  # of these make itself cuts off what begins a value
PASSED_ON = [
    "SPEC", "OUT", "REAL", "CONFIG", "NAME", "ARGS", "DIR", "CHECKPOINT", "RUN", "FORMAT", "IMAGE", "QUESTION", "ROOT",
    "DEVICES",
]  # fmt: skip
OF_MAKE = ["PYTHON", "SYSTEM", "VENV", "MACHINE"]  # which say how to install
TARGETS = [
    "data", "hardset", "retrieval", "gallery", "verify", "train-clip", "eval", "export", "train-lmm", "solve",
    "benchmark", "compile-report", "report", "test", "test-beam", "test-stock", "test-reference", "test-harness",
    "test-gcs",
]  # fmt: skip
ALL_CORES = ["-n", "auto", "--maxprocesses=8", "--dist", "loadfile", "--no-loadscope-reorder"]
TESTS = {
    "beam": ["data_gen/build/test_beam.py"],
    "stock": ["data_gen/records/test_stock_readers.py"],
    "reference": [
        "mmgeo_jax/checkpoints/test_export.py", "mmgeo_jax/checkpoints/test_weights.py",
        "mmgeo_jax/checkpoints/test_gemma_weights.py", "mmgeo_jax/data/test_tokenizer_files.py",
    ],
    "harness": ["mmgeo_jax/evals/harnesses/test_lmms_eval.py"],
    "gcs": ["data_gen/build/test_gcs.py"],
}  # fmt: skip


def words(text: str) -> list[str]:
    """Cuts ARGS: at blanks, save within a pair of quotes, which goes."""
    found = re.findall(r"""(?:'[^']*'|"[^"]*"|[^ \t\r\n])+""", text)
    return [re.sub(r"""'([^']*)'|"([^"]*)\"""", r"\1\2", word) for word in found]


def stem(spec: str) -> str:
    """Returns the folder of a data set that is named after its spec."""
    name = re.sub(r"[.][^.]*\Z", "", spec.rpartition("/")[2])
    return f"data/{name.removeprefix('data_')}"


def expected_calls(given: dict[str, str]) -> dict[str, list[list[str]]]:
    """Returns target -> the arguments of each call of mmgeo or pytest. All variables are given, though perhaps empty,
    but CONFIG and CHECKPOINT, which may be missing."""
    v = {name: text.lstrip(BLANKS) for name, text in given.items()}
    more, run, checkpoint = words(v["ARGS"]), f"--run={v['RUN']}", v.get("CHECKPOINT")
    name = [f"--config.name={v['NAME']}"] * bool(v["NAME"])
    folder = v["OUT"] or stem(v["SPEC"])
    data_dir = [f"--config.data.dir={folder}"] * bool(v["SPEC"])
    build = [["data", f"--spec={v['SPEC']}", f"--out={folder}"]] * bool(v["SPEC"])
    real = bool(v["REAL"])
    root = f"--spec.root={v['REAL']}"
    formalgeo = [["data", "--spec=configs/data_formalgeo.py", root, "--out=data/formalgeo7k"]] * real
    redrawn = ["data", "--spec=configs/data_redrawn.py", "--out=data/hardset_redrawn", root, "--spec.seed=7000003",
               "--spec.families.train=0", "--spec.families.val=500"]  # fmt: skip
    hardset = [["data", "--spec=configs/data_hardset.py", "--out=data/hardset"], ["hardset", "--data=data/hardset"]]
    stages = [
        ["--config=configs/lmm_align.py", *(f"{each}_align" for each in name)],
        ["--config=configs/lmm_tiny.py", *name, *[f"--config.init_from=runs/{v['NAME']}_align"] * bool(name)],
    ]
    of_checkpoint = [f"--checkpoint={checkpoint}", "--data", v["DIR"], *["data/formalgeo7k"] * real]
    calls = {
        "data": [*build, *formalgeo],
        "hardset": [*hardset, *[redrawn, ["hardset", "--data=data/hardset_redrawn"]] * real],
        "retrieval": [["retrieval", f"--data={v['DIR']}", *more]],
        "gallery": [["gallery", f"--data={v['DIR']}", *more]],
        "verify": [["verify", v["DIR"], *more]],
        "eval": [*formalgeo, ["eval", *of_checkpoint, *more]] if checkpoint else [["eval", run, *more]],
        "export": [["export", run, f"--format={v['FORMAT']}", *[f"--out={v['OUT']}"] * bool(v["OUT"]), *more]],
        "solve": [["solve", run, f"--image={v['IMAGE']}", f"--question={v['QUESTION']}", *more]],
        "benchmark": [["benchmark", f"--name={v['NAME']}", f"--root={v['ROOT']}", run, *more]],
        "report": [["report", run, *more]],
        "train-lmm": [*build, *(["train-lmm", *stage, *data_dir, *more] for stage in stages)],
    }
    if "CONFIG" in v:
        config, real_dir = f"--config={v['CONFIG']}", ["--config.data.real_dir=data/formalgeo7k"] * real
        calls["train-clip"] = [["train-clip", config, *data_dir, *real_dir, *name, *more]]
        calls["train-lmm"] = [*build, ["train-lmm", config, *name, *data_dir, *more]]
        calls["compile-report"] = [["compile-report", config, f"--devices={v['DEVICES']}", *more]]
    tests = {f"test-{name}": [f"tests/{path}" for path in paths] for name, paths in TESTS.items()}
    calls |= {name: [["pytest", "-q", *paths, *more]] for name, paths in {"test": ALL_CORES, **tests}.items()}
    needed = {"solve": ["RUN", "IMAGE"], "benchmark": ["RUN", "ROOT"], "export": ["RUN"], "report": ["RUN"]}
    needed["eval"] = [] if checkpoint else ["RUN"]
    return {target: [] if any(not v[n] for n in needed.get(target, [])) else row for target, row in calls.items()}


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile and environments whose Python writes down its arguments."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in (".venv", *(f".venv-{name}" for name in ("beam", "stock", "reference", "fake-gcs", "harness"))):
        python = tmp_path / folder / "bin/python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >>calls\nprintf '\\1\\0' >>calls\n")
        python.chmod(0o755)
        for stamp in (".installed-cpu", ".installed-dev", ".installed"):
            (python.parents[1] / stamp).touch()
    return tmp_path


def make(folder: Path, *arguments: str) -> tuple[int, str, list[list[str]]]:
    """Runs make there; returns its exit status, its errors, and the arguments of each call of Python."""
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    command = ["make", "-s", "MACHINE=cpu", *arguments]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60)
    text = calls.read_bytes().decode() if calls.exists() else ""
    return done.returncode, done.stderr.decode(), [call.split("\0")[:-1] for call in text.split("\1\0")[:-1]]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - {"calls"}


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("without", [(), ("CONFIG", "CHECKPOINT")])
def test_every_value_of_every_variable_reaches_every_target(part, without, checkout):
    """All variables are hostile at once, each with every value in turn, and each target is called with all of them."""
    before = files(checkout)
    targets = ["eval", "train-lmm"] if without else TARGETS
    for turn in range(part, len(HOSTILE), 4):
        given = {
            name: HOSTILE[(turn + 5 * i) % len(HOSTILE)] for i, name in enumerate(PASSED_ON) if name not in without
        }
        status, error, calls = make(checkout, "-k", *targets, *(f"{name}={text}" for name, text in given.items()))
        assert files(checkout) == before, given
        expected = expected_calls(given)
        found = [call[2:] if call[1] == "mmgeo_jax" else call[1:] for call in calls if call[0] == "-m"]
        assert found == [call for target in targets for call in expected[target]], given
        blank = [name for name in ("RUN", "IMAGE", "ROOT") if not given[name].strip(BLANKS)]
        told = [line for line in error.splitlines() if not line.startswith("make: ")]
        assert all(re.match(rf"error: ({'|'.join(blank)}) is not set", line) for line in told) if blank else not told
        assert bool(status) == bool(told)


def test_no_value_is_executed_on_the_way_to_an_installation(checkout):
    before, python = files(checkout), f"PYTHON={checkout}/.venv/bin/python"  # makes no environment
    for turn, text in enumerate(HOSTILE):
        make(checkout, "-k", "help", "setup", "cairo", "lint", python, f"OTHER={text}", f"{OF_MAKE[turn % 4]}={text}")
        assert files(checkout) == before, (OF_MAKE[turn % 4], text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--config.seed=1  --config.optim.lr=1e-5", ["--config.seed=1", "--config.optim.lr=1e-5"]),
        ("--config.name='a b' \"c d\"", ["--config.name=a b", "c d"]),
        ("-k 'a or b'", ["-k", "a or b"]),
        ("it's", ["it's"]),
        ("'' x", ["", "x"]),
        ("'a\nb'\nc", ["a\nb", "c"]),
        ("'Find $x$.' $(touch pwned) `id` *", ["Find $x$.", "$(touch", "pwned)", "`id`", "*"]),
        ("a\\b 'c\\' ; & |", ["a\\b", "c\\", ";", "&", "|"]),
        ("--x='it'\"'\"'s'", ["--x=it's"]),
        (" \t\n", []),
    ],
)
def test_args_are_cut_at_blanks_outside_of_quotes(text, words, checkout):
    assert make(checkout, "report", "RUN=r", f"ARGS={text}") == (
        0, "", [["-m", "mmgeo_jax", "report", "--run=r", *words]]
    )  # fmt: skip


def test_goals_are_not_executed_either(checkout):
    for goal in (
        "; touch pwned",
        "$(touch pwned)",
        "`touch pwned`",
        "need-$(touch pwned)",
        ".venv-`touch pwned`/.installed",
    ):
        status, error, _ = make(checkout, "eval", goal)
        assert status and "pwned" not in files(checkout)
        assert error.count("RUN is not set") == 1


@pytest.mark.parametrize(
    ("spec", "out"),
    [("my specs/data_a b.py", "data/a b"), ("it's/x.y.py", "data/it's"[:5] + "x.y"), ("data_é$x.py", "data/é$x")],
)
def test_the_folder_of_a_data_set_is_named_after_its_spec(spec, out, checkout):
    _, _, calls = make(checkout, "data", f"SPEC={spec}")
    assert calls[-1] == ["-m", "mmgeo_jax", "data", f"--spec={spec}", f"--out={out}"], json.dumps(calls)


def test_an_empty_spec_leaves_the_data_to_the_configuration(checkout):
    for target in ("train-clip", "train-lmm"):
        _, _, calls = make(checkout, target, "SPEC=", "CONFIG=c.py")
        assert calls[1:] == [["-m", "mmgeo_jax", target, "--config=c.py"]]


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ('OSError: no library called "cairo-2" was found', "libcairo2 is missing"),
        ("ModuleNotFoundError: No module named 'cairocffi'", "cairocffi does not load (ModuleNotFoundError: No module"),
        ("ImportError: /x/_cffi_backend.so: wrong ELF class", "cairocffi does not load (ImportError"),
    ],
)
def test_libcairo2_is_named_for_want_of_it_alone(why, says, checkout, tmp_path):
    python = checkout / ".venv/bin/python"
    python.write_text(f"#!/bin/sh\ncat >&2 <<'END'\nTraceback\n{why}\nEND\nexit 1\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "bin/id").chmod(0o755)
    done = subprocess.run(
        ["make", "-s", "cairo", "MACHINE=cpu"],
        cwd=checkout, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert done.returncode and len(errors) == 1 and errors[0].startswith(f"error: {says}")
