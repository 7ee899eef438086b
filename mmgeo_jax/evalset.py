"""A split of families as arrays: what an evaluation scores, and what the blind scorers train on."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from data_gen import records, tfrecords
from mmgeo_jax import blind, input
from mmgeo_jax.errors import UserError

CHUNK = 32  # families decoded and embedded at a time


class Embedder(NamedTuple):
    """A model as two functions: pictures uint8[B, H, W] to f32[B, D], and tokens int32[B, L] to f32[B, D]."""

    images: Callable[[np.ndarray], np.ndarray]
    texts: Callable[[np.ndarray], np.ndarray]


class Embedded(NamedTuple):
    """Embeddings of length 1 by one model: pictures f32[F, N, D], captions f32[F, C, D]; zeros where
    absent."""

    images: np.ndarray
    texts: np.ndarray

    def scores(self) -> np.ndarray:
        """Cosines f32[F, N, C] within each family."""
        return np.einsum("fnd,fcd->fnc", self.images, self.texts)


class Split(NamedTuple):
    """F families, padded to the largest N and C among them."""

    rows: np.ndarray  # int32[F], their places in the split on disk
    truth: np.ndarray  # int8[F, N, C], -1 where padded
    edits: list[tuple[tuple[str, ...], ...]]
    layouts: np.ndarray  # str[F]
    anchor_captions: np.ndarray  # str[F]
    image_signatures: np.ndarray  # uint32[F, 8], of anchors
    caption_signatures: np.ndarray  # uint32[F, 8], of anchors
    tokens: np.ndarray  # int32[F, C, L], 0 where padded
    thumbnails: np.ndarray  # uint8[F, N, h, w], 0 where padded
    embedded: tuple[Embedded, ...]  # one for each model asked for

    @property
    def pictured(self) -> np.ndarray:
        """bool[F, N]: which pictures are there."""
        return np.any(self.truth >= 0, axis=2)

    @property
    def captioned(self) -> np.ndarray:
        """bool[F, C]: which captions are there."""
        return np.any(self.tokens != 0, axis=2)


def read_split(
    data_dir: str,
    split: str,
    tokenizer: input.Tokenizer,
    data: Any,
    embedders: Sequence[Embedder] = (),
    limit: int | None = None,
) -> Split:
    """Read a split, or `limit` families spread evenly over it, and embed it with each model.

    data: length (L) and size_px, as of a run's config. Raises UserError where the split is missing, empty
    or broken.
    """
    rows, families = _families(data_dir, split, limit)
    captions = max(len(family.captions) for family in families)
    shape = SimpleNamespace(
        images=max(len(family.images) for family in families),
        captions=captions,
        length=data.length,
        size_px=data.size_px,
    )
    chunks = []
    bar = tqdm(total=len(families), desc=f"reading {data_dir} {split}", unit="family", leave=False)
    for start in range(0, len(families), CHUNK):
        chunk = families[start : start + CHUNK]
        parts = [input.load_family(family, tokenizer, shape) for family in chunk]
        parts += [input.empty(shape)] * (CHUNK - len(parts))
        arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
        chunks.append({name: array[: len(chunk)] for name, array in _reduced(arrays, embedders).items()})
        bar.update(len(chunk))
    bar.close()
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    models = range(len(embedders))
    return Split(
        rows=rows,
        edits=[family.edits for family in families],
        layouts=np.array([family.layout for family in families]),
        anchor_captions=np.array([family.captions[0] for family in families]),
        embedded=tuple(Embedded(columns.pop(f"images {k}"), columns.pop(f"texts {k}")) for k in models),
        **columns,
    )


def _families(data_dir: str, split: str, limit: int | None) -> tuple[np.ndarray, list[records.Family]]:
    try:
        source = tfrecords.RecordSource(data_dir, split)
        count = min(limit or len(source), len(source))
        if not count:
            raise UserError(f"split '{split}' of {data_dir} holds no families: make it with more of them")
        rows = np.arange(count, dtype=np.int32) * len(source) // count
        return rows, [source[int(row)] for row in rows]
    except records.UserError as fault:
        raise UserError(str(fault)) from None


def _reduced(arrays: input.Batch, embedders: Sequence[Embedder]) -> dict[str, np.ndarray]:
    """Of a full chunk, what a Split keeps."""
    images, tokens, there = arrays["images"], arrays["tokens"], arrays["image_mask"]
    kept = {
        "truth": arrays["truth"],
        "tokens": tokens,
        "image_signatures": arrays["image_signatures"][:, 0],
        "caption_signatures": arrays["caption_signatures"][:, 0],
        "thumbnails": blind.shrink(images) * there[:, :, None, None].astype(np.uint8),
    }
    for k, model in enumerate(embedders):
        for name, function, members, mask in (
            ("images", model.images, images, there),
            ("texts", model.texts, tokens, arrays["caption_mask"]),
        ):
            flat = np.asarray(function(members.reshape(-1, *members.shape[2:])), np.float32)
            kept[f"{name} {k}"] = flat.reshape(*mask.shape, -1) * mask[..., None]
    return kept
