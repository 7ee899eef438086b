"""Writes encoders for others to load: big_vision's `.npz`, and Hugging Face folders of SigLIP and CLIP.

A layout has a fixed architecture. What a writer wrote is read back by `readers`, and a setting that does not survive is
an error that names it: a folder that loads but computes something else is never written.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from mmgeo_jax.checkpoints import readers
from mmgeo_jax.checkpoints.arrays import INDEX, SAFETENSORS
from mmgeo_jax.checkpoints.mapping import Arrays, to_theirs
from mmgeo_jax.checkpoints.readers import TOWER
from mmgeo_jax.data.published import ACTIVATIONS
from mmgeo_jax.models.two_tower import PATCH_READERS

CLASSES = {"siglip": "Siglip", "clip": "CLIP"}  # what their names begin with in transformers
NAMES = {"siglip": "Hugging Face's SigLIP", "clip": "Hugging Face's CLIP", "big_vision": "big_vision's SigLIP"}
SHARD_BYTES = 4 * 2**30  # a file of safetensors is not longer than this, or than its longest array
# Settings that change how a model is trained or computed, not what it computes.
FREE = ("remat", "unroll", "patch_head")
BICUBIC = 3  # Pillow's number, which is how our own pictures are resized


# ---- what a layout can express ------------------------------------------------------------------------------------


def check_expressible(config: ConfigDict, back: ConfigDict, layout: str) -> None:
    """Raises UserError, naming the settings, where a TwoTower's config is not what is read `back` from a layout."""
    ours, theirs = (
        {"model.embed": each.embed} | architecture("image", each.image) | architecture("text", each.text)
        for each in (config, back)
    )
    refuse_difference(ours, theirs, NAMES[layout])


def refuse_difference(ours: dict[str, Any], theirs: dict[str, Any], name: str) -> None:
    """Raises UserError where settings that both have differ; `name` says whose the others are."""
    different = sorted(key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key])
    if different:
        said = ", ".join(f"{key}={ours[key]}" for key in different)
        remedy = " ".join(f"--config.{key}={'0' if theirs[key] is None else theirs[key]}" for key in different)
        raise UserError(f"{name} cannot express {said}; train with {remedy}")


def architecture(name: str, tower: ConfigDict) -> dict[str, Any]:
    """Returns what decides a tower's output: setting -> value, in a form in which equal architectures are equal."""
    unused = {*FREE, *([] if tower.head else ["head_bias"]), *([] if tower.get("masked") else ["end_id"])}
    settings = tower.to_dict()
    if "patch_budget" in settings:
        settings["patch_budget"] = settings["patch_budget"] or None
    settings |= {"mlp_ratio": round(tower.width * tower.mlp_ratio) / tower.width}
    return {f"model.{name}.{key}": tuple(value) if isinstance(value, list) else value
            for key, value in settings.items() if key not in unused}  # fmt: skip


def spell_out(config: ConfigDict, params: Arrays, layout: str) -> tuple[ConfigDict, Arrays]:
    """Returns the same model with arrays that a layout always has and this one does without: biases of zero, and a text
    head that is the identity; and without what reads patches beside the towers."""
    config = config.copy_and_resolve_references()
    params = {name: array for name, array in params.items() if not name.startswith(PATCH_READERS)}
    if layout == "clip":
        return config, params
    if not config.image.stem_bias and config.image.stem == "patch":
        config.image.stem_bias = True
        params["image/stem/bias"] = np.zeros(config.image.width, np.float32)
    if layout == "siglip" and not config.text.head:
        config.text.update(head=True, head_bias=False)
        params["text/head/kernel"] = np.eye(config.embed, dtype=np.float32)
    for name in ("image", "text"):
        if config[name].head and not config[name].head_bias:
            config[name].head_bias = True
            params[f"{name}/head/bias"] = np.zeros(config.embed, np.float32)
    return config, params


# ---- big_vision ---------------------------------------------------------------------------------------------------


def write_npz(path: str | Path, config: ConfigDict, params: Arrays, scan: bool = False) -> None:
    """Writes a TwoTower's flat tree as a big_vision `.npz`; blocks are stacked where `scan`, else one by one. Raises
    UserError, naming the settings, where big_vision's SigLIP is another architecture."""
    if config.image.stem != "patch":
        raise UserError(f"{NAMES['big_vision']} cannot express model.image.stem={config.image.stem}; train with "
                        "--config.model.image.stem=patch")  # fmt: skip
    config, params = spell_out(config, params, "big_vision")
    theirs = to_theirs(params, "big_vision", {tower: config[tower].heads for tower in ("image", "text")}, scan)
    check_expressible(config, readers.size_big_vision(theirs, "this model")[0], "big_vision")
    with open_atomic(Path(path)) as file:
        np.savez(file, allow_pickle=False, **{f"params/{name}": array for name, array in theirs.items()})


