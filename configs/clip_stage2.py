"""The paper's recipe, second stage: an anchor against 30 retrieved and 10 edited captions, without in-batch negatives.

make train-clip CONFIG=configs/clip_stage2.py
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_tiny").unlock()
    config.name = "clip_stage2"
    config.init_from = "runs/clip_stage1"
    config.data.max_images = 1
    config.data.max_captions = 1 + 10  # its own; those of its siblings, and three text-only ones
    config.data.retrieved_captions = 30
    config.loss.mask = "mm_text"
    config.optim.lr = 3e-4
    config.train.update(steps=300, anchor_warmup=0.0)
    return config
