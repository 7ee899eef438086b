"""Where a run starts from: another run, or a published checkpoint (`init_from`).

Arrays are taken by name. Tables of positions are resized: a picture's as a grid, a caption's cut or continued. What is
in one tree and not in the other, or of another shape, is an error that prints the difference.
"""

import re
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import gemma as gemma_files
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.checkpoints import readers
from mmgeo_jax.checkpoints.mapping import Arrays
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.models.two_tower import PATCH_READERS

LEAST_USED = 0.99  # tables of tokens may be a little longer than their tokenizer
MOST_NAMED = 12  # differences that an error prints
SCORES = r"logit_scale|logit_bias"  # a tower alone has none


def read(source: str | Path, parts: str = "image|text") -> readers.Checkpoint:
    """Reads a run's folder (its newest checkpoint), a big_vision `.npz`, or a Hugging Face folder: of SigLIP or CLIP,
    or of Gemma or PaliGemma where a decoder is one of the `parts`."""
    if (Path(source) / "checkpoints").is_dir():
        trained = checkpoints.restore_run(source)
        flat = traverse_util.flatten_dict(jax.device_get(trained.params), sep="/")
        return readers.Checkpoint(trained.config.model, flat, "run")
    if not Path(source).exists():
        raise UserError(
            f"init_from={source} is not there: train it first (make train-clip), or name a run or a checkpoint with "
            "--config.init_from="
        )
    return gemma_files.read(source) if re.fullmatch(parts, "decoder") else readers.read(source)


def fill(
    params: Any,
    checkpoint: readers.Checkpoint,
    config: ConfigDict,
    parts: str = "image|text",
    tokenizer: Tokenizer | None = None,
) -> Any:
    """Fills the tree `params` of a model `config` with the arrays of a checkpoint.

    Args:
      parts: a pattern of what is taken: "image", or "image|text" with the scale and bias of the scores.
      tokenizer: the tokenizer of the checkpoint, without which a published text tower is of no use.

    Raises UserError, which names the arrays, where the two do not fit.
    """
    if checkpoint.layout != "run" and re.fullmatch(parts, "text"):
        if tokenizer is None:
            raise UserError(
                "init_from is a published checkpoint, whose text tower knows the tokens of its own tokenizer alone: "
                "name its file with --config.tokenizer.file=, or take the image tower with --config.init_parts=image"
            )
        check_tokenizer(tokenizer, checkpoint)
    flat = traverse_util.flatten_dict(params, sep="/")
    with_scores = f"|{SCORES}" if re.fullmatch(parts, "image") and re.fullmatch(parts, "text") else ""
    taken = re.compile(f"({parts})/.*{with_scores}")
    wanted = {name: leaf for name, leaf in flat.items() if taken.fullmatch(name)}
    found = {name: array for name, array in checkpoint.params.items() if taken.fullmatch(name)}
    if re.fullmatch(parts, "image"):  # what reads patches beside the pool, where both have it
        heads = {name for name in checkpoint.params.keys() & flat.keys() if name.startswith(PATCH_READERS)}
        wanted |= {name: flat[name] for name in heads}
        found |= {name: checkpoint.params[name] for name in heads}
    if not found:
        raise UserError(f"init_from has no array whose path begins with {parts}: change init_parts")
    for name in found.keys() & wanted.keys():
        found[name] = _resized(name, found[name], wanted[name].shape, config)
    compare(found, wanted, "init_from does not fit config.model")
    if with_scores:
        warn_of_scores(checkpoint, "init_from has no {}: config.model.init_scale and init_bias stay")
    return traverse_util.unflatten_dict(flat | {name: jnp.asarray(array) for name, array in found.items()}, sep="/")


