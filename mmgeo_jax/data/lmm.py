"""Records -> batches of image, question and answer for the multimodal model.

Letters: B rows of a batch, K samples of a row (`data.samples_per_row`), T text tokens of a row (`data.max_tokens`).
Samples packed into one row do not see each other (models/lmm.py). A sample is a question, which is given, and an
answer, which is learned token by token up to its end. The way of a record is that of data/clip.py.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_gen.records.schema import LETTERS, Family
from data_gen.shared.errors import UserError
from mmgeo_jax.batch import LmmBatch
from mmgeo_jax.data import augment, images, reader, sampler
from mmgeo_jax.data.reader import Source
from mmgeo_jax.data.sampler import ALONE, Process
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.models.transformer import choice

DESCRIBE = "Describe the diagram."
NUMBERS = "Which numbers are printed?"
AT_ONCE = "Answer at once."  # without steps
# Words of every problem, one token each: rows are shorter.
PHRASES = (DESCRIBE, NUMBERS, AT_ONCE, "The answer is \\boxed{", "}.", *(f"({letter}) " for letter in LETTERS[:4]))
MAX_DROPPED_SHARE = 0.01
CHECKED_SAMPLES = 512  # whose lengths are measured before training


class Sample(NamedTuple):
    """An image of a family, by its number, and a question about it with its answer."""

    image: int
    question: str
    answer: str


class Tokens(NamedTuple):
    """A sample as token ids: the question from its beginning token, the answer up to its end token."""

    question: list[int]
    answer: list[int]


# ---------------------------------------------------------------- what is asked


def format_prompt(question: str, choices: Sequence[str] = (), worked: bool = True) -> str:
    """Writes a question as the model reads it: its choices below, then, unless `worked`, a request for the answer
    without its steps."""
    lines = [f"({letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False)]
    return "\n".join([question, *lines, *([] if worked else [AT_ONCE])])


def sample_caption(family: Family, rng: np.random.Generator, data: ConfigDict) -> Sample:
    """Draws an image of the family; the answer is its caption."""
    count = min(len(family.images), len(family.captions))
    captioned = [i for i in range(count) if family.truth[i, i] == 1]
    image = int(rng.choice(captioned)) if len(captioned) > 1 else 0
    return Sample(image, DESCRIBE, family.captions[image])


def sample_numbers(family: Family, rng: np.random.Generator, data: ConfigDict) -> Sample:
    """Draws an image of the family; the answer is the numbers in its caption, in ascending order."""
    described = sample_caption(family, rng, data)
    numbers = sorted(re.findall(r"\d+(?:\.\d+)?", described.answer), key=float)
    return Sample(described.image, NUMBERS, ", ".join(numbers) or "none")


def sample_problem(family: Family, rng: np.random.Generator, data: ConfigDict) -> Sample:
    """Takes the family's problem, with its choices at probability `data.show_choices_prob`, and with a worked solution
    as the answer at `data.worked_solution_prob`, or always where it has nothing else, as descriptions. Raises UserError
    where the family has no problem."""
    problem = family.question
    if problem is None:
        raise UserError(
            f"family '{family.key}' has no problem to solve: set --config.data.dir=data/problems "
            "(make data SPEC=configs/data_problems.py), or --config.data.task=captions"
        )
    choices = problem.choices if rng.random() < data.show_choices_prob else ()
    worked = rng.random() < data.worked_solution_prob or not problem.answer
    answer = problem.solution if worked and problem.solution else f"The answer is \\boxed{{{problem.answer}}}."
    return Sample(0, format_prompt(problem.question, choices, worked), answer)


# `data.task` -> (family, random numbers, config.data) -> a sample
TASKS: dict[str, Callable[[Family, np.random.Generator, ConfigDict], Sample]] = {
    "captions": sample_caption,
    "numbers": sample_numbers,
    "problems": sample_problem,
}


def tokenizer_corpus(family: Family) -> list[str]:
    """Returns all texts of a family that a tokenizer should know, whatever the task."""
    problem = family.question
    texts = [format_prompt(problem.question, problem.choices), problem.solution] if problem else []
    return [*family.captions, *texts, DESCRIBE]


# ---------------------------------------------------------------- batches


def train_batches(
    sources: Sequence[Source],
    tokenizer: Tokenizer,
    data: ConfigDict,
    seed: int,
    start_step: int,
    global_batch: int,
    process: Process = ALONE,
) -> Iterator[LmmBatch[np.ndarray]]:
    """Yields batches from `start_step` on, without end, as a pure function of seed and step.

    Args:
      data: config.data: task (a key of TASKS), show_images (False: blank paper), show_choices_prob,
        worked_solution_prob, samples_per_row (K), max_tokens (T), size_px; augment and workers as for the two towers.
      global_batch: rows of all processes together (B); each `process` reads its share of them.

    A sample that fits into no row is dropped. Raises UserError where a record or an image is broken.
    """
    augment.check_probabilities(data.get("augment", {}))
    choice(TASKS, data.task, "data.task")
    make = partial(make_train_batch, sources, tokenizer, data, seed)
    count, pack, workers = reader.count_families(sources), data.samples_per_row, data.get("workers", 0)
    rows = sampler.process_slots(global_batch, process)
    slots = range(rows.start * pack, rows.stop * pack)
    return sampler.shuffled_batches(make, count, seed, start_step, global_batch * pack, slots, workers)


def eval_batches(
    sources: Sequence[Source], tokenizer: Tokenizer, data: ConfigDict, global_batch: int, process: Process = ALONE
) -> Iterator[LmmBatch[np.ndarray]]:
    """Yields every family once, in order, one in each row; the last batch is padded."""
    make = partial(make_eval_batch, sources, tokenizer, data)
    slots = sampler.process_slots(global_batch, process)
    return sampler.ordered_batches(make, reader.count_families(sources), global_batch, slots)


def make_train_batch(
    sources: Sequence[Source], tokenizer: Tokenizer, data: ConfigDict, seed: int, rows: list[int], positions: list[int]
) -> LmmBatch[np.ndarray]:
    """Reads the families of these rows, draws a sample of each, and packs K of them into each row of the batch."""
    families = [reader.read_family(sources, row) for row in rows]
    rngs = [np.random.default_rng((seed % 2**32, position)) for position in positions]
    samples = [TASKS[data.task](family, rng, data) for family, rng in zip(families, rngs, strict=True)]
    tokens, probabilities = encode_samples(samples, tokenizer, data.prompt_end), data.get("augment", {})
    batch = empty_batch(len(rows) // data.samples_per_row, data)
    lengths = [len(question) + len(answer) for question, answer in tokens]
    for row, packed in enumerate(pack_rows(lengths, data.samples_per_row, data.max_tokens)):
        write_row(batch, row, [tokens[i] for i in packed])
        for k, i in enumerate(packed):
            batch["family"][row, k] = rows[i]
            if data.show_images:
                image = images.decode_member(families[i], samples[i].image, data.size_px)
                if any(probabilities.values()):
                    image = augment.augment(image[None], probabilities, (seed % 2**32, positions[i]))[0][0]
                batch["images"][row, k] = image
    return batch


def make_eval_batch(
    sources: Sequence[Source], tokenizer: Tokenizer, data: ConfigDict, rows: list[int]
) -> LmmBatch[np.ndarray]:
    """Reads the families of these rows (-1: padding), one sample each; those that are too long are left out."""
    batch = empty_batch(len(rows), data, samples_per_row=1)
    for i, row in enumerate(rows):
        if row >= 0:
            family = reader.read_family(sources, row)
            sample = TASKS[data.task](family, np.random.default_rng(row), data)
            (tokens,) = encode_samples([sample], tokenizer, data.prompt_end)
            if len(tokens.question) + len(tokens.answer) <= data.max_tokens:
                write_row(batch, i, [tokens])
                batch["family"][i] = row
                if data.show_images:
                    batch["images"][i, 0] = images.decode_member(family, sample.image, data.size_px)
    return batch


def empty_batch(rows: int, data: ConfigDict, samples_per_row: int | None = None) -> LmmBatch[np.ndarray]:
    """Returns a batch of padding."""
    size, length, samples = data.size_px, data.max_tokens, samples_per_row or data.samples_per_row
    return LmmBatch(
        images=np.full((rows, samples, size, size), images.PAPER, np.uint8),
        image_segments=np.zeros((rows, samples), np.int32),
        tokens=np.zeros((rows, length), np.int32),
        segments=np.zeros((rows, length), np.int32),
        prefix=np.zeros((rows, length), bool),
        loss_mask=np.zeros((rows, length), bool),
        family=np.full((rows, samples), -1, np.int32),
    )


def encode_samples(samples: Sequence[Sample], tokenizer: Tokenizer, prompt_end: str = "") -> list[Tokens]:
    """Tokenizes questions, each followed by `prompt_end`, and answers, each followed by the end token."""
    questions = tokenizer.ids([sample.question + prompt_end for sample in samples], begun=True)
    answers = tokenizer.ids([sample.answer for sample in samples])
    return [Tokens(q, [*a, tokenizer.eos_id]) for q, a in zip(questions, answers, strict=True)]


def write_row(batch: LmmBatch[np.ndarray], row: int, samples: Sequence[Tokens]) -> None:
    """Writes samples, one after the other, into a row of a batch."""
    start = 0
    for number, (question, answer) in enumerate(samples, 1):
        middle, end = start + len(question), start + len(question) + len(answer)
        batch["tokens"][row, start:end] = question + answer
        batch["segments"][row, start:end] = number
        batch["prefix"][row, start:middle] = True
        batch["loss_mask"][row, middle:end] = True
        batch["image_segments"][row, number - 1] = number
        start = end


def pack_rows(lengths: Sequence[int], pack: int, capacity: int) -> list[list[int]]:
    """Assigns samples to len(lengths) / pack rows, of at most `pack` samples and `capacity` tokens each. Returns the
    numbers of each row's samples. The longest samples are placed first, each into the emptiest row; one that fits into
    no row is dropped."""
    rows: list[list[int]] = [[] for _ in range(len(lengths) // pack)]
    filled = [0] * len(rows)
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = [row for row in range(len(rows)) if len(rows[row]) < pack and filled[row] + lengths[i] <= capacity]
        if fitting:
            row = min(fitting, key=lambda row: filled[row])
            rows[row].append(i)
            filled[row] += lengths[i]
    return rows


def check_lengths(source: Source, tokenizer: Tokenizer, data: ConfigDict, global_batch: int) -> None:
    """Raises UserError, naming the setting to change, where more than 1 % of the samples would be dropped."""
    rng = np.random.default_rng(0)
    families = list(reader.read_evenly_spaced(source, CHECKED_SAMPLES, "lengths of texts"))
    tokens = encode_samples([TASKS[data.task](family, rng, data) for family in families], tokenizer, data.prompt_end)
    lengths = [len(question) + len(answer) for question, answer in tokens]
    capacity = data.max_tokens
    while dropped_share(lengths, data.samples_per_row, capacity, global_batch) > MAX_DROPPED_SHARE:
        capacity += 8
    if capacity > data.max_tokens:
        mean, longest = sum(lengths) / len(lengths), max(lengths)
        raise UserError(
            f"data.max_tokens={data.max_tokens} does not hold data.samples_per_row={data.samples_per_row} samples, "
            f"which have {mean:.0f} tokens on average and at most {longest}: raise it to {capacity}"
        )


def dropped_share(lengths: Sequence[int], pack: int, capacity: int, global_batch: int) -> float:
    """Returns the share of samples of these lengths that batches of so many rows drop; the last batch is smaller."""
    starts = range(0, len(lengths), global_batch * pack)
    batches = [lengths[start : start + global_batch * pack] for start in starts]
    full = [batch[: len(batch) // pack * pack] for batch in batches]
    placed = sum(len(row) for batch in full for row in pack_rows(batch, pack, capacity))
    count = sum(map(len, full))
    return 1 - placed / count if count else 0.0
