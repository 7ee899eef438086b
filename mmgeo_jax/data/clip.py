"""Records -> batches of whole families for the two towers.

How a record becomes part of a batch on the devices:

    sampler.shuffled_batches         step -> rows of this process
    clip.make_batch                  rows -> batch, by way of
      records.tfrecords.RecordSource   row -> record bytes -> Family
      clip.load_family                 Family -> arrays (Tokenizer.encode_batch, images.decode_member)
      augment.augment                  images -> augmented images, where data.augment asks for it
      asked.choose                     a question to the caption decoder, where data.asked has more than captions
      patch_targets.patch_targets      what stands where -> classes of each patch, where data.patch_px asks for them
    mesh.shard_batch                batch -> global arrays on the devices
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol, cast

import numpy as np
from ml_collections import ConfigDict

from data_gen.records.annotations import Annotations, annotations_from_json
from data_gen.records.patch_targets import PATCH_WORDS, patch_targets
from data_gen.records.schema import SIGNATURE_WORDS, Family
from data_gen.shared.errors import UserError
from mmgeo_jax.batch import ClipArrays, ClipBatch
from mmgeo_jax.data import asked, augment, images, reader, rivals, sampler
from mmgeo_jax.data.reader import Source
from mmgeo_jax.data.sampler import ALONE, Process

MAX_TRUNCATED_SHARE = 0.01
ASKED_STREAM, RIVALS_STREAM = 1000, 1001  # of random numbers, apart from those of augmentation
UNCUT = 4096  # tokens that hold any caption


class Tokenizer(Protocol):
    """What this module needs of a tokenizer."""

    def encode_batch(self, texts: list[str], length: int) -> np.ndarray: ...


def train_batches(
    sources: Sequence[Source],
    tokenizer: Tokenizer,
    data: ConfigDict,
    seed: int,
    start_step: int,
    global_batch: int,
    process: Process = ALONE,
) -> Iterator[ClipBatch[np.ndarray]]:
    """Yields batches from `start_step` on, without end; several sources are shuffled as one.

    Args:
      data: config.data: max_images (N), max_captions (C), max_tokens (L), size_px; augment: the probability of each of
        `augment.AUGMENTATIONS`, drawn from the seed and the family's position in the order; patch_px: the side of the
        patches whose targets are read, or 0; workers: processes that read, or 0 for threads of this one.
      global_batch: families of all processes together (B); each `process` reads its share of them.

    Raises UserError where a record or an image is broken, or a setting does not fit.
    """
    augment.check_probabilities(data.get("augment", {}))
    _check_counts(data)
    make = partial(make_batch, sources, tokenizer, data, seed=seed)
    count, slots = reader.count_families(sources), sampler.process_slots(global_batch, process)
    return sampler.shuffled_batches(make, count, seed, start_step, global_batch, slots, data.get("workers", 0))


def eval_batches(
    sources: Sequence[Source], tokenizer: Tokenizer, data: ConfigDict, global_batch: int, process: Process = ALONE
) -> Iterator[ClipBatch[np.ndarray]]:
    """Yields every family once, in order, in batches as of `train_batches` without augmentation; the last is padded."""
    _check_counts(data)
    slots = sampler.process_slots(global_batch, process)
    make = partial(make_batch, sources, tokenizer, data)
    return sampler.ordered_batches(make, reader.count_families(sources), global_batch, slots)


def _check_counts(data: ConfigDict) -> None:
    if data.max_captions < data.max_images:
        raise UserError(
            f"data.max_captions={data.max_captions} is less than data.max_images={data.max_images}: "
            "each image needs its own caption"
        )


def make_batch(
    sources: Sequence[Source],
    tokenizer: Tokenizer,
    data: ConfigDict,
    rows: Sequence[int],
    positions: Sequence[int] = (),
    seed: int = 0,
) -> ClipBatch[np.ndarray]:
    """Reads the families of these rows (-1: padding); augments them where their positions in the order are given."""
    families = []
    for place, row in enumerate(rows):
        if row < 0:
            families.append(empty_family(data))
            continue
        record = reader.read_family(sources, row)
        family, moved = load_family(record, tokenizer, data), np.eye(3)
        if positions and any(data.get("augment", {}).values()):
            seeds, kept = (seed % 2**32, positions[place]), family["image_mask"]
            family["images"][kept], moved = augment.augment(family["images"][kept], data.augment, seeds)
        if positions and "rivals" in family:
            stream = (seed % 2**32, positions[place], RIVALS_STREAM)
            family["rivals"] = rivals.draw_rivals(family["truth"], np.random.default_rng(stream))
        asks = positions and "asked" in family
        if asks or "patch_targets" in family:
            known = [annotations_from_json(text) for text in record.annotations[: data.max_images]]
            scale = data.size_px / record.size_px
            matrix = moved @ np.diag([scale, scale, 1.0])  # from the stored picture to the one that the encoder sees
            if "patch_targets" in family:
                add_patch_targets(family, known, matrix, data)
            if asks:
                stream = (seed % 2**32, positions[place], ASKED_STREAM)
                add_asked(family, record, known, matrix, tokenizer, data, np.random.default_rng(stream))
        families.append(family)
    return cast(ClipBatch[np.ndarray], {**stack_families(families), "family": np.array(rows, np.int32)})


def stack_families(families: Sequence[ClipArrays[np.ndarray]]) -> ClipArrays[np.ndarray]:
    """Stacks the arrays of single families along a new leading axis B."""
    arrays = {name: np.stack([cast(dict, family)[name] for family in families]) for name in families[0]}
    return cast(ClipArrays[np.ndarray], arrays)


def empty_family(data: ConfigDict) -> ClipArrays[np.ndarray]:
    """Returns the arrays of one family, without the leading B, all of it padding."""
    n, c, size = data.max_images, data.max_captions, data.size_px
    arrays = ClipArrays(
        images=np.full((n, size, size), images.PAPER, np.uint8),
        image_mask=np.zeros(n, bool),
        tokens=np.zeros((c, data.max_tokens), np.int32),
        caption_mask=np.zeros(c, bool),
        truth=np.full((n, c), -1, np.int8),
        image_signatures=np.zeros((n, SIGNATURE_WORDS), np.uint32),
        caption_signatures=np.zeros((c, SIGNATURE_WORDS), np.uint32),
    )
    if patch_px := data.get("patch_px"):
        arrays["patch_targets"] = np.zeros((n, (size // patch_px) ** 2, PATCH_WORDS), np.uint32)
        arrays["annotated"] = np.zeros(n, bool)
    if not asked.only_captions(data.get("asked", {})):
        arrays["asked"] = np.zeros((n, data.max_tokens), np.int32)
        arrays["asked_from"] = np.full(n, data.max_tokens, np.int32)
    if data.get("distil"):
        arrays["rivals"] = np.full((n, 1 + rivals.RIVALS), -1, np.int32)
    return arrays


def add_patch_targets(
    family: ClipArrays[np.ndarray], known: Sequence[Annotations], matrix: np.ndarray, data: ConfigDict
) -> None:
    """Fills in what stands at the patches of the images whose annotations are known, the first ones or none. `matrix`:
    float64[3, 3], moves points of the stored picture to the one that the encoder sees."""
    for i, annotations in enumerate(known):
        family["patch_targets"][i] = patch_targets(annotations, matrix, data.size_px, data.patch_px)
    family["annotated"][: len(known)] = True


def add_asked(
    family: ClipArrays[np.ndarray],
    record: Family,
    known: Sequence[Annotations],
    matrix: np.ndarray,
    tokenizer: Tokenizer,
    data: ConfigDict,
    rng: np.random.Generator,
) -> None:
    """Fills in what the caption decoder is asked of each image that has a true caption of its own; where annotations
    are not known, that caption. `matrix` as of `add_patch_targets`."""
    shown = np.diag([1 / data.size_px, 1 / data.size_px, 1.0]) @ matrix
    own = [i for i in range(min(data.max_images, *record.truth.shape)) if record.truth[i, i] == 1]
    if not own:
        return
    pictures = [asked.Picture(record.captions[i], known[i] if known else Annotations(), shown) for i in own]
    chosen = [asked.choose(picture, data.asked, rng) for picture in pictures]
    prompts = tokenizer.encode_batch([each.prompt for each in chosen], data.max_tokens)
    tokens = tokenizer.encode_batch([f"{each.prompt} {each.answer}".strip() for each in chosen], data.max_tokens)
    family["asked"][own] = tokens
    # As many tokens as both begin with: a piece may reach from the prompt into the answer.
    family["asked_from"][own] = (prompts == tokens).cumprod(axis=1).sum(axis=1)


def load_family(
    family: Family, tokenizer: Tokenizer, data: ConfigDict, prepare: images.Prepare = images.letterbox
) -> ClipArrays[np.ndarray]:
    """Converts one family to arrays, without the leading B, cut or padded to N images and C captions. The first ones
    are kept. A false caption whose tokens are those of a true one becomes unknown (-1). Raises UserError where an image
    does not decode."""
    arrays = empty_family(data)
    n, c = min(data.max_images, len(family.images)), min(data.max_captions, len(family.captions))
    for i in range(n):
        arrays["images"][i] = images.decode_member(family, i, data.size_px, prepare)
    tokens = tokenizer.encode_batch(list(family.captions[:c]), data.max_tokens)
    truth = family.truth[:n, :c]
    arrays["tokens"][:c] = tokens
    arrays["truth"][:n, :c] = np.where(merged_negatives(tokens, truth), -1, truth)
    arrays["image_mask"][:n] = True
    arrays["caption_mask"][:c] = True
    arrays["image_signatures"][:n] = family.image_signatures[:n]
    arrays["caption_signatures"][:c] = family.caption_signatures[:c]
    return arrays


def merged_negatives(tokens: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns bool[N, C]: entries of truth int8[N, C] that are false, and whose caption has the same tokens
    (int32[C, L]) as one that is or may be true of the image, so that no model can tell the two apart."""
    same = (tokens[:, None] == tokens[None]).all(-1)
    return (truth == 0) & ((truth != 0).astype(np.int32) @ same > 0)


