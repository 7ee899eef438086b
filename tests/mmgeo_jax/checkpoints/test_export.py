"""Exports: every setting of a tower is carried over or refused; runs as transformers' own classes load them.

What needs torch and transformers (make test-reference) is skipped elsewhere.
"""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict
from PIL import Image

import mmgeo_jax
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import export, manager, readers, tokenizer_export, writers
from mmgeo_jax.data import tokenizer
from mmgeo_jax.evals import command as eval_command
from mmgeo_jax.evals import lmm as lmm_eval
from mmgeo_jax.inference import chat
from mmgeo_jax.inference import sampling as decoding
from mmgeo_jax.inference.encoder import embedder
from mmgeo_jax.models import lmm, lora, two_tower
from tests.mmgeo_jax.checkpoints.test_weights import reference
from tests.mmgeo_jax.data.test_tokenizer_files import ANY, CORPUS, KINDS, TEXTS, written
from tests.support import lmm_runs

CLOSE: dict[str, Any] = dict(rtol=0, atol=1e-5)
CLIP = {"image.class_token": True, "image.pool": "first", "image.head": True, "image.head_bias": False,
        "image.stem_bias": False, "image.first_norm": True, "text.head_bias": False, "text.masked": True,
        "text.causal": True}  # fmt: skip
# Another value of every setting of a TwoTower: what changes with it.
VARIANTS: dict[str, dict[str, Any]] = {
    "embed": {"image.width": 36, "embed": 36},
    "dtype": {"dtype": "bfloat16"},
    "init_scale": {"init_scale": 3.0},
    "init_bias": {"init_bias": 1.0},
    "image.width": {"image.width": 36, "embed": 36},
    "text.width": {"text.width": 32},
    "image.mlp_ratio": {"image.mlp_ratio": 1.3},
    "text.mlp_ratio": {"text.mlp_ratio": 1.3},
    "image.pool": {"image.pool": "mean"},
    "text.pool": {"text.pool": "map"},
    "image.head": {"image.head": True},
    "text.head": {"text.head": False, "text.width": 24},
    "image.head_bias": {"image.head_bias": False},
    "text.head_bias": {"text.head_bias": False},
    "image.size_px": {"image.size_px": 48},
    "image.patch_px": {"image.patch_px": 16},
    "image.patch_budget": {"image.patch_budget": 10},
    "image.stem": {"image.stem": "conv"},
    "image.mean": {"image.mean": (1.0, 0.9, 0.8)},
    "image.std": {"image.std": (0.25, 0.3, 0.2)},
    "image.stem_bias": {"image.stem_bias": False},
    "image.class_token": {"image.class_token": True},
    "image.first_norm": {"image.first_norm": True},
    "image.patch_head": {"image.patch_head": True},
    "captioner": {"captioner.depth": 1},
    "text.vocab_size": {"text.vocab_size": 60},
    "text.length": {"text.length": 16},
    "text.masked": {"text.masked": True},
    "text.end_id": {"text.end_id": 7},
    "clip": CLIP,
    "clip and end_id": CLIP | {"text.end_id": 7},
    "clip and another end_id": CLIP | {"text.end_id": 2},  # which transformers takes for the last token
    "clip and a stem with a bias": CLIP | {"image.stem_bias": True},
}
for _tower in ("image", "text"):
    for _name, _value in dict(depth=3, heads=2, activation="quick_gelu", norm_epsilon=1e-3, causal=True, remat="full",
                              unroll=1).items():  # fmt: skip
        VARIANTS[f"{_tower}.{_name}"] = {f"{_tower}.{_name}": _value}
# variant -> the setting that Hugging Face's layouts cannot express
REFUSED = {key: key for key in ("image.pool", "text.pool", "image.head", "image.patch_budget", "image.stem",
                                "image.first_norm", "text.masked", "image.causal", "text.causal")} | {
    "image.class_token": "image.pool",  # which makes it a CLIP, and that has no pool="map"
    "clip and another end_id": "text.end_id",
    "clip and a stem with a bias": "image.stem_bias",
}  # fmt: skip
# The same of an .npz, which says neither activations nor colours, but may have heads.
NPZ_REFUSED = {key: key for key in REFUSED if key != "image.head" and "clip" not in key} | {
    key: key for key in ("image.activation", "text.activation", "image.norm_epsilon", "text.norm_epsilon",
                         "image.mean", "image.std")
} | {key: "image.class_token" for key in VARIANTS if "clip" in key}  # fmt: skip


