"""Leak probes: can a trained scorer tell which of two is the anchor from captions alone, or from pictures alone?

Every scorer gives a number to one caption, or one picture, without knowing the family. It is trained on pairs of an
anchor and a sibling of the train split, and tested on the pairs of the other splits: chance is one in two. A caption
without a picture is compared with one that has a picture. A kind's figure is that of all siblings with such an edit.
The intervals are 95 %, by bootstrap over families.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from data_gen.checks import scorers
from data_gen.checks.leak_features import TEXT_ONLY, Features, RowRange, concatenate, extract_features
from data_gen.checks.scorers import Matrix, Scorer
from data_gen.records import tfrecords
from data_gen.shared.parallel import map_in_pool

CHUNK = 128  # families of a task
LEAST_PAIRS = 300  # for a scorer of one kind's own
ENOUGH_PAIRS = 2000  # for a figure of a kind that counts
OVERALL_POINTS, KIND_POINTS = 2, 4  # how far from chance is no leak


class Pairs(NamedTuple):
    """K pairs of members, by rows. right: the anchor, or the one with a picture; kinds: of the left one's edits."""

    right: np.ndarray
    left: np.ndarray
    family: np.ndarray
    kind: np.ndarray

    def where(self, keep: np.ndarray) -> Pairs:
        """Returns the pairs that a mask bool[K] keeps."""
        return Pairs(*(column[keep] for column in self))


def measure(folder: str, families: int, workers: int, seed: int = 0) -> dict[str, Any]:
    """Trains scorers on up to `families` families of train and tests them on the other splits: {what is seen: result}.
    A result has "overall" and "kinds": {"accuracy", "low", "high" (%), "pairs", "families"}, "hit@1". Returns {} if
    there are not both train and another split, or no siblings. Raises UserError if a record is broken."""
    splits = tfrecords.read_manifest(folder)["splits"]
    sizes = {split: sum(row["families"] for row in rows) for split, rows in splits.items()}
    held_out = [split for split in sizes if split != "train" and sizes[split]]
    if not sizes.get("train") or not held_out:
        return {}
    tasks = _tasks(folder, "train", min(families, sizes["train"]))
    asked = [task for split in held_out for task in _tasks(folder, split, min(families, sizes[split]))]
    found = map_in_pool(extract_features, tasks + asked, workers)
    features = dict(tqdm(found, "leaks: features", len(tasks) + len(asked), leave=False))
    train = concatenate([features.pop(task) for task in tasks])
    test = _concatenate_splits([features.pop(task) for task in asked])
    if not all((each.kind != "").any() for each in (train, test)):
        return {}
    report: dict[str, Any] = {"trained on": int(train.family[-1]) + 1, "tested on": len(np.unique(test.family))}
    probes = [("captions", "captions", _linear), ("pictures", "pictures", _linear)]
    probes += [("pictures, by trees", "pictures", _trees)]
    if np.isfinite(train.pictures[:, 0]).sum() == len(np.unique(train.family)):
        probes = probes[:1]  # one picture each: there is no choice among pictures
    with threadpool_limits(workers):
        for name, what, make in tqdm(probes, "leaks: scorers", leave=False):
            report[name] = _result(train, test, what, make, seed)
    return report


def _tasks(folder: str, split: str, families: int) -> list[RowRange]:
    return [RowRange(folder, split, start, min(start + CHUNK, families)) for start in range(0, families, CHUNK)]


def _concatenate_splits(parts: Sequence[Features]) -> Features:
    """Concatenates several splits, whose families get numbers of their own."""
    fresh, start = [], 0
    for part in parts:
        _, number = np.unique(part.family, return_inverse=True)
        fresh.append(part._replace(family=(number + start).astype(np.int32)))
        start += int(number.max()) + 1
    return concatenate(fresh)


def pairs_of(features: Features, pictures: bool) -> Pairs:
    """Pairs each anchor with each sibling, and each caption without a picture with one, in turn, that has a picture."""
    anchor = np.flatnonzero(features.kind == "")
    _, number = np.unique(features.family, return_inverse=True)
    first = anchor[number]  # of each member's family
    left = np.flatnonzero(features.kind != "")
    unseen = features.kind[left] == TEXT_ONLY
    seen_members = np.bincount(number[features.kind != TEXT_ONLY], minlength=len(anchor))
    right = first[left] + np.where(unseen, (left - first[left]) % seen_members[number[left]], 0)
    found = Pairs(right, left, features.family[left], features.kind[left])
    return found.where(~unseen) if pictures else found


# ---------------------------------------------------------------- scorers


