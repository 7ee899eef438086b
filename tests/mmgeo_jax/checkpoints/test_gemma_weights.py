"""Gemma and PaliGemma: parity with transformers on random weights, files both ways, fake checkpoints of big_vision.

The reference needs torch and transformers (make test-reference); without them those tests are skipped.
"""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx, traverse_util

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import arrays, mapping, writers
from mmgeo_jax.checkpoints import gemma as gemma_files
from mmgeo_jax.models import gemma, lmm
from mmgeo_jax.models.gemma import GEMMA3

SMALL: dict[str, Any] = dict(
    hidden_size=32, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
    intermediate_size=40, vocab_size=50,
)  # fmt: skip
TOWER = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, image_size=32,
             patch_size=8, vision_use_head=False, model_type="siglip_vision_model")  # fmt: skip
LATER = SMALL | dict(query_pre_attn_scalar=24, sliding_window=3)
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma": ("Gemma", SMALL),
    "gemma2": ("Gemma2", LATER | dict(attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3": ("Gemma3", LATER | dict(rope_scaling={"rope_type": "linear", "factor": 8.0}, sliding_window_pattern=3)),
}
# Products of matrices are summed in another order there.
CLOSE: dict[str, Any] = dict(rtol=1e-4, atol=1e-4)


def theirs(kind):
    """A random model of transformers, every array of it."""
    pytest.importorskip("torch", reason="needs torch: make test-reference")
    transformers = pytest.importorskip("transformers", reason="needs transformers: make test-reference")
    import torch

    torch.manual_seed(0)
    if kind.startswith("paligemma"):
        text = {"model_type": "gemma"} | SMALL
        if kind == "paligemma2":
            text = KINDS["gemma2"][1] | {"model_type": "gemma2", "sliding_window": 4096}
        config = transformers.PaliGemmaConfig(
            vision_config=TOWER, text_config=text, projection_dim=32, hidden_size=32, image_token_index=49
        )
        model = transformers.PaliGemmaForConditionalGeneration(config)
    else:
        name, settings = KINDS[kind]
        config = getattr(transformers, f"{name}TextConfig" if kind == "gemma3" else f"{name}Config")(**settings)
        model = getattr(transformers, f"{name}ForCausalLM")(config)
    model.set_attn_implementation("eager")  # the others leave soft-caps out
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def logits(checkpoint, images, tokens, prefix):
    """f32[B, T, V] of our model with a checkpoint's arrays, those that it lacks fresh."""
    graphdef, fresh = lmm.init(checkpoint.config, 0)
    flat = traverse_util.flatten_dict(fresh, sep="/")
    if images is not None:
        assert flat.keys() == checkpoint.params.keys()
    assert {k: flat[k].shape for k in checkpoint.params} == {k: v.shape for k, v in checkpoint.params.items()}
    tree = traverse_util.unflatten_dict({k: jnp.asarray(v) for k, v in (flat | checkpoint.params).items()}, sep="/")
    run = jax.jit(lambda params, *args: nnx.merge(graphdef, params)(*args))
    return run(tree, images, tokens, np.ones_like(tokens), prefix)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shards", ["one file", "several"])
def test_logits_are_those_of_transformers(kind, shards, tmp_path):
    model = theirs(kind)
    import torch

    tokens = np.random.default_rng(0).integers(0, 50, (2, 9)).astype(np.int32)
    with torch.no_grad():
        expected = model(input_ids=torch.tensor(tokens.astype(np.int64))).logits.numpy()
    model.save_pretrained(tmp_path, safe_serialization=True, **({} if shards == "one file" else _shards()))
    assert (tmp_path / arrays.INDEX).is_file() == (shards == "several")
    found = logits(gemma_files.read(tmp_path), None, tokens, np.zeros_like(tokens))
    np.testing.assert_allclose(found, expected, **CLOSE)


def _shards():
    return {"max_shard_size": "20KB"}


@pytest.mark.parametrize("kind", ["paligemma", "paligemma2"])
def test_logits_with_an_image_are_those_of_transformers(kind, tmp_path):
    """Image and question see each other, the answer is causal."""
    model = theirs(kind)
    import torch

    rng = np.random.default_rng(0)
    images, tokens = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8), rng.integers(0, 49, (2, 7)).astype(np.int32)
    prefix = np.broadcast_to(np.arange(7) < 4, tokens.shape)
    whole = np.concatenate([np.full((2, 16), 49), tokens], axis=1).astype(np.int64)
    pixels = torch.tensor((images.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2))
    types = torch.tensor(np.concatenate([np.zeros((2, 16)), ~prefix], axis=1).astype(np.int64))
    with torch.no_grad():
        out = model(input_ids=torch.tensor(whole), pixel_values=pixels, token_type_ids=types,
                    attention_mask=torch.ones_like(types))  # fmt: skip
    model.save_pretrained(tmp_path, safe_serialization=True)
    found = logits(gemma_files.read(tmp_path), images, tokens, prefix)
    np.testing.assert_allclose(found, out.logits[:, 16:].numpy(), **CLOSE)


