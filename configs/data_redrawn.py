"""Real exam diagrams redrawn: FormalGeo7k as programs, each with the seven siblings of three edits.

mmgeo data --spec=configs/data_redrawn.py --out=data/redrawn --spec.root=../shared/data/formalgeo7k
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "redrawn"
    spec.source = "redrawn"
    spec.seed = 0
    spec.size_px = 336
    spec.root = "data/formalgeo7k"  # problems/ and diagrams/ as published, or train.jsonl, val.jsonl, diagrams/
    spec.split_by = "published"  # how problems/ is split: as FormalGeo does, or "clusters" of like diagrams
    # About one for each problem; more are other edits of them.
    spec.families = ConfigDict(dict(train=4000, val=1300, test=0))
    spec.shard_size = 64
    return spec
