"""The baseline: the quick start with in-batch negatives only, on anchors, with as many images per step.

make train-clip CONFIG=configs/clip_in_batch.py
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_tiny").unlock()
    config.name = "clip_in_batch"
    config.loss.mask = "in_batch"
    config.train.global_batch *= config.data.max_images
    config.data.max_images = config.data.max_captions = 1
    config.train.anchor_warmup = 0.0
    return config
