"""Tokenizers on disk: SentencePiece's `.model`, and `tokenizer.json` of the `tokenizers` library.

How captions are prepared (small letters, punctuation, what begins and ends them, what fills them up) is read from the
`tokenizer_config.json` beside the file. `read` puts both into one piece of bytes, which `load` understands without
the folder: a checkpoint holds them. Nothing of it is executed.
"""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import tokenizers
from tokenizers import normalizers, processors

from data_gen.shared.errors import UserError

FILES = ("spiece.model", "tokenizer.json", "tokenizer.model")  # of a folder, the first that is there
CONFIG, MODEL = "tokenizer_config.json", "sentencepiece_base64"
# What a tokenizer_class does to captions, where tokenizer_config.json does not say otherwise. `words`: punctuation is
# left out, and white space becomes single spaces.
CLASSES: dict[str, dict[str, Any]] = {
    "SiglipTokenizer": dict(lower=True, words=True, bos=False, eos=True, pad="</s>"),
    # SigLIP as big_vision trained it; the one above, transformers' and the paper's, leaves punctuation out.
    "BigVisionSiglipTokenizer": dict(lower=True, words=False, bos=False, eos=True, pad="</s>"),
    "Siglip2Tokenizer": dict(lower=True, words=False, bos=False, eos=True, pad="<pad>"),
    "GemmaTokenizer": dict(lower=False, words=False, bos=True, eos=False, pad="<pad>"),
    "CLIPTokenizer": dict(pad="<|endoftext|>"),  # tokenizer.json has the rest
}
END_TOKENS = ("<eos>", "</s>", "<|endoftext|>")
OVERRIDES = {"lower": "do_lower_case", "bos": "add_bos_token", "eos": "add_eos_token", "pad": "pad_token"}


class Pieces(NamedTuple):
    """A tokenizer of either kind. What stands `before` and `after` a text is no part of `ids`."""

    ids: Callable[[list[str]], list[list[int]]]
    text: Callable[[list[int]], str]
    vocab_size: int
    before: list[int]
    after: list[int]
    pad_id: int
    eos_id: int  # the end token, whether or not it stands `after` a text
    stated: bool  # whether it says how captions are prepared; a SentencePiece model alone does not


# ---- from a folder to bytes ---------------------------------------------------------------------------------------


def read(path: Path) -> bytes:
    """The tokenizer of a file, or of the first of FILES in a folder, as the bytes that `load` takes.

    Raises UserError where there is none, or what lies beside it does not fit.
    """
    file = next((path / name for name in FILES if (path / name).is_file()), path) if path.is_dir() else path
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        raise UserError(f"{path} holds no tokenizer: none of {', '.join(FILES)} is there") from None
    except OSError as fault:
        raise UserError(f"tokenizer {file} does not read: {fault.strerror}") from None
    beside = file.parent / CONFIG
    told = _json(beside)
    kind = str(told.get("tokenizer_class", "")).removesuffix("Fast")
    if kind == "GemmaTokenizer" and str(_json(file.parent / "config.json").get("model_type", "")).startswith("siglip"):
        kind = "Siglip2Tokenizer"  # which is Gemma's, in small letters
    if not told:
        return data
    if data[:1] == b"{":
        return _with_config(data, file, kind, told)
    if "lower" not in CLASSES.get(kind, {}):
        known = ", ".join(name for name, row in CLASSES.items() if "lower" in row)
        raise UserError(f"{beside} has the tokenizer_class '{kind}': known for {file.name} are {known}")
    how = _how(kind, told)
    words = _sentence_piece(data, str(file))
    pad_id = words.piece_to_id(how["pad"])
    if words.id_to_piece(pad_id) != how.pop("pad"):
        raise UserError(f"{beside} pads with a token that {file.name} does not have: set its pad_token")
    bundle = how | {"pad_id": pad_id, MODEL: base64.b64encode(data).decode()}
    return json.dumps(bundle).encode()


