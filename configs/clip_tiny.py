"""The quick start: trains a small encoder from scratch on clear figures of 112 px, in minutes on a laptop's CPU.

make train-clip ARGS="--config.optim.lr=5e-4"
"""

from ml_collections import ConfigDict

from mmgeo_jax.data import asked, augment
from mmgeo_jax.models.two_tower import default_model_config


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.name = "clip_tiny"
    config.workdir = "runs"  # the run goes to workdir/name
    config.seed = 0
    # Bit-exact on a GPU too, where that needs slower kernels; CPUs and TPUs always are.
    config.deterministic = False
    config.init_from = ""  # another run, a big_vision .npz, or a Hugging Face folder of SigLIP or CLIP
    config.init_parts = "image|text"  # towers to take from it; "image" takes only the image tower

    config.data = data = ConfigDict()
    data.dir = "data/tiny"
    data.real_dir = ""  # a data set of real figures to evaluate on, and with train_on_real to train on
    data.train_on_real = False
    data.fingerprint = ""  # hash of the training data, filled in by the run
    data.max_images = 8  # N, to which families are cut or padded
    data.max_captions = 8  # C; 12 would include the four text-only captions
    data.retrieved_captions = 0  # mined hard negatives for the anchor, appended to the captions: needs make retrieval
    data.max_tokens = 54  # L, per caption
    data.size_px = 112
    data.augment = augment.default_config()  # the probability of each augmentation
    data.asked = asked.default_config()  # what loss.caption asks of a picture, by its share
    data.workers = 0  # processes that read; 0 reads in threads, enough while data_wait_s of timing.jsonl stays near 0

    config.tokenizer = ConfigDict()
    # "" trains one on the captions. Otherwise a SentencePiece .model, a tokenizer.json, or a folder with one; a
    # tokenizer_config.json beside it says how captions are normalised.
    config.tokenizer.file = ""
    config.tokenizer.vocab_size = 512
    config.tokenizer.train_families = 2000  # to train the tokenizer on

    config.model = model = default_model_config()
    model.image.size_px = data.get_ref("size_px")
    model.image.mean, model.image.std = (1.0, 1.0, 1.0), (0.25, 0.25, 0.25)  # blank paper becomes 0
    model.image.patch_budget = 36  # of 49 patches, because most are blank: 90 % of the figures have ink in at most 40
    model.text.length = data.get_ref("max_tokens")
    model.text.vocab_size = config.tokenizer.get_ref("vocab_size")

    model.image.stem = "conv"  # learns small marks faster than a linear stem
    model.init_scale, model.init_bias = 1 / 0.07, 0.0  # CLIP's, for the softmax loss

    config.loss = loss = ConfigDict()
    loss.name = "softmax"  # softmax | sigmoid
    loss.mask = "family"  # which pairs count: a key of PAIR_MASKS in mmgeo_jax/losses/pairs.py
    loss.hard_negative_weight = 1.0  # of false pairs within a family
    # Of what stands at each patch, beside the pairs; 0 leaves a group out. Needs model.image.patch_head.
    loss.dense = ConfigDict({"characters": 0.0, "vertices": 0.0, "strokes": 0.0, "marks": 0.0})
    loss.caption = 0.0  # of each picture's own caption, token by token. Needs model.captioner.depth
    loss.distil = 0.0  # of what the caption decoder knows of a family's captions, handed on to the cosines
    loss.in_batch_weight = 0.2  # of false pairs across families; at 1 they would outweigh the far fewer hard negatives

    config.optim = optim = ConfigDict()
    optim.name = "adamw"  # adamw | muon (orthogonal updates of kernels: learns in fewer, dearer steps)
    optim.lr = 1e-3
    optim.warmup = 0.05  # as a share of the steps of an arc of the rate: all of train.steps, or those up to the restart
    optim.restart = 1.0  # share of train.steps after which the rate starts anew, with the values of `later`; 1 is never
    optim.weight_decay = 1e-2
    optim.b1 = 0.9
    optim.b2 = 0.98
    optim.clip = 1.0  # the gradient's global norm
    optim.freeze = ""  # regular expression of the parameters to freeze, such as "image/.*"

    config.later = ConfigDict({"loss": {"in_batch_weight": 0.05}})

    config.mesh = ConfigDict()
    config.mesh.fsdp = 1  # devices over which parameters are sharded

    config.train = train = ConfigDict()
    train.global_batch = 8  # families
    # Parts of the batch, with activations of one in memory at a time, and the exact gradient of the whole batch
    # (GradCache); gradient accumulation alone would be another loss, whose negatives are those of one part.
    train.micro_batches = 1
    train.steps = 900
    train.anchor_warmup = 0.3  # share of the steps that train on anchors alone, since hard negatives slow the start
    train.log_every = 20
    train.eval_every = 150
    train.eval_families = 128  # the first ones of val
    train.checkpoint_every = 150
    train.trackers = ""  # "tensorboard", "wandb" or both, "tensorboard,wandb", if they are installed
    return config
