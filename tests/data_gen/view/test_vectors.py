"""Vector pictures: the same figures as the stored pixels, in files and in the gallery."""

import re
import xml.etree.ElementTree as ET
from base64 import b64decode

import numpy as np
import pytest

from data_gen.build.spec import load_spec
from data_gen.drawing.png import decode_png
from data_gen.drawing.svg import svg_to_pixels
from data_gen.records.schema import Family
from data_gen.sources.templates import source
from data_gen.view import contact_sheet, gallery
from data_gen.view.vectors import vector_overlay, vector_pictures
from tests.data_gen.records.test_records import write_set
from tests.support.fake_source import make
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def family() -> Family:
    return source.family(load_spec(str(ROOT / "configs/data_tiny.py"), []), "test", 0)


def test_vector_pictures_are_the_stored_ones(family):
    for svg, png in zip(vector_pictures(family), family.images, strict=True):
        np.testing.assert_array_equal(svg_to_pixels(svg, family.size_px), decode_png(png), strict=True)


def test_an_overlay_holds_all_paths_of_both_in_their_colours(family):
    anchor, sibling = vector_pictures(family)[:2]
    layers = ET.fromstring(vector_overlay(anchor, sibling))
    counts = [len(layer) for layer in layers]
    assert counts == [anchor.count("<path"), sibling.count("<path")]
    assert "black" not in vector_overlay(anchor, sibling)
    shaded = '<svg>\n<path fill="#c8c8c8" d="M0 0"/>\n</svg>\n'
    assert vector_overlay(shaded, shaded).count('fill-opacity="0.22"') == 2


def test_commands_write_vectors(family, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    write_set(tmp_path / "data", [family, make("without programs", programs=(), canvas="")], shards=1)
    pages = []
    for options in [], ["--svg"]:
        assert gallery.main([f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'page.html'}", *options]) == 0
        pages.append((tmp_path / "page.html").read_text())
    drawn = [page.count('class="drawn" src="data:image/svg+xml') + page.count('class="over" src="data:image/svg+xml')
             for page in pages]  # fmt: skip
    assert drawn == [0, 2 * len(family.images) - 1] and "image/png" in pages[1]
    first = re.search(r"svg\+xml;base64,([^\"]*)", pages[1])
    assert first and b64decode(first[1]).decode() == vector_pictures(family)[0]

    command = [f"--data={tmp_path / 'data'}", "--split=train", f"--out={tmp_path / 'sheet.png'}", "--svg"]
    assert contact_sheet.main([*command, str(tmp_path / "svg")]) == 0
    files = sorted((tmp_path / "svg").iterdir())
    assert [file.read_text() for file in files] == list(vector_pictures(family))
    assert contact_sheet.main([*command, str(tmp_path / "none"), "--row=1"]) == 1
    assert "has no programs to draw again" in capsys.readouterr().err