def _how(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    """A row of CLASSES with what tokenizer_config.json says otherwise."""
    row = dict(CLASSES.get(kind, {}))
    row |= {ours: told[theirs] for ours, theirs in OVERRIDES.items() if told.get(theirs) is not None}
    if isinstance(row.get("pad"), dict):
        row["pad"] = row["pad"].get("content")
    return row


def _json(path: Path) -> dict[str, Any]:
    """The object of a JSON file; empty where there is none."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        raise UserError(f"{path} does not read: {fault}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is no JSON object")
    return found


def _with_config(data: bytes, file: Path, kind: str, told: dict[str, Any]) -> bytes:
    """tokenizer.json with what tokenizer_config.json adds to it."""
    words, how = _from_json(data, str(file)), _how(kind, told)
    if kind == "Siglip2Tokenizer" and "Lowercase" not in str(words.normalizer):
        words.normalizer = normalizers.Sequence([normalizers.Lowercase(), *filter(None, [words.normalizer])])
    if kind != "CLIPTokenizer" and ("add_bos_token" in told or "add_eos_token" in told):
        ends = {name: _token(told, f"{name}_token") for name in ("bos", "eos") if how.get(name)}
        known = {name: (token, words.token_to_id(token)) for name, token in ends.items()}
        if any(number is None for _, number in known.values()):
            raise UserError(f"{file.parent / CONFIG} adds a token that {file.name} does not have: {ends}")
        template = [*(ends[name] for name in ("bos",) if name in ends), "$A", *(ends[n] for n in ("eos",) if n in ends)]
        words.post_processor = processors.TemplateProcessing(single=template, special_tokens=list(known.values()))
    if (pad := how.get("pad")) is not None:
        if (number := words.token_to_id(pad)) is None:
            raise UserError(f"{file.parent / CONFIG} pads with '{pad}', which {file.name} does not have")
        words.enable_padding(pad_id=number, pad_token=pad)
    return words.to_str().encode()


def _token(told: dict[str, Any], key: str) -> str:
    default = {"bos_token": "<bos>", "eos_token": "<eos>"}[key]
    token = told.get(key) or default
    return token["content"] if isinstance(token, dict) else str(token)


# ---- from bytes to functions --------------------------------------------------------------------------------------


def load(data: bytes, name: str) -> Pieces:
    """The tokenizer in `data`: SentencePiece's bytes, those with their preparation, or tokenizer.json.

    Raises UserError, which says `name`, where it is neither.
    """
    if data[:1] != b"{":
        words = _sentence_piece(data, name)
        how = {"lower": False, "words": False, "bos": False, "eos": True, "pad_id": words.pad_id()}
        return _of_sentence_piece(words, how, name, stated=False)
    try:
        bundle = json.loads(data)
        if MODEL not in bundle:
            return _of_tokenizers(_from_json(data, name), name)
        how = {key: bundle[key] for key in ("lower", "words", "bos", "eos", "pad_id")}
        model = base64.b64decode(bundle[MODEL])
    except (ValueError, TypeError, KeyError) as fault:
        raise UserError(f"{name} is no tokenizer: {fault}") from None
    return _of_sentence_piece(_sentence_piece(model, name), how, name, stated=True)


def _sentence_piece(data: bytes, name: str) -> sentencepiece.SentencePieceProcessor:
    try:
        words = sentencepiece.SentencePieceProcessor(model_proto=data)
        words.vocab_size()
    except (RuntimeError, OSError) as fault:
        raise UserError(f"{name} is neither a SentencePiece model nor a tokenizer.json: {fault}") from None
    return words


def _of_sentence_piece(words: Any, how: dict[str, Any], name: str, stated: bool) -> Pieces:
    bos, eos, pad = words.bos_id(), words.eos_id(), how["pad_id"]
    if pad < 0 or (how["eos"] and eos < 0) or (how["bos"] and bos < 0):
        raise UserError(f"{name} has no token for padding, or for the beginning or end that it needs")

    def prepared(text: str) -> str:
        text = text.lower() if how["lower"] else text
        return as_words(text) if how["words"] else text

    return Pieces(
        ids=lambda texts: words.encode([prepared(text) for text in texts]),
        text=words.decode,
        vocab_size=words.vocab_size(),
        before=[bos] if how["bos"] else [],
        after=[eos] if how["eos"] else [],
        pad_id=pad,
        eos_id=eos if eos >= 0 else pad,
        stated=stated,
    )


def as_words(text: str) -> str:
    """Without ASCII punctuation, white space as single spaces: how SigLIP's captions are prepared."""
    return re.sub(r"\s+", " ", text.translate(str.maketrans("", "", string.punctuation))).strip()


def _from_json(data: bytes, name: str) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(data.decode())
    except Exception as fault:  # the library raises nothing narrower
        reason = " ".join(str(fault).split())[:120]
        raise UserError(f"{name} is neither a SentencePiece model nor a tokenizer.json: {reason}") from None


def _of_tokenizers(words: tokenizers.Tokenizer, name: str) -> Pieces:
    if words.padding is None:
        raise UserError(f"{name} names no token for padding: write its pad_token into {CONFIG} beside it")
    pad_id = words.padding["pad_id"]
    words.no_padding()
    words.no_truncation()
    probe = words.encode("a")
    inside = [place for place, added in enumerate(probe.special_tokens_mask) if not added]
    if not inside:
        raise UserError(f"{name} has no token for 'a'")
    after = probe.ids[inside[-1] + 1 :]
    ends = (words.token_to_id(end) for end in END_TOKENS)
    word_end = getattr(words.model, "end_of_word_suffix", None)

    def text(ids: list[int]) -> str:
        found = words.decode(ids)
        return found.replace(word_end, " ").strip() if word_end else found

    return Pieces(
        ids=lambda texts: [each.ids for each in words.encode_batch_fast(texts, add_special_tokens=False)],
        text=text,
        vocab_size=1 + max(words.get_vocab().values()),
        before=probe.ids[: inside[0]],
        after=after,
        pad_id=pad_id,
        eos_id=after[0] if after else next((end for end in ends if end is not None), pad_id),
        stated=True,
    )
