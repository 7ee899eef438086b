"""Gemma 1, 2, 3 (text) and PaliGemma 1 and 2: in from Hugging Face folders and big_vision's `.npz`, out to folders.

What is read is arrays and JSON alone (checkpoints/readers.py). A checkpoint's config is that of an LMM; of a decoder
alone it is the default one around it, and its arrays are "decoder/..." alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import readers
from mmgeo_jax.checkpoints.arrays import measure, open_safetensors, read_floats, strip_prefix
from mmgeo_jax.checkpoints.mapping import LAYOUTS, Arrays, Row, to_ours, to_theirs
from mmgeo_jax.checkpoints.readers import CONFIG, Checkpoint
from mmgeo_jax.checkpoints.writers import architecture, refuse_difference, vision_json, write_json, write_safetensors
from mmgeo_jax.data.published import Settings, is_present, read_settings, settings
from mmgeo_jax.models import lmm
from mmgeo_jax.models.gemma import GEMMA2, default_decoder_config
from mmgeo_jax.models.lmm import default_lmm_config

# ---- names in Hugging Face's files ----------------------------------------------------------------------------------

# The first generation calls the norm before the MLP what later ones call the norm behind attention.
NORMS = {"gemma": {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}}
NORMS["gemma2"] = {
    "attention_norm": "input_layernorm", "attention_post_norm": "post_attention_layernorm",
    "mlp_norm": "pre_feedforward_layernorm", "mlp_post_norm": "post_feedforward_layernorm",
}  # fmt: skip
NORMS["gemma3_text"] = NORMS["gemma2"] | {f"attention/{of}_norm": f"self_attn.{of[0]}_norm" for of in ("query", "key")}
KERNELS = {
    "attention/query": "self_attn.q_proj", "attention/key": "self_attn.k_proj", "attention/value": "self_attn.v_proj",
    "attention/out": "self_attn.o_proj", "mlp/gate": "mlp.gate_proj", "mlp/up": "mlp.up_proj",
    "mlp/down": "mlp.down_proj",
}  # fmt: skip


def rows(kind: str) -> Iterator[Row]:
    """Yields the names of a model of that kind, the image tower's and the projector's too."""
    blocks, layers = "decoder/blocks", "model.layers.{layer}"
    yield Row("decoder/token", "model.embed_tokens.weight")
    yield Row("decoder/norm/scale", "model.norm.weight")
    for ours, theirs in NORMS[kind].items():
        yield Row(f"{blocks}/{ours}/scale", f"{layers}.{theirs}.weight")
    for ours, theirs in KERNELS.items():
        yield Row(f"{blocks}/{ours}/kernel", f"{layers}.{theirs}.weight", "transposed")
    yield Row("projector/out/kernel", "multi_modal_projector.linear.weight", "transposed")
    yield Row("projector/out/bias", "multi_modal_projector.linear.bias")
    yield from (row for row in LAYOUTS["siglip"] if row.theirs.startswith("vision_model"))


# What a part's names begin with, in files of several versions of transformers -> in `rows`.
PREFIXES = (
    (r"^(model\.)?language_model\.(model\.)?", "model."),
    (r"^(model\.)*(?=(embed_tokens|layers|norm)\.)", "model."),  # of a model without its head too
    (r"^(model\.)?vision_tower\.(vision_model\.)?", "vision_model."),
    (r"^model\.multi_modal_projector\.", "multi_modal_projector."),
)
# In `rows` -> in a PaliGemma's files.
PALIGEMMA_PREFIXES = ((r"^model\.", "language_model.model."), (r"^vision_model\.", "vision_tower.vision_model."))


# What wrappers put before every name.
WRAPPED = re.compile(r"^(module\.|_orig_mod\.|base_model\.model\.)+")
T = TypeVar("T")


def _renamed(arrays: Mapping[str, T], prefixes: tuple[tuple[str, str], ...]) -> dict[str, T]:
    def name(path: str) -> str:
        return next((re.sub(old, new, path) for old, new in prefixes if re.match(old, path)), path)

    return {name(path): array for path, array in arrays.items()}


# ---- Hugging Face's config.json -------------------------------------------------------------------------------------

# What config.json leaves out where it is the default of transformers.
_GEMMA = {
    "vocab_size": 256000, "hidden_size": 3072, "intermediate_size": 24576, "num_hidden_layers": 28,
    "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256, "rms_norm_eps": 1e-6, "rope_theta": 1e4,
}  # fmt: skip
_GEMMA2 = _GEMMA | {
    "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8,
    "num_key_value_heads": 4, "query_pre_attn_scalar": 256, "sliding_window": GEMMA2["window"],
    "attn_logit_softcapping": GEMMA2["attention_cap"], "final_logit_softcapping": GEMMA2["final_cap"],
    "sliding_window_pattern": 2,
}  # fmt: skip
_GEMMA3 = _GEMMA2 | {
    "vocab_size": 262208, "attn_logit_softcapping": None, "final_logit_softcapping": None,
    "sliding_window_pattern": 6, "rope_theta": 1e6, "rope_local_base_freq": 1e4,
}  # fmt: skip
DEFAULTS: dict[str, dict[str, Any]] = {"gemma": _GEMMA, "gemma2": _GEMMA2, "gemma3_text": _GEMMA3}
# ours -> theirs, where the value is the same
SETTINGS = {
    "vocab_size": "vocab_size", "width": "hidden_size", "depth": "num_hidden_layers", "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads", "head_dim": "head_dim", "hidden": "intermediate_size",
    "norm_epsilon": "rms_norm_eps",
}  # fmt: skip
LATER_SETTINGS = {
    "query_scalar": "query_pre_attn_scalar", "attention_cap": "attn_logit_softcapping",
    "final_cap": "final_logit_softcapping", "window": "sliding_window",
}  # fmt: skip


def _decoder_config(theirs: Settings, kind: str) -> ConfigDict:
    part = Settings(theirs.values_, theirs.where, DEFAULTS[kind])
    config = default_decoder_config()
    config.update({ours: part[name] for ours, name in SETTINGS.items()})
    if config.heads % config.kv_heads or config.head_dim % 2:
        raise part.refuse(f"num_attention_heads={config.heads} must be a multiple of num_key_value_heads="
                          f"{config.kv_heads}, and head_dim={config.head_dim} even")  # fmt: skip
    _set_ropes(config, part)
    if kind != "gemma":
        later = {ours: part[name] for ours, name in LATER_SETTINGS.items()}
        later |= {name: float(later[name]) for name in later if name != "window" and later[name] is not None}
        config.update(later | {"post_norms": True, "qk_norm": kind == "gemma3_text", "global_every": _every(part)})
    return config


def _set_ropes(config: ConfigDict, part: Settings) -> None:
    """Sets a decoder's rotary bases: later versions have one for each kind of layer, or one."""
    ropes = part.get("rope_parameters") or Settings({}, part.where)
    wide = ropes.get("full_attention", ropes)
    scaling = part.get("rope_scaling") or Settings({}, part.where)
    wide = Settings({"rope_theta": part["rope_theta"], **scaling.values_, **wide.values_}, part.where)
    near = ropes.get("sliding_attention", {}).get("rope_theta", part.get("rope_local_base_freq", wide["rope_theta"]))
    if (rope := wide.get("rope_type", wide.get("type", "default"))) not in ("default", "linear"):
        raise part.refuse(f"rope_type={rope[:60]} is not known here, default and linear are")
    config.update(rope_base=float(wide["rope_theta"]), rope_scale=float(wide.get("factor") or 1.0))
    config.local_rope_base = float(near)


