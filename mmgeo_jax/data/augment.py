"""Scan and photo augmentations for training images; `data.augment` holds the probability of each.

All images of a family are augmented alike, so that siblings still differ only in what their captions say. Captions stay
true: letters stay readable, ink stays on the page, and strokes stay apart. Mirroring is left out, since it breaks
letters and swaps left and right turns.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from math import cos, radians, sin
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from data_gen.shared.errors import UserError

PAPER = 255
INK = 200  # darker is what has to stay on the page
EDGE_PX = 2.0
SIDE_PX = 384  # strengths in px are those of a picture of this size


class Augmentation(NamedTuple):
    """A change whose strength is drawn uniformly between `low` and `high`. If it is GEOMETRIC, `apply` maps (strength,
    generator) to the 3 x 3 matrix that moves points (x and y from -1 to 1, y down); where it is PHOTOMETRIC, (images
    uint8[N, H, W], strength, generator) to new images."""

    low: float
    high: float
    apply: Callable[..., np.ndarray]


def default_config() -> ConfigDict:
    """Returns the probability of each augmentation, all 0."""
    return ConfigDict(dict.fromkeys(AUGMENTATIONS, 0.0))


def check_probabilities(probabilities: Mapping[str, float]) -> None:
    """Raises UserError where a value is no probability, or its name is not in AUGMENTATIONS."""
    for name, probability in probabilities.items():
        if name not in AUGMENTATIONS:
            raise UserError(f"data.augment.{name} is no augmentation: there are {', '.join(AUGMENTATIONS)}")
        if not 0 <= probability <= 1:
            raise UserError(f"data.augment.{name}={probability} is not a probability from 0 to 1")


def augment(
    images: np.ndarray, probabilities: Mapping[str, float], seed: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Augments all images uint8[N, H, W] of a family alike: a pure function, and the identity at probabilities of 0.
    Each augmentation draws from its own random stream, so switching one on does not change the others. Returns the new
    images and where their pixels went: float64[3, 3], moves points (x, y, 1) in px."""
    drawn = {}
    for number, (name, row) in enumerate(AUGMENTATIONS.items()):
        if probabilities.get(name, 0):
            rng = np.random.default_rng([*seed, number])
            if rng.random() < probabilities[name]:
                drawn[name] = row.apply, rng.uniform(row.low, row.high), rng
    matrix = np.eye(3)
    for apply, strength, rng in (drawn[name] for name in GEOMETRIC if name in drawn):
        matrix = apply(strength, rng) @ matrix
    images, moved = _warp(images, matrix)
    for apply, strength, rng in (drawn[name] for name in PHOTOMETRIC if name in drawn):
        images = apply(images, strength, rng)
    return images, moved


# ---------------------------------------------------------------- geometric: the matrix that moves points


def _rotate(degrees: float, rng: np.random.Generator) -> np.ndarray:
    turn = radians(degrees)
    return np.array([[cos(turn), -sin(turn), 0], [sin(turn), cos(turn), 0], [0, 0, 1]])


def _shift(distance: float, rng: np.random.Generator) -> np.ndarray:
    turn = rng.uniform(0, 2 * np.pi)
    return np.array([[1, 0, distance * cos(turn)], [0, 1, distance * sin(turn)], [0, 0, 1]])


def _tilt(tilt: float, rng: np.random.Generator) -> np.ndarray:
    turn = rng.uniform(0, 2 * np.pi)
    return np.array([[1, 0, 0], [0, 1, 0], [tilt * cos(turn), tilt * sin(turn), 1]])


