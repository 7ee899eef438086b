"""Writes a run's tokenizer as the files that transformers' AutoTokenizer reads, with the same ids.

A SentencePiece BPE model becomes a `tokenizer.json`: its pieces are the vocabulary, every way to put a piece together
is a merge, in the order of the pieces, and symbols that a user defined are cut out first, the longest before others.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tokenizers
from sentencepiece import sentencepiece_model_pb2 as proto_classes
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from data_gen.shared import signs
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from mmgeo_jax.checkpoints.writers import write_json
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.data.tokenizer_files import CONFIG, MODEL

BPE, NORMAL, USER_DEFINED = 2, 1, 4  # of SentencePiece's enums
SPACE = "\u2581"
IMAGE = "<image>"


def write_tokenizer(folder: Path, tokenizer: Tokenizer, length: int, vocab_size: int, image: bool = False) -> None:
    """Writes tokenizer.json (of SigLIP's own unigram model, spiece.model) and tokenizer_config.json.

    Args:
      length: tokens that a text is cut and padded to.
      vocab_size: rows of the model's token table, of which those beyond the tokenizer's ids stand for nothing.
      image: of a multimodal model, whose image token has the id `vocab_size`. Nothing begins or ends a text then:
        the processor does that.

    Raises UserError where the tokenizer is of a kind that has no `tokenizer.json`.
    """
    told: dict[str, Any] = {"model_max_length": length, "padding_side": "right", "clean_up_tokenization_spaces": False}
    bundle = json.loads(tokenizer.proto) if tokenizer.proto[:1] == b"{" else {}
    if bundle.get("words"):  # small letters without punctuation: SigLIP's class alone does that
        with open_atomic(folder / "spiece.model") as file:
            file.write(base64.b64decode(bundle[MODEL]))
        write_json(folder / CONFIG, told | {"tokenizer_class": "SiglipTokenizer", "pad_token": "</s>"})
        return
    library = _library(tokenizer.proto, bundle)
    library.normalizer = normalizers.Sequence([*_equal_signs(), *filter(None, [library.normalizer])])
    names = {"pad_token": library.id_to_token(tokenizer.pad_id), "eos_token": library.id_to_token(tokenizer.eos_id)}
    before, after = ([str(library.id_to_token(token)) for token in ids] for ids in tokenizer.ends)
    if before or image:
        names["bos_token"] = "".join(before)  # a processor writes it before each text, and no token for an empty one
    specials = [*dict.fromkeys(name for name in names.values() if name)]
    specials += [f"<extra_{number}>" for number in range(library.get_vocab_size(), vocab_size)]
    if image:
        before, after = [], []
        told |= {"extra_special_tokens": {"image_token": IMAGE}, "add_bos_token": bool(names["bos_token"])}
        specials.append(IMAGE)
    library.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in specials])
    if image and library.token_to_id(IMAGE) != vocab_size:
        raise UserError(f"the token {IMAGE} cannot have the id {vocab_size}: the tokenizer has another, or more tokens")
    library.post_processor = processors.TemplateProcessing(
        single=[*before, "$A", *after], special_tokens=[(name, library.token_to_id(name)) for name in before + after]
    )
    told |= {"tokenizer_class": "PreTrainedTokenizerFast"} | names
    if not image:
        told["model_input_names"] = ["input_ids"]
    with open_atomic(folder / "tokenizer.json") as file:
        file.write(library.to_str(pretty=True).encode())
    write_json(folder / CONFIG, told)


def _library(proto: bytes, bundle: dict[str, Any]) -> tokenizers.Tokenizer:
    if bundle and MODEL not in bundle:
        library = tokenizers.Tokenizer.from_str(proto.decode())
        library.no_padding()
        return library
    model: Any = proto_classes.ModelProto()  # type: ignore[attr-defined]
    model.ParseFromString(base64.b64decode(bundle[MODEL]) if bundle else proto)
    if model.trainer_spec.model_type != BPE or model.normalizer_spec.precompiled_charsmap:
        raise UserError("the tokenizer is a SentencePiece model that is no BPE of plain text: it has no tokenizer.json")
    vocab = {piece.piece: number for number, piece in enumerate(model.pieces)}
    symbols = [piece.piece for piece in model.pieces if piece.type == USER_DEFINED]
    unknown = model.trainer_spec.unk_piece
    library = tokenizers.Tokenizer(
        models.BPE(vocab, list(_merges(model, vocab)), unk_token=unknown, fuse_unk=True,
                   byte_fallback=model.trainer_spec.byte_fallback, ignore_merges=True)
    )  # fmt: skip
    prefix = model.normalizer_spec.add_dummy_prefix
    lower = [normalizers.Lowercase()] if bundle.get("lower") else []
    begin = [normalizers.Prepend(SPACE)] if prefix else []
    library.normalizer = normalizers.Sequence([*lower, *begin, normalizers.Replace(" ", SPACE)])
    if symbols:
        alternatives = "|".join(_escaped(symbol) for symbol in sorted(symbols, key=len, reverse=True))
        library.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(alternatives), "isolated")
    end = [decoders.Strip(" ", 1, 0)] if prefix else []
    library.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *end])
    return library


def _equal_signs() -> Iterator[normalizers.Normalizer]:
    """Yields what `signs.normalize` does to a text, as normalizers of a tokenizer.json."""
    yield normalizers.NFC()
    codes: dict[str, list[str]] = {}
    for code in signs.TABLE:
        codes.setdefault(chr(code).translate(signs.TABLE).translate(signs.TABLE), []).append(_escaped(chr(code)))
    for kept, equal in codes.items():
        yield normalizers.Replace(tokenizers.Regex(f"[{''.join(equal)}]"), kept)
    yield normalizers.NFC()
    yield normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    yield normalizers.Replace(tokenizers.Regex("\\A +| +\\Z"), "")


def _merges(model: Any, vocab: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yields every pair of normal pieces that makes a normal piece, in the order of SentencePiece's preference."""
    normal = {piece.piece for piece in model.pieces if piece.type == NORMAL}
    for piece in sorted(normal, key=lambda piece: vocab[piece]):
        for cut in range(1, len(piece)):
            if piece[:cut] in normal and piece[cut:] in normal:
                yield piece[:cut], piece[cut:]


def _escaped(symbol: str) -> str:
    return "".join(f"\\x{{{ord(sign):X}}}" for sign in symbol)