def _every(part: Settings) -> int:
    """Returns n where every n-th layer is global. Raises UserError where layer_types follows no such rule."""
    kinds, pattern = part.get("layer_types"), part.get("_sliding_window_pattern") or part["sliding_window_pattern"]
    if not kinds:
        return pattern
    every = kinds.index("full_attention") + 1 if "full_attention" in kinds else max(pattern, len(kinds) + 1)
    if any((kind == "full_attention") != (number % every == 0) for number, kind in enumerate(kinds, 1)):
        raise part.refuse("layer_types are not every n-th one global")
    return every


def kind_of(decoder: ConfigDict) -> str:
    """Returns the generation of a decoder's settings, as transformers calls it. Raises UserError where it has none."""
    kind = "gemma3_text" if decoder.qk_norm else "gemma2" if decoder.post_norms else "gemma"
    other = {
        "qk_norm without post_norms": decoder.qk_norm and not decoder.post_norms,
        "caps, window or query_scalar without post_norms": kind == "gemma"
        and any(decoder[name] is not None for name in LATER_SETTINGS),
        "two rope bases, or a scaled one, without qk_norm": kind != "gemma3_text"
        and (decoder.rope_scale != 1.0 or (decoder.global_every > 1 and decoder.local_rope_base != decoder.rope_base)),
        "no window with post_norms": kind != "gemma" and decoder.window is None,
        "a cap of attention with qk_norm": kind == "gemma3_text" and decoder.attention_cap is not None,
    }
    for what in (what for what, is_so in other.items() if is_so):
        raise UserError(f"Hugging Face has no Gemma with such settings of model.decoder: {what}")
    return kind