def _warp(images: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Transforms images by a matrix; where ink would leave the page, the result is shrunk and moved back onto it.
    Returns the images, and the matrix that moves their pixels."""
    if (matrix == np.eye(3)).all():
        return images, matrix
    height, width = images.shape[1:]
    has_ink = images.min(0) < INK
    rows, columns = np.flatnonzero(has_ink.any(1)), np.flatnonzero(has_ink.any(0))
    if not len(rows):
        return images, np.eye(3)
    half = np.array([width, height]) / 2
    pixels = np.array([[half[0], 0, half[0]], [0, half[1], half[1]], [0, 0, 1]])
    moved = pixels @ matrix @ np.linalg.inv(pixels)
    corners = [(x, y, 1.0) for x in (columns[0], columns[-1] + 1) for y in (rows[0], rows[-1] + 1)]
    x, y, w = moved @ np.array(corners).T
    low, high = (np.array([f(x / w), f(y / w)]) for f in (np.min, np.max))
    scale = min(1.0, *((2 * half - 2 * EDGE_PX) / (high - low)))
    middle = (low + high) / 2
    room = half - EDGE_PX - scale * (high - low) / 2
    centre = half + np.clip(middle - half, -room, room)
    fit = np.array([[scale, 0, 0], [0, scale, 0], [0, 0, 1.0]])
    fit[:2, 2] = centre - scale * middle
    back = np.linalg.inv(fit @ moved)
    coefficients = (back / back[2, 2]).ravel()[:8].tolist()
    flat = abs(coefficients[6]) + abs(coefficients[7]) < 1e-9
    kind = Image.Transform.AFFINE if flat else Image.Transform.PERSPECTIVE
    data = coefficients[:6] if flat else coefficients
    bilinear = Image.Resampling.BILINEAR
    made = (Image.fromarray(one).transform((width, height), kind, data, bilinear, fillcolor=PAPER) for one in images)
    return np.stack([np.asarray(one) for one in made]), fit @ moved


# ---------------------------------------------------------------- photometric: ink


def _neighbours(images: np.ndarray) -> tuple[np.ndarray, ...]:
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]


def _mix(images: np.ndarray, others: np.ndarray, share: float) -> np.ndarray:
    """Blends (1 - share) of the first and share of the second, in steps of 1/256."""
    part = np.uint16(round(256 * share))
    mixed: np.ndarray = images * (np.uint16(256) - part) + others * part + np.uint16(128)
    return (mixed >> 8).astype(np.uint8)


def _spread(images: np.ndarray, px: float, extreme: np.ufunc) -> np.ndarray:
    """Moves each pixel towards the darkest (np.minimum) or lightest (np.maximum) of its neighbours."""
    return _mix(images, extreme.reduce((images, *_neighbours(images))), px * _unit_px(images))


def _blur(images: np.ndarray, sigma_px: float, _: np.random.Generator) -> np.ndarray:
    """Applies kernels (a, 1 - 2a, a), a <= 1/4, along both axes as often as needed: each adds a variance of 2a."""
    variance = (sigma_px * _unit_px(images)) ** 2
    passes = max(1, int(np.ceil(2 * variance)))
    share = variance / passes  # 2a
    for _pass in range(passes):
        for axis in 1, 2:
            padded = np.pad(images, [(1, 1) if axis == a else (0, 0) for a in range(3)], mode="edge")
            size = images.shape[axis]
            before, after = (padded.take(range(k, k + size), axis) for k in (0, 2))
            beside = np.right_shift(before.astype(np.uint16) + after.astype(np.uint16), np.uint16(1))
            images = _mix(images, beside, share)
    return images


def _unit_px(images: np.ndarray) -> float:
    """Returns the pixels that a strength of 1 px means: fewer in images smaller than SIDE_PX, never more."""
    return min(1.0, images.shape[-1] / SIDE_PX)


# ---------------------------------------------------------------- photometric: paper


def _light(images: np.ndarray, depth: float, rng: np.random.Generator) -> np.ndarray:
    """Darkens by `depth` towards one side, gradually or with the edge of a shadow."""
    y, x = (np.linspace(-1, 1, side) for side in images.shape[1:])
    turn = rng.uniform(0, 2 * np.pi)
    across = x[None] * cos(turn) + y[:, None] * sin(turn) - rng.uniform(-0.6, 0.6)
    shade = 1 / (1 + np.exp(-across * rng.choice([2.0, 12.0])))
    light: np.ndarray = np.round(256 * (1 - depth * shade)).astype(np.uint16)
    return ((images * light) >> 8).astype(np.uint8)


def _speckle(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Moves single pixels half way to a grey: too pale and too small to pass for a point, a decimal dot or a gap."""
    count = max(1, round(share * images[0].size))
    y, x = (rng.integers(0, side, count) for side in images.shape[1:])
    images = images.copy()
    images[:, y, x] = images[:, y, x] // 2 + rng.integers(0, 128, count, np.uint8)
    return images


def _add_noise(images: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    noise = deviation * rng.standard_normal(images.shape[1:], np.float32)
    return np.clip(images + np.rint(noise).astype(np.int16), 0, 255).astype(np.uint8)


def _compress(images: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    made = []
    for one in images:
        file = io.BytesIO()
        Image.fromarray(one).save(file, "JPEG", quality=round(quality))
        made.append(np.asarray(Image.open(file, formats=("JPEG",))))
    return np.stack(made)


# ---------------------------------------------------------------- the table, in the order of application

GEOMETRIC = {
    # Small enough that N stays N and 6 does not become 9.
    "rotate": Augmentation(-8.0, 8.0, _rotate),  # degrees
    # Pages on their side or upside down, where N and Z, M and W, 6 and 9 can be confused: only for models that have to
    # read such pages.
    "quarter": Augmentation(1.0, 1.0, lambda _, rng: _rotate(90.0 * rng.integers(1, 4), rng)),
    # The smallest letters of an image of 112 px have 9 px, and stay readable at three quarters of that.
    "scale": Augmentation(0.75, 1.2, lambda scale, _: np.diag([scale, scale, 1.0])),
    "shift": Augmentation(0.0, 0.15, _shift),  # of half a side
    # Moves points by a hundredth of the side; false facts are off by at least 2.5 hundredths.
    "tilt": Augmentation(0.0, 0.02, _tilt),
}
PHOTOMETRIC = {
    # A pixel at most: ticks, and the two lines of a double arc, are two pixels apart.
    "thick": Augmentation(0.2, 0.8, lambda images, px, _: _spread(images, px, np.minimum)),  # px
    # Strokes keep at least half of their darkness.
    "thin": Augmentation(0.1, 0.5, lambda images, px, _: _spread(images, px, np.maximum)),  # px
    "blur": Augmentation(0.3, 1.0, _blur),  # sigma, px
    "fade": Augmentation(0.05, 0.5, lambda images, share, _: _mix(images, np.full_like(images, PAPER), share)),
    "light": Augmentation(0.05, 0.4, _light),
    "grey": Augmentation(0.02, 0.25, lambda images, share, _: _mix(images, np.zeros_like(images), share)),
    "specks": Augmentation(0.0003, 0.003, _speckle),  # of the pixels
    "noise": Augmentation(2.0, 12.0, _add_noise),  # deviation, of 255
    "jpeg": Augmentation(25.0, 80.0, _compress),  # quality
}
AUGMENTATIONS = GEOMETRIC | PHOTOMETRIC
