"""Where the texts of a diagram go: beside their point, segment or angle, clear of all ink and of each other.

Every label has a few dozen candidate places, each with a cost (far from its owner, crowded, ambiguous). Those that touch
ink or leave the canvas are out; a small depth-first search over the rest, cheapest first, settles who stands where.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np

from data_gen.diagram import AngleText, Diagram, LengthText, Point
from data_gen.glyphs import Outline, outline
from data_gen.ink import Ink

Box = tuple[float, float, float, float]  # x0, y0, x1, y1

DIRECTIONS = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], 1)
POINT_GAPS = np.array([0.0, 0.2, 0.45, 0.8])  # of the font size, beyond the nearest allowed
POINT_COSTS = np.array([0.0, 0.5, 1.2, 2.4])
SEGMENT_SHARES = np.array([0.5, 0.43, 0.57, 0.36, 0.64, 0.29, 0.71])
SEGMENT_GAPS = np.array([0.0, 0.2, 0.45])
ANGLE_TURNS = np.array([0.0, -0.12, 0.12, -0.24, 0.24])  # of the angle, off its bisector
ANGLE_GAPS = np.array([0.0, 0.15, 0.35, 0.6, 0.9, 1.3, 1.8])
SEARCH_STEPS = 2000


class LabelCollision(Exception):
    """The texts of a diagram find no places where they touch neither ink nor each other: draw another diagram."""


@dataclass(frozen=True)
class Label:
    """A text in its place: `origin` is where its baseline starts, `box` its ink (x0, y0, x1, y1), both in px.

    Its letters are drawn in `letter_font`, all else in `font` (keys of glyphs.FONTS), at `font_px`.
    """

    text: str
    font: str
    letter_font: str
    font_px: float
    origin: Point
    box: Box


@dataclass(frozen=True)
class _Text:
    """A text that looks for its place: candidate centres float64[K, 2] and what each costs, float64[K]."""

    text: str
    font: str
    shape: Outline
    half: tuple[float, float]
    centres: np.ndarray
    costs: np.ndarray
    owner: Point | None  # the point that it names: no other point may be as near


def place_labels(diagram: Diagram, ink: Ink | None = None) -> tuple[Label, ...]:
    """Finds a place for every point's name (in `diagram.names` order), then for every printed text (in mark order).

    Deterministic. `ink` is the diagram's ink where the caller has it. Raises LabelCollision where there is no room.
    """
    ink = ink or Ink(diagram)
    texts = [_name(diagram, ink, name) for name in diagram.names]
    for mark in diagram.marks:
        if isinstance(mark, LengthText):
            texts.append(_length(diagram, ink, mark))
        elif isinstance(mark, AngleText):
            texts.append(_angle(diagram, ink, mark))
    if not texts:
        return ()
    boxes, usable, costs = _judge(diagram, ink, texts)
    choice = _search(texts, boxes, usable, costs, gap=0.16 * diagram.style.font_px)
    return tuple(_label(diagram, text, box) for text, box in zip(texts, choice, strict=True))


def _label(diagram: Diagram, text: _Text, box: Box) -> Label:
    font_px, style = diagram.style.font_px, diagram.style
    origin = (box[0] - text.shape.box[0] * font_px, box[1] - text.shape.box[1] * font_px)
    return Label(text.text, text.font, style.font, font_px, origin, box)


def _measure(diagram: Diagram, text: str, font: str) -> tuple[Outline, float, float]:
    """The outline of a text, and half its ink's width and height in px."""
    shape = outline(text, font, diagram.style.font)
    x0, y0, x1, y1 = shape.box
    scale = diagram.style.font_px / 2
    return shape, (x1 - x0) * scale, (y1 - y0) * scale


def _gap(diagram: Diagram) -> float:
    """How far a text keeps from the middle of a thin stroke."""
    return max(1.4, 0.13 * diagram.style.font_px) + diagram.style.stroke_px / 2


def _name(diagram: Diagram, ink: Ink, name: str) -> _Text:
    """Places all around a point, the best on the side that its strokes leave free."""
    shape, half_x, half_y = _measure(diagram, name, diagram.style.font)
    point = np.array(diagram.points[name])
    with np.errstate(divide="ignore"):
        reach = np.minimum(half_x / np.abs(DIRECTIONS[:, 0]), half_y / np.abs(DIRECTIONS[:, 1]))
    gap = _gap(diagram) + (ink.dot_px if name in diagram.dots else 0.0)
    distance = reach + gap + POINT_GAPS[:, None] * diagram.style.font_px
    centres = point + distance[..., None] * DIRECTIONS
    away = _away(diagram, name)
    side = 0.5 * (hypot(*away) - DIRECTIONS @ away) + 0.05 * DIRECTIONS[:, 1]
    costs = POINT_COSTS[:, None] + side
    owner = diagram.points[name]
    return _Text(name, diagram.style.font, shape, (half_x, half_y), centres.reshape(-1, 2), costs.ravel(), owner)


