"""Near-duplicates between splits: the same caption, the same picture's bytes, nearly the same picture.

A picture's sketch is 256 bits: whether each cell of a grid of 16 by 16 is inked. Two pictures are nearly the same if
their sketches differ in at most NEAR cells; then at least one of NEAR + 1 parts of the sketch is the same, and only
pictures that share such a part are compared.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data_gen.drawing.png import decode_png
from data_gen.records.schema import Family
from data_gen.shared.errors import UserError

CELLS = 16
NEAR = 4
INKED = 0.04  # the least darkness, 0 to 1, of an inked cell
MAX_EXAMPLES = 3  # examples
PAIRS = 1 << 20  # compared at a time


@dataclass
class Fingerprints:
    """What families are compared by. Keys: of the family that each caption or picture belongs to."""

    captions: list[int] = field(default_factory=list)
    caption_keys: list[str] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    picture_keys: list[str] = field(default_factory=list)
    sketches: list[bytes] = field(default_factory=list)  # 32 bytes each

    def add(self, family: Family) -> None:
        """Adds a family. A picture that does not decode has an empty sketch."""
        self.captions += [_code(text.encode()) for text in family.captions]
        self.caption_keys += [family.key] * len(family.captions)
        for png in family.images:
            self.pictures.append(_code(png))
            try:
                self.sketches.append(sketch(decode_png(png)))
            except UserError:
                self.sketches.append(bytes(CELLS * CELLS // 8))
        self.picture_keys += [family.key] * len(family.images)

    def update(self, others: "Fingerprints") -> None:
        """Adds those of other families."""
        for name, column in vars(others).items():
            getattr(self, name).extend(column)


def _code(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def cells(pixels: np.ndarray, count: int) -> np.ndarray:
    """Returns float32[count, count] of uint8[H, W]: mean darkness of square cells, 0 paper to 1 ink, paper around."""
    height, width = pixels.shape
    side = -(-max(height, width) // count)
    dark = np.zeros((side * count, side * count), np.float32)
    dark[:height, :width] = 1 - pixels / np.float32(255)
    return dark.reshape(count, side, count, side).mean((1, 3))


def sketch(pixels: np.ndarray) -> bytes:
    """Returns 32 bytes of uint8[H, W]: a bit for each of 16 x 16 cells that is inked."""
    return np.packbits(cells(pixels, CELLS) > INKED).tobytes()


def between_splits(shards: Sequence[tuple[str, Fingerprints]]) -> dict[str, Any]:
    """Finds the duplicates of each split in those before it, train first.

    Returns:
      {"test in train": {"captions": {"count", "of", "examples"}, "picture bytes": ..., "near pictures": ...}, ...}

    Args:
      shards: (split, fingerprints) of every shard.
    """
    sets: dict[str, Fingerprints] = {}
    for split, marks in sorted(shards, key=lambda shard: (shard[0] != "train", shard[0])):
        sets.setdefault(split, Fingerprints()).update(marks)
    joined = {split: b"".join(marks.sketches) for split, marks in sets.items()}
    sketches = {split: np.frombuffer(data, np.uint8).reshape(-1, 32) for split, data in joined.items()}
    return {
        f"{second} in {first}": {
            "captions": _summary(_equal_pairs(a.captions, b.captions), a.caption_keys, b.caption_keys),
            "picture bytes": _summary(_equal_pairs(a.pictures, b.pictures), a.picture_keys, b.picture_keys),
            "near pictures": _summary(near_pairs(sketches[first], sketches[second]), a.picture_keys, b.picture_keys),
        }
        for (first, a), (second, b) in itertools.combinations(sets.items(), 2)
    }


def _equal_pairs(codes: Sequence[int], others: Sequence[int]) -> np.ndarray:
    """Returns int[K, 2]: for each entry of `others` that occurs in `codes`, (an index there, its own index)."""
    first, second = np.array(codes, np.uint64), np.array(others, np.uint64)
    order = np.argsort(first, kind="stable")
    at = np.searchsorted(first[order], second)
    hit = np.flatnonzero(at < len(first))
    hit = hit[first[order][at[hit]] == second[hit]]
    return np.stack([order[at[hit]], hit], 1)


def near_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns int[K, 2]: for each sketch of `second`, uint8[M, 32], near one of `first`, (its index, the own index)."""
    found: dict[int, int] = {}
    # Every part takes cells from all over the picture: neighbours are similar, and margins are blank everywhere.
    parts = [np.random.default_rng(0).permutation(8 * second.shape[1])[part :: NEAR + 1] for part in range(NEAR + 1)]
    for part in parts:
        for a, b in _candidates(_part_codes(first, part), _part_codes(second, part)):
            distance = np.bitwise_count(first[a] ^ second[b]).sum(1)
            close = distance <= NEAR
            found.update(zip(b[close].tolist(), a[close].tolist(), strict=True))
    return np.array([(a, b) for b, a in sorted(found.items())], int).reshape(-1, 2)


def _part_codes(sketches: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Returns uint64[M]: the bits `part` (52 at most) of sketches, as numbers."""
    if not len(sketches):
        return np.zeros(0, np.uint64)
    bits = np.unpackbits(sketches, axis=1)[:, part]
    return bits.astype(np.uint64) @ (np.uint64(1) << np.arange(len(part), dtype=np.uint64))


def _candidates(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields indices (a, b) with first[a] == second[b], some at a time."""
    order = np.argsort(first, kind="stable")
    low = np.searchsorted(first[order], second, "left")
    counts = np.searchsorted(first[order], second, "right") - low
    ends = np.cumsum(counts)
    start = 0
    while start < len(second):
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + PAIRS, "right")))
        some = counts[start:stop]
        within = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        yield order[np.repeat(low[start:stop], some) + within], np.repeat(np.arange(start, stop), some)
        start = stop


def _summary(pairs: np.ndarray, first: Sequence[str], second: Sequence[str]) -> dict[str, Any]:
    """Returns how many pairs there are, of how many items, and a few of them."""
    return {
        "count": len(pairs),
        "of": len(second),
        "examples": list(dict.fromkeys(f"{second[b]} like {first[a]}" for a, b in pairs))[:MAX_EXAMPLES],
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    """Returns the report of `between_splits` as text."""
    return [
        f"duplicates, {where}, {what}: {row['count']} of {row['of']}"
        + (f" (such as {'; '.join(row['examples'])})" if row["examples"] else "")
        for where, rows in report.items()
        for what, row in rows.items()
    ]
