"""Captions: phrases name all of a fact, siblings are worded alike, and the plain wording stays as it is."""

import itertools
import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.constructions.table import CONSTRUCTIONS, rows_of
from data_gen.language.captions import JOINS, write_caption, write_phrase
from data_gen.language.fact import Fact
from data_gen.language.predicates.table import PREDICATES
from data_gen.sources.composed.figure import SLOTS
from mmgeo_jax.data.tokenizer import SIGNS, Tokenizer, train_tokenizer

VALUE = "7.5"
# "Arc AB" is how exam problems say it: the circle has no name where its centre is not drawn.
UNNAMED = {("arc", 0), ("arc_length", 0)}
STATED = {fact.split()[0] for row in CONSTRUCTIONS.values() for fact in row.facts}
GENERATED = sorted(STATED | {name for name, row in PREDICATES.items() if row.printed})
# The first phrases of what the quick start's figures say: its captions are these, byte for byte.
PLAIN = {
    "acute": "triangle ABC is acute",
    "altitude": "AB is the altitude from A to CD",
    "angle": "∠ABC = 7.5°",
    "bisector": "AB bisects ∠CAD",
    "crossing": "line CB cuts circle A at B",
    "diameter": "BC is a diameter of circle A",
    "equilateral": "triangle ABC is equilateral",
    "inscribed_circle": "circle A is inscribed in triangle BCD",
    "inscribed_triangle": "triangle BCD is inscribed in circle A",
    "inside": "B lies inside circle A",
    "irregular": "quadrilateral ABCD has no parallel sides",
    "isosceles": "triangle ABC is isosceles with AB = AC",
    "isosceles_right": "△BAC is isosceles and right-angled at A",
    "isosceles_trapezoid": "ABCD is an isosceles trapezoid with AB ∥ CD",
    "kite": "ABCD is a kite with AB = AD",
    "length": "AB = 7.5",
    "median": "AB is the median from A to CD",
    "meet": "BC and DE meet at A",
    "midpoint": "A is the midpoint of BC",
    "oblique": "AB is oblique to CD",
    "obtuse": "triangle BAC is obtuse at A",
    "off_centre_chord": "the chord BC of circle A misses the centre",
    "on_circle": "B lies on circle A",
    "outside": "B lies outside circle A",
    "parallel": "AB ∥ CD",
    "parallelogram": "ABCD is a parallelogram",
    "perpendicular": "AB ⊥ CD",
    "rectangle": "ABCD is a rectangle",
    "rhombus": "ABCD is a rhombus",
    "right": "triangle BAC is right-angled at A",
    "right_trapezoid": "ABCD is a right trapezoid with AB ∥ CD and AD ⊥ AB",
    "scalene": "triangle ABC is scalene",
    "square": "ABCD is a square",
    "tangent": "CB is tangent to circle A at B",
    "trapezoid": "ABCD is a trapezoid with AB ∥ CD",
    "trisection": "A lies on BC with BA = 2AC",
}


def example(predicate: str) -> Fact:
    value = VALUE if re.search(r"\{value\}", PREDICATES[predicate].phrases[0]) else None
    return Fact(predicate, tuple(string.ascii_uppercase[: PREDICATES[predicate].arity]), value)


def worded(predicate: str) -> list[str]:
    return [write_phrase(example(predicate), i) for i in range(len(PREDICATES[predicate].phrases))]


def bare(text: str) -> str:
    """Without spaces and capitals, which joins change."""
    return text.lower().replace(" ", "")


@pytest.mark.parametrize("predicate", PREDICATES)
def test_every_phrase_names_every_point_and_the_value(predicate):
    fact = example(predicate)
    for number, text in enumerate(worded(predicate)):
        named = set("".join(re.findall(r"\b[A-Z]+\b", text.replace("⊙", " ").replace("⌒", " "))))
        wanted = set(fact.args) - ({"A"} if (predicate, number) in UNNAMED else set())
        assert named == wanted, text
        assert (VALUE in text) == (fact.value is not None), text
        assert text == text.strip() and not text.endswith(".") and "{" not in text and "  " not in text
        assert not re.search(r"\. ", text), "a full stop would end the sentence"


def test_no_two_phrases_are_alike():
    texts = Counter(text for predicate in PREDICATES for text in worded(predicate))
    assert [text for text, times in texts.items() if times > 1] == []