def _away(diagram: Diagram, name: str) -> np.ndarray:
    """The direction that leaves a point's strokes behind, of length 1, or shorter where they surround it."""
    px, py = diagram.points[name]
    x = y = 0.0
    for segment in diagram.segments:
        if name in (segment.a, segment.b):
            other = diagram.points[segment.b if name == segment.a else segment.a]
            length = hypot(px - other[0], py - other[1]) or 1.0
            x, y = x + (px - other[0]) / length, y + (py - other[1]) / length
    for circle in diagram.circles:
        (cx, cy), (tx, ty) = diagram.points[circle.centre], diagram.points[circle.through]
        radius, distance = hypot(tx - cx, ty - cy), hypot(px - cx, py - cy)
        if abs(radius - distance) < 1.0 and distance:
            x, y = x + (px - cx) / distance, y + (py - cy) / distance
    return np.array((x, y)) / max(1.0, hypot(x, y))


def _length(diagram: Diagram, ink: Ink, mark: LengthText) -> _Text:
    """Places on both sides of a segment, about its middle."""
    shape, half_x, half_y = _measure(diagram, mark.text, diagram.style.value_font)
    a, b = np.array(diagram.points[mark.a]), np.array(diagram.points[mark.b])
    along = (b - a) / max(hypot(*(b - a)), 1e-9)
    normal = np.array((-along[1], along[0]))
    reach = abs(normal[0]) * half_x + abs(normal[1]) * half_y + _gap(diagram)
    distance = reach + SEGMENT_GAPS * diagram.style.font_px
    feet = a + SEGMENT_SHARES[:, None, None, None] * (b - a)
    centres = feet + np.array((1.0, -1.0))[:, None, None] * distance[:, None] * normal
    # Outside the figure first: away from where most of it lies.
    others = np.mean([diagram.points[name] for name in diagram.names] or [a], 0) - (a + b) / 2
    inner = 0.3 * np.sign(np.round(others @ normal, 3)) * np.array((1.0, -1.0))
    costs = 4 * np.abs(SEGMENT_SHARES - 0.5)[:, None, None] + inner[:, None] + 3 * SEGMENT_GAPS
    return _Text(
        mark.text, diagram.style.value_font, shape, (half_x, half_y), centres.reshape(-1, 2), costs.ravel(), None
    )


def _angle(diagram: Diagram, ink: Ink, mark: AngleText) -> _Text:
    """Places inside an angle, on its bisector or near it, beyond its arc and clear of its arms."""
    shape, half_x, half_y = _measure(diagram, mark.text, diagram.style.value_font)
    start, sweep, _ = ink.angle(mark.a, mark.vertex, mark.b)
    turns = start + sweep * (0.5 + ANGLE_TURNS)
    ux, uy = np.cos(turns), np.sin(turns)
    gap = _gap(diagram)
    nearest = ink.angle_radius[mark] + 0.7 * gap + np.abs(ux) * half_x + np.abs(uy) * half_y
    for arm, share in ((start, 0.5 + ANGLE_TURNS), (start + sweep, 0.5 - ANGLE_TURNS)):
        support = abs(np.sin(arm)) * half_x + abs(np.cos(arm)) * half_y + gap
        nearest = np.maximum(nearest, support / np.sin(np.minimum(sweep * share, np.pi / 2)))
    distance = nearest + ANGLE_GAPS[:, None] * diagram.style.font_px
    centres = np.array(diagram.points[mark.vertex]) + distance[..., None] * np.stack((ux, uy), -1)
    far = (distance - ink.angle_radius[mark]) / diagram.style.font_px
    costs = far + 2 * np.abs(ANGLE_TURNS)
    return _Text(
        mark.text, diagram.style.value_font, shape, (half_x, half_y), centres.reshape(-1, 2), costs.ravel(), None
    )


