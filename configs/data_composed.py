"""Composed figures as books draw them, with every kind of edit, at 224 px: what encoders are trained on in earnest.

make data SPEC=configs/data_composed.py
mmgeo data --spec=configs/data_composed.py --out=data/composed --spec.mix.labels=3
"""

from ml_collections import ConfigDict

from data_gen.sources.composed.source import KINDS


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "composed"
    spec.source = "composed"
    spec.seed = 0
    spec.size_px = 224
    spec.families = ConfigDict(dict(train=20000, val=500, test=2000))
    spec.shard_size = 250
    spec.difficulties = (0, 1, 2)  # they take turns: 0 clear, 1 as in books, 2 any rotation, small letters, more parts
    spec.cube_share = 0.25  # of the families, in quarters; the rest are stars of seven siblings
    spec.profile = "books"  # what figures show, in the shares of exam problems; "all_kinds": every kind alike
    spec.leaves = 5  # how many of a star's seven edits change labels or printed values; the rest exchange constructions
    spec.answers = 3  # at most so many constructions take turns in one place of a star; in a cube two do
    # leads: how often each kind is the one that a family begins with, times the profile's share. mix: of `choices`
    # candidate plans for a family, one is drawn with a probability proportional to the product of its kinds' weights.
    spec.leads = ConfigDict({layout: {kind: 1.0 for kind in KINDS} for layout in ("star", "cube")})
    spec.mix = ConfigDict({kind: 1.0 for kind in KINDS})
    spec.choices = 8
    spec.text_only = 4  # further captions without a picture
    spec.letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return spec