def siglip() -> ConfigDict:
    """A small model of SigLIP's architecture, of towers of different widths."""
    config = two_tower.default_model_config()
    config.image.update(size_px=32, patch_px=8, width=24, depth=2, heads=3, mlp_ratio=40 / 24)
    config.text.update(width=16, depth=2, heads=4, mlp_ratio=2.0, vocab_size=50, length=9, pool="last", masked=False)
    config.embed = 24
    return config


def variant(key: str) -> tuple[ConfigDict, dict[str, np.ndarray]]:
    """The config with another value of a setting, and random parameters."""
    config = siglip()
    for path, value in VARIANTS[key].items():
        config.update_from_flattened_dict({path: value})
    tree = jax.eval_shape(lambda: two_tower.init(config, 0)[1])
    rng = np.random.default_rng(0)
    flat = {name: rng.normal(0, 0.3, leaf.shape).astype(np.float32)
            for name, leaf in sorted(traverse_util.flatten_dict(tree, sep="/").items())}  # fmt: skip
    return config, flat | ({"logit_bias": np.float32(0)} if config.image.class_token else {})


def embeddings(config: ConfigDict, flat: dict[str, np.ndarray], key: str) -> tuple[np.ndarray, ...]:
    """Pictures, tokens, and our embeddings of both; zeros for the tower in which a variant changes nothing."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (3, config.image.size_px, config.image.size_px), dtype=np.uint8)
    tokens = rng.integers(8, config.text.vocab_size, (3, config.text.length)).astype(np.int32)
    tokens[:, -2] = config.text.end_id
    found = embedder(config, jax.tree.map(jnp.asarray, traverse_util.unflatten_dict(flat, sep="/")))
    none = np.zeros((3, config.embed))
    images = none if key.startswith("text.") else np.asarray(found.images(pictures))
    return pictures, tokens, images, none if key.startswith("image.") else np.asarray(found.texts(tokens))


def test_there_is_a_variant_of_every_setting():
    config = two_tower.default_model_config()
    settings = {f"{tower}.{name}" for tower in ("image", "text") for name in config[tower]}
    wanted = settings | {"captioner", "embed", "dtype", "init_scale", "init_bias"}
    assert {key for key in VARIANTS if "clip" not in key} == wanted == settings | set(config) - {"image", "text"}


@pytest.mark.parametrize("key", VARIANTS)
def test_every_setting_is_exported_or_refused(key, tmp_path):
    config, flat = variant(key)
    if key in REFUSED:
        with pytest.raises(UserError, match=f"cannot express.*model.{REFUSED[key]}=.*; train with --config.model"):
            writers.write_hugging_face(tmp_path, config, flat)
        assert not list(tmp_path.iterdir())
        return
    writers.write_hugging_face(tmp_path, config, flat)
    transformers = reference()
    import torch

    config.dtype = "float32"  # as the folder's arrays are
    pictures, tokens, *ours = embeddings(config, flat, key)
    model, report = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    pixels = transformers.AutoImageProcessor.from_pretrained(tmp_path)(
        [Image.fromarray(picture).convert("RGB") for picture in pictures], return_tensors="pt"
    )
    with torch.no_grad():
        out = model(input_ids=torch.tensor(tokens.astype(np.int64)), **pixels)
    for a, b in zip(ours, (out.image_embeds, out.text_embeds), strict=True):
        if a.any():
            np.testing.assert_allclose(a, b.numpy() / np.linalg.norm(b.numpy(), axis=-1, keepdims=True), **CLOSE)


@pytest.mark.parametrize("key", VARIANTS)
def test_every_setting_goes_into_an_npz_or_is_refused(key, tmp_path):
    config, flat = variant(key)
    if key in NPZ_REFUSED:
        with pytest.raises(UserError, match=f"cannot express.*model.{NPZ_REFUSED[key]}=.*; train with --config.model"):
            writers.write_npz(tmp_path / "a.npz", config, flat)
        assert not list(tmp_path.iterdir())
        return
    writers.write_npz(tmp_path / "a.npz", config, flat, scan=True)
    scanned = readers.read(tmp_path / "a.npz")
    writers.write_npz(tmp_path / "a.npz", config, flat)
    back = readers.read(tmp_path / "a.npz")
    assert back.config == scanned.config
    jax.tree.map(np.testing.assert_array_equal, back.params, scanned.params)
    towers = {name: array.tolist() for name, array in flat.items() if not name.startswith(two_tower.PATCH_READERS)}
    assert {name: back.params[name].tolist() for name in towers} == towers
    if set(VARIANTS[key]) & {"text.head", "image.stem_bias", "text.head_bias", "text.end_id"}:  # what was spelt out
        back.config.text.end_id = config.text.end_id  # which nothing looks for
        for a, b in zip(embeddings(config, flat, key), embeddings(back.config, back.params, key), strict=True):
            np.testing.assert_allclose(a, b, **CLOSE)


@pytest.mark.parametrize("name", ["clip_b16", "clip_so400m"])
def test_shipped_configs_can_be_exported(name):
    model = configs.load(f"configs/{name}.py").model
    written = writers.config_json(*writers.spell_out(model, {}, "siglip")[:1], "siglip")
    look = writers.image_processor_json(model.image, "SiglipImageProcessor")
    writers.check_expressible(model, readers.CONFIGS["siglip"](written, look), "siglip")


def test_the_quick_start_is_refused_and_told_what_to_set(tmp_path):
    model = configs.load("configs/clip_tiny.py").model
    with pytest.raises(UserError) as fault:
        writers.write_hugging_face(tmp_path, model, {})
    told = str(fault.value)
    assert "\n" not in told
    for setting in ("image.stem=patch", "image.patch_budget=0", "text.pool=last", "text.masked=False"):
        assert f"--config.model.{setting}" in told
    again = configs.load("configs/clip_tiny.py", told.split("train with ")[1].split()).model
    written = writers.config_json(again, "siglip")
    look = writers.image_processor_json(again.image, "SiglipImageProcessor")
    writers.check_expressible(again, readers.CONFIGS["siglip"](written, look), "siglip")


# ---- tokenizers ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written_tokenizer(tmp_path_factory):
    """A tokenizer of ours, its folder, and transformers' tokenizer of the folder."""
    ours = tokenizer.Tokenizer(tokenizer.train_tokenizer(CORPUS, 600, ["Describe the diagram."]))
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer_export.write_tokenizer(folder, ours, 64, 600)
    return ours, folder, reference().AutoTokenizer.from_pretrained(folder)