def check_tokenizer(tokenizer: Tokenizer, checkpoint: readers.Checkpoint) -> None:
    """Raises UserError where a tokenizer is not that of a published text tower."""
    known = checkpoint.config.text.vocab_size
    if not LEAST_USED * known <= tokenizer.vocab_size <= known:
        raise UserError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, but the checkpoint's text tower knows {known}"
        )
    if not tokenizer.stated:
        raise UserError(
            "the tokenizer is a SentencePiece model that does not say how captions are prepared: write "
            '{"tokenizer_class": "SiglipTokenizer"}, "BigVisionSiglipTokenizer" (of an .npz, with punctuation), or '
            '"Siglip2Tokenizer", into tokenizer_config.json beside it'
        )


def fill_all(checkpoint: readers.Checkpoint, name: str) -> Any:
    """Returns a published encoder or multimodal model, whose arrays `readers` has checked, as the tree of its own
    config. A tower that it lacks is zeros, as small as can be (readers.shrink); the scale and bias of scores that it
    lacks are 1 and 0, of which a warning says so, where there are both towers."""
    kind = checkpoints.MODELS[checkpoints.kind_of(checkpoint.config)]
    shapes = readers.shapes(kind, checkpoint.config)
    warn_of_scores(checkpoint, f"{name} has no {{}}: scores are computed with {{}}")
    zeros = {path: np.zeros(shape, np.float32) for path, shape in shapes.items() if path not in checkpoint.params}
    return traverse_util.unflatten_dict(zeros | checkpoint.params, sep="/")


def warn_of_scores(checkpoint: readers.Checkpoint, said: str) -> None:
    """Warns where a published model of two towers has no scale or no bias of its scores. CLIP never has a bias."""
    params, wanted = checkpoint.params, {"logit_scale": "scale 1", "logit_bias": "bias 0"}
    if checkpoint.layout == "run" or not {"text/token", "image/position"} <= params.keys():
        return
    for path, value in wanted.items():
        if path not in params and (checkpoint.layout, path) != ("clip", "logit_bias"):
            print(f"warning: {said.format(path, value)}", file=sys.stderr)


def compare(found: Arrays, wanted: Arrays, what: str) -> None:
    """Raises UserError, which begins with `what` and names the differences, where two flat trees differ in shape."""
    lines = []
    for name in sorted(found.keys() | wanted.keys()):
        here, there = (list(tree[name].shape) if name in tree else None for tree in (wanted, found))
        if here != there and not (there is None and re.fullmatch(SCORES, name)):
            lines.append(f"{name} is {there or 'not there'}, the model has {here or 'none'}")
    if lines:
        more = f"; and {len(lines) - MOST_NAMED} more" if len(lines) > MOST_NAMED else ""
        raise UserError(f"{what}: {'; '.join(lines[:MOST_NAMED])}{more}")


def _resized(name: str, table: np.ndarray, shape: tuple[int, ...], config: ConfigDict) -> np.ndarray:
    """Resizes a table of positions to the model's length; returns anything else as it is."""
    if not name.endswith("/position") or table.shape == shape or table.shape[1:] != shape[1:]:
        return table
    if name.startswith("text/"):
        more = max(0, shape[0] - len(table))
        return np.concatenate([table[: shape[0]], np.repeat(table[-1:], more, axis=0)])
    extra = int(config.image.class_token)
    return np.concatenate([table[:extra], resize_grid(table[extra:], shape[0] - extra)])


def resize_grid(table: np.ndarray, count: int) -> np.ndarray:
    """Resizes positions f32[P, D] of a square grid to f32[count, D], bilinearly between the centres of patches.
    big_vision resamples otherwise (scipy's zoom, corner to corner), so that a run at another image size does not start
    at exactly its numbers."""
    old, new = round(len(table) ** 0.5), round(count**0.5)
    if old**2 != len(table) or new**2 != count:
        raise UserError(f"{len(table)} positions of pictures do not become {count}: both must be square grids")
    grid = table.reshape(old, old, -1)
    resized = jax.image.resize(grid, (new, new, grid.shape[-1]), "bilinear", antialias=False)
    return np.asarray(resized).reshape(count, -1)
