"""Checkpoints: written by a thread, of the step that was asked for; the newest and the best stay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmgeo_jax.checkpoints import manager as checkpoints

PROTO = b"a tokenizer"


def tree(value):
    return {"params": {"kernel": jnp.full((512, 512), value, jnp.float32)}, "opt_state": {"count": jnp.int32(value)}}


def test_a_checkpoint_holds_the_arrays_of_its_step_while_training_goes_on(tmp_path):
    step = jax.jit(lambda t: jax.tree.map(lambda x: x + 1, t), donate_argnums=0)
    state = step(tree(0))
    with checkpoints.open_folder(tmp_path) as folder:
        for done in range(1, 40):
            if done in (5, 6):
                checkpoints.save(folder, done, state, PROTO)
            state = step(state)
    with checkpoints.open_folder(tmp_path) as folder:
        for done in (5, 6):
            found = folder.restore(done)
            np.testing.assert_array_equal(found["params"]["kernel"], np.full((512, 512), done, np.float32))
            assert found["opt_state"]["count"] == done


def test_the_newest_two_and_the_best_stay(tmp_path):
    with checkpoints.open_folder(tmp_path) as folder:
        for step, hit1 in ((1, 0.2), (2, 0.6), (3, None), (4, 0.5), (5, None), (6, 0.4)):
            found = None if hit1 is None else {"val_hit1": hit1, "val_order": 0.1}
            checkpoints.save(folder, step, tree(step), PROTO, found)
    with checkpoints.open_folder(tmp_path) as folder:
        assert sorted(folder.all_steps()) == [2, 5, 6] and folder.best_step() == 2
        assert folder.metrics(2) == {"val_hit1": 0.6, "val_order": 0.1}
        newest = checkpoints.restore(folder, tree(0))
    assert newest is not None
    step, restored, proto = newest
    assert step == 6 and proto == PROTO and float(restored["params"]["kernel"][0, 0]) == 6


def test_a_fault_of_the_writing_thread_is_raised(tmp_path, monkeypatch):
    def full(*arguments, **more):
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match="No space left"), checkpoints.open_folder(tmp_path) as folder:  # noqa: SIM117
        with monkeypatch.context() as patch:
            patch.setattr("os.rename", full)
            checkpoints.save(folder, 1, tree(1), PROTO)
            folder.wait_until_finished()
