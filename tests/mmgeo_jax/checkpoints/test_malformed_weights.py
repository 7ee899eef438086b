"""Weights of others that are malformed: each is one line that names the array or setting, and nothing is allocated."""

import io
import json
import os
import random
import shutil
import time
import zipfile
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import arrays, gemma, init_from, readers
from mmgeo_jax.checkpoints.writers import write_hugging_face, write_npz
from mmgeo_jax.data.published import RULES
from mmgeo_jax.models import two_tower
from tests.mmgeo_jax.checkpoints.test_gemma_weights import random_model
from tests.mmgeo_jax.checkpoints.test_weights import random_siglip

SEED, TRIES, LONGEST_S = 16, int(os.environ.get("MMGEO_FUZZ", "40")), 20.0
ODD: list[Any] = [None, True, 0, -1, 1.5, 10**9, 10**400, 1e400, float("nan"), "a", [], {}, [[]], [0.5, "a", 1]]
# What an array becomes.
CHANGES: dict[str, Any] = {
    "missing": None,
    "scalar": lambda x: np.ones((), np.float32),
    "1-d": lambda x: np.zeros(7, np.float32),
    "empty": lambda x: np.zeros((0, 3), np.float32),
    "5-d": lambda x: np.zeros((1, 2, 1, 2, 1), np.float32),
    "complex": lambda x: x.astype(np.complex64),
    "integers": lambda x: x.astype(np.int32),
    "a structure": lambda x: np.zeros(x.shape, [("a", "f4"), ("b", "i4")]),
    "objects": lambda x: x.astype(object),
    "NaN": lambda x: np.full_like(x, np.nan),
    "too large": lambda x: np.full(x.shape, 1e300),
}


