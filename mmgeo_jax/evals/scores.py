"""The scores of one test set: Hit@1, its controls and its breakdowns, as pure functions of arrays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from mmgeo_jax.evals import probes, ranking
from mmgeo_jax.evals.embed import Embedded, Split
from mmgeo_jax.evals.ranking import CAPTIONS, PICTURES, RankingMetric

ANCHORS = slice(0, 1)
BREAKDOWNS = ("by_kind", "by_finer_kind", "by_layout", "by_difficulty", "text_only_by_kind")  # of `Scores`

ByKind = dict[str, RankingMetric]  # kind of edit -> accuracy
Sides = dict[str, ByKind]  # "image" (images are ranked), "text" (captions are ranked)
Groups = dict[str, dict[str, RankingMetric]]  # group of families -> "image_hit1", "text_hit1"


class UnimodalScores(NamedTuple):
    """Scores f32[F, M] by the leak probes, which see one side only; None where a test set has no use for one."""

    captions: probes.ProbeScores  # the anchor's caption (or the only true one) among the candidates
    pictures: probes.ProbeScores | None  # the anchor's image among its siblings
    negatives: probes.ProbeScores | None  # captions of images against text-only captions


class LeakScores(NamedTuple):
    """Where a leak would show: unimodal scorers on anchors only, by layout, and the leak probes pairwise."""

    anchors_only: dict[str, dict[str, RankingMetric]]  # scorer -> "all" or a layout -> Hit@1
    pairwise: dict[str, RankingMetric]  # probe -> accuracy of positives against negatives, chance 1/2


@dataclass(frozen=True)
class Scores:
    """The scores of one test set; None where one does not apply.

    image_* rank images given a caption, text_* rank captions given an image, over the candidates of a family with every
    member as the query. A unimodal scorer gives every query the same scores, so over all members it is at chance by
    construction; `leaks` has its scores on anchors only.
    """

    families: int
    image_hit1: RankingMetric
    text_hit1: RankingMetric
    anchor_image_hit1: RankingMetric  # queries of anchors only
    anchor_text_hit1: RankingMetric
    random_hit1: RankingMetric | None  # an anchor's image among the anchor captions of 500 other families
    unimodal_text_hit1: RankingMetric | None  # control: a trained scorer that sees captions only
    unimodal_image_hit1: RankingMetric | None  # control: a trained scorer that sees images only
    untrained_image_hit1: RankingMetric | None  # control: the same model before training
    untrained_text_hit1: RankingMetric | None
    by_kind: Sides  # two-alternative accuracy of members that differ in one edit; chance is 1/2
    by_finer_kind: Sides
    by_layout: Groups
    by_difficulty: Groups
    text_only_by_kind: ByKind  # an anchor's image: its caption against text-only captions of one edit
    leaks: LeakScores | None

    def to_json(self) -> dict[str, Any]:
        """Returns the test set's part of eval.json: means at the top, then intervals, then `details`."""
        hits = {each.name: getattr(self, each.name) for each in fields(self) if each.name.endswith("_hit1")}
        kinds = {kind: ranking.pool([side[kind] for side in self.by_kind.values()]) for kind in ranking.KINDS}
        return {
            **{name: metric and metric.mean for name, metric in hits.items()},
            "chance": self.text_hit1.mean_chance,
            "by_kind": {kind: metric.mean for kind, metric in kinds.items()},
            "families": self.families,
            "intervals": {name: metric and metric.interval() for name, metric in hits.items()}
            | {"by_kind": {kind: metric.interval() for kind, metric in kinds.items()}},
            "details": {
                "queries": {name: metric.query_count if metric else 0 for name, metric in hits.items()},
                "chance": {name: metric and metric.mean_chance for name, metric in hits.items()},
                **{name: _as_json(getattr(self, name)) for name in BREAKDOWNS},
                "leaks": self.leaks and _as_json(self.leaks._asdict()),
            },
        }


