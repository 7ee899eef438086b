"""Your own pictures and conversations in LLaVA's JSON: questions with answers, or captions for alignment.

mmgeo data --spec=configs/data_conversations.py --out=data/own --spec.root=mine --spec.file=train.json
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "conversations"
    spec.source = "conversations"
    spec.seed = 0
    spec.size_px = 168
    spec.root = "data/own"  # the folder that the pictures' paths start from
    spec.file = "conversations.json"
    spec.shares = ConfigDict(dict(train=8, val=1, test=1))  # of the pictures
    spec.families = ConfigDict(dict(train=1_000_000, val=1_000_000, test=1_000_000))  # at most
    spec.shard_size = 256
    return spec
