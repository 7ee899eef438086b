"""The frozen benchmark: 2,000 families of 8 pictures and captions, half stars, half cubes, three levels of difficulty.

    make hardset

Each kind of edit leads an equal share of the families. Its seed is its own: no other spec may use it.
"""

from ml_collections import ConfigDict

from configs.data_composed import get_spec as composed
from data_gen.sources.composed import HARDSET_SEED


def get_spec() -> ConfigDict:
    spec = composed()
    spec.name = "hardset"
    spec.seed = HARDSET_SEED
    spec.size_px = 336
    spec.families = ConfigDict(dict(test=2000))
    spec.cube_share = 0.5
    spec.leaves = 1
    spec.text_only = 0
    return spec