@pytest.mark.parametrize("kind", [*KINDS, "paligemma", "paligemma2"])
def test_transformers_loads_what_we_write(kind, tmp_path):
    model = theirs(kind)
    model.save_pretrained(tmp_path / "in", safe_serialization=True)
    checkpoint = gemma_files.read(tmp_path / "in")
    gemma_files.write_hugging_face(tmp_path / "out", checkpoint.config, checkpoint.params)
    again, report = type(model).from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    state = again.state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(state[name].numpy(), value.numpy(), err_msg=name)
    assert gemma_files.read(tmp_path / "out").config == checkpoint.config
    again.set_attn_implementation("eager")
    if kind in KINDS:  # config.json says the same of what is no array
        import torch

        tokens = torch.arange(9)[None]
        with torch.no_grad():
            np.testing.assert_allclose(again(tokens).logits.numpy(), model(tokens).logits.numpy(), rtol=1e-6, atol=1e-6)


# ---- without the reference ------------------------------------------------------------------------------------------


def random_model(kind, kv_heads=2):
    """A config and a flat tree of random arrays, in PaliGemma's layout."""
    config = lmm.default_lmm_config()
    config.update(features="last", projector="linear")
    config.image.update(size_px=32, patch_px=8, width=24, depth=2, heads=3, mlp_ratio=40 / 24, pool="mean")
    small = dict(vocab_size=50, width=32, depth=3, heads=4, kv_heads=kv_heads, head_dim=16, hidden=40)
    kinds = {"gemma": {}, "gemma2": gemma.GEMMA2 | {"query_scalar": 16.0}, "gemma3": GEMMA3 | {"query_scalar": 16.0}}
    config.decoder.update(small | kinds[kind])
    shapes = traverse_util.flatten_dict(
        nnx.to_pure_dict(nnx.state(nnx.eval_shape(lambda: lmm.LMM(config, nnx.Rngs(0)))))
    )
    rng = np.random.default_rng(0)
    params = {"/".join(k): rng.normal(size=v.shape).astype(np.float32) for k, v in shapes.items()}
    return config, params


@pytest.mark.parametrize("kind", ["gemma", "gemma2", "gemma3"])
def test_a_folder_comes_back_as_it_went(kind, tmp_path, monkeypatch):
    """In several files, with an index; a decoder alone where there is no projector."""
    monkeypatch.setattr(writers, "SHARD_BYTES", 20_000)
    config, params = random_model(kind)
    if kind == "gemma3":
        params = {name: array for name, array in params.items() if name.startswith("decoder/")}
    gemma_files.write_hugging_face(tmp_path, config, params)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2 and (tmp_path / arrays.INDEX).is_file()
    found = gemma_files.read(tmp_path)
    assert found.config.decoder == config.decoder and (kind == "gemma3" or found.config == config)
    assert found.params.keys() == params.keys()
    jax.tree.map(np.testing.assert_array_equal, found.params, params)


