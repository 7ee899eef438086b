"""Use what was trained, or published: pictures and texts to embeddings and scores.

Pictures become what training reads, grey squares on white paper: colour becomes its luma, and any size is scaled with
its aspect kept. A published model gets the grey value in all of its channels, by its own family's normalisation.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float32, Int32, UInt8
from ml_collections import ConfigDict
from PIL import Image

from data_gen.shared import pictures
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import init_from, readers
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import images
from mmgeo_jax.data.published import is_present
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.data.tokenizer_files import FILES
from mmgeo_jax.models import two_tower

Picture = str | Path | Image.Image | np.ndarray

BATCH = 16  # what is embedded at a time: always as many, so that nothing compiles twice
SHAPES = ((), (1,), (3,), (4,))  # behind the height and width of an array
SCORES = ("cosine", "likelihood")
KINDS = {"big_vision": "sigmoid", "siglip": "sigmoid", "clip": "softmax"}  # layout -> of which loss its scores are


class Embedder(NamedTuple):
    """A model as functions: pictures uint8[B, H, W] to f32[B, D], tokens int32[B, L] to f32[B, D], and with a caption
    decoder pictures uint8[N, H, W] and tokens int32[C, L] to the captions' log-likelihoods f32[N, C], in nats."""

    images: Callable[[np.ndarray], np.ndarray]
    texts: Callable[[np.ndarray], np.ndarray]
    likelihoods: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that `load` has read. `embedder` is the model on arrays; `size_px` and `length` are what it takes."""

    source: str | Path
    embedder: Embedder
    embed: int  # E
    size_px: int
    length: int  # L, tokens
    kind: str  # sigmoid | softmax
    scale: float
    bias: float
    has_texts: bool
    tokenizer: Tokenizer | None
    has_images: bool = True

    def embed_images(self, pictures: Sequence[Picture] | np.ndarray) -> np.ndarray:
        """Embeds paths, PIL images or arrays (uint8[H, W], [H, W, 3] or [H, W, 4]) as float32[K, E] of length 1."""
        _check_list(pictures, "pictures")
        if not self.has_images:
            raise UserError(f"{self.source} has no image tower")
        return self._in_batches(
            self.embedder.images,
            pictures,
            lambda part: np.stack([grey_picture(picture, self.size_px) for picture in part]),
        )

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds texts as float32[K, E] of length 1. Raises UserError where there is no text tower, or no tokenizer."""
        _check_list(texts, "texts")
        tokenizer = self.require_tokenizer()
        return self._in_batches(self.embedder.texts, texts, lambda part: tokenizer.encode_batch(part, self.length))

    def log_likelihoods(self, pictures: Sequence[Picture] | np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Computes log p(text | picture), float32[K, J] in nats. Raises UserError where the model has no caption
        decoder."""
        _check_list(pictures, "pictures")
        _check_list(texts, "texts")
        if (function := self.embedder.likelihoods) is None:
            raise UserError(
                f"{self.source} has no caption decoder: score by cosine, or train one with "
                "--config.model.captioner.depth=2 --config.loss.caption=1"
            )
        found = np.zeros((len(pictures), len(texts)), np.float32)
        if not found.size:
            return found
        tokens = self.require_tokenizer().encode_batch(list(texts), self.length)
        for i in range(0, len(pictures), BATCH):
            part = [grey_picture(picture, self.size_px) for picture in pictures[i : i + BATCH]]
            full = np.stack(part + part[:1] * (BATCH - len(part)))
            for j in range(0, len(texts), BATCH):
                some = tokens[j : j + BATCH]
                rows = np.pad(some, ((0, BATCH - len(some)), (0, 0)), mode="edge")
                found[i : i + BATCH, j : j + BATCH] = function(full, rows)[: len(part), : len(some)]
        return found

    def score(
        self, pictures: Sequence[Picture] | np.ndarray, texts: Sequence[str], score: str = "cosine"
    ) -> np.ndarray:
        """Returns probabilities float32[K, J] that a text belongs to a picture; `score` is one of SCORES.

        As their users know them: of a model trained with the sigmoid loss (SigLIP) each by itself, from 0 to 1; with
        the softmax loss (CLIP, the quick start) among the texts given, which add up to 1 for each picture. Cosines are
        embed_images(...) @ embed_texts(...).T. By "likelihood", the caption decoder's: among the texts given, each as
        probable as the decoder finds it.
        """
        if score not in SCORES:
            raise UserError(f"score={score!r} is not known: choose one of {', '.join(SCORES)}")
        if score == "likelihood":
            return _softmax(self.log_likelihoods(pictures, texts))
        cosines = self.embed_images(pictures) @ self.embed_texts(texts).T
        logits = self.scale * cosines + self.bias
        if self.kind == "sigmoid":
            return (0.5 * (1 + np.tanh(logits / 2))).astype(np.float32)
        return _softmax(logits)

    def require_tokenizer(self) -> Tokenizer:
        """Returns the tokenizer. Raises UserError where texts cannot be embedded, saying what to do."""
        if not self.has_texts:
            raise UserError(f"{self.source} has no text tower")
        if self.tokenizer is None:
            raise UserError(
                f"{self.source} has a text tower, but no tokenizer beside it: name its file, a SentencePiece .model or "
                "a tokenizer.json (load(..., tokenizer=...), or --tokenizer=)"
            )
        return self.tokenizer

    def _in_batches(
        self, function: Callable[[np.ndarray], Any], things: Any, stacked: Callable[[list[Any]], np.ndarray]
    ) -> np.ndarray:
        found = [np.zeros((0, self.embed), np.float32)]
        for begin in range(0, len(things), BATCH):
            part = list(things[begin : begin + BATCH])
            full = stacked(part + part[:1] * (BATCH - len(part)))
            found.append(np.asarray(function(full), np.float32)[: len(part)])
        return np.concatenate(found)


def load(source: str | Path, tokenizer: str | Path | None = None) -> Model:
    """Loads the model of a run's folder, a big_vision `.npz` or a Hugging Face folder of SigLIP or CLIP.

    Args:
      tokenizer: of a published checkpoint, a SentencePiece `.model`, a `tokenizer.json`, or a folder with one; by
        default what lies in the checkpoint's own folder. A run has its own.

    Raises UserError where a file is missing or broken, or the tokenizer is not the checkpoint's.
    """
    source = Path(source).expanduser()
    if (source / "checkpoints").is_dir():
        if tokenizer is not None:
            raise UserError(f"{source} is a run, which has its own tokenizer: leave the other out")
        run, has_texts, has_images = checkpoints.restore_run(source, "two_tower"), True, True
        config, params = run.config.model, run.params
        own: Tokenizer | None = run.tokenizer
        size_px, length, kind = run.config.data.size_px, run.config.data.max_tokens, run.config.loss.name
    else:
        checkpoint = readers.read(source)
        config, has_texts = checkpoint.config, "text/token" in checkpoint.params
        has_images = "image/position" in checkpoint.params
        own = _find_tokenizer(source, tokenizer) if has_texts else None
        if own is not None:
            init_from.check_tokenizer(own, checkpoint)
        params = init_from.fill_all(checkpoint, str(source))
        size_px, length, kind = config.image.size_px, config.text.length, KINDS[checkpoint.layout]
    scale, bias = float(np.exp(params["logit_scale"])), float(params["logit_bias"])
    model = embedder(config, params)
    return Model(source, model, config.embed, size_px, length, kind, scale, bias, has_texts, own, has_images)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _find_tokenizer(source: Path, tokenizer: str | Path | None) -> Tokenizer | None:
    if tokenizer is not None:
        return Tokenizer(tokenizer)
    return Tokenizer(source) if source.is_dir() and any(is_present(source / name) for name in FILES) else None


def _check_list(things: Any, what: str) -> None:
    if isinstance(things, str | Path | Image.Image):
        raise UserError(f"{what} must be a list: [{what[:-1]}]")


def grey_picture(picture: Picture, size_px: int) -> np.ndarray:
    """Reads a picture, as a build does, to grey uint8[size_px, size_px]. Raises UserError where it is none."""
    side_px = max(size_px, pictures.MAX_SIDE_PX)
    if isinstance(picture, str | Path):
        path = Path(picture).expanduser()
        if not path.exists():
            raise UserError(f"picture {picture}: No such file or directory")
        return images.letterbox(pictures.read_file(path, "picture", side_px).grey, size_px)
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(_picture_array(picture))
    try:
        return images.letterbox(pictures.convert(picture, side_px).grey, size_px)
    except UserError as fault:
        raise UserError(f"a picture {fault}") from None


def _picture_array(picture: np.ndarray) -> np.ndarray:
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size or array.shape[2:] not in SHAPES:
        raise UserError(
            f"a picture is {array.dtype}{list(array.shape)}: give a path, a PIL image, or uint8[H, W], [H, W, 3] or "
            "[H, W, 4]"
        )
    return array[..., 0] if array.shape[2:] == (1,) else array


def embedder(config: ConfigDict, params: Any) -> Embedder:
    """Returns the model of a run's `config.model` with these parameters, compiled when first called."""
    graphdef = two_tower.init_graph(config)
    images = jax.jit(lambda params, images: nnx.merge(graphdef, params).embed_images(images))
    texts = jax.jit(lambda params, tokens: nnx.merge(graphdef, params).embed_texts(tokens))
    captioner = config.get("captioner")
    decoded = partial(jax.jit(partial(_likelihoods, graphdef)), params) if captioner and captioner.depth else None
    return Embedder(lambda batch: images(params, batch), lambda batch: texts(params, batch), decoded)


def _likelihoods(
    graphdef: nnx.GraphDef, params: Any, images: UInt8[Array, "N H W"], tokens: Int32[Array, "C L"]
) -> Float32[Array, "N C"]:
    """Computes log p(caption | image) of every pair, a caption at a time, so that the logits of one are in memory."""
    model = nnx.merge(graphdef, params)
    seen = model.read_images(images)

    def of_all(caption: jax.Array) -> jax.Array:
        return model.log_likelihoods(seen, jnp.broadcast_to(caption, (len(images), *caption.shape)))

    return jax.lax.map(of_all, tokens).T
