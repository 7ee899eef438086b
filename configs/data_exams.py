"""Real exam problems with their diagrams, open questions and answers: FormalGeo7k, all of it.

mmgeo data --spec=configs/data_exams.py --out=data/exams --spec.root=../shared/data/formalgeo7k
"""

from ml_collections import ConfigDict

from configs.data_formalgeo import get_spec as formalgeo


def get_spec() -> ConfigDict:
    spec = formalgeo()
    spec.name = spec.source = "exams"
    spec.size_px = 168
    return spec