def check_truncation(source: Source, tokenizer: Tokenizer, data: ConfigDict, limit: int = 1000) -> float:
    """Returns the share of negatives that tokenising merges with positives, over `limit` families of a split. Raises
    UserError above 1 %, naming the setting to change."""
    negatives = merged = merged_uncut = 0
    for family in reader.read_evenly_spaced(source, limit, "captions that tokenising makes equal"):
        truth = family.truth[: data.max_images, : data.max_captions]
        captions = list(family.captions[: truth.shape[1]])
        count = int(merged_negatives(tokenizer.encode_batch(captions, data.max_tokens), truth).sum())
        negatives, merged = negatives + int((truth == 0).sum()), merged + count
        if count:
            merged_uncut += int(merged_negatives(tokenizer.encode_batch(captions, UNCUT), truth).sum())
    share = merged / max(1, negatives)
    if share > MAX_TRUNCATED_SHARE:
        remedy = (
            "the tokenizer merges them, such as by small letters or without punctuation: take another, or leave "
            "tokenizer.file empty for one that loses nothing"
            if merged_uncut * 2 > merged
            else f"data.max_tokens={data.max_tokens} cuts captions short: raise it"
        )
        raise UserError(f"{share:.1%} of the negatives have the tokens of a true caption: {remedy}")
    return share