def test_no_two_predicates_are_worded_alike():
    """Phrases without the letters of names: "· lies on ··" belongs to one predicate."""
    said: dict[str, set[str]] = {}
    for predicate in PREDICATES:
        for text in worded(predicate):
            said.setdefault(re.sub(r"\b[A-Z]+\b", lambda m: "·" * len(m[0]), text), set()).add(predicate)
    # "P beyond B on AB" may be put as "B between A and P on AP": the very same statement.
    assert [both for both in said.values() if len(both) > 1] == [{"on_segment", "beyond"}]


def test_enough_phrases():
    assert {p: len(PREDICATES[p].phrases) for p in GENERATED if not 3 <= len(PREDICATES[p].phrases) <= 6} == {}
    assert {p: len(PREDICATES[p].phrases) for p in PREDICATES if len(PREDICATES[p].phrases) < 2} == {}


@pytest.mark.parametrize("slot", SLOTS)
def test_predicates_that_are_exchanged_have_as_many_phrases(slot):
    columns = itertools.zip_longest(*([fact.split()[0] for fact in row.facts] for row in rows_of(slot)))
    for column in columns:
        assert len({len(PREDICATES[predicate].phrases) for predicate in column if predicate}) == 1, column


@pytest.mark.parametrize("predicate", PLAIN)
def test_the_plain_wording_stays(predicate):
    assert write_phrase(example(predicate)) == PLAIN[predicate]


def test_the_plain_caption_is_sentences_in_order():
    facts = [example("parallel"), example("off_centre_chord"), example("length")]
    assert write_caption(facts) == "AB ∥ CD. The chord BC of circle A misses the centre. AB = 7.5."
    assert write_caption([]) == write_caption([], 3) == ""


FACTS = st.lists(st.sampled_from(GENERATED), min_size=1, max_size=6)


@given(FACTS, st.integers(1, 100_000))
def test_every_fact_is_said_once_whatever_the_wording(predicates, wording):
    text = write_caption([example(p) for p in predicates], wording)
    assert text == write_caption([example(p) for p in predicates], wording)
    assert text.endswith(".") and not text[0].islower()
    left = bare(text)
    for predicate in sorted(predicates, key=lambda p: -max(map(len, worded(p)))):
        said = [bare(clause) for clause in sorted(worded(predicate), key=len, reverse=True)]
        found = [clause for clause in said if clause in left]
        assert found, (predicate, left)
        left = left.replace(found[0], "", 1)


@given(st.sampled_from(sorted(SLOTS)), st.integers(0, 100_000), st.integers(0, 3), st.data())
def test_siblings_differ_in_the_edited_clause_alone(slot, wording, place, data):
    rows = [row.facts[0].split()[0] for row in rows_of(slot) if len(row.facts) == 1]
    if len(set(rows)) < 2:
        return
    first, second = data.draw(st.permutations(sorted(set(rows))))[:2]
    beside = [example("length"), example("collinear"), example("similar")]  # of no slot
    captions = []
    for edited in (first, second):
        facts = [*beside[:place], example(edited), *beside[place:]]
        text = bare(write_caption(facts, wording))
        clauses = enumerate(map(bare, worded(edited)))
        captions.append({(number, text.replace(clause, "...", 1)) for number, clause in clauses if clause in text})
    assert captions[0] & captions[1], "the same phrase number, and all else alike"


def test_all_joins_and_phrases_come():
    texts = [write_caption([example("parallel"), example("length")], wording) for wording in range(1, 300)]
    for join in JOINS:
        assert any(text.startswith(join.opening) and join.last in text for text in texts)
    for clause in (*worded("parallel"), *worded("length")):
        assert any(bare(clause) in bare(text) for text in texts)
    assert {"AB = 7.5" in text or "AB ∥ CD" in text for text in texts if "=" in text} == {True, False}


def test_the_tokenizer_gives_every_phrase_back_with_its_symbols_apart():
    texts = [write_caption([example(p), example("length")], w) for p in PREDICATES for w in (0, *range(1, 40))]
    tokenizer = Tokenizer(train_tokenizer(texts, 1000))
    for text, ids in zip(texts, tokenizer.encode_batch(texts, 160), strict=True):
        assert tokenizer.decode(ids) == text
    used = {c for text in texts for c in text if not (c.isalnum() or c.isspace())}
    assert used - set(SIGNS) == set()
