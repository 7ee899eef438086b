"""Looks of scans and photographs for pictures that are trained on; `data.augment` says how often each comes.

All pictures of a family get the same: siblings differ in what captions say, and in nothing else. Captions stay true:
letters stay readable, ink stays on the page, and strokes apart. So there is no mirror, in which letters are none and a
turn to the left is one to the right.
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


class Row(NamedTuple):
    """A look: its strength, drawn between low and high, and what that does.

    apply: for a PLACE the 3 x 3 matrix that moves points (-1 to 1, y down), a function of (strength, generator); for a
    LOOK new pictures, a function of (pictures uint8[N, H, W], strength, generator).
    """

    low: float
    high: float
    apply: Callable[..., np.ndarray]


def default_config() -> ConfigDict:
    """The chance of each look, 0 to 1; all off."""
    return ConfigDict(dict.fromkeys(ROWS, 0.0))


def check(chances: Mapping[str, float]) -> None:
    """Raises UserError where a chance is none, or is of a look that is not in the table."""
    for name, chance in chances.items():
        if name not in ROWS:
            raise UserError(f"data.augment.{name} is no augmentation: there are {', '.join(ROWS)}")
        if not 0 <= chance <= 1:
            raise UserError(f"data.augment.{name}={chance} is not a chance of 0 to 1")


def augment(pictures: np.ndarray, chances: Mapping[str, float], seed: Sequence[int]) -> np.ndarray:
    """uint8[N, H, W] of one family in other looks, the same for all; a pure function, and no change at chances of 0.

    Each look has random numbers of its own: what others do does not depend on it.
    """
    drawn = {}
    for number, (name, row) in enumerate(ROWS.items()):
        if chances.get(name, 0):
            random = np.random.default_rng([*seed, number])
            if random.random() < chances[name]:
                drawn[name] = row.apply, random.uniform(row.low, row.high), random
    matrix = np.eye(3)
    for apply, strength, random in (drawn[name] for name in PLACES if name in drawn):
        matrix = apply(strength, random) @ matrix
    pictures = _placed(pictures, matrix)
    for apply, strength, random in (drawn[name] for name in LOOKS if name in drawn):
        pictures = apply(pictures, strength, random)
    return pictures


# ---------------------------------------------------------------- where the figure lies


def _turned(degrees: float, random: np.random.Generator) -> np.ndarray:
    turn = radians(degrees)
    return np.array([[cos(turn), -sin(turn), 0], [sin(turn), cos(turn), 0], [0, 0, 1]])


def _quarters(_: float, random: np.random.Generator) -> np.ndarray:
    return _turned(90.0 * random.integers(1, 4), random)


def _scaled(scale: float, _: np.random.Generator) -> np.ndarray:
    return np.diag([scale, scale, 1.0])


def _shifted(way: float, random: np.random.Generator) -> np.ndarray:
    turn = random.uniform(0, 2 * np.pi)
    return np.array([[1, 0, way * cos(turn)], [0, 1, way * sin(turn)], [0, 0, 1]])


def _tilted(tilt: float, random: np.random.Generator) -> np.ndarray:
    turn = random.uniform(0, 2 * np.pi)
    return np.array([[1, 0, 0], [0, 1, 0], [tilt * cos(turn), tilt * sin(turn), 1]])


def _placed(pictures: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The pictures moved by a matrix, smaller and back on the page where ink would leave it; new ground is paper."""
    if (matrix == np.eye(3)).all():
        return pictures
    height, width = pictures.shape[1:]
    inked = pictures.min(0) < INK
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not len(rows):
        return pictures
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
    made = (Image.fromarray(one).transform((width, height), kind, data, bilinear, fillcolor=PAPER) for one in pictures)
    return np.stack([np.asarray(one) for one in made])


# ---------------------------------------------------------------- ink


def _neighbours(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]


def _mixed(pictures: np.ndarray, others: np.ndarray, share: float) -> np.ndarray:
    """(1 - share) of the one and share of the other, in steps of 1/256."""
    part = np.uint16(round(256 * share))
    mixed: np.ndarray = pictures * (np.uint16(256) - part) + others * part + np.uint16(128)
    return (mixed >> 8).astype(np.uint8)


def _thick(pictures: np.ndarray, px: float, _: np.random.Generator) -> np.ndarray:
    return _mixed(pictures, np.minimum.reduce((pictures, *_neighbours(pictures))), px * _unit(pictures))


def _thin(pictures: np.ndarray, px: float, _: np.random.Generator) -> np.ndarray:
    return _mixed(pictures, np.maximum.reduce((pictures, *_neighbours(pictures))), px * _unit(pictures))


