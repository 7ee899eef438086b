"""Published weights: parity with transformers on random ones, round trips, bad files.

The reference needs torch and transformers (make test-reference); without them these tests are skipped.
"""

import json
from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
from flax import nnx, traverse_util

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import arrays, mapping, readers, writers
from mmgeo_jax.losses.pairs import pair_scores
from mmgeo_jax.models import two_tower

SMALL = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40)
WORDS = dict(vocab_size=50, max_position_embeddings=9)
SIZE = dict(image_size=32, patch_size=8)


def reference():
    pytest.importorskip("torch", reason="needs torch: make test-reference")
    return pytest.importorskip("transformers", reason="needs transformers: make test-reference")


def theirs(layout):
    """A random model of transformers, every array of it."""
    transformers = reference()
    import torch

    torch.manual_seed(0)
    if layout == "siglip":
        text = SMALL | WORDS | {"projection_size": 24}
        config = transformers.SiglipConfig(vision_config=SMALL | SIZE, text_config=text)
        model = transformers.SiglipModel(config)
    else:
        text = SMALL | WORDS | {"eos_token_id": 49, "bos_token_id": 48, "pad_token_id": 0}
        config = transformers.CLIPConfig(vision_config=SMALL | SIZE, text_config=text, projection_dim=16)
        model = transformers.CLIPModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
        model.logit_scale.fill_(1.5)
    return model.eval()


