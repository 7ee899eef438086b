"""The quick start: a small encoder from scratch on clear figures of 112 px, minutes on a laptop's CPU.

make train-clip ARGS="--config.optim.lr=5e-4"
"""

from ml_collections import ConfigDict

from mmgeo_jax.data import augment
from mmgeo_jax.models.two_tower import default_model_config


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.name = "clip_tiny"
    config.workdir = "runs"  # the run's folder is runs/name
    config.seed = 0
    # On a GPU the same bits need XLA's slower kernels; a CPU and a TPU give them anyway.
    config.deterministic = False
    config.init_from = ""  # another run, a big_vision .npz, or a Hugging Face folder of SigLIP or CLIP
    config.init_parts = "image|text"  # what is taken from it: "image" for the image tower alone

    config.data = data = ConfigDict()
    data.dir = "data/tiny"
    data.real_dir = ""  # a data set of real figures: evaluated, and trained on too with train_on_real
    data.train_on_real = False
    data.fingerprint = ""  # of the data trained on, filled in by the run
    data.max_images = 8  # N, C: what a family is cut or padded to
    data.max_captions = 8  # 12 would read the four captions without a picture too
    data.retrieved_captions = 0  # captions of other families after these, false of the anchor: needs make retrieval
    data.max_tokens = 54  # L, tokens of a caption
    data.size_px = 112
    data.augment = augment.default_config()  # the probability of each augmentation
    data.workers = 0  # processes that read; 0: threads, enough until pictures are awaited (timing.jsonl)

    config.tokenizer = ConfigDict()
    # "" trains one on the captions. Or somebody else's: a SentencePiece .model, a tokenizer.json, or a folder with one;
    # tokenizer_config.json beside it says how it prepares captions.
    config.tokenizer.file = ""
    config.tokenizer.vocab_size = 512
    config.tokenizer.train_families = 2000  # whose captions it is trained on

    config.model = model = default_model_config()
    model.image.size_px = data.get_ref("size_px")
    model.image.mean, model.image.std = (1.0, 1.0, 1.0), (0.25, 0.25, 0.25)  # paper is 0: from scratch, all is ink
    model.image.patch_budget = 36  # of 49; nine figures in ten have ink in fewer than 41
    model.text.length = data.get_ref("max_tokens")
    model.text.vocab_size = config.tokenizer.get_ref("vocab_size")

    model.image.stem = "conv"  # sees small marks sooner than a linear one
    model.init_scale, model.init_bias = 1 / 0.07, 0.0  # CLIP's, for the softmax loss

    config.loss = loss = ConfigDict()
    loss.name = "softmax"  # softmax | sigmoid
    loss.mask = "family"  # which pairs count: mmgeo_jax/losses/pairs.py, PAIRS
    loss.hard_negative_weight = 1.0  # of a false pair within a family
    loss.in_batch_weight = 0.2  # of a false pair of two families: at 1 the many strangers drown the siblings

    config.optim = optim = ConfigDict()
    optim.lr = 1e-3
    optim.warmup = 0.05  # share of the steps
    optim.weight_decay = 1e-2
    optim.b1 = 0.9
    optim.b2 = 0.98
    optim.clip = 1.0  # global norm of the gradient
    optim.freeze = ""  # a pattern of parameters that stay as they are: "image/.*", or "image/blocks/.*|image/stem/.*"

    config.mesh = ConfigDict()
    config.mesh.fsdp = 1  # devices that parameters are split over

    config.train = train = ConfigDict()
    train.global_batch = 8  # families
    # The batch in so many parts, one in memory at a time, with the gradient of the whole: gradient accumulation alone
    # would be another loss, whose negatives are those of one part.
    train.micro_batches = 1
    train.steps = 900
    train.anchor_warmup = 0.3  # share of the steps whose batches are anchors: siblings alone give a slow start
    train.log_every = 20
    train.eval_every = 150
    train.eval_families = 128  # the first so many of val
    train.checkpoint_every = 150
    train.trackers = ""  # beside the run's own files: "tensorboard", "wandb" or both, where they are installed
    return config
