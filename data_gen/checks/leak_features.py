"""Features of single captions and pictures, which leak probes are trained on.

A caption is a bag of hashed words, pairs and triples of words, with the order of its names' letters and its length. A
picture is where its ink lies, how much of it there is, how many parts it has, and which small patterns it is made of.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage, sparse
from sklearn.feature_extraction.text import HashingVectorizer

from data_gen.checks.near_duplicates import cells
from data_gen.drawing.png import decode_png
from data_gen.records.schema import Family
from data_gen.records.tfrecords import RecordSource

WORDS = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|\S")
HASHES = 1 << 18
GRID = 16
DARKNESSES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6])
PARTS = np.array([2, 4, 6, 8, 10, 12, 15, 20])
PATTERN = 256  # of 2 by 4 pixels
TEXT_ONLY = "without a picture"


class Features(NamedTuple):
    """Members of F families, one after another, M in all. In a family the first is the anchor.

    captions: csr float32[M, HASHES]; pictures: float16[M, P], nan where a member has none; family int32[M]; kind
    [M]: "" for an anchor, the kinds of a sibling's edits joined by "+", or TEXT_ONLY for a caption without a
    picture beside captions that have one.
    """

    captions: sparse.csr_matrix
    pictures: np.ndarray
    family: np.ndarray
    kind: np.ndarray


class RowRange(NamedTuple):
    """A task of the pool: rows of a split."""

    folder: str
    split: str
    start: int
    stop: int


def extract_features(rows: RowRange) -> tuple[RowRange, Features]:
    """Returns the features of some families. Raises UserError if a record is broken."""
    source = RecordSource(rows.folder, rows.split)
    texts: list[str] = []
    pictures, family, kind = [], [], []
    for row in range(rows.start, rows.stop):
        one = source[row]
        count = len(one.captions)
        texts += one.captions
        pictures += [picture_features(decode_png(png)) for png in one.images]
        pictures += [np.full(PICTURE_FEATURES, np.nan, np.float16)] * (count - len(one.images))
        family += [row] * count
        kind += [_kind(one, j) for j in range(count)]
    captions = HashingVectorizer(
        analyzer=caption_features, n_features=HASHES, alternate_sign=False, binary=True, norm=None, dtype=np.float32
    ).transform(texts)
    return rows, Features(captions, np.stack(pictures), np.array(family, np.int32), np.array(kind))


def concatenate(parts: Sequence[Features]) -> Features:
    """Concatenates features."""
    captions, *arrays = zip(*parts, strict=True)
    return Features(sparse.vstack(captions, format="csr"), *(np.concatenate(array) for array in arrays))


def _kind(family: Family, j: int) -> str:
    # A family of one picture is a choice among captions: none of them is set apart by having no picture.
    if j >= len(family.images) > 1:
        return TEXT_ONLY
    return "+".join(family.kinds[j])


def caption_features(text: str) -> Iterator[str]:
    """Yields the features of a caption, as strings."""
    words = WORDS.findall(text)
    yield f"words {len(words)}"
    for i, word in enumerate(words):
        yield word
        if i > 0:
            yield f"{words[i - 1]} {word}"
        if i > 1:
            yield f"{words[i - 2]} {words[i - 1]} {word}"
        if len(word) > 1 and word.isupper():  # the order of a name's letters, whatever they are
            places = "".join(str(sorted(word).index(letter)) for letter in word)
            yield f"order {places}"
            yield f"{words[i - 1] if i else ''} order {places}"


def picture_features(pixels: np.ndarray) -> np.ndarray:
    """Computes float16[PICTURE_FEATURES] of a picture uint8[H, W]."""
    ink = pixels < 128
    sizes = np.bincount(ndimage.label(ink, np.ones((3, 3)))[0].ravel())[1:]
    small = (sizes < ink.size / 200).sum()
    dark = np.searchsorted(DARKNESSES, cells(pixels, 2 * GRID).ravel())
    columns = np.flatnonzero(ink.any(0)) if ink.any() else np.zeros(1, int)
    lines = np.flatnonzero(ink.any(1)) if ink.any() else np.zeros(1, int)
    box = np.array([columns[0], columns[-1], lines[0], lines[-1]]) / max(pixels.shape)
    parts = np.concatenate([len(sizes) >= PARTS, small >= PARTS, [len(sizes) / 10, small / 10]])
    histogram = np.bincount(dark, minlength=len(DARKNESSES) + 1) / 100
    patterns = np.sqrt(np.bincount(_patterns(ink), minlength=PATTERN)[1:] / ink.size) * 4
    darkness = np.sqrt(cells(pixels, GRID).ravel())
    looks = [darkness, histogram, [10 * ink.mean()], parts, box, patterns]
    return np.concatenate(looks).astype(np.float16)


PICTURE_FEATURES = GRID**2 + len(DARKNESSES) + 1 + 1 + 2 * len(PARTS) + 2 + 4 + PATTERN - 1


def _patterns(ink: np.ndarray) -> np.ndarray:
    """Returns int[K] of bool[H, W]: at every place the 2 by 4 pixels from there on, as a number below 256."""
    height, width = ink.shape
    bits = ink.astype(np.uint8)
    codes = np.zeros((height - 1, width - 3), np.uint8)
    for dy in range(2):
        for dx in range(4):
            codes |= bits[dy : height - 1 + dy, dx : width - 3 + dx] << np.uint8(4 * dy + dx)
    return codes.ravel()
