"""The paper's encoder, SigLIP So400m/14, fine-tuned on whole families; its text tower starts from scratch.

make compile-report CONFIG=configs/clip_so400m.py DEVICES=8
mmgeo data --spec=configs/data_composed.py --out=data/composed_378 --spec.size_px=378
make train-clip CONFIG=configs/clip_so400m.py SPEC= ARGS="--config.init_from=checkpoints/siglip_so400m_384.npz"
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load


def get_config() -> ConfigDict:
    config = load("config", "clip_tiny").unlock()
    config.name = "clip_so400m"
    config.init_parts = "image"
    config.data.dir = "data/composed_378"
    config.data.max_captions = 12
    config.data.max_tokens = 128  # the longest captions have 122 tokens
    config.data.size_px = 384 // 14 * 14  # 378, whole patches only

    model = config.model
    model.dtype = "bfloat16"
    model.embed = 1152
    model.image.update(width=1152, depth=27, heads=16, mlp_ratio=4304 / 1152, remat="full", unroll=1)
    # SigLIP's own architecture, so that the run can be exported (make export). patch_budget=365 would leave blank paper
    # out and train 2.4 times faster, but no other implementation does that.
    model.image.update(patch_px=14, patch_budget=None, stem="patch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    model.text.update(width=768, depth=12, heads=12, remat="full", unroll=1)
    model.text.update(pool="last", masked=False)
    model.init_scale, model.init_bias = 10.0, -10.0

    config.loss.name = "sigmoid"
    config.loss.in_batch_weight = 1.0

    config.optim.update(lr=2e-5, weight_decay=1e-4, b2=0.95)
    config.train.update(global_batch=256, steps=5000, anchor_warmup=0.0, eval_every=500, checkpoint_every=500)
    return config
