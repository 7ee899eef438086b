"""The quick start's figures: clear ones, 112 px, that a small encoder learns to tell apart in minutes.

make data SPEC=configs/data_tiny.py
mmgeo data --spec=configs/data_tiny.py --out=data/tiny --spec.difficulty=1
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "tiny"
    spec.source = "synthetic"
    spec.seed = 0
    spec.size_px = 112
    spec.families = ConfigDict(dict(train=5000, val=128, test=1024))
    spec.shard_size = 128
    spec.difficulty = 0  # 0 clear, 1 as in books, 2 any rotation, small letters, many wordings
    spec.cube_share = 0.25  # of the families, in quarters: all combinations of three edits; the rest are stars of seven
    spec.text_only = 4  # further captions without a picture
    spec.letters = "ABCDEFGHKLMNPQRST"
    return spec
