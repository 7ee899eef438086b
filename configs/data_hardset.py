"""The frozen benchmark: 2,000 families of 8 pictures and captions, half stars, half cubes, three levels of difficulty.

    make hardset

Each kind of edit leads an equal share of the families, and the mix is such that all come about equally often. Its seed
is its own: no other spec may use it.
"""

from ml_collections import ConfigDict

from configs.data_composed import get_spec as composed
from data_gen.sources.composed import HARDSET_SEED

# Weights of the kinds of edits with which all come about equally often: what is easily drawn weighs less.
MIX = dict(
    shape=0.9, role=2.5, centre=3.6, replaced=2.5, ratio=0.4, betweenness=0.3, incidence=0.7, inside_outside=3.3,
    tangency=2.3, two_circles=3.2, parallel=2.2, perpendicular=0.7, concyclic=3.4, congruence=3.8, element=3.6,
    dashes=2.6, shading=1.6, ticks=0.3, numbered=0.8, count=0.2, sector=3.1, graph=1.8, labels=0.3,
    printed_length=0.3, printed_angle=3.7, printed_area=3.0,
)  # fmt: skip


def get_spec() -> ConfigDict:
    spec = composed()
    spec.name = "hardset"
    spec.seed = HARDSET_SEED
    spec.size_px = 336
    spec.families = ConfigDict(dict(test=2000))
    spec.cube_share = 0.5
    spec.leaves = 1
    spec.mix = ConfigDict(MIX)
    spec.text_only = 0
    return spec
