"""The tokenizer: nothing that a caption says may be lost."""

import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_gen.shared import signs
from data_gen.shared.errors import UserError
from mmgeo_jax.data.tokenizer import EOS_ID, PAD_ID, SIGNS, Tokenizer, train_tokenizer

CORPUS = [
    f"In triangle {a}{b}C, ∠{a}{b}C = {n}°, {a}{b} ∥ C{a} and M is the midpoint of {a}{b}."
    for a in "ADK"
    for b in "BEL"
    for n in (30, 5.5, 120)
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(train_tokenizer(CORPUS, 512))


def pieces(tokenizer: Tokenizer, caption: str) -> list[str]:
    """Each token of a caption, decoded on its own, without spaces and the end."""
    ids = tokenizer.encode_batch([caption], 64)[0]
    texts = [tokenizer.decode([i]) for i in ids[ids != PAD_ID][:-1]]
    return [text.strip() for text in texts if text.strip()]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"), max_size=30)


@given(TEXTS)
@example("  two  spaces ")
@example("</s> <pad> <unk> <0x41>")
@example("A\r\nB\x00")
@example("∠ABC = 5.5°, AB∥CD")
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_in_one_code_for_each_sign(tokenizer, text):
    ids = tokenizer.encode_batch([text], 200)[0]
    assert tokenizer.decode(ids) == signs.normalize(text)


def test_capitals_digits_and_signs_are_tokens_of_their_own(tokenizer):
    assert pieces(tokenizer, "ABC") == ["A", "B", "C"]
    assert pieces(tokenizer, "∠XYZ = 15.50°") == ["∠", "X", "Y", "Z", "=", "1", "5", ".", "5", "0", "°"]
    for sign in SIGNS:
        assert pieces(tokenizer, f"a{sign}a") == ["a", signs.normalize(sign), "a"]


@pytest.mark.parametrize("one, other", [("5.5", "55"), ("A", "a"), ("∠", "∥"), ("AB = CD", "AB ∥ CD"), ("ABC", "ACB")])
def test_a_visible_difference_is_a_difference_in_tokens(tokenizer, one, other):
    first, second = tokenizer.encode_batch([one, other], 16)
    assert not np.array_equal(first, second)


def test_a_batch_has_one_length_and_keeps_the_end_token(tokenizer):
    batch = tokenizer.encode_batch(["", "AB", "ABCDEFGHIJKLMNOP"], 8)
    assert batch.shape == (3, 8) and batch.dtype == np.int32
    assert batch[0].tolist() == [EOS_ID] + [PAD_ID] * 7
    assert batch[1, 3:].tolist() == [EOS_ID] + [PAD_ID] * 4
    assert batch[2, -1] == EOS_ID and PAD_ID not in batch[2]
    assert np.array_equal(tokenizer.encode_batch(["AB"], 20)[0, :8], batch[1])


def test_the_same_captions_give_the_same_bytes():
    assert train_tokenizer(iter(CORPUS), 512) == train_tokenizer(CORPUS, 512)


def test_a_vocabulary_too_large_for_the_corpus_is_cut(tokenizer):
    small = Tokenizer(train_tokenizer(["AB = 5."], 8000))
    assert small.vocab_size < 500
    assert small.decode(small.encode_batch(["AB = 5."], 16)[0]) == "AB = 5."
    assert tokenizer.encode_batch(CORPUS, 64).max() < tokenizer.vocab_size <= 512


def test_it_survives_a_file_and_a_worker_process(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(tokenizer.proto)
    for copy in (Tokenizer(path), Tokenizer(str(path)), pickle.loads(pickle.dumps(tokenizer))):
        assert np.array_equal(copy.encode_batch(CORPUS, 64), tokenizer.encode_batch(CORPUS, 64))


def test_faults_are_told_in_one_line(tmp_path):
    (tmp_path / "bad.model").write_bytes(b"not a model")
    for fault in (
        lambda: train_tokenizer([], 512),
        lambda: train_tokenizer(["", "\n"], 512),
        lambda: train_tokenizer(CORPUS, 100),
        lambda: train_tokenizer(["abcdefghijklmnopqrstuvwxyz"], 361),
        lambda: Tokenizer(tmp_path / "none.model"),
        lambda: Tokenizer(tmp_path / "bad.model"),
    ):
        with pytest.raises(UserError) as caught:
            fault()
        assert "\n" not in str(caught.value)


def test_training_is_silent(capfd):
    Tokenizer(train_tokenizer(CORPUS, 512))
    assert capfd.readouterr() == ("", "")
