"""Tokenizers on disk: SentencePiece's `.model`, and `tokenizer.json` of the `tokenizers` library.

How captions are prepared (lower case, punctuation, tokens at their beginning and end, padding) is read from the
`tokenizer_config.json` beside the file. `read_bytes` packs both into bytes, which a checkpoint holds and `load_pieces`
parses without the folder. Nothing of it is executed.
"""

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
# What a tokenizer_class does to captions, unless tokenizer_config.json says otherwise. `words`: punctuation is removed,
# and white space becomes single spaces.
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
    """A tokenizer of either kind. The tokens `before` and `after` a text are not part of `ids`."""

    ids: Callable[[list[str]], list[list[int]]]
    text: Callable[[list[int]], str]
    vocab_size: int
    before: list[int]
    after: list[int]
    pad_id: int
    eos_id: int  # the end token, whether or not it stands `after` a text
    stated: bool  # whether it says how captions are prepared; a SentencePiece model alone does not


# ---- from a folder to bytes ---------------------------------------------------------------------------------------


def read_bytes(path: Path) -> bytes:
    """Reads the tokenizer of a file, or of the first of FILES in a folder, as the bytes that `load_pieces` takes.
    Raises UserError where there is none, or its tokenizer_config.json does not fit."""
    file = next((path / name for name in FILES if (path / name).is_file()), path) if path.is_dir() else path
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        raise UserError(f"{path} holds no tokenizer: none of {', '.join(FILES)} is there") from None
    except OSError as fault:
        raise UserError(f"tokenizer {file} does not read: {fault.strerror}") from None
    config_file = file.parent / CONFIG
    config = _read_json(config_file)
    kind = str(config.get("tokenizer_class", "")).removesuffix("Fast")
    model_type = str(_read_json(file.parent / "config.json").get("model_type", ""))
    if kind == "GemmaTokenizer" and model_type.startswith("siglip"):
        kind = "Siglip2Tokenizer"  # which is Gemma's, in lower case
    if not config:
        return data
    if data[:1] == b"{":
        return _apply_config(data, file, kind, config)
    if "lower" not in CLASSES.get(kind, {}):
        known = ", ".join(name for name, row in CLASSES.items() if "lower" in row)
        raise UserError(f"{config_file} has the tokenizer_class '{kind}': known for {file.name} are {known}")
    options = _prepare_options(kind, config)
    tokenizer = _parse_sentence_piece(data, str(file))
    pad_id = tokenizer.piece_to_id(options["pad"])
    if tokenizer.id_to_piece(pad_id) != options.pop("pad"):
        raise UserError(f"{config_file} pads with a token that {file.name} does not have: set its pad_token")
    bundle = options | {"pad_id": pad_id, MODEL: base64.b64encode(data).decode()}
    return json.dumps(bundle).encode()


def _prepare_options(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Returns a row of CLASSES, overridden by tokenizer_config.json."""
    row = dict(CLASSES.get(kind, {}))
    row |= {ours: config[theirs] for ours, theirs in OVERRIDES.items() if config.get(theirs) is not None}
    if isinstance(row.get("pad"), dict):
        row["pad"] = row["pad"].get("content")
    return row


def _read_json(path: Path) -> dict[str, Any]:
    """Reads the object of a JSON file; empty where the file is missing."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        raise UserError(f"{path} does not read: {fault}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is no JSON object")
    return found


def _apply_config(data: bytes, file: Path, kind: str, config: dict[str, Any]) -> bytes:
    """Returns tokenizer.json with what tokenizer_config.json adds to it."""
    tokenizer, options = _parse_json(data, str(file)), _prepare_options(kind, config)
    if kind == "Siglip2Tokenizer" and "Lowercase" not in str(tokenizer.normalizer):
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *filter(None, [tokenizer.normalizer])])
    if kind != "CLIPTokenizer" and ("add_bos_token" in config or "add_eos_token" in config):
        ends = {name: _special_token(config, name) for name in ("bos", "eos") if options.get(name)}
        known = {name: (token, tokenizer.token_to_id(token)) for name, token in ends.items()}
        if any(number is None for _, number in known.values()):
            raise UserError(f"{file.parent / CONFIG} adds a token that {file.name} does not have: {ends}")
        template = [part for part in (ends.get("bos"), "$A", ends.get("eos")) if part]
        tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=list(known.values()))
    if (pad := options.get("pad")) is not None:
        if (number := tokenizer.token_to_id(pad)) is None:
            raise UserError(f"{file.parent / CONFIG} pads with '{pad}', which {file.name} does not have")
        tokenizer.enable_padding(pad_id=number, pad_token=pad)
    return tokenizer.to_str().encode()