def inputs(layout):
    """Pictures as they are (uint8 RGB), and tokens: SigLIP's of the full length, CLIP's that end with 49."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 48, (4, 9)).astype(np.int32)
    if layout == "clip":
        for row, end in zip(tokens, (8, 5, 3, 6), strict=True):
            row[end:] = 0
            row[end] = 49
    return rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8), tokens


def ours(config, params):
    """A function of what `inputs` gives: embeddings of images and texts, not normalised, and scores."""
    graphdef, fresh = two_tower.init(config, 0)
    shapes = {k: v.shape for k, v in traverse_util.flatten_dict(fresh, sep="/").items()}
    assert {k: v.shape for k, v in params.items()} == {k: shapes[k] for k in params}
    missing = set(shapes) - set(params)
    assert missing <= {"logit_bias"}
    tree = traverse_util.unflatten_dict(params | {k: np.float32(0) for k in missing}, sep="/")
    model = nnx.merge(graphdef, jax.tree.map(jax.numpy.asarray, tree))

    def run(images, tokens):
        from mmgeo_jax.models.vit import patchify

        unit = model.embed_images(images), model.embed_texts(tokens)
        patches = patchify(images, config.image.patch_px)[0]
        scores = pair_scores(*unit, jax.numpy.exp(model.logit_scale[...]), model.logit_bias[...])
        return model.image(patches), model.text(tokens), scores

    return run


@pytest.mark.parametrize("layout", ["siglip", "clip"])
def test_towers_and_scores_are_those_of_transformers(layout, tmp_path):
    model = theirs(layout)
    import torch

    model.save_pretrained(tmp_path, safe_serialization=True)
    images, tokens = inputs(layout)
    checkpoint = readers.read(tmp_path)
    found = ours(checkpoint.config, checkpoint.params)(images, tokens)

    mean, std = (np.array(x, np.float32) for x in (checkpoint.config.image.mean, checkpoint.config.image.std))
    pixels = torch.tensor(((images / np.float32(255) - mean) / std).transpose(0, 3, 1, 2))
    with torch.no_grad():
        out = model(input_ids=torch.tensor(tokens.astype(np.int64)), pixel_values=pixels)
        vision = model.vision_model(pixels).pooler_output
        text = model.text_model(torch.tensor(tokens.astype(np.int64))).pooler_output
        if layout == "clip":
            vision, text = model.visual_projection(vision), model.text_projection(text)
    for a, b in zip(found, (vision, text, out.logits_per_image), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["siglip", "clip"])
def test_transformers_loads_what_we_write(layout, tmp_path):
    transformers = reference()
    model = theirs(layout)
    model.save_pretrained(tmp_path / "in", safe_serialization=True)
    checkpoint = readers.read(tmp_path / "in")
    writers.write_hugging_face(tmp_path / "out", checkpoint.config, checkpoint.params)
    kind = transformers.SiglipModel if layout == "siglip" else transformers.CLIPModel
    again, report = kind.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    state = again.state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(state[name].numpy(), value.numpy(), err_msg=name)
    assert readers.read(tmp_path / "out").config == checkpoint.config


def random_siglip():
    """A config and a flat tree of random arrays, of towers of different widths."""
    config = two_tower.default_model_config()
    config.image.update(size_px=32, patch_px=8, width=24, depth=2, heads=3, mlp_ratio=40 / 24)
    config.text.update(width=16, depth=3, heads=2, mlp_ratio=2.0, vocab_size=50, length=9, pool="last", masked=False)
    config.embed = 24
    rng = np.random.default_rng(0)
    flat = traverse_util.flatten_dict(two_tower.init(config, 0)[1], sep="/")
    return config, {name: rng.normal(size=leaf.shape).astype(np.float32) for name, leaf in flat.items()}


HEADS = {"image": 3, "text": 2}


def test_an_npz_comes_back_as_it_went(tmp_path):
    config, params = random_siglip()
    writers.write_npz(tmp_path / "a.npz", config, params)
    with np.load(tmp_path / "a.npz") as file:
        attention = "params/img/Transformer/encoderblock_1/MultiHeadDotProductAttention_0"
        assert file[f"{attention}/query/kernel"].shape == (24, 3, 8)
        assert file["params/img/pos_embedding"].shape == (1, 16, 24) and file["params/t"].shape == (1,)
    checkpoint = readers.read(tmp_path / "a.npz")
    assert checkpoint.config == config
    assert checkpoint.params.keys() == params.keys()
    jax.tree.map(np.testing.assert_array_equal, checkpoint.params, params)


def test_scanned_blocks_and_bfloat16_are_read(tmp_path):
    """big_vision may stack its blocks, and NumPy saves bfloat16 as raw bytes."""
    _, params = random_siglip()
    rounded = {name: array.astype(ml_dtypes.bfloat16) for name, array in params.items()}
    flat = mapping.to_theirs(rounded, "big_vision", HEADS)
    stacked: dict[str, Any] = {}
    for name in sorted(flat):
        if "encoderblock_0/" in name:
            paths = [name.replace("encoderblock_0/", f"encoderblock_{i}/") for i in range(9)]
            layers = [flat[path] for path in paths if path in flat]
            stacked[name.replace("encoderblock_0/", "encoderblock/")] = np.stack(layers)
        elif "encoderblock_" not in name:
            stacked[name] = flat[name]
    np.savez(tmp_path / "a.npz", **stacked)
    with np.load(tmp_path / "a.npz") as file:
        assert file["t"].dtype.kind == "V"
    found = readers.read(tmp_path / "a.npz").params
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, np.asarray(b, np.float32)), found, rounded)


def test_the_image_tower_alone_is_read(tmp_path):
    _, params = random_siglip()
    image = {name: array for name, array in params.items() if name.startswith("image/")}
    np.savez(tmp_path / "a.npz", allow_pickle=False, **mapping.to_theirs(image, "big_vision", HEADS))
    checkpoint = readers.read(tmp_path / "a.npz")
    assert all(name.startswith("image/") for name in checkpoint.params) and checkpoint.config.image.width == 24


def test_naflex_is_refused_by_its_name(tmp_path):
    """Its stem is a matrix, and pictures have no fixed size."""
    np.savez(tmp_path / "a.npz", allow_pickle=False, **{"params/img/embedding/kernel": np.zeros((768, 24))})
    (tmp_path / "config.json").write_text('{"model_type": "siglip2"}')
    for source in (tmp_path, tmp_path / "a.npz"):
        with pytest.raises(UserError, match="NaFlex"):
            readers.read(source)


class Evil:
    def __reduce__(self):
        return print, ("executed",)


BAD = {
    "nothing": lambda path: None,
    "no npz": lambda path: (path / "a.npz").write_text("hello"),
    "a pickle": lambda path: np.savez(path / "a.npz", a=np.array([Evil()], object)),
    "another tree": lambda path: np.savez(path / "a.npz", a=np.zeros(3)),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_npz_files_are_one_line(what, tmp_path, capsys):
    BAD[what](tmp_path)
    with pytest.raises(UserError, match=r"a\.npz"):
        readers.read(tmp_path / "a.npz")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model_type": "bert"}', '{"model_type": "siglip"}'])
def test_bad_folders_are_one_line(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=tmp_path.name):
        readers.read(tmp_path)


def test_an_index_names_files_of_its_folder_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "siglip"}')
    (tmp_path / arrays.INDEX).write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}))
    with pytest.raises(UserError, match="not in its folder"):
        readers.read(tmp_path)