def _blurred(pictures: np.ndarray, sigma_px: float, _: np.random.Generator) -> np.ndarray:
    """Kernels (a, 1 - 2a, a) of a <= 1/4 along both sides, as many as it takes: each adds a variance of 2a."""
    variance = (sigma_px * _unit(pictures)) ** 2
    passes = max(1, int(np.ceil(2 * variance)))
    share = variance / passes  # 2a
    for _pass in range(passes):
        for axis in 1, 2:
            padded = np.pad(pictures, [(1, 1) if axis == a else (0, 0) for a in range(3)], mode="edge")
            size = pictures.shape[axis]
            before, after = (padded.take(range(k, k + size), axis) for k in (0, 2))
            beside = np.right_shift(before.astype(np.uint16) + after.astype(np.uint16), np.uint16(1))
            pictures = _mixed(pictures, beside, share)
    return pictures


def _unit(pictures: np.ndarray) -> float:
    """Pixels for one of SIDE_PX, at most 1: what small pictures show is as fine as in large ones."""
    return min(1.0, pictures.shape[-1] / SIDE_PX)


def _faded(pictures: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    return _mixed(pictures, np.full_like(pictures, PAPER), share)


# ---------------------------------------------------------------- paper


def _lit(pictures: np.ndarray, depth: float, random: np.random.Generator) -> np.ndarray:
    """Darker by `depth` towards one side, gently or with the edge of a shadow."""
    y, x = (np.linspace(-1, 1, side) for side in pictures.shape[1:])
    turn = random.uniform(0, 2 * np.pi)
    across = x[None] * cos(turn) + y[:, None] * sin(turn) - random.uniform(-0.6, 0.6)
    shade = 1 / (1 + np.exp(-across * random.choice([2.0, 12.0])))
    light: np.ndarray = np.round(256 * (1 - depth * shade)).astype(np.uint16)
    return ((pictures * light) >> 8).astype(np.uint8)


def _greyed(pictures: np.ndarray, depth: float, _: np.random.Generator) -> np.ndarray:
    return _mixed(pictures, np.zeros_like(pictures), depth)


def _specked(pictures: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Single pixels half way to a grey: too pale and too small for a point, a dot of a decimal, or a gap."""
    count = max(1, round(share * pictures[0].size))
    y, x = (random.integers(0, side, count) for side in pictures.shape[1:])
    pictures = pictures.copy()
    pictures[:, y, x] = pictures[:, y, x] // 2 + random.integers(0, 128, count, np.uint8)
    return pictures


def _noisy(pictures: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    noise = deviation * random.standard_normal(pictures.shape[1:], np.float32)
    return np.clip(pictures + np.rint(noise).astype(np.int16), 0, 255).astype(np.uint8)


def _compressed(pictures: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    made = []
    for one in pictures:
        file = io.BytesIO()
        Image.fromarray(one).save(file, "JPEG", quality=round(quality))
        made.append(np.asarray(Image.open(file, formats=("JPEG",))))
    return np.stack(made)


# ---------------------------------------------------------------- the table, in the order in which they are applied

PLACES = {
    # A turned sheet is still read upwards: N stays N, and 6 is no 9.
    "rotate": Row(-8.0, 8.0, _turned),  # degrees
    # Sheets on a side or upside down, where a letter alone no longer tells N from Z, M from W, 6 from 9: for models
    # that have to read such sheets.
    "quarter": Row(1.0, 1.0, _quarters),
    # Small letters of 112 px have 9 px; three quarters of it can be read.
    "scale": Row(0.75, 1.2, _scaled),
    "shift": Row(0.0, 0.15, _shifted),  # of half a side
    # Moves points by a hundredth of the side; a fact is false by 2.5 hundredths or more.
    "tilt": Row(0.0, 0.02, _tilted),
}
LOOKS = {
    # A pixel at most: ticks, and the bars of a double arc, are two apart.
    "thick": Row(0.2, 0.8, _thick),  # px
    # No stroke loses more than half of its darkness.
    "thin": Row(0.1, 0.5, _thin),  # px
    "blur": Row(0.3, 1.0, _blurred),  # sigma, px
    "fade": Row(0.05, 0.5, _faded),  # share of white in the ink
    "light": Row(0.05, 0.4, _lit),
    "grey": Row(0.02, 0.25, _greyed),
    "specks": Row(0.0003, 0.003, _specked),  # of the pixels
    "noise": Row(2.0, 12.0, _noisy),  # deviation, of 255
    "jpeg": Row(25.0, 80.0, _compressed),  # quality
}
ROWS = PLACES | LOOKS
