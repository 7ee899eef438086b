"""Malformed inputs to every reader that the fuzzers of sources, records, weights, tokenizers and checkpoints leave out.

Each is a value, or a UserError of one line, within seconds, with nothing opened outside of its folder.

MMGEO_FUZZ=5000 python -m pytest tests/test_fuzz.py -k pictures       # inputs for each reader; 200 without it
"""

import functools
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from configs.data_tiny import get_spec
from data_gen.build import spec as specs
from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.language.fact import facts_from_json
from data_gen.retrieval import sidecar
from data_gen.shared import own_json, pictures
from data_gen.shared.errors import UserError
from data_gen.sources.templates import source as templates
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints.arrays import check_shapes, open_npz, open_safetensors, read_floats
from mmgeo_jax.evals import runs
from mmgeo_jax.evals.benchmarks import responses
from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.run import BENCHMARKS, judge_response
from mmgeo_jax.train import logging
from tests.data_gen.shared.test_own_json import GOOD
from tests.data_gen.sources.test_fuzz import VALUES, break_bytes, break_value, judged

COUNT = int(os.environ.get("MMGEO_FUZZ", "200"))
TOKENS = [
    "", " ", "\0", "'", '"', "`", "$(touch pwned)", "; touch pwned", "--", "-1", "0", "1e400", "nan", "None", "True",
    "()", "(1,", "[]", "{}", "__import__('os').system('touch pwned')", "9" * 5000, "x" * 3000, "..",
    "../secret", "é", "\u202e",
    "=", ".", ",", "*", "(" * 300, "\n", "~", "~/", "1,2,3",
]  # fmt: skip
SAID = [
    "The answer is ",
    "\\boxed{",
    "}",
    "(A)",
    "B",
    "30°",
    "1/2",
    "\n",
    "<think>",
    "</think>",
    "√",
    "^",
    "答案",
    "or ",
    "a" * 99,
]
KINDS = ("own", "pictures", "run", "canvas", "program", "facts", "npz", "safetensors", "responses", "override")
FAMILY = {"key": "0", "response": "The answer is A."}


class Reader(NamedTuple):
    """A good input, what reads it from a folder that holds it, and its name there."""

    good: bytes
    read: Callable[[Path], Any]
    file: str = "input.json"


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def picture(kind: str, mode: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32)).convert(mode).save(file, kind)
    return file.getvalue()


def safetensors() -> bytes:
    head = b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    return len(head).to_bytes(8, "little") + head + bytes(24)


def floats(opened) -> Any:
    check_shapes(opened, {"a": (2, 3)}, "it")
    return read_floats(opened, ["a"], "it")


def family() -> Any:
    return templates.family(get_spec(), "train", 0)


def override(noun: str, load: Callable[[str, list[str]], Any], name: str) -> Callable[[Path], Any]:
    return lambda path: load(name, [f"--{noun}.{path.read_bytes().decode(errors='surrogateescape')}"])


ITEMS = [
    Item("0", "?", "30°", "choice", ("30°", "45°", "60°", "90°")),
    Item("1", "?", "12", "integer"),
    Item("2", "?", "1.5", "float", precision=1),
]


def judge(path: Path) -> None:
    text = path.read_bytes().decode(errors="replace")
    for name in BENCHMARKS:
        for item in ITEMS:
            judge_response(name, item, text)


def read_picture(path: Path) -> Any:
    return pictures.read_file(path, "picture", 64)


def read_log(path: Path) -> None:
    logging.open_log(path, 3).close()


def read_run_config(path: Path) -> Any:
    return configs.read_whole_config(path.parent)


