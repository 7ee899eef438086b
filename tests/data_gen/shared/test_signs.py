"""Equal signs are equal, and unequal ones stay apart, from a line of JSONL to the tokens."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.shared import signs
from data_gen.shared.errors import UserError
from data_gen.sources.external import jsonl
from mmgeo_jax.data.tokenizer import Tokenizer, train_tokenizer
from tests.support.foreign import pictures, spec, write_jsonl

SAME = [
    ("∠PQR = 35°.", "∡PQR = 35°."), ("∠PQR = 35°.", "∢PQR = 35º."), ("35°", "35˚"), ("35°", "35∘"),
    ("PQ ⊥ RS.", "PQ ⟂ RS."), ("△PQR", "ΔPQR"), ("△PQR", "∆PQR"), ("PQ ∥ RS.", "PQ ‖ RS."),
    ("x = -7", "x = −7"), ("x = -7", "x = –7"), ("x = -7", "x ＝ －７"), ("PQ = 34.", "PQ = ３４．"), ("PQ", "ＰＱ"),
    ("P'Q", "P’Q"), ("P'Q", "P′Q"), ("P''Q", "P″Q"), ("P'Q", "PʹQ"), ("a b", "a\u3000b"),
    ("PQ = 8", "PQ\u00a0=\u202f8"), ("𝐴𝐵 = 𝑥", "AB = x"),
    ("PQ = 8.", "PQ  = 8. "), ("PQ", "P\u200bQ\ufeff"), ("É", "E\u0301"), ("△P ≅ △S", "△P ≌ △S"), ("∽", "∼"),
    ("2 × 3", "2 ✕ 3"), ("x ≤ 3", "x ⩽ 3"), ("x ≥ 3", "x ≧ 3"), ("1:2", "1∶2"), ("2·3", "2⋅3"), ("⊙O", "☉O"),
]  # fmt: skip
APART = [
    ("PQ² = 8.", "PQ2 = 8."), ("P'Q", "PQ"), ("x = -7.", "x = 7."), ("35°", "35o"), ("½", "1/2"), ("P₁", "P1"),
    ("∠ABC", "ABC"), ("AB ∥ CD", "AB ⊥ CD"), ("△", "▱"), ("P'", "P''"), ("x < 3", "x ≤ 3"), ("AB", "ab"), ("5.5", "55"),
    ("≅", "∼"), ("=", "≠"), ("A B", "AB"), ("xⁿ", "xn"), ("√2", "2"), ("A\nB", "A B"),
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(train_tokenizer(["∠ABC = 30°, AB ∥ CD"] * 3, 512))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_signs_become_the_same_text_and_tokens(one, other, tokenizer):
    assert signs.same(one, other)
    first, second = tokenizer.encode_batch([one, other], 32)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("one", "other"), APART)
def test_unequal_signs_stay_apart(one, other, tokenizer):
    assert not signs.same(one, other)
    first, second = tokenizer.encode_batch([one, other], 32)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("kept", "equal"), signs.EQUAL.items())
def test_each_row_of_the_table(kept, equal):
    assert (
        all(signs.normalize(f"A{sign}B") == f"A{kept}B" for sign in equal)
        and signs.normalize(f"A{kept}B") == f"A{kept}B"
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=300, deadline=None)
def test_a_second_time_changes_nothing_nor_does_the_form(text):
    once = signs.normalize(text)
    assert signs.normalize(once) == once
    assert signs.same(text, unicodedata.normalize("NFC", text)) and signs.same(text, unicodedata.normalize("NFD", text))


@given(st.text(st.characters(max_codepoint=126, min_codepoint=33)))
def test_plain_text_stays(text):
    assert signs.normalize(text) == text


@pytest.fixture
def root(tmp_path):
    pictures(tmp_path, ["a.png", "b.png"])
    return tmp_path


def family(root, caption, *negatives):
    write_jsonl(root, [{"image": "a.png", "caption": caption, "negatives": list(negatives)}])
    jsonl.load.cache_clear()
    return jsonl.family(spec(root, file="families.jsonl"), "train", 0)


@pytest.mark.parametrize(("one", "other"), SAME[:24])
def test_a_negative_that_says_the_same_is_named(one, other, root):
    for negative in (f"A, {other}", {"image": "b.png", "caption": f"A, {other}"}):
        with pytest.raises(UserError, match="line 1: the negative .* says the same as the caption") as fault:
            family(root, f"A, {one}", "AB = 1", negative)
        assert "\n" not in str(fault.value)


@pytest.mark.parametrize(("one", "other"), APART)
def test_a_negative_that_says_something_else_is_taken(one, other, root):
    assert family(root, f"A, {one}", f"A, {other}").truth.tolist() == [[1, 0]]


def test_negatives_that_say_the_same_are_one(root):
    assert family(root, "AB = 1", "PQ ⟂ RS", "PQ ⊥ RS", "AB = 1").captions == ("AB = 1", "PQ ⊥ RS")


@pytest.mark.parametrize(("written", "asked"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_a_file_is_found_in_any_form_of_its_name(written, asked, root):
    (root / "a.png").rename(root / unicodedata.normalize(written, "Größe.png"))
    write_jsonl(root, [{"image": unicodedata.normalize(asked, "Größe.png"), "caption": "AB = 1"}])
    jsonl.load.cache_clear()
    assert jsonl.family(spec(root, file="families.jsonl"), "train", 0).captions == ("AB = 1",)


@pytest.mark.parametrize("caption", ["\u200b\u200b", "\0", "∠ = °", "...", "\ufeff", "△ ⊥ ∥"])
def test_a_caption_without_letter_or_digit_is_refused(caption, root):
    for row in ((caption,), ("x", caption)):
        with pytest.raises(UserError, match="line 1: the caption .* neither a letter nor a digit"):
            family(root, *row)
