"""What trained scorers make of captions alone, and of pictures alone: which of two is the anchor?

Every scorer gives a number to one caption, or one picture, without knowing the family. It is trained on pairs of an
anchor and a sibling out of the train split, and asked about the pairs of the other splits: one in two is chance. A
caption without a picture is compared with one that has a picture. A kind's figure is that of all siblings with such an
edit. The intervals hold 95 % of 1,000 bootstraps over families.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from data_gen.checks.leak_features import UNSEEN, Looks, Rows, joined, look
from data_gen.records import tfrecords
from data_gen.shared.parallel import pooled

CHUNK = 128  # families of a task
BOOTSTRAPS = 1000
STRENGTHS = (0.001, 0.02, 0.4)  # of LogisticRegression's C: what a fifth of the training pairs likes best is taken
LEAST_PAIRS = 300  # for a scorer of one kind's own
ENOUGH_PAIRS = 2000  # for a figure of a kind that counts
OVERALL_POINTS, KIND_POINTS = 2, 4  # how far from chance is no leak

Features = Any  # an array, or a sparse matrix, [M, features]
Scorer = Callable[[Features], np.ndarray]  # -> float[M]


class Pairs(NamedTuple):
    """K pairs of members, by their rows. right is the anchor (or the one with a picture); kinds: of the left one's
    edits."""

    right: np.ndarray
    left: np.ndarray
    family: np.ndarray
    kind: np.ndarray

    def where(self, keep: np.ndarray) -> Pairs:
        """The pairs that a mask bool[K] keeps."""
        return Pairs(*(column[keep] for column in self))


def measure(folder: str, families: int, workers: int, seed: int = 0) -> dict[str, Any]:
    """Train scorers on up to `families` families of train and ask them about the other splits: {what is seen: result}.

    A result has "overall" and "kinds": {"accuracy", "low", "high" (%), "pairs", "families"}, "hit@1". {} where there
    are not both train and another split, or no siblings. Raises UserError where a record is broken.
    """
    splits = tfrecords.read_manifest(folder)["splits"]
    sizes = {split: sum(row["families"] for row in rows) for split, rows in splits.items()}
    held_out = [split for split in sizes if split != "train" and sizes[split]]
    if not sizes.get("train") or not held_out:
        return {}
    tasks = _tasks(folder, "train", min(families, sizes["train"]))
    asked = [task for split in held_out for task in _tasks(folder, split, min(families, sizes[split]))]
    looks = dict(tqdm(pooled(look, tasks + asked, workers), "leaks: looks", len(tasks) + len(asked), leave=False))
    train, test = joined([looks.pop(task) for task in tasks]), _apart([looks.pop(task) for task in asked])
    if not all((looks.kind != "").any() for looks in (train, test)):
        return {}
    report: dict[str, Any] = {"trained on": int(train.family[-1]) + 1, "asked about": len(np.unique(test.family))}
    ways = [
        ("captions", "captions", _linear),
        ("pictures", "pictures", _linear),
        ("pictures, by trees", "pictures", _trees),
    ]
    if np.isfinite(train.pictures[:, 0]).sum() == len(np.unique(train.family)):
        ways = ways[:1]  # one picture each: there is no choice among pictures
    with threadpool_limits(workers):
        for name, what, make in tqdm(ways, "leaks: scorers", leave=False):
            report[name] = _asked(train, test, what, make, seed)
    return report


def _tasks(folder: str, split: str, families: int) -> list[Rows]:
    return [Rows(folder, split, start, min(start + CHUNK, families)) for start in range(0, families, CHUNK)]


def _apart(parts: Sequence[Looks]) -> Looks:
    """Looks of several splits, whose families get numbers of their own."""
    fresh, start = [], 0
    for part in parts:
        _, number = np.unique(part.family, return_inverse=True)
        fresh.append(part._replace(family=(number + start).astype(np.int32)))
        start += int(number.max()) + 1
    return joined(fresh)


# ---------------------------------------------------------------- pairs


def pairs_of(looks: Looks, pictures: bool) -> Pairs:
    """Each anchor with each of its siblings; each caption without a picture with one, in turn, that has a picture."""
    anchor = np.flatnonzero(looks.kind == "")
    _, number = np.unique(looks.family, return_inverse=True)
    first = anchor[number]  # of each member's family
    left = np.flatnonzero(looks.kind != "")
    unseen = looks.kind[left] == UNSEEN
    seen_members = np.bincount(number[looks.kind != UNSEEN], minlength=len(anchor))
    right = first[left] + np.where(unseen, (left - first[left]) % seen_members[number[left]], 0)
    found = Pairs(right, left, looks.family[left], looks.kind[left])
    return found.where(~unseen) if pictures else found


# ---------------------------------------------------------------- scorers


def _asked(train: Looks, test: Looks, what: str, make: Callable[..., Scorer], seed: int) -> dict[str, Any]:
    """The result of one way to score: a scorer over all siblings, and one of each kind's own."""
    inputs = [looks.captions if what == "captions" else np.nan_to_num(looks.pictures) for looks in (train, test)]
    learnt, asked = (pairs_of(looks, what != "captions") for looks in (train, test))
    siblings, others = learnt.where(learnt.kind != UNSEEN), asked.where(asked.kind != UNSEEN)
    scores = make(inputs[0], siblings, seed)(inputs[1])
    right = _right(scores, asked)
    result: dict[str, Any] = {"overall": _share(right[asked.kind != UNSEEN], others.family, seed)}
    result["hit@1"] = _hits(scores, others, seed)
    result["kinds"] = {}
    for kind in sorted({kind for kinds in set(asked.kind.tolist()) for kind in kinds.split("+")}):
        mine, own = _has(asked.kind, kind), learnt.where(_has(learnt.kind, kind))
        row = {} if kind == UNSEEN else _share(right[mine], asked.family[mine], seed)
        if make is _linear and len(own.left) >= LEAST_PAIRS:
            own_right = _right(_linear(inputs[0], own, seed)(inputs[1]), asked.where(mine))
            row["own scorer"] = _share(own_right, asked.family[mine], seed)
        if row:
            result["kinds"][kind] = row
    return result


