"""A small encoder for figures as books have them: 9 million parameters, 224 px, minutes on a GPU, a night on a CPU.

make data SPEC=configs/data_composed.py
make train-clip CONFIG=configs/clip_small.py SPEC=
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_tiny").unlock()
    config.name = "clip_small"
    config.data.dir = "data/composed"
    config.data.size_px = 224
    config.data.max_captions = 12
    config.data.max_tokens = 96
    config.tokenizer.vocab_size = 1024
    config.tokenizer.train_families = 4000
    model = config.model
    model.dtype = "bfloat16"
    model.embed = 256
    model.image.update(width=256, depth=8, heads=4, patch_budget=128, unroll=1)  # of 196 patches
    model.text.update(width=256, depth=3, heads=4, unroll=1)
    config.train.update(global_batch=64, steps=3000, anchor_warmup=0.2, eval_every=500, checkpoint_every=500)
    config.train.eval_families = 500
    return config
