"""Reads a split of families into arrays and embeds it: what an evaluation scores, and leak probes train on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen.records import schema, tfrecords
from data_gen.shared.errors import UserError
from mmgeo_jax.batch import ClipArrays
from mmgeo_jax.data import clip as clip_data
from mmgeo_jax.data.images import Prepare, letterbox
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.evals import probes
from mmgeo_jax.inference.encoder import Embedder

CHUNK = 8  # families decoded and embedded at a time


class Embedded(NamedTuple):
    """Embeddings of length 1 by one model: images f32[F, N, D], captions f32[F, C, D], zeros where absent; and with a
    caption decoder log-likelihoods f32[F, N, C]."""

    images: np.ndarray
    texts: np.ndarray
    likelihoods: np.ndarray | None = None

    def scores(self) -> np.ndarray:
        """Computes the cosines f32[F, N, C] within each family."""
        return np.einsum("fnd,fcd->fnc", self.images, self.texts)


class Split(NamedTuple):
    """F families, padded to the largest N and C among them."""

    rows: np.ndarray  # int32[F], rows of the split on disk
    truth: np.ndarray  # int8[F, N, C], -1 where padded
    edits: list[tuple[tuple[str, ...], ...]]  # by family and caption, a kind of `ranking.KINDS` for each edit
    kinds: list[tuple[tuple[str, ...], ...]]  # the same edits, named more finely
    layouts: np.ndarray  # str[F]
    difficulties: np.ndarray  # int32[F]
    anchor_captions: np.ndarray  # str[F]
    image_signatures: np.ndarray  # uint32[F, 8], of anchors
    caption_signatures: np.ndarray  # uint32[F, 8], of anchors
    captioned: np.ndarray  # bool[F, C], False where padded
    tokens: np.ndarray  # int32[F, C, L], padded with 0 (see `pad_with_zero`)
    thumbnails: np.ndarray  # uint8[F, N, h, w], 0 where padded
    embedded: tuple[Embedded, ...]  # by each of the models

    @property
    def merged_share(self) -> float:
        """The share of false pairs whose caption has the tokens of a true one, so that no model can tell them apart."""
        merged = list(map(clip_data.merged_negatives, self.tokens, self.truth))
        return float(np.sum(merged) / max(1, (self.truth == 0).sum()))

    @property
    def pictured(self) -> np.ndarray:
        """Which images are not padding, bool[F, N]."""
        return np.any(self.truth >= 0, axis=2)


def read_split(
    data_dir: str,
    split: str,
    tokenizer: Tokenizer,
    max_tokens: int,
    size_px: int,
    embedders: Sequence[Embedder] = (),
    limit: int | None = None,
    prepare: Prepare = letterbox,
) -> Split:
    """Reads a split, or `limit` families evenly spaced over it, and embeds it with each model; L is `max_tokens`.
    Raises UserError where the split is missing, empty or broken."""
    rows, families = _read_families(data_dir, split, limit)
    sizes = ConfigDict({"max_tokens": max_tokens, "size_px": size_px})
    sizes.max_images = max(len(family.images) for family in families)
    sizes.max_captions = max(len(family.captions) for family in families)
    chunks = []
    bar = tqdm(total=len(families), desc=f"reading {data_dir} {split}", unit="family", leave=False)
    for start in range(0, len(families), CHUNK):
        chunk = families[start : start + CHUNK]
        parts = [clip_data.load_family(family, tokenizer, sizes, prepare) for family in chunk]
        for part, family in zip(parts, chunk, strict=True):  # merged negatives stay, as ties
            part["truth"][: family.truth.shape[0], : family.truth.shape[1]] = family.truth
        parts += [clip_data.empty_family(sizes)] * (CHUNK - len(parts))
        kept = _reduce_chunk(clip_data.stack_families(parts), embedders, tokenizer.pad_id)
        chunks.append({name: array[: len(chunk)] for name, array in kept.items()})
        bar.update(len(chunk))
    bar.close()
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    models = range(len(embedders))
    return Split(
        rows=rows,
        edits=[family.edits for family in families],
        kinds=[family.kinds for family in families],
        layouts=np.array([family.layout for family in families]),
        difficulties=np.array([family.difficulty for family in families], np.int32),
        anchor_captions=np.array([family.captions[0] for family in families]),
        embedded=tuple(
            Embedded(columns.pop(f"images {k}"), columns.pop(f"texts {k}"), columns.pop(f"likelihoods {k}", None))
            for k in models
        ),
        **columns,
    )


def _read_families(data_dir: str, split: str, limit: int | None) -> tuple[np.ndarray, list[schema.Family]]:
    source = tfrecords.RecordSource(data_dir, split)
    count = min(limit or len(source), len(source))
    if not count:
        raise UserError(f"split '{split}' of {data_dir} holds no families: make it with more of them")
    rows = np.arange(count, dtype=np.int32) * len(source) // count
    return rows, [source[int(row)] for row in rows]


def _reduce_chunk(arrays: ClipArrays[np.ndarray], embedders: Sequence[Embedder], pad_id: int) -> dict[str, np.ndarray]:
    """Embeds a full chunk of families, and keeps what a Split needs of it."""
    images, tokens, present = arrays["images"], arrays["tokens"], arrays["image_mask"]
    kept = {
        "truth": arrays["truth"],
        "captioned": arrays["caption_mask"],
        "tokens": pad_with_zero(tokens, pad_id) * arrays["caption_mask"][..., None],
        "image_signatures": arrays["image_signatures"][:, 0],
        "caption_signatures": arrays["caption_signatures"][:, 0],
        "thumbnails": probes.shrink(images) * present[:, :, None, None].astype(np.uint8),
    }
    for k, model in enumerate(embedders):
        for name, function, members, mask in (
            ("images", model.images, images, present),
            ("texts", model.texts, tokens, arrays["caption_mask"]),
        ):
            flat = np.asarray(function(members.reshape(-1, *members.shape[2:])), np.float32)
            kept[f"{name} {k}"] = flat.reshape(*mask.shape, -1) * mask[..., None]
        # The same tokens get the same embedding to the last bit, so that they tie.
        first = (tokens[:, :, None] == tokens[:, None]).all(-1).argmax(-1)
        kept[f"texts {k}"] = np.take_along_axis(kept[f"texts {k}"], first[..., None], axis=1)
        if (likelihoods := model.likelihoods) is not None:
            found = np.stack([likelihoods(*pair) for pair in zip(images, tokens, strict=True)])
            kept[f"likelihoods {k}"] = np.take_along_axis(found, first[:, None], axis=2)
    return kept


def pad_with_zero(tokens: np.ndarray, pad_id: int) -> np.ndarray:
    """Swaps `pad_id` and 0 in token ids of any shape: padding becomes 0, and no two texts become one."""
    return np.where(tokens == pad_id, 0, np.where(tokens == 0, pad_id, tokens)).astype(np.int32)
