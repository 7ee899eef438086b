"""Records -> batches of numpy arrays, whole families in an order that the seed and the step determine (order.py)."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, Protocol

import numpy as np
from PIL import Image
from tqdm import tqdm

from data_gen.records.schema import SIGNATURE_WORDS, Family
from data_gen.shared.errors import UserError
from data_gen.shared.errors import UserError as RecordError
from mmgeo_jax.data import augment
from mmgeo_jax.data import sampler as orders
from mmgeo_jax.data.sampler import Batch

PAPER = 255
MAX_PIXELS = 40_000_000
MAX_LOST_SHARE = 0.01
UNCUT = 4096  # tokens that hold any caption


class Source(Protocol):
    """The families of a split by row number, such as `data_gen.records.schema.RecordSource`."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: int) -> Family: ...


class Tokenizer(Protocol):
    """What this module needs of a tokenizer."""

    def encode_batch(self, texts: list[str], length: int) -> np.ndarray: ...


def train_batches(
    sources: Sequence[Source],
    tokenizer: Tokenizer,
    data: Any,
    seed: int,
    start_step: int,
    global_batch: int,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Endless batches from `start_step` on, which costs nothing to reach; several sources are mixed as one.

    data: images (N), captions (C), length (L), size_px; augment: chances of `augment.ROWS`, by seed and place in the
    order; workers: processes that read, 0 for threads of this one.
    global_batch: B, in families, over all processes; each gets its B / process_count of them:
      images uint8[B, N, H, W] (255 is paper), image_mask bool[B, N],
      tokens int32[B, C, L] (of the tokenizer), caption_mask bool[B, C],
      truth int8[B, N, C] (-1 cannot say, or padding),
      image_signatures uint32[B, N, 8], caption_signatures uint32[B, C, 8],
      family int32[B] (row over all sources, -1 for padding).
    Raises UserError where a record or a picture is broken, or a setting does not fit.
    """
    augment.check(data.get("augment", {}))
    make, slots = (
        partial(_train_batch, sources, tokenizer, data, seed),
        _slots(data, global_batch, process_index, process_count),
    )
    return orders.endless(make, orders.total(sources), seed, start_step, global_batch, slots, data.get("workers", 0))


def _train_batch(
    sources: Sequence[Source], tokenizer: Tokenizer, data: Any, seed: int, rows: list[int], places: list[int]
) -> Batch:
    batch = _batch(sources, tokenizer, data, rows)
    chances = data.get("augment", {})
    if any(chances.values()):
        for pictures, there, place in zip(batch["images"], batch["image_mask"], places, strict=True):
            pictures[there] = augment.augment(pictures[there], chances, (seed % 2**32, place))
    return batch


def eval_batches(
    sources: Sequence[Source],
    tokenizer: Tokenizer,
    data: Any,
    global_batch: int,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Every family once, in order, as batches like those of `train_batches`; the last is padded."""
    slots = _slots(data, global_batch, process_index, process_count)
    return orders.once(partial(_batch, sources, tokenizer, data), orders.total(sources), global_batch, slots)


def _slots(data: Any, global_batch: int, process_index: int, process_count: int) -> range:
    if data.captions < data.images:
        raise UserError(f"data.captions={data.captions} is less than data.images={data.images}: each needs its own")
    return orders.slots(global_batch, process_index, process_count)


def family_of(sources: Sequence[Source], row: int) -> Family:
    """A row over all sources. Raises UserError where its record is broken."""
    for source in sources:
        if row < len(source):
            try:
                return source[row]
            except RecordError as fault:
                raise UserError(str(fault)) from None
        row -= len(source)
    raise IndexError(row)


def spread(source: Source, limit: int, what: str) -> Iterator[Family]:
    """At most `limit` families spread evenly over a split, with a bar that says what they are for."""
    rows = np.unique(np.linspace(0, len(source) - 1, limit).astype(int)).tolist()
    for row in tqdm(rows, what, unit=" families", leave=False):
        yield family_of([source], row)


def _batch(sources: Sequence[Source], tokenizer: Tokenizer, data: Any, rows: list[int]) -> Batch:
    parts = [load_family(family_of(sources, row), tokenizer, data) if row >= 0 else empty(data) for row in rows]
    batch = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return batch | {"family": np.array(rows, np.int32)}


def empty(data: Any) -> Batch:
    """The arrays of one family, without the leading B, all of it padding."""
    images, captions, size = data.images, data.captions, data.size_px
    return {
        "images": np.full((images, size, size), PAPER, np.uint8),
        "image_mask": np.zeros(images, bool),
        "tokens": np.zeros((captions, data.length), np.int32),
        "caption_mask": np.zeros(captions, bool),
        "truth": np.full((images, captions), -1, np.int8),
        "image_signatures": np.zeros((images, SIGNATURE_WORDS), np.uint32),
        "caption_signatures": np.zeros((captions, SIGNATURE_WORDS), np.uint32),
    }


def load_family(family: Family, tokenizer: Tokenizer, data: Any) -> Batch:
    """The arrays of one family, cut or padded to N images and C captions: the first are kept, those of the
    kept images before the others. Raises UserError where a picture does not decode."""
    arrays = empty(data)
    n, c = min(data.images, len(family.images)), min(data.captions, len(family.captions))
    for i, png in enumerate(family.images[:n]):
        try:
            arrays["images"][i] = decode_picture(png, data.size_px)
        except UserError as fault:
            raise UserError(f"picture {i} of family '{family.key}' {fault}: make its data again") from None
    tokens = tokenizer.encode_batch(list(family.captions[:c]), data.length)
    truth = family.truth[:n, :c]
    arrays["tokens"][:c] = tokens
    arrays["truth"][:n, :c] = np.where(lost_negatives(tokens, truth), -1, truth)
    arrays["image_mask"][:n] = True
    arrays["caption_mask"][:c] = True
    arrays["image_signatures"][:n] = family.image_signatures[:n]
    arrays["caption_signatures"][:c] = family.caption_signatures[:c]
    return arrays


def decode_picture(png: bytes, size_px: int) -> np.ndarray:
    """The picture as grey uint8[size_px, size_px]: transparency becomes paper, and a picture of another
    size is scaled with its aspect kept and centred on a square of paper. Raises UserError where it does not
    decode."""
    return grey_square(open_picture(io.BytesIO(png), ("PNG",)), size_px)


def open_picture(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """A picture of one of Pillow's formats. Raises UserError where it does not decode, or is too large."""
    try:
        image: Image.Image = Image.open(file, formats=formats)
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("a small file can claim any size")
        image.load()
    except Exception:  # decoders raise nearly anything on broken files
        raise UserError("does not decode") from None
    return image


def grey_square(image: Image.Image, size_px: int) -> np.ndarray:
    """Any picture as the grey uint8[size_px, size_px] of `decode_picture`; colour becomes its luma (ITU-R 601)."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L")
    if image.size != (size_px, size_px):
        image = _fit(image, size_px)
    return np.asarray(image)


def _fit(image: Image.Image, size_px: int) -> Image.Image:
    scale = size_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("L", (size_px, size_px), PAPER)
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(scaled, ((size_px - width) // 2, (size_px - height) // 2))
    return square


# ---------------------------------------------------------------- negatives that tokenising made equal


def lost_negatives(tokens: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which entries of truth int8[N, C] are false of a caption whose tokens int32[C, L] are also those of one
    that is true, or may be: nothing tells the two apart. bool[N, C]."""
    same = (tokens[:, None] == tokens[None]).all(-1)
    return (truth == 0) & ((truth != 0).astype(np.int32) @ same > 0)


def lost_share(source: Source, tokenizer: Tokenizer, data: Any, limit: int = 1000) -> float:
    """The share of negatives that tokenising loses, over `limit` families spread evenly over a split.

    Raises UserError above 1 %, naming the setting to change.
    """
    negatives = lost = merged = 0
    for family in spread(source, limit, "captions that tokenising makes equal"):
        truth = family.truth[: data.images, : data.captions]
        captions = list(family.captions[: truth.shape[1]])
        gone = int(lost_negatives(tokenizer.encode_batch(captions, data.length), truth).sum())
        negatives, lost = negatives + int((truth == 0).sum()), lost + gone
        if gone:
            merged += int(lost_negatives(tokenizer.encode_batch(captions, UNCUT), truth).sum())
    share = lost / max(1, negatives)
    if share > MAX_LOST_SHARE:
        setting = (
            "the tokenizer merges them, such as by small letters or without punctuation: take another, or leave "
            "tokenizer.file empty for one that loses nothing"
            if merged * 2 > lost
            else f"data.length={data.length} cuts captions short: raise it"
        )
        raise UserError(f"{share:.1%} of the negatives have the tokens of a true caption: {setting}")
    return share