def judge(path, read=readers.read, named=""):
    """Reads a checkpoint: True if it is whole, False if it is one line that says `named`; all else is raised."""
    begun = time.monotonic()
    try:
        read(path)
        return True
    except UserError as fault:
        assert "\n" not in str(fault) and named in str(fault) and len(str(fault)) < 4000, str(fault)
        return False
    finally:
        assert time.monotonic() - begun < LONGEST_S


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder and an .npz of SigLIP, a folder of PaliGemma, and the arrays of the .npz."""
    root, (config, params) = tmp_path_factory.mktemp("good"), random_siglip()
    write_npz(root / "a.npz", config, params)
    config.text.update(width=24, heads=3)
    config.embed = 24
    rng = np.random.default_rng(0)
    shapes = readers.shapes(two_tower, config)
    whole = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    write_hugging_face(root / "siglip", config, whole)
    gemma.write_hugging_face(root / "gemma", *random_model("gemma2"))
    with np.load(root / "a.npz") as file:
        return root, {name: file[name] for name in file.files}


@pytest.mark.parametrize("change", CHANGES)
def test_a_malformed_array_of_an_npz_is_named(change, good, tmp_path):
    _, whole = good
    kinds = {name.replace("block_1", "block_0"): name for name in whole}.values()  # one of each
    make = CHANGES[change]
    for name in random.Random(SEED).sample(sorted(kinds), 12):
        changed = whole | {name: make(whole[name])} if make else {k: v for k, v in whole.items() if k != name}
        if (change == "missing" and name in ("params/t", "params/b")) or (change == "scalar" and whole[name].size == 1):
            continue
        np.savez(tmp_path / "b.npz", **changed)
        own = name.removeprefix("params/")
        assert not judge(tmp_path / "b.npz", named=own if "norm" in own.lower() or "MlpBlock" in own else "b.npz"), name


@pytest.mark.parametrize("change", ["missing", "scalar", "1-d", "5-d", "integers", "NaN", "too large"])
def test_a_malformed_array_of_safetensors_is_named(change, good, tmp_path):
    for layout, read in (("siglip", readers.read), ("gemma", gemma.read)):
        whole = safetensors.numpy.load_file(good[0] / layout / arrays.SAFETENSORS)
        shutil.copytree(good[0] / layout, tmp_path / layout)
        make = CHANGES[change]
        for name in random.Random(SEED).sample(sorted(whole), 8):
            if name.startswith("logit_") and change in ("missing", "scalar"):
                continue
            changed = whole | {name: make(whole[name])} if make else {k: v for k, v in whole.items() if k != name}
            safetensors.numpy.save_file(changed, tmp_path / layout / arrays.SAFETENSORS)
            assert not judge(tmp_path / layout, read, name.split(".")[-2:][0]), name


def test_a_size_of_a_config_is_held_against_arrays_before_anything_is_allocated(good, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_float32", lambda *_: pytest.fail("an array was read"))
    for layout, read in (("siglip", readers.read), ("gemma", gemma.read)):
        shutil.copytree(good[0] / layout, tmp_path / layout)
        whole = json.loads((good[0] / layout / "config.json").read_text())
        for part in ("vision_config", "text_config"):
            for key in (key for key in whole[part] if key.endswith(("size", "layers", "heads", "embeddings", "dim"))):
                if key not in RULES:
                    continue
                if layout == "gemma" and part == "vision_config" and key == "projection_dim":
                    continue  # is not read
                for value in (0, -1, 10**9, 10**400, 4096, True, "1", [1]):
                    told = whole | {part: whole[part] | {key: value}}
                    (tmp_path / layout / "config.json").write_text(json.dumps(told))
                    assert not judge(tmp_path / layout, read), (part, key, value)


MALFORMED_JSON = ["[]", "7", "null", '"a"', '{"weight_map": 3}', '{"weight_map": {"a": 3}}', '{"weight_map": {}}',
                  '{"weight_map": {"a": "config.json"}}', "[" * 10**5, "\xff"]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED_JSON)
@pytest.mark.parametrize("name", [arrays.INDEX, "config.json", "preprocessor_config.json"])
def test_malformed_json_is_one_line_that_names_its_file(name, text, good, tmp_path):
    shutil.copytree(good[0] / "siglip", tmp_path / "a")
    if name == arrays.INDEX:
        (tmp_path / "a" / arrays.SAFETENSORS).unlink()
    (tmp_path / "a" / name).write_bytes(text.encode("latin-1"))
    if not (name == "preprocessor_config.json" and text.startswith("{")):  # whose other keys are not asked for
        assert not judge(tmp_path / "a", named="config.json" if "config.json" in text else name)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", ["image_mean", "image_std"])
def test_a_colour_of_another_type_is_one_line(key, value, good, tmp_path):
    shutil.copytree(good[0] / "siglip", tmp_path / "a")
    (tmp_path / "a/preprocessor_config.json").write_text(json.dumps({key: value}))
    judge(tmp_path / "a", named="preprocessor_config.json")


@pytest.mark.parametrize("prefix", ["module.", "model.", "base_model.model.", "module.base_model.model.", "_orig_mod."])
def test_prefixes_of_wrappers_are_understood(prefix, good, tmp_path):
    for layout, read in (("siglip", readers.read), ("gemma", gemma.read)):
        shutil.copytree(good[0] / layout, tmp_path / layout)
        whole = safetensors.numpy.load_file(good[0] / layout / arrays.SAFETENSORS)
        wrapped = {prefix + name: array for name, array in whole.items()}
        safetensors.numpy.save_file(wrapped, tmp_path / layout / arrays.SAFETENSORS)
        found, expected = read(tmp_path / layout).params, read(good[0] / layout).params
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
    adapter = {f"{name}.lora_A.weight": array for name, array in whole.items()}
    safetensors.numpy.save_file(adapter, tmp_path / layout / arrays.SAFETENSORS)
    with pytest.raises(UserError, match="merge it"):
        read(tmp_path / layout)


def test_a_missing_scale_or_bias_is_said(good, tmp_path, capsys):
    shutil.copytree(good[0] / "siglip", tmp_path / "a")
    whole = safetensors.numpy.load_file(good[0] / "siglip" / arrays.SAFETENSORS)
    for gone in ("logit_scale", "logit_bias"):
        rest = {name: array for name, array in whole.items() if name != gone}
        safetensors.numpy.save_file(rest, tmp_path / "a" / arrays.SAFETENSORS)
        assert init_from.fill_all(readers.read(tmp_path / "a"), "it")[gone] == 0
        assert gone in capsys.readouterr().err
    init_from.fill_all(readers.read(good[0] / "siglip"), "it")
    assert not capsys.readouterr().err


def test_an_array_that_claims_more_than_it_holds_is_not_allocated(good, tmp_path):
    """A header that says [2^40, 2^20] before a few bytes."""
    header = io.BytesIO()
    told = {"descr": "<f4", "fortran_order": False, "shape": (2**40, 2**20)}
    np.lib.format.write_array_header_2_0(header, told)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("params/img/embedding/kernel.npy", header.getvalue() + b"1234")
    assert not judge(tmp_path / "a.npz", named="params/img/embedding/kernel")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file, file.open("a.npy", "w") as member:
        for _ in range(80):
            member.write(bytes(2**20))
    assert not judge(tmp_path / "a.npz", named="unpack")


def test_what_is_no_plain_file_of_its_folder_is_one_line(good, tmp_path):
    outside = good[0] / "siglip" / arrays.SAFETENSORS
    makers = {"folder": os.mkdir, "pipe": os.mkfifo, "leads out": lambda path: os.symlink(outside, path)}
    for name in (arrays.SAFETENSORS, "config.json", "preprocessor_config.json"):
        for kind, make in makers.items():
            path = tmp_path / f"{name} {kind}"
            shutil.copytree(good[0] / "siglip", path)
            (path / name).unlink()
            make(path / name)
            assert not judge(path, named=kind)
    os.mkfifo(tmp_path / "a.npz")
    assert not judge(tmp_path / "a.npz", named="pipe")


def test_any_damage_is_one_line_or_harmless(good, tmp_path):
    """Flipped and cut bytes of every file."""
    rng, root = random.Random(SEED), good[0]
    for number in range(TRIES):
        for source, read in (
            (root / "a.npz", readers.read),
            (root / "siglip", readers.read),
            (root / "gemma", gemma.read),
        ):
            target = tmp_path / f"{number}{source.name}"
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
            file = rng.choice(sorted(target.iterdir())) if source.is_dir() else target
            data = bytearray(file.read_bytes())
            end = len(data) if rng.random() < 0.5 else min(len(data), 2000)  # headers and names come first, or last
            for _ in range(rng.choice([1, 3, 30])):
                data[rng.randrange(end)] = rng.randrange(256)
            file.write_bytes(bytes(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])]))
            judge(target, read)
            shutil.rmtree(target) if target.is_dir() else target.unlink()
