"""How a family is put on paper: size, border, turn, style, and the levels of difficulty."""

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from data_gen.geometry.diagram import Style
from data_gen.shared import own_json


@dataclass(frozen=True)
class Canvas:
    """How a family is put on paper: the same for all its members, so that looks tell nothing."""

    size_px: int
    border_px: float
    rotation_deg: float
    mirror: bool
    style: Style
    marks: bool
    wording: int
    margin_px: float  # a fact is false only if the drawing is this far from it
    gap_px: float  # no two named points are closer than this

    def to_json(self) -> str:
        """Returns one line of JSON; `canvas_from_json` reads it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def canvas_from_json(text: str) -> Canvas:
    """Returns the inverse of `Canvas.to_json`. Raises UserError where a text is none."""

    def parse() -> Canvas:
        data = json.loads(text)
        return Canvas(**data | {"style": Style(**data["style"])})

    return own_json.guard("the canvas", parse)


def fit(points: dict[str, complex], circles, canvas: Canvas) -> dict[str, complex]:
    """Turns, mirrors and scales a construction so that its strokes fill the canvas inside the border."""
    turn = np.exp(1j * math.radians(canvas.rotation_deg))
    placed = {n: (z.conjugate() if canvas.mirror else z) * turn for n, z in points.items()}
    xs, ys = [z.real for z in placed.values()], [z.imag for z in placed.values()]
    for circle in circles:
        centre, radius = placed[circle.centre], abs(placed[circle.through] - placed[circle.centre])
        xs += [centre.real - radius, centre.real + radius]
        ys += [centre.imag - radius, centre.imag + radius]
    span = max(max(xs) - min(xs), max(ys) - min(ys))
    scale = (canvas.size_px - 2 * canvas.border_px) / span
    shift = complex(canvas.size_px, canvas.size_px) / 2 - scale * complex(max(xs) + min(xs), max(ys) + min(ys)) / 2
    return {name: complex(z * scale + shift) for name, z in placed.items()}


@dataclass(frozen=True)
class Difficulty:
    """A setting of the dial of difficulty. Lengths are shares of the canvas."""

    rotation_deg: float
    font: tuple[float, float]
    stroke: tuple[float, float]
    margin: float
    wordings: int
    marked: float  # share of families whose equal and right parts are marked
    fonts: tuple[str, ...]
    gap: float = 0.1  # no two points are closer
    border: float = 0.9  # of the font's size: in a wider one every name finds room outside its figure


def canvas_of(size_px: int, difficulty: Difficulty, rng: np.random.Generator) -> Canvas:
    """Draws the looks of a canvas of some difficulty."""
    font_px = round(float(rng.uniform(*difficulty.font)) * size_px, 2)
    font = difficulty.fonts[int(rng.integers(len(difficulty.fonts)))]
    return Canvas(
        size_px=size_px,
        border_px=difficulty.border * font_px,
        style=style_of(font, font_px, float(rng.uniform(*difficulty.stroke)) * size_px),
        rotation_deg=float(rng.uniform(-difficulty.rotation_deg, difficulty.rotation_deg)),
        mirror=bool(rng.random() < 0.5),
        marks=bool(rng.random() < difficulty.marked),
        wording=0 if difficulty.wordings == 1 else int(rng.integers(1, difficulty.wordings)),
        margin_px=difficulty.margin * size_px,
        gap_px=difficulty.gap * size_px,
    )


def style_of(font: str, font_px: float, stroke_px: float) -> Style:
    """Returns a style whose printed values stand upright."""
    return Style(round(stroke_px, 2), font, font_px, font.replace("-italic", ""))
