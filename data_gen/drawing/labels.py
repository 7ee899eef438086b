"""Where the texts of a diagram go: beside their point, segment or angle, clear of all ink and of each other.

Every text has a few dozen candidate places, each with a cost (far from its owner, crowded, ambiguous). Those
that touch ink, leave the canvas or stand behind a stroke are out; a small depth-first search over the rest,
cheapest first, settles who stands where.
"""

import itertools
from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np

from data_gen.drawing.glyphs import Outline, outline
from data_gen.drawing.regions import depth
from data_gen.drawing.strokes import Box, Ink
from data_gen.geometry.diagram import AngleText, ArcText, AreaText, Diagram, LengthText, Point
from data_gen.geometry.plane import segment_distance

Head = tuple[str, str, float, Outline, Point]  # the first fields of a _Text

DIRECTIONS = np.stack([np.cos(np.arange(16) * np.pi / 8), np.sin(np.arange(16) * np.pi / 8)], 1)
POINT_GAPS = np.array([0.0, 0.2, 0.45, 0.8])  # of the font size, beyond the nearest allowed
POINT_COSTS = np.array([0.0, 0.5, 1.2, 2.4])
SEGMENT_SHARES = np.array([0.5, 0.43, 0.57, 0.36, 0.64, 0.29, 0.71])
ARC_SHARES = np.array([0.5, 0.4, 0.6, 0.3, 0.7])
SEGMENT_GAPS = np.array([0.0, 0.2, 0.45])
ANGLE_TURNS = np.array([0.0, -0.12, 0.12, -0.24, 0.24])  # of the angle, off its bisector
ANGLE_GAPS = np.array([0.0, 0.15, 0.35, 0.6, 0.9, 1.3, 1.8])
VALUE_SCALE = 0.92  # printed values are set a little smaller than the points' names
AREA_GAP = 0.6  # of the font size: "12 cm²" beside "51°" would read as one text
AREA_STEPS = np.linspace(0.1, 0.9, 17)  # across the box around a region
FOOT_PX = 1.2
SEARCH_STEPS = 400
# Shares of the font size. How much nearer a name or a printed length must be to its own than to another's:
NAME_MARGIN, LENGTH_MARGIN = 0.25, 0.35
BESIDE, ABOVE = 0.4, 0.16  # how far texts keep from each other: "O" and "8" side by side would read as one


class LabelCollision(Exception):
    """The texts of a diagram find no places clear of ink and of each other: draw another diagram."""


@dataclass(frozen=True)
class Label:
    """A text in its place: `origin` is where its baseline starts, `box` its ink (x0, y0, x1, y1), both in px. Its
    letters are drawn in `letter_font`, all else in `font` (keys of glyphs.FONTS), at `font_px`."""

    text: str
    font: str
    letter_font: str
    font_px: float
    origin: Point
    box: Box


@dataclass(frozen=True)
class _Text:
    """A text that looks for its place, K candidates.

    half: half its ink's width and height, px; centres: float64[K, 2]; feet: float64[K, 2], where the way from
    its owner to the text starts; costs: float64[K]; owner: the point that it names, and must be nearest to;
    segment: that whose length it prints, and must be nearest to;
    letter_font: of its letters, "" for that of names; gap_px: how far other texts keep, 0 for as far as usual.
    """

    text: str
    font: str
    font_px: float
    shape: Outline
    half: tuple[float, float]
    centres: np.ndarray
    feet: np.ndarray
    costs: np.ndarray
    owner: Point | None = None
    segment: tuple[Point, Point] | None = None
    letter_font: str = ""
    gap_px: float = 0.0


def place_labels(diagram: Diagram, ink: Ink | None = None) -> tuple[Label, ...]:
    """Places every point's name (in `diagram.names` order), then every printed text (in mark order). Deterministic.
    `ink` is the diagram's ink where the caller has it. Raises LabelCollision for want of room."""
    ink = ink or Ink(diagram)
    texts = _names(diagram, ink)
    for mark in diagram.marks:
        if isinstance(mark, LengthText):
            texts.append(_length(diagram, ink, mark))
        elif isinstance(mark, AngleText):
            texts.append(_angle(diagram, ink, mark))
        elif isinstance(mark, ArcText):
            texts.append(_arc(diagram, mark))
        elif isinstance(mark, AreaText):
            texts.append(_area(diagram, mark))
    if not texts:
        return ()
    options = _options(texts, *_judge(diagram, ink, texts))
    font_px = diagram.style.font_px
    gaps = [(max(text.gap_px, BESIDE * font_px), max(text.gap_px, ABOVE * font_px)) for text in texts]
    choice = _search(options, gaps)
    return tuple(_label(diagram, text, box) for text, box in zip(texts, choice, strict=True))


