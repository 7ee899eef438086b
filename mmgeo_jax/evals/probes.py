"""Leak probes: trained scorers that see only captions, or only images, and so show what a leak would be worth.

Each probe has two heads over one encoder. One sees all captions (or images) of a family at once, and may find the
medoid or the odd one out; the other sees them one by one, and may find a giveaway of style, length or look. Neither
sees the other side, so as a ranker it gives the same scores to every query. With every member as the query it is
therefore at chance by construction: one hit in N, ties aside. Leaks show in queries of anchors only, in the pairwise
accuracy of the second head, and, where a single real image has its captions ranked, in Hit@1 itself.

Probes are small and seeded: a few hundred steps, some seconds on two CPU cores.
"""

from collections.abc import Callable, Mapping
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
PICTURE_PX = 56  # the side that images are shrunk to

Params = dict[str, jax.Array]
Encoder = Callable[[Params, jax.Array], jax.Array]  # members [B, ...] -> f32[B, D]
Examples = tuple[np.ndarray, np.ndarray]  # members [G, M, ...], targets int8[G, M]


def shrink(images: np.ndarray, side_px: int = PICTURE_PX) -> np.ndarray:
    """Shrinks uint8[..., H, W] to uint8[..., side_px, side_px]: means of square tiles, padded with white (255)."""
    height, width = images.shape[-2:]
    tile = max(1, -(-max(height, width) // side_px))
    pads = [(0, 0)] * (images.ndim - 2) + [(0, side_px * tile - height), (0, side_px * tile - width)]
    padded = np.pad(images, pads, constant_values=255)
    tiles = padded.reshape(*images.shape[:-2], side_px, tile, side_px, tile)
    return tiles.mean(axis=(-3, -1), dtype=np.float32).astype(np.uint8)


class ProbeScores(NamedTuple):
    """The scores of a probe for each member of each test family, f32[F, M]: given the set, and one by one."""

    in_set: np.ndarray
    alone: np.ndarray


def score_captions(
    train: np.ndarray,
    targets: np.ndarray,
    test: np.ndarray,
    *,
    vocab_size: int,
    seed: int = 0,
    steps: int = CAPTION_STEPS,
    name: str = "captions",
) -> ProbeScores:
    """Trains a caption-only probe, and scores the captions of `test` int32[F, C, L] (padded with 0). It learns from
    `train` int32[G, C', L] and `targets` int8[G, C']: 1 positive, 0 negative, -1 absent."""
    used = max(int((tokens != 0).any(axis=(0, 1)).sum()) for tokens in (train, test))
    cut = slice(0, max(used, 1))
    params = _draw({"embedding": (vocab_size, WIDTH), "text_1": (3 * WIDTH, WIDTH), "text_2": (3 * WIDTH, WIDTH)}, seed)
    return _score(_encode_text, params, (train[..., cut], targets), test[..., cut], seed, steps, name)


def score_pictures(
    train: np.ndarray,
    targets: np.ndarray,
    test: np.ndarray,
    *,
    seed: int = 0,
    steps: int = PICTURE_STEPS,
    name: str = "pictures",
) -> ProbeScores:
    """Trains an image-only probe, and scores the images of `test` uint8[F, N, h, w], which `shrink` has made. It
    learns from `train` uint8[G, N', h, w] and `targets` int8[G, N'] as for captions."""
    params = _draw({"conv_1": (9 * 16, 24), "conv_2": (4 * 24, WIDTH), "conv_3": (9 * WIDTH, WIDTH)}, seed)
    return _score(_encode_picture, params, (train, targets), test, seed, steps, name)


def medoid_scores(embeddings: np.ndarray) -> np.ndarray:
    """Scores each member of f32[F, M, D] (L2-normalized) by its closeness to the mean of the others: f32[F, M]."""
    total = embeddings.sum(axis=1, keepdims=True)
    return ((total - embeddings) * embeddings).sum(axis=-1)


def _score(
    encode: Encoder, params: Params, train: Examples, test: np.ndarray, seed: int, steps: int, name: str
) -> ProbeScores:
    """Trains `encode` and its two heads on `train`, then scores `test` in batches."""
    one = jax.ShapeDtypeStruct((1, *train[0].shape[2:]), train[0].dtype)
    params = params | _head_params(jax.eval_shape(encode, params, one).shape[-1], seed)
    params = _fit(encode, params, train, seed, steps, name)
    apply = jax.jit(partial(_scores, encode))
    chunks = []
    for start in range(0, len(test), 4 * BATCH):
        chunk = test[start : start + 4 * BATCH]
        padded = np.concatenate([chunk, np.repeat(chunk[:1], 4 * BATCH - len(chunk), axis=0)])
        chunks.append([np.asarray(part)[: len(chunk)] for part in apply(params, padded, _present(padded))])
    return ProbeScores(*(np.concatenate(parts) for parts in zip(*chunks, strict=True)))


def _fit(encode: Encoder, params: Params, train: Examples, seed: int, steps: int, name: str) -> Params:
    """Fits both heads to the pairwise logistic loss: AdamW, cosine schedule, families drawn with the seed."""
    optimiser = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, steps), weight_decay=1e-3)

    @jax.jit
    def step(params: Params, state: optax.OptState, members: jax.Array, targets: jax.Array):
        def loss(params: Params) -> jax.Array:
            in_set, alone = _scores(encode, params, members, targets >= 0)
            return pairwise_loss(in_set, targets) + pairwise_loss(alone, targets)

        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    state, rng = optimiser.init(params), np.random.default_rng(seed)
    for _ in tqdm(range(steps), desc=f"leak probe: {name}", unit="step", leave=False):
        rows = rng.integers(len(train[0]), size=BATCH)
        params, state = step(params, state, *(part[rows] for part in train))
    return params


