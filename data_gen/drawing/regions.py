"""Regions of a figure, and what is drawn inside them: an area is printed where one region alone can be meant.

A region is a tuple of complex corners in order round; two corners stand for a circle, its centre and a point on it.
"""

from collections.abc import Sequence

import numpy as np

from data_gen.geometry.diagram import Mark, RegularPolygon
from data_gen.geometry.plane import segment_distance

SHARES = np.linspace(0, 1, 65)  # along a stroke


def depth(region: Sequence[complex], z: np.ndarray) -> np.ndarray:
    """Returns how far points complex[...] are from a region's border, in their unit: negative outside."""
    if len(region) == 2:
        return abs(region[1] - region[0]) - np.abs(z - region[0])
    corners = np.array(region)
    directions = corners - np.asarray(z)[..., None]
    nearest = segment_distance(np.asarray(z)[..., None], corners, np.roll(corners, -1)).min(-1)
    turns = np.angle(np.roll(directions, -1, -1) * np.conj(directions)).sum(-1)
    return np.where(np.abs(turns) > np.pi, nearest, -nearest)


def divided(region: Sequence[complex], points: dict[str, complex], drawn, marks: Sequence[Mark], least: float) -> bool:
    """Returns whether a stroke runs inside a region, deeper than `least`; an arc counts as its whole circle. `drawn`:
    `constructions.program.Strokes`; `points`: where their names lie, in the unit of the region and of `least`."""
    lines = [(points[s.a], points[s.b]) for s in drawn.segments]
    rings = [(points[c.centre], points[c.through]) for c in drawn.circles]
    rings += [(points[a.centre], points[a.a]) for a in drawn.arcs]
    for mark in marks:
        if isinstance(mark, RegularPolygon):
            lines += sides_of(mark, points)
    strokes = [a + (b - a) * SHARES for a, b in lines]
    strokes += [o + (a - o) * np.exp(2j * np.pi * SHARES) for o, a in rings]
    return bool(strokes) and bool((depth(region, np.concatenate(strokes)) > least).any())


def sides_of(mark: RegularPolygon, points: dict[str, complex]) -> list[tuple[complex, complex]]:
    """Returns the ends of the sides of a regular polygon."""
    o = points[mark.centre]
    corners = o + (points[mark.corner] - o) * np.exp(2j * np.pi * np.arange(mark.count + 1) / mark.count)
    return list(zip(corners[:-1].tolist(), corners[1:].tolist(), strict=True))
