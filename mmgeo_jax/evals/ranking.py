"""Hit@1 and pairwise accuracy over blocks of scores and their truth tables, in NumPy; ties count as misses.

Dimensions: F families, N images and C captions of a family. Truth is 1 true, 0 false, -1 unknown or padded; entries of
-1 are no candidates.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from data_gen.shared import bootstrap

KINDS = ("order", "shape", "relation", "value")
CAPTIONS, PICTURES = 2, 1  # the axis of [F, N, C] that is ranked

Pair = tuple[int, int, str]  # members i < j of a family that differ in one edit of this kind


class RankingMetric(NamedTuple):
    """A score as counts by family: hits f64[F], queries f64[F], and the hits expected by chance f64[F]."""

    hits: np.ndarray
    queries: np.ndarray
    chance: np.ndarray

    @property
    def query_count(self) -> int:
        """The number of queries."""
        return int(self.queries.sum())

    @property
    def mean(self) -> float | None:
        """The share of queries that hit; None where there are none."""
        return float(self.hits.sum() / self.queries.sum()) if self.query_count else None

    @property
    def mean_chance(self) -> float | None:
        """The share of queries that hit by chance; None where there are none."""
        return float(self.chance.sum() / self.queries.sum()) if self.query_count else None

    def interval(self) -> list[float] | None:
        """Returns the 95 % interval [low, high] of the mean: a bootstrap over families, whose queries correlate."""
        if not self.query_count:
            return None
        used = self.queries > 0
        return list(bootstrap.interval(self.hits[used], self.queries[used]))

    def as_json(self) -> dict[str, Any]:
        """Returns mean, interval, chance and number of queries, as eval.json has them."""
        counts = {"chance": self.mean_chance, "queries": self.query_count}
        return {"score": self.mean, "interval": self.interval()} | counts


def pool(metrics: Iterable[RankingMetric]) -> RankingMetric:
    """Pools the queries of several metrics, family by family."""
    return RankingMetric(*(np.sum(parts, axis=0) for parts in zip(*metrics, strict=True)))


def hit1(scores: np.ndarray, truth: np.ndarray, ranked: int, queries: slice = slice(None)) -> RankingMetric:
    """Computes Hit@1 of scores f[F, N, C] given truth int8[F, N, C], ranking axis `ranked` (CAPTIONS or PICTURES). A
    query counts when it has a true and a false candidate; it hits when its best true candidate scores strictly more
    than every false one. `queries` selects among them: slice(0, 1) is the anchors."""
    true, false = truth == 1, truth == 0
    best_true = np.where(true, scores, -np.inf).max(axis=ranked)
    best_false = np.where(false, scores, -np.inf).max(axis=ranked)
    counts = true.any(axis=ranked) & false.any(axis=ranked)
    chance = true.sum(axis=ranked) / np.maximum((true | false).sum(axis=ranked), 1)
    hit = counts & (best_true > best_false)
    return RankingMetric(*(x[:, queries].sum(axis=1, dtype=np.float64) for x in (hit, counts, counts * chance)))


def block(table: np.ndarray) -> np.ndarray:
    """Returns the N x N block of [F, N, C]: images and their own captions, without text-only negatives."""
    return table[:, :, : table.shape[1]]


def single_edit_pairs(edits: Sequence[tuple[str, ...]], members: int, kinds: Collection[str] = KINDS) -> list[Pair]:
    """Returns the pairs of the first `members` captions that differ in exactly one edit, one of `kinds`. In a star that
    is the anchor and each sibling; in a cube, both ends of every edge."""
    bags = [Counter(e) for e in edits[:members]]
    differences = (
        (i, j, list(((bags[i] - bags[j]) + (bags[j] - bags[i])).elements()))
        for i in range(len(bags))
        for j in range(i + 1, len(bags))
    )
    return [(i, j, names[0]) for i, j, names in differences if len(names) == 1 and names[0] in kinds]


def accuracy_by_kind(
    scores: np.ndarray, truth: np.ndarray, pairs: Sequence[Sequence[Pair]], ranked: int, kinds: Collection[str] = KINDS
) -> dict[str, RankingMetric]:
    """Computes two-alternative accuracy by kind of edit, over each family's `pairs` of members i and j; chance is 1/2.

    scores f[F, N, C] and truth int8[F, N, C]. Ranking CAPTIONS, image i must prefer caption i to caption j and image j
    the reverse; ranking PICTURES, likewise with the roles swapped. A comparison counts where truth is 1 for the one and
    0 for the other. Of a pair whose j has no image, image i alone is a query.
    """
    counts = {kind: np.zeros((2, len(scores))) for kind in kinds}
    for f, family_pairs in enumerate(pairs):
        for i, j, kind in family_pairs:
            for own, other in ((i, j), (j, i)):
                right, wrong = (own, own), (own, other) if ranked == CAPTIONS else (other, own)
                if max(right[0], wrong[0]) >= scores.shape[1] or truth[f][right] != 1 or truth[f][wrong] != 0:
                    continue
                counts[kind][:, f] += scores[f][right] > scores[f][wrong], 1
    return {kind: RankingMetric(hits, queries, queries / 2) for kind, (hits, queries) in counts.items()}


def random_negative_groups(families: int, others: int = 500, seed: int = 0) -> np.ndarray:
    """Returns fixed groups for retrieval among random negatives: int[families, 1 + min(others, families - 1)]. Each row
    is a family and then the families that follow it in one fixed shuffle."""
    order = np.random.default_rng(seed).permutation(families)
    window = np.arange(min(others, families - 1) + 1)
    groups = np.empty((families, len(window)), np.int64)
    groups[order] = order[(np.arange(families)[:, None] + window) % families]
    return groups


def hit1_among_random(scores: np.ndarray, possibly_true: np.ndarray, groups: np.ndarray) -> RankingMetric:
    """Computes Hit@1 of each family's anchor image among the anchor captions of its group, without
    those that may be true of it. `scores` f[F, F] and `possibly_true` bool[F, F] are anchor image by anchor caption."""
    rows = np.arange(len(scores))[:, None]
    truth = np.where(possibly_true[rows, groups], -1, 0)
    truth[:, 0] = 1
    return hit1(scores[rows, groups][:, None], truth[:, None], CAPTIONS)


def may_be_true(caption_signatures: np.ndarray, image_signatures: np.ndarray) -> np.ndarray:
    """Returns bool[I, J]: may caption j (uint32[J, 8]) be true of image i (uint32[I, 8])? Errs towards yes."""
    return np.stack([((caption_signatures & ~image) == 0).all(axis=1) for image in image_signatures])


def pairwise_accuracy(scores: np.ndarray, targets: np.ndarray) -> RankingMetric:
    """Computes how often scores f[F, M] rank a positive (int8[F, M]: 1, 0, -1 absent) above a negative; chance 1/2."""
    pairs = (targets == 1)[:, :, None] & (targets == 0)[:, None, :]
    right = pairs & (scores[:, :, None] > scores[:, None, :])
    queries = pairs.sum(axis=(1, 2), dtype=np.float64)
    return RankingMetric(right.sum(axis=(1, 2), dtype=np.float64), queries, queries / 2)