def _label(diagram: Diagram, text: _Text, box: Box) -> Label:
    x0, y0, _, _ = text.shape.box
    origin = (box[0] - x0 * text.font_px, box[1] - y0 * text.font_px)
    return Label(text.text, text.font, text.letter_font or diagram.style.font, text.font_px, origin, box)


def _head(diagram: Diagram, text: str, font: str, font_px: float, letter_font: str = "") -> Head:
    """Returns the first fields of a text: what it says, how it is set, and half its ink's width and height in px."""
    shape = outline(text, font, letter_font or diagram.style.font)
    x0, y0, x1, y1 = shape.box
    return text, font, font_px, shape, ((x1 - x0) * font_px / 2, (y1 - y0) * font_px / 2)


def _value_head(diagram: Diagram, text: str) -> Head:
    """Returns the same of a printed value, which is set a little smaller."""
    return _head(diagram, text, diagram.style.value_font, VALUE_SCALE * diagram.style.font_px)


def _gap(diagram: Diagram) -> float:
    """Returns how far a text keeps from the middle of a stroke, px."""
    return max(1.5, 0.15 * diagram.style.font_px) + diagram.style.stroke_px / 2


def _names(diagram: Diagram, ink: Ink) -> list[_Text]:
    """Proposes places all around each point, the best on the side that its strokes leave free."""
    style, names = diagram.style, diagram.names
    if not names:
        return []
    heads = [_head(diagram, name, style.font, style.font_px) for name in names]
    owners = np.array([diagram.points[name] for name in names]).reshape(-1, 1, 1, 2)
    halves = np.array([head[-1] for head in heads]).reshape(-1, 1, 1, 2)
    gaps = np.array([_gap(diagram) + (ink.dot_px if name in diagram.dots else 0.0) for name in names])
    reach = (halves / np.maximum(np.abs(DIRECTIONS), 1e-9)).min(-1)
    distance = reach + gaps[:, None, None] + POINT_GAPS[:, None] * style.font_px
    centres = owners + distance[..., None] * DIRECTIONS
    feet = np.broadcast_to(owners + FOOT_PX * DIRECTIONS, centres.shape)
    away = np.array([_away(diagram, name) for name in names]).reshape(-1, 1, 2)
    turned = np.hypot(away[..., 0], away[..., 1]) - (away * DIRECTIONS).sum(-1)
    costs = POINT_COSTS[:, None] + (0.5 * turned + 0.05 * DIRECTIONS[:, 1])[:, None]
    places = zip(centres.reshape(len(names), -1, 2), feet.reshape(len(names), -1, 2), costs, strict=True)
    return [
        _Text(*head, centre, foot, cost.ravel(), diagram.points[head[0]])
        for head, (centre, foot, cost) in zip(heads, places, strict=True)
    ]


def _away(diagram: Diagram, name: str) -> Point:
    """Returns the direction that leaves a point's strokes behind, of length 1, or shorter where they surround it."""
    points = diagram.points
    px, py = points[name]
    x = y = 0.0
    for segment in diagram.segments:
        if name in (segment.a, segment.b):
            qx, qy = points[segment.b if name == segment.a else segment.a]
            length = hypot(px - qx, py - qy) or 1.0
            x, y = x + (px - qx) / length, y + (py - qy) / length
    for circle in diagram.circles:
        (cx, cy), (tx, ty) = points[circle.centre], points[circle.through]
        distance = hypot(px - cx, py - cy)
        if distance and abs(hypot(tx - cx, ty - cy) - distance) < 1.0:
            x, y = x + (px - cx) / distance, y + (py - cy) / distance
    length = max(1.0, hypot(x, y))
    return x / length, y / length


