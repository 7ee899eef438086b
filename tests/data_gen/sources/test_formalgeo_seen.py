"""Captions of real pictures speak of letters and values that the picture is known to show, and deny no true line."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data_gen.language.fact import Fact
from data_gen.sources.formalgeo import edits, reading
from data_gen.sources.formalgeo import source as formalgeo
from data_gen.sources.formalgeo.letters import count_letters
from tests.data_gen.sources.test_formalgeo import annotated, problem, write

STOCK = {("length", edits.style("15")): ["9", "10", "11", "13", "14"]}


def proposed(read):
    """All statements of all slots that many draws propose."""
    slots = [slot for seed in range(8) for slot in edits.propose(read, STOCK, np.random.default_rng(seed))]
    return [fact for slot in slots for facts in slot.choices for fact in facts]


def test_values_are_stated_only_where_annotators_read_them():
    bare = problem(1, text_cdl=["Equal(LengthOfLine(AB),12)", "Equal(MeasureOfAngle(ABC),60)"])
    read, _ = reading.read(bare)
    assert read.printed and not read.proven and all(fact.value is None for fact in proposed(read))
    read, _ = reading.read(annotated(1, "ABCDO", "12"))
    assert {fact.value for fact in read.proven} == {"12", "15"}
    assert {"12", "15"} <= {fact.value for fact in proposed(read)}


@pytest.mark.parametrize(
    ("changes", "lettered"),
    [
        ({}, set("ABCDO")),
        ({"problem_text_en": "As shown in the diagram, ∠ABD=40°. Find ∠DBC."}, set("ABCD")),
        ({"problem_text_en": "Find it.", "problem_text_cn": "如图，ＡＢ∥CD。求BC。"}, set("ABCD")),
        ({"problem_text_en": "The Figure Has None."}, set()),
        ({"geometry3k_diagram": {"point_positions": {"A": [1, 2], "C": [3, 4]}}}, set("AC")),
    ],
)
def test_letters_are_named_only_where_the_text_or_annotators_do(changes, lettered):
    read, _ = reading.read(problem(1, **changes))
    assert read.lettered & set(read.figure.names) == lettered
    assert {name for fact in proposed(read) for name in fact.args} <= lettered


def test_a_picture_with_too_few_letters_names_none(tmp_path):
    problems = [problem(1), problem(2) | {"letters": 4}]
    write(tmp_path, problems, "train")
    seen = [formalgeo.without_missing_letters(str(tmp_path), p, reading.read(p)[0]) for p in problems]
    assert [bool(read.lettered) for read in seen] == [True, False]


def test_letters_are_counted_and_dots_dashes_and_figures_are_not():
    image = Image.new("L", (240, 160), 255)
    draw = ImageDraw.Draw(image)
    draw.polygon([(30, 130), (200, 130), (80, 30)], outline=0)
    for x in range(40, 200, 12):
        draw.line((x, 80, x + 6, 80), fill=0, width=1)
    draw.ellipse((150, 40, 155, 45), fill=0)
    assert count_letters(np.asarray(image)) == 0
    for letter, place in zip("PQR", [(10, 135), (210, 135), (76, 8)], strict=True):
        draw.text(place, letter, fill=0)
    assert count_letters(np.asarray(image)) == 3


def test_what_is_true_of_a_line_is_no_negative():
    """A, O and C lie on a line in this order: "A lies on OC" is true of it."""
    read, _ = reading.read(problem(1))
    figure = read.figure
    assert edits._true_of_lines(Fact("on_segment", ("A", "O", "C")), figure)
    assert edits._true_of_lines(Fact("meet", ("O", "A", "C", "B", "D")), figure)
    assert not edits._true_of_lines(Fact("on_segment", ("B", "O", "C")), figure)
    slots = [s for seed in range(40) for s in edits._orders(read, {}, np.random.default_rng(seed))]
    false = [fact for slot in slots for facts in slot.choices[1:] for fact in facts]
    assert {fact.predicate for fact in false} >= {"on_segment"}
    assert not any(edits._true_of_lines(fact, figure) for fact in false)
