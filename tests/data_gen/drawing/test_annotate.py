"""Annotations: they are where the ink is, survive their JSON, and anything else is one line."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.build.spec import load_spec
from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.drawing.png import decode_png
from data_gen.records.annotations import MARKS, STROKES, Annotations, annotations_from_json
from data_gen.shared.errors import UserError
from data_gen.sources import SOURCES, load_source

INK = 200  # darker is ink


@pytest.fixture(scope="module")
def drawn():
    """Pictures with their annotations: (uint8[H, W], Annotations, Member)."""
    found = []
    for name, count in (("composed", 6), ("all_kinds", 16), ("tiny", 6)):
        spec = load_spec(f"configs/data_{name}.py", [])
        for index in range(count):
            family = load_source(SOURCES[spec.source]).family(spec, "train", index)
            canvas = canvas_from_json(family.canvas)
            for png, text, program in zip(family.images, family.annotations, family.programs, strict=True):
                member = draw(program_from_json(program), canvas)
                found.append((decode_png(png), annotations_from_json(text), member))
    return found


def darkest(pixels, x, y, reach=1):
    """The darkest pixel near a point."""
    x, y = round(x), round(y)
    return pixels[max(0, y - reach - 1) : y + reach + 1, max(0, x - reach - 1) : x + reach + 1].min(initial=255)


def test_ink_lies_under_every_box_and_along_every_stroke(drawn):
    for pixels, found, _ in drawn:
        for _, (x0, y0, x1, y1) in found.characters:
            assert 0 <= x0 < x1 <= pixels.shape[1] and 0 <= y0 < y1 <= pixels.shape[0]
            inside = pixels[y0:y1, x0:x1]
            assert (inside < INK).any()
            # The box is tight: every side has ink within a pixel and a half of it.
            assert all(edge.min() < 255 for edge in (inside[:2], inside[-2:], inside[:, :2], inside[:, -2:]))
        for _, count, (x0, y0, x1, y1) in found.marks:
            assert count >= 1 and (pixels[max(0, y0) : y1, max(0, x0) : x1] < INK).any()
        for kind, numbers in found.strokes:
            if kind in ("segment", "ray", "line", "axis"):
                x0, y0, x1, y1 = numbers
                along = [darkest(pixels, x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in np.linspace(0.02, 0.98, 25)]
                assert max(along) < INK, (kind, numbers)
            elif kind in ("circle", "arc"):
                x, y, radius, start, sweep = (*numbers, 0, 360)[:5]
                turns = np.radians(start + np.linspace(0, sweep, 25))
                assert max(darkest(pixels, x + radius * np.cos(t), y + radius * np.sin(t), 2) for t in turns) < INK


def test_everything_that_is_drawn_is_there(drawn):
    kinds, marks = set(), set()
    for _, found, member in drawn:
        text = "".join(label.text for label in member.labels)
        assert "".join(character for character, _ in found.characters) == text.replace(" ", "")
        assert dict(found.points).keys() == set(member.diagram.names)
        for name, (x, y) in found.points:
            assert abs(x - member.diagram.points[name][0]) <= 0.5 and abs(y - member.diagram.points[name][1]) <= 0.5
        strokes = member.diagram
        straight = sum(kind in ("segment", "dashed", "ray", "line") for kind, _ in found.strokes)
        assert straight >= len(strokes.segments) and sum(k == "circle" for k, _ in found.strokes) == len(
            strokes.circles
        )
        kinds |= {kind for kind, _ in found.strokes}
        marks |= {kind for kind, *_ in found.marks}
    assert kinds >= {"segment", "circle", "arc"} and marks >= {"ticks", "right_angle", "angle_arc"}


def test_they_are_small(drawn):
    assert np.mean([len(found.to_json().encode()) for _, found, _ in drawn]) < 600


BOX = st.tuples(*[st.integers(-(2**20), 2**20)] * 4)
NUMBERS = st.integers(-(2**20), 2**20)
STROKE = st.sampled_from(sorted(STROKES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.lists(NUMBERS, min_size=STROKES[kind] or 4, max_size=STROKES[kind] or 4).map(tuple)
    )
)
NAME = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
ANNOTATIONS = st.builds(
    Annotations,
    st.lists(st.tuples(st.characters(exclude_categories=["Cs"]), BOX), max_size=4).map(tuple),
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), st.tuples(NUMBERS, NUMBERS))).map(
        tuple
    ),
    st.lists(STROKE, max_size=4).map(tuple),
    st.lists(st.tuples(st.sampled_from(MARKS), NUMBERS, BOX), max_size=4).map(tuple),
)


@given(ANNOTATIONS)
@settings(deadline=None)
def test_json_gives_them_back(annotations):
    assert annotations_from_json(annotations.to_json()) == annotations


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "1", "null", "{", '{"x":[]}', '{"characters":1}', '{"characters":[1]}',
        '{"characters":[["A",1,2,3]]}',
        '{"characters":[["A",1,2,3,4.5]]}', '{"points":[["A",1]]}', '{"points":{"A":1}}', '{"strokes":[["curl",1,2]]}',
        '{"strokes":[["circle",1,2]]}', '{"strokes":[[["circle"],1,2,3]]}', '{"strokes":[["curve",1,2,3]]}',
        '{"marks":[["stain",1,1,2,3,4]]}', '{"marks":[["ticks","1",1,2,3,4]]}', '{"marks":[["ticks",true,1,2,3,4]]}',
        '{"strokes":[["circle",1,2,NaN]]}', "[" * 100_000, json.dumps({"points": [["A", 1, 2, 3]]}),
    ],
)  # fmt: skip
def test_anything_else_is_one_line(text):
    with pytest.raises(UserError, match="annotations"):
        annotations_from_json(text)
