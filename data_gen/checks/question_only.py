"""The command that tests how well trained scorers answer questions without their pictures.

A scorer gives a number to one choice from the question's words and from what its number is like among the four: its
rank, its neighbours, whether another is its double or supplement, how round it is. It is trained on the train split and
tested on the others, on questions that cannot be answered without their picture: chance is one in four. The interval
is 95 %, by bootstrap.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from data_gen.checks import scorers
from data_gen.records import tfrecords
from data_gen.records.schema import Question
from data_gen.shared import cli
from data_gen.shared.errors import UserError

WORDS = 48  # hashed words that trees look at
CHOICES = 4
EXAMPLE = """mmgeo question-only data/problems"""


def read_questions(folder: str, splits: Sequence[str]) -> list[Question]:
    """Returns the questions of four choices that need their picture. Raises UserError if a record is broken."""
    found = []
    for split in splits:
        source = tfrecords.RecordSource(folder, split)
        for row in tqdm(range(len(source)), f"questions: {split}", leave=False):
            question = source[row].question
            if question and question.needs_picture and len(question.choices) == CHOICES and question.letter:
                found.append(question)
    return found


def number_features(asked: Sequence[Question]) -> np.ndarray:
    """Returns float64[4 Q, features] of the choices one by one; a choice's number is what stands before π or a unit."""
    return np.array([row for question in asked for row in _rows([_number(choice) for choice in question.choices])])


def _number(choice: str) -> float:
    digits = re.match(r"\d+(?:\.\d+)?", choice)
    return float(digits[0]) if digits else 0.0


def _rows(values: list[float]) -> Iterator[list[float]]:
    four, middle = sorted(values), float(np.mean(values))
    spread = max(four[-1] - four[0], 1e-9)
    for place, value in enumerate(values):
        others = [other for other in values if other != value]
        gaps = sorted(abs(other - value) for other in others) or [0.0]
        related = [sum(other == mate for other in others) for mate in
                   (2 * value, value / 2, 4 * value, value / 4, 180 - value, 90 - value, 180 - 2 * value,
                    360 - value)]  # fmt: skip
        rank = four.index(value)
        yield [place, value, rank, value / max(middle, 1e-9), (value - four[0]) / spread, gaps[0], gaps[-1],
               gaps[0] / spread, float(np.sum(gaps)), value % 2, value % 5, value % 10, *related, *four,
               four[1] - four[0], four[2] - four[1], four[3] - four[2]]  # fmt: skip


def word_features(asked: Sequence[Question], features: int) -> sparse.csr_matrix:
    """Returns csr[4 Q, features]: hashed words of the question, alone and with the rank and text of the choice."""
    texts = []
    for question in asked:
        said = re.findall(r"\w+|\S", re.sub(r"\b[A-Z]{1,6}\b", lambda m: f"name{len(m[0])}", question.question))
        values = [_number(choice) for choice in question.choices]
        for choice, value in zip(question.choices, values, strict=True):
            rank = f"rank{sorted(values).index(value)}"
            texts.append(" ".join([*said, rank, f"choice{choice}".replace(" ", ""), *(f"{rank}_{w}" for w in said)]))
    hashing = HashingVectorizer(n_features=features, token_pattern=r"\S+", alternate_sign=False, norm=None)
    return hashing.transform(texts)


def measure(train: Sequence[Question], test: Sequence[Question], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Trains scorers on `train` and tests them on `test`: {scorer: {"accuracy", "low", "high" (%), "questions"}}."""
    right = [np.array([c == q.answer for q in asked for c in q.choices]) for asked in (train, test)]
    shape = [number_features(asked) for asked in (train, test)]
    both = list(zip(shape, (train, test), strict=True))
    dense = [np.hstack([n, word_features(asked, WORDS).toarray()]) for n, asked in both]
    scaler = StandardScaler().fit(shape[0])
    wide = [sparse.hstack([scaler.transform(n), word_features(asked, 1 << 16)]).tocsr() for n, asked in both]
    trees = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.06, random_state=seed).fit(dense[0], right[0])
    wrong = np.flatnonzero(~right[0])  # each with the answer of its question
    answer = np.flatnonzero(right[0])[wrong // CHOICES]
    linear = scorers.linear(wide[0], answer, wrong, wrong // CHOICES, seed)
    scores = {"trees": trees.predict_proba(dense[1])[:, 1], "words": linear(wide[1])}
    return {name: _accuracy(some, right[1], seed) for name, some in scores.items()}


def _accuracy(scores: np.ndarray, right: np.ndarray, seed: int) -> dict[str, Any]:
    """Returns how often the choice with the best score is the answer, with its interval."""
    best = scores.reshape(-1, CHOICES).argmax(1)
    hits = right.reshape(-1, CHOICES)[np.arange(len(best)), best].astype(float)
    return scorers.accuracy(hits, np.arange(len(hits)), seed) | {"questions": len(hits)}


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("question-only", __doc__, EXAMPLE)
    parser.add_argument("dir", help="folder of a data set with the splits train and others")
    parser.add_argument("--threads", type=int, default=2, help="threads of the scorers (default: 2)")
    options = parser.parse_args(arguments)
    splits = tfrecords.read_manifest(options.dir)["splits"]
    held_out = [split for split in splits if split != "train"]
    train, test = (read_questions(options.dir, some) for some in (["train"] if "train" in splits else [], held_out))
    if not train or not test:
        raise UserError(f"{options.dir} has no questions with pictures and four choices in train and other splits")
    with threadpool_limits(options.threads):
        for name, found in measure(train, test).items():
            print(f"{name}: {scorers.figure(found)} of {found['questions']} questions right without the picture, "
                  f"trained on {len(train)}; chance is 25 %")  # fmt: skip
    return 0
