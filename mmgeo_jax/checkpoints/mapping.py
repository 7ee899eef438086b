"""The same arrays under the names of our tree and of published checkpoints: one table for each layout.

A row is (our path, their path, form). "{layer}" in their path stands for the number of a block; ours are stacked, with
the layer as the first axis. A form says how an array is laid out there; several of our arrays may be parts of one of
theirs. Rows for what a model does not have are passed over.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

Arrays = dict[str, np.ndarray]  # path -> array


class Row(NamedTuple):
    """One array, or one part of one."""

    ours: str
    theirs: str
    form: str = "same"


class Form(NamedTuple):
    """How an array is laid out elsewhere: functions of (array, number of heads)."""

    to_ours: Callable[[np.ndarray, int], np.ndarray]
    to_theirs: Callable[[np.ndarray, int], np.ndarray]


def _part(which: int) -> Form:
    """Returns the form of query, key or value, which are one array there, [3 * D, D] or [3 * D]."""
    return Form(lambda x, heads: np.split(x, 3)[which].T, lambda x, heads: x.T)


FORMS: dict[str, Form] = {
    "same": Form(lambda x, heads: x, lambda x, heads: x),
    "transposed": Form(lambda x, heads: x.T, lambda x, heads: x.T),  # [out, in]
    "convolution": Form(lambda x, heads: x.transpose(2, 3, 1, 0), lambda x, heads: x.transpose(3, 2, 0, 1)),
    "first": Form(lambda x, heads: x[0], lambda x, heads: x[None]),  # [1, ...]
    "one": Form(lambda x, heads: x.reshape(()), lambda x, heads: x.reshape(1)),
    "scalar": Form(lambda x, heads: x.reshape(()), lambda x, heads: x.reshape(())),
    # [D, H, E] and [H, E, D]
    "to_heads": Form(lambda x, _: x.reshape(len(x), -1), lambda x, heads: x.reshape(len(x), heads, -1)),
    "from_heads": Form(lambda x, _: x.reshape(-1, x.shape[-1]), lambda x, heads: x.reshape(heads, -1, x.shape[-1])),
    "heads": Form(lambda x, heads: x.reshape(-1), lambda x, heads: x.reshape(heads, -1)),  # [H, E]
    "part0": _part(0),
    "part1": _part(1),
    "part2": _part(2),
}
PARTS = ("part0", "part1", "part2")


def _pairs(ours: str, theirs: str, leaves: str, form: str = "same") -> Iterator[Row]:
    """Yields the rows of a module's leaves: "kernel=weight:transposed bias"."""
    for leaf in leaves.split():
        mine, _, rest = leaf.partition("=")
        yours, _, own = (rest or mine).partition(":")
        separator = "" if theirs.endswith((".", "/")) else "." if "." in theirs else "/"
        yield Row(f"{ours}/{mine}", f"{theirs}{separator}{yours}", own or form)


# ---- big_vision: nested dicts, heads apart ------------------------------------------------------------------------


def _big_vision_attention(ours: str, theirs: str) -> Iterator[Row]:
    for name in ("query", "key", "value"):
        yield from _pairs(f"{ours}/{name}", f"{theirs}/{name}", "kernel=kernel:to_heads bias=bias:heads")
    yield from _pairs(f"{ours}/out", f"{theirs}/out", "kernel=kernel:from_heads bias")


def _big_vision_mlp(ours: str, theirs: str) -> Iterator[Row]:
    for mine, yours in (("up", "Dense_0"), ("down", "Dense_1")):
        yield from _pairs(f"{ours}/{mine}", f"{theirs}/{yours}", "kernel bias")


def _big_vision_encoder(tower: str, theirs: str) -> Iterator[Row]:
    ours, block = f"{tower}/encoder/blocks", f"{theirs}/encoderblock_{{layer}}"
    yield from _pairs(f"{ours}/attention_norm", f"{block}/LayerNorm_0", "scale bias")
    yield from _pairs(f"{ours}/mlp_norm", f"{block}/LayerNorm_1", "scale bias")
    yield from _big_vision_attention(f"{ours}/attention", f"{block}/MultiHeadDotProductAttention_0")
    yield from _big_vision_mlp(f"{ours}/mlp", f"{block}/MlpBlock_0")
    yield from _pairs(f"{tower}/norm", f"{theirs}/encoder_norm", "scale bias")


