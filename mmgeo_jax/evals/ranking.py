"""Hit@1 and its kin over blocks of scores and their truth tables. NumPy only; equal scores are a miss,
everywhere.

Dimensions: F families, N pictures of a family, C captions of a family. Truth is 1 true, 0 false, -1 cannot
say; entries of -1 (padding too) are no candidates.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

KINDS = ("order", "shape", "relation", "value")
CAPTIONS, PICTURES = 2, 1  # the axis of [F, N, C] that is ranked

Pair = tuple[int, int, str]  # members i < j of a family that differ in one edit of this kind


class Tally(NamedTuple):
    """What each family brings to one score: hits f64[F], queries asked f64[F], hits expected by chance
    f64[F]."""

    hits: np.ndarray
    asked: np.ndarray
    chance: np.ndarray

    @property
    def n(self) -> int:
        return int(self.asked.sum())

    @property
    def mean(self) -> float | None:
        """Share of the queries that hit; None where nothing was asked."""
        return float(self.hits.sum() / self.asked.sum()) if self.n else None

    @property
    def mean_chance(self) -> float | None:
        return float(self.chance.sum() / self.asked.sum()) if self.n else None

    def interval(self) -> list[float] | None:
        """95 % interval [low, high] of the mean: a bootstrap over families, whose queries hang together."""
        if not self.n:
            return None
        used = self.asked > 0
        hits, asked = self.hits[used], self.asked[used]
        weights = _resamples(len(hits))
        low, high = np.quantile((weights @ hits) / (weights @ asked), (0.025, 0.975))
        return [float(low), float(high)]


@lru_cache(maxsize=4)
def _resamples(families: int) -> np.ndarray:
    """int[1000, families]: how often each family is drawn in each of the same thousand resamples."""
    return np.random.default_rng(0).multinomial(families, np.full(families, 1 / families), 1000)


def total(tallies: Iterable[Tally]) -> Tally:
    """The queries of all tallies together, family by family."""
    return Tally(*(np.sum(parts, axis=0) for parts in zip(*tallies, strict=True)))


def hit1(scores: np.ndarray, truth: np.ndarray, ranked: int, queries: slice = slice(None)) -> Tally:
    """Hit@1 of scores f[F, N, C] given truth int8[F, N, C], ranking axis `ranked` (CAPTIONS or PICTURES).

    A query counts when it has a true and a false candidate; it hits when its best true candidate scores
    strictly more than every false one. `queries` picks among the queries: slice(0, 1) is the anchors.
    """
    true, false = truth == 1, truth == 0
    best_true = np.where(true, scores, -np.inf).max(axis=ranked)
    best_false = np.where(false, scores, -np.inf).max(axis=ranked)
    asked = true.any(axis=ranked) & false.any(axis=ranked)
    chance = true.sum(axis=ranked) / np.maximum((true | false).sum(axis=ranked), 1)
    hit = asked & (best_true > best_false)
    return Tally(*(part[:, queries].sum(axis=1, dtype=np.float64) for part in (hit, asked, asked * chance)))


def block(table: np.ndarray) -> np.ndarray:
    """The N x N block of [F, N, C]: the pictures and their own captions, without text-only negatives."""
    return table[:, :, : table.shape[1]]


def single_edit_pairs(edits: Sequence[tuple[str, ...]], members: int, kinds: Collection[str] = KINDS) -> list[Pair]:
    """Pairs of the first `members` captions that differ in exactly one edit, one of `kinds`, with its kind.

    In a star that is the anchor and each sibling; in a cube, both ends of every edge.
    """
    bags = [Counter(e) for e in edits[:members]]
    differences = (
        (i, j, list(((bags[i] - bags[j]) + (bags[j] - bags[i])).elements()))
        for i in range(len(bags))
        for j in range(i + 1, len(bags))
    )
    return [(i, j, names[0]) for i, j, names in differences if len(names) == 1 and names[0] in kinds]


def by_kind(
    scores: np.ndarray,
    truth: np.ndarray,
    pairs: Sequence[Sequence[Pair]],
    ranked: int,
    kinds: Collection[str] = KINDS,
) -> dict[str, Tally]:
    """Two-alternative accuracy by kind of edit, of members i and j of each family's pairs; chance is 1/2.

    scores f[F, N, C] and truth int8[F, N, C]. Ranking CAPTIONS, picture i must prefer caption i to caption
    j and picture j the reverse; ranking PICTURES, likewise with the roles swapped. A comparison counts
    where the truth table has 1 for the one and 0 for the other. A pair whose j has no picture asks picture
    i alone.
    """
    tallies = {kind: np.zeros((2, len(scores))) for kind in kinds}
    for f, family_pairs in enumerate(pairs):
        for i, j, kind in family_pairs:
            for own, other in ((i, j), (j, i)):
                right, wrong = (own, own), (own, other) if ranked == CAPTIONS else (other, own)
                if max(right[0], wrong[0]) >= scores.shape[1] or truth[f][right] != 1 or truth[f][wrong] != 0:
                    continue
                tallies[kind][:, f] += scores[f][right] > scores[f][wrong], 1
    return {kind: Tally(hits, asked, asked / 2) for kind, (hits, asked) in tallies.items()}


def stranger_groups(families: int, others: int = 500, seed: int = 0) -> np.ndarray:
    """Fixed groups for retrieval among strangers: int[families, 1 + min(others, families - 1)], each row a
    family and then the families that follow it in one fixed shuffle."""
    order = np.random.default_rng(seed).permutation(families)
    window = np.arange(min(others, families - 1) + 1)
    groups = np.empty((families, len(window)), np.int64)
    groups[order] = order[(np.arange(families)[:, None] + window) % families]
    return groups


def among_strangers(scores: np.ndarray, possibly_true: np.ndarray, groups: np.ndarray) -> Tally:
    """Hit@1 of each family's anchor picture among the anchor captions of its group.

    scores f[F, F] and possibly_true bool[F, F]: anchor picture by anchor caption; the strangers that may be
    true of the picture are left out.
    """
    rows = np.arange(len(scores))[:, None]
    truth = np.where(possibly_true[rows, groups], -1, 0)
    truth[:, 0] = 1
    return hit1(scores[rows, groups][:, None], truth[:, None], CAPTIONS)


def may_hold(caption_signatures: np.ndarray, image_signatures: np.ndarray) -> np.ndarray:
    """bool[I, J]: could caption j (uint32[J, 8]) be true of picture i (uint32[I, 8])? Errs towards yes."""
    return np.stack([((caption_signatures & ~image) == 0).all(axis=1) for image in image_signatures])


def two_alternatives(scores: np.ndarray, wanted: np.ndarray) -> Tally:
    """Of each family's pairs (wanted, unwanted), how many scores f[F, M] put right; wanted int8[F, M] is 1,
    0, or -1 for absent. Chance is 1/2."""
    pairs = (wanted == 1)[:, :, None] & (wanted == 0)[:, None, :]
    right = pairs & (scores[:, :, None] > scores[:, None, :])
    asked = pairs.sum(axis=(1, 2), dtype=np.float64)
    return Tally(right.sum(axis=(1, 2), dtype=np.float64), asked, asked / 2)
