"""How near to real problems: words counted by hand, figures measured against what was drawn, and the command."""

import re

import numpy as np
import pytest

from configs.data_composed import get_spec
from data_gen.build.shards import build
from data_gen.checks import domain_gap, shares
from data_gen.drawing.png import decode_png
from data_gen.drawing.raster import to_pixels
from data_gen.geometry.diagram import Circle, Diagram, Segment, Style
from data_gen.language.fact import Fact
from data_gen.shared.errors import UserError
from tests.support.paths import REAL


def test_words_leave_out_names_digits_and_formal_language():
    text = "As shown in the diagram, Div(LengthOfLine(CE)=LengthOfLine(BC)), ∠ABC=12.5°, AB=3*sqrt(x), the area of ⊙O"
    assert domain_gap.tokens(text) == [
        "as", "shown", "in", "the", "diagram", ",", "=", ",", "∠", "=", ".", "°", ",", "=", "*", "x", ",", "the",
        "area", "of", "⊙",
    ]  # fmt: skip
    assert domain_gap.without_question("AB ∥ CD. Find the value of x. Find y.") == "AB ∥ CD. "


def test_shares_are_by_count_and_by_type():
    share = domain_gap.coverage(["a line, a line", "the circle"], ["The line is a line"])
    assert share.of_all == pytest.approx(5 / 7)  # "," and "circle" are missing
    assert share.of_distinct == pytest.approx(3 / 5)
    assert share.missing == [(",", 1), ("circle", 1)]
    with pytest.raises(UserError, match="no words"):
        domain_gap.coverage(["AB 12"], ["line"])


def drawing(stroke_px, font_px=20.0, size_px=224):
    points = {"A": (30.0, 40.0), "B": (190.0, 40.0), "C": (190.0, 180.0), "O": (80.0, 130.0), "_P": (110.0, 130.0)}
    sides = tuple(Segment(a, b) for a, b in ("AB", "BC", "CA"))
    scale = size_px / 224
    return Diagram(
        size_px,
        {name: (x * scale, y * scale) for name, (x, y) in points.items()},
        sides,
        (Circle("O", "_P"),),
        dots=("O",),
        style=Style(stroke_px * scale, "sans", font_px * scale, "sans"),
    )


@pytest.mark.parametrize("stroke_px", [1.5, 2.0, 3.0, 4.0])
def test_strokes_are_as_wide_as_drawn(stroke_px):
    points = {"_A": (30.0, 40.0), "_B": (190.0, 50.0), "_C": (170.0, 190.0), "_O": (100.0, 100.0)}
    sides = tuple(Segment(a, b) for a, b in (("_A", "_B"), ("_B", "_C"), ("_C", "_A")))
    diagram = Diagram(224, points, sides, (Circle("_O", "_C"),), style=Style(stroke_px))
    # Half-grey borders count as ink, on both sides of a stroke.
    assert domain_gap.stroke_px(to_pixels(diagram)) == pytest.approx(stroke_px + 0.3, abs=0.3)


@pytest.mark.parametrize("font_px", [16.0, 20.0, 24.0])
def test_letters_are_found_at_their_height(font_px):
    found = domain_gap.appearance(to_pixels(drawing(2.0, font_px)))
    assert found["letters and digits"] == 4
    # Capitals of DejaVu Sans are 0.73 of the font's size; its O is a little higher.
    assert found["height of a letter, px"] == pytest.approx(0.73 * font_px, abs=1.5)


def test_the_size_of_a_file_changes_nothing_but_its_row():
    small, large = (domain_gap.appearance(to_pixels(drawing(2.0, size_px=size))) for size in (224, 448))
    assert large["width of the file, px"] == 448
    for row, value in small.items():
        if not row.startswith("width of the file"):
            assert large[row] == pytest.approx(value, rel=0.1), row


def test_wide_pictures_are_set_on_a_square():
    picture = np.full((50, 100), 255, np.uint8)
    picture[:, :] = 0
    found = domain_gap.appearance(picture)
    assert found["width : height of the ink"] == pytest.approx(2, rel=0.03)
    assert found["darkness, %"] == pytest.approx(50, abs=1)
    assert np.isnan(domain_gap.appearance(np.full((40, 40), 255, np.uint8))["stroke, px"])


def test_shares_of_what_is_stated_are_counted_alike_on_both_sides():
    problem = {"text_cdl": ["Equal(LengthOfLine(AB),5)", "PerpendicularBetweenLine(AB,CB)", "Nonsense("],
               "image_cdl": ["Equal(MeasureOfAngle(ABC),40)", "Equal(LengthOfLine(AB),5)"]}  # fmt: skip
    one = shares.of_problem(problem, "AB = 5, AB ⊥ CB.")
    rows = shares.shares([one, shares.Statements([Fact("parallel", tuple("ABCD"))], "one " * 40)])
    wanted = {"printed angle": 50, "printed length": 50, "perpendicular": 50, "parallel": 50, "tangent": 0}
    assert {row: rows[row] for row in wanted} == wanted
    assert rows["two or more printed values"] == 50 and rows["captions of fewer than 29 words"] == 50
    assert "words of a caption, 50 %" in shares.compare([one], [one])


def test_a_sheet_has_both_sides():
    pictures = [np.full((30, 60), 255, np.uint8)] * 7
    assert domain_gap.side_by_side(pictures, pictures[:3]).shape == (2 * 232, 2 * 5 * 232 + 4)


def test_the_command_on_real_problems(tmp_path, capsys):
    if not (REAL / "val.jsonl").is_file():
        pytest.skip("needs FormalGeo7k in ../shared/data")
    spec = get_spec()
    spec.families.train, spec.families.val, spec.families.test, spec.shard_size = 4, 0, 0, 4
    build(spec, str(tmp_path / "data"), 1)
    sheet = tmp_path / "sheet.png"
    arguments = [f"--root={REAL}", f"--data={tmp_path / 'data'}", "--most=12", f"--sheet={sheet}"]
    assert domain_gap.main(arguments) == 0
    text = capsys.readouterr().out
    assert re.search(r"whole problems: +\d+\.\d% of all", text) and "12 real" in text and "12 ours" in text
    assert re.search(r"printed angle +62\.\d +\d", text) and re.search(r"words of a caption, 50 % +14 +\d", text)
    assert decode_png(sheet.read_bytes()).shape == (464, 2324)


@pytest.mark.parametrize(("root", "data"), [("nowhere", "nowhere"), (str(REAL), "nowhere")])
def test_what_is_missing_is_one_clear_line(root, data, capsys):
    assert domain_gap.main([f"--root={root}", f"--data={data}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