def _their_text_config(decoder: ConfigDict) -> dict[str, Any]:
    kind = kind_of(decoder)
    found = {name: decoder[ours] for ours, name in SETTINGS.items()}
    found |= {"model_type": kind, "hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh",
              "rope_theta": decoder.rope_base, "tie_word_embeddings": True}  # fmt: skip
    if kind == "gemma":
        return found
    found |= {name: decoder[ours] for ours, name in LATER_SETTINGS.items()}
    found["query_pre_attn_scalar"] = round(decoder.query_scalar or decoder.head_dim)
    layers = range(1, decoder.depth + 1)
    kinds = ["sliding_attention" if n % decoder.global_every else "full_attention" for n in layers]
    found |= {"layer_types": kinds, "sliding_window_pattern": decoder.global_every}
    if kind == "gemma3_text":
        found |= {"rope_local_base_freq": decoder.local_rope_base}
        if decoder.rope_scale != 1.0:
            found["rope_scaling"] = {"rope_type": "linear", "factor": decoder.rope_scale}
    return found


# ---- in -------------------------------------------------------------------------------------------------------------


def read(path: str | Path) -> Checkpoint:
    """Reads a checkpoint of Gemma or PaliGemma: a big_vision `.npz` or a folder. Raises UserError otherwise."""
    path = Path(path)
    if path.suffix == ".npz":
        return _read_big_vision(path)
    if not (path.is_dir() and is_present(path / CONFIG)):
        raise UserError(f"{path} is no checkpoint: give a big_vision .npz or a folder with config.json and safetensors")
    theirs, where = read_settings(path, CONFIG), f"the safetensors of {path}"
    config, kind = _config_of_json(theirs, read_settings(path, readers.LOOK))
    layout, table, heads = theirs["model_type"], tuple(rows(kind)), {"image": config.image.heads}
    stored = {WRAPPED.sub("", name): each for name, each in open_safetensors(path).items()}
    stored = _renamed(strip_prefix(stored, stored, where), PREFIXES)
    blocks = {"decoder": "model.layers.{layer}"}
    if layout == "paligemma":
        blocks["image"] = readers.BLOCKS["image"]
    for tower, block in blocks.items():
        readers.check_layers(stored, block, config[tower].depth, path)
    shapes = readers.shapes(lmm, config)
    wanted = shapes if layout == "paligemma" else readers.starting(shapes, ["decoder"])
    names = readers.check(stored, table, wanted, heads, where)
    return Checkpoint(config, to_ours(read_floats(stored, names, where), table, heads), layout)


