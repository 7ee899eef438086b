"""Malformed inputs to every source and to the record reader: each a UserError of one line or a family that fits.

MMGEO_FUZZ=2000 python -m pytest tests/data_gen/sources/test_fuzz.py        # inputs for each target; 100 without it
"""

import contextlib
import json
import os
import random
import struct
import sys
import time
import zlib
from typing import Any

import cairocffi  # noqa: F401  # loaded here: the search for its library opens files everywhere
import numpy as np
import pytest

from configs.data_alphageometry import get_spec as alphageometry_default
from data_gen.records import schema, tfrecords
from data_gen.shared.errors import UserError
from data_gen.shared.errors import UserError as TrainerError
from data_gen.sources.alphageometry import source as alphageometry
from data_gen.sources.external import jsonl, mmgeolm, rows
from data_gen.sources.formalgeo import source as formalgeo
from mmgeo_jax.data import images
from tests.data_gen.records.test_records import write_set
from tests.data_gen.sources.test_formalgeo import annotated, problem, spec_of
from tests.data_gen.sources.test_formalgeo import write as write_problems
from tests.support.fake_source import make, png
from tests.support.foreign import pictures, spec, write_jsonl
from tests.support.paths import ROOT

COUNT = int(os.environ.get("MMGEO_FUZZ", 100))
LIMIT_S = 5
VALUES: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, 2**63, float("inf"), float("nan"), "", " ", "x" * 30_000, "\ud800", "\0", "é\u202e",
    [], {}, [[]], [None], {"from": "gpt"}, "/etc/passwd", "../secret.png", "..", ".", "link.png", "folder", "a\\..\\b",
    "pipe", "bomb.png", "eps.png", "Equal(" * 150, "Equal(Sin(LengthOfLine(A)),1)", "Mul(Add(AB),2)", "Shape(A(B),C)",
]  # fmt: skip


# ---- inputs of each source: write(root) makes a good one, its first file is what is malformed ----------------------


def make_jsonl(root):
    pictures(root, ["a.png", "b.png"])
    row = {"image": "a.png", "caption": "x", "negatives": ["y", {"image": "b.png", "caption": "z"}]}
    write_jsonl(root, [row] * 2)
    return root / "families.jsonl"


def make_mmgeolm(root):
    pictures(root, ["a.png", "b.png"])
    turns = [{"from": "human", "value": "?"}, {"from": "gpt", "value": "x"}]
    row = {"positive_image_path": "a.png", "negative_image_path": ["b.png"], "negative_captions": ["y", "z"]}
    (root / "f.json").write_text(json.dumps([row | {"conversations": turns}] * 2))
    return root / "f.json"


def make_formalgeo(root):
    annotation = {"point_positions": {"A": [1, 2]}, "diagram_logic_forms": ["Equals(LengthOf(Line(A, B)), 12)"]}
    names = ["ABCDO", "PQRSE", "KLMNH", "GHIJT"]
    write_problems(root, [problem(9, "DEFGX", geometry3k_diagram=annotation)], "val")
    bare = [problem(i, names[i % 4], str(8 + i), geometry3k_diagram=None) for i in range(2)]
    write_problems(root, bare + [annotated(i, names[i % 4], str(8 + i)) for i in range(2, 12)], "train")
    return root / "train.jsonl"


PROBLEMS = (
    "a b c = triangle a b c; d = foot d a b c; e = midpoint e a c ? perp a d b c",
    "a b c = r_triangle a b c; o = circle o a b c; d = on_line d b c, on_circle d o a ? cong o a o b",
    "a b c d = isquare a b c d; e = on_line e a b, on_tline e c b d; f = angle_bisector f a b c ? coll a b e",
)


def make_alphageometry(root):
    (root / "p.txt").write_text("".join(f"problem {i}\n{text}\n" for i, text in enumerate(PROBLEMS * 2)))
    return root / "p.txt"


def alphageometry_spec(root):
    changed = alphageometry_default()
    changed.file, changed.families = str(root / "p.txt"), {"train": 1, "val": 0}
    return changed


