"""Figures of AlphaGeometry's problems, 336 px, and cubes of three edits of them.

mmgeo data --spec=configs/data_alphageometry.py --out=data/alphageometry \\
    --spec.file=../shared/data/alphageometry/jgex_dev_120.txt
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "alphageometry"
    spec.source = "alphageometry"
    spec.seed = 0
    spec.size_px = 336  # a dozen letters need room
    spec.file = "data/alphageometry/jgex_dev_120.txt"  # problems, two lines each: name and program
    spec.families = ConfigDict(dict(train=2000, val=128, test=512))
    spec.shard_size = 128
    spec.letters = "ABCDEFGHKLMNPQRST"
    return spec
