"""Families of somebody else's pictures: no programs, and only what their source asserts is known.

A row has a picture with its caption, and negatives, each a picture, a caption, or a picture with its caption. The
picture of the row is the anchor; what its source says of it is asserted, and all else unknown.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from ml_collections import ConfigDict

from data_gen.records.schema import ASSERTED, UNKNOWN, Family, Question
from data_gen.shared import signs, tolerance
from data_gen.shared.errors import UserError
from data_gen.shared.files import digest_files
from data_gen.shared.pictures import read_png
from data_gen.shared.tolerance import LeftOut
from data_gen.truth.signatures import SIGNATURE_WORDS, caption_signature


class Negative(NamedTuple):
    """A picture that the row's caption is false of, a caption that is false of the row's picture, or both, in which
    case the caption is true of its own picture."""

    image: Path | None
    caption: str | None


class PictureRow(NamedTuple):
    """A picture with its caption and negatives, and what is asked about it; where: file and place, for errors."""

    where: str
    image: Path
    caption: str
    negatives: tuple[Negative, ...] = ()
    question: Question | None = None


class Loaded(NamedTuple):
    """What a source has read: its rows, the items that it has left out, and the files that they stand in."""

    rows: tuple[PictureRow, ...]
    left_out: LeftOut
    files: tuple[Path, ...]


class Load(Protocol):
    """Reads (root, file or files); `stamp` changes with them, so that what is kept from an earlier call is theirs."""

    def __call__(self, root: str, files: Any, stamp: Any = ...) -> Loaded: ...


def split_rows(rows: Iterable[PictureRow], root: str, shares: dict[str, int], split: str) -> list[int]:
    """Returns the numbers of the rows of a split: a hash of the picture's path in `root` deals them out by `shares`, so
    that rows of one picture stay together. Raises UserError where the shares do not do."""
    whole = all(isinstance(share, int) and 0 <= share <= 1000 for share in shares.values())
    if split not in shares or not whole or not sum(shares.values()):
        raise UserError(f"spec.shares {shares} must give '{split}' and the other splits whole numbers up to 1000")
    names = [name for name, share in sorted(shares.items()) for _ in range(share)]
    folder = Path(root).resolve()
    numbers: dict[Path, list[int]] = {}
    for number, row in enumerate(rows):
        numbers.setdefault(row.image, []).append(number)
    dealt: dict[str, dict[int, Path]] = {name: {} for name in sorted(set(names), key=lambda name: name != "train")}
    for picture in numbers:
        name = picture.relative_to(folder).as_posix().encode(errors="surrogateescape")
        digest = int.from_bytes(hashlib.sha256(name).digest()[:8], "big")
        dealt[names[digest % len(names)]][digest] = picture
    _fill_empty(dealt)
    return sorted(number for picture in dealt.get(split, {}).values() for number in numbers[picture])


def _fill_empty(dealt: dict[str, dict[int, Path]]) -> None:
    """Gives each split that got no picture, which happens where there are few, one of the split with most: `train`
    first, even the only one."""
    for name, pictures in dealt.items():
        giver = max(dealt.values(), key=len)
        if not pictures and len(giver) > (name != "train"):
            first = min(giver)
            pictures[first] = giver.pop(first)


def family_of(row: PictureRow, key: str, source: str, size_px: int) -> Family:
    """Returns the family of a row, in any number of pictures and captions. Raises UserError where a picture is broken.

    Pictures with captions come first, in the same order; then, on either side, those that stand alone. What repeats,
    or is the anchor again, is left out: it is no negative. Captions are written in one code for each sign; a negative
    that then says the same as the caption is an error.
    """
    row = _in_equal_signs(row)
    anchor = read_png(row.image, row.where)
    # Dictionaries for the order of their keys.
    images, captions = {anchor: None}, {row.caption: None}
    for path, caption in row.negatives:
        if path and caption:
            picture = read_png(path, row.where)
            if picture not in images and caption not in captions:
                images[picture], captions[caption] = None, None
    paired = len(images)
    for path, caption in row.negatives:
        if path and not caption:
            images.setdefault(read_png(path, row.where))
        elif caption and not path:
            captions.setdefault(caption)
    truth, provenance = _tables(len(images), len(captions), paired)
    count = len(captions)
    return Family(
        key=key,
        layout="star",
        images=tuple(images),
        captions=tuple(captions),
        truth=truth,
        provenance=provenance,
        margin_px=np.full(truth.shape, np.nan, np.float32),
        edits=((),) * count,
        kinds=((),) * count,
        # Nobody has listed what may be true of a real picture, nor what its caption states.
        image_signatures=np.full((len(images), SIGNATURE_WORDS), 0xFFFFFFFF, np.uint32),
        caption_signatures=np.stack([caption_signature([])] * count),
        facts=("[]",) * count,
        programs=(),
        canvas="",
        source=source,
        difficulty=0,
        size_px=size_px,
        question=row.question,
    )


def _in_equal_signs(row: PictureRow) -> PictureRow:
    signs.check_negatives(row.caption, [caption for _, caption in row.negatives if caption], row.where)
    negatives = tuple(
        Negative(image, caption and signs.require_caption(caption, row.where)) for image, caption in row.negatives
    )
    # A reply may be a mere sign, such as ">".
    caption = signs.normalize(row.caption) if row.question else signs.require_caption(row.caption, row.where)
    return row._replace(caption=caption, negatives=negatives)


def _tables(images: int, captions: int, paired: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns truth int8[N, C] and provenance uint8[N, C]; the first `paired` pictures have their own captions."""
    truth = np.full((images, captions), -1, np.int8)
    truth[0], truth[:, 0] = 0, 0
    own = np.arange(paired)
    truth[own, own] = 1
    return truth, np.where(truth >= 0, ASSERTED, UNKNOWN).astype(np.uint8)


