"""The paper's own training files: pictures with image negatives and text negatives, truth as they assert it.

mmgeo data --spec=configs/data_mmgeolm.py --out=data/mmgeolm --spec.root=path/to/folder
"""

from ml_collections import ConfigDict


def get_spec() -> ConfigDict:
    spec = ConfigDict()
    spec.name = "mmgeolm"
    spec.source = "mmgeolm"
    spec.seed = 0
    spec.size_px = 384
    spec.root = "data/mmgeolm_source"  # pictures and files lie in here, and nothing outside is read
    spec.files = ("image_negatives.json", "text_negatives.json")  # in root
    spec.shares = ConfigDict(dict(train=8, val=1, test=1))  # a hash of the picture's path deals out the rows
    spec.families = ConfigDict(dict(train=10_000_000, val=10_000_000, test=10_000_000))  # at most
    spec.shard_size = 256
    return spec
