"""Files of JSON that the project writes, damaged or edited: each fault is one line that names file and key."""

import json
import os

import pytest

from data_gen.shared import own_json
from data_gen.shared.errors import UserError

HIT = {"score": 0.5, "interval": [0.1, 0.9], "chance": None}
HITS = {f"{name}_hit1": 0.5 for name in ("image", "text", "anchor_image", "anchor_text", "random")}
SECTION = {
    "families": 9, "chance": 0.25, "by_kind": {"order": None}, **HITS,
    "intervals": {**dict.fromkeys(HITS), "by_kind": {"order": [0, 1.0]}},
    "details": {
        "chance": HITS, "by_kind": {side: {"order": HIT} for side in ("image", "text")},
        "leaks": {"anchors_only": {"caption_set": {"all": HIT}}, "pairwise": {"caption_alone": HIT}},
    },
}  # fmt: skip
GROUP = {"accuracy": 0.5, "interval": None, "chance": 0, "count": 2, "right": 1, "no_answer": 0}
CONFIG: dict = {"seed": 0, "model": {"image": {}}, "data": {"dir": "data", "size_px": 112, "max_tokens": 54}}
LMM = {
    "model": {"image": {}, "decoder": {}},
    "data": {**CONFIG["data"], "show_images": True, "prompt_end": "\n", "task": "problems"},
    "eval": {"max_problems": 0, "max_tokens": 9, "samples": 1, "temperature": 0.0, "batch_size": 1},
    "lora": {"rank": 0, "alpha": 16.0, "kernels": ".*"}, "optim": {"freeze": ""},
}  # fmt: skip
SHARD = {"file": "a", "families": 3, "bytes": 9, "sha256": "f"}
# form -> what fits it
GOOD = {
    "spec.json": {"name": "x", "source": "x", "seed": 0, "size_px": 9, "shard_size": 1, "families": {"train": 3}},
    "schema_version": {"schema_version": 4},
    "manifest.json": {"schema_version": 4, "name": "x", "versions": {"python": "3"}, "splits": {"train": [SHARD]}},
    "index.json": {
        "fingerprint": "f", "sha256": "f", "bytes": 9, "offsets": [0, 5], "proposals": {"swap": [3, 1]},
        "figures": {"tried": 3, "cramped": 1}, "pictures": {"turned": [1, "a.png"]}, "broken": ["line 3"],
    },
    "config.json": {"model": {}},
    "config.json of two_tower": CONFIG | {"model": {"image": {}, "text": {}}, "loss": {"name": "sigmoid"}},
    "config.json of lmm": CONFIG | LMM,
    "metrics.jsonl": {"step": 3, "loss": 0.25},
    "metrics": {"val_hit1": 0.5},
    "eval.json": {"checkpoint_step": 3, "run": {}, "synthetic": SECTION, "real": None},
    "eval.json of lmm": {"checkpoint_step": 3, "tokens_per_s": 9.5, "scores": {"all": {"all": GROUP}}},
    "answers.jsonl": {"key": "k", "right": True, "parsed": None, "response": ""},
}  # fmt: skip
BROKEN = [
    b"", b" \n", b"{", b"[]", b"3", b"null", b'"x"', b"\xff\xfe{}", b"\xff{}", b"\0\0\0\0", b'{"a": 1, "a": 2}',
    b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"\\ud800": 1}', b'{"a": %s}' % (b"9" * 30),
    b'{"a": %s}' % (b"9" * 9000),    b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' * 200 + b"1" + b"}" * 200,
]  # fmt: skip
WRONG: list = [None, True, -1, 1.5, 10**30, float("nan"), float("inf"), "\ud800", "x", "", [], [3], {}, {"x": {}}]


def test_every_row_has_an_example():
    assert GOOD.keys() == own_json.FILES.keys()


def places(value, place=()):
    """Yields the place of everything in a value of JSON."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*place, key)
        yield from places(item, (*place, key))


def changed(value, place, *new):
    """The value with another at a place, or with none there."""
    value = inner = json.loads(json.dumps(value))  # whose parts are not shared
    for key in place[:-1]:
        inner = inner[key]
    if new:
        inner[place[-1]] = new[0]
    else:
        del inner[place[-1]]
    return value


@pytest.mark.parametrize("form", GOOD)
def test_what_is_wrong_is_one_line_that_names_the_key(form):
    own_json.parse(json.dumps(GOOD[form]), "f", form)
    for data in BROKEN:
        with pytest.raises(UserError, match=r"\Adir/f is not .*: .*\Z"):
            own_json.parse(data, "dir/f", form)
    refused: dict = {}
    for place in places(GOOD[form]):
        for value in (changed(GOOD[form], place), *(changed(GOOD[form], place, wrong) for wrong in WRONG)):
            try:
                assert own_json.parse(json.dumps(value), "dir/f", form) == value
            except UserError as fault:
                line = str(fault)
                assert "\n" not in line and len(line) < 500 and line.startswith("dir/f is not ")
                named = line.partition("(")[2].partition(" is ")[0].split(".")
                # The fault is told where it is, in what holds it, or in what it holds.
                assert all(a == str(b) for a, b in zip(named, place, strict=False)), (place, line)
                refused[place] = refused.get(place, 0) + 1
    assert len(refused) == len(list(places(GOOD[form])))
    assert all(count >= 5 for count in refused.values()), refused


@pytest.mark.parametrize("form", GOOD)
def test_a_file_that_is_none_is_one_line(form, tmp_path):
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe, tmp_path / "missing", folder / "x" / "y"):
        with pytest.raises(UserError, match=str(path.parent)):
            own_json.read(path, form)
