"""The paper's JSON files, in every shape in which its release shows them."""

import json

import pytest

from data_gen.records import schema
from data_gen.shared.errors import UserError
from data_gen.sources.external import mmgeolm
from tests.support.foreign import pictures, spec

TURNS = [{"from": "humam", "value": "describe {the} image"}, {"from": "gpt", "value": 'AB, "conversations": CD ,]'}]
NAMES = ["a.png", "n1.png", "n2.png"]


def item(**more):
    return {"positive_image_path": "a.png", "conversations": TURNS} | more


@pytest.fixture
def root(tmp_path):
    pictures(tmp_path, NAMES)
    return tmp_path


def families(root, *texts):
    files = []
    for i, text in enumerate(texts):
        files.append(f"{i}.json")
        (root / files[-1]).write_text(text if isinstance(text, str) else json.dumps(text))
    s = spec(root, files=tuple(files))
    return [mmgeolm.family(s, "train", i) for i in range(mmgeolm.rows(s, "train"))]


def test_image_negatives_text_negatives_and_pairs(root):
    images, texts, both = families(
        root, [item(negative_image_path=["n1.png", str(root / "n2.png")])],
        [item(negative_captions=["x", "y"]), item(negative_captions=["x", "y"], negative_image_path=NAMES[1:])],
    )  # fmt: skip
    assert images.truth.tolist() == [[1], [0], [0]]
    assert texts.truth.tolist() == [[1, 0, 0]] and texts.captions[1:] == ("x", "y")
    assert both.truth.tolist() == [[1, 0, 0], [0, 1, -1], [0, -1, 1]]
    assert len({f.key for f in (images, texts, both)}) == 3
    for family in (images, texts, both):
        assert family.captions[0] == TURNS[1]["value"] and family.programs == ()
        assert schema.encode(schema.decode(schema.encode(family))) == schema.encode(family)


def test_conversations_as_the_release_shows_them(root):
    listed = json.dumps([item(negative_captions=["x ,]"])])
    bare = listed.replace(json.dumps(TURNS), json.dumps(TURNS)[1:-1])
    assert bare != listed
    named = json.dumps([item(negative_captions=["x ,]"], conversations={"human": TURNS[0], "model": TURNS[1]})])
    found = families(root, listed, bare, bare[:-1] + ", ]", named)
    assert [f.captions for f in found] == [(TURNS[1]["value"], "x ,]")] * 4


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"positive_image_path": "/path/positive.png"}, "leads out"),
        ({"negative_image_path": ["../x.png"]}, "leads out"),
        ({"negative_image_path": "n1.png"}, "must be a list"),
        ({"negative_captions": [None]}, r"negative_captions\[0\]"),
        ({"conversations": TURNS[:1]}, "no turn"),
        ({"conversations": None}, "list of two turns"),
    ],
)
def test_a_wrong_item_is_named(root, change, word):
    with pytest.raises(UserError, match=f"0.json item 1.*{word}"):
        families(root, [item(), item(**change)])
