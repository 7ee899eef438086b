"""Plain JSONL: any number of negatives becomes a family that says no more than its line asserts."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data_gen.build import shards
from data_gen.build import spec as specs
from data_gen.records import schema, tfrecords
from data_gen.shared.errors import UserError
from data_gen.sources.external import jsonl
from mmgeo_jax.evals import scores
from tests.support.foreign import pictures, spec, write_jsonl

ROW = {
    "image": "a.png",
    "caption": "AB ∥ CD.",
    "negatives": ["AB ⟂ CD.", {"image": "b.png"}, {"image": "c.png", "caption": "AB meets CD."}, "AB = CD."],
}


def families(root):
    s = spec(root, file="families.jsonl")
    return [jsonl.family(s, "train", i) for i in range(jsonl.rows(s, "train"))]


@pytest.fixture
def root(tmp_path):
    pictures(tmp_path, ["a.png", "b.png", "c.png"])
    return tmp_path


def test_a_line_becomes_a_family(root):
    write_jsonl(root, [ROW, {"image": "b.png", "caption": "x"}])
    mixed, alone = families(root)
    # Pictures: anchor, c (with its caption), b. Captions: the anchor's, c's, the two that are text alone.
    assert mixed.captions == ("AB ∥ CD.", "AB meets CD.", "AB ⊥ CD.", "AB = CD.")
    assert mixed.truth.tolist() == [[1, 0, 0, 0], [0, 1, -1, -1], [0, -1, -1, -1]]
    np.testing.assert_array_equal(mixed.provenance, np.where(mixed.truth >= 0, 2, 0))
    assert mixed.programs == () and (mixed.image_signatures == 0xFFFFFFFF).all()
    assert alone.truth.tolist() == [[1]]
    for family in (mixed, alone):
        assert schema.encode(schema.decode(schema.encode(family))) == schema.encode(family)


def test_what_repeats_is_no_negative(root):
    negatives = ["x", "y", "y", {"image": "a.png"}, {"image": "b.png", "caption": "x"}, {"image": "c.png"}]
    write_jsonl(root, [{"image": "a.png", "caption": "x", "negatives": negatives}])
    (family,) = families(root)
    assert family.captions == ("x", "y") and len(family.images) == 2
    assert family.truth.tolist() == [[1, 0], [0, -1]]


def test_a_whole_data_set_is_built_and_rows_of_one_picture_stay_together(root, tmp_path):
    names = [f"p/{i}.png" for i in range(40)]
    pictures(root, names)
    write_jsonl(root, [{"image": name, "caption": f"{name} {k}"} for name in names for k in range(2)])
    config = specs.load_spec("configs/data_jsonl.py", [f"--spec.root={root}", "--spec.shares.val=3"])
    assert shards.build(config, str(tmp_path / "out"), 1)
    found = {}
    for split in ("train", "val", "test"):
        source = tfrecords.RecordSource(tmp_path / "out", split)
        found[split] = {source[i].captions[0].split()[0] for i in range(len(source))}
    assert set.union(*found.values()) == set(names)
    assert sum(map(len, found.values())) == len(names) and min(map(len, found.values())) > 0
    assert 3 <= len(found["val"]) <= 20


def test_evaluation_takes_more_pictures_than_captions():
    truth = np.array([[[1], [0], [0]], [[1], [-1], [-1]]], np.int8)
    split: Any = SimpleNamespace(truth=truth, captioned=np.ones((2, 1), bool))
    assert scores.target_pictured(split).tolist() == [[1], [1]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"image": "/etc/passwd"}, "leads out"),
        ({"image": "../a.png"}, "leads out"),
        ({"image": "link.png"}, "leads out"),
        ({"image": "none.png"}, "is not there"),
        ({"image": "text.png"}, "does not decode"),
        ({"caption": ""}, "not empty"),
        ({"caption": "\ud800"}, "half a character"),
        ({"negatives": "x"}, "must be a list"),
        ({"negatives": [{}]}, "neither"),
        ({"negatives": [{"text": "x"}]}, "'text' is none of"),
        ({"negative": []}, "'negative' is none of"),
    ],
)
def test_a_wrong_line_is_named(root, change, word):
    (root / "link.png").symlink_to("/etc/passwd")
    (root / "text.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    write_jsonl(root, [{"image": "b.png", "caption": "x"}, ROW | change])
    with pytest.raises(UserError, match=f"line 2.*{word}"):
        families(root)