def _config_of_json(theirs: Mapping[str, Any], look: Mapping[str, Any]) -> tuple[ConfigDict, str]:
    """Returns an LMM's config and the generation of its decoder, from a config.json."""
    told, config = settings(theirs), default_lmm_config()
    layout = told["model_type"]
    if layout not in ("paligemma", "gemma3", *NORMS):
        raise told.refuse(f"model_type={layout[:60]} is no Gemma (1, 2, 3) and no PaliGemma")
    text = told["text_config"] if layout in ("paligemma", "gemma3") else told
    kind = text.get("model_type", "gemma3_text" if layout == "gemma3" else "gemma")
    if kind not in NORMS:
        raise text.refuse(f"model_type={kind[:60]} is not known here: {', '.join(NORMS)} are")
    config.decoder = _decoder_config(text, kind)
    if layout == "paligemma":
        vision = Settings({"vision_config": told["vision_config"].values_}, told.where)
        config.image = readers.CONFIGS["siglip"](vision, look).image
        config.image.pool, config.features, config.projector = "mean", "last", "linear"
    return config, kind


# big_vision: ours -> (theirs, its shape, what gives ours); layers are stacked there too, heads H apart.
_BIG_VISION: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "token": ("embedder/input_embedding", "V D", lambda x: x),
    "norm/scale": ("final_norm/scale", "D", lambda x: x),
    "blocks/attention_norm/scale": ("layers/pre_attention_norm/scale", "L D", lambda x: x),
    "blocks/attention_post_norm/scale": ("layers/post_attention_norm/scale", "L D", lambda x: x),
    "blocks/mlp_norm/scale": ("layers/pre_ffw_norm/scale", "L D", lambda x: x),
    "blocks/mlp_post_norm/scale": ("layers/post_ffw_norm/scale", "L D", lambda x: x),
    "blocks/attention/query/kernel": ("layers/attn/q_einsum/w", "L H D E", lambda x: _merged(x)),
    "blocks/attention/key/kernel": ("layers/attn/kv_einsum/w", "L 2 G D E", lambda x: _merged(x[:, 0])),
    "blocks/attention/value/kernel": ("layers/attn/kv_einsum/w", "L 2 G D E", lambda x: _merged(x[:, 1])),
    "blocks/attention/out/kernel": (
        "layers/attn/attn_vec_einsum/w", "L H E D", lambda x: x.reshape(len(x), -1, x.shape[-1])
    ),
    "blocks/mlp/gate/kernel": ("layers/mlp/gating_einsum", "L 2 D F", lambda x: x[:, 0]),
    "blocks/mlp/up/kernel": ("layers/mlp/gating_einsum", "L 2 D F", lambda x: x[:, 1]),
    "blocks/mlp/down/kernel": ("layers/mlp/linear", "L F D", lambda x: x),
}  # fmt: skip
_WHOLE = "llm/layers/attn/qkv_einsum/w"  # where there are as many key heads as heads


def _merged(x: np.ndarray) -> np.ndarray:
    """Merges heads: [L, H, D, E] to [L, D, H * E]."""
    return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)


