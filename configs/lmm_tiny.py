"""Stage 2 of the multimodal quick start: the whole model learns to solve problems step by step.

make train-lmm                                                # both stages
make train-lmm NAME=blind ARGS=--config.data.show_images=False   # both without images
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "lmm_align").unlock()
    config.name = "lmm_tiny"
    config.init_from, config.init_parts = "runs/lmm_align", "image|projector|decoder"
    config.data.update(task="problems", samples_per_row=2, max_tokens=240)
    config.train.update(steps=650, eval_every=200, checkpoint_every=200)
    return config
