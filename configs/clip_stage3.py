"""The paper's recipe, third stage: a caption against the images of the anchor's siblings.

    make train-clip CONFIG=configs/clip_stage3.py

The paper has 10 images, our families 7 siblings. `loss.mask="family"` uses every image and caption as an anchor.
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_tiny").unlock()
    config.name = "clip_stage3"
    config.init_from = "runs/clip_stage2"
    config.loss.mask = "mm_image"
    config.optim.lr = 3e-4
    config.train.update(steps=300, anchor_warmup=0.0)
    return config
