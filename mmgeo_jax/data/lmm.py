"""Families -> batches of picture, question and answer, for the multimodal model.

Letters: B rows of a batch, K samples of a row (`data.pack`), T text tokens of a row (`data.length`). Several samples
share a row where they are packed; they do not see each other (models/lmm.py). A sample is a question, seen whole, and
an answer, told token by token up to its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from data_gen.records.schema import LETTERS, Family
from data_gen.shared.errors import UserError
from mmgeo_jax.data import augment, sampler
from mmgeo_jax.data import clip as clip_data
from mmgeo_jax.data.clip import Source
from mmgeo_jax.data.sampler import Batch
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.models.transformer import choice

DESCRIBE = "Describe the diagram."
NUMBERS = "Which numbers are printed?"
AT_ONCE = "Answer at once."  # without steps
# Words of every problem, one token each: rows are shorter.
PHRASES = (DESCRIBE, NUMBERS, AT_ONCE, "The answer is \\boxed{", "}.", *(f"({letter}) " for letter in LETTERS[:4]))
MOST_LEFT_OUT = 0.01
CHECKED = 512  # samples whose lengths are looked at before training


class Sample(NamedTuple):
    """A picture of a family, by its number, and what is said of it."""

    picture: int
    question: str
    answer: str


def ask(question: str, choices: Sequence[str] = (), steps: bool = True) -> str:
    """A question as the model reads it, its choices below it; and whether the answer is wanted without its steps."""
    lines = [f"({letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False)]
    return "\n".join([question, *lines, *([] if steps else [AT_ONCE])])


def caption(family: Family, rng: np.random.Generator, data: Any) -> Sample:
    """A picture of the family and its caption."""
    count = min(len(family.images), len(family.captions))
    own = [i for i in range(count) if family.truth[i, i] == 1]
    picture = int(rng.choice(own)) if len(own) > 1 else 0
    return Sample(picture, DESCRIBE, family.captions[picture])


def numbers(family: Family, rng: np.random.Generator, data: Any) -> Sample:
    """The numbers that a picture's caption states, in order of size: reading, and nothing else."""
    seen = caption(family, rng, data)
    found = sorted(re.findall(r"\d+(?:\.\d+)?", seen.answer), key=float)
    return Sample(seen.picture, NUMBERS, ", ".join(found) or "none")


def problem(family: Family, rng: np.random.Generator, data: Any) -> Sample:
    """The family's worked problem, its choices shown at a chance of `data.choices` and its steps wanted at one of
    `data.steps`. Raises UserError where it has none."""
    asked = family.question
    if asked is None:
        raise UserError(
            f"family '{family.key}' has no problem to solve: set --config.data.dir=data/problems "
            "(make data SPEC=configs/data_problems.py), or --config.data.texts=captions"
        )
    shown, steps = asked.choices if rng.random() < data.choices else (), rng.random() < data.steps
    told = asked.solution if steps and asked.solution else f"The answer is \\boxed{{{asked.answer}}}."
    return Sample(0, ask(asked.question, shown, steps), told)


# `data.texts`: what is said of a picture
TEXTS: dict[str, Callable[[Family, np.random.Generator, Any], Sample]] = {
    "captions": caption,
    "numbers": numbers,
    "problems": problem,
}


def words_of(family: Family) -> list[str]:
    """All texts of a family that a tokenizer should know, whatever is trained on."""
    asked = family.question
    problems = [ask(asked.question, asked.choices), asked.solution] if asked else []
    return [*family.captions, *problems, DESCRIBE]


# ---------------------------------------------------------------- batches


def train_batches(
    sources: Sequence[Source], words: Tokenizer, data: Any, seed: int, start: int, rows: int, *place: int
) -> Iterator[Batch]:
    """Endless batches from step `start` on, by seed and step alone (order.py).

    data: texts (a row of TEXTS), pictures (False: blank paper), choices, steps (chances that a problem shows them),
    pack (K), length (T), size_px; augment and workers as `input.train_batches` has them.
    rows: B, over all processes. place: (process_index, process_count). Each process gets its share of

      images uint8[B, K, H, W], image_segments int32[B, K] (the sample of each, 0: none),
      tokens int32[B, T], segments int32[B, T] (the sample of each, 0: padding),
      prefix bool[B, T] (the question), loss_mask bool[B, T] (the answer and its end),
      family int32[B, K] (row over all sources, -1 for none).

    A sample that finds no room is left out. Raises UserError where a record or a picture is broken.
    """
    augment.check(data.get("augment", {}))
    choice(TEXTS, data.texts, "data.texts")
    count, slots = rows * data.pack, sampler.slots(rows, *place)
    wide = range(slots.start * data.pack, slots.stop * data.pack)
    make = partial(_train_batch, sources, words, data, seed)
    return sampler.endless(make, sampler.total(sources), seed, start, count, wide, data.get("workers", 0))


def eval_batches(sources: Sequence[Source], words: Tokenizer, data: Any, rows: int, *place: int) -> Iterator[Batch]:
    """Every family once, in order, one a row; the last batch is padded."""
    make = partial(_eval_batch, sources, words, data)
    return sampler.once(make, sampler.total(sources), rows, sampler.slots(rows, *place))