def _length(diagram: Diagram, ink: Ink, mark: LengthText) -> _Text:
    """Proposes places on both sides of a segment, about its middle."""
    head = _value_head(diagram, mark.text)
    half_x, half_y = head[-1]
    a, b = np.array(diagram.points[mark.a]), np.array(diagram.points[mark.b])
    length = max(hypot(*(b - a)), 1e-9)
    nx, ny = (a[1] - b[1]) / length, (b[0] - a[0]) / length
    reach = abs(nx) * half_x + abs(ny) * half_y + 1.2 * _gap(diagram)
    normals = np.array(((nx, ny), (-nx, -ny)))[:, None]
    middles = a + SEGMENT_SHARES[:, None, None, None] * (b - a)
    distance = reach + SEGMENT_GAPS[:, None] * diagram.style.font_px
    centres = middles + distance * normals
    feet = np.broadcast_to(middles + FOOT_PX * normals, centres.shape)
    # Outside the figure first: away from where most of its points lie.
    inside = np.mean([diagram.points[name] for name in diagram.names or (mark.a,)], 0) - (a + b) / 2
    inner = 0.3 * np.sign(np.round(normals @ inside, 3))
    costs = 4 * np.abs(SEGMENT_SHARES - 0.5)[:, None, None] + inner + 3 * SEGMENT_GAPS
    ends = diagram.points[mark.a], diagram.points[mark.b]
    return _Text(*head, centres.reshape(-1, 2), feet.reshape(-1, 2), costs.ravel(), segment=ends)


def _angle(diagram: Diagram, ink: Ink, mark: AngleText) -> _Text:
    """Proposes places inside an angle, on its bisector or near it, beyond its arc and clear of its arms."""
    head = _value_head(diagram, mark.text)
    half_x, half_y = head[-1]
    start, sweep, _ = ink.angle(mark.a, mark.vertex, mark.b)
    shares = 0.5 + ANGLE_TURNS
    directions = np.stack((np.cos(start + sweep * shares), np.sin(start + sweep * shares)), -1)
    gap, radius = _gap(diagram), ink.angle_radius[mark]
    nearest = radius + 0.7 * gap + np.abs(directions) @ (half_x, half_y)
    for arm, share in ((start, shares), (start + sweep, 1 - shares)):
        support = abs(sin(arm)) * half_x + abs(cos(arm)) * half_y + gap
        nearest = np.maximum(nearest, support / np.sin(np.clip(sweep * share, 1e-3, np.pi / 2)))
    distance = nearest + ANGLE_GAPS[:, None] * diagram.style.font_px
    vertex = np.array(diagram.points[mark.vertex])
    centres = vertex + distance[..., None] * directions
    feet = np.broadcast_to(vertex + (radius + FOOT_PX) * directions, centres.shape)
    costs = (distance - radius) / diagram.style.font_px + 2 * np.abs(ANGLE_TURNS)
    return _Text(*head, centres.reshape(-1, 2), feet.reshape(-1, 2), costs.ravel())


def _arc(diagram: Diagram, mark: ArcText) -> _Text:
    """Proposes places along an arc, outside its circle, the nearest to its middle first."""
    head = _value_head(diagram, mark.text)
    o, a, b = (complex(*diagram.points[name]) for name in (mark.centre, mark.a, mark.b))
    turn = float(np.angle((b - o) / (a - o)))
    if mark.via:  # the way round on which that point lies
        past = np.angle((complex(*diagram.points[mark.via]) - o) / (a - o))
        turn -= 2 * np.pi * np.sign(turn) * (not 0 < past / turn < 1)
    ways = (a - o) / abs(a - o) * np.exp(1j * turn * ARC_SHARES)
    ways = np.stack((ways.real, ways.imag), -1)
    reach = (np.abs(ways) * head[-1]).sum(-1) + 1.2 * _gap(diagram)
    distance = abs(a - o) + reach + SEGMENT_GAPS[:, None] * diagram.style.font_px
    centres = np.array((o.real, o.imag)) + distance[..., None] * ways
    feet = np.broadcast_to(np.array((o.real, o.imag)) + (abs(a - o) + FOOT_PX) * ways, centres.shape)
    costs = 4 * np.abs(ARC_SHARES - 0.5) + 3 * SEGMENT_GAPS[:, None]
    return _Text(*head, centres.reshape(-1, 2), feet.reshape(-1, 2), costs.ravel())


def _area(diagram: Diagram, mark: AreaText) -> _Text:
    """Proposes places inside a region, the nearest to its middle first; letters are upright: they are a unit's."""
    font_px, upright = diagram.style.font_px, diagram.style.value_font
    head = _head(diagram, mark.text, upright, VALUE_SCALE * font_px, upright)
    region = [complex(*diagram.points[name]) for name in mark.corners]
    reach = abs(region[1] - region[0])
    border = [region[0] + reach * way for way in (1, 1j, -1, -1j)] if len(region) == 2 else region
    xs, ys = np.array([(z.real, z.imag) for z in border]).T
    x, y = np.meshgrid(xs.min() + np.ptp(xs) * AREA_STEPS, ys.min() + np.ptp(ys) * AREA_STEPS)
    places = (x + 1j * y).ravel()
    places = places[depth(region, places) > 0]
    centres = np.stack((places.real, places.imag), -1)
    costs = np.abs(places - np.mean(border)) / font_px
    return _Text(*head, centres, centres, costs, letter_font=upright, gap_px=AREA_GAP * font_px)


