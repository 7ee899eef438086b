"""mmgeo_jax.load and evaluation of any checkpoint: runs, .npz, Hugging Face folders, and what is wrong with them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from flax import traverse_util
from PIL import Image

import mmgeo_jax
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.checkpoints import readers, writers
from mmgeo_jax.data import images
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.evals import command as eval_command
from mmgeo_jax.inference import encoder
from mmgeo_jax.models import two_tower
from tests.mmgeo_jax.data.test_tokenizer_files import clip, folder, sentence_piece
from tests.support.fake_run import make_run, write_data

TEXTS = ["AB is parallel to CD.", "M is the midpoint!", ""]


def published(path, layout, tokenizer=True):
    """A random checkpoint of each layout, with its tokenizer beside it."""
    path.mkdir()
    config = two_tower.default_model_config()
    config.image.update(size_px=16, patch_px=8, width=24, depth=1, heads=3)
    config.text.update(width=16, depth=1, heads=2, length=20)
    config.embed = 24
    if layout == "clip":
        words = folder(path / "words", "tokenizer.json", clip(), tokenizer_class="CLIPTokenizer")
        config.image.update(pool="first", head=True, head_bias=False, stem_bias=False, class_token=True,
                            first_norm=True, mean=readers.CLIP_MEAN, std=readers.CLIP_STD)  # fmt: skip
        config.text.update(pool="last", causal=True, head_bias=False, end_id=Tokenizer(words).end_id)
    else:
        words = folder(path / "words", "spiece.model", sentence_piece("siglip"), tokenizer_class="SiglipTokenizer")
        config.text.update(pool="last", masked=False)
    config.text.vocab_size = Tokenizer(words).vocab_size
    rng, tree = np.random.default_rng(0), traverse_util.flatten_dict(two_tower.init(config, 0)[1], sep="/")
    params = {name: rng.normal(0, 0.3, leaf.shape).astype(np.float32) for name, leaf in tree.items()}
    if layout == "clip":
        params["logit_bias"] = np.float32(0)
    if layout == "big_vision":
        writers.write_npz(path / "a.npz", config, params)
        return path / "a.npz", path / "words"
    writers.write_hugging_face(path, config, params)
    if tokenizer:
        for file in (path / "words").iterdir():
            file.rename(path / file.name)
    return path, None


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    return {layout: mmgeo_jax.load(*published(root / layout, layout)) for layout in ("big_vision", "siglip", "clip")}


def test_importing_the_package_is_cheap():
    code = "import sys, mmgeo_jax; print([m for m in ('jax', 'numpy', 'PIL') if m in sys.modules], mmgeo_jax.load)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] <function load")


@pytest.mark.parametrize("layout", ["big_vision", "siglip", "clip"])
def test_embeddings_depend_on_nothing_but_the_thing(models, layout):
    model, rng = models[layout], np.random.default_rng(0)
    pictures = rng.integers(0, 256, (encoder.BATCH + 3, 16, 16), dtype=np.uint8)
    images, texts = model.embed_images(pictures), model.embed_texts(TEXTS)
    assert (
        images.shape == (encoder.BATCH + 3, 24) and texts.shape == (3, 24) and images.dtype == texts.dtype == np.float32
    )
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(model.embed_images(list(pictures[-2:])), images[-2:], atol=1e-6)
    np.testing.assert_allclose(model.embed_texts(TEXTS[1:]), texts[1:], atol=1e-6)
    assert np.abs(texts[0] - texts[1]).max() > 1e-3 and np.abs(images[0] - images[1]).max() > 1e-3
    assert model.embed_images([]).shape == (0, 24) and model.score(pictures[:0], TEXTS).shape == (0, 3)


def test_scores_are_what_users_of_each_family_expect(models):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16), dtype=np.uint8)
    for layout, model in models.items():
        logits = model.scale * model.embed_images(pictures) @ model.embed_texts(TEXTS).T + model.bias
        expected = (
            np.exp(logits) / np.exp(logits).sum(1, keepdims=True) if layout == "clip" else 1 / (1 + np.exp(-logits))
        )
        np.testing.assert_allclose(model.score(pictures, TEXTS), expected, rtol=1e-4)


def test_padding_of_clip_changes_nothing(models):
    """Its end token fills captions up: the embedding is that of the first one."""
    clip_model = models["clip"]
    tokens = clip_model.tokenizer.encode_batch(TEXTS, 20)
    assert (tokens[:, -1] == clip_model.tokenizer.end_id).all()
    zeros = np.where(np.cumsum(tokens == tokens[0, -1], axis=1) > 1, 0, tokens)
    for other in (zeros, tokens[:, :18]):
        np.testing.assert_allclose(clip_model.embedder.texts(other), clip_model.embedder.texts(tokens), atol=1e-6)


def test_pictures_of_any_kind_and_size_are_read_as_training_reads_them(models, tmp_path):
    model = models["siglip"]
    colour = np.random.default_rng(1).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    image = Image.fromarray(colour)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "a.webp", lossless=True)
    expected = model.embedder.images(images.decode_image((tmp_path / "a.png").read_bytes(), 16)[None])
    opaque = np.dstack([colour, np.full((30, 50), 255, np.uint8)])
    for picture in (colour, opaque, image, tmp_path / "a.png", str(tmp_path / "a.webp")):
        np.testing.assert_allclose(model.embed_images([picture]), expected, atol=1e-6)
    grey = np.asarray(image.convert("L"))
    np.testing.assert_allclose(model.embed_images([grey, grey[..., None]]), np.repeat(expected, 2, 0), atol=1e-6)


def test_faults_are_told_in_one_line(models, tmp_path):
    model = models["siglip"]
    npz, words = published(tmp_path / "a", "big_vision")
    alone, _ = published(tmp_path / "b", "siglip", tokenizer=False)
    whole, _ = published(tmp_path / "c", "siglip")
    (tmp_path / "bad.npz").write_bytes(npz.read_bytes()[:3000])
    (tmp_path / "bare.model").write_bytes(sentence_piece("siglip"))
    (tmp_path / "bad.png").write_bytes(b"png")
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "config.json").write_bytes((whole / "config.json").read_bytes())
    (cut / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes()[:-100])
    other = folder(tmp_path / "d", "tokenizer.json", clip(), tokenizer_class="CLIPTokenizer")
    with np.load(npz) as file:
        np.savez(tmp_path / "part.npz", **{k: file[k] for k in file.files if "MlpBlock_0/Dense_1/bias" not in k})
        images = {k: file[k] for k in file.files if k.startswith("params/img")}
        np.savez(tmp_path / "images.npz", **images)
    faults = {
        "nothing is no checkpoint": lambda: mmgeo_jax.load(tmp_path / "nothing"),
        "nothing.npz is not there": lambda: mmgeo_jax.load(tmp_path / "nothing.npz"),
        "is no .npz of plain arrays": lambda: mmgeo_jax.load(tmp_path / "bad.npz"),
        "model.safetensors is no whole file of safetensors": lambda: mmgeo_jax.load(cut),
        "whole: .*Dense_1/bias is not there, and .24. is wanted": lambda: mmgeo_jax.load(tmp_path / "part.npz", words),
        "but no tokenizer beside it: name its file": lambda: mmgeo_jax.load(alone).embed_texts(["a"]),
        "has no text tower": lambda: mmgeo_jax.load(tmp_path / "images.npz").embed_texts(["a"]),
        "does not say how captions are prepared: write": lambda: mmgeo_jax.load(npz, tmp_path / "bare.model"),
        "tokens, but the checkpoint's text tower knows": lambda: mmgeo_jax.load(npz, other),
        "texts must be a list": lambda: model.embed_texts("a"),
        "none.png: No such file": lambda: model.embed_images([tmp_path / "none.png"]),
        "bad.png does not decode": lambda: model.embed_images([str(tmp_path / "bad.png")]),
        r"a picture is float64\[2, 2\]": lambda: model.embed_images([np.zeros((2, 2))]),
    }  # fmt: skip
    for words_, fault in faults.items():
        with pytest.raises(UserError, match=words_) as caught:
            fault()
        assert "\n" not in str(caught.value)
    assert mmgeo_jax.load(tmp_path / "images.npz").embed_images([np.zeros((9, 9), np.uint8)]).shape == (1, 24)


def test_a_run_is_loaded_with_its_own_tokenizer(tmp_path):
    run, trained = make_run(tmp_path)
    with checkpoints.open_folder(run) as saved:
        trees = {"params": trained.params, "opt_state": {"a": np.zeros(1)}}
        checkpoints.save(saved, 30, trees, trained.tokenizer.proto)
    model = mmgeo_jax.load(run)
    scores = model.score([np.zeros((16, 16), np.uint8)], TEXTS)
    assert model.kind == "softmax" and scores.sum() == pytest.approx(1) and model.length == 32
    with pytest.raises(UserError, match="has its own tokenizer"):
        mmgeo_jax.load(run, run)


def test_a_checkpoint_is_scored_on_any_data_set(tmp_path, monkeypatch, capsys):
    source, words = published(tmp_path / "mine", "big_vision")
    write_data(tmp_path / "hard", {"test": 9}, n=4, c=4)
    write_data(tmp_path / "real", {"train": 2, "val": 5}, n=1, c=5)
    write_data(tmp_path / "other", {"train": 2}, n=1, c=5)
    monkeypatch.chdir(tmp_path)
    command = [f"--checkpoint={source}", f"--tokenizer={words}", "--data", "hard", "real"]
    assert eval_command.main(command) == 0
    table = capsys.readouterr().out
    results = json.loads((tmp_path / "runs/eval_a_hard/eval.json").read_text())
    scores = results["scores"]
    assert results["data"]["split"] == "test" and scores["families"] == 9 and scores["untrained_text_hit1"] is None
    for row in ("all", "star", "difficulty 0", "order", "shape", "runs/eval_a_real/eval.json"):
        assert row in table
    assert f"{scores['text_hit1']:.3f} (" in table

    model = mmgeo_jax.load(source, words)  # by hand, from the pictures and captions themselves
    from data_gen.records.tfrecords import RecordSource

    hits = []
    for family in (RecordSource("hard", "test")[row] for row in range(9)):
        pictures = np.stack([images.decode_image(png, 16) for png in family.images])
        cosines = model.embed_images(pictures) @ model.embed_texts(family.captions).T
        same = [len({*map(bytes, model.require_tokenizer().encode_batch(family.captions, 20))}) == len(family.captions)]
        assert same == [True] or results["merged_share"] > 0
        hits += [same[0] and (np.delete(row, i) < row[i]).all() for i, row in enumerate(cosines)]
    assert scores["text_hit1"] == pytest.approx(np.mean(hits))

    assert eval_command.main([*command[:2], "--data", "other"]) == 0  # on what there is, and it is said
    assert json.loads((tmp_path / "runs/eval_a_other/eval.json").read_text())["data"]["split"] == "train"
    capsys.readouterr()
    for faulty in (["--checkpoint=none", "--data", "hard"], [f"--checkpoint={source}", "--data", "hard"],
                   [*command[:2], "--data", "none"]):  # fmt: skip
        assert eval_command.main(faulty) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
