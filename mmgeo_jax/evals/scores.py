"""The scores of one test set: Hit@1 and its controls, with intervals. Pure functions of arrays."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmgeo_jax.evals import probes as leak_probes
from mmgeo_jax.evals import ranking
from mmgeo_jax.evals.embed import Embedded, Split
from mmgeo_jax.evals.ranking import CAPTIONS, PICTURES, Tally

ANCHORS = slice(0, 1)
CONTROLS = ("blind_text_hit1", "blind_image_hit1", "untrained_image_hit1", "untrained_text_hit1")


class BlindScores(NamedTuple):
    """Scores f32[F, M] by the trained scorers that see one side only; None where a test set has no use for
    one."""

    captions: leak_probes.Scores  # the anchor's caption (or the only true one) among the candidates
    pictures: leak_probes.Scores | None  # the anchor's picture among its siblings
    negatives: leak_probes.Scores | None  # captions of pictures from captions that are text alone


def candidates(table: np.ndarray) -> np.ndarray:
    """What is ranked of [F, N, C]: the N x N block, or all captions where a family has one picture."""
    return ranking.block(table) if table.shape[1] > 1 else table


def wanted_anchor(split: Split) -> np.ndarray:
    """int8[F, M] over the candidate captions: 1 those true of the anchor, 0 false, -1 cannot say or
    absent."""
    return candidates(split.truth)[:, 0]


def wanted_pictures(split: Split) -> np.ndarray:
    """int8[F, N]: 1 the anchor, 0 its siblings, -1 absent."""
    wanted = np.where(split.pictured, 0, -1).astype(np.int8)
    wanted[:, 0] = 1
    return wanted


def wanted_pictured(split: Split) -> np.ndarray:
    """int8[F, C]: 1 the captions that belong to a picture, 0 those that are text alone, -1 absent."""
    wanted = np.where(split.captioned, 0, -1).astype(np.int8)
    own = np.arange(min(split.truth.shape[1:]))
    wanted[:, : len(own)][split.truth[:, own, own] == 1] = 1
    return wanted


def section(
    split: Split, trained: Embedded, untrained: Embedded | None = None, seeing_one: BlindScores | None = None
) -> dict[str, Any]:
    """The section of `eval.json` for one test set; a score that does not apply is None.

    image_* rank pictures given a caption, text_* rank captions given a picture, over the candidates of a
    family with every sibling as the query; anchor_* ask anchors only. Scores of an `untrained` model and of scorers
    `seeing_one` side are controls, None where none are given. A blind scorer gives every query the
    same scores, so over all siblings it is at chance by construction; `details` has its anchors-only scores
    and the one-by-one probes.
    """
    scores, truth = trained.scores(), split.truth
    ours, block = candidates(scores), candidates(truth)
    kinds = _two_alternatives(split, split.edits, ranking.KINDS, ours, block)
    finer = sorted({name for row in split.kinds for edits in row for name in edits})
    text = ranking.hit1(ours, block, CAPTIONS)
    tallies: dict[str, Tally | None] = {
        "image_hit1": ranking.hit1(ours, block, PICTURES),
        "text_hit1": text,
        "anchor_image_hit1": ranking.hit1(ours, block, PICTURES, ANCHORS),
        "anchor_text_hit1": ranking.hit1(ours, block, CAPTIONS, ANCHORS),
        "random_hit1": strangers(split, trained),
        **dict.fromkeys(CONTROLS),
    }
    if seeing_one:
        tallies["blind_text_hit1"] = ranking.hit1(for_captions(seeing_one.captions.in_set, ours), block, CAPTIONS)
    if seeing_one and seeing_one.pictures:
        tallies["blind_image_hit1"] = ranking.hit1(for_pictures(seeing_one.pictures.in_set, ours), block, PICTURES)
    if untrained:
        fresh = candidates(untrained.scores())
        tallies["untrained_image_hit1"] = ranking.hit1(fresh, block, PICTURES)
        tallies["untrained_text_hit1"] = ranking.hit1(fresh, block, CAPTIONS)
    by_kind = {kind: ranking.total([side[kind] for side in kinds.values()]) for kind in ranking.KINDS}
    return {
        **{name: tally and tally.mean for name, tally in tallies.items()},
        "chance": text.mean_chance,
        "by_kind": {kind: tally.mean for kind, tally in by_kind.items()},
        "n": len(split.rows),
        "intervals": {name: tally and tally.interval() for name, tally in tallies.items()}
        | {"by_kind": {kind: tally.interval() for kind, tally in by_kind.items()}},
        "details": {
            "queries": {name: tally.n if tally else 0 for name, tally in tallies.items()},
            "chance": {name: tally and tally.mean_chance for name, tally in tallies.items()},
            "by_kind": _entries(kinds),
            "by_finer_kind": _entries(_two_alternatives(split, split.kinds, finer, ours, block)),
            "by_layout": _grouped(split.layouts, ours, block),
            "by_difficulty": _grouped(split.difficulties, ours, block),
            "text_only_by_kind": _text_only(split, scores),
            "blind": _blind_details(split, untrained, seeing_one, ours, block) if untrained and seeing_one else None,
        },
    }


def entry(tally: Tally) -> dict[str, Any]:
    """One score as it stands in `details`."""
    return {"score": tally.mean, "interval": tally.interval(), "chance": tally.mean_chance, "n": tally.n}


def strangers(split: Split, embedded: Embedded) -> Tally:
    """Each anchor's picture among the anchor captions of 500 other families, those that may be true left
    out."""
    possible = ranking.may_hold(split.caption_signatures, split.image_signatures)
    possible |= split.anchor_captions[:, None] == split.anchor_captions[None, :]
    scores = embedded.images[:, 0] @ embedded.texts[:, 0].T
    return ranking.among_strangers(scores, possible, ranking.stranger_groups(len(split.rows)))


def for_captions(scores: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A caption-only scorer's f[F, C] as a ranker for every picture: f[F, N, C]."""
    return np.broadcast_to(scores[:, None, : like.shape[2]], like.shape)


