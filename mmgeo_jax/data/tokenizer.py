"""Converts captions to tokens and back, with tokenizers of our own or published ones.

Ours are SentencePiece with byte fallback, which loses neither case, digits nor signs. Capital letters, digits and signs
are tokens of their own: "ABC" is A, B, C and "5.5" is 5, ., 5, so that captions that differ in one of them differ in
one token. Every text, for a published tokenizer too, is first written in one code for each sign (`shared/signs.py`).
Decoding restores what that gives, except that U+2581, which SentencePiece writes for a space, becomes one.
"""

import io
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from ml_collections import ConfigDict

from data_gen.shared import signs
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from mmgeo_jax.data import tokenizer_files
from mmgeo_jax.distributed import processes

PAD_ID, EOS_ID, UNKNOWN_ID = 0, 1, 2
SIGNS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;()[]{}'+-*/=<>%^√π²³·×±≤≥≠°∠∥⊥△▱□⊙⌒≅∼~'′")
# Signs with the spaces beside them, which make captions shorter; SentencePiece writes a space as \u2581.
SPACED_SIGNS = ("\u2581=\u2581", "\u2581∥\u2581", "\u2581⊥\u2581", ".\u2581", ",\u2581")
SYMBOLS = sorted({*SIGNS, *SPACED_SIGNS})
ERRORS_ONLY = 2


class Tokenizer:
    """Converts captions to token ids of a fixed length and back.

    source: a SentencePiece `.model`, a `tokenizer.json`, a folder with one of them, or the bytes of `proto`.
    `pad_id` pads a caption; `end_id` is its last token before padding, or `pad_id` where nothing ends a caption;
    `eos_id` ends an answer: the end token, whether captions use it or not.
    """

    def __init__(self, source: bytes | str | Path):
        self.proto = source if isinstance(source, bytes) else tokenizer_files.read_bytes(Path(source))
        name = "the tokenizer given" if isinstance(source, bytes) else f"tokenizer {source}"
        self._pieces = tokenizer_files.load_pieces(self.proto, name)
        self.vocab_size, self.pad_id = self._pieces.vocab_size, self._pieces.pad_id
        self.end_id = self._pieces.after[0] if self._pieces.after else self.pad_id
        self.eos_id, self.stated = self._pieces.eos_id, self._pieces.stated
        self.ends = self._pieces.before, self._pieces.after

    def __reduce__(self) -> tuple[Any, ...]:
        return Tokenizer, (self.proto,)

    def ids(self, texts: Sequence[str], begun: bool = False) -> list[list[int]]:
        """Returns the token ids of each text, without its end token, and with its beginning token if `begun`."""
        before = self._pieces.before if begun else []
        return [[*before, *ids] for ids in self._pieces.ids([signs.normalize(text) for text in texts])]

    def encode_batch(self, captions: Sequence[str], length: int) -> np.ndarray:
        """Returns token ids int32[n, length]: beginning token, the text, cut if needed, end token, then `pad_id`."""
        before, after = self._pieces.before, self._pieces.after
        capacity = length - len(before) - len(after)
        if capacity < 0:
            raise UserError(f"data.max_tokens={length} is less than a caption's beginning and end tokens: raise it")
        batch = np.full((len(captions), length), self.pad_id, np.int32)
        for row, ids in zip(batch, self.ids(captions), strict=True):
            ids = [*before, *ids[:capacity], *after]
            row[: len(ids)] = ids
        return batch

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of token ids up to the first end token or padding; unknown ids are dropped."""
        ids = (token for token in ids if 0 <= token < self.vocab_size)
        kept = itertools.takewhile(lambda token: token not in (self.pad_id, self.end_id, self.eos_id), map(int, ids))
        return self._pieces.text([token for token in kept if token not in self._pieces.before])


def train_tokenizer(captions: Iterable[str], vocab_size: int, phrases: Sequence[str] = ()) -> bytes:
    """Trains a tokenizer on `captions`; returns the bytes of a SentencePiece model, the same for the same captions.
    `phrases` become single tokens, as SYMBOLS do. `vocab_size` is the most tokens: a small corpus gives fewer. Raises
    UserError where there is no caption, or where the bytes, signs and letters alone need more tokens."""
    symbols = sorted({*SYMBOLS, *(phrase.replace(" ", "\u2581") for phrase in phrases)})
    smallest = 3 + 256 + len(symbols) + 1
    if vocab_size < smallest:
        raise UserError(f"tokenizer.vocab_size is {vocab_size}: raise it to {smallest} or more")
    lines = [line for caption in captions for line in signs.normalize(caption).splitlines() if line.strip()]
    if not lines:
        raise UserError("no caption to train a tokenizer on: is the train split empty?")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            # Rarer letters are spelled in bytes.
            character_coverage=0.9995,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            user_defined_symbols=symbols,
            pad_id=PAD_ID,
            eos_id=EOS_ID,
            unk_id=UNKNOWN_ID,
            bos_id=-1,
            num_threads=1,
            minloglevel=ERRORS_ONLY,
        )
    except (RuntimeError, OSError) as error:
        raise UserError(f"no tokenizer with tokenizer.vocab_size={vocab_size}: {error}") from error
    return model.getvalue()


def find_or_train(
    run: Path, config: ConfigDict, given: Path, texts: Iterable[str], phrases: Sequence[str] = ()
) -> Tokenizer:
    """Returns a run's tokenizer, and stores it in the run's folder. It is the first of: the stored one,
    `tokenizer.file`, the file `given` if it exists, one trained on `texts` with `phrases`."""
    path = run / "tokenizer.model"
    if path.exists():
        return Tokenizer(path)
    if config.tokenizer.file:
        proto = Tokenizer(config.tokenizer.file).proto
    elif given.exists():
        proto = given.read_bytes()
    else:
        proto = train_tokenizer(texts, config.tokenizer.vocab_size, phrases)
    if processes.is_first():  # the others have the same
        with open_atomic(path) as file:
            file.write(proto)
    return Tokenizer(proto)