# ---- Hugging Face -------------------------------------------------------------------------------------------------


def write_hugging_face(folder: str | Path, config: ConfigDict, params: Arrays) -> None:
    """Writes a folder that `transformers` loads as SiglipModel or, with a class token, as CLIPModel. Raises UserError,
    naming the settings, where that class is another architecture."""
    layout = "clip" if config.image.class_token else "siglip"
    config, params = spell_out(config, params, layout)
    written, look = config_json(config, layout), image_processor_json(config.image, f"{CLASSES[layout]}ImageProcessor")
    check_expressible(config, readers.CONFIGS[layout](written, look), layout)
    if layout == "clip" and float(params.get("logit_bias", np.float32(0))):
        raise UserError("CLIP has no bias of the scores, but this model's is not zero: it cannot be exported as CLIP")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder, to_theirs(params, layout, {tower: config[tower].heads for tower in ("image", "text")}))
    write_json(folder / "config.json", written)
    write_json(folder / "preprocessor_config.json", look)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Writes one JSON file."""
    with open_atomic(path) as file:
        file.write((json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def write_safetensors(folder: Path, arrays: Arrays) -> None:
    """Writes one file, or several of at most SHARD_BYTES with an index; float32."""
    shards: list[Arrays] = [{}]
    for name, array in arrays.items():
        if shards[-1] and sum(each.nbytes for each in shards[-1].values()) + array.nbytes > SHARD_BYTES:
            shards.append({})
        shards[-1][name] = np.array(array, np.float32, order="C")
    files = [f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    if len(shards) == 1:
        files = [SAFETENSORS]
    for name, shard in zip(files, shards, strict=True):
        with open_atomic(folder / name) as file:
            file.write(safetensors.numpy.save(shard, {"format": "pt"}))
    if len(shards) > 1:
        index = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
        total = sum(array.nbytes for array in arrays.values())
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": index})
    else:
        (folder / INDEX).unlink(missing_ok=True)  # of a longer model that was here


def image_processor_json(image: ConfigDict, kind: str) -> dict[str, Any]:
    """Returns the preprocessor_config.json of an image tower. Pictures that are no squares are squeezed into one there;
    ours are centred on white paper."""
    return {
        "image_processor_type": kind, "do_convert_rgb": True,
        "do_resize": True, "size": dict.fromkeys(("height", "width"), image.size_px), "resample": BICUBIC,
        "do_center_crop": False, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": list(image.mean), "image_std": list(image.std),
    }  # fmt: skip


def config_json(config: ConfigDict, layout: str) -> dict[str, Any]:
    """Returns the config.json of a TwoTower's config in a layout, "siglip" or "clip"."""
    texts = _tower_json(config.text) | {
        "model_type": f"{layout}_text_model",
        "vocab_size": config.text.vocab_size,
        "max_position_embeddings": config.text.length,
    }
    found: dict[str, Any] = {
        "model_type": layout,
        "architectures": [f"{CLASSES[layout]}Model"],
        "torch_dtype": "float32",
        "vision_config": vision_json(config.image, layout),
        "text_config": texts,
    }
    if layout == "clip":
        texts["eos_token_id"] = config.text.end_id  # by which it finds the end of a text
        return found | {"projection_dim": config.embed}
    texts |= {"projection_size": config.embed, "bos_token_id": None, "eos_token_id": None}
    return found


def vision_json(image: ConfigDict, layout: str) -> dict[str, Any]:
    """Returns the part of a config.json that is of an image tower."""
    size = {"image_size": image.size_px, "patch_size": image.patch_px, "num_channels": 3}
    return _tower_json(image) | size | {"model_type": f"{layout}_vision_model"}


def _tower_json(tower: ConfigDict) -> dict[str, Any]:
    activations = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    found = {name: tower[ours] for ours, name in TOWER.items()} | {"hidden_act": activations[tower.activation]}
    return found | {"intermediate_size": round(tower.width * tower.mlp_ratio), "attention_dropout": 0.0}
