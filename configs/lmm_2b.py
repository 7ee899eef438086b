"""A PaliGemma of 3 billion parameters (SigLIP So400m at 224 px, Gemma 2B), fine-tuned on problems, on 8 accelerators.

make compile-report CONFIG=configs/lmm_2b.py DEVICES=8
make train-lmm CONFIG=configs/lmm_2b.py SPEC=configs/data_problems.py \\
    ARGS="--config.init_from=DIR --config.tokenizer.file=DIR"   # DIR: the published checkpoint
"""

from ml_collections import ConfigDict

from data_gen.shared.config import load
from mmgeo_jax.models.gemma import decoder_config


def get_config() -> ConfigDict:
    config = load("config", "lmm_align").unlock()
    config.name = "lmm_2b"
    config.init_from, config.init_parts = "", "image|projector|decoder"
    config.data.update(dir="data/problems", task="problems", size_px=224, max_tokens=256, samples_per_row=1, workers=8)
    config.data.prompt_end = "\n"
    config.model.dtype = "bfloat16"
    config.model.image = load("config", "clip_so400m").model.image
    config.model.image.update(size_px=224, pool="mean", remat="full", unroll=1)
    config.model.update(features="last", projector="linear")
    config.model.decoder = decoder_config("gemma_2b")
    config.model.decoder.update(vocab_size=257152, remat="full")
    config.optim.update(lr=1e-5, freeze="image/.*")
    config.mesh.fsdp = 8
    config.train.update(global_batch=64, steps=2000, log_every=10)
    return config
