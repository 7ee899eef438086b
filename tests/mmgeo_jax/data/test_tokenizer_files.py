"""Tokenizers of others: SentencePiece models and tokenizer.json files made here, against transformers where it is."""

import functools
import io
import json
import pickle
import string
from typing import Any

import numpy as np
import pytest
import sentencepiece
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from data_gen.shared import signs
from data_gen.shared.errors import UserError
from mmgeo_jax.data.tokenizer import Tokenizer, train_tokenizer

CORPUS = [
    f"In triangle {a}{b}C, the angle {a}{b}C is {n} degrees; {a}{b} = C{a}, and M is the midpoint of {a}{b}!"
    for a in "ADKXYZ"
    for b in "BELPQ"
    for n in (30, 5.5, 120)
]
TEXTS = ["ABCD is a Square.", "  AB   = 5.5 (cm)\tand\nCD", "déjà ∠ABC", "it's O.K., x-y", "A" * 100, "a"]
# Any text but names of special tokens, which transformers takes for these tokens, and what it writes for a space.
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>\u2581"), min_size=1, max_size=40)


@functools.cache
def sentence_piece(kind: str) -> bytes:
    """A small model of SigLIP's kind (unigram, pad 0, end 1), or Gemma's (bytes, pad 0, end 1, beginning 2)."""
    more: dict[str, Any] = dict(model_type="unigram", bos_id=-1, unk_id=2, user_defined_symbols=[])
    if kind == "gemma":
        more = dict(model_type="bpe", byte_fallback=True, bos_id=2, unk_id=3, add_dummy_prefix=False,
                    normalization_rule_name="identity", remove_extra_whitespaces=False)  # fmt: skip
    model, lines = io.BytesIO(), CORPUS if kind == "gemma" else [text.lower() for text in CORPUS]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=400, pad_id=0, eos_id=1, minloglevel=2,
        hard_vocab_limit=False, **more,
    )  # fmt: skip
    return model.getvalue()


@functools.cache
def clip() -> str:
    """CLIP's byte-level BPE in small letters: ids 0.. are real tokens, the last two begin and end a text."""
    more = dict(unk_token="<|endoftext|>", end_of_word_suffix="</w>")
    words = tokenizers.Tokenizer(models.BPE(**more))
    words.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, end_of_word_suffix="</w>",
                                  show_progress=False)  # fmt: skip
    words.train_from_iterator(CORPUS, trainer)
    learnt = json.loads(words.to_str())["model"]
    special = ["<|startoftext|>", "<|endoftext|>"]
    names = [*learnt["vocab"], *sorted({f"{byte}</w>" for byte in alphabet} - set(learnt["vocab"])), *special]
    vocab, merges = {name: number for number, name in enumerate(names)}, [tuple(pair) for pair in learnt["merges"]]
    words.model = models.BPE(vocab=vocab, merges=merges, **more)
    words.add_special_tokens(special)
    begin, end = ((name, vocab[name]) for name in special)
    words.post_processor = processors.RobertaProcessing(end, begin)
    return words.to_str()


@functools.cache
def gemma() -> str:
    """Gemma's BPE with byte fallback: pad 0, end 1, beginning 2."""
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    words = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    words.normalizer = normalizers.Replace(" ", "▁")
    words.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    words.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[*special, *bytes_], show_progress=False)
    words.train_from_iterator([*CORPUS, *map(str.lower, CORPUS)], trainer)
    return words.to_str()


