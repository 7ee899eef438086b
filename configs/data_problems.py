"""Worked problems with pictures, choices and solutions: what the multimodal model is tuned and tested on.

make data SPEC=configs/data_problems.py
mmgeo data --spec=configs/data_problems.py --out=data/problems --spec.in_picture=1.0
"""

from ml_collections import ConfigDict

from data_gen.sources.problems.source import KINDS


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "problems"
    spec.source = "problems"
    spec.seed = 0
    spec.size_px = 168
    spec.families = ConfigDict(dict(train=4000, val=200, test=1000))
    spec.shard_size = 250
    spec.kinds = tuple(KINDS)  # they take turns
    spec.in_picture = 0.7  # share of the problems whose given values stand in the picture alone
    spec.letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return spec
