"""Real exam problems with their diagrams, open questions and answers: FormalGeo7k, all of it.

python -m data_gen.build --spec=configs/data_exams.py --out=data/exams --spec.root=../shared/data/formalgeo7k
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "exams"
    spec.source = "exams"
    spec.seed = 0
    spec.size_px = 168
    spec.root = "data/formalgeo7k"  # the folder with train.jsonl, val.jsonl and diagrams/
    spec.families = ConfigDict(dict(train=10_000, val=10_000))  # at most
    spec.shard_size = 256
    return spec
