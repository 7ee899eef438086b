"""Small data sets of other people's, for the tests of the sources that read them."""

import json

import numpy as np
from ml_collections import ConfigDict

from tests.support.fake_source import png


def pictures(root, names):
    """A different PNG under each name."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(np.random.default_rng(i).integers(0, 256, (9, 12), dtype=np.uint8)))


def spec(root, **more):
    """Everything in the split train."""
    shares, families = dict(train=1, val=0), dict(train=1000, val=1000)
    return ConfigDict(dict(root=str(root), seed=0, size_px=32, shares=shares, families=families) | more)


def write_jsonl(root, rows, name="families.jsonl"):
    (root / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
