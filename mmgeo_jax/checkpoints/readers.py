"""Checkpoints of others on disk: big_vision's `.npz`, and folders of Hugging Face safetensors with their config.json.

What is read is arrays and JSON alone; nothing is unpickled or executed.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints.mapping import Arrays, to_ours
from mmgeo_jax.models.two_tower import default_model_config

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP_END = 49407  # the token that ends a text
ACTIVATIONS = {"gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "quick_gelu": "quick_gelu"}
# A tower's settings: ours -> Hugging Face's, where the value is the same.
TOWER = {"width": "hidden_size", "depth": "num_hidden_layers", "heads": "num_attention_heads",
         "norm_epsilon": "layer_norm_eps"}  # fmt: skip
SAFETENSORS, INDEX = "model.safetensors", "model.safetensors.index.json"


class Checkpoint(NamedTuple):
    """A published model. config: of a TwoTower, or (weights/gemma.py) an LMM; params: our flat tree, float32; layout:
    whose names they had."""

    config: ConfigDict
    params: Arrays
    layout: str


def read(path: str | Path) -> Checkpoint:
    """Reads a checkpoint: a big_vision `.npz` or a Hugging Face folder. Raises UserError otherwise."""
    path = Path(path)
    if path.suffix == ".npz":
        return _read_big_vision(path)
    if (path / "config.json").is_file():
        return _read_hugging_face(path)
    raise UserError(f"{path} is no checkpoint: give a big_vision .npz, or a folder with config.json and safetensors")


# ---- big_vision ---------------------------------------------------------------------------------------------------


def read_npz(path: Path) -> Arrays:
    """Reads the arrays under "params/" (or all, where there is none) as float32. Raises UserError where it fails."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: _float32(file[name]) for name in file.files if not name.startswith("opt/")}
    except FileNotFoundError:
        raise UserError(f"checkpoint {path} is not there") from None
    except (ValueError, OSError, zipfile.BadZipFile, zlib.error, KeyError, EOFError) as fault:
        raise UserError(f"checkpoint {path} is no .npz of plain arrays: {fault}") from None
    prefix = "params/"
    inner = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return inner or arrays


def _float32(array: np.ndarray) -> np.ndarray:
    """Converts to float32; NumPy has no bfloat16 and saves it as two raw bytes."""
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:
        array = array.view(ml_dtypes.bfloat16)
    return np.asarray(array, np.float32)


def _read_big_vision(path: Path) -> Checkpoint:
    theirs = read_npz(path)
    if "img/embedding/kernel" not in theirs:
        raise UserError(f"checkpoint {path} has no img/embedding/kernel: it is no SigLIP of big_vision")
    if theirs["img/embedding/kernel"].ndim == 2:
        raise UserError(f"checkpoint {path} is a NaFlex SigLIP 2, which is not supported: take one of a fixed size")
    return of_big_vision(theirs)


def of_big_vision(theirs: Arrays) -> Checkpoint:
    """Returns the checkpoint of a SigLIP's arrays under big_vision's names."""
    prefixes = {"image": "img/Transformer", "text": "txt/Encoder_0"}
    heads = {tower: count for tower, prefix in prefixes.items() if (count := heads_of(theirs, prefix))}
    params = to_ours(theirs, "big_vision", heads)
    return Checkpoint(config_of(params, heads), params, "big_vision")


def heads_of(theirs: Arrays, prefix: str) -> int:
    """Returns the number of heads of a big_vision transformer, scanned or not; 0 where there is none."""
    blocks = (f"{prefix}/{block}/MultiHeadDotProductAttention_0" for block in ("encoderblock_0", "encoderblock"))
    return next((theirs[f"{block}/query/bias"].shape[-2] for block in blocks if f"{block}/query/bias" in theirs), 0)


def config_of(params: Arrays, heads: Mapping[str, int]) -> ConfigDict:
    """Returns the config of the SigLIP whose flat tree this is, or of its image tower where there is no other."""
    config = default_model_config()
    for tower in heads:
        _shapes(config[tower], params, tower, heads[tower])
    kernel = params["image/stem/kernel"]
    config.image.patch_px = kernel.shape[0]
    config.image.size_px = kernel.shape[0] * round(len(params["image/position"]) ** 0.5)
    config.embed = config.image.width
    if "text/token" in params:
        config.text.update(pool="last", masked=False)
        config.embed = params["text/head/kernel"].shape[1] if config.text.head else config.text.width
    return config


def _shapes(tower: ConfigDict, params: Arrays, name: str, heads: int) -> None:
    depth, width, hidden = params[f"{name}/encoder/blocks/mlp/up/kernel"].shape
    tower.update(width=width, depth=depth, heads=heads, mlp_ratio=hidden / width, head=f"{name}/head/kernel" in params)
    if name == "text":
        tower.vocab_size, tower.length = len(params["text/token"]), len(params["text/position"])


# ---- Hugging Face -------------------------------------------------------------------------------------------------


