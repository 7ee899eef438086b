"""The frozen benchmark: its own seed, its version, its shares."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from configs.data_composed import get_spec as composed_spec
from configs.data_hardset import get_spec
from data_gen.build import shards
from data_gen.checks import hardset
from data_gen.records import tfrecords
from data_gen.shared.errors import UserError
from data_gen.sources.composed import source as composed
from data_gen.sources.composed.profiles import PROFILES
from tests.support.fake_source import png


def test_no_other_data_set_may_draw_from_its_seed():
    spec = composed_spec()
    spec.seed = composed.HARDSET_SEED
    with pytest.raises(UserError, match="seed .* is the frozen benchmark's"):
        composed.family(spec, "train", 0)


def test_layouts_levels_and_leading_kinds_have_equal_shares():
    spec, kinds = get_spec(), len(PROFILES["all_kinds"].weights)
    rows = range(spec.families["test"])
    cubes = sum(row // kinds % 4 < 2 for row in rows)
    assert abs(cubes / len(rows) - 0.5) <= 0.03
    levels = [sum(row // (4 * kinds) % 3 == level for row in rows) for level in range(3)]
    assert max(levels) - min(levels) <= 4 * kinds


def test_its_version_is_that_of_what_it_asks(tmp_path, capsys):
    spec = get_spec()
    spec.families, spec.shard_size, spec.size_px = {"test": 4}, 2, 224
    shards.build(spec, str(tmp_path / "a"), 1)
    assert hardset.main(["--data", str(tmp_path / "a")]) == 0
    shown = capsys.readouterr().out
    source = tfrecords.RecordSource(tmp_path / "a", "test")
    families = [source[row] for row in range(len(source))]
    version = hardset.benchmark_version(families)
    assert f"version {version}" in shown and "4 families of 8" in shown
    first = families[0]
    repacked = tuple(png(np.asarray(Image.open(io.BytesIO(each)))) for each in first.images)
    for change, same in (
        ({"images": repacked, "annotations": ()}, True),  # stored otherwise
        ({"images": (first.images[1], *first.images[1:])}, False),
        ({"captions": (first.captions[0] + ".", *first.captions[1:])}, False),
        ({"truth": 1 - first.truth}, False),
    ):
        changed = [dataclasses.replace(first, **change), *families[1:]]
        assert (hardset.benchmark_version(changed) == version) is same, change
    assert all(len(family.captions) == 8 for family in families)
    assert families[0].key == "hardset/test/0000000"
