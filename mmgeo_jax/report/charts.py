"""Line charts, laid out here and drawn by a template as inline SVG.

They are SVG of the page's own, and not of a plotting library, because its style sheet colours them in light and dark.
"""

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 12, 36
MOST_POINTS = 300


class Series(NamedTuple):
    """A line: its name, its points (x, y), and its colour as a class of the style sheet (c1, c2, ... or quiet)."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str


class Mark(NamedTuple):
    """A point on a strip: its kind is a class of the style sheet ("ours", "chance", "unimodal", "untrained")."""

    kind: str
    value: float
    says: str


class Rule(NamedTuple):
    """A horizontal line across the chart; kind: "grid" or "reference"."""

    kind: str
    y: float


class Words(NamedTuple):
    """A text of the chart; anchor: "start", "middle" or "end"."""

    x: float
    y: float
    anchor: str
    text: str


class Chart(NamedTuple):
    """A line chart, laid out in units of its SVG, rounded to a tenth."""

    title: str
    rules: list[Rule]
    words: list[Words]
    lines: list[Series]
    left: int = LEFT
    right: int = WIDTH - RIGHT
    width: int = WIDTH
    height: int = HEIGHT


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Returns round numbers within [low, high], about so many; [low] if the range is empty."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw * 0.999)
    first = ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, floor(high / step + 1e-9) + 1)]


def tick_label(value: float) -> str:
    """Returns the text of a tick: 1500 is 1.5k, 0.25 is .25."""
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}".replace("0.", ".", 1) if 0 < abs(value) < 1 else f"{value:g}"


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    references: Sequence[tuple[str, float]] = (),
    y_range: tuple[float, float] | None = None,
) -> Chart | None:
    """Lays out lines over a common x, with dashed reference lines that are named; None if nothing is finite."""
    series = [s._replace(points=_thinned([p for p in s.points if all(map(isfinite, p))])) for s in series]
    series = [s for s in series if s.points]
    if not series:
        return None
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points] + [y for _, y in references]
    x0, x1 = min(xs), max(xs)
    y0, y1 = y_range or (min(ys), max(ys))
    y1 = y1 if y1 > y0 else y0 + 1

    def x_of(x: float) -> float:
        return round(LEFT + (x - x0) / ((x1 - x0) or 1) * (WIDTH - LEFT - RIGHT), 1)

    def y_of(y: float, shift: float = 0) -> float:
        return round(HEIGHT - BOTTOM - (min(max(y, y0), y1) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM) + shift, 1)

    words = [Words(LEFT - 7, y_of(y, 4), "end", tick_label(y)) for y in ticks(y0, y1)]
    words += [Words(x_of(x), HEIGHT - 18, "middle", tick_label(x)) for x in ticks(x0, x1)]
    words += [Words(WIDTH - RIGHT, y_of(y, -6), "end", name) for name, y in references]
    words.append(Words(WIDTH - RIGHT, HEIGHT - 2, "end", x_label))
    rules = [Rule("grid", y_of(y)) for y in ticks(y0, y1)] + [Rule("reference", y_of(y)) for _, y in references]
    lines = [line._replace(points=[(x_of(x), y_of(y)) for x, y in line.points]) for line in series]
    return Chart(title, rules, words, lines)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns at most MOST_POINTS points, each the mean of its neighbours, and the last as it is."""
    size = ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return list(points)
    chunks = [points[start : start + size] for start in range(0, len(points) - 1, size)]
    return [(sum(x for x, _ in c) / len(c), sum(y for _, y in c) / len(c)) for c in chunks] + [points[-1]]
