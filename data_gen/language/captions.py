"""Puts facts into English: phrases, their order, how they are joined and set, all chosen by a wording number."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from data_gen.language.fact import Fact
from data_gen.language.predicates.table import PREDICATES


class Join(NamedTuple):
    """How clauses become one text: its beginning, and what stands between two and before the last."""

    opening: str
    between: str
    last: str


SENTENCES = Join("", ". ", ". ")
# Clauses have commas of their own ("A, B and C"), so few joins have more.
JOINS = (
    SENTENCES,
    Join("As shown in the diagram, ", ", ", ", "),
    Join("As shown in the diagram, ", ", ", ", and "),
    Join("As shown in the figure, ", ". ", ". "),
    Join("In the figure, ", ", ", ", and "),
    Join("Given: ", "; ", "; "),
    Join("In the diagram, it is given that ", ", ", " and "),
)
TERSE = 1_000_000  # wordings from here on are as terse as exam problems: values as equations, no spaces round signs
TERSE_PLAIN = 7  # of eight clauses of theirs in the plain wording
TERSE_JOINS = (JOINS[1], JOINS[1], JOINS[4], SENTENCES, SENTENCES, JOINS[5])
CLOSE_SIGNS = "=∥⊥∼≅:>"  # books set them with spaces around them or without
CLOSE_ONE_IN = 3  # wordings


def write_phrase(fact: Fact, choice: int = 0) -> str:
    """Puts a fact into words, without capital letter and full stop: phrase number `choice` of its predicate, cyclic."""
    options = PREDICATES[fact.predicate].phrases
    return options[choice % len(options)].format(*fact.args, value=fact.value)


def write_caption(facts: Sequence[Fact], wording: int = 0) -> str:
    """Writes a caption that states the facts. Wording 0: the first phrases, in their order, as sentences.

    Other numbers choose a phrase for each place, the order of the places, a join and the spaces, the same way every
    time. The members of a family share one wording, and a fact that an edit changes keeps its place: so their captions
    differ in what they say and in nothing else.
    """
    order: Sequence[int] = range(len(facts))
    if wording:
        order = sorted(order, key=lambda place: zlib.crc32(f"{wording}/{place}".encode()))
    joins = TERSE_JOINS if wording >= TERSE else JOINS
    join = joins[zlib.crc32(f"join {wording}".encode()) % len(joins)] if wording else SENTENCES
    phrases = [write_phrase(facts[i], _choice(facts[i], i, wording)) for i in order]
    text = _joined(phrases, join)
    if wording >= TERSE or wording and zlib.crc32(f"close {wording}".encode()) % CLOSE_ONE_IN == 0:
        for sign in CLOSE_SIGNS:
            text = text.replace(f" {sign} ", sign)
    return text


def _choice(fact: Fact, place: int, wording: int) -> int:
    """Returns which phrase a wording takes for a fact in some place."""
    choice = zlib.crc32(f"{wording}:{place}".encode()) if wording else 0
    if wording >= TERSE and (PREDICATES[fact.predicate].printed or choice % 8 < TERSE_PLAIN):
        return 0
    return choice


def _joined(clauses: Sequence[str], join: Join) -> str:
    if not clauses:
        return ""
    *some, last = clauses
    text = join.opening + join.between.join(some) + (join.last if some else "") + last + "."
    # A clause that begins a sentence begins with a capital letter.
    return ". ".join(part[0].upper() + part[1:] for part in text.split(". "))