def _special_token(config: dict[str, Any], name: str) -> str:
    token = config.get(f"{name}_token") or f"<{name}>"
    return token["content"] if isinstance(token, dict) else str(token)


# ---- from bytes to functions --------------------------------------------------------------------------------------


def load_pieces(data: bytes, name: str) -> Pieces:
    """Parses a tokenizer: SentencePiece's bytes, those in a bundle with their options, or tokenizer.json. Raises
    UserError, which says `name`, where it is neither."""
    if data[:1] != b"{":
        tokenizer = _parse_sentence_piece(data, name)
        options = {"lower": False, "words": False, "bos": False, "eos": True, "pad_id": tokenizer.pad_id()}
        return _from_sentence_piece(tokenizer, options, name, stated=False)
    try:
        bundle = json.loads(data)
        if MODEL not in bundle:
            return _from_tokenizers(_parse_json(data, name), name)
        options = {key: bundle[key] for key in ("lower", "words", "bos", "eos", "pad_id")}
        model = base64.b64decode(bundle[MODEL])
    except (ValueError, TypeError, KeyError) as fault:
        raise UserError(f"{name} is no tokenizer: {fault}") from None
    return _from_sentence_piece(_parse_sentence_piece(model, name), options, name, stated=True)


def _parse_sentence_piece(data: bytes, name: str) -> sentencepiece.SentencePieceProcessor:
    try:
        tokenizer = sentencepiece.SentencePieceProcessor(model_proto=data)
        tokenizer.vocab_size()
    except (RuntimeError, OSError) as fault:
        raise UserError(f"{name} is neither a SentencePiece model nor a tokenizer.json: {fault}") from None
    return tokenizer


def _from_sentence_piece(tokenizer: Any, options: dict[str, Any], name: str, stated: bool) -> Pieces:
    bos, eos, pad = tokenizer.bos_id(), tokenizer.eos_id(), options["pad_id"]
    if pad < 0 or (options["eos"] and eos < 0) or (options["bos"] and bos < 0):
        raise UserError(f"{name} has no token for padding, or for the beginning or end that it needs")

    def prepare(text: str) -> str:
        text = text.lower() if options["lower"] else text
        return as_words(text) if options["words"] else text

    return Pieces(
        ids=lambda texts: tokenizer.encode([prepare(text) for text in texts]),
        text=tokenizer.decode,
        vocab_size=tokenizer.vocab_size(),
        before=[bos] if options["bos"] else [],
        after=[eos] if options["eos"] else [],
        pad_id=pad,
        eos_id=eos if eos >= 0 else pad,
        stated=stated,
    )


def as_words(text: str) -> str:
    """Removes ASCII punctuation, and turns white space into single spaces, as SigLIP does with captions."""
    return re.sub(r"\s+", " ", text.translate(str.maketrans("", "", string.punctuation))).strip()


def _parse_json(data: bytes, name: str) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(data.decode())
    except Exception as fault:  # the library raises nothing narrower
        reason = " ".join(str(fault).split())[:120]
        raise UserError(f"{name} is neither a SentencePiece model nor a tokenizer.json: {reason}") from None


def _from_tokenizers(tokenizer: tokenizers.Tokenizer, name: str) -> Pieces:
    if tokenizer.padding is None:
        raise UserError(f"{name} names no token for padding: write its pad_token into {CONFIG} beside it")
    pad_id = tokenizer.padding["pad_id"]
    tokenizer.no_padding()
    tokenizer.no_truncation()
    probe = tokenizer.encode("a")
    inside = [place for place, added in enumerate(probe.special_tokens_mask) if not added]
    if not inside:
        raise UserError(f"{name} has no token for 'a'")
    after = probe.ids[inside[-1] + 1 :]
    ends = (tokenizer.token_to_id(end) for end in END_TOKENS)
    word_end = getattr(tokenizer.model, "end_of_word_suffix", None)

    def text(ids: list[int]) -> str:
        found = tokenizer.decode(ids)
        return found.replace(word_end, " ").strip() if word_end else found

    return Pieces(
        ids=lambda texts: [each.ids for each in tokenizer.encode_batch_fast(texts, add_special_tokens=False)],
        text=text,
        vocab_size=1 + max(tokenizer.get_vocab().values()),
        before=probe.ids[: inside[0]],
        after=after,
        pad_id=pad_id,
        eos_id=after[0] if after else next((end for end in ends if end is not None), pad_id),
        stated=True,
    )
