"""The page of families: what an edit changed is shown, everything is escaped, and a browser can leaf through it."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from data_gen.records import schema
from data_gen.view import changes, gallery, page
from tests.data_gen.records.test_records import write_set
from tests.support.browser import check_page, dump_dom
from tests.support.fake_source import make, png

WHITE = np.full((40, 40), 255, np.uint8)


def drawn(*spans):
    """A white picture with black squares: (row, column) of their corners, 6 px wide."""
    pixels = WHITE.copy()
    for row, column in spans:
        pixels[row : row + 6, column : column + 6] = 0
    return png(pixels)


def test_overlay_colours_what_only_one_picture_has():
    both, gone, new = (4, 4), (4, 30), (30, 4)
    over = changes.overlay(drawn(both, gone), drawn(both, new))
    assert over is not None
    pixels = np.asarray(Image.open(io.BytesIO(over)).convert("RGB")).astype(int)
    centre = {name: pixels[row + 3, column + 3] for name, (row, column) in dict(both=both, gone=gone, new=new).items()}
    assert np.ptp(centre["both"]) == 0 and centre["both"][0] < 100  # dark grey
    assert centre["gone"][2] > centre["gone"][0] + 80 and centre["new"][0] > centre["new"][2] + 80  # blue, orange
    tint = pixels[gone[0] + 3, gone[1] - 1]
    assert tint[2] < 230 and (pixels[35, 35] == 255).all() and (pixels[4 + 3, 12] == 255).all()


def test_no_tint_where_the_whole_picture_differs():
    stripes = WHITE.copy()
    stripes[::4] = 0
    over = changes.overlay(png(stripes), png(np.roll(stripes, 2, 0)))
    assert over is not None
    colours = {colour for _, colour in Image.open(io.BytesIO(over)).convert("RGB").getcolors() or ()}
    assert (255, 255, 255) in colours and len(colours) == 3


def test_no_overlay_of_other_sizes_or_broken_pictures():
    assert changes.overlay(png(WHITE), png(WHITE[:20])) is None
    assert changes.overlay(png(WHITE), b"PNG") is None
    text = gallery.write_page("x", [(0, make(n=2, c=2, images=(png(WHITE), b"PNG")), [])])
    assert text.count('class="drawn"') == 2 and 'class="over"' not in text


def test_changed_words_are_marked_and_lost_ones_struck():
    template = page.templates().from_string('{% from "macros.html.jinja" import words %}{{ words(changes) }}')

    def said(old, new):
        return template.render(changes=changes.changed_words(old, new))

    assert said("AB = 5. C lies on AB.", "AB = 7. C lies on AB.") == "AB = <mark>7.</mark> C lies on AB."
    assert said("AB = 5. C lies on AB.", "C lies on AB.") == "<del>AB = 5.</del> C lies on AB."
    assert said("a b", "a b <c>") == "a b <mark>&lt;c&gt;</mark>"
    assert said("a b", "a b") == "a b"


EVIL = '<script>alert("1")</script> {}'


def evil():
    """A family each of whose texts would do harm."""
    family = make(
        key=EVIL.format(0), n=3, c=4, caption=EVIL, source=EVIL,
        question=dict(question=EVIL, choices=(EVIL,), answer=EVIL, solution=EVIL, tags=(EVIL, schema.IN_PICTURE)),
    )  # fmt: skip
    kinds = ((), ('"><b>', "midpoint_ratio"), ("swap",), ("swap",))
    changed = dict(kinds=kinds, facts=(EVIL,) * 4, programs=(EVIL,) * 3, canvas=EVIL)
    return schema.Family(**{**vars(family), **changed})


def test_everything_from_records_is_escaped():
    text = gallery.write_page(EVIL, [(7, evil(), [])])
    assert text.count("<script>") == 1 and text.count("<b>") == 3  # the numbers of the pictures
    assert "&lt;script&gt;alert(&#34;1&#34;)" in text and "midpoint ratio (1)" in text and "swap (1)" in text


def test_the_truth_table_tells_what_is_stored():
    truth = np.array([[1, 0, -1], [0, 1, 0]], np.int8)
    family = make(n=2, c=3, truth=truth, provenance=np.array([[1, 1, 0], [2, 1, 1]], np.uint8),
                  margin_px=np.array([[3.25, 8, np.nan], [5, 6, 7]], np.float32))  # fmt: skip
    text = gallery.write_page("x", [(0, family, [])])
    cells = re.findall(r'<td class="(\w+)" title="([^"]*)">(.)</td>', text)
    assert [(kind, mark) for kind, _, mark in cells] == [
        ("yes", "✓"), ("no", "·"), ("unsure", "?"), ("no", "·"), ("yes", "✓"), ("no", "·"),
    ]  # fmt: skip
    assert cells[0][1] == "caption 1 of picture 1: true, computed, by 3.2 px"
    assert cells[2][1] == "caption 3 of picture 1: cannot say, unknown"
    assert cells[3][1] == "caption 1 of picture 2: false, asserted, by 5.0 px"


def test_families_of_every_kind_are_chosen():
    common, rare = ((), ("common",)), ((), ("rare",))
    some = [make(key=str(i), n=1, c=2, kinds=rare if i == 150 else common) for i in range(200)]
    chosen = gallery.choose_families(some, 10)  # type: ignore[arg-type]
    assert len(chosen) == 11 and 150 in {row for row, _ in chosen}
    assert [row for row, _ in chosen] == sorted(row for row, _ in chosen)
    assert max(row for row, _ in chosen) > 100 and gallery.choose_families([], 10) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_leafs_through_one_family_at_a_time(tmp_path, width):
    kinds = (((), ("swap",), ("swap",)), ((), ("ratio",), ("swap",)), ((), ("ratio",), ("ratio",)))
    long = "AB is parallel to CD and EF = 12.5. " * 4 + "{}"
    families = [make(f"family {i}", i, n=3, c=3, caption=long, kinds=some) for i, some in enumerate(kinds)]
    text = gallery.write_page("t", [(row, family, []) for row, family in enumerate([*families, evil()])])
    shown = """<script>addEventListener('load', () => {
      const visible = () => [...document.querySelectorAll('.family')].filter(c => !c.hidden)
        .map(c => c.querySelector('h3').textContent);
      const seen = [visible()];
      document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true})); seen.push(visible());
      document.getElementById('on').click(); seen.push(visible());
      document.getElementById('back').click();
      seen.push(visible(), document.querySelectorAll('.wanted').length, location.hash,
        getComputedStyle(document.querySelector('.family:not([hidden]) .drawn')).display);
      document.body.dataset.seen = JSON.stringify(seen); });</script>"""
    number = re.search(r'value="(\d+)">ratio', text)
    assert number
    found = check_page(text, tmp_path, width, shown, anchor=f"#{number[1]}/1")
    check, seen = found["check"], found["seen"]
    assert check["faults"] == [] and check["asked"] == [] and check["overflow"] <= 0 and min(check["widths"]) > 0
    assert seen[:4] == [["family 1"], ["family 2"], ["family 1"], ["family 2"]]
    assert seen[4] == 3 and seen[5] == f"#{number[1]}/2" and seen[6] == "block"


def test_the_pages_own_script_is_the_one_that_its_policy_allows(tmp_path):
    """Without the test's own scripts: the page as it is shows one family only where its script may run."""
    path = tmp_path / "page.html"
    path.write_text(gallery.write_page("t", [(0, make("one"), []), (1, make("two"), [])]))
    assert len(re.findall(r'<article[^>]* hidden=""', dump_dom(path))) == 1


def test_the_command_writes_a_page_and_says_what_is_wrong(tmp_path, capsys):
    write_set(tmp_path, [make(f"k{i}", i) for i in range(4)], shards=2)
    assert gallery.main([f"--data={tmp_path}", "--each=2"]) == 0
    text = (tmp_path / "gallery-train.html").read_text()
    assert "http" not in text.replace("http-equiv", "") and text.count("<article") == 2
    assert str(tmp_path / "gallery-train.html") in capsys.readouterr().out
    assert gallery.main([f"--data={tmp_path}", "--split=val"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {tmp_path} has no split 'val', only train"
    assert gallery.main([f"--data={tmp_path}", f"--out={tmp_path}/no/page.html"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    with pytest.raises(SystemExit):
        gallery.main(["--help"])
    assert "--split=test --each=30" in capsys.readouterr().out