def big_vision() -> Iterator[Row]:
    """Yields the rows of SigLIP and SigLIP 2, blocks unrolled."""
    yield from _pairs("image/stem", "img/embedding", "kernel bias")
    yield Row("image/position", "img/pos_embedding", "first")
    yield from _big_vision_encoder("image", "img/Transformer")
    yield Row("image/pool/probe", "img/MAPHead_0/probe", "first")
    yield from _big_vision_attention("image/pool/attention", "img/MAPHead_0/MultiHeadDotProductAttention_0")
    yield from _pairs("image/pool/norm", "img/MAPHead_0/LayerNorm_0", "scale bias")
    yield from _big_vision_mlp("image/pool/mlp", "img/MAPHead_0/MlpBlock_0")
    yield from _pairs("image/head", "img/head", "kernel bias")
    yield Row("text/token", "txt/Embed_0/embedding")
    yield Row("text/position", "txt/pos_embedding", "first")
    yield from _big_vision_encoder("text", "txt/Encoder_0")
    yield from _pairs("text/head", "txt/head", "kernel bias")
    yield Row("logit_scale", "t", "one")
    yield Row("logit_bias", "b", "one")


# ---- Hugging Face: flat names with dots, matrices transposed --------------------------------------------------------

LINEAR, NORM = "kernel=weight:transposed bias", "scale=weight bias"


def _hugging_face_encoder(tower: str, theirs: str) -> Iterator[Row]:
    ours, block = f"{tower}/encoder/blocks", f"{theirs}.encoder.layers.{{layer}}"
    for mine, yours in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("out", "out_proj")):
        yield from _pairs(f"{ours}/attention/{mine}", f"{block}.self_attn.{yours}", LINEAR)
    for mine, yours in (("up", "fc1"), ("down", "fc2")):
        yield from _pairs(f"{ours}/mlp/{mine}", f"{block}.mlp.{yours}", LINEAR)
    yield from _pairs(f"{ours}/attention_norm", f"{block}.layer_norm1", NORM)
    yield from _pairs(f"{ours}/mlp_norm", f"{block}.layer_norm2", NORM)


def _hugging_face() -> Iterator[Row]:
    """Yields the rows that SigLIP and CLIP share."""
    yield Row("image/stem/kernel", "vision_model.embeddings.patch_embedding.weight", "convolution")
    yield Row("image/position", "vision_model.embeddings.position_embedding.weight")
    yield from _hugging_face_encoder("image", "vision_model")
    yield from _pairs("image/norm", "vision_model.post_layernorm", NORM)
    yield Row("text/token", "text_model.embeddings.token_embedding.weight")
    yield Row("text/position", "text_model.embeddings.position_embedding.weight")
    yield from _hugging_face_encoder("text", "text_model")
    yield from _pairs("text/norm", "text_model.final_layer_norm", NORM)


def siglip() -> Iterator[Row]:
    """Yields the rows of SigLIP, and of SigLIP 2 at a fixed resolution."""
    yield from _hugging_face()
    yield Row("image/stem/bias", "vision_model.embeddings.patch_embedding.bias")
    yield Row("image/pool/probe", "vision_model.head.probe", "first")
    attention = "vision_model.head.attention"
    for name, part in zip(("query", "key", "value"), PARTS, strict=True):
        yield Row(f"image/pool/attention/{name}/kernel", f"{attention}.in_proj_weight", part)
        yield Row(f"image/pool/attention/{name}/bias", f"{attention}.in_proj_bias", part)
    yield from _pairs("image/pool/attention/out", f"{attention}.out_proj", LINEAR)
    yield from _pairs("image/pool/norm", "vision_model.head.layernorm", NORM)
    for mine, yours in (("up", "fc1"), ("down", "fc2")):
        yield from _pairs(f"image/pool/mlp/{mine}", f"vision_model.head.mlp.{yours}", LINEAR)
    yield from _pairs("text/head", "text_model.head", LINEAR)
    yield Row("logit_scale", "logit_scale", "one")
    yield Row("logit_bias", "logit_bias", "one")


def clip() -> Iterator[Row]:
    """Yields the rows of CLIP: a class token, a norm before the first block, fewer biases."""
    yield from _hugging_face()
    yield Row("image/class_token", "vision_model.embeddings.class_embedding")
    yield from _pairs("image/first_norm", "vision_model.pre_layrnorm", NORM)
    yield Row("image/head/kernel", "visual_projection.weight", "transposed")
    yield Row("text/head/kernel", "text_projection.weight", "transposed")
    yield Row("logit_scale", "logit_scale", "scalar")


LAYOUTS = {table.__name__: tuple(table()) for table in (big_vision, siglip, clip)}