def for_pictures(scores: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A picture-only scorer's f[F, N] as a ranker for every caption: f[F, N, C]."""
    return np.broadcast_to(scores[:, : like.shape[1], None], like.shape)


Sides = dict[str, dict[str, Tally]]  # "image" (pictures ranked), "text" (captions) -> kind -> tally


def _two_alternatives(
    split: Split, edits: Sequence[Any], kinds: Collection[str], scores: np.ndarray, truth: np.ndarray
) -> Sides:
    """By kind of edit: among members with pictures, or among the one picture's captions."""
    members = split.truth.shape[1] if split.truth.shape[1] > 1 else split.truth.shape[2]
    pairs = [ranking.single_edit_pairs(row, members, kinds) for row in edits]
    sides = {"image": PICTURES, "text": CAPTIONS}
    return {side: ranking.by_kind(scores, truth, pairs, ranked, kinds) for side, ranked in sides.items()}


def _entries(sides: Sides) -> dict[str, Any]:
    return {side: {kind: entry(tally) for kind, tally in tallies.items()} for side, tallies in sides.items()}


def _text_only(split: Split, scores: np.ndarray) -> dict[str, Any]:
    """Anchor's picture: its caption against each text-only negative of one edit, two alternatives, by
    kind."""
    members = split.truth.shape[1]
    pairs: list[Sequence[ranking.Pair]] = [
        [
            (0, j, kinds[0])
            for j, kinds in enumerate(edits)
            if j >= members and len(kinds) == 1 and kinds[0] in ranking.KINDS
        ]
        for edits in split.edits
    ]
    return {kind: entry(tally) for kind, tally in ranking.by_kind(scores, split.truth, pairs, CAPTIONS).items()}


def _grouped(groups: np.ndarray, scores: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Both Hit@1 of each group of families; groups [F] names them."""
    return {
        str(group): {
            "image_hit1": entry(ranking.hit1(scores[groups == group], truth[groups == group], PICTURES)),
            "text_hit1": entry(ranking.hit1(scores[groups == group], truth[groups == group], CAPTIONS)),
        }
        for group in np.unique(groups)
    }


def _blind_details(
    split: Split, untrained: Embedded, seeing_one: BlindScores, like: np.ndarray, truth: np.ndarray
) -> dict[str, Any]:
    """Where a leak would show: anchors only by layout, and two alternatives one by one."""
    members = like.shape[2]
    caption_medoid = leak_probes.medoid_scores(untrained.texts[:, :members])
    rankers = {
        "caption_set": (for_captions(seeing_one.captions.in_set, like), CAPTIONS),
        "caption_medoid": (for_captions(caption_medoid, like), CAPTIONS),
        "caption_farthest": (for_captions(-caption_medoid, like), CAPTIONS),
    }
    probes = {"caption_alone": ranking.two_alternatives(seeing_one.captions.alone[:, :members], wanted_anchor(split))}
    if seeing_one.pictures:
        picture_medoid = leak_probes.medoid_scores(untrained.images)
        rankers |= {
            "picture_set": (for_pictures(seeing_one.pictures.in_set, like), PICTURES),
            "picture_medoid": (for_pictures(picture_medoid, like), PICTURES),
            "picture_farthest": (for_pictures(-picture_medoid, like), PICTURES),
        }
        probes["picture_alone"] = ranking.two_alternatives(seeing_one.pictures.alone, wanted_pictures(split))
    if seeing_one.negatives:
        wanted = wanted_pictured(split)
        probes["text_only_alone"] = ranking.two_alternatives(seeing_one.negatives.alone, wanted)
        probes["text_only_in_set"] = ranking.two_alternatives(seeing_one.negatives.in_set, wanted)
    chosen = {"all": slice(None)} | {str(layout): split.layouts == layout for layout in np.unique(split.layouts)}
    anchors_only = {
        name: {group: entry(ranking.hit1(table[rows], truth[rows], ranked, ANCHORS)) for group, rows in chosen.items()}
        for name, (table, ranked) in rankers.items()
    }
    return {
        "anchors_only": anchors_only,
        "two_alternatives": {name: entry(tally) for name, tally in probes.items()},
    }
