"""Your own pictures and captions: JSONL, whose keys data_gen/sources/external/jsonl.py explains.

mmgeo data --spec=configs/data_jsonl.py --out=data/jsonl --spec.root=path/to/folder --spec.file=my.jsonl
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "jsonl"
    spec.source = "jsonl"
    spec.seed = 0
    spec.size_px = 384
    spec.root = "data/jsonl_source"  # pictures and files lie in here, and nothing outside is read
    spec.file = "families.jsonl"  # in root
    spec.shares = ConfigDict(dict(train=8, val=1, test=1))  # a hash of the picture's path deals out the rows
    spec.families = ConfigDict(dict(train=10_000_000, val=10_000_000, test=10_000_000))  # at most
    spec.shard_size = 256
    return spec
