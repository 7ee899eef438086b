"""Damaged checkpoints: whatever happens to a file, it is noticed or harmless, and the checkpoint before is taken."""

import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import manager
from mmgeo_jax.checkpoints.checksums import checksums

TRIES = int(os.environ.get("MMGEO_FUZZ", 40))
TOKENIZER = bytes(range(256)) * 4


def state(step):
    rng = np.random.default_rng(step)
    params = {"image": {"kernel": rng.normal(size=(16, 24)).astype(np.float32)}, "scale": np.float32(step)}
    return {
        "params": params,
        "opt_state": {"mu": jax.tree.map(lambda x: x * 2, params), "count": np.int32(step)},
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    with manager.open_folder(run) as folder:
        for step in (1, 2):
            manager.save(folder, step, jax.tree.map(jnp.asarray, state(step)), TOKENIZER, {"val_hit1": step / 10})
    return run


def restored(run):
    with manager.open_folder(run) as folder:
        return manager.restore(folder, state(0))


def test_a_checksum_tells_every_bit_and_every_order():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.int8, np.uint16, jnp.bfloat16):
        array = rng.normal(size=(7, 5)).astype(dtype)
        found = checksums({"a": {"b": jnp.asarray(array)}})
        assert list(found) == ["a/b"]
        flat = array.copy().view(np.uint8).reshape(-1)
        for _ in range(20):
            other = flat.copy()
            other[rng.integers(len(flat))] ^= 1 << rng.integers(8)
            changed = other.view(dtype).reshape(array.shape)
            assert checksums({"a": {"b": jnp.asarray(changed)}}) != found
        assert checksums({"a": {"b": jnp.asarray(array[::-1])}}) != found


def test_what_was_saved_is_restored(saved):
    step, trees, tokenizer = restored(saved)
    assert step == 2 and tokenizer == TOKENIZER
    jax.tree.map(np.testing.assert_array_equal, trees, state(2))


def damage(path, rng):
    """Flips a bit of a file, cuts it, or empties it."""
    content = bytearray(path.read_bytes())
    match rng.integers(4):
        case 0 | 1 if content:
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        case 2 if content:
            del content[rng.integers(len(content)) :]
        case _:
            content.clear()
    path.write_bytes(content)


@pytest.mark.parametrize("seed", range(TRIES))
def test_damage_is_noticed_or_harmless(seed, saved, tmp_path, capsys):
    run, rng = tmp_path / "run", np.random.default_rng(seed)
    shutil.copytree(saved, run)
    files = sorted(path for path in (run / "checkpoints" / "2").rglob("*") if path.is_file())
    damage(files[rng.integers(len(files))], rng)
    step, trees, tokenizer = restored(run)
    assert tokenizer == TOKENIZER
    jax.tree.map(np.testing.assert_array_equal, trees, state(step))
    said = capsys.readouterr().err
    assert step == 2 or (step == 1 and "is broken" in said)
    assert "Traceback" not in said


@pytest.mark.parametrize("item", ["params", "opt_state", "run", "metrics"])
def test_a_lost_item_is_noticed(item, saved, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(saved, run)
    shutil.rmtree(run / "checkpoints" / "2" / item)
    step, trees, _ = restored(run)
    assert step == (2 if item == "metrics" else 1)
    jax.tree.map(np.testing.assert_array_equal, trees, state(step))


def reshaped(x):
    return x.reshape(x.shape[::-1]) if x.ndim > 1 else x


def test_an_array_of_another_shape_is_noticed(saved, tmp_path, capsys):
    """The same bytes, stored as 24 rows of 16 and not as 16 of 24."""
    run, other = tmp_path / "run", tmp_path / "other"
    shutil.copytree(saved, run)
    with manager.open_folder(other) as folder:
        manager.save(folder, 2, jax.tree.map(lambda x: reshaped(jnp.asarray(x)), state(2)), TOKENIZER, {})
    for item in ("params", "opt_state"):
        shutil.rmtree(run / "checkpoints" / "2" / item)
        shutil.copytree(other / "checkpoints" / "2" / item, run / "checkpoints" / "2" / item)
        step, trees, _ = restored(run)
        jax.tree.map(np.testing.assert_array_equal, trees, state(step))
        said = capsys.readouterr().err
        assert step == 1 and f"is broken, taking the one before it (ValueError: {item} has other shapes" in said
        shutil.rmtree(run)
        shutil.copytree(saved, run)


def test_two_broken_checkpoints_are_one_line(saved, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(saved, run)
    for step in ("1", "2"):
        for path in (run / "checkpoints" / step / "params").rglob("*"):
            if path.is_file():
                path.write_bytes(b"")
    with pytest.raises(UserError, match="is broken, and none is left before it"):
        restored(run)