def _has(kinds: np.ndarray, kind: str) -> np.ndarray:
    """bool[K]: whether a kind is one of a sibling's."""
    return np.isin(kinds, [some for some in set(kinds.tolist()) if kind in some.split("+")])


def _linear(features: Features, pairs: Pairs, seed: int) -> Scorer:
    """Logistic regression on differences of the two of a pair; how strong it is regularised, by a fifth of them."""
    rng = np.random.default_rng(seed)
    difference = (features[pairs.right] - features[pairs.left]).astype(np.float32)
    sign = rng.choice([-1.0, 1.0], len(pairs.left)).astype(np.float32)
    x = sparse.diags(sign) @ difference if sparse.issparse(difference) else difference * sign[:, None]
    kept = rng.permutation(int(pairs.family.max()) + 1)[pairs.family] % 5 > 0
    fits = [
        LogisticRegression(C=c, fit_intercept=False, max_iter=200, tol=1e-6).fit(x[kept], sign[kept]) for c in STRENGTHS
    ]
    best = max(fits, key=lambda fit: fit.score(x[~kept], sign[~kept]) if (~kept).any() else 0)
    weights = best.coef_[0]
    return lambda rows: rows @ weights


def _trees(features: Features, pairs: Pairs, seed: int) -> Scorer:
    """Boosted trees that tell anchors from siblings, two for each, one picture at a time."""
    anchors = np.unique(pairs.right)
    siblings = np.random.default_rng(seed).permutation(pairs.left)[: 2 * len(anchors)]
    x = np.concatenate([features[anchors], features[siblings]])
    y = np.arange(len(x)) < len(anchors)
    trees = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, learning_rate=0.1, max_bins=63, class_weight="balanced", random_state=seed
    ).fit(x, y)
    return trees.decision_function


# ---------------------------------------------------------------- figures


def _right(scores: np.ndarray, pairs: Pairs) -> np.ndarray:
    """float[K]: 1 where the right one of a pair scores higher, a half for a tie."""
    return (np.sign(scores[pairs.right] - scores[pairs.left]) + 1) / 2


def _hits(scores: np.ndarray, pairs: Pairs, seed: int) -> dict[str, Any]:
    """How often the anchor scores highest in its family (a tie is a miss), and how often it would by chance.

    In a star the anchor lies in the middle of its siblings, and so it seldom comes out highest: less than chance is
    what to expect there.
    """
    families, number = np.unique(pairs.family, return_inverse=True)
    losses = np.bincount(number, scores[pairs.right] <= scores[pairs.left])
    row = _share((losses == 0).astype(float), families, seed)
    return row | {"chance": round(float(100 * np.mean(1 / (1 + np.bincount(number)))), 2)}


def _share(right: np.ndarray, family: np.ndarray, seed: int) -> dict[str, Any]:
    """The share of right answers in %, with its interval by bootstrap over families."""
    families, number = np.unique(family, return_inverse=True)
    count, total = np.bincount(number), np.bincount(number, right)
    rng, shares = np.random.default_rng(seed), []
    for _ in range(BOOTSTRAPS):
        drawn = np.bincount(rng.integers(len(families), size=len(families)), minlength=len(families))
        shares.append(drawn @ total / (drawn @ count))
    low, high = np.percentile(shares, (2.5, 97.5))
    percents = {"accuracy": right.mean(), "low": low, "high": high}
    rounded = {name: round(float(100 * value), 2) for name, value in percents.items()}
    return rounded | {"pairs": len(right), "families": len(families)}


def lines(report: dict[str, Any]) -> list[str]:
    """The report of `measure` as text, with what is too far from chance."""
    if not report:
        return ["leaks: not measured (they need --leaks above 0, train and another split, and no differences)"]
    found = [f"leaks: scorers trained on {report['trained on']} families, asked about {report['asked about']} others"]
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
    return f"{row['accuracy']:.1f} % ({row['low']:.1f} to {row['high']:.1f}) of {row['pairs']}"


def _line(row: dict[str, Any], points: float) -> str:
    few = ", too few to count" if row["pairs"] < ENOUGH_PAIRS else ""
    leak = f", MORE THAN {points} POINTS FROM CHANCE" if abs(row["accuracy"] - 50) > points and not few else ""
    return _figure(row) + few + leak
