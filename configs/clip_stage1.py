"""The paper's recipe, first of three stages: random negatives, as CLIP is trained. Here at laptop size.

    make train-clip CONFIG=configs/clip_stage1.py
    make retrieval DIR=data/tiny
    make train-clip CONFIG=configs/clip_stage2.py
    make train-clip CONFIG=configs/clip_stage3.py

Each stage begins where the one before ended (`init_from`). For another size change the base that the three import, from
clip_in_batch and clip_tiny to clip_so400m or clip_b16.
"""

from ml_collections import ConfigDict

from configs import clip_in_batch


def get_config() -> ConfigDict:
    config = clip_in_batch.get_config()
    config.name = "clip_stage1"
    return config
