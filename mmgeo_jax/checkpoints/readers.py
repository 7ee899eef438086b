"""Checkpoints of others on disk: big_vision's `.npz`, and folders of Hugging Face safetensors with their config.json.

What is read is arrays and JSON alone; nothing is unpickled or executed. The config comes first, from JSON whose values
are checked or from the shapes of arrays, then every array is held against the shape that the model of that config has
(`check`), and only then read.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
from flax import traverse_util
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints.arrays import check_shapes, measure, open_npz, open_safetensors, read_floats, strip_prefix
from mmgeo_jax.checkpoints.mapping import LAYOUTS, Arrays, Row, layers_of, shapes_of, to_ours
from mmgeo_jax.data.published import ACTIVATIONS, Settings, is_present, read_settings, require_file, settings
from mmgeo_jax.models import two_tower
from mmgeo_jax.models.two_tower import default_model_config

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP_END = 49407  # the token that ends a text
# A tower's settings: ours -> Hugging Face's, where the value is the same.
TOWER = {"width": "hidden_size", "depth": "num_hidden_layers", "heads": "num_attention_heads",
         "norm_epsilon": "layer_norm_eps"}  # fmt: skip
CONFIG, LOOK = "config.json", "preprocessor_config.json"
MOST_LAYERS = 1000
T = TypeVar("T")
SCORES = ("logit_scale", "logit_bias")  # a file may lack them; a tower alone does


class Checkpoint(NamedTuple):
    """A published model. config: of a TwoTower, or (checkpoints/gemma.py) an LMM; params: our flat tree, float32, of
    both towers or of one; layout: whose names they had."""

    config: ConfigDict
    params: Arrays
    layout: str


def read(path: str | Path) -> Checkpoint:
    """Reads a checkpoint: a big_vision `.npz` or a Hugging Face folder. Raises UserError otherwise."""
    path = Path(path)
    if path.suffix == ".npz":
        return _read_big_vision(path)
    if path.is_dir() and is_present(path / CONFIG):
        require_file(path / CONFIG, path)
        return _read_hugging_face(path)
    raise UserError(f"{path} is no checkpoint: give a big_vision .npz, or a folder with config.json and safetensors")


def shapes(module: Any, config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a model's flat tree. Nothing is allocated."""
    tree = jax.eval_shape(lambda: module.init(config, 0)[1])
    return {name: leaf.shape for name, leaf in traverse_util.flatten_dict(tree, sep="/").items()}


def starting(tree: Mapping[str, T], parts: Iterable[str]) -> dict[str, T]:
    """Returns what of a flat tree belongs to some of its top level's names."""
    return {name: leaf for name, leaf in tree.items() if name.split("/")[0] in parts}


def check(
    there: Mapping[str, Any], table: tuple[Row, ...], wanted: Mapping[str, tuple[int, ...]],
    heads: dict[str, int], where: str
) -> list[str]:  # fmt: skip
    """Returns the names of the arrays that a model wants, which are there in the shapes of its own flat tree, `wanted`.
    Raises UserError, which names those that are not."""
    needed = {name: shape for name, shape in wanted.items() if name not in SCORES}
    check_shapes(there, shapes_of(needed, table, heads, there), where)
    scores = {name: shape for name, shape in wanted.items() if name in SCORES}
    told = {name: shape for name, shape in shapes_of(scores, table, heads, there).items() if name in there}
    check_shapes(there, told, where)
    return [*shapes_of(needed, table, heads, there), *told]


def shrink(config: ConfigDict, has_tower: Mapping[str, bool]) -> None:
    """Makes a tower that a checkpoint lacks as small as can be, whatever its config says: it is filled with zeros."""
    for name in (name for name, has in has_tower.items() if not has):
        config[name].update(width=1, depth=1, heads=1, mlp_ratio=1.0, head=True)
        config[name].update(dict(size_px=1, patch_px=1) if name == "image" else dict(vocab_size=1, length=1))


# ---- big_vision ---------------------------------------------------------------------------------------------------