# ---- both ways ----------------------------------------------------------------------------------------------------


def _heads(path: str, heads: dict[str, int]) -> int:
    return heads.get(path.partition("/")[0], 1)


def to_ours(theirs: Arrays, layout: str | tuple[Row, ...], heads: dict[str, int]) -> Arrays:
    """Returns our flat tree of a checkpoint's arrays; what no row names is left out. `layout` is a row of LAYOUTS,
    or the table itself; `heads` are {"image": H, "text": H}."""
    found: Arrays = {}
    for row in LAYOUTS[layout] if isinstance(layout, str) else layout:
        form, count = FORMS[row.form], _heads(row.ours, heads)
        if "{layer}" not in row.theirs:
            if row.theirs in theirs:
                found[row.ours] = form.to_ours(theirs[row.theirs], count)
            continue
        stacked = row.theirs.replace("_{layer}", "")  # of big_vision's scanned blocks
        layers = theirs[stacked] if stacked in theirs else list(_layers(theirs, row.theirs))
        if len(layers):
            found[row.ours] = np.stack([form.to_ours(layer, count) for layer in layers])
    return found


def shapes_of(
    shapes: Mapping[str, tuple[int, ...]], table: tuple[Row, ...], heads: dict[str, int], there: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    """Returns the shapes that a checkpoint's arrays must have, {their name: shape}, from those of our flat tree.
    `there` are the arrays of the checkpoint, of which those of blocks may be stacked, and a scalar be a list of one."""
    wanted: dict[str, tuple[int, ...]] = {}
    for row in table:
        if row.ours not in shapes:
            continue
        form, count, shape = FORMS[row.form], _heads(row.ours, heads), shapes[row.ours]
        layers = "{layer}" in row.theirs
        part = jax.ShapeDtypeStruct(shape[1:] if layers else shape, np.float32)
        theirs: tuple[int, ...] = jax.eval_shape(lambda x, form=form, count=count: form.to_theirs(x, count), part).shape
        if row.form in PARTS:
            theirs = (len(PARTS) * theirs[0], *theirs[1:])
        if row.form in ("one", "scalar") and row.theirs in there and there[row.theirs].shape in ((), (1,)):
            theirs = there[row.theirs].shape
        stacked = row.theirs.replace("_{layer}", "")
        if layers and stacked in there:
            wanted[stacked] = (shape[0], *theirs)
        else:
            names = (row.theirs.format(layer=layer) for layer in range(shape[0])) if layers else (row.theirs,)
            wanted |= dict.fromkeys(names, theirs)
    return wanted


def layers_of(there: Mapping[str, Any], block: str) -> int:
    """Returns how many blocks a checkpoint has, from the highest number of one, "block{layer}", or their stack."""
    begin = block.partition("{layer}")[0]
    number = re.compile(rf"{re.escape(begin)}(\d{{1,9}})[./].*")
    stacked = [each.shape for name, each in there.items() if name.startswith(f"{begin.removesuffix('_')}/")]
    if begin.endswith("_") and stacked:
        return stacked[0][0] if stacked[0] else 0
    return 1 + max((int(match[1]) for name in there if (match := number.fullmatch(name))), default=-1)


def _layers(theirs: Mapping[str, Any], name: str) -> Iterator[Any]:
    number = 0
    while (path := name.format(layer=number)) in theirs:
        yield theirs[path]
        number += 1


def to_theirs(ours: Arrays, layout: str | tuple[Row, ...], heads: dict[str, int], scan: bool = False) -> Arrays:
    """Returns a checkpoint's arrays of our flat tree: the inverse of `to_ours`. Blocks stay stacked where `scan`, which
    big_vision alone has."""
    found: Arrays = {}
    for row in LAYOUTS[layout] if isinstance(layout, str) else layout:
        if row.ours not in ours:
            continue
        form, count, array = FORMS[row.form], _heads(row.ours, heads), ours[row.ours]
        if "{layer}" in row.theirs and scan:
            found[row.theirs.replace("_{layer}", "")] = np.stack([form.to_theirs(layer, count) for layer in array])
        elif "{layer}" in row.theirs:
            for number, layer in enumerate(array):
                found[row.theirs.format(layer=number)] = form.to_theirs(layer, count)
        elif row.form in PARTS:
            before = [found[row.theirs]] if row.theirs in found else []
            found[row.theirs] = np.concatenate([*before, form.to_theirs(array, count)])
        else:
            found[row.theirs] = form.to_theirs(array, count)
    return found