def _judge(diagram: Diagram, ink: Ink, texts: list[_Text]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All candidates of all texts, one after the other: boxes float64[M, 4], usable bool[M], costs float64[M]."""
    font_px = diagram.style.font_px
    counts = [len(text.costs) for text in texts]
    centres = np.concatenate([text.centres for text in texts])
    halves = np.repeat(np.array([text.half for text in texts]), counts, axis=0)
    costs = np.concatenate([text.costs for text in texts])
    boxes = np.concatenate([centres - halves, centres + halves], 1)
    edge = np.minimum(boxes[:, :2].min(1), diagram.size_px - boxes[:, 2:].max(1))
    clear = np.minimum(_clear_of_capsules(centres, halves, ink), _clear_of_rings(centres, halves, ink))
    comfort = 0.22 * font_px
    costs = costs + 1.2 * np.clip(1 - clear / comfort, 0, 1)
    usable = (edge >= 1.0) & (clear >= max(0.9, 0.06 * font_px))
    named = len(diagram.names)
    own = _own_margin(diagram, centres, halves, sum(counts[:named]), texts[:named], counts)
    usable &= own > 0.1 * font_px
    costs += np.clip(1 - own / (0.5 * font_px), 0, 1)
    return boxes, usable, np.round(costs, 3)


def _clear_of_capsules(centres: np.ndarray, halves: np.ndarray, ink: Ink) -> np.ndarray:
    """How far each box stays from straight ink, px (negative: they touch): the best of three separating axes."""
    if not ink.capsules:
        return np.full(len(centres), np.inf)
    x0, y0, x1, y1, width = np.array(ink.capsules).T
    dx, dy = x1 - x0, y1 - y0
    length = np.maximum(np.hypot(dx, dy), 1e-9)
    nx, ny = -dy / length, dx / length
    cx, cy = centres[:, :1], centres[:, 1:]
    hx, hy = halves[:, :1], halves[:, 1:]
    off_x, off_y = cx - (x0 + x1) / 2, cy - (y0 + y1) / 2
    clear = np.abs(nx * off_x + ny * off_y) - (np.abs(nx) * hx + np.abs(ny) * hy)
    np.maximum(clear, np.abs(off_x) - (np.abs(dx) / 2 + hx), out=clear)
    np.maximum(clear, np.abs(off_y) - (np.abs(dy) / 2 + hy), out=clear)
    return (clear - width).min(1)


def _clear_of_rings(centres: np.ndarray, halves: np.ndarray, ink: Ink) -> np.ndarray:
    """How far each box stays from the circles' lines, px."""
    if not ink.rings:
        return np.full(len(centres), np.inf)
    x, y, radius, width = np.array(ink.rings).T
    off_x, off_y = np.abs(centres[:, :1] - x), np.abs(centres[:, 1:] - y)
    hx, hy = halves[:, :1], halves[:, 1:]
    nearest = np.hypot(np.maximum(off_x - hx, 0), np.maximum(off_y - hy, 0))
    farthest = np.hypot(off_x + hx, off_y + hy)
    return (np.maximum(nearest - radius, radius - farthest) - width).min(1)


def _own_margin(diagram, centres, halves, named: int, texts: list[_Text], counts: list[int]) -> np.ndarray:
    """How much nearer a name's box is to its own point than to any other visible point, px; infinite for other texts."""
    margin = np.full(len(centres), np.inf)
    if len(texts) > 1:
        points = np.array([text.owner for text in texts])
        off_x = np.abs(centres[:named, :1] - points[:, 0]) - halves[:named, :1]
        off_y = np.abs(centres[:named, 1:] - points[:, 1]) - halves[:named, 1:]
        distance = np.hypot(np.maximum(off_x, 0), np.maximum(off_y, 0))
        owner = np.repeat(np.arange(len(texts)), counts[: len(texts)])
        rows = np.arange(named)
        own = distance[rows, owner]
        distance[rows, owner] = np.inf
        margin[:named] = distance.min(1) - own
    return margin


def _search(texts: list[_Text], boxes: np.ndarray, usable: np.ndarray, costs: np.ndarray, gap: float) -> list[Box]:
    """One box for each text, no two closer than `gap` px: cheapest first, the text with the fewest places first."""
    options: list[list[Box]] = []
    start = 0
    for text in texts:
        end = start + len(text.costs)
        open_rows = np.flatnonzero(usable[start:end]) + start
        if not len(open_rows):
            raise LabelCollision(f"no free place for {text.text!r}")
        order = open_rows[np.argsort(costs[open_rows], kind="stable")]
        options.append([tuple(box) for box in boxes[order].tolist()])
        start = end
    turn = sorted(range(len(texts)), key=lambda i: len(options[i]))
    placed: list[Box] = []
    tried = [0] * len(texts)
    for _ in range(SEARCH_STEPS):
        depth = len(placed)
        if depth == len(turn):
            choice = dict(zip(turn, placed, strict=True))
            return [choice[i] for i in range(len(texts))]
        places = options[turn[depth]]
        while tried[depth] < len(places) and any(_touch(places[tried[depth]], box, gap) for box in placed):
            tried[depth] += 1
        if tried[depth] < len(places):
            placed.append(places[tried[depth]])
            tried[depth] += 1
        elif depth:
            tried[depth] = 0
            placed.pop()
        else:
            break
    raise LabelCollision(f"no room for {len(texts)} texts side by side")


def _touch(a: Box, b: Box, gap: float) -> bool:
    return a[0] - gap < b[2] and b[0] - gap < a[2] and a[1] - gap < b[3] and b[1] - gap < a[3]