BIG_VISION_BLOCKS = {"image": "img/Transformer/encoderblock_{layer}", "text": "txt/Encoder_0/encoderblock_{layer}"}
# The arrays that say how large a SigLIP's towers are (arrays.measure).
BIG_VISION_SIZES = {
    "image": {"img/embedding/kernel": "p p 3 D", "img/pos_embedding": "1 P D"},
    "text": {"txt/Embed_0/embedding": "V D", "txt/pos_embedding": "1 N D"},
}
BLOCK_SIZES = {"MultiHeadDotProductAttention_0/query/bias": "H E", "MlpBlock_0/Dense_0/kernel": "D F"}
ANCHORS = {
    "big_vision": ("img/embedding/kernel", "txt/Embed_0/embedding", "llm/embedder/input_embedding"),
    "siglip": ("vision_model.embeddings.patch_embedding.weight", "text_model.embeddings.token_embedding.weight"),
}


def open_big_vision(path: Path) -> dict[str, Any]:
    """Returns the arrays of an .npz under big_vision's names, not read yet: those under "params/", or all."""
    return strip_prefix(open_npz(path), ANCHORS["big_vision"], f"checkpoint {path}")


def _read_big_vision(path: Path) -> Checkpoint:
    theirs, where = open_big_vision(path), f"checkpoint {path}"
    if "img/embedding/kernel" not in theirs:
        raise UserError(f"{where} has no img/embedding/kernel: it is no SigLIP of big_vision")
    if len(theirs["img/embedding/kernel"].shape) == 2:
        raise UserError(f"{where} is a NaFlex SigLIP 2, which is not supported: take one of a fixed size")
    config, heads = size_big_vision(theirs, where)
    wanted = starting(shapes(two_tower, config), [*heads, *SCORES])
    names = check(theirs, LAYOUTS["big_vision"], wanted, heads, where)
    params = to_ours(read_floats(theirs, names, where), "big_vision", heads)
    return Checkpoint(config, params, "big_vision")


def size_big_vision(theirs: Mapping[str, Any], where: str) -> tuple[ConfigDict, dict[str, int]]:
    """Returns the config of a SigLIP whose arrays, read or not, have big_vision's names, and the heads of its towers,
    of which the text tower may be missing. Raises UserError where shapes do not tell."""
    config, heads = default_model_config(), {}
    for tower, block in BIG_VISION_BLOCKS.items():
        if tower == "text" and not any(name.startswith("txt/") for name in theirs):
            continue
        depth = layers_of(theirs, block)
        if not 0 < depth <= MOST_LAYERS:
            raise UserError(f"{where} has {depth} blocks {block.format(layer='N')}, and 1 to {MOST_LAYERS} are wanted")
        stacked = block.replace("_{layer}", "")
        is_stacked = any(name.startswith(f"{stacked}/") for name in theirs)
        prefix, layer = (stacked, "L ") if is_stacked else (block.format(layer=0), "")
        blocks = {f"{prefix}/{name}": layer + sizes for name, sizes in BLOCK_SIZES.items()}
        size = measure(theirs, BIG_VISION_SIZES[tower] | blocks, where)
        if size["H"] * size["E"] != size["D"]:
            raise UserError(f"{where}: {prefix}/MultiHeadDotProductAttention_0/query/bias is {[size['H'], size['E']]}, "
                            f"and heads of {size['D']} values in all are wanted")  # fmt: skip
        heads[tower] = size["H"]
        head = f"{'img' if tower == 'image' else 'txt'}/head"
        config[tower].update(width=size["D"], depth=depth, heads=size["H"], mlp_ratio=size["F"] / size["D"],
                             head=f"{head}/kernel" in theirs, head_bias=True)  # fmt: skip
        if tower == "image":
            config.image.update(patch_px=size["p"], size_px=size["p"] * round(size["P"] ** 0.5))
            config.embed = _head_width(theirs, head, size["D"], where)
        else:
            config.text.update(vocab_size=size["V"], length=size["N"], pool="last", masked=False)
            config.embed = _head_width(theirs, head, size["D"], where)
    shrink(config, {"text": "text" in heads})
    return config, heads


