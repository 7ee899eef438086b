"""Drawing: both paths give the same pixels, texts stand clear of ink, and marks can be told apart."""

import io
import os
import string
import subprocess
import sys
from math import atan2, cos, degrees, hypot, pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.drawing import labels as label_placement
from data_gen.drawing import raster
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import draw
from data_gen.drawing.glyphs import FONTS, glyph, outline
from data_gen.drawing.png import decode_png, encode_png
from data_gen.drawing.svg import svg_to_pixels, to_svg
from data_gen.geometry.diagram import (
    AngleArc,
    AngleText,
    Circle,
    Diagram,
    LengthText,
    ParallelArrows,
    RightAngle,
    Segment,
    Style,
    Ticks,
)
from data_gen.shared.errors import UserError
from tests.support.paths import ROOT

SEEDS = st.integers(0, 2**32 - 1)
CANVAS = Canvas(size_px=112, border_px=14.0, rotation_deg=0.0, mirror=False, style=Style(), marks=True,
                         wording=0, margin_px=5.0, gap_px=10.0)  # fmt: skip
ZOOM = 4


def random_diagram(seed: int) -> Diagram:
    """Points far from each other, some strokes between them, and any marks, in any size and style."""
    rng = np.random.default_rng(seed)
    size = int(rng.choice([64, 112, 224, 384]))
    points: dict[str, tuple[float, float]] = {}
    for name in ["A", "B", "C", "D", "_h", "O", "P"][: rng.integers(3, 8)]:
        for _ in range(50):
            x, y = rng.uniform(0.15 * size, 0.85 * size, 2)
            if all(hypot(x - p, y - q) > 0.22 * size for p, q in points.values()):
                points[name] = (float(x), float(y))
                break
    names = list(points)
    pairs = [tuple(map(str, rng.permutation(names)[:2])) for _ in range(5)]
    segments = [Segment(a, b, dashed=rng.random() < 0.3, arrows=rng.random() < 0.2) for a, b in pairs]
    circles = [Circle(names[0], names[1])] if rng.random() < 0.4 else []
    marks: list = []
    for kind in rng.permutation(7)[:4]:
        a, vertex, b = (str(name) for name in rng.permutation(names)[:3])
        count = int(rng.integers(1, 4))
        marks.append(
            [
                Ticks(a, b, count),
                ParallelArrows(a, b, count),
                RightAngle(a, vertex, b),
                AngleArc(a, vertex, b, count),
                LengthText(a, b, "2x+1"),
                AngleText(a, vertex, b, "60°"),
                LengthText(b, vertex, "5.5"),
            ][kind]
        )
    fonts = list(FONTS)
    style = Style(
        stroke_px=float(rng.uniform(0.8, 2.5)),
        font=fonts[rng.integers(len(fonts))],
        font_px=float(rng.uniform(0.06, 0.11) * size),
        value_font=fonts[rng.integers(len(fonts))],
    )
    return Diagram(size, points, tuple(segments), tuple(circles), tuple(marks), (names[0],), style)


def triangle(size: int = 112, marks: tuple = (), **style) -> Diagram:
    k = size / 112
    points = {"A": (40 * k, 20 * k), "B": (16 * k, 92 * k), "C": (98 * k, 92 * k)}
    segments = (Segment("A", "B"), Segment("B", "C"), Segment("C", "A"))
    return Diagram(size, points, segments, marks=marks, style=Style(font_px=11 * k, **style))


def labels_or_none(diagram: Diagram) -> tuple[label_placement.Label, ...]:
    try:
        return label_placement.place_labels(diagram)
    except label_placement.LabelCollision:
        return ()


