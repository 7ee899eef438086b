"""Trained scorers that see only captions, or only pictures: what a leak in the families would be worth.

Each scorer has two heads over one encoder. One sees all captions (or all pictures) of a family at once and
may find the medoid or the odd one out; the other sees them alone and may find a giveaway of style, length
or look. Neither sees the other side, so as a ranker it gives the same scores to every query. Over all
siblings as queries it is therefore at chance by construction: one hit in N, ties aside. Leaks show in
queries of anchors only and in the two-alternative probes of the lone head, and with real pictures, where
one picture has its captions ranked, in the Hit@1 itself.

Everything is small and seeded: a few hundred steps, some seconds on two CPU cores.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

WIDTH = 32
HIDDEN = 64
CAPTION_STEPS = 300
PICTURE_STEPS = 200
BATCH = 16  # families
LEARNING_RATE = 3e-3
PICTURE_PX = 56  # the side that pictures are shrunk to


def shrink(images: np.ndarray, side_px: int = PICTURE_PX) -> np.ndarray:
    """uint8[..., H, W] to uint8[..., side_px, side_px]: means of square tiles, with paper (255) around."""
    height, width = images.shape[-2:]
    tile = max(1, -(-max(height, width) // side_px))
    pads = [(0, 0)] * (images.ndim - 2) + [(0, side_px * tile - height), (0, side_px * tile - width)]
    padded = np.pad(images, pads, constant_values=255)
    tiles = padded.reshape(*images.shape[:-2], side_px, tile, side_px, tile)
    return tiles.mean(axis=(-3, -1), dtype=np.float32).astype(np.uint8)


class Scores(NamedTuple):
    """What a trained scorer gives each member of each test family, f32[F, M]: knowing the set, and one by
    one."""

    in_set: np.ndarray
    alone: np.ndarray


def score_captions(
    train: np.ndarray,
    wanted: np.ndarray,
    test: np.ndarray,
    *,
    vocab_size: int,
    seed: int = 0,
    steps: int = CAPTION_STEPS,
    name: str = "captions",
) -> Scores:
    """Train a caption-only scorer, and score the captions of `test` int32[F, C, L] (pad 0).

    train int32[G, C', L]; wanted int8[G, C'] 1 for the captions to score high, 0 for those to score low, -1
    absent.
    """
    used = max(int((tokens != 0).any(axis=(0, 1)).sum()) for tokens in (train, test))
    cut = slice(0, max(used, 1))
    params = _text_params(vocab_size, seed)
    return _score(_encode_text, params, train[..., cut], wanted, test[..., cut], seed, steps, name)


def score_pictures(
    train: np.ndarray,
    wanted: np.ndarray,
    test: np.ndarray,
    *,
    seed: int = 0,
    steps: int = PICTURE_STEPS,
    name: str = "pictures",
) -> Scores:
    """Train a picture-only scorer, and score the pictures of `test` uint8[F, N, h, w], shrunk as by `shrink`.

    train uint8[G, N', h, w]; wanted int8[G, N'] as for captions.
    """
    return _score(_encode_picture, _picture_params(seed), train, wanted, test, seed, steps, name)


def medoid_scores(embeddings: np.ndarray) -> np.ndarray:
    """f32[F, M]: how near each member of f32[F, M, D] (L2-normalised) is to the mean of the others of its
    family."""
    total = embeddings.sum(axis=1, keepdims=True)
    return ((total - embeddings) * embeddings).sum(axis=-1)


def _score(encode, params, train, wanted, test, seed, steps, name):
    """Train `encode` and its two heads on `train`, then score `test` in batches."""
    params = params | _head_params(_pooled_width(encode, params, train), seed)
    params = _fit(encode, params, train, wanted, seed, steps, name)
    apply = jax.jit(partial(_member_scores, encode))
    chunks = []
    for start in range(0, len(test), 4 * BATCH):
        chunk = test[start : start + 4 * BATCH]
        padded = np.concatenate([chunk, np.repeat(chunk[:1], 4 * BATCH - len(chunk), axis=0)])
        chunks.append([np.asarray(part)[: len(chunk)] for part in apply(params, padded, _present(padded))])
    return Scores(*(np.concatenate(parts) for parts in zip(*chunks, strict=True)))


def _fit(encode, params, train, wanted, seed, steps, name):
    """AdamW with a cosine schedule on the pairwise logistic loss of both heads, over families drawn with
    the seed."""
    optimiser = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, steps), weight_decay=1e-3)

    @jax.jit
    def step(params, state, members, wanted):
        def loss(params):
            return sum(pairwise_loss(part, wanted) for part in _member_scores(encode, params, members, wanted >= 0))

        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    state, rng = optimiser.init(params), np.random.default_rng(seed)
    for _ in tqdm(range(steps), desc=f"blind scorer: {name}", unit="step", leave=False):
        rows = rng.integers(len(train), size=BATCH)
        params, state = step(params, state, train[rows], wanted[rows])
    return params


def pairwise_loss(scores: jax.Array, wanted: jax.Array) -> jax.Array:
    """Mean logistic loss over the pairs (wanted, unwanted) of each family; scores f32[B, M], wanted int8[B,
    M]."""
    pairs = (wanted == 1)[:, :, None] & (wanted == 0)[:, None, :]
    losses = jax.nn.softplus(scores[:, None, :] - scores[:, :, None])
    return jnp.where(pairs, losses, 0).sum() / jnp.maximum(pairs.sum(), 1)


def _member_scores(encode, params, members, present):
    """Scores of f32[B, M] from members [B, M, ...]; in the set, each also sees the mean and its distance to
    it."""
    x = encode(params, members.reshape(-1, *members.shape[2:])).reshape(*members.shape[:2], -1)
    weight = present[..., None] / jnp.maximum(present.sum(axis=1), 1)[:, None, None]
    mean = (x * weight).sum(axis=1, keepdims=True)
    offset = jnp.abs(x - mean)
    distance = jnp.sqrt((offset**2).mean(axis=-1, keepdims=True) + 1e-6)
    relative = distance / (distance * weight).sum(axis=1, keepdims=True)
    with_set = jnp.concatenate([x, jnp.broadcast_to(mean, x.shape), offset, relative], axis=-1)
    return Scores(_head(params, "set", with_set), _head(params, "alone", x))


def _head(params, name, x):
    hidden = jax.nn.gelu(x @ params[f"{name}_in"] + params[f"{name}_bias"])
    return (hidden @ params[f"{name}_out"])[..., 0]


def _encode_text(params, tokens):
    """f32[B, D] from int32[B, L]: two convolutions over the tokens, then their mean and maximum over the
    real ones."""
    real = (tokens != 0)[..., None]
    x = params["embedding"][tokens] * real
    for weight in (params["text_1"], params["text_2"]):
        x = jax.nn.gelu(_with_neighbours(x, 1) @ weight) * real
    mean = x.sum(axis=1) / jnp.maximum(real.sum(axis=1), 1)
    return jnp.concatenate([mean, x.max(axis=1)], axis=-1)


def _encode_picture(params, pixels):
    """f32[B, D] from uint8[B, h, w], sides multiples of 8: convolutions over 4 px cells, then over 8 px
    cells, then their mean and maximum. Plain matrix products: on a CPU far faster than XLA's
    convolutions."""
    x = _cells(1 - pixels[..., None].astype(jnp.float32) / 255, 4)
    x = jax.nn.gelu(_with_neighbours(_with_neighbours(x, 1), 2) @ params["conv_1"])
    x = jax.nn.gelu(_cells(x, 2) @ params["conv_2"])
    x = jax.nn.gelu(_with_neighbours(_with_neighbours(x, 1), 2) @ params["conv_3"])
    return jnp.concatenate([x.mean(axis=(1, 2)), x.max(axis=(1, 2))], axis=-1)


def _with_neighbours(x, axis):
    """[..., d] to [..., 3 d]: each place with the one before it and the one after it along an axis, zeros
    outside."""
    padded = jnp.pad(x, [(1, 1) if a == axis else (0, 0) for a in range(x.ndim)])
    length = x.shape[axis]
    return jnp.concatenate([jax.lax.slice_in_dim(padded, k, k + length, axis=axis) for k in range(3)], axis=-1)


def _cells(x, side):
    """[B, h, w, d] to [B, h / side, w / side, side * side * d]."""
    batch, height, width, depth = x.shape
    x = x.reshape(batch, height // side, side, width // side, side, depth)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // side, width // side, -1)


def _text_params(vocab_size, seed):
    shapes = {"embedding": (vocab_size, WIDTH), "text_1": (3 * WIDTH, WIDTH), "text_2": (3 * WIDTH, WIDTH)}
    return _draw(shapes, seed)


def _picture_params(seed):
    return _draw({"conv_1": (9 * 16, 24), "conv_2": (4 * 24, WIDTH), "conv_3": (9 * WIDTH, WIDTH)}, seed)


def _head_params(width, seed):
    shapes = {
        "set_in": (3 * width + 1, HIDDEN),
        "set_out": (HIDDEN, 1),
        "alone_in": (width, HIDDEN),
        "alone_out": (HIDDEN, 1),
    }
    return _draw(shapes, seed + 1) | {"set_bias": jnp.zeros(HIDDEN), "alone_bias": jnp.zeros(HIDDEN)}


def _draw(shapes, seed):
    """Normal draws with the variance 2 / fan-in; an embedding's fan-in is 1."""
    rng = np.random.default_rng(seed)
    fan_in = {name: 1 if name == "embedding" else shape[0] for name, shape in shapes.items()}
    return {
        name: jnp.asarray(rng.normal(0, np.sqrt(2 / fan_in[name]), shape), jnp.float32)
        for name, shape in shapes.items()
    }


def _pooled_width(encode, params, members):
    one = jax.ShapeDtypeStruct((1, *members.shape[2:]), members.dtype)
    return jax.eval_shape(encode, params, one).shape[-1]


def _present(members):
    """bool[F, M]: which members are there; padding is all zeros, in tokens and in pixels alike."""
    return members.reshape(*members.shape[:2], -1).any(axis=-1)