def pairwise_loss(scores: jax.Array, targets: jax.Array) -> jax.Array:
    """Computes the mean logistic loss over pairs of a positive and a negative of a family; f32[B, M], int8[B, M]."""
    pairs = (targets == 1)[:, :, None] & (targets == 0)[:, None, :]
    losses = jax.nn.softplus(scores[:, None, :] - scores[:, :, None])
    return jnp.where(pairs, losses, 0).sum() / jnp.maximum(pairs.sum(), 1)


def _scores(encode: Encoder, params: Params, members: jax.Array, present: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores members [B, M, ...], f32[B, M]; given the set, a member also sees the mean and its distance to it."""
    x = encode(params, members.reshape(-1, *members.shape[2:])).reshape(*members.shape[:2], -1)
    weight = present[..., None] / jnp.maximum(present.sum(axis=1), 1)[:, None, None]
    mean = (x * weight).sum(axis=1, keepdims=True)
    offset = jnp.abs(x - mean)
    distance = jnp.sqrt((offset**2).mean(axis=-1, keepdims=True) + 1e-6)
    relative = distance / (distance * weight).sum(axis=1, keepdims=True)
    with_set = jnp.concatenate([x, jnp.broadcast_to(mean, x.shape), offset, relative], axis=-1)
    return _head(params, "set", with_set), _head(params, "alone", x)


def _head(params: Params, name: str, x: jax.Array) -> jax.Array:
    hidden = jax.nn.gelu(x @ params[f"{name}_in"] + params[f"{name}_bias"])
    return (hidden @ params[f"{name}_out"])[..., 0]


def _encode_text(params: Params, tokens: jax.Array) -> jax.Array:
    """Encodes int32[B, L] as f32[B, D]: two convolutions over the tokens, then mean and maximum over real ones."""
    real = (tokens != 0)[..., None]
    x = params["embedding"][tokens] * real
    for weight in (params["text_1"], params["text_2"]):
        x = jax.nn.gelu(_with_neighbours(x, 1) @ weight) * real
    mean = x.sum(axis=1) / jnp.maximum(real.sum(axis=1), 1)
    return jnp.concatenate([mean, x.max(axis=1)], axis=-1)


def _encode_picture(params: Params, pixels: jax.Array) -> jax.Array:
    """Encodes uint8[B, h, w], sides multiples of 8, as f32[B, D]: convolutions over cells of 4 px, then of 8 px, then
    mean and maximum. Matrix products are far faster on a CPU than XLA's convolutions."""
    x = _cells(1 - pixels[..., None].astype(jnp.float32) / 255, 4)
    x = jax.nn.gelu(_with_neighbours(_with_neighbours(x, 1), 2) @ params["conv_1"])
    x = jax.nn.gelu(_cells(x, 2) @ params["conv_2"])
    x = jax.nn.gelu(_with_neighbours(_with_neighbours(x, 1), 2) @ params["conv_3"])
    return jnp.concatenate([x.mean(axis=(1, 2)), x.max(axis=(1, 2))], axis=-1)


def _with_neighbours(x: jax.Array, axis: int) -> jax.Array:
    """Joins each place with its two neighbours along an axis, zeros outside: [..., d] to [..., 3 d]."""
    padded = jnp.pad(x, [(1, 1) if a == axis else (0, 0) for a in range(x.ndim)])
    length = x.shape[axis]
    return jnp.concatenate([jax.lax.slice_in_dim(padded, k, k + length, axis=axis) for k in range(3)], axis=-1)


def _cells(x: jax.Array, side: int) -> jax.Array:
    """Gathers square cells: [B, h, w, d] to [B, h / side, w / side, side * side * d]."""
    batch, height, width, depth = x.shape
    x = x.reshape(batch, height // side, side, width // side, side, depth)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // side, width // side, -1)


def _head_params(width: int, seed: int) -> Params:
    shapes = {"set_in": (3 * width + 1, HIDDEN), "set_out": (HIDDEN, 1)}
    shapes |= {"alone_in": (width, HIDDEN), "alone_out": (HIDDEN, 1)}
    return _draw(shapes, seed + 1) | {"set_bias": jnp.zeros(HIDDEN), "alone_bias": jnp.zeros(HIDDEN)}


def _draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> Params:
    """Draws normal parameters of variance 2 / fan-in; an embedding's fan-in is 1."""
    rng = np.random.default_rng(seed)
    std = {name: np.sqrt(2 / (1 if name == "embedding" else shape[0])) for name, shape in shapes.items()}
    return {name: jnp.asarray(rng.normal(0, std[name], shape), jnp.float32) for name, shape in shapes.items()}


def _present(members: np.ndarray) -> np.ndarray:
    """Returns which members are not padding, bool[F, M]; padding is all zeros, in tokens and in pixels alike."""
    return np.any(members.reshape(*members.shape[:2], -1), axis=-1)
