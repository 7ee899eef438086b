"""The paper's recipe at laptop size, first of three stages: in-batch negatives, as CLIP is trained.

    make train-clip CONFIG=configs/clip_stage1.py
    make retrieval DIR=data/tiny
    make train-clip CONFIG=configs/clip_stage2.py
    make train-clip CONFIG=configs/clip_stage3.py

Each stage starts from the one before (`init_from`). For another size change the base of the three, from clip_in_batch
and clip_tiny to clip_so400m or clip_b16.
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_in_batch").unlock()
    config.name = "clip_stage1"
    return config
