"""Real exam diagrams: FormalGeo7k, one picture and eight captions a family, every problem that gives one.

mmgeo data --spec=configs/data_formalgeo.py --out=data/formalgeo --spec.root=../shared/data/formalgeo7k
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "formalgeo"
    spec.source = "formalgeo"
    spec.seed = 0
    spec.size_px = 112
    spec.root = "data/formalgeo7k"  # problems/ and diagrams/ as published, or train.jsonl, val.jsonl, diagrams/
    spec.split_by = "published"  # how problems/ is split: as FormalGeo does, or "clusters" of like diagrams
    spec.families = ConfigDict(dict(train=10_000, val=10_000, test=0))  # at most
    spec.shard_size = 256
    return spec
