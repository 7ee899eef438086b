"""Makes a choice between a true and a false statement one that captions alone do not decide.

Writers call a midpoint M and not A, and print 90 more often than 83: so the false one of two statements often sounds less
likely. Here a model learns how likely each sounds, from true and false ones over many problems: log odds
w . (f(true) - f(false)) of the features f of a statement. A choice then is kept with the probability min(1, odds of the
false one): what remains of a pair is as often true the one way as the other (the rule of Metropolis and Hastings).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from data_gen.facts import Fact
from data_gen.rules import number
from data_gen.sources.slots import Slot

FEATURES = 1 << 14
STEPS, RATE, DECAY = 300, 0.05, 1e-4


def features(facts: Sequence[Fact]) -> np.ndarray:
    """int[K]: what there is to hear in a statement, each feature hashed to a number below FEATURES."""
    return np.array([zlib.crc32(text.encode()) % FEATURES for fact in facts for text in _heard(fact)], int)


def _heard(fact: Fact):
    name = fact.predicate
    yield name
    for i, a in enumerate(fact.args):
        yield f"{name} {i}{a}"
        yield f"{a}"
        for j, b in enumerate(fact.args[:i]):
            step = ord(a) - ord(b)
            yield f"{name} {j}{i} {max(-3, min(3, step))}"
            yield f"{name} {j}{i} {a}{b}"
            yield f"{a}{b}" if a < b else f"{b}{a}"
    # Which of the letters come first in the alphabet: the pattern of the whole name.
    yield f"{name} {''.join(str(sorted(fact.args).index(a)) for a in fact.args)}"
    if fact.value is not None:
        size = number(fact.value)
        yield f"{name} {re.sub('[0-9]+', '9', fact.value)}"
        yield f"{name} end {fact.value[-1]}"
        if size:
            yield f"{name} ~{round(4 * np.log2(size))}"


def odds(weights: np.ndarray, slot: Slot) -> float:
    """Log odds that the true choice sounds more likely than the false one."""
    return float(weights[features(slot.true)].sum() - weights[features(slot.false)].sum())


def fit(slots: Sequence[Slot]) -> np.ndarray:
    """f64[FEATURES]: weights by logistic regression on true against false choices (Adam on all pairs at once)."""
    rows = [(features(s.true), features(s.false)) for s in slots]
    index = np.concatenate([np.concatenate(pair) for pair in rows])
    sign = np.concatenate([np.repeat([1.0, -1.0], [len(t), len(f)]) for t, f in rows])
    owner = np.repeat(np.arange(len(rows)), [len(t) + len(f) for t, f in rows])
    weights, first, second = (np.zeros(FEATURES) for _ in range(3))
    for step in range(1, STEPS + 1):
        logits = np.bincount(owner, sign * weights[index], len(rows))
        missing = 1 / (1 + np.exp(np.clip(logits, -30, 30)))
        gradient = -np.bincount(index, sign * missing[owner], FEATURES) / len(rows) + DECAY * weights
        first, second = 0.9 * first + 0.1 * gradient, 0.99 * second + 0.01 * gradient**2
        update = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights = weights - RATE * (1 - step / (STEPS + 1)) * update
    return weights


def keeps(weights: np.ndarray, slot: Slot, rng: np.random.Generator) -> bool:
    """Whether a choice is kept: always where the false one sounds as likely as the true one."""
    return bool(rng.random() < np.exp(-odds(weights, slot)))
