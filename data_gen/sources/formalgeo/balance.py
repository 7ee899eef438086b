"""Makes a choice between a true and a false statement one that captions alone do not decide.

Writers call a midpoint M and not A, and print 90 more often than 83: so the false one of two statements often sounds
less likely. Here a model learns how likely each sounds, from true and false ones over many problems: log odds
w . (f(true) - f(false)) of the features f of a statement. A choice then is kept with the probability min(1, odds of the
false one): what remains of a pair is as often true the one way as the other (the rule of Metropolis and Hastings).
"""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from data_gen.language.fact import Fact
from data_gen.language.numbers import parse_value
from data_gen.sources.formalgeo.edits import Slot

FEATURES = 1 << 14
STEPS, RATE = 150, 0.08


def features(facts: Sequence[Fact], beside: Sequence[Fact] = ()) -> list[int]:
    """Returns what there is to hear in a statement beside others: features, hashed to numbers below FEATURES."""
    heard = [i for fact in facts for i in _heard(fact)]
    return heard + [i for fact in facts for other in beside for i in _heard_together(fact, other)]


def _hashed(texts: Callable[..., Iterator[str]]) -> Callable[..., tuple[int, ...]]:
    """Returns the function of facts that hashes what `texts` yields, and remembers it."""
    return cache(lambda *facts: tuple(zlib.crc32(text.encode()) % FEATURES for text in texts(*facts)))


@_hashed
def _heard(fact: Fact) -> Iterator[str]:
    name = fact.predicate
    yield name
    for i, a in enumerate(fact.args):
        yield f"{name} {i}{a}"
        yield a
        for j, b in enumerate(fact.args[:i]):
            yield f"{name} {j}{i} {max(-3, min(3, ord(a) - ord(b)))}"
            yield f"{name} {j}{i} {a}{b}"
            yield f"{a}{b}" if a < b else f"{b}{a}"
    # Which of the letters come first in the alphabet: the pattern of the whole name.
    yield f"{name} {''.join(str(sorted(fact.args).index(a)) for a in fact.args)}"
    if fact.value is not None:
        size = parse_value(fact.value)
        yield f"{name} {re.sub('[0-9]+', '9', fact.value)}"
        yield f"{name} end {fact.value[-1]}"
        if size:
            yield f"{name} ~{round(4 * np.log2(size))}"


@_hashed
def _heard_together(fact: Fact, other: Fact) -> Iterator[str]:
    """Yields which places of two facts are taken by one point."""
    yield f"{fact.predicate}+{other.predicate}"
    shared = [f"{i}{other.args.index(a)}" for i, a in enumerate(fact.args) if a in other.args]
    yield f"{fact.predicate}+{other.predicate} {' '.join(shared)}"
    yield f"{fact.predicate}+ {len(shared)}"
    if len(fact.args) == 2:
        pair = "".join(sorted(fact.args))
        yield f"{fact.predicate} {pair}+{other.predicate}"
        for name in sorted(set(other.args)):
            yield f"{fact.predicate} {pair}+{name}"


SlotInContext = tuple[Slot, Sequence[Fact]]  # a choice, and the facts that it stands beside


def fit(asked: Sequence[SlotInContext], decay: float = 1e-4) -> np.ndarray:
    """Computes f64[FEATURES]: weights of a logistic regression, true against false, by Adam on all pairs."""
    if not asked:
        return np.zeros(FEATURES)
    rows = [(features(s.choices[0], beside), features(s.choices[1], beside)) for s, beside in asked]
    used, index = np.unique([i for pair in rows for half in pair for i in half], return_inverse=True)
    sign = np.repeat(np.tile([1.0, -1.0], len(rows)), [len(half) for pair in rows for half in pair])
    owner = np.repeat(np.arange(len(rows)), [len(t) + len(f) for t, f in rows])
    weights, first, second = (np.zeros(len(used)) for _ in range(3))
    for step in range(1, STEPS + 1):
        logits = np.bincount(owner, sign * weights[index], len(rows))
        missing = 1 / (1 + np.exp(np.clip(logits, -30, 30)))
        gradient = -np.bincount(index, sign * missing[owner], len(used)) / len(rows) + decay * weights
        first, second = 0.9 * first + 0.1 * gradient, 0.99 * second + 0.01 * gradient**2
        update = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights = weights - RATE * (1 - step / (STEPS + 1)) * update
    everything = np.zeros(FEATURES)
    everything[used] = weights
    return everything


def keeps(weights: np.ndarray, slot: Slot, beside: Sequence[Fact], rng: np.random.Generator) -> bool:
    """Returns whether a choice is kept: always where the false ones sound as likely as the true one."""
    true, *false = (weights[features(facts, beside)].sum() for facts in slot.choices)
    return bool(rng.random() < min(1.0, np.exp(sum(min(0.0, f - true) for f in false))))
