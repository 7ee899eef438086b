"""Stage 1 of the multimodal quick start: the decoder learns to read the numbers in a diagram.

The paper aligns on captions (task="captions", freeze="image/.*"). Here the image tower is trained too, and on numbers
alone, because the small tower cannot read yet and captions hold few numbers.

make train-lmm CONFIG=configs/lmm_align.py
"""

from ml_collections import ConfigDict

from mmgeo_jax.data import augment
from mmgeo_jax.models import lora
from mmgeo_jax.models.lmm import default_lmm_config


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.name = "lmm_align"
    config.workdir = "runs"  # the run goes to workdir/name
    config.seed = 0
    config.deterministic = False  # see clip_tiny.py
    config.init_from = "runs/clip_tiny"  # a run of train-clip or train-lmm, a SigLIP or CLIP, or a PaliGemma
    config.init_parts = "image"  # parts to take from it; "image|projector|decoder" takes all
    config.decoder_from = ""  # a Gemma to take the decoder from

    config.data = data = ConfigDict()
    data.dir = "data/problems_tiny"
    data.fingerprint = ""  # hash of the training data, filled in by the run
    data.task = "numbers"  # captions | numbers | problems
    data.show_images = True  # False shows blank paper, to measure what the text alone gives away
    data.show_choices_prob = 1.0  # probability that a problem shows its choices
    data.worked_solution_prob = 1.0  # probability of a worked solution instead of the answer alone
    data.prompt_end = ""  # between question and answer; export needs PaliGemma's, "\n"
    data.samples_per_row = 4  # packed into one row
    data.max_tokens = 56  # T, per row: questions and answers of its samples
    data.size_px = 112
    data.augment = augment.default_config()
    data.workers = 0  # processes that read; 0 reads in threads

    config.tokenizer = ConfigDict()
    config.tokenizer.file = ""  # see clip_tiny.py; a Gemma's own for decoder_from
    config.tokenizer.vocab_size = 768
    config.tokenizer.train_families = 2000  # to train the tokenizer on

    config.model = model = default_lmm_config()
    model.image.size_px = data.get_ref("size_px")
    model.image.mean, model.image.std = (1.0, 1.0, 1.0), (0.25, 0.25, 0.25)  # as in clip_tiny.py
    model.image.stem = "conv"
    model.image.patch_budget = 36
    model.decoder.vocab_size = config.tokenizer.get_ref("vocab_size")
    model.decoder.update(width=128, depth=4, heads=2, kv_heads=1, head_dim=64, hidden=384, unroll=4)

    config.lora = lora.default_config()

    config.optim = optim = ConfigDict()
    optim.name = "adamw"  # adamw | muon (orthogonal updates of kernels: learns in fewer, dearer steps)
    optim.lr = 1e-3
    optim.warmup = 0.05
    optim.restart = 1.0
    optim.weight_decay = 1e-2
    optim.b1 = 0.9
    optim.b2 = 0.98
    optim.clip = 1.0
    optim.freeze = ""  # regular expression of the parameters to freeze, such as "image/.*"

    config.mesh = ConfigDict()
    config.mesh.fsdp = 1

    config.train = train = ConfigDict()
    train.global_batch = 16  # rows
    train.micro_batches = 1  # parts of the batch, with the gradient of the whole
    train.steps = 600
    train.log_every = 20
    train.eval_every = 200
    train.eval_families = 200
    train.checkpoint_every = 200
    train.trackers = ""

    config.eval = ConfigDict()
    config.eval.max_problems = 0  # the first ones of test; 0 takes all
    config.eval.max_tokens = 128  # per answer
    config.eval.batch_size = 100
    config.eval.samples = 8  # solutions per problem, whose answers vote
    config.eval.temperature = 0.7  # 0, with one sample, decodes greedily
    return config
