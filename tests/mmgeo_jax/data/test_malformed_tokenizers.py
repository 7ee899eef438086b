"""Tokenizers of others that are malformed: each is one line or works, and none takes longer than a few seconds."""

import copy
import json
import os
import random
import time
from typing import Any

import pytest

from data_gen.shared.errors import UserError
from mmgeo_jax.data.tokenizer import Tokenizer
from tests.mmgeo_jax.data.test_tokenizer_files import clip, folder, gemma, sentence_piece

LONGEST_S = 20.0  # of a busy machine: what is allowed is CPU time
SEED, TRIES = 16, int(os.environ.get("MMGEO_FUZZ", "40"))
ODD: list[Any] = [None, True, 0, -1, 2**31, 2**63, 1e400, "", "a", "\ud800", [], {}, [[]], {"type": "Nothing"}]


def judge(path):
    """Loads a tokenizer and uses it: True if it works, False if it is one line; anything else is raised."""
    begun = time.monotonic()
    try:
        tokenizer = Tokenizer(path)
        tokenizer.encode_batch(["AB = 5.5 cm", "∠ \U0001f600", "~" * 300], 24)
        tokenizer.decode([*range(-3, 30), 2**20])
        return True
    except UserError as fault:
        assert "\n" not in str(fault) and len(str(fault)) < 1000, str(fault)
        return False
    finally:
        assert time.monotonic() - begun < LONGEST_S


def replace(text, content, regex=False):
    return {"type": "Replace", "pattern": {"Regex" if regex else "String": text}, "content": content}


def changed(base, **parts):
    return json.dumps(json.loads(base) | parts)


def without_unknown():
    data = json.loads(gemma())
    data["model"] |= {"unk_token": "[none]", "byte_fallback": False}
    return json.dumps(data)


def padded(number):
    return changed(clip(), padding={"strategy": {"Fixed": 2**40}, "direction": "Right", "pad_to_multiple_of": None,
                                    "pad_id": number, "pad_type_id": 0, "pad_token": "!"})  # fmt: skip


def ended(number):
    return changed(clip(), post_processor={"type": "RobertaProcessing", "sep": ["</s>", number], "cls": ["<s>", 5],
                                           "trim_offsets": True, "add_prefix_space": False})  # fmt: skip


MALFORMED = {
    "garbage as normalizer": lambda: changed(clip(), normalizer={"type": "Garbage"}),
    "a normalizer that is a number": lambda: changed(clip(), normalizer=7),
    "no unknown token": without_unknown,
    "no end token": lambda: ended(2**31),
    "padding by 2^31": lambda: padded(2**31),
    "padding by an id between": lambda: padded(10**6),
    "a text that doubles 60 times": lambda: changed(clip(), normalizer={"type": "Sequence", "normalizers":
                                                                        [replace("e", "ee")] * 60}),
    "a Replace of nothing": lambda: changed(clip(), normalizer=replace("", "x" * 10**5)),
    "a decoder that grows": lambda: changed(clip(), decoder={"type": "Sequence", "decoders":
                                                             [replace("a", "aa")] * 60}),
    "a pattern that backtracks": lambda: changed(clip(), pre_tokenizer={"type": "Split", "behavior": "Isolated",
                                                 "invert": False, "pattern": {"Regex": "(a+)+$|(a|a)*b"}}),
    "a pattern that is none": lambda: changed(clip(), pre_tokenizer={"type": "Split", "behavior": "Isolated",
                                              "invert": False, "pattern": {"Regex": "(("}}),
    "nested 10,000 deep": lambda: '{"a":' * 10_000 + "1" + "}" * 10_000,
    "a list": lambda: "[1]",
    "not UTF-8": lambda: b'{"model": "\xff"}',
}  # fmt: skip


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_tokenizer_json_is_one_line(what, tmp_path, capfd):
    assert not judge(folder(tmp_path, "tokenizer.json", MALFORMED[what](), tokenizer_class="CLIPTokenizer"
                            if "padding" not in what else None))  # fmt: skip
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("key", ["tokenizer_class", "do_lower_case", "add_bos_token", "add_eos_token", "pad_token",
                                 "eos_token"])  # fmt: skip
@pytest.mark.parametrize("kind", ["tokenizer.json", "spiece.model"])
def test_settings_of_another_type_are_one_line(key, kind, tmp_path):
    data = clip() if kind == "tokenizer.json" else sentence_piece("siglip")
    told = {"tokenizer_class": "CLIPTokenizer" if kind == "tokenizer.json" else "SiglipTokenizer"}
    for number, value in enumerate(ODD):
        judge(folder(tmp_path / str(number), kind, data, **told | {"add_eos_token": True, key: value}))


def test_what_is_no_plain_file_of_its_folder_is_one_line(tmp_path):
    (tmp_path / "elsewhere.model").write_bytes(sentence_piece("siglip"))
    elsewhere = tmp_path / "elsewhere.model"
    makers = {"folder": os.mkdir, "pipe": os.mkfifo, "leads out": lambda path: os.symlink(elsewhere, path)}
    for number, name in enumerate(("spiece.model", "tokenizer.json", "tokenizer.model")):
        for kind, make in makers.items():
            path = tmp_path / f"{number}{kind}"
            path.mkdir()
            make(path / name)
            with pytest.raises(UserError, match=kind):
                Tokenizer(path)


def test_links_within_a_cache_of_hugging_face_are_followed(tmp_path):
    snapshot = tmp_path / "models--a--b/snapshots/0f"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--a--b/blobs").mkdir()
    for name, data in {
        "tokenizer.json": clip(),
        "tokenizer_config.json": '{"tokenizer_class": "CLIPTokenizer"}',
    }.items():
        (tmp_path / "models--a--b/blobs" / name).write_text(data)
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    assert judge(snapshot)


def mutate(value, rng):
    """Changes one place of a JSON value: another type, or gone."""
    place, spots = copy.deepcopy(value), []
    stack = [place]
    while stack:
        node = stack.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        spots += [(node, key) for key in list(keys)[:30]]
        stack += [node[key] for key in list(keys)[:30] if isinstance(node[key], dict | list)]
    node, key = rng.choice(spots)
    if rng.random() < 0.3:
        del node[key]
    else:
        node[key] = rng.choice(ODD)
    return place


def test_any_change_of_a_tokenizer_is_one_line_or_works(tmp_path):
    rng = random.Random(SEED)
    whole = json.loads(changed(clip(), padding=json.loads(padded(5))["padding"]))
    for number in range(TRIES):
        judge(folder(tmp_path / f"j{number}", "tokenizer.json", json.dumps(mutate(whole, rng))))
        data = bytearray(sentence_piece(rng.choice(["siglip", "gemma"])))
        for _ in range(rng.choice([1, 5, 50])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        judge(folder(tmp_path / f"s{number}", "spiece.model", bytes(data[: rng.choice([len(data), 900])])))