def _head_width(theirs: Mapping[str, Any], head: str, width: int, where: str) -> int:
    """Returns the width of a tower's embeddings: of its head, where it has one."""
    return measure(theirs, {f"{head}/kernel": f"{width} E"}, where)["E"] if f"{head}/kernel" in theirs else width


# ---- Hugging Face -------------------------------------------------------------------------------------------------


VISION, TEXT = "vision_model.", "text_model."
BLOCKS = {"image": f"{VISION}encoder.layers.{{layer}}", "text": f"{TEXT}encoder.layers.{{layer}}"}
PARTS = {"_vision_model": "vision_config", "_text_model": "text_config"}  # a tower's own model_type -> where it stands


def _read_hugging_face(folder: Path) -> Checkpoint:
    where = f"the safetensors of {folder}"
    layout, theirs = whole_config(read_settings(folder, CONFIG))
    config = CONFIGS[layout](theirs, read_settings(folder, LOOK))
    stored = strip_prefix(open_safetensors(folder), ANCHORS["siglip"], where)
    has_tower = {tower: any(name.startswith(block.split(".")[0]) for name in stored) for tower, block in BLOCKS.items()}
    if not any(has_tower.values()):
        raise UserError(f"{where} have no array of {layout}, such as {ANCHORS['siglip'][0]}")
    if not all(has_tower.values()):
        _fit_embed(config, layout, stored)
    elif not config.image.head and config.image.width != config.embed:
        raise UserError(f"{folder / CONFIG} has vision_config hidden_size={config.image.width}, and {config.embed} is "
                        "wanted, the text tower's projection_size")  # fmt: skip
    for tower in (tower for tower, has in has_tower.items() if has):
        check_layers(stored, BLOCKS[tower], config[tower].depth, folder)
    shrink(config, has_tower)
    heads = {tower: config[tower].heads for tower in ("image", "text")}
    wanted = starting(shapes(two_tower, config), [*(tower for tower, has in has_tower.items() if has), *SCORES])
    names = check(stored, LAYOUTS[layout], wanted, heads, where)
    return Checkpoint(config, to_ours(read_floats(stored, names, where), layout, heads), layout)


def whole_config(theirs: Settings) -> tuple[str, Settings]:
    """Returns the layout of a config.json, a key of CONFIGS, and the settings of both towers: a tower saved alone has
    its own at the top. Raises UserError where the model is not known."""
    kind = theirs["model_type"]
    suffix = next((suffix for suffix in PARTS if kind.endswith(suffix)), "")
    layout = kind.removesuffix(suffix)
    if layout == "siglip2":
        raise theirs.refuse("a NaFlex SigLIP 2, which is not supported: take one of a fixed size")
    if layout not in CONFIGS:
        raise theirs.refuse(f"model_type={kind[:60]} is not known here: {', '.join(CONFIGS)} are")
    if not suffix:
        return layout, theirs
    more = {key: theirs.values_[key] for key in ("projection_dim",) if key in theirs}
    return layout, Settings({PARTS[suffix]: theirs.values_, **more}, theirs.where)


def _fit_embed(config: ConfigDict, layout: str, stored: Mapping[str, Any]) -> None:
    """Sets the width of the embeddings of one tower alone; CLIP's has no head where there is no projection."""
    tower, projection = ("image", "visual") if any(name.startswith(VISION) for name in stored) else ("text", "text")
    if layout == "clip" and f"{projection}_projection.weight" not in stored:
        config[tower].head = False
    if not config[tower].head:
        config.embed = config[tower].width


def check_layers(stored: Mapping[str, Any], block: str, depth: int, folder: Path) -> None:
    """Raises UserError where a model's blocks are not as many as its config.json says."""
    if (found := layers_of(stored, block)) != depth:
        raise UserError(f"the safetensors of {folder} have {found} layers {block.format(layer='N')}, and not the "
                        f"{depth} layers of {CONFIG}")  # fmt: skip


