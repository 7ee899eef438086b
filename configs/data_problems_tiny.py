"""The problems of the multimodal quick start: ten kinds with one given value, at 112 px.

make data SPEC=configs/data_problems_tiny.py
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_spec() -> ConfigDict:
    spec = load("spec", "data_problems").unlock()
    spec.name = "problems_tiny"
    spec.size_px = 112
    spec.families = ConfigDict(dict(train=16000, val=200, test=1000))
    spec.kinds = (
        "inscribed_angle",
        "central_angle",
        "arc_measure",
        "isosceles",
        "equal_tangents",
        "corresponding_angles",
        "alternate_angles",
        "co_interior_angles",
        "cyclic_quadrilateral",
        "midsegment",
    )
    return spec
