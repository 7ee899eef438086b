"""The Makefile passes a user's values on as they are, and executes none of them."""

from __future__ import annotations

import json
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
# target -> its variables, and those that must be set to something for it
TARGETS = {
    "data": "SPEC OUT REAL",
    "hardset": "REAL",
    "retrieval": "DIR ARGS",
    "gallery": "DIR ARGS",
    "verify": "DIR ARGS",
    "train-clip": "SPEC OUT REAL CONFIG NAME ARGS",
    "train-lmm": "SPEC OUT CONFIG NAME ARGS",
    "eval": "CHECKPOINT DIR REAL RUN ARGS",
    "export": "RUN FORMAT OUT ARGS",
    "solve": "RUN IMAGE QUESTION ARGS",
    "benchmark": "RUN NAME ROOT ARGS",
    "compile-report": "CONFIG DEVICES ARGS",
    "report": "RUN ARGS",
    "test": "ARGS",
    "test-beam": "ARGS PYTHON",
    "test-stock": "ARGS",
    "test-reference": "ARGS",
    "test-harness": "ARGS",
    "test-gcs": "ARGS",
    "setup": "PYTHON SYSTEM VENV MACHINE",
    "cairo": "SYSTEM",
    "lint": "ARGS",
    "lock": "ARGS",
    "help": "ARGS NAME",
}
NEEDED = {"eval": ["RUN=r"], "export": ["RUN=r"], "solve": ["RUN=r", "IMAGE=i"], "report": ["RUN=r"]}
NEEDED["benchmark"] = ["RUN=r", "ROOT=r"]
DEFAULTS = {  # what is there without the variable under test
    "DIR": ["CHECKPOINT=c"],
    "REAL": ["CHECKPOINT=c"],
}
PASSED_ON = (
    *[
        "SPEC",
        "OUT",
        "REAL",
        "CONFIG",
        "NAME",
        "ARGS",
        "DIR",
        "CHECKPOINT",
        "RUN",
        "FORMAT",
        "IMAGE",
        "QUESTION",
        "ROOT",
        "DEVICES",
    ],
)


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


@pytest.mark.parametrize("target", TARGETS)
def test_no_value_is_executed(target, checkout):
    """Each target with every value, several at once."""
    before, variables = files(checkout), TARGETS[target].split()
    for first in range(0, len(HOSTILE), len(variables)):
        values = dict(zip(variables, HOSTILE[first:], strict=False)) | {"OTHER": HOSTILE[first]}
        status, error, _ = make(checkout, target, *NEEDED.get(target, []), *(f"{k}={v}" for k, v in values.items()))
        assert files(checkout) == before, (target, values)
        if set(values) <= {*PASSED_ON, "OTHER"} - {"RUN", "IMAGE", "ROOT"}:
            assert status == 0 and not error, (target, values, error)


@pytest.mark.parametrize("variable", PASSED_ON[:5] + PASSED_ON[6:])
def test_every_hostile_value_of_every_variable(variable, checkout):
    """Each variable in one target that passes it on, with each value."""
    target = next(target for target, row in TARGETS.items() if variable in row.split())
    given = [*NEEDED.get(target, []), *(DEFAULTS.get(variable, []) if target == "eval" else [])]
    before = files(checkout)
    for text in HOSTILE:
        status, error, calls = make(checkout, target, *given, f"{variable}={text}")
        if variable in ("RUN", "IMAGE", "ROOT") and not text.strip(BLANKS):  # make leaves nothing of it
            assert status and error.startswith(f"error: {variable} is not set") and files(checkout) == before
            continue
        assert status == 0 and not error and files(checkout) == before, (variable, text, error)
        words, text = [word for call in calls for word in call], text.lstrip(BLANKS)
        assert not text or any(word.partition("=")[2] == text or word == text for word in words), (
            variable,
            text,
            words,
        )


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
