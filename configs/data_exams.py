"""Real exam problems with their diagrams, open questions and answers: FormalGeo7k, all of it.

mmgeo data --spec=configs/data_exams.py --out=data/exams --spec.root=../shared/data/formalgeo7k
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_spec() -> ConfigDict:
    spec = load("spec", "data_formalgeo").unlock()
    spec.name = spec.source = "exams"
    spec.size_px = 168
    return spec
