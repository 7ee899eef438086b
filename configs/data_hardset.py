"""The frozen benchmark: 2,000 families of 8 pictures and captions, half stars, half cubes, three levels of difficulty.

    make hardset

The kinds of edits are nearly balanced: kinds that are hard to draw begin more families, and of eight candidate plans
for a family those with rare kinds are preferred. Its seed is its own: no other spec may use it.
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load
from data_gen.sources.composed.source import HARDSET_SEED

# kind: how often it leads a star, how often a cube, and its weight in the choice of plans. Found by trial, see
# perf/NOTES.md.
KINDS = {
    "shape": (0.8, 0.8, 0.81),
    "role": (1.79, 1.79, 3.29),
    "centre": (3.82, 3.82, 4.3),
    "replaced": (1.62, 1.62, 2.57),
    "ratio": (0.39, 0.39, 0.28),
    "betweenness": (0.5, 0.5, 0.24),
    "incidence": (0.54, 0.54, 0.42),
    "inside_outside": (2.95, 2.95, 4.09),
    "tangency": (1.58, 1.58, 3.05),
    "two_circles": (2.76, 2.76, 5.25),
    "parallel": (1.19, 1.19, 1.68),
    "perpendicular": (1.22, 1.22, 0.96),
    "concyclic": (1.43, 1.43, 2.39),
    "congruence": (1.15, 1.15, 3.98),
    "element": (2.12, 2.12, 4.29),
    "dashes": (1.8, 1.8, 3.53),
    "shading": (1.64, 1.64, 1.92),
    "ticks": (0.31, 0.31, 0.15),
    "numbered": (2.23, 2.23, 1.13),
    "count": (0.46, 0.46, 0.18),
    "sector": (1.22, 1.22, 2.65),
    "graph": (4.4, 0, 1.0),
    "labels": (0.27, 0.27, 0.23),
    "printed_length": (0.37, 0.37, 0.3),
    "printed_angle": (2.79, 2.79, 3.94),
    "printed_area": (2.99, 2.99, 4.26),
}


def get_spec() -> ConfigDict:
    spec = load("spec", "data_all_kinds").unlock()
    spec.name = "hardset"
    spec.seed = HARDSET_SEED
    spec.size_px = 336
    spec.families = ConfigDict(dict(test=2000))
    spec.cube_share = 0.5
    spec.leaves = 1
    spec.leads.star = ConfigDict({kind: row[0] for kind, row in KINDS.items()})
    spec.leads.cube = ConfigDict({kind: row[1] for kind, row in KINDS.items()})
    spec.mix = ConfigDict({kind: row[2] for kind, row in KINDS.items()})
    spec.text_only = 0
    return spec
