"""What stands where, as a layer of the gallery and in COCO's format."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from data_gen.records.annotations import Annotations
from data_gen.records.tfrecords import RecordSource
from data_gen.shared.errors import UserError
from data_gen.view import annotated, coco, gallery
from tests.data_gen.records.test_records import write_set
from tests.support.fake_source import make

FOUND = Annotations(
    characters=(("A", (1, 2, 8, 12)), ("<", (20, 2, 28, 12))),
    points=(("A", (5, 20)),),
    strokes=(
        ("segment", (5, 20, 60, 20)),
        ("circle", (40, 40, 10)),
        ("arc", (40, 40, 20, 0, 90)),
        ("curve", (1, 1, 2, 3, 4, 9)),
    ),
    marks=(("ticks", 2, (30, 16, 36, 24)),),
)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_layer_shows_everything_and_escapes_what_it_says():
    root = ElementTree.fromstring(annotated.annotation_layer(FOUND, 112))
    count = {name: len(list(root.iter(SVG + name))) for name in ("rect", "circle", "polyline")}
    assert count == {"rect": 3, "circle": 2, "polyline": 3} and root.get("viewBox") == "0 0 112 112"
    arc = [line for line in root.iter(SVG + "polyline") if line[0].text == "arc"][0].attrib["points"].split()
    assert arc[0] == "60,40" and arc[-1] == "40,60"  # clockwise to the eye: from the right to below the centre
    assert {title.text for title in root.iter(SVG + "title")} >= {"A", "<", "ticks 2"}


def test_the_page_has_a_layer_for_each_picture_that_has_one():
    known, unknown = make(annotations=(FOUND.to_json(),) * 3), make(n=2, c=2)
    assert gallery.write_page("x", [(0, known, [])]).count('class="layer"') == 3
    text = gallery.write_page("x", [(0, unknown, [])])
    assert 'class="layer"' not in text and 'id="annotated"' not in text


def test_coco_has_each_object_with_its_box():
    rows = coco.rows(FOUND, image_id=7, first_id=3)
    names = {number: name for name, number in coco.CATEGORIES.items()}
    by_name = {names[row["category_id"]]: row for row in rows}
    assert [row["id"] for row in rows] == list(range(3, 3 + len(rows))) and {row["image_id"] for row in rows} == {7}
    assert set(by_name) == {"character A", "point", *(f"stroke {kind}" for kind, _ in FOUND.strokes), "mark ticks"}
    assert by_name["character A"]["bbox"] == [1, 2, 7, 10] and by_name["character A"]["area"] == 70
    assert by_name["point"]["keypoints"] == [5, 20, 2] and by_name["point"]["name"] == "A"
    assert by_name["stroke circle"]["bbox"] == [30, 30, 20, 20]
    x, y = np.array(by_name["stroke arc"]["segmentation"][0]).reshape(-1, 2).T
    np.testing.assert_allclose(np.hypot(x - 40, y - 40), 20, atol=0.1)


def test_the_command_writes_pictures_and_their_objects(tmp_path, capsys):
    (tmp_path / "set").mkdir()
    (tmp_path / "bare").mkdir()
    write_set(tmp_path / "set", [make(annotations=(FOUND.to_json(),) * 3), make("fake/train/000001", n=2, c=2)])
    out = tmp_path / "out"
    assert coco.main([f"--data={tmp_path / 'set'}", f"--out={out}"]) == 0
    whole = json.loads((out / "annotations.json").read_text())
    assert {row["file_name"] for row in whole["images"]} == {file.name for file in (out / "images").iterdir()}
    assert len(whole["images"]) == 3 and len(whole["annotations"]) == 3 * len(coco.rows(FOUND, 1, 1))
    assert whole["images"][0]["width"] == 8 and f"{len(whole['annotations'])} objects" in capsys.readouterr().out
    write_set(tmp_path / "bare", [make("fake/train/000001", n=2, c=2)])
    with pytest.raises(UserError, match="no pictures whose ground truth is known"):
        coco.write_coco(RecordSource(tmp_path / "bare", "train"), out, 9)