def _tower(part: Settings) -> dict[str, Any]:
    """Returns what a tower's part of config.json says, with the family's defaults for what it leaves out."""
    if part["hidden_size"] % part["num_attention_heads"]:
        raise part.refuse(f"hidden_size={part['hidden_size']} does not divide into {part['num_attention_heads']} heads")
    ratio, activation = part["intermediate_size"] / part["hidden_size"], ACTIVATIONS[part["hidden_act"]]
    return {ours: part[name] for ours, name in TOWER.items()} | {"mlp_ratio": ratio, "activation": activation}


def _images(part: Settings, look: Settings) -> dict[str, Any]:
    patch, size_px = part["patch_size"], part["image_size"] // part["patch_size"] * part["patch_size"]
    if not size_px:  # what no patch fills is border
        raise part.refuse(f"no patch of patch_size={patch} fits into image_size={part['image_size']}")
    shown = {ours: _channels(look if key in look else part, key) for ours, key in COLOURS.items()}
    return _tower(part) | {"size_px": size_px, "patch_px": patch} | shown


COLOURS = {"mean": "image_mean", "std": "image_std"}


def _channels(part: Settings, key: str) -> tuple[float, ...]:
    """Returns a value of each of three channels, for which a file may have one number."""
    value = part[key]
    return tuple(value) if isinstance(value, list | tuple) else (float(value),) * 3


def _texts(part: Settings) -> dict[str, Any]:
    return _tower(part) | {"vocab_size": part["vocab_size"], "length": part["max_position_embeddings"]}


SIGLIP_DEFAULTS = dict(
    hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, layer_norm_eps=1e-6,
    hidden_act="gelu_pytorch_tanh", image_size=224, patch_size=16, vocab_size=32000, max_position_embeddings=64,
    image_mean=(0.5, 0.5, 0.5), image_std=(0.5, 0.5, 0.5),
)  # fmt: skip
CLIP_TEXT_DEFAULTS = dict(
    hidden_size=512, num_hidden_layers=12, num_attention_heads=8, intermediate_size=2048, layer_norm_eps=1e-5,
    hidden_act="quick_gelu", vocab_size=49408, max_position_embeddings=77, eos_token_id=CLIP_END,
)  # fmt: skip
CLIP_IMAGE_DEFAULTS = dict(
    hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, layer_norm_eps=1e-5,
    hidden_act="quick_gelu", image_size=224, patch_size=32, image_mean=CLIP_MEAN, image_std=CLIP_STD,
)  # fmt: skip


def _siglip_config(theirs: Mapping[str, Any], look: Mapping[str, Any]) -> ConfigDict:
    config, told = default_model_config(), settings(theirs)
    texts = told.part("text_config", SIGLIP_DEFAULTS)
    config.image.update(_images(told.part("vision_config", SIGLIP_DEFAULTS), settings(look, LOOK)))
    config.text.update(_texts(texts))
    config.text.update(pool="last", masked=False)
    config.embed = texts.get("projection_size", config.text.width)
    return config


def _clip_config(theirs: Mapping[str, Any], look: Mapping[str, Any]) -> ConfigDict:
    config, told = default_model_config(), settings(theirs)
    texts = told.part("text_config", CLIP_TEXT_DEFAULTS)
    config.image.update(_images(told.part("vision_config", CLIP_IMAGE_DEFAULTS), settings(look, LOOK)))
    config.text.update(_texts(texts))
    config.image.update(pool="first", head=True, head_bias=False, stem_bias=False, class_token=True, first_norm=True)
    config.text.update(pool="last", causal=True, head_bias=False)
    # 2 stands in old files for the last token
    config.text.end_id = config.text.vocab_size - 1 if texts["eos_token_id"] == 2 else texts["eos_token_id"]
    config.embed = told.get("projection_dim", 512)
    config.init_scale, config.init_bias = 1 / 0.07, 0.0
    return config


CONFIGS = {"siglip": _siglip_config, "clip": _clip_config}
