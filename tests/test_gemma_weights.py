"""Gemma and PaliGemma: parity with transformers on random weights, files both ways, fake checkpoints of big_vision.

The reference needs torch and transformers (requirements-reference.txt); without them those tests are skipped.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx, traverse_util

from mmgeo_jax.errors import UserError
from mmgeo_jax.models import lmm
from mmgeo_jax.weights import files, gemma

SMALL = dict(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             intermediate_size=40, vocab_size=50)  # fmt: skip
TOWER = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, image_size=32,
             patch_size=8, vision_use_head=False, model_type="siglip_vision_model")  # fmt: skip
LATER = SMALL | dict(query_pre_attn_scalar=24, sliding_window=3)
KINDS = {
    "gemma": ("Gemma", SMALL),
    "gemma2": ("Gemma2", LATER | dict(attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3": ("Gemma3", LATER | dict(rope_scaling={"rope_type": "linear", "factor": 8.0}, sliding_window_pattern=3)),
}
# Products of matrices are summed in another order there.
CLOSE = dict(rtol=1e-4, atol=1e-4)


def theirs(kind):
    """A random model of transformers, every array of it."""
    pytest.importorskip("torch", reason="needs torch (requirements-reference.txt)")
    transformers = pytest.importorskip("transformers", reason="needs transformers (requirements-reference.txt)")
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
    assert (tmp_path / files.INDEX).is_file() == (shards == "several")
    found = logits(gemma.read(tmp_path), None, tokens, np.zeros_like(tokens))
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
    found = logits(gemma.read(tmp_path), images, tokens, prefix)
    np.testing.assert_allclose(found, out.logits[:, 16:].numpy(), **CLOSE)


@pytest.mark.parametrize("kind", [*KINDS, "paligemma", "paligemma2"])
def test_transformers_loads_what_we_write(kind, tmp_path):
    model = theirs(kind)
    model.save_pretrained(tmp_path / "in", safe_serialization=True)
    checkpoint = gemma.read(tmp_path / "in")
    gemma.write_hugging_face(tmp_path / "out", checkpoint.config, checkpoint.params)
    again, report = type(model).from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    state = again.state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(state[name].numpy(), value.numpy(), err_msg=name)
    assert gemma.read(tmp_path / "out").config == checkpoint.config
    again.set_attn_implementation("eager")
    if kind in KINDS:  # config.json says the same of what is no array
        import torch

        tokens = torch.arange(9)[None]
        with torch.no_grad():
            np.testing.assert_allclose(again(tokens).logits.numpy(), model(tokens).logits.numpy(), rtol=1e-6, atol=1e-6)