def folder(tmp_path, name, data, **told):
    """A folder with a tokenizer file and, where something is told, its tokenizer_config.json."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    if told:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(told))
    return tmp_path


def written(tmp_path, kind):
    """A folder of each kind that is known."""
    if kind == "siglip":
        return folder(tmp_path, "spiece.model", sentence_piece("siglip"), tokenizer_class="SiglipTokenizer")
    if kind == "gemma":
        return folder(tmp_path, "tokenizer.model", sentence_piece("gemma"), tokenizer_class="GemmaTokenizer")
    if kind == "siglip2":
        told = dict(tokenizer_class="GemmaTokenizerFast", add_bos_token=False, add_eos_token=True, pad_token="<pad>")
        (folder(tmp_path, "tokenizer.json", gemma(), **told) / "config.json").write_text('{"model_type": "siglip"}')
        return tmp_path
    return folder(tmp_path, "tokenizer.json", clip(), tokenizer_class="CLIPTokenizer")


KINDS = ["siglip", "gemma", "siglip2", "clip"]


# ---- against the libraries alone ----------------------------------------------------------------------------------


def test_siglip_is_small_letters_without_punctuation_filled_up_with_its_end(tmp_path):
    words, model = Tokenizer(written(tmp_path, "siglip")), sentencepiece.SentencePieceProcessor()
    model.LoadFromSerializedProto(sentence_piece("siglip"))
    kept = "".join(c for c in "  AB   = 5.5 (cm)\tand CD" if c not in string.punctuation).lower()
    expected = model.encode(" ".join(kept.split()))
    found = words.encode_batch(["  AB   = 5.5 (cm)\tand CD"], 40)[0].tolist()
    assert found == [*expected, 1, *[1] * (39 - len(expected))] and "55" in words.decode(found)
    assert words.encode_batch(TEXTS, 5)[4].tolist()[-1] == 1  # cut, and ended
    assert (words.pad_id, words.end_id, words.vocab_size) == (1, 1, model.vocab_size())


def test_big_vision_keeps_punctuation(tmp_path):
    path = folder(tmp_path, "a.model", sentence_piece("siglip"), tokenizer_class="BigVisionSiglipTokenizer") / "a.model"
    words, model = Tokenizer(path), sentencepiece.SentencePieceProcessor()
    model.LoadFromSerializedProto(sentence_piece("siglip"))
    found = words.encode_batch(["AB = 5.5 cm."], 40)[0].tolist()
    expected = model.encode("ab = 5.5 cm.")
    assert found == [*expected, *[1] * (40 - len(expected))] and "5.5" in words.decode(found)


def test_gemma_begins_a_text_and_does_not_end_it(tmp_path):
    words, model = Tokenizer(written(tmp_path, "gemma")), sentencepiece.SentencePieceProcessor()
    model.LoadFromSerializedProto(sentence_piece("gemma"))
    for text, row in zip(TEXTS, words.encode_batch(TEXTS, 60), strict=True):
        ids = [2, *model.encode(signs.normalize(text))][:60]
        assert row.tolist() == ids + [0] * (60 - len(ids))
        assert len(ids) == 60 or words.decode(row) == signs.normalize(text)
    assert (words.pad_id, words.end_id, words.eos_id) == (0, 0, 1)
    assert words.decode([*words.ids(["AB"])[0], words.eos_id, 5]) == "AB"  # which ends an answer


@pytest.mark.parametrize("kind", ["siglip2", "clip"])
def test_a_tokenizer_json_cuts_ends_and_fills_as_its_library_does(kind, tmp_path):
    words = Tokenizer(written(tmp_path, kind))
    library = tokenizers.Tokenizer.from_str(gemma() if kind == "siglip2" else clip())
    for text, row in zip(TEXTS, words.encode_batch(TEXTS, 24), strict=True):
        if kind == "clip":
            library.enable_truncation(24)
            expected = library.encode(signs.normalize(text)).ids
        else:
            expected = [*library.encode(signs.normalize(text).lower(), add_special_tokens=False).ids[:23], 1]
        assert row.tolist() == expected + [words.pad_id] * (24 - len(expected))
    pad = library.token_to_id("<pad>" if kind == "siglip2" else "<|endoftext|>")
    assert words.pad_id == pad and words.end_id == (1 if kind == "siglip2" else pad)
    assert words.decode(words.encode_batch(["ab is parallel to cd"], 40)[0]) == "ab is parallel to cd"
    assert words.vocab_size == library.get_vocab_size()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_hold_all_that_the_folder_told(kind, tmp_path):
    words = Tokenizer(written(tmp_path, kind))
    copy = folder(tmp_path / "run", "tokenizer.model", words.proto) / "tokenizer.model"
    for again in (Tokenizer(words.proto), pickle.loads(pickle.dumps(words)), Tokenizer(copy)):
        assert again.proto == words.proto
        assert np.array_equal(again.encode_batch(TEXTS, 30), words.encode_batch(TEXTS, 30))
        assert (again.pad_id, again.end_id, again.stated) == (words.pad_id, words.end_id, True)


def test_a_model_alone_is_read_as_it_is(tmp_path):
    words = Tokenizer(folder(tmp_path, "spiece.model", sentence_piece("siglip")))
    assert words.proto == sentence_piece("siglip") and words.pad_id == 0 and not words.stated
    assert not Tokenizer(train_tokenizer(CORPUS, 512)).stated


def test_faults_are_told_in_one_line(tmp_path):
    siglip, gemma = sentence_piece("siglip"), sentence_piece("gemma")
    no_pad = folder(tmp_path / "a", "tokenizer.json", clip())
    faults = {
        "names no token for padding": no_pad,
        "is neither a SentencePiece model nor": folder(tmp_path / "b", "tokenizer.json", b'{"version": "1.0"}'),
        "neither a SentencePiece model": folder(tmp_path / "c", "spiece.model", siglip[: len(siglip) // 2]),
        "holds no tokenizer": tmp_path,
        "none.model is not there": tmp_path / "none.model",
        "has the tokenizer_class 'T5Tokenizer': known": folder(tmp_path / "d", "spiece.model", siglip,
                                                               tokenizer_class="T5Tokenizer"),
        "which tokenizer.json does not have": folder(tmp_path / "e", "tokenizer.json", clip(), pad_token="[PAD]"),
        "set its pad_token": folder(tmp_path / "f", "tokenizer.model", gemma, tokenizer_class="GemmaTokenizer",
                                    pad_token="[PAD]"),
        "adds a token that": folder(tmp_path / "g", "tokenizer.json", clip(), add_eos_token=True,
                                    eos_token={"content": "[EOS]"}),
        "is no tokenizer": folder(tmp_path / "h", "tokenizer.model", b'{"sentencepiece_base64": "AAAA"}'),
    }  # fmt: skip
    for words, path in faults.items():
        with pytest.raises(UserError, match=words) as caught:
            Tokenizer(path)
        assert "\n" not in str(caught.value)
    (tmp_path / "a" / "tokenizer_config.json").write_text("{")
    with pytest.raises(UserError, match="tokenizer_config.json is not JSON"):
        Tokenizer(no_pad)
    with pytest.raises(UserError, match="data.max_tokens=1 is less"):
        Tokenizer(written(tmp_path / "i", "clip")).encode_batch(["a"], 1)


# ---- against transformers -----------------------------------------------------------------------------------------


def reference():
    pytest.importorskip("torch", reason="needs torch: make test-reference")
    return pytest.importorskip("transformers", reason="needs transformers: make test-reference")


def theirs(kind, path):
    """The tokenizer of transformers on the same file."""
    transformers = reference()
    if kind == "siglip":
        return transformers.SiglipTokenizer(str(path / "spiece.model"))
    parts = json.loads((path / "tokenizer.json").read_text())["model"]
    vocab, merges = parts["vocab"], [tuple(merge) for merge in parts["merges"]]
    if kind == "clip":
        return transformers.CLIPTokenizerFast(vocab=vocab, merges=merges)
    made = {"gemma": transformers.GemmaTokenizerFast, "siglip2": transformers.Siglip2Tokenizer}[kind]
    return made(vocab=vocab, merges=merges, add_bos_token=kind == "gemma", add_eos_token=kind == "siglip2")


@pytest.fixture(scope="module", params=["siglip", "clip", "gemma", "siglip2"])
def both(request, tmp_path_factory):
    """Our tokenizer, and a function that is theirs: texts -> int[n, 24]."""
    kind, path = request.param, tmp_path_factory.mktemp(request.param)
    if kind == "gemma":
        folder(path, "tokenizer.json", gemma(), tokenizer_class="GemmaTokenizer", add_bos_token=True)
    elif kind == "clip":
        folder(path, "tokenizer.json", clip())
    else:
        written(path, kind)
    other = theirs(kind, path)
    other.padding_side = "right"
    if kind in ("clip", "gemma"):
        other.save_pretrained(path)
    more = dict(padding="max_length", truncation=True, max_length=24)
    return Tokenizer(path), lambda texts: np.array(other(list(map(signs.normalize, texts)), **more)["input_ids"])


def test_the_ids_are_those_of_transformers(both):
    ours, other = both
    np.testing.assert_array_equal(ours.encode_batch([*CORPUS, *TEXTS], 24), other([*CORPUS, *TEXTS]))


@given(st.lists(ANY, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_ids_of_any_text_are_those_of_transformers(both, texts):
    ours, other = both
    np.testing.assert_array_equal(ours.encode_batch(texts, 24), other(texts))