def ink_of(diagram: Diagram, labels: tuple[label_placement.Label, ...]) -> np.ndarray:
    """bool: where a picture drawn ZOOM times as large has any ink."""
    return svg_to_pixels(to_svg(diagram, labels), ZOOM * diagram.size_px) < 255


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_both_paths_draw_the_same_pixels(seed):
    diagram = random_diagram(seed)
    labels = labels_or_none(diagram)
    direct = raster.to_pixels(diagram, labels)
    assert direct.shape == (diagram.size_px, diagram.size_px) and direct.dtype == np.uint8
    assert direct.max() == 255 and direct.min() < 128
    np.testing.assert_array_equal(direct, svg_to_pixels(to_svg(diagram, labels), diagram.size_px), strict=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_texts_touch_neither_ink_nor_each_other_nor_the_edge(seed):
    diagram = random_diagram(seed)
    paper = Diagram(diagram.size_px, {}, style=diagram.style)
    taken = ink_of(diagram, ())
    for label in labels_or_none(diagram):
        ink = ink_of(paper, (label,))
        assert ink.any() and not ink[[0, -1]].any() and not ink[:, [0, -1]].any()
        assert not (ink & taken).any(), label.text
        taken |= ink


def test_most_random_diagrams_find_room():
    found = sum(bool(labels_or_none(random_diagram(seed))) for seed in range(60))
    assert found > 30


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_each_name_is_nearest_to_its_own_point(seed):
    diagram = random_diagram(seed)
    for name, label in zip(diagram.names, labels_or_none(diagram), strict=False):
        assert label.text == name
        x0, y0, x1, y1 = label.box
        away = {
            other: hypot(max(x0 - x, x - x1, 0), max(y0 - y, y - y1, 0))
            for other, (x, y) in diagram.points.items()
            if other in diagram.names
        }
        assert min(away, key=away.__getitem__) == name


def far(point: complex, a: complex, b: complex) -> float:
    """The distance of a point from a segment, by sampling."""
    return min(abs(point - a - (b - a) * k / 200) for k in range(201))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_each_length_is_nearest_to_its_own_segment(seed):
    diagram = random_diagram(seed)
    place = {name: complex(*xy) for name, xy in diagram.points.items()}
    texts = [mark for mark in diagram.marks if isinstance(mark, LengthText | AngleText)]
    for mark, label in zip(texts, labels_or_none(diagram)[len(diagram.names) :], strict=False):
        if isinstance(mark, LengthText):
            middle = complex(label.box[0] + label.box[2], label.box[1] + label.box[3]) / 2
            own = far(middle, place[mark.a], place[mark.b])
            for other in diagram.segments:
                ends = place[other.a], place[other.b]
                if {other.a, other.b} != {mark.a, mark.b}:
                    assert far(middle, *ends) > own, (mark, other)


def between(distance_px: float) -> Diagram:
    """Two level strokes at a distance, and a length to print beside the lower one, with no room below it."""
    points = {"_a": (20.0, 108.0), "_b": (200.0, 108.0)}
    points |= {"_c": (20.0, 108.0 - distance_px), "_d": (200.0, 108.0 - distance_px)}
    strokes = Segment("_a", "_b"), Segment("_c", "_d")
    return Diagram(112, points, strokes, marks=(LengthText("_a", "_b", "5"),), style=Style(font_px=20))


def test_a_length_between_two_strokes_is_well_nearer_to_its_own():
    height = label_placement.place_labels(between(80.0))[0].box
    tall = height[3] - height[1]
    for distance_px in np.arange(tall + 4, 60, 2):
        try:
            (label,) = label_placement.place_labels(between(float(distance_px)))
        except label_placement.LabelCollision:
            assert distance_px < 2 * tall + 10
            continue
        below, above = 108 - label.box[3], label.box[1] - 108 + distance_px
        assert 0 < below < above - 0.3 * 20, distance_px


def test_a_name_keeps_from_the_unnamed_end_of_a_stroke():
    """The best place of B is above it, where a stroke of no name ends."""
    strokes = Segment("A", "B"), Segment("_c", "_d")
    points = {"A": (56.0, 100.0), "B": (56.0, 60.0)}
    alone = label_placement.place_labels(Diagram(112, points, strokes[:1], style=Style(font_px=12)))[1].box
    points |= {"_c": ((alone[0] + alone[2]) / 2, alone[1] - 3.5), "_d": (56.0, 5.0)}
    x0, y0, x1, y1 = label_placement.place_labels(Diagram(112, points, strokes, style=Style(font_px=12)))[1].box

    def away(name):
        x, y = points[name]
        return hypot(max(x0 - x, x - x1, 0), max(y0 - y, y - y1, 0))

    assert away("B") + 0.25 * 12 <= away("_c") and (x0, y0, x1, y1) != alone


def test_texts_side_by_side_stand_wider_apart_than_above_each_other():
    """ "O" and "8" on one line would read as one."""
    name, beside, below = (0.0, 0.0, 10.0, 10.0), (16.0, 0.0, 26.0, 10.0), (0.0, 16.0, 10.0, 26.0)
    options = [[name], [beside, below]]
    assert label_placement._search(options, [(label_placement.BESIDE * 20, label_placement.ABOVE * 20)] * 2) == [
        name,
        below,
    ]


def test_a_tick_does_not_stand_beside_a_part_of_its_segment():
    """Of a segment with a third point on it, a tick might mean one of the parts: it is left out."""
    side = Step("rhombus", (), ("A", "B", "C", "D"), (60.0, 70.0))
    plain = draw(Program((side,)), CANVAS)
    split = draw(Program((side, Step("peak", ("A", "B", "C", "D"), ("E",), ()))), CANVAS)
    assert plain is not None and split is not None
    assert Ticks("C", "D") in plain.diagram.marks and Ticks("C", "D") not in split.diagram.marks
    assert {Ticks("C", "E", 2), Ticks("E", "D", 2), Ticks("A", "B")} <= set(split.diagram.marks)


def wedge(sweep_deg: float, crossing_px: float) -> Diagram:
    """An angle with a printed measure, cut by a stroke at some distance from its vertex (170, 180)."""
    x, y = cos(sweep_deg * pi / 180), -sin(sweep_deg * pi / 180)
    points = {"O": (170.0, 180.0), "A": (310.0, 180.0), "B": (170 + 140 * x, 180 + 140 * y)}
    points |= {"_c": (170 + crossing_px * x, 180 + crossing_px * y), "_d": (170 + crossing_px, 180.0)}
    segments = (Segment("O", "A"), Segment("O", "B"), Segment("_c", "_d"))
    return Diagram(340, points, segments, marks=(AngleText("A", "O", "B", "5"),), style=Style(font_px=12))


@pytest.mark.parametrize("sweep_deg", [25, 60, 110, 160])
def test_an_angle_text_stands_in_its_angle(sweep_deg):
    x0, y0, x1, y1 = label_placement.place_labels(wedge(sweep_deg, 135))[-1].box
    assert 0 < degrees(atan2(180 - (y0 + y1) / 2, (x0 + x1) / 2 - 170)) < sweep_deg


def test_no_text_stands_behind_a_stroke():
    with pytest.raises(label_placement.LabelCollision, match="'5'"):
        label_placement.place_labels(wedge(25, 30))


def test_texts_that_would_like_the_same_place_share_out():
    row = tuple(LengthText("_a", "_b", "88") for _ in range(4))
    diagram = Diagram(112, {"_a": (10.0, 56.0), "_b": (102.0, 56.0)}, (Segment("_a", "_b"),), marks=row)
    apart = [ink_of(Diagram(112, {}), (label,)) for label in label_placement.place_labels(diagram)]
    assert np.sum(apart, axis=0).max() == 1


def test_a_length_stands_beside_the_middle_of_its_segment():
    label = label_placement.place_labels(triangle(marks=(LengthText("B", "C", "7"),)))[-1]
    x0, y0, x1, _ = label.box
    assert abs((x0 + x1) / 2 - 57) < 12 and 93 < y0 < 99


def test_no_room_is_a_collision():
    crowd = {name: (50 + 2.0 * i, 50.0) for i, name in enumerate(string.ascii_uppercase)}
    with pytest.raises(label_placement.LabelCollision, match="no free place"):
        raster.to_pixels(Diagram(112, crowd))
    with pytest.raises(label_placement.LabelCollision):
        to_svg(triangle(marks=(LengthText("A", "B", "a text wider than the paper"),)))


def test_side_by_side_texts_that_cannot_all_stand_are_a_collision():
    row = tuple(LengthText("A", "B", "888") for _ in range(60))
    with pytest.raises(label_placement.LabelCollision, match="side by side"):
        label_placement.place_labels(
            Diagram(112, {"A": (10.0, 56.0), "B": (102.0, 56.0)}, (Segment("A", "B"),), marks=row)
        )


def test_hidden_points_have_no_name_and_no_dot():
    points = {"A": (30.0, 30.0), "_x": (80.0, 80.0)}
    shown = Diagram(112, points, dots=("A", "_x"))
    assert [label.text for label in label_placement.place_labels(shown)] == ["A"]
    assert (raster.to_pixels(shown)[70:90, 70:90] == 255).all()
    assert (raster.to_pixels(Diagram(112, {"_x": (80.0, 80.0)})) == 255).all()


def test_the_same_diagram_gives_the_same_bytes_in_another_process():
    diagram = triangle(marks=(AngleText("A", "B", "C", "60°"), LengthText("A", "C", "√3"), Ticks("A", "B", 2)))
    lines = (
        "import hashlib",
        "from data_gen.drawing import png, raster, svg",
        "from data_gen.geometry.diagram import *",
        f"diagram = {diagram!r}",
        "data = png.encode_png(raster.to_pixels(diagram)) + svg.to_svg(diagram).encode()",
        "print(hashlib.sha256(data).hexdigest())",
    )
    command, root = [sys.executable, "-c", "\n".join(lines)], ROOT
    runs = [
        subprocess.run(command, cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout and len(runs[0].stdout) == 65


def dark_runs(values: np.ndarray) -> int:
    dark = np.concatenate([[False], values < 190])
    return int((dark[1:] & ~dark[:-1]).sum())


@pytest.mark.parametrize("size", [96, 112, 384])
@pytest.mark.parametrize("mark", [Ticks, ParallelArrows])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_counted_marks_can_be_counted(size, mark, count):
    points = {"_a": (0.2 * size, 0.5 * size + 0.3), "_b": (0.8 * size, 0.5 * size + 0.3)}
    style = Style(stroke_px=1.2 if size < 200 else 2.0, font_px=0.1 * size)
    diagram = Diagram(size, points, (Segment("_a", "_b"),), marks=(mark("_a", "_b", count),), style=style)
    row = round(0.5 * size - style.stroke_px / 2 - 2)
    assert dark_runs(raster.to_pixels(diagram)[row]) == count


def test_a_tick_keeps_off_the_middle_where_another_stroke_crosses_there():
    points = {"_a": (20.0, 56.0), "_b": (92.0, 56.0), "_c": (50.0, 20.0), "_d": (62.0, 92.0)}
    strokes = Segment("_a", "_b"), Segment("_c", "_d")
    style = Style(font_px=10.0)
    row = raster.to_pixels(Diagram(112, points, strokes, marks=(Ticks("_a", "_b"),), style=style))[53]
    assert dark_runs(row) == 2 and dark_runs(row[52:60]) == 1


def test_a_tick_keeps_off_a_circle():
    """The circle touches the segment in its middle."""
    points = {"_a": (20.0, 56.0), "_b": (92.0, 56.0), "_o": (56.0, 82.0), "_t": (56.0, 108.0)}
    touched = Diagram(
        112, points, (Segment("_a", "_b"),), (Circle("_o", "_t"),), (Ticks("_a", "_b"),), style=Style(font_px=10.0)
    )
    assert dark_runs(raster.to_pixels(touched)[53, 52:61]) == 0
    assert dark_runs(raster.to_pixels(touched)[53]) == 1


@pytest.mark.parametrize("size", [96, 112, 384])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_arcs_can_be_counted(size, count):
    points = {"_v": (0.2 * size, 0.2 * size), "_a": (0.9 * size, 0.2 * size), "_b": (0.2 * size, 0.9 * size)}
    diagram = Diagram(size, points, marks=(AngleArc("_a", "_v", "_b", count),), style=Style(font_px=0.1 * size))
    assert dark_runs(np.diagonal(raster.to_pixels(diagram))) == count


def test_parallel_arrows_point_the_same_way_whatever_the_order_of_ends():
    points = {"_a": (20.0, 30.0), "_b": (90.0, 50.0)}
    one, other = (
        raster.to_pixels(Diagram(112, points, marks=(ParallelArrows(*ends),))) for ends in (("_a", "_b"), ("_b", "_a"))
    )
    np.testing.assert_allclose(one, other, atol=2)


def test_an_angle_text_shares_the_arcs_that_its_angle_has():
    arc, text = AngleArc("C", "B", "A", 2), AngleText("A", "B", "C", "x")
    diagram = triangle(marks=(arc, text))
    np.testing.assert_array_equal(raster.to_pixels(diagram, ()), raster.to_pixels(triangle(marks=(arc,)), ()))


def test_every_font_draws_every_character_in_use():
    used = string.ascii_letters + string.digits + "°.,+-−=√π²′()"
    for font in FONTS:
        shapes = [glyph(font, char) for char in used]
        assert all(shape.ops and shape.advance > 0 for shape in shapes)
        assert len({shape.xy.tobytes() for shape in shapes}) == len(used)
    x0, y0, x1, y1 = glyph("cm", "°").box
    assert x1 - x0 < 0.5 and y1 < -0.3


def test_letters_of_a_value_are_set_in_the_letter_font():
    assert outline("2x", "serif", "serif-italic").ops == glyph("serif", "2").ops + glyph("serif-italic", "x").ops


def test_unknown_fonts_and_characters_are_named():
    with pytest.raises(UserError, match="no font 'comic'.*serif-italic"):
        raster.to_pixels(triangle(font="comic"))
    with pytest.raises(UserError, match="no glyph for '漢'"):
        raster.to_pixels(triangle(marks=(LengthText("A", "B", "漢"),)))


def test_a_missing_libcairo_is_named(monkeypatch):
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name == "cairocffi":
                raise OSError("no library called cairo was found")

    monkeypatch.delitem(sys.modules, "cairocffi", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    raster.cairo_library.cache_clear()
    with pytest.raises(UserError, match="libcairo2"):
        raster.to_pixels(triangle())


def png(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_png_keeps_the_pixels_and_carries_no_metadata():
    pixels = raster.to_pixels(triangle())
    data = encode_png(pixels)
    assert data == encode_png(pixels.copy())
    np.testing.assert_array_equal(decode_png(data), pixels)
    assert Image.open(io.BytesIO(data)).info == {}


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_png_of_any_pixels_is_read_by_pillow(pixels):
    data = encode_png(pixels)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.mode == "L" and image.size == pixels.shape[::-1]
        np.testing.assert_array_equal(np.asarray(image), pixels)
    # Of the picture turned on its side the rows are not contiguous.
    np.testing.assert_array_equal(decode_png(encode_png(pixels.T)), pixels.T)


def test_colour_and_clear_pictures_become_grey_on_white():
    assert decode_png(png(Image.new("RGBA", (3, 2), (0, 0, 0, 0)))).tolist() == [[255] * 3] * 2
    assert decode_png(png(Image.new("RGB", (1, 1), (255, 0, 0)))).tolist() == [[76]]
    palette = Image.new("P", (1, 1), 0)
    assert decode_png(png(palette, transparency=0)).tolist() == [[255]]
    deep = Image.fromarray(np.array([[0, 32896, 65535]], np.uint16))
    assert decode_png(png(deep)).tolist() == [[0, 128, 255]]


def test_a_broken_picture_is_one_clear_line():
    good = encode_png(raster.to_pixels(triangle()))
    flipped = bytearray(good)
    flipped[60] ^= 255
    for data in (b"", b"hello", good[:40], good[: len(good) // 2], bytes(flipped)):
        with pytest.raises(UserError, match="broken picture") as caught:
            decode_png(data)
        assert "\n" not in str(caught.value)