def _read_big_vision(path: Path) -> Checkpoint:
    stored, where = readers.open_big_vision(path), f"checkpoint {path}"
    table = {f"llm/{name}": sizes for name, sizes, _ in _BIG_VISION.values()}
    if _WHOLE in stored:
        table = {name: sizes for name, sizes in table.items() if "/attn/q_" not in name and "/attn/kv_" not in name}
        table[_WHOLE] = "L 3 H D E"
    has_post_norms = "llm/layers/post_ffw_norm/scale" in stored
    table = {name: sizes for name, sizes in table.items() if has_post_norms or "/post_" not in name}
    size = measure(stored, table, where)
    vision, image_heads = readers.size_big_vision(stored, where)
    config = default_lmm_config()
    config.image = vision.image
    config.image.update(pool="mean", head=False)
    config.features, config.projector = "last", "linear"
    config.decoder.update(vocab_size=size["V"], width=size["D"], depth=size["L"], heads=size["H"],
                          kv_heads=size.get("G", size["H"]), head_dim=size["E"], hidden=size["F"])  # fmt: skip
    if has_post_norms:
        config.decoder.update(GEMMA2)
        # The 27B model's queries are scaled by width / heads, not by head_dim.
        config.decoder.query_scalar = float(size["D"] / size["H"] if size["H"] == 32 else size["E"])
    shapes = readers.shapes(lmm, config)
    wanted = {name.replace("projector/out/", "image/head/"): shape for name, shape in shapes.items()
              if not name.startswith("decoder/")}  # fmt: skip
    names = readers.check(stored, LAYOUTS["big_vision"], wanted, image_heads, where)
    theirs = read_floats(stored, [*table, *names], where)
    if _WHOLE in theirs:
        whole = theirs.pop(_WHOLE)
        theirs["llm/layers/attn/q_einsum/w"], theirs["llm/layers/attn/kv_einsum/w"] = whole[:, 0], whole[:, 1:]
    params = {f"decoder/{ours}": form(theirs[f"llm/{name}"]) for ours, (name, _, form) in _BIG_VISION.items()
              if f"llm/{name}" in theirs}  # fmt: skip
    image = to_ours(theirs, "big_vision", image_heads)
    params |= {name.replace("image/head/", "projector/out/"): array for name, array in image.items()}
    return Checkpoint(config, params, "big_vision")


# ---- out ------------------------------------------------------------------------------------------------------------


def write_hugging_face(folder: str | Path, config: ConfigDict, params: Arrays) -> None:
    """Writes a folder that `transformers` loads, in several files with an index where it is long: as PaliGemma where
    `params`, our flat tree, has a projector, else as the causal language model of its generation. Raises UserError,
    naming the settings, where config, an LMM's, is of neither."""
    is_whole = any(name.startswith("projector/") for name in params)
    found = _paligemma_json(config) if is_whole else _text_json(config.decoder)
    arrays = to_theirs(params, tuple(rows(kind_of(config.decoder))), {"image": config.image.heads})
    if is_whole:
        # A pool that is not used stays here.
        arrays = {name: array for name, array in arrays.items() if not name.startswith("vision_model.head")}
        arrays = _renamed(arrays, PALIGEMMA_PREFIXES)
    else:
        arrays = {name: array for name, array in arrays.items() if name.startswith("model.")}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder, arrays)
    write_json(folder / "config.json", found)


def _text_json(decoder: ConfigDict) -> dict[str, Any]:
    names = {"gemma": "Gemma", "gemma2": "Gemma2", "gemma3_text": "Gemma3"}
    found = _their_text_config(decoder) | {"torch_dtype": "float32"}
    return found | {"architectures": [f"{names[found['model_type']]}ForCausalLM"]}


def _paligemma_json(config: ConfigDict) -> dict[str, Any]:
    """Returns the config.json of a PaliGemma. Raises UserError, naming the settings, where an LMM is none."""
    width = config.decoder.width
    found = {
        "model_type": "paligemma",
        "architectures": ["PaliGemmaForConditionalGeneration"],
        "torch_dtype": "float32",
        "text_config": _their_text_config(config.decoder),
        "projection_dim": width,
        "hidden_size": width,
        "image_token_index": config.decoder.vocab_size,  # no token of ours stands for an image
        "vision_config": vision_json(config.image, "siglip") | {"projection_dim": width, "vision_use_head": False},
    }
    ours, theirs = _image_side(config), _image_side(_config_of_json(found, {})[0])
    refuse_difference(ours, theirs, "Hugging Face's PaliGemma")
    if kind_of(config.decoder) == "gemma3_text":
        raise UserError("Hugging Face's PaliGemma cannot express model.decoder.qk_norm=True: it has Gemma 1 or 2")
    return found


def _image_side(config: ConfigDict) -> dict[str, Any]:
    """Returns what decides the image tokens of an LMM, whose tower's pool and head are not used."""
    tower = architecture("image", config.image)
    unused = {f"model.image.{name}" for name in ("pool", "head", "head_bias", "mean", "std")}
    tower = {name: value for name, value in tower.items() if name not in unused}
    return tower | {"model.features": config.features, "model.projector": config.projector}