def _train_batch(
    sources: Sequence[Source], words: Tokenizer, data: Any, seed: int, rows: list[int], places: list[int]
) -> Batch:
    families = [clip_data.family_of(sources, row) for row in rows]
    rngs = [np.random.default_rng((seed % 2**32, place)) for place in places]
    samples = [TEXTS[data.texts](family, rng, data) for family, rng in zip(families, rngs, strict=True)]
    texts, chances = tokens_of(samples, words), data.get("augment", {})
    batch = empty(len(rows) // data.pack, data)
    for row, numbers in enumerate(dealt([len(q) + len(a) for q, a in texts], data.pack, data.length)):
        write(batch, row, [texts[number] for number in numbers])
        for k, number in enumerate(numbers):
            batch["family"][row, k] = rows[number]
            if data.pictures:
                seen = picture(families[number], samples[number].picture, data.size_px)
                if any(chances.values()):
                    seen = augment.augment(seen[None], chances, (seed % 2**32, places[number]))[0]
                batch["images"][row, k] = seen
    return batch


def _eval_batch(sources: Sequence[Source], words: Tokenizer, data: Any, rows: list[int]) -> Batch:
    batch = empty(len(rows), data, pack=1)
    for place, row in enumerate(rows):
        if row >= 0:
            family = clip_data.family_of(sources, row)
            sample = TEXTS[data.texts](family, np.random.default_rng(row), data)
            (text,) = tokens_of([sample], words)
            if len(text[0]) + len(text[1]) <= data.length:
                write(batch, place, [text])
                batch["family"][place] = row
                if data.pictures:
                    batch["images"][place, 0] = picture(family, sample.picture, data.size_px)
    return batch


def empty(rows: int, data: Any, pack: int | None = None) -> Batch:
    """A batch of padding."""
    size, length, samples = data.size_px, data.length, pack or data.pack
    return {
        "images": np.full((rows, samples, size, size), clip_data.PAPER, np.uint8),
        "image_segments": np.zeros((rows, samples), np.int32),
        "tokens": np.zeros((rows, length), np.int32),
        "segments": np.zeros((rows, length), np.int32),
        "prefix": np.zeros((rows, length), bool),
        "loss_mask": np.zeros((rows, length), bool),
        "family": np.full((rows, samples), -1, np.int32),
    }


def tokens_of(samples: Sequence[Sample], words: Tokenizer) -> list[tuple[list[int], list[int]]]:
    """Question, with what begins a text, and answer, with its end."""
    questions = words.ids([sample.question for sample in samples], begun=True)
    answers = words.ids([sample.answer for sample in samples])
    return [(question, [*answer, words.end_id]) for question, answer in zip(questions, answers, strict=True)]


def write(batch: Batch, row: int, texts: Sequence[tuple[list[int], list[int]]]) -> None:
    """Samples, one after the other, into a row."""
    at = 0
    for number, (question, answer) in enumerate(texts, 1):
        middle, end = at + len(question), at + len(question) + len(answer)
        batch["tokens"][row, at:end] = question + answer
        batch["segments"][row, at:end] = number
        batch["prefix"][row, at:middle] = True
        batch["loss_mask"][row, middle:end] = True
        batch["image_segments"][row, number - 1] = number
        at = end


def dealt(lengths: Sequence[int], pack: int, room: int) -> list[list[int]]:
    """Which samples share a row: numbers of at most `pack` samples of together at most `room` tokens, for each of
    len(lengths) / pack rows. The longest come first, each into the emptiest row; what finds no room is left out."""
    rows: list[list[int]] = [[] for _ in range(len(lengths) // pack)]
    filled = [0] * len(rows)
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        open_ = [row for row in range(len(rows)) if len(rows[row]) < pack and filled[row] + lengths[number] <= room]
        if open_:
            row = min(open_, key=lambda row: filled[row])
            rows[row].append(number)
            filled[row] += lengths[number]
    return rows


def picture(family: Family, number: int, size_px: int) -> np.ndarray:
    """A picture of a family, uint8[H, W]. Raises UserError where it does not decode."""
    try:
        return clip_data.decode_picture(family.images[number], size_px)
    except UserError as fault:
        raise UserError(f"picture {number} of family '{family.key}' {fault}: make its data again") from None


def check_lengths(source: Source, words: Tokenizer, data: Any, rows: int) -> None:
    """Raises UserError, naming the setting, where more than 1 % of the samples would find no room."""
    rng = np.random.default_rng(0)
    families = list(clip_data.spread(source, CHECKED, "lengths of texts"))
    texts = tokens_of([TEXTS[data.texts](family, rng, data) for family in families], words)
    lengths = [len(question) + len(answer) for question, answer in texts]
    room = data.length
    while left_out(lengths, data.pack, room, rows) > MOST_LEFT_OUT:
        room += 8
    if room > data.length:
        mean, longest = sum(lengths) / len(lengths), max(lengths)
        raise UserError(
            f"data.length={data.length} tokens do not hold data.pack={data.pack} samples, of {mean:.0f} tokens in the "
            f"mean and at most {longest}: raise it to {room}"
        )


def left_out(lengths: Sequence[int], pack: int, room: int, rows: int) -> float:
    """The share of samples of so many tokens that find no room in batches of `rows`, the last of them smaller."""
    batches = [lengths[start : start + rows * pack] for start in range(0, len(lengths), rows * pack)]
    whole = [batch[: len(batch) // pack * pack] for batch in batches]
    placed = sum(len(row) for batch in whole for row in dealt(batch, pack, room))
    count = sum(map(len, whole))
    return 1 - placed / count if count else 0.0