@cache
def _of_split(load: Load, place: tuple[str, Any, Any], shares: tuple[tuple[str, int], ...], split: str) -> list[int]:
    return split_rows(load(*place).rows, place[0], dict(shares), split)


def _stamp(root: str, files: Any) -> tuple:
    """Returns what changes when a file is edited, or something else is put up with; None of what is not there, which
    `load` complains about."""
    found = [Path(root) / file for file in ([files] if isinstance(files, str) else files)]
    return (tolerance.given(), *map(_stamp_of, found))


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def source_of(load: Load, name: str, files: Callable[[ConfigDict], Any] = lambda spec: spec.file):
    """Returns `rows`, `family`, `content` and `left_out` of the source `name` (as in `sources.Source`), whose rows
    `load` reads."""

    def place(spec: ConfigDict) -> tuple[str, Any, Any]:
        return spec.root, files(spec), _stamp(spec.root, files(spec))

    def numbers(spec: ConfigDict, split: str) -> list[int]:
        return _of_split(load, place(spec), tuple(spec.shares.items()), split)  # type: ignore[arg-type]

    def rows(spec: ConfigDict, split: str) -> int:
        """Returns how many families a split has: its rows, or `spec.families[split]` where that is fewer."""
        return clip(numbers(spec, split), spec.families[split])

    def family(spec: ConfigDict, split: str, index: int) -> Family:
        """Makes family `index` of a split: a pure function of (spec, split, index) and the files."""
        number = numbers(spec, split)[index]
        row = load(*place(spec)).rows[number]
        return family_of(row, f"{name}/{split}/{number:06d}", name, int(spec.size_px))

    def content(spec: ConfigDict) -> str:
        """Hashes what the families are made of."""
        found = load(*place(spec))
        negatives = (negative.image for row in found.rows for negative in row.negatives if negative.image)
        return digest_files(found.files, itertools.chain((row.image for row in found.rows), negatives))

    def left_out(spec: ConfigDict) -> LeftOut:
        """Returns a line about each item that is left out, by reason."""
        return load(*place(spec)).left_out

    return rows, family, content, left_out


def clip(numbers: Sequence[int], at_most: int) -> int:
    """Returns how many families a split has: all its rows, or `at_most` where that is fewer."""
    return max(0, min(int(at_most), len(numbers)))