def check_ids(ours, theirs, texts):
    found = theirs(texts, padding="max_length", truncation=True)
    np.testing.assert_array_equal(ours.encode_batch(texts, 64), found["input_ids"])
    whole = [ids for ids in found["input_ids"] if ids[-1] == ours.pad_id]  # none is cut within a letter
    assert theirs.batch_decode(whole, skip_special_tokens=True) == [ours.decode(ids) for ids in whole]


def test_ids_are_ours(written_tokenizer):
    ours, _, theirs = written_tokenizer
    check_ids(
        ours, theirs, [*CORPUS, "∠ABC = 37.5°, AB ∥ CD.", "two\nlines", "Describe the diagram. x", "A" * 100, " a  b "]
    )


@given(st.lists(ANY, min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_ids_of_any_text_are_ours(written_tokenizer, texts):
    check_ids(written_tokenizer[0], written_tokenizer[2], texts)


def test_a_written_tokenizer_is_read_back(tmp_path):
    ours = tokenizer.Tokenizer(tokenizer.train_tokenizer(CORPUS, 600))
    tokenizer_export.write_tokenizer(tmp_path, ours, 64, 600)
    again = tokenizer.Tokenizer(tmp_path)
    np.testing.assert_array_equal(again.encode_batch(CORPUS, 30), ours.encode_batch(CORPUS, 30))
    assert (again.pad_id, again.end_id, again.eos_id) == (ours.pad_id, ours.end_id, ours.eos_id) and again.stated


@pytest.mark.parametrize("kind", KINDS)
def test_tokenizers_of_others_are_carried_over(kind, tmp_path):
    ours = tokenizer.Tokenizer(written(tmp_path / "in", kind))
    (tmp_path / "out").mkdir()
    tokenizer_export.write_tokenizer(tmp_path / "out", ours, 24, ours.vocab_size)
    again = tokenizer.Tokenizer(tmp_path / "out")
    np.testing.assert_array_equal(again.encode_batch([*CORPUS, *TEXTS], 24), ours.encode_batch([*CORPUS, *TEXTS], 24))
    assert (again.pad_id, again.end_id, again.eos_id) == (ours.pad_id, ours.end_id, ours.eos_id)
    theirs = reference().AutoTokenizer.from_pretrained(tmp_path / "out")
    found = theirs([*CORPUS, *TEXTS], padding="max_length", truncation=True)["input_ids"]
    np.testing.assert_array_equal(found, ours.encode_batch([*CORPUS, *TEXTS], 24))


# ---- a run --------------------------------------------------------------------------------------------------------


def save(run, config, params, proto):
    """A run's folder with one checkpoint."""
    run.mkdir()
    (run / "config.json").write_text(configs.to_json(config))
    with manager.open_folder(run) as folder:
        manager.save(folder, 1, {"params": params}, proto)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of an encoder of SigLIP's architecture, random."""
    folder, proto = tmp_path_factory.mktemp("runs"), tokenizer.train_tokenizer(CORPUS, 600)
    config = configs.load("configs/clip_b16.py")
    config.data.update(size_px=32, max_tokens=64)
    config.model.update(embed=24, dtype="float32")
    config.model.image.update(width=24, depth=2, heads=3, patch_px=8, mlp_ratio=2.0)
    config.model.text.update(width=16, depth=2, heads=2, vocab_size=600)
    params = two_tower.init(config.model, 0)[1]
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: leaf + rng.normal(0, 0.1, leaf.shape).astype(np.float32), params)
    save(folder / "clip", config, params, proto)
    return folder / "clip"


def test_transformers_takes_the_folder_of_a_run(run, tmp_path, capsys):
    transformers = reference()
    import torch

    assert export.main([f"--run={run}", f"--out={tmp_path}"]) == 0
    assert capsys.readouterr() == (f"{tmp_path}\n", "")
    ours, texts = mmgeo_jax.load(run), CORPUS[:5]
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    shown = [Image.fromarray(picture).convert("RGB") for picture in pictures]

    model = transformers.AutoModel.from_pretrained(tmp_path)
    processor = transformers.AutoProcessor.from_pretrained(tmp_path)
    inputs = processor(text=texts, images=shown, padding="max_length", truncation=True, return_tensors="pt")
    np.testing.assert_array_equal(inputs["input_ids"], ours.require_tokenizer().encode_batch(texts, 64))
    with torch.no_grad():
        out = model(**inputs)
    np.testing.assert_allclose(out.image_embeds.numpy(), ours.embed_images(pictures), **CLOSE)
    np.testing.assert_allclose(out.text_embeds.numpy(), ours.embed_texts(texts), **CLOSE)
    np.testing.assert_allclose(torch.sigmoid(out.logits_per_image).numpy(), ours.score(pictures, texts), **CLOSE)

    pipeline = transformers.pipeline("zero-shot-image-classification", model=str(tmp_path))
    found = pipeline(shown[0], candidate_labels=texts, hypothesis_template="{}")
    scores = {entry["label"]: entry["score"] for entry in found}
    np.testing.assert_allclose([scores[text] for text in texts], ours.score(pictures[:1], texts)[0], **CLOSE)

    again = mmgeo_jax.load(tmp_path)
    np.testing.assert_allclose(again.score(pictures, texts), ours.score(pictures, texts), **CLOSE)


def test_an_npz_of_a_run_is_read_with_its_tokenizer(run, tmp_path, capsys):
    assert export.main([f"--run={run}", f"--out={tmp_path}", "--format=npz"]) == 0
    ours, again = mmgeo_jax.load(run), mmgeo_jax.load(tmp_path / "model.npz", tokenizer=tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    np.testing.assert_allclose(again.score(pictures, CORPUS[:4]), ours.score(pictures, CORPUS[:4]), **CLOSE)


@pytest.mark.parametrize("format", ["hf", "npz"])
def test_rows_without_a_token_are_left_out(format, run, tmp_path):
    given = tokenizer.Tokenizer(written(tmp_path / "in", "siglip"))
    config, params = ConfigDict(json.loads((run / "config.json").read_text())), manager.restore_run(run).params
    config.model.text.end_id = given.end_id
    assert given.vocab_size < config.model.text.vocab_size
    save(tmp_path / "run", config, params, given.proto)
    export.export(tmp_path / "run", tmp_path / "out", format)
    again = mmgeo_jax.load(tmp_path / "out" / {"hf": "", "npz": "model.npz"}[format], tokenizer=tmp_path / "out")
    found, expected = again.embed_texts(CORPUS[:4]), mmgeo_jax.load(tmp_path / "run").embed_texts(CORPUS[:4])
    np.testing.assert_allclose(found, expected, **CLOSE)


# ---- a run of a multimodal model ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["our tokenizer", "Gemma's"])
def lmm_run(request, tmp_path_factory):
    """A run of a multimodal model of PaliGemma's architecture, random, with LoRA beside its decoder."""
    folder = tmp_path_factory.mktemp("lmm")
    (folder / "config.py").write_text(lmm_runs.CONFIG)
    if request.param == "our tokenizer":
        proto = tokenizer.train_tokenizer([*CORPUS, "Find x1.\n"], 500)
    else:
        proto = tokenizer.Tokenizer(written(folder / "gemma", "gemma")).proto
    config = configs.load(str(folder / "config.py"))
    config.data.prompt_end = "\n"
    config.model.update(features="last", projector="linear")
    config.model.image.update(stem="patch", patch_budget=None, size_px=32, patch_px=8)
    config.optim.freeze = "decoder/.*"
    config.lora.rank = 2
    _, params = lora.add(*lmm.init(config.model, 0), config.lora, config.optim.freeze, 0)
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: leaf + rng.normal(0, 0.2, leaf.shape).astype(np.float32), params)
    save(folder / "run", config, params, proto)
    return folder / "run"


def answer_ids(solver, picture, question):
    """The greedy answer as at most 10 tokens, without its end."""
    sampling, prompts = solver.fit_sampling(chat.GREEDY._replace(length=10), 200), solver.prompts([question])
    tokens, lengths = decoding.generate(solver.graphdef, solver.params, picture[None], prompts, sampling)
    return tokens[0, 0, : lengths[0, 0]].tolist()


def test_transformers_takes_the_folder_of_a_multimodal_run(lmm_run, tmp_path):
    transformers = reference()
    import torch

    mmgeo_jax.export(lmm_run, tmp_path)
    ours = chat.load(lmm_run)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    questions = ["Find ∠ABC.", "None of AB, CD?"]
    model, report = transformers.PaliGemmaForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    processor = transformers.AutoProcessor.from_pretrained(tmp_path)
    for picture, question in zip(pictures, questions, strict=True):
        shown = Image.fromarray(picture).convert("RGB")
        inputs = processor(images=shown, text=f"<image>{question}", return_tensors="pt")
        inputs.pop("labels", None)
        ids = inputs["input_ids"][0].tolist()
        told = ours.tokenizer.ids([question + "\n"], begun=True)[0]
        assert ids == [ours.model.decoder.vocab_size] * 16 + told
        with torch.no_grad():
            found = model.generate(**inputs, max_new_tokens=10, do_sample=False)
            logits = model(**inputs).logits[0, -1].numpy()
        answer = found[0, len(ids) :].tolist()
        assert [token for token in answer if token != ours.tokenizer.eos_id] == answer_ids(ours, picture, question)
        mine = decoding.prefill(ours.graphdef, ours.params, picture[None], ours.prompts([question]), np.uint32(0),
                                     ours.fit_sampling(chat.GREEDY, 200)).logits[0]  # fmt: skip
        np.testing.assert_allclose(logits[: len(mine)], mine, rtol=1e-4, atol=1e-4)


def test_a_published_folder_is_asked_and_scored(lmm_run, tmp_path, capsys, monkeypatch):
    """What we exported, as anybody's: the same answers; without data there is nothing to score."""
    assert export.main([f"--run={lmm_run}", f"--out={tmp_path}"]) == 0
    pictures = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    published = chat.load(tmp_path)
    answer = answer_ids(published, pictures[0], "Find ∠ABC.")
    assert answer == answer_ids(chat.load(lmm_run), pictures[0], "Find ∠ABC.")
    Image.fromarray(pictures[0]).save(tmp_path / "a.png")
    command = [f"--run={tmp_path}", f"--image={tmp_path}/a.png", "--question=Find ∠ABC.", "--length=10"]
    capsys.readouterr()
    assert chat.main(command) == 0
    assert capsys.readouterr().out.strip().startswith(published.tokenizer.decode(answer).rstrip("\ufffd").strip())
    assert eval_command.main([f"--run={tmp_path}"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.chdir(tmp_path)
    lmm_runs.write(tmp_path, test=3)
    monkeypatch.setitem(lmm_eval.GREEDY, "max_tokens", 4)
    assert eval_command.main([f"--run={tmp_path}", "--data", "data"]) == 0
    (found,) = (tmp_path / "runs").glob("eval_*_data/eval.json")
    assert json.loads(found.read_text())["scores"]["all"]["all"]["count"] == 3


@pytest.mark.parametrize(
    "key, value", [("data.prompt_end", ""), ("data.show_images", False), ("model.image.stem", "conv"),
                   ("model.features", "second_last"), ("model.projector", "mlp"), ("model.image.patch_budget", 3)]
)  # fmt: skip
def test_what_paligemma_cannot_express_is_refused(key, value, lmm_run, tmp_path):
    config = ConfigDict(json.loads((lmm_run / "config.json").read_text()))
    config.update_from_flattened_dict({key: value})
    config.lora.rank, config.optim.freeze = 0, ""
    save(tmp_path / "run", config, lmm.init(config.model, 0)[1], manager.restore_run(lmm_run).tokenizer.proto)
    with pytest.raises(UserError, match=f"{key}="):
        mmgeo_jax.export(tmp_path / "run", tmp_path / "out")
