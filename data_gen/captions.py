"""Facts to English: one sentence for each fact, the phrase and the order chosen by a wording number."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from data_gen.facts import Fact
from data_gen.predicates import PREDICATES


def phrase(fact: Fact, wording: int) -> str:
    """One fact in words. Wording 0 takes the first phrase of each predicate, any other number picks among them."""
    phrases = PREDICATES[fact.predicate].phrases
    choice = zlib.crc32(f"{wording}:{fact.predicate}".encode()) if wording else 0
    return phrases[choice % len(phrases)].format(*fact.args, value=fact.value)


def caption(facts: Sequence[Fact], wording: int = 0) -> str:
    """A caption that states the facts. Wording 0 keeps their order; other numbers shuffle it, the same way every time.

    The members of a family share one wording, so that their captions differ in what they say and in nothing else.
    """
    order = list(range(len(facts)))
    if wording:
        order = sorted(order, key=lambda i: zlib.crc32(f"{wording}/{i}".encode()))
    sentences = (phrase(facts[i], wording) for i in order)
    return " ".join(s[0].upper() + s[1:] + "." for s in sentences)
