"""Where a run starts from: arrays by name, positions resized, differences told; and a run that starts from another."""

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from flax import traverse_util

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import init_from, writers
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.models import two_tower
from mmgeo_jax.train import clip as train_clip
from tests.mmgeo_jax.checkpoints.test_weights import random_siglip
from tests.mmgeo_jax.data.test_tokenizer_files import folder, sentence_piece
from tests.mmgeo_jax.train.test_train import arguments, base, compiled_programs, finished, whole  # noqa: F401


class Words(NamedTuple):
    """What is asked of a tokenizer."""

    vocab_size: int
    stated: bool


def model(config):
    return two_tower.init(config, 1)[1]


def flat(tree):
    return traverse_util.flatten_dict(jax.device_get(tree), sep="/")


def written(tmp_path, layout="run"):
    """(config, arrays, checkpoint) of a random model; a run's knows its tokenizer, a published one does not."""
    config, params = random_siglip()
    writers.write_npz(tmp_path / "a.npz", config, params)
    return config, params, init_from.read(tmp_path / "a.npz")._replace(layout=layout)


def test_all_arrays_are_taken_and_longer_tables_are_resized(tmp_path):
    config, params, checkpoint = written(tmp_path)
    config.image.size_px, config.text.length = 48, 12
    found = flat(init_from.fill(model(config), checkpoint, config))
    for name, array in params.items():
        if not name.endswith("/position"):
            np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert found["image/position"].shape == (36, 24)
    np.testing.assert_array_equal(found["text/position"][:9], params["text/position"])
    np.testing.assert_array_equal(found["text/position"][11], params["text/position"][8])


def test_a_grid_of_positions_keeps_its_shape():
    """What is linear over the picture stays so, but for the border, beyond which nothing is known."""
    rows, columns = np.mgrid[:4, :4]
    table = np.stack([rows, columns], -1).reshape(16, 2).astype(np.float32)
    grid = init_from.resize_grid(table, 64).reshape(8, 8, 2)
    expected = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
    np.testing.assert_allclose(grid[:, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(grid[3, :, 1], expected, atol=1e-6)
    with pytest.raises(UserError, match="square grids"):
        init_from.resize_grid(table, 63)


def test_the_image_tower_alone_leaves_the_rest(tmp_path):
    config, params, checkpoint = written(tmp_path, "big_vision")
    before, found = model(config), init_from.fill(model(config), checkpoint, config, "image")
    np.testing.assert_array_equal(found["image"]["stem"]["kernel"], params["image/stem/kernel"])
    jax.tree.map(np.testing.assert_array_equal, found["text"], before["text"])
    assert found["logit_scale"] == before["logit_scale"]


def test_trees_that_do_not_fit_are_told_apart(tmp_path):
    config, _, checkpoint = written(tmp_path)
    config.image.depth, config.text.head = 3, False
    config.text.width = config.embed = 24
    with pytest.raises(UserError, match=r"image/encoder/blocks/.* is \[2, .*\], the model has \[3, "):
        init_from.fill(model(config), checkpoint, config)
    with pytest.raises(UserError, match="init_parts"):
        init_from.fill(model(config), checkpoint, config, "nothing")


def test_a_published_text_tower_is_refused_for_want_of_its_tokenizer(tmp_path):
    config, _, checkpoint = written(tmp_path, "big_vision")
    for parts in ("image|text", "text"):
        with pytest.raises(UserError, match="tokenizer.file=, or .*init_parts=image"):
            init_from.fill(model(config), checkpoint, config, parts)


def test_a_published_text_tower_is_taken_with_its_own_tokenizer(tmp_path):
    config, params, checkpoint = written(tmp_path, "big_vision")
    fakes: Any = (Words(vocab_size=n, stated=stated) for n, stated in ((50, True), (30, True), (50, False)))
    own, small, bare = fakes
    found = flat(init_from.fill(model(config), checkpoint, config, tokenizer=own))
    np.testing.assert_array_equal(found["text/token"], params["text/token"])
    for words, told in ((small, "has 30 tokens, but .* knows 50"), (bare, "tokenizer_config.json")):
        with pytest.raises(UserError, match=told):
            init_from.fill(model(config), checkpoint, config, tokenizer=words)


def test_a_run_trains_with_a_tokenizer_of_others(base, tmp_path, capsys, finished):  # noqa: F811
    """SigLIP's, whose padding is its end token; settings that do not fit it are told, ready to be pasted."""
    told = {"tokenizer_class": "SiglipTokenizer"}
    words = folder(tmp_path / "words", "spiece.model", sentence_piece("siglip"), **told)
    more = [f"--config.tokenizer.file={words}", "--config.train.steps=2", "--config.data.max_tokens=24"]
    assert train_clip.main(arguments(base, tmp_path, *more, "--config.tokenizer.vocab_size=100")) == 1
    assert "set --config.tokenizer.vocab_size=" in (error := capsys.readouterr().err)
    settings = [word for word in error.split() if word.startswith("--config.")]
    assert train_clip.main(arguments(base, tmp_path / "fits", *more, *settings)) == 0
    kept = checkpoints.restore_run(tmp_path / "fits" / "run").tokenizer
    assert (kept.pad_id, kept.end_id) == (1, 1) and kept.proto == Tokenizer(words).proto


def test_a_run_starts_from_another(base, whole, tmp_path, finished):  # noqa: F811
    """With its tokenizer; at a learning rate of zero it stays where it began."""
    more = (f"--config.init_from={whole}", "--config.optim.lr=0.0", "--config.train.steps=2")
    assert train_clip.main(arguments(base, tmp_path, *more)) == 0
    first, second = checkpoints.restore_run(whole), checkpoints.restore_run(tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, first.params, second.params)
    assert first.tokenizer.proto == second.tokenizer.proto