WORDS = ["=", ",", ";", "?", "a", "b", "zz", "on_line", "circle", "midpoint", "s_angle", "", "\0", "a" * 300, "-7", "é"]


# name -> (makes a good input, the module, its spec). A source that is added here is fuzzed.
SOURCES = {
    "jsonl": (make_jsonl, jsonl, lambda root: spec(root, file="families.jsonl")),
    "mmgeolm": (make_mmgeolm, mmgeolm, lambda root: spec(root, files=("f.json",))),
    "formalgeo": (make_formalgeo, formalgeo, spec_of),
    "alphageometry": (make_alphageometry, alphageometry, alphageometry_spec),
}


# ---- ways to break things -------------------------------------------------------------------------------------------


INSERTED = [b"\xff\xfe", b"\xed\xa0\x80", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 9000, b"\0"]


def break_bytes(data, rng):
    data, place = bytearray(data), rng.randrange(len(data))
    kind = rng.randrange(5)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place:]
    elif kind == 2:
        data[place:place] = rng.choice(INSERTED)
    elif kind == 3:
        data[place : place + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
    else:
        data[place:place] = data[: rng.randrange(200)]
    return bytes(data)


def break_value(value, rng):
    """The JSON value with one thing in it replaced, dropped or renamed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        if rng.random() < 0.2:
            rest = {k: v for k, v in value.items() if k != key}
            return rest if rng.random() < 0.5 else rest | {key + "x": value[key]}
        return value | {key: break_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        i = rng.randrange(len(value))
        return value[:i] + [break_value(value[i], rng)] * rng.choice([1, 1, 1, 0, 3]) + value[i + 1 :]
    if isinstance(value, str) and value and rng.random() < 0.4:
        i = rng.randrange(len(value))
        return value[:i] + rng.choice("()[]{},*/=A3 \\\"'\0\né") + value[i + rng.randrange(2) :]
    return rng.choice(VALUES)


def break_text(path, rng):
    if rng.random() < 0.3:
        path.write_bytes(break_bytes(path.read_bytes(), rng))
        return
    text = path.read_text()
    if path.suffix == ".txt":
        words = text.split(" ")
        for _ in range(rng.randrange(1, 4)):
            words[rng.randrange(len(words))] = rng.choice([*WORDS, *words])
        path.write_text(" ".join(words))
        return
    whole = path.suffix == ".json"
    parts = [json.loads(text)] if whole else [json.loads(line) for line in text.splitlines()]
    i = rng.randrange(len(parts))
    for _ in range(rng.randrange(1, 4)):
        parts[i] = break_value(parts[i], rng)
    path.write_text("\n".join(map(json.dumps, parts)))


def bomb(side):
    """A PNG of a few bytes that claims side x side pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def lay_traps(root):
    for folder in {root, root / "diagrams"}:
        if folder.is_dir():
            (folder / "link.png").symlink_to(root.parent / "secret.png")
            (folder / "folder").mkdir()
            os.mkfifo(folder / "pipe")
            (folder / "bomb.png").write_bytes(bomb(12_000))
            (folder / "eps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")


# ---- the judge ------------------------------------------------------------------------------------------------------

OPENED: list[str] | None = None  # paths, while somebody listens


def _listen(event, arguments):
    if OPENED is not None and event == "open" and isinstance(arguments[0], str | bytes):
        OPENED.append(os.path.realpath(os.fsdecode(arguments[0])))


sys.addaudithook(_listen)


@contextlib.contextmanager
def judged(root, what):
    """The block ends, or raises a UserError of one line, within the limit, opening nothing outside of the root."""
    global OPENED
    # Processor time: the machine may be busy with other things.
    started, OPENED = time.process_time(), []
    try:
        yield
    except (UserError, TrainerError) as fault:
        assert "\n" not in str(fault) and 10 < len(str(fault)) < 2000, (what, str(fault)[:300])
    except Exception as fault:
        raise AssertionError(f"{what}: {type(fault).__name__}: {str(fault)[:300]}") from fault
    finally:
        opened, OPENED = OPENED, None
    assert time.process_time() - started < LIMIT_S, what
    code = (sys.prefix, sys.base_prefix, str(ROOT))
    outside = [p for p in opened if not p.startswith(f"{os.path.realpath(root)}/") and not p.startswith(code)]
    assert not outside, (what, outside)


def forget(module):
    for found in (*vars(module).values(), *vars(rows).values()):
        if hasattr(found, "cache_clear"):
            found.cache_clear()


@pytest.mark.parametrize("name", SOURCES)
def test_malformed_input_of_a_source(name, tmp_path):
    prepare, module, spec_for = SOURCES[name]
    (tmp_path / "secret.png").write_bytes(png(np.zeros((5, 5), np.uint8)))
    root = tmp_path / "root"
    root.mkdir()
    path = prepare(root)
    lay_traps(root)
    good, images = path.read_bytes(), [p for p in root.rglob("*.png") if p.name in ("a.png", "b.png", "0.png", "9.png")]
    kept = {p: p.read_bytes() for p in images}
    made = 0
    for seed in range(COUNT):
        rng = random.Random(f"{name} {seed}")
        if images and rng.random() < 0.15:
            target = rng.choice(images)
            bombed = rng.random() < 0.1
            target.write_bytes(bomb(rng.choice([5000, 60_000])) if bombed else break_bytes(kept[target], rng))
        else:
            break_text(path, rng)
        forget(module)
        with judged(root, f"{name}, input {seed}"):
            for split in ("train", "val"):
                settings = spec_for(root)
                for index in range(module.rows(settings, split)):
                    schema.decode(schema.encode(module.family(settings, split, index)))
                    made += 1
        path.write_bytes(good)
        for image, data in kept.items():
            image.write_bytes(data)
    assert made > COUNT / 30  # it is not all refused at the door


def test_malformed_records(tmp_path):
    """Shards, indexes and manifests; a record whose checksums are right holds a family that fits, or is refused."""
    folder = tmp_path / "set"
    folder.mkdir()
    paths = write_set(folder, [make(seed=i, n=2 + i % 2) for i in range(4)])
    files = [folder / tfrecords.MANIFEST, tfrecords.index_path(paths[0]), paths[0]]
    kept = {file: file.read_bytes() for file in files}
    secret = tmp_path / "secret"
    secret.write_bytes(kept[paths[0]])
    read = 0
    for seed in range(COUNT):
        rng = random.Random(f"records {seed}")
        file = rng.choice(files)
        if file == paths[0] or rng.random() < 0.3:
            file.write_bytes(break_bytes(kept[file], rng))
        else:
            value = break_value(json.loads(kept[file]), rng)
            if file == files[0] and rng.random() < 0.2:
                value = json.loads(kept[file])
                value["splits"]["train"][0]["file"] = rng.choice(["../secret", str(secret), "..", "", "a/b", "x\0", 3])
            file.write_text(json.dumps(value))
        with judged(folder, f"records, input {seed}"):
            source = tfrecords.RecordSource(folder, "train")
            for row in range(min(len(source), 5)):
                assert source[row].key == "fake/train/000000"
                read += 1
        file.write_bytes(kept[file])
    assert read


def test_malformed_record_bytes():
    """The same behind the checksums: what decodes fits the schema, and encodes to bytes that give it again."""
    good = schema.encode(make(n=2, question={"question": "?", "choices": ("1",), "answer": "1", "solution": ""}))
    for seed in range(COUNT):
        with judged("/nowhere", f"record, input {seed}"):
            family = schema.decode(break_bytes(good, random.Random(f"record {seed}")))
            again = schema.decode(schema.encode(family))
            np.testing.assert_array_equal(again.truth, family.truth)


def test_malformed_pictures_of_records():
    good = png(np.arange(64, dtype=np.uint8).reshape(8, 8))
    for seed in range(COUNT):
        rng = random.Random(f"picture {seed}")
        data = bomb(rng.choice([12_000, 60_000])) if seed % 50 == 0 else break_bytes(good, rng)
        with judged("/nowhere", f"picture, input {seed}"):
            assert images.decode_image(data, 8).shape == (8, 8)
