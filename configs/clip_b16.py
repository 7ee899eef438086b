"""SigLIP B/16 at 224 px, fine-tuned on whole families on a single GPU.

make compile-report CONFIG=configs/clip_b16.py DEVICES=1
make data SPEC=configs/data_composed.py
make train-clip CONFIG=configs/clip_b16.py SPEC= ARGS="--config.init_from=checkpoints/siglip_b16_224.npz"
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_so400m").unlock()
    config.name = "clip_b16"
    config.data.dir = "data/composed"
    config.data.size_px = 224
    model = config.model
    model.embed = 768
    model.image.update(width=768, depth=12, heads=12, mlp_ratio=4.0, patch_px=16)
    config.optim.lr = 3e-5
    config.train.update(global_batch=64, micro_batches=4)  # 512 images per step, 128 in memory
    return config
