"""Stage 1 of the multimodal quick start: the decoder learns to read the numbers of a picture.

The paper aligns with captions (task="captions", freeze="image/.*"). The small image tower does not read yet, and
captions say little of what has to be read: here it is trained too, and numbers alone are asked for.

make train-lmm CONFIG=configs/lmm_align.py
"""

from ml_collections import ConfigDict

from mmgeo_jax.data import augment
from mmgeo_jax.models import lora
from mmgeo_jax.models.lmm import default_lmm_config


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.name = "lmm_align"
    config.workdir = "runs"  # the run's folder is runs/name
    config.seed = 0
    config.deterministic = False  # see clip_tiny.py
    config.init_from = "runs/clip_tiny"  # a run of train-clip or train-lmm, a SigLIP or CLIP, or a PaliGemma
    config.init_parts = "image"  # what is taken from it: "image|projector|decoder" for all
    config.decoder_from = ""  # a Gemma, for its decoder alone

    config.data = data = ConfigDict()
    data.dir = "data/problems_tiny"
    data.fingerprint = ""  # of the data trained on, filled in by the run
    data.task = "numbers"  # captions | numbers | problems
    data.show_images = True  # False: blank paper, to see what texts alone give
    data.show_choices_prob = 1.0  # the probability that a problem shows its choices
    data.worked_solution_prob = 1.0  # the probability of a worked solution, and not of its answer alone
    data.prompt_end = ""  # between question and answer; "\n" is PaliGemma's, which alone can be exported
    data.samples_per_row = 4  # samples that share a row
    data.max_tokens = 56  # T, tokens of a row: question and answer of each sample
    data.size_px = 112
    data.augment = augment.default_config()
    data.workers = 0  # processes that read; 0: threads

    config.tokenizer = ConfigDict()
    config.tokenizer.file = ""  # see clip_tiny.py; a Gemma's own for decoder_from
    config.tokenizer.vocab_size = 768
    config.tokenizer.train_families = 2000  # whose texts it is trained on

    config.model = model = default_lmm_config()
    model.image.size_px = data.get_ref("size_px")
    model.image.mean, model.image.std = (1.0, 1.0, 1.0), (0.25, 0.25, 0.25)  # as in clip_tiny.py
    model.image.stem = "conv"
    model.image.patch_budget = 36
    model.decoder.vocab_size = config.tokenizer.get_ref("vocab_size")
    model.decoder.update(width=128, depth=4, heads=2, kv_heads=1, head_dim=64, hidden=384, unroll=4)

    config.lora = lora.default_config()

    config.optim = optim = ConfigDict()
    optim.lr = 1e-3
    optim.warmup = 0.05
    optim.weight_decay = 1e-2
    optim.b1 = 0.9
    optim.b2 = 0.98
    optim.clip = 1.0
    optim.freeze = ""  # a pattern of what stays as it is: "image/.*"

    config.mesh = ConfigDict()
    config.mesh.fsdp = 1

    config.train = train = ConfigDict()
    train.global_batch = 16  # rows
    train.micro_batches = 1  # the batch in so many parts, with the gradient of the whole
    train.steps = 600
    train.log_every = 20
    train.eval_every = 200
    train.eval_families = 200
    train.checkpoint_every = 200
    train.trackers = ""

    config.eval = ConfigDict()
    config.eval.max_problems = 0  # the first so many of test; 0: all
    config.eval.max_tokens = 128  # most tokens of an answer
    config.eval.batch_size = 100
    config.eval.samples = 8  # solutions of a problem, whose answers vote
    config.eval.temperature = 0.7  # 0 with one sample: the most likely solution
    return config
