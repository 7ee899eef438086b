"""Annotations of a picture -> what an encoder should read at each of its patches.

A patch is taught the characters whose middle lies in it, the names of the points that lie in it, the kinds of strokes
that cross it, and the kinds of marks whose middle half lies over it. The classes are bits of PATCH_WORDS words of 32,
as small in a batch as a signature.
"""

import string
from collections.abc import Iterator
from math import ceil, hypot
from typing import Any

import numpy as np

from data_gen.records.annotations import MARKS, STROKES, Annotations

GROUPS: dict[str, tuple[str, ...]] = {
    "characters": tuple(string.ascii_uppercase + string.digits + string.ascii_lowercase + "°√²π.()+−/="),
    "vertices": tuple(string.ascii_uppercase),
    "strokes": tuple(STROKES),
    "marks": MARKS,
}
CLASSES = tuple((group, name) for group, names in GROUPS.items() for name in names)
CLASS = {row: number for number, row in enumerate(CLASSES)}
PATCH_WORDS = 4
STEP = 1 / 3  # of a patch, between the places of a stroke that are looked at
assert len(CLASSES) <= 32 * PATCH_WORDS


def group_slice(group: str) -> slice:
    """Returns where the classes of a group stand among all."""
    first = CLASS[group, GROUPS[group][0]]
    return slice(first, first + len(GROUPS[group]))


def patch_targets(annotations: Annotations, matrix: np.ndarray, size_px: int, patch_px: int) -> np.ndarray:
    """Computes the classes of every patch, row by row from the top left corner: uint32[P, PATCH_WORDS]. Bit c % 32 of
    word c // 32 says that class number c of CLASSES is there.

    Args:
      matrix: float64[3, 3], moves points (x, y, 1) of the stored picture to the one that the encoder sees.
      size_px: side of the picture that the encoder sees; patch_px: side of a patch, P = (size_px / patch_px)^2.
    """
    side = size_px // patch_px
    step = STEP * patch_px / max(hypot(matrix[0, 0], matrix[1, 0]), 1e-6)
    places, classes = [], []
    for name, at in _places(annotations, step):
        if name in CLASS:
            places.append(at)
            classes.append(np.full(len(at), CLASS[name]))
    targets = np.zeros((side * side, PATCH_WORDS), np.uint32)
    if places:
        x, y, w = matrix @ np.concatenate([np.concatenate(places).T, np.ones((1, sum(map(len, places))))])
        column, row = np.floor(x / w / patch_px).astype(int), np.floor(y / w / patch_px).astype(int)
        number = np.concatenate(classes)
        inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        at, number = (row * side + column)[inside], number[inside]
        np.bitwise_or.at(targets, (at, number // 32), np.uint32(1) << (number % 32).astype(np.uint32))
    return targets


def unpack(targets: Any) -> Any:
    """Returns uint32[..., PATCH_WORDS], of NumPy or of JAX, as bool[..., number of classes]."""
    bits = targets[..., None] >> np.arange(32, dtype=np.uint32) & 1
    return bits.reshape(*targets.shape[:-1], -1)[..., : len(CLASSES)].astype(bool)


def _places(annotations: Annotations, step: float) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Yields a class and the places where it is seen, float64[n, 2], at most `step` px apart along strokes."""
    for character, (x0, y0, x1, y1) in annotations.characters:
        yield ("characters", character), np.array([[(x0 + x1) / 2, (y0 + y1) / 2]])
    for name, place in annotations.points:
        yield ("vertices", name[:1]), np.array([place], np.float64)
    for kind, numbers in annotations.strokes:
        yield ("strokes", kind), along(kind, numbers, step)
    for kind, _, (x0, y0, x1, y1) in annotations.marks:
        x, y = ([low + (high - low) * share for share in (0.25, 0.5, 0.75)] for low, high in ((x0, x1), (y0, y1)))
        yield ("marks", kind), np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def along(kind: str, numbers: tuple[int, ...], step: float) -> np.ndarray:
    """Returns places along a stroke of `Annotations`, at most `step` px apart: float64[n, 2]."""
    if kind in ("circle", "arc"):
        x, y, radius, start, sweep = (*numbers, 0, 360)[:5] if kind == "circle" else numbers
        turns = np.radians(start + np.linspace(0, sweep, _count(np.radians(sweep) * radius, step)))
        return np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], 1)
    corners = np.array(numbers, np.float64).reshape(-1, 2)
    pieces = [
        a + (b - a) * np.linspace(0, 1, _count(float(np.hypot(*(b - a))), step))[:, None]
        for a, b in zip(corners, corners[1:], strict=False)
    ]
    return np.concatenate(pieces) if pieces else corners


def _count(length: float, step: float) -> int:
    return max(2, ceil(length / step) + 1)