@pytest.mark.parametrize("kind, scanned", [("gemma", True), ("gemma2", True), ("gemma", False)])
@pytest.mark.parametrize("kv_heads", [2, 4])
def test_an_npz_of_big_vision_is_read(kind, scanned, kv_heads, tmp_path):
    """A fake one: heads apart, keys and values in one array, queries too where all heads have keys of their own, gate
    and up in one; the decoder's layers are stacked, the image tower's may be."""
    config, params = random_model(kind, kv_heads)
    blocks = {name.removeprefix("decoder/blocks/"): array for name, array in params.items() if "decoder/blocks" in name}

    def apart(name, heads):  # [L, D, H * E] to [L, H, D, E]
        return np.stack(np.split(blocks[f"attention/{name}/kernel"], heads, axis=2), axis=1)

    theirs = {
        "llm/embedder/input_embedding": params["decoder/token"],
        "llm/final_norm/scale": params["decoder/norm/scale"],
        "llm/layers/attn/q_einsum/w": apart("query", 4),
        "llm/layers/attn/kv_einsum/w": np.stack([apart("key", kv_heads), apart("value", kv_heads)], axis=1),
        "llm/layers/attn/attn_vec_einsum/w": blocks["attention/out/kernel"].reshape(3, 4, 16, 32),
        "llm/layers/mlp/gating_einsum": np.stack([blocks["mlp/gate/kernel"], blocks["mlp/up/kernel"]], axis=1),
        "llm/layers/mlp/linear": blocks["mlp/down/kernel"],
    }
    norms = {"attention_norm": "pre_attention_norm", "mlp_norm": "pre_ffw_norm",
             "attention_post_norm": "post_attention_norm", "mlp_post_norm": "post_ffw_norm"}  # fmt: skip
    theirs |= {f"llm/layers/{name}/scale": blocks[f"{ours}/scale"] for ours, name in norms.items()
               if f"{ours}/scale" in blocks}  # fmt: skip
    if kv_heads == 4:
        query, others = theirs.pop("llm/layers/attn/q_einsum/w"), theirs.pop("llm/layers/attn/kv_einsum/w")
        theirs["llm/layers/attn/qkv_einsum/w"] = np.concatenate([query[:, None], others], axis=1)
    image = {name: array for name, array in params.items() if name.startswith("image/")}
    image |= {name.replace("projector/out", "image/head"): params[name] for name in params if "projector" in name}
    flat = mapping.to_theirs(image, "big_vision", {"image": 3}, scanned)
    assert any("/encoderblock/" in name for name in flat) == scanned
    np.savez(tmp_path / "a.npz", **{f"params/{name}": array for name, array in (theirs | flat).items()})
    found = gemma_files.read(tmp_path / "a.npz")
    assert found.config == config and found.params.keys() == params.keys()
    jax.tree.map(np.testing.assert_array_equal, found.params, params)


OTHER = {
    "caps": {"attention_cap": 50.0},
    "no window": {"post_norms": True},
    "two rope bases": {"rope_scale": 8.0},
    "qk_norm without": {"qk_norm": True},
}


@pytest.mark.parametrize("what", OTHER)
def test_what_hugging_face_has_no_model_for_is_one_line(what, tmp_path):
    config, params = random_model("gemma")
    config.decoder.update(OTHER[what])
    with pytest.raises(UserError, match=what.split()[0]):
        gemma_files.write_hugging_face(tmp_path, config, params)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"model_type": "bert"}', '{"model_type": "paligemma"}',
             '{"model_type": "gemma3_text", "layer_types": ["full_attention", "sliding_attention"]}']
)  # fmt: skip
def test_bad_folders_are_one_line(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=tmp_path.name):
        gemma_files.read(tmp_path)


def test_files_with_too_few_layers_are_one_line(tmp_path):
    config, params = random_model("gemma")
    gemma_files.write_hugging_face(tmp_path, config, {k: v for k, v in params.items() if k.startswith("decoder/")})
    data = json.loads((tmp_path / "config.json").read_text()) | {"num_hidden_layers": 5}
    (tmp_path / "config.json").write_text(json.dumps(data))
    with pytest.raises(UserError, match="5 layers"):
        gemma_files.read(tmp_path)


@pytest.mark.parametrize("arrays", [{"a": np.zeros(3)}, {"llm/layers/attn/q_einsum/w": np.zeros((1, 2))}])
def test_bad_npz_files_are_one_line(arrays, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=r"a\.npz"):
        gemma_files.read(tmp_path / "a.npz")
