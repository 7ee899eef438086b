"""Composed figures with all kinds of edits alike, rare ones too, and captions that say all that is drawn.

make data SPEC=configs/data_all_kinds.py
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_spec() -> ConfigDict:
    spec = load("spec", "data_composed").unlock()
    spec.name = "all_kinds"
    spec.profile = "all_kinds"
    spec.leaves = 3
    return spec
