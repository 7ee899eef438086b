"""Small charts as inline SVG and HTML: no script, and colours from the page's style sheet (light and
dark)."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 12, 36
MOST_POINTS = 300


class Series(NamedTuple):
    """A line: its name, its points (x, y), and its colour as a class of the style sheet (c1, c2, ... or
    quiet)."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str


class Mark(NamedTuple):
    """A point on a strip: its kind is a class of the style sheet ("ours", "chance", "blind", "untrained")."""

    kind: str
    value: float
    says: str


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within [low, high], about so many; [low] where the range is empty."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw * 0.999)
    first = ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A tick's label: 1500 is 1.5k, 0.25 is .25."""
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}".replace("0.", ".", 1) if 0 < abs(value) < 1 else f"{value:g}"


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    references: Sequence[tuple[str, float]] = (),
    y_range: tuple[float, float] | None = None,
) -> str:
    """An SVG of lines over a common x, named at their ends, with dashed reference lines; "" where nothing
    is finite."""
    series = [s._replace(points=_thinned([p for p in s.points if all(map(isfinite, p))])) for s in series]
    series = [s for s in series if s.points]
    if not series:
        return ""
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points] + [y for _, y in references]
    x0, x1 = min(xs), max(xs)
    y0, y1 = y_range or (min(ys), max(ys))
    y1 = y1 if y1 > y0 else y0 + 1

    def x_of(x: float) -> float:
        return LEFT + (x - x0) / ((x1 - x0) or 1) * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - (min(max(y, y0), y1) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    def rule(kind: str, y: float) -> str:
        return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(y):.1f}" y2="{y_of(y):.1f}"/>'

    parts = [rule("grid", y) + _words(LEFT - 7, y_of(y) + 4, "end", number(y)) for y in ticks(y0, y1)]
    parts += [_words(x_of(x), HEIGHT - 18, "middle", number(x)) for x in ticks(x0, x1, 4)]
    parts.append(_words(WIDTH - RIGHT, HEIGHT - 2, "end", x_label))
    for name, y in references:
        parts.append(rule("reference", y) + _words(WIDTH - RIGHT, y_of(y) - 6, "end", name))
    for line in series:
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline class="line {line.colour}" points="{path}"/>')
        x, y = line.points[-1]
        parts.append(f'<circle class="end {line.colour}" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3"/>')
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    keys = "".join(f'<span class="key {s.colour}">{escape(s.name)}</span>' for s in series)
    legend = f'<span class="keys">{keys}</span>' if len(series) > 1 else ""
    return f'<figure class="chart"><figcaption>{escape(title)}{legend}</figcaption>{svg}</figure>'


def _words(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def strip(marks: Sequence[Mark], interval: Sequence[float] | None = None) -> str:
    """A scale from 0 to 1 of the cell's width, with marks and the interval of the first; text never shrinks
    with it."""
    whisker = ""
    if interval:
        low, high = interval
        whisker = f'<line class="whisker" x1="{low:.2%}" x2="{high:.2%}" y1="50%" y2="50%"/>'
    drawn = "".join(_mark(mark) for mark in reversed(marks))
    says = escape(", ".join(f"{mark.says} {mark.value:.3f}" for mark in marks))
    return f'<svg class="strip" role="img" aria-label="{says}"><title>{says}</title>{_SCALE}{whisker}{drawn}</svg>'


_SCALE = '<line class="axis" x1="0" x2="100%" y1="50%" y2="50%"/>' + "".join(
    f'<line class="axis" x1="{at}%" x2="{at}%" y1="34%" y2="66%"/>' for at in (0, 25, 50, 75, 100)
)


def _mark(mark: Mark) -> str:
    at = f"{mark.value:.2%}"
    if mark.kind == "chance":
        return f'<line class="mark chance" x1="{at}" x2="{at}" y1="12%" y2="88%"/>'
    return f'<circle class="mark {mark.kind}" cx="{at}" cy="50%" r="{5.5 if mark.kind == "ours" else 4}"/>'


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS, each the mean of its neighbours, and the last as it is."""
    size = ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return list(points)
    chunks = [points[start : start + size] for start in range(0, len(points) - 1, size)]
    return [(sum(x for x, _ in c) / len(c), sum(y for _, y in c) / len(c)) for c in chunks] + [points[-1]]