def _result(train: Features, test: Features, what: str, make: Callable[..., Scorer], seed: int) -> dict[str, Any]:
    """Returns the result of one kind of scorer: one trained on all siblings, and one on each kind of edit."""
    inputs = [each.captions if what == "captions" else np.nan_to_num(each.pictures) for each in (train, test)]
    learnt, asked = (pairs_of(features, what != "captions") for features in (train, test))
    siblings, others = learnt.where(learnt.kind != TEXT_ONLY), asked.where(asked.kind != TEXT_ONLY)
    scores = make(inputs[0], siblings, seed)(inputs[1])
    right = _wins(scores, asked)
    overall = _accuracy(right[asked.kind != TEXT_ONLY], others.family, seed)
    result: dict[str, Any] = {"overall": overall, "hit@1": _hit1(scores, others, seed), "kinds": {}}
    for kind in sorted({kind for kinds in set(asked.kind.tolist()) for kind in kinds.split("+")}):
        mine, own = _has(asked.kind, kind), learnt.where(_has(learnt.kind, kind))
        row = {} if kind == TEXT_ONLY else _accuracy(right[mine], asked.family[mine], seed)
        if make is _linear and len(own.left) >= LEAST_PAIRS:
            own_right = _wins(_linear(inputs[0], own, seed)(inputs[1]), asked.where(mine))
            row["own scorer"] = _accuracy(own_right, asked.family[mine], seed)
        if row:
            result["kinds"][kind] = row
    return result


def _has(kinds: np.ndarray, kind: str) -> np.ndarray:
    """Returns bool[K]: whether a kind is among those of a sibling."""
    return np.isin(kinds, [some for some in set(kinds.tolist()) if kind in some.split("+")])


def _linear(features: Matrix, pairs: Pairs, seed: int) -> Scorer:
    return scorers.linear(features, pairs.right, pairs.left, pairs.family, seed)


def _trees(features: Matrix, pairs: Pairs, seed: int) -> Scorer:
    """Trains boosted trees to tell anchors from siblings, two for each, one picture at a time."""
    anchors = np.unique(pairs.right)
    siblings = np.random.default_rng(seed).permutation(pairs.left)[: 2 * len(anchors)]
    x = np.concatenate([features[anchors], features[siblings]])
    y = np.arange(len(x)) < len(anchors)
    trees = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, learning_rate=0.1, max_bins=63, class_weight="balanced", random_state=seed
    ).fit(x, y)
    return trees.decision_function


# ---------------------------------------------------------------- figures


def _wins(scores: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Returns float[K]: 1 where the right one of a pair scores higher, a half for a tie."""
    return (np.sign(scores[pairs.right] - scores[pairs.left]) + 1) / 2


def _hit1(scores: np.ndarray, pairs: Pairs, seed: int) -> dict[str, Any]:
    """Returns how often the anchor scores highest in its family (a tie is a miss), and how often it would by chance. In
    a star the anchor lies in the middle of its siblings and seldom scores highest: expect less than chance there."""
    families, number = np.unique(pairs.family, return_inverse=True)
    losses = np.bincount(number, scores[pairs.right] <= scores[pairs.left])
    row = _accuracy((losses == 0).astype(float), families, seed)
    return row | {"chance": round(float(100 * np.mean(1 / (1 + np.bincount(number)))), 2)}


def _accuracy(right: np.ndarray, family: np.ndarray, seed: int) -> dict[str, Any]:
    """Returns the share of right answers in %, with its interval over families."""
    return scorers.accuracy(right, family, seed) | {"pairs": len(right), "families": len(np.unique(family))}


def report_lines(report: dict[str, Any]) -> list[str]:
    """Returns the report of `measure` as text, with a warning at figures too far from chance."""
    if not report:
        return ["leaks: not measured (they need --leaks above 0, train and another split, and no differences)"]
    found = [f"leaks: scorers trained on {report['trained on']} families, tested on {report['tested on']} others"]
    for what, result in report.items():
        if not isinstance(result, dict):
            continue
        hit = result["hit@1"]
        found.append(f"{what} alone: anchor against sibling {_line(result['overall'], OVERALL_POINTS)}")
        found.append(f"{what} alone: hit@1 {_figure(hit)}, chance {hit['chance']:.1f} %")
        for kind, row in result["kinds"].items():
            own = row.get("own scorer")
            texts = [_line(row, KIND_POINTS)] if "accuracy" in row else []
            texts += [f"own scorer {_line(own, KIND_POINTS)}"] if own else []
            found.append(f"  {kind}: {'; '.join(texts)}")
    return found


def _figure(row: dict[str, Any]) -> str:
    return f"{scorers.figure(row)} of {row['pairs']}"


def _line(row: dict[str, Any], points: float) -> str:
    few = ", too few to count" if row["pairs"] < ENOUGH_PAIRS else ""
    leak = f", MORE THAN {points} POINTS FROM CHANCE" if abs(row["accuracy"] - 50) > points and not few else ""
    return _figure(row) + few + leak