def _judge(diagram: Diagram, ink: Ink, texts: list[_Text]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all candidates of all texts in one row: boxes float64[M, 4], usable bool[M], costs float64[M]."""
    font_px = diagram.style.font_px
    counts = [len(text.costs) for text in texts]
    centres = np.concatenate([text.centres for text in texts])
    halves = np.repeat(np.array([text.half for text in texts]), counts, axis=0)
    boxes = np.concatenate([centres - halves, centres + halves], 1)
    edge = np.minimum(boxes[:, :2].min(1), diagram.size_px - boxes[:, 2:].max(1))
    clear = np.minimum(_clear_of_capsules(centres, halves, ink), _clear_of_rings(centres, halves, ink))
    names, values = texts[: len(diagram.names)], texts[len(diagram.names) :]
    margins = [_own_margin(centres, halves, names, _ends(diagram)), *(_own_segment(diagram, text) for text in values)]
    own = np.concatenate(margins)
    least = np.repeat([NAME_MARGIN] * len(names) + [LENGTH_MARGIN] * len(values), counts)
    usable = (edge >= 1.0) & (clear >= max(0.9, 0.06 * font_px)) & (own > least * font_px)
    rows = np.flatnonzero(usable)
    feet = np.concatenate([text.feet for text in texts])
    usable[rows] = _unbroken(feet[rows], centres[rows], ink)
    costs = np.concatenate([text.costs for text in texts])
    costs += 1.2 * np.clip(1 - clear / (0.22 * font_px), 0, 1) + np.clip(1 - own / (0.6 * font_px), 0, 1)
    # Rounded, so that the last bits of a sum never decide between mirrored places.
    return boxes, usable, np.round(costs, 3)


def _clear_of_capsules(centres: np.ndarray, halves: np.ndarray, ink: Ink) -> np.ndarray:
    """Returns how far each box stays from straight ink, px, by the best of three separating axes; < 0: they touch."""
    if not ink.capsules:
        return np.full(len(centres), np.inf)
    x0, y0, x1, y1, width = np.array(ink.capsules).T
    dx, dy = x1 - x0, y1 - y0
    length = np.maximum(np.hypot(dx, dy), 1e-9)
    nx, ny = -dy / length, dx / length
    (half_x, half_y), (off_x, off_y) = halves.T, _offsets(centres, (x0 + x1) / 2, (y0 + y1) / 2)
    clear = np.abs(nx[:, None] * off_x + ny[:, None] * off_y) - np.abs((nx, ny)).T @ halves.T
    np.maximum(clear, np.abs(off_x) - (np.abs(dx)[:, None] / 2 + half_x), out=clear)
    np.maximum(clear, np.abs(off_y) - (np.abs(dy)[:, None] / 2 + half_y), out=clear)
    return (clear - width[:, None]).min(0)


def _offsets(centres: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how far M centres are to the right of K places, and below them: float64[K, M] each."""
    return centres[:, 0] - x[:, None], centres[:, 1] - y[:, None]


def _clear_of_rings(centres: np.ndarray, halves: np.ndarray, ink: Ink) -> np.ndarray:
    """Returns how far each box stays from the circles' lines, px."""
    if not ink.rings:
        return np.full(len(centres), np.inf)
    x, y, radius, width = np.array(ink.rings).T
    (half_x, half_y), (off_x, off_y) = halves.T, np.abs(_offsets(centres, x, y))
    nearest = np.hypot(np.maximum(off_x - half_x, 0), np.maximum(off_y - half_y, 0))
    farthest = np.hypot(off_x + half_x, off_y + half_y)
    return (np.maximum(nearest - radius[:, None], radius[:, None] - farthest) - width[:, None]).min(0)


def _unbroken(feet: np.ndarray, centres: np.ndarray, ink: Ink) -> np.ndarray:
    """Returns whether no ink crosses the way from foot to text, bool[M]: a text behind a stroke looks another's."""
    free = np.ones(len(feet), bool)
    if ink.capsules:
        x0, y0, x1, y1, _ = np.array(ink.capsules).T
        dx, dy = x1 - x0, y1 - y0
        foot_x, foot_y = feet[:, :1] - x0, feet[:, 1:] - y0
        way_x, way_y = centres[:, :1] - feet[:, :1], centres[:, 1:] - feet[:, 1:]
        foot_side = dx * foot_y - dy * foot_x
        text_side = foot_side + dx * way_y - dy * way_x
        start_side = way_y * foot_x - way_x * foot_y
        end_side = start_side - way_y * dx + way_x * dy
        free &= ~((foot_side * text_side < 0) & (start_side * end_side < 0)).any(1)
    for x, y, radius, _ in ink.rings:
        foot_inside = np.hypot(feet[:, 0] - x, feet[:, 1] - y) < radius
        free &= foot_inside == (np.hypot(centres[:, 0] - x, centres[:, 1] - y) < radius)
    return free


def _ends(diagram: Diagram) -> list[Point]:
    """Returns the unnamed ends of strokes: a name beside one would be taken for its name."""
    ends = sorted({end for s in diagram.segments for end in (s.a, s.b) if end.startswith("_")})
    return [diagram.points[end] for end in ends]


def _own_margin(centres: np.ndarray, halves: np.ndarray, names: list[_Text], ends: list[Point]) -> np.ndarray:
    """Returns how much nearer each name's candidates are to its point than to others and to unnamed ends, px."""
    owner = np.repeat(np.arange(len(names)), [len(text.costs) for text in names])
    if len(names) + len(ends) < 2:
        return np.full(len(owner), np.inf)
    x, y = np.array([text.owner for text in names] + ends).T
    half_x, half_y = halves[: len(owner)].T
    off_x, off_y = np.abs(_offsets(centres[: len(owner)], x, y))
    distance = np.hypot(np.maximum(off_x - half_x, 0), np.maximum(off_y - half_y, 0))
    own = distance[owner, np.arange(len(owner))]
    same = np.hypot(x[:, None] - x, y[:, None] - y)[:, owner] < 1.0  # the point itself, or an end in it
    return np.where(same, np.inf, distance).min(0) - own


def _own_segment(diagram: Diagram, text: _Text) -> np.ndarray:
    """Returns how much nearer a printed length is to its own segment than to any other stroke, px[K]; else infinite."""
    if text.segment is None or not diagram.segments:
        return np.full(len(text.costs), np.inf)
    ends = [complex(*diagram.points[name]) for segment in diagram.segments for name in (segment.a, segment.b)]
    p, q = np.array(ends).reshape(-1, 2).T
    a, b = (complex(*end) for end in text.segment)
    # Else the segment is a part of the stroke.
    other = np.maximum(segment_distance(a, p, q), segment_distance(b, p, q)) > 1.0
    centres = text.centres @ (1, 1j)
    distance = segment_distance(centres[:, None], p[other], q[other]).min(1, initial=np.inf)
    return distance - segment_distance(centres, a, b)


def _options(texts: list[_Text], boxes: np.ndarray, usable: np.ndarray, costs: np.ndarray) -> list[list[Box]]:
    """Returns the usable boxes of each text, cheapest first. Raises LabelCollision where a text has none."""
    rows = np.flatnonzero(usable)
    owner = np.repeat(np.arange(len(texts)), [len(text.costs) for text in texts])[rows]
    counts = np.bincount(owner, minlength=len(texts)).tolist()
    for text, count in zip(texts, counts, strict=True):
        if not count:
            raise LabelCollision(f"no free place for the text {text.text!r}")
    places = iter(boxes[rows[np.lexsort((costs[rows], owner))]].tolist())
    return [list(itertools.islice(places, count)) for count in counts]


def _search(options: list[list[Box]], gaps: list[tuple[float, float]]) -> list[Box]:
    """Returns one box for each text, no two closer than either's gaps in px, beside and above each other; the text with
    the fewest places chooses first."""
    turn = sorted(range(len(options)), key=lambda i: len(options[i]))
    placed: list[Box] = []
    tried = [0] * len(options)
    for _ in range(SEARCH_STEPS):
        depth = len(placed)
        if depth == len(turn):
            choice = dict(zip(turn, placed, strict=True))
            return [choice[i] for i in range(len(options))]
        places = options[turn[depth]]
        while tried[depth] < len(places) and any(
            _touch(places[tried[depth]], box, *map(max, gaps[turn[depth]], gaps[i]))
            for i, box in zip(turn, placed, strict=False)
        ):
            tried[depth] += 1
        if tried[depth] < len(places):
            placed.append(places[tried[depth]])
            tried[depth] += 1
        elif depth:
            tried[depth] = 0
            placed.pop()
        else:
            break
    raise LabelCollision(f"no room for {len(options)} texts side by side")


def _touch(a: Box, b: Box, x: float, y: float) -> bool:
    return a[0] - x < b[2] and b[0] - x < a[2] and a[1] - y < b[3] and b[1] - y < a[3]
