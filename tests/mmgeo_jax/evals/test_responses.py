"""Responses in the style of models, each with what a person read in it before any scorer did (responses/*.txt)."""

import math
from pathlib import Path

import pytest

from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.reading import answers
from mmgeo_jax.evals.benchmarks.run import judge_response as judge

FOLDER = Path(__file__).parent / "responses"
CHOICES = {
    "angle": ("30°", "45°", "60°", "75°"),
    "length": ("6", "12", "4√3", "8√2"),
    "yesno": ("Yes", "No"),
    "words": ("slide", "flip", "turn"),
    "open4": ("30°", "45°", "60°", "Cannot be determined"),
}


def read_table(name, notes):
    """Returns (what is read in it, response) for each response of a file, below its notes."""
    blocks = ("\n" + (FOLDER / name).read_text()).split("\n#: ")[1 + notes :]
    return [(block.split("\n", 1)[0].strip(), block.split("\n", 1)[1].strip("\n")) for block in blocks]


LETTERS, VALUES = read_table("choices.txt", 1), read_table("values.txt", 2)


def read_choice(label, response):
    """Returns (what is read, what the scorer reads), letters or "-"."""
    kind, wanted = label.split()
    index = answers.find_choice(response, CHOICES[kind])
    return wanted, "-" if index is None else "ABCD"[index]


def read_value(label, response):
    """Returns (what is read, what the scorer reads): numbers, "-", or whether an answer of MM-Math is right."""
    reference, equals, wanted = label.rpartition(" = ")
    if equals:
        return wanted, "yes" if judge("mmmath", Item("q", "?", reference, "open"), response).right else "no"
    number = answers.find_number(response)
    if wanted == "-" or number is None:
        return wanted, "-" if number is None else f"{number:.6g}"
    return wanted, wanted if math.isclose(number, float(wanted), rel_tol=1e-3) else f"{number:.6g}"


def readings():
    return [(*read_choice(*row), row[1]) for row in LETTERS] + [(*read_value(*row), row[1]) for row in VALUES]


def test_responses_are_read_as_a_person_reads_them():
    assert len(LETTERS) + len(VALUES) >= 300
    wrong = [row for row in readings() if row[0] != row[1]]
    assert len(wrong) <= 0.03 * (len(LETTERS) + len(VALUES)), wrong


def test_no_refusal_and_no_double_answer_is_credited():
    assert not [row for row in readings() if row[0] == "-" != row[1]]


def test_mathvista_takes_no_sentence_for_the_nearest_choice():
    for label, response in LETTERS:
        kind, wanted = label.split()
        item = Item("q", "?", CHOICES[kind][0], "choice", CHOICES[kind])
        assert wanted != "-" or len(response) < 20 or not judge("mathvista", item, response).right, response


@pytest.mark.parametrize("label", ["angle C", "yesno -"])
def test_the_table_is_read(label):
    assert label in [each for each, _ in LETTERS]
