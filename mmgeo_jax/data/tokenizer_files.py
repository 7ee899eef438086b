"""Tokenizers on disk: SentencePiece's `.model`, and `tokenizer.json` of the `tokenizers` library.

How captions are prepared (lower case, punctuation, tokens at their beginning and end, padding) is read from the
`tokenizer_config.json` beside the file. `read_bytes` packs both into bytes, which a checkpoint holds and `load_pieces`
parses without the folder. Nothing of it is executed.
"""

import base64
import contextlib
import json
import math
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import tokenizers
from tokenizers import normalizers, processors

from data_gen.shared.errors import UserError
from data_gen.shared.files import parse_json
from mmgeo_jax.data import tokenizer_trial
from mmgeo_jax.data.published import MOST_VOCAB, Settings, is_present, read_settings, require_file

FILES = ("spiece.model", "tokenizer.json", "tokenizer.model")  # of a folder, the first that is there
NEITHER = "is neither a SentencePiece model nor a tokenizer.json"
MOST_GROWTH = 64  # times that a normalizer may lengthen a text
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
    Raises UserError where there is none, it does not work, or its tokenizer_config.json does not fit."""
    if path.is_dir():
        name = next((name for name in FILES if is_present(path / name)), None)
        if name is None:
            raise UserError(f"{path} holds no tokenizer: none of {', '.join(FILES)} is there")
        file = path / name
        data = require_file(file, path).read_bytes()
    else:
        file, data = path, require_file(path).read_bytes()
    config = read_settings(file.parent, CONFIG)
    kind = config.get("tokenizer_class", "").removesuffix("Fast")
    model_type = read_settings(file.parent, "config.json").get("model_type", "")
    if kind == "GemmaTokenizer" and model_type.startswith("siglip"):
        kind = "Siglip2Tokenizer"  # which is Gemma's, in lower case
    if data[:1] == b"{":
        return _read_json(data, file, kind, config)
    tokenizer_trial.require_runs(data, f"tokenizer {file}")
    if not len(config):
        return data
    if "lower" not in CLASSES.get(kind, {}):
        known = ", ".join(name for name, row in CLASSES.items() if "lower" in row)
        raise UserError(f"{file.parent / CONFIG} has the tokenizer_class '{kind}': known for {file.name} are {known}")
    options = _prepare_options(kind, config)
    tokenizer = _parse_sentence_piece(data, str(file))
    pad_id = tokenizer.piece_to_id(options["pad"])
    if tokenizer.id_to_piece(pad_id) != options.pop("pad"):
        raise UserError(f"{file.parent / CONFIG} pads with a token that {file.name} does not have: set its pad_token")
    bundle = options | {"pad_id": pad_id, MODEL: base64.b64encode(data).decode()}
    return json.dumps(bundle).encode()


def _read_json(data: bytes, file: Path, kind: str, config: Settings) -> bytes:
    """Returns the bytes of a tokenizer.json with its config, or of a bundle that was written here."""
    found = parse_json(data, str(file))
    if not isinstance(found, dict):
        raise UserError(f"{file} is no tokenizer: it is no JSON object")
    if MODEL in found:
        return data
    for part in ("normalizer", "decoder"):
        if (times := _growth(found.get(part))) > MOST_GROWTH:
            raise UserError(f"{file} has a {part} that makes a text {times:.3g} times as long: it never ends")
    tokenizer_trial.require_runs(data, f"tokenizer {file}")
    return _apply_config(data, file, kind, config) if len(config) else data


def _growth(part: Any) -> float:
    """Returns how many times as long a normalizer or decoder of a tokenizer.json can make a text, at most, by its
    replacements one after the other."""
    if not isinstance(part, dict):
        return 1.0
    inner = part.get("normalizers") or part.get("decoders")
    times = math.prod(map(_growth, inner)) if isinstance(inner, list) else 1.0
    pattern, content = part.get("pattern"), part.get("content")
    if isinstance(pattern, dict) and isinstance(content, str):
        text, regex = pattern.get("String"), str(pattern.get("Regex"))
        if one_sign := re.fullmatch(r"\[[^\[\]^]+\]", regex):  # any other expression may match nothing at all
            text = one_sign[0][:1]
        times *= max(1.0, len(content) / len(text) if isinstance(text, str) and text else 1.0 + len(content))
    return times


def _prepare_options(kind: str, config: Settings) -> dict[str, Any]:
    """Returns a row of CLASSES, overridden by tokenizer_config.json."""
    row = dict(CLASSES.get(kind, {}))
    row |= {ours: config[theirs] for ours, theirs in OVERRIDES.items() if config.get(theirs) is not None}
    if isinstance(row.get("pad"), dict):
        row["pad"] = row["pad"]["content"]
    return row


@contextlib.contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turns what the libraries raise, Rust's panics too, which are no Exception, into UserError that begins `what`."""
    try:
        yield
    except (UserError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as fault:
        reason = " ".join(str(fault).split())[:120]
        raise UserError(f"{what}: {reason or type(fault).__name__}") from None


def _apply_config(data: bytes, file: Path, kind: str, config: Settings) -> bytes:
    """Returns tokenizer.json with what tokenizer_config.json adds to it."""
    with _one_line(f"{file} does not fit its {CONFIG}"):
        return _configured(data, file, kind, config).to_str().encode()


def _configured(data: bytes, file: Path, kind: str, config: Settings) -> tokenizers.Tokenizer:
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
    return tokenizer


def _special_token(config: Settings, name: str) -> str:
    token = config.get(f"{name}_token") or f"<{name}>"
    return token["content"] if isinstance(token, dict) else str(token)


# ---- from bytes to functions --------------------------------------------------------------------------------------


def load_pieces(data: bytes, name: str) -> Pieces:
    """Parses a tokenizer: SentencePiece's bytes, those in a bundle with their options, or tokenizer.json. Raises
    UserError, which says `name`, where it is neither; so do the functions returned, of a text that fails."""
    with _one_line(f"{name} {NEITHER}"):
        pieces = _load(data, name)
    for what, number in {"beginning": pieces.before, "end": pieces.after, "padding": [pieces.pad_id]}.items():
        if not all(0 <= each < pieces.vocab_size for each in number):
            raise UserError(f"{name} has the token {number} for {what}, but {pieces.vocab_size} tokens in all")

    def ids(texts: list[str]) -> list[list[int]]:
        with _one_line(f"{name} fails on a text"):
            return pieces.ids(texts)

    def text(tokens: list[int]) -> str:
        with _one_line(f"{name} fails on tokens"):
            return pieces.text(tokens)

    return pieces._replace(ids=ids, text=text)


def _load(data: bytes, name: str) -> Pieces:
    if data[:1] != b"{":
        tokenizer = _parse_sentence_piece(data, name)
        options = {"lower": False, "words": False, "bos": False, "eos": True, "pad_id": tokenizer.pad_id()}
        return _from_sentence_piece(tokenizer, options, name, stated=False)
    bundle = parse_json(data, name)
    if MODEL not in bundle:
        return _from_tokenizers(_parse_json(data, name), name)
    kinds = {"lower": bool, "words": bool, "bos": bool, "eos": bool, "pad_id": int}
    if wrong := [key for key, kind in kinds.items() if type(bundle.get(key)) is not kind]:
        raise UserError(f"{name} is no tokenizer: its '{wrong[0]}' is {str(bundle.get(wrong[0]))[:40]}")
    try:
        model = base64.b64decode(bundle[MODEL])
    except (ValueError, TypeError) as fault:
        raise UserError(f"{name} is no tokenizer: {fault}") from None
    return _from_sentence_piece(
        _parse_sentence_piece(model, name), {key: bundle[key] for key in kinds}, name, stated=True
    )


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
    with _one_line(f"{name} {NEITHER}"):
        return tokenizers.Tokenizer.from_str(data.decode())


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
    after, numbers = probe.ids[inside[-1] + 1 :], tokenizer.get_vocab().values()
    if max(numbers) >= MOST_VOCAB:
        raise UserError(f"{name} has a token of the number {max(numbers)}, and less than {MOST_VOCAB} is wanted")
    for number in (*probe.ids[: inside[0]], *after, pad_id):
        if tokenizer.id_to_token(number) is None:
            raise UserError(f"{name} begins, ends or pads a text with the token {number}, which it does not have")
    ends = (tokenizer.token_to_id(end) for end in END_TOKENS)
    word_end = getattr(tokenizer.model, "end_of_word_suffix", None)

    def text(ids: list[int]) -> str:
        found = tokenizer.decode(ids)
        return found.replace(word_end, " ").strip() if word_end else found

    return Pieces(
        ids=lambda texts: [each.ids for each in tokenizer.encode_batch_fast(texts, add_special_tokens=False)],
        text=text,
        vocab_size=1 + max(numbers),
        before=probe.ids[: inside[0]],
        after=after,
        pad_id=pad_id,
        eos_id=after[0] if after else next((end for end in ends if end is not None), pad_id),
        stated=True,
    )
