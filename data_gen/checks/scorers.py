"""The scorers that look for shortcuts, and their accuracy: a scorer gives a number to one item, seeing nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from data_gen.shared import bootstrap

STRENGTHS = (0.001, 0.02, 0.4)  # of LogisticRegression's C: the best on a held-out fifth of the groups is taken

Matrix = Any  # an array, or a sparse matrix, [M, features]
Scorer = Callable[[Matrix], np.ndarray]  # -> float[M]


def linear(features: Matrix, right: np.ndarray, wrong: np.ndarray, group: np.ndarray, seed: int) -> Scorer:
    """Trains a linear scorer by logistic regression on the differences of K pairs, whose right item should win.
    features: [M, features]; right, wrong: int[K], rows of them; group: int[K], held out together."""
    rng = np.random.default_rng(seed)
    difference = (features[right] - features[wrong]).astype(np.float32)
    sign = rng.choice([-1.0, 1.0], len(wrong)).astype(np.float32)
    x = sparse.diags(sign) @ difference if sparse.issparse(difference) else difference * sign[:, None]
    kept = rng.permutation(int(group.max()) + 1)[group] % 5 > 0
    # sklearn's own tolerance, 1e-4, is above the slope of rare words: it would stop before it has learnt them.
    fits = [
        LogisticRegression(C=c, fit_intercept=False, max_iter=200, tol=1e-6).fit(x[kept], sign[kept]) for c in STRENGTHS
    ]
    best = max(fits, key=lambda fit: fit.score(x[~kept], sign[~kept]) if (~kept).any() else 0)
    weights = best.coef_[0]
    return lambda rows: rows @ weights


def accuracy(right: np.ndarray, group: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Returns {"accuracy", "low", "high"} in %: the mean of `right`, float[K], and its interval over groups int[K]."""
    _, number = np.unique(group, return_inverse=True)
    low, high = bootstrap.interval(np.bincount(number, right), np.bincount(number), seed)
    percents = {"accuracy": right.mean(), "low": low, "high": high}
    return {name: round(float(100 * value), 2) for name, value in percents.items()}


def figure(row: dict[str, Any]) -> str:
    """Returns an accuracy as text."""
    return f"{row['accuracy']:.1f} % ({row['low']:.1f} to {row['high']:.1f})"