def _as_json(table: RankingMetric | dict[str, Any]) -> dict[str, Any]:
    if isinstance(table, RankingMetric):
        return table.as_json()
    return {name: _as_json(part) for name, part in table.items()}


# ---------------------------------------------------------------- what is ranked, and what is true


def candidates(table: np.ndarray) -> np.ndarray:
    """Returns what is ranked of [F, N, C]: the N x N block, or all captions where a family has one image."""
    return ranking.block(table) if table.shape[1] > 1 else table


def target_anchor(split: Split) -> np.ndarray:
    """Returns int8[F, M] over the candidate captions: 1 true of the anchor, 0 false, -1 unknown or absent."""
    return candidates(split.truth)[:, 0]


def target_pictures(split: Split) -> np.ndarray:
    """Returns int8[F, N]: 1 the anchor, 0 its siblings, -1 absent."""
    targets = np.where(split.pictured, 0, -1).astype(np.int8)
    targets[:, 0] = 1
    return targets


def target_pictured(split: Split) -> np.ndarray:
    """Returns int8[F, C]: 1 captions that belong to an image, 0 text-only captions, -1 absent."""
    targets = np.where(split.captioned, 0, -1).astype(np.int8)
    own = np.arange(min(split.truth.shape[1:]))
    targets[:, : len(own)][split.truth[:, own, own] == 1] = 1
    return targets


