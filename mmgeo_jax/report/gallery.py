"""Families in a report: pictures, captions, truth table and a model's scores, with the mistakes marked."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_gen.records.schema import Family
from data_gen.view.gallery import TRUTH_KINDS, TRUTH_WORDS
from mmgeo_jax.evals import ranking


class ScoredCell(NamedTuple):
    """A caption under a picture: shaded by the share of the picture's softmax; `chosen` marks the picture's choice."""

    kind: str
    share: float
    says: str
    chosen: bool


class CaptionRow(NamedTuple):
    """A caption's row: a cell for each picture, and the pictures that it wrongly chooses, from 0; None: not ranked."""

    cells: list[ScoredCell]
    ranked: bool
    choice: int | None
    right: bool


class FamilyCard(NamedTuple):
    """A family as shown; counts: (direction, hits, queries)."""

    family: Family
    counts: list[tuple[str, int, int]]
    rows: list[CaptionRow]


def mistakes(family: Family, scores: np.ndarray) -> int:
    """Returns how many queries over the family's candidates miss, in both directions."""
    return sum(int(metric.queries.sum() - metric.hits.sum()) for metric in _metrics(family, scores))


def cards(families: Sequence[Family], scores: Sequence[np.ndarray], logit_scale: float) -> list[FamilyCard]:
    """Returns the families, those with most mistakes first; scores: cosines f[N, C] each."""
    order = sorted(range(len(families)), key=lambda k: -mistakes(families[k], scores[k]))
    return [card(families[k], scores[k], logit_scale) for k in order]


def card(family: Family, scores: np.ndarray, logit_scale: float) -> FamilyCard:
    """Returns one family: a column for each picture and a row for each caption."""
    names = ("picture to caption", "caption to picture")
    counts = [
        (name, int(metric.hits.sum()), int(metric.queries.sum()))
        for name, metric in zip(names, _metrics(family, scores), strict=True)
        if metric.query_count
    ]
    logits = scores[:, : _ranked(family)] * logit_scale
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return FamilyCard(family, counts, [_row(family, scores, shares, j) for j in range(len(family.captions))])


def _ranked(family: Family) -> int:
    """Returns how many of the captions a picture chooses from."""
    return len(family.images) if len(family.images) > 1 else len(family.captions)


def _metrics(family: Family, scores: np.ndarray) -> tuple[ranking.RankingMetric, ranking.RankingMetric]:
    """Returns the hits from picture to caption, and from caption to picture."""
    cut = slice(0, _ranked(family))
    block, truth = scores[None, :, cut], family.truth[None, :, cut]
    return ranking.hit1(block, truth, ranking.CAPTIONS), ranking.hit1(block, truth, ranking.PICTURES)


def _row(family: Family, scores: np.ndarray, shares: np.ndarray, j: int) -> CaptionRow:
    cells = [_cell(family, scores, shares, i, j) for i in range(len(family.images))]
    ranked = j < shares.shape[1]
    if len(family.images) == 1 or not ranked:
        return CaptionRow(cells, ranked, None, False)
    column = np.where(family.truth[:, j] >= 0, scores[:, j], -np.inf)
    choice = int(column.argmax())
    right = bool(family.truth[choice, j] == 1 and (column == column.max()).sum() == 1)
    return CaptionRow(cells, ranked, choice, right)


def _cell(family: Family, scores: np.ndarray, shares: np.ndarray, i: int, j: int) -> ScoredCell:
    truth, ranked = int(family.truth[i, j]), shares.shape[1]
    says, share, chosen = f"{TRUTH_WORDS[truth]}, cosine {scores[i, j]:.3f}", 0.0, False
    if j < ranked:
        share = float(shares[i, j])
        says += f", share {share:.2f}"
        best = np.where(family.truth[i, :ranked] >= 0, scores[i, :ranked], -np.inf).max()
        chosen = bool(scores[i, j] == best)
    return ScoredCell(TRUTH_KINDS[truth], share, says, chosen)
