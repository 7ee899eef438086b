"""Defines a fact, a predicate applied to names, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from data_gen.language.predicates.table import PREDICATES, symmetry_group
from data_gen.shared import own_json


@dataclass(frozen=True)
class Fact:
    """One statement: a predicate, the points it speaks of, and the value for a measure ("60", "3x-4")."""

    predicate: str
    args: tuple[str, ...]
    value: str | None = None

    def rename(self, names: dict[str, str]) -> Fact:
        """Returns the same statement about other points."""
        return Fact(self.predicate, tuple(names.get(a, a) for a in self.args), self.value)


@lru_cache(maxsize=1 << 16)
def canonical(fact: Fact) -> Fact:
    """Returns the one representative of all facts that say the same by symmetry."""
    args = min(tuple(fact.args[i] for i in p) for p in symmetry_group(fact.predicate))
    return Fact(fact.predicate, args, fact.value)


def same_facts(first: Sequence[Fact], second: Sequence[Fact]) -> bool:
    """Tells whether two lists of facts say the same, up to symmetry and order."""
    return {canonical(f) for f in first} == {canonical(f) for f in second}


def printed_only(facts: Sequence[Fact]) -> set[Fact]:
    """Returns those of the facts that state printed values."""
    return {fact for fact in facts if PREDICATES[fact.predicate].printed}


# ---- JSON ---------------------------------------------------------------------------------------------------------


def facts_to_json(facts: Sequence[Fact]) -> str:
    """Writes facts as JSON: [[predicate, [names], value], ...]."""
    return json.dumps(facts_to_list(facts), ensure_ascii=False, separators=(",", ":"))


def facts_from_json(text: str) -> list[Fact]:
    """Reads what `facts_to_json` wrote. Raises UserError where a text is no list of facts."""
    return own_json.guard("the list of facts", _facts_from_json, text)


def _facts_from_json(text: str) -> list[Fact]:
    facts = list(facts_from_list(json.loads(text)))
    if not all(isinstance(text, str) for fact in facts for text in (*fact.args, fact.value or "")):
        raise TypeError("a name or a value is no text")
    if any(len(fact.args) != PREDICATES[fact.predicate].arity for fact in facts):
        raise ValueError("a fact has too few points, or too many")
    return facts


def facts_to_list(facts: Sequence[Fact]) -> list[list]:
    """Returns facts as plain lists, [predicate, [names], value]."""
    return [[f.predicate, list(f.args), f.value] for f in facts]


def facts_from_list(rows: Sequence[Sequence]) -> tuple[Fact, ...]:
    """Reads what `facts_to_list` returned."""
    return tuple(Fact(predicate, tuple(args), value) for predicate, args, value in rows)
