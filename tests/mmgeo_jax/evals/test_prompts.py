"""What models are asked: our prompts, and those of the benchmarks' authors, to the letter."""

import json

import pytest

from mmgeo_jax.evals.benchmarks import command
from mmgeo_jax.evals.benchmarks import run as benchmarks
from tests.support import benchmark_rows

WEMATH = """Now, we require you to solve a multiple-choice math question. Please briefly describe your thought process \
and provide the final answer(option).
Question: ?
Option: A. 1; B. 2 C. 3 ;D. No correct answer
Regarding the format, please answer following the template below, and be sure to include two <> symbols:
<Thought process>: <<your thought process>> <Answer>: <<your option>>"""
HINT = "Hint: Please answer the question"
MATHVISTA = [
    "Question: ?\nChoices:\n(A) Yes\n(B) No\n"
    f"{HINT} and provide the correct option letter, e.g., A, B, C, D, at the end.\nSolution:",
    "Question: ? (Unit: cm)\n"
    f"{HINT} requiring an integer answer and provide the final value, e.g., 1, 2, 3, at the end.\nSolution:",
    f"Question: ?\n{HINT} requiring a floating-point number with one decimal place and provide the final value, "
    "e.g., 1.2, 1.3, 1.4, at the end.\nSolution:",
]
# benchmark -> the first prompts of its authors; of those without one, ours are printed, and a line says so
PUBLIC: dict[str, list[str] | None] = {
    "wemath": [WEMATH],
    "mathvista": MATHVISTA,
    "visonlyqa": [
        "There is no triangle ADP in the figure. True or False?\n\nA triangle has three edges.\n\nYour response"
    ],
    "geoqa": None,
    "mmmath": None,
    "formalgeo": None,
}


@pytest.mark.parametrize("name", list(benchmarks.BENCHMARKS))
def test_public_prompts(name, tmp_path, capsys):
    benchmark_rows.write(name, tmp_path)
    printed, public = {}, PUBLIC[name]
    for kind in ("--prompts", "--prompts=ours", "--prompts=public"):
        assert command.main([f"--name={name}", f"--root={tmp_path}", kind]) == 0
        out, told = capsys.readouterr()
        printed[kind] = [json.loads(line)["prompt"] for line in out.splitlines()]
        assert ("these are ours" in told) == (kind == "--prompts=public" and public is None)
    assert printed["--prompts"] == printed["--prompts=ours"]
    if public is None:
        assert printed["--prompts=public"] == printed["--prompts"]
    else:
        assert printed["--prompts=public"][: len(public)] == public
        assert not set(printed["--prompts=public"]) & set(printed["--prompts"])