def readers() -> dict[str, Reader]:
    """The table: what is added here is fuzzed."""
    drawn = family()
    table = {
        f"own {form}": Reader(as_json(value), functools.partial(own_json.read, form=form))
        for form, value in GOOD.items()
    }
    config = configs.to_json(configs.load("clip_tiny")).encode()
    table |= {
        f"pictures {kind} {mode}": Reader(picture(kind, mode), read_picture, name)
        for kind, mode, name in (
            ("PNG", "L", "a.png"), ("PNG", "RGBA", "a.png"), ("PNG", "P", "a.png"),
            ("JPEG", "RGB", "a.jpg"), ("GIF", "P", "a.gif"),
            ("WEBP", "RGB", "a.webp"), ("BMP", "RGB", "a.bmp"), ("TIFF", "I;16", "a.tiff"),
        )
    }  # fmt: skip
    return table | {
        "config of a run": Reader(config, read_run_config, "config.json"),
        "log of a run": Reader(b'{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.5}\n', read_log, "metrics.jsonl"),
        "scores of a run": Reader(
            as_json(GOOD["eval.json"]),
            lambda path: runs.load_finished(path.parent, {"checkpoint_step": 3}, "eval.json", False, "eval.json"),
            "eval.json",
        ),
        "canvas": Reader(drawn.canvas.encode(), lambda path: canvas_from_json(path.read_text(errors="replace"))),
        "program": Reader(drawn.programs[0].encode(), lambda path: program_from_json(path.read_text(errors="replace"))),
        "facts": Reader(drawn.facts[0].encode(), lambda path: facts_from_json(path.read_text(errors="replace"))),
        "captions npz": Reader(
            npz(version=np.int64(1), digest=np.array("d"), rows=np.arange(2), ends=np.array([2, 4]),
                text=np.frombuffer(b"[][]", np.uint8)),
            lambda path: sidecar.read_captions(path, "d"), "a.npz",
        ),
        "weights npz": Reader(npz(a=np.ones((2, 3), np.float32)), lambda path: floats(open_npz(path)), "a.npz"),
        "safetensors": Reader(safetensors(), lambda path: floats(open_safetensors(path.parent)), "model.safetensors"),
        "responses jsonl": Reader(as_json(FAMILY) + b"\n", lambda path: responses.read(path, {"0"}), "a.jsonl"),
        "responses json": Reader(as_json([FAMILY]), lambda path: responses.read(path, {"0"})),
        "responses csv": Reader(b"id,prediction\n0,A\n", lambda path: responses.read(path, {"0"}), "a.csv"),
        "responses text": Reader("".join(SAID).encode(), judge, "a.txt"),
        "config override": Reader(b"optim.lr=0.001", override("config", configs.load, "clip_tiny"), "a.txt"),
        "spec override": Reader(b"families.train=3", override("spec", specs.load_spec, "data_tiny"), "a.txt"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def table() -> dict[str, Reader]:
    return readers()


def broken(good: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut, spliced or doubled; in JSON, things replaced; in texts, words that are hostile."""
    if rng.random() < 0.5:
        for _ in range(rng.choice([1, 1, 3])):
            good = break_bytes(good, rng) if good else b""
        return good
    try:
        value = json.loads(good)
    except ValueError:
        words = [*TOKENS, *SAID]
        at = rng.randrange(len(good) + 1)
        return good[:at] + rng.choice(words).encode() + good[at + rng.choice([0, 1, 9, len(good)]) :]
    for _ in range(rng.randrange(1, 4)):
        value = break_value(value, rng) if rng.random() < 0.95 else rng.choice(VALUES)
    return json.dumps(value).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_input_of_a_reader(kind, table, tmp_path, capsys):
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    chosen = {name: reader for name, reader in table.items() if kind in name.split()}
    whole = 0
    for name, reader in chosen.items():
        path = root / reader.file
        path.write_bytes(reader.good)
        reader.read(path)  # what is good is read
        for seed in range(COUNT // len(chosen) if COUNT <= 200 else COUNT):
            path.write_bytes(broken(reader.good, random.Random(f"{name} {seed}")))
            with judged(root, f"{name}, input {seed}"):
                reader.read(path)
                whole += 1
        path.unlink()
    assert whole
    assert {path.name for path in tmp_path.iterdir()} == {"secret", "root"} and not list(root.iterdir())


def test_every_reader_is_of_a_kind(table):
    assert all(set(KINDS) & set(name.split()) for name in table)


def test_malformed_command_lines(tmp_path, monkeypatch, capsys):
    """Of commands that read: with values that are no folder, each ends in a line, and nothing is written."""
    from mmgeo_jax import cli

    monkeypatch.chdir(tmp_path)
    lines = [
        ["report", "--run=runs/x"], ["export", "--run=runs/x", "--format=hf"], ["hardset", "--data=x"],
        ["eval", "--run=x"], ["gallery", "--data=x", "--each=3"], ["question-only", "x"],
        ["benchmark", "--name=geoqa", "--root=x", "--responses=a.jsonl"], ["verify", "x", "--workers=1"],
    ]  # fmt: skip
    for seed in range(COUNT):
        rng = random.Random(f"command {seed}")
        command, *arguments = rng.choice(lines)
        at = rng.randrange(len(arguments))
        token = rng.choice([token for token in TOKENS if "\0" not in token])  # which no argument can hold
        name, equals, _ = arguments[at].partition("=")
        arguments[at] = rng.choice([f"{name}{equals}{token}", token, f"{arguments[at]}{token}", f"--{token}"])
        try:
            status: Any = cli.main([command, *arguments])
        except SystemExit as end:
            status = end.code
        except UserError as fault:  # not yet a line
            raise AssertionError((command, arguments)) from fault
        assert status, (command, arguments)
        said = capsys.readouterr()
        assert "Traceback" not in said.err and not list(tmp_path.iterdir()), (command, arguments)
