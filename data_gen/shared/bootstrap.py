"""Confidence intervals by bootstrap over groups, whose members are not independent of each other."""

from functools import lru_cache

import numpy as np

RESAMPLES = 1000


def interval(totals: np.ndarray, counts: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Returns the 95 % interval (low, high) of a mean, totals.sum() / counts.sum(), by resampling groups. `totals`:
    f[G], the sum of a group's values; `counts`: [G], how many it has, above 0."""
    weights = _resamples(len(counts), seed)
    low, high = np.quantile((weights @ totals) / (weights @ counts), (0.025, 0.975))
    return float(low), float(high)


@lru_cache(maxsize=4)
def _resamples(groups: int, seed: int) -> np.ndarray:
    """Returns int[RESAMPLES, G]: how often each group is drawn in each resample."""
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), RESAMPLES)