def rank_captions(scores: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Broadcasts a caption-only scorer's f[F, C] to every image: f[F, N, C]."""
    return np.broadcast_to(scores[:, None, : like.shape[2]], like.shape)


def rank_pictures(scores: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Broadcasts an image-only scorer's f[F, N] to every caption: f[F, N, C]."""
    return np.broadcast_to(scores[:, : like.shape[1], None], like.shape)


# ---------------------------------------------------------------- the scores


def compute_scores(
    split: Split,
    trained: Embedded,
    untrained: Embedded | None = None,
    unimodal: UnimodalScores | None = None,
    likelihood: bool = False,
) -> Scores:
    """Computes the scores of a model on a test set, and those of the controls that are given; by the cosines of its
    pairs, or by their `likelihood`, for which no random negatives are scored."""
    table = trained.scores() if trained.likelihoods is None or not likelihood else trained.likelihoods
    scores, truth = candidates(table), candidates(split.truth)
    finer = sorted({name for row in split.kinds for edits in row for name in edits})
    before = candidates(untrained.scores()) if untrained else None
    caption_only = rank_captions(unimodal.captions.in_set, truth) if unimodal else None
    image_only = rank_pictures(unimodal.pictures.in_set, truth) if unimodal and unimodal.pictures else None

    def optional_hit1(table: np.ndarray | None, ranked: int) -> RankingMetric | None:
        return None if table is None else ranking.hit1(table, truth, ranked)

    return Scores(
        families=len(split.rows),
        image_hit1=ranking.hit1(scores, truth, PICTURES),
        text_hit1=ranking.hit1(scores, truth, CAPTIONS),
        anchor_image_hit1=ranking.hit1(scores, truth, PICTURES, ANCHORS),
        anchor_text_hit1=ranking.hit1(scores, truth, CAPTIONS, ANCHORS),
        random_hit1=None if likelihood else random_negatives_hit1(split, trained),
        unimodal_text_hit1=optional_hit1(caption_only, CAPTIONS),
        unimodal_image_hit1=optional_hit1(image_only, PICTURES),
        untrained_image_hit1=optional_hit1(before, PICTURES),
        untrained_text_hit1=optional_hit1(before, CAPTIONS),
        by_kind=_accuracy_by_kind(split, split.edits, ranking.KINDS, scores, truth),
        by_finer_kind=_accuracy_by_kind(split, split.kinds, finer, scores, truth),
        by_layout=_hit1_by_group(split.layouts, scores, truth),
        by_difficulty=_hit1_by_group(split.difficulties, scores, truth),
        text_only_by_kind=_text_only_by_kind(split, table),
        leaks=_leak_scores(split, untrained, unimodal, truth) if untrained and unimodal else None,
    )


def random_negatives_hit1(split: Split, embedded: Embedded) -> RankingMetric:
    """Computes Hit@1 of each anchor's image among the anchor captions of 500 other families, without those that may
    be true of it."""
    possible = ranking.may_be_true(split.caption_signatures, split.image_signatures)
    possible |= split.anchor_captions[:, None] == split.anchor_captions[None, :]
    scores = embedded.images[:, 0] @ embedded.texts[:, 0].T
    return ranking.hit1_among_random(scores, possible, ranking.random_negative_groups(len(split.rows)))


def _accuracy_by_kind(
    split: Split, edits: Sequence[Any], kinds: Collection[str], scores: np.ndarray, truth: np.ndarray
) -> Sides:
    """Compares members with images, or the captions of the only image."""
    members = split.truth.shape[1] if split.truth.shape[1] > 1 else split.truth.shape[2]
    pairs = [ranking.single_edit_pairs(row, members, kinds) for row in edits]
    sides = {"image": PICTURES, "text": CAPTIONS}
    return {side: ranking.accuracy_by_kind(scores, truth, pairs, ranked, kinds) for side, ranked in sides.items()}


def _text_only_by_kind(split: Split, scores: np.ndarray) -> ByKind:
    """Compares, for an anchor's image, its caption with each text-only caption of one edit."""
    members = split.truth.shape[1]
    single = {(kind,) for kind in ranking.KINDS}
    pairs = [
        [(0, j, edit[0]) for j, edit in enumerate(edits) if j >= members and edit in single] for edits in split.edits
    ]
    return ranking.accuracy_by_kind(scores, split.truth, pairs, CAPTIONS)


def _hit1_by_group(groups: np.ndarray, scores: np.ndarray, truth: np.ndarray) -> Groups:
    """Computes both Hit@1 of each group of families; groups [F] names them."""
    rows = {str(group): groups == group for group in np.unique(groups)}
    sides = {"image_hit1": PICTURES, "text_hit1": CAPTIONS}
    return {
        group: {name: ranking.hit1(scores[chosen], truth[chosen], ranked) for name, ranked in sides.items()}
        for group, chosen in rows.items()
    }


def _leak_scores(split: Split, untrained: Embedded, unimodal: UnimodalScores, truth: np.ndarray) -> LeakScores:
    members = truth.shape[2]
    sides = [("caption", unimodal.captions, untrained.texts[:, :members], rank_captions, target_anchor, CAPTIONS)]
    if unimodal.pictures:
        sides.append(("picture", unimodal.pictures, untrained.images, rank_pictures, target_pictures, PICTURES))
    rankers, pairwise = {}, {}
    for side, probe, embeddings, broadcast, target_of, ranked in sides:
        medoid, target = probes.medoid_scores(embeddings), target_of(split)
        for name, table in (("set", probe.in_set), ("medoid", medoid), ("farthest", -medoid)):
            rankers[f"{side}_{name}"] = broadcast(table, truth), ranked
        pairwise[f"{side}_alone"] = ranking.pairwise_accuracy(probe.alone[:, : target.shape[1]], target)
    if unimodal.negatives:
        targets = target_pictured(split)
        pairwise["text_only_alone"] = ranking.pairwise_accuracy(unimodal.negatives.alone, targets)
        pairwise["text_only_in_set"] = ranking.pairwise_accuracy(unimodal.negatives.in_set, targets)
    chosen = {"all": slice(None)} | {str(layout): split.layouts == layout for layout in np.unique(split.layouts)}
    anchors_only = {
        name: {group: ranking.hit1(table[rows], truth[rows], ranked, ANCHORS) for group, rows in chosen.items()}
        for name, (table, ranked) in rankers.items()
    }
    return LeakScores(anchors_only, pairwise)