def read_safetensors(folder: Path) -> Arrays:
    """Reads one safetensors file, or those that an index names, as float32. Raises UserError."""
    index = folder / INDEX
    try:
        names = set(json.loads(index.read_text())["weight_map"].values()) if index.is_file() else {SAFETENSORS}
        if any(Path(name).name != name for name in names):
            raise UserError(f"{index} names a file that is not in its folder")
        arrays: Arrays = {}
        for name in sorted(names):
            # bfloat16 comes back as ml_dtypes' own.
            arrays |= {key: _float32(array) for key, array in safetensors.numpy.load_file(folder / name).items()}
        return arrays
    except FileNotFoundError as fault:
        raise UserError(f"{fault.filename or folder / SAFETENSORS} is not there") from None
    except (safetensors.SafetensorError, ValueError, KeyError, AttributeError, OSError) as fault:
        raise UserError(f"the safetensors of {folder} do not read: {fault}") from None


def _read_hugging_face(folder: Path) -> Checkpoint:
    try:
        theirs = json.loads((folder / "config.json").read_text())
        layout = theirs["model_type"].removesuffix("_vision_model").removesuffix("_text_model")
        if layout == "siglip2":
            raise UserError(f"{folder} is a NaFlex SigLIP 2, which is not supported: take one of a fixed size")
        config = CONFIGS[layout](theirs, preprocessor(folder))
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        kinds = ", ".join(CONFIGS)
        raise UserError(f"{folder}/config.json is of no model that is known here ({kinds}): {fault!r}") from None
    heads = {tower: config[tower].heads for tower in ("image", "text")}
    return Checkpoint(config, to_ours(read_safetensors(folder), layout, heads), layout)


def preprocessor(folder: Path) -> dict[str, Any]:
    """Returns the preprocessor_config.json of a folder, empty where there is none."""
    path = folder / "preprocessor_config.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _tower(part: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a tower's part of config.json says, with the family's defaults for what it leaves out."""
    ratio, activation = part["intermediate_size"] / part["hidden_size"], ACTIVATIONS[part["hidden_act"]]
    return {ours: part[name] for ours, name in TOWER.items()} | {"mlp_ratio": ratio, "activation": activation}


def _images(part: Mapping[str, Any], look: Mapping[str, Any]) -> dict[str, Any]:
    patch, look = part["patch_size"], {**part, **look}
    size = {"size_px": part["image_size"] // patch * patch, "patch_px": patch}  # what no patch fills is border
    return _tower(part) | size | {"mean": tuple(look["image_mean"]), "std": tuple(look["image_std"])}


def _texts(part: Mapping[str, Any]) -> dict[str, Any]:
    return _tower(part) | {"vocab_size": part["vocab_size"], "length": part["max_position_embeddings"]}


SIGLIP_DEFAULTS = dict(
    hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, layer_norm_eps=1e-6,
    hidden_act="gelu_pytorch_tanh", image_size=224, patch_size=16, vocab_size=32000, max_position_embeddings=64,
    image_mean=(0.5, 0.5, 0.5), image_std=(0.5, 0.5, 0.5),
)  # fmt: skip
CLIP_TEXT_DEFAULTS = dict(
    hidden_size=512, num_hidden_layers=12, num_attention_heads=8, intermediate_size=2048, layer_norm_eps=1e-5,
    hidden_act="quick_gelu", vocab_size=49408, max_position_embeddings=77,
)  # fmt: skip
CLIP_IMAGE_DEFAULTS = dict(
    hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, layer_norm_eps=1e-5,
    hidden_act="quick_gelu", image_size=224, patch_size=32, image_mean=CLIP_MEAN, image_std=CLIP_STD,
)  # fmt: skip


def _siglip_config(theirs: Mapping[str, Any], look: Mapping[str, Any]) -> ConfigDict:
    config, images, texts = default_model_config(), theirs.get("vision_config", {}), theirs.get("text_config", {})
    config.image.update(_images(SIGLIP_DEFAULTS | images, look))
    config.text.update(_texts(SIGLIP_DEFAULTS | texts))
    config.text.update(pool="last", masked=False)
    config.embed = texts.get("projection_size", config.text.width)
    return config


def _clip_config(theirs: Mapping[str, Any], look: Mapping[str, Any]) -> ConfigDict:
    config, images, texts = default_model_config(), theirs.get("vision_config", {}), theirs.get("text_config", {})
    config.image.update(_images(CLIP_IMAGE_DEFAULTS | images, look))
    config.text.update(_texts(CLIP_TEXT_DEFAULTS | texts))
    config.image.update(pool="first", head=True, head_bias=False, stem_bias=False, class_token=True, first_norm=True)
    end = texts.get("eos_token_id", CLIP_END)
    config.text.update(pool="last", causal=True, head_bias=False)
    config.text.end_id = config.text.vocab_size - 1 if end == 2 else end  # 2 stands in old files for the last token
    config.embed = theirs.get("projection_dim", 512)
    config.init_scale, config.init_bias = 1 / 0.07, 0.0
    return config


CONFIGS = {"siglip": _siglip_config, "clip": _clip_config}
