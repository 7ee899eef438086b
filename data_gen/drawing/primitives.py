"""Diagram -> a list of primitives, which SVG and pixels are both made of, so the two cannot drift apart."""

from dataclasses import dataclass, replace

import numpy as np

from data_gen.drawing.glyphs import outline
from data_gen.drawing.labels import Label, place_labels
from data_gen.drawing.strokes import Ink, Path
from data_gen.geometry.diagram import Diagram

DECIMALS = 3
SHADE = 200
POINTS = {"M": 1, "L": 1, "C": 3, "Z": 0}  # of each command


@dataclass(frozen=True, eq=False)
class Primitive:
    """One path: stroked with `width_px`, or filled where that is 0. ops: commands out of "MLCZ"; xy: float64[n, 2],
    their points in px, rounded; dash_px: (on, off) or (); grey: 0 is black, 255 white."""

    ops: str
    xy: np.ndarray
    width_px: float = 0.0
    dash_px: tuple[float, ...] = ()
    grey: int = 0


def primitives(diagram: Diagram, labels: tuple[Label, ...] | None = None, ink: Ink | None = None) -> list[Primitive]:
    """Lists all that is drawn; `labels` come from place_labels, and `ink` is made, unless given. Raises
    LabelCollision."""
    ink = ink or Ink(diagram)
    if labels is None:
        labels = place_labels(diagram, ink)
    ops, points = ["".join(ink.filled.ops)], [np.array(ink.filled.xy).reshape(-1, 2)]
    for label in labels:
        shape = outline(label.text, label.font, label.letter_font)
        ops.append(shape.ops)
        points.append(shape.xy * label.font_px + label.origin)
    drawn = [
        replace(_stroked(ink.shaded, 0.0), grey=SHADE),
        _stroked(ink.solid, ink.stroke_px),
        _stroked(ink.dashed, ink.stroke_px, ink.dash),
        _stroked(ink.marks, ink.mark_px),
        Primitive("".join(ops), np.round(np.concatenate(points), DECIMALS)),
    ]
    return [primitive for primitive in drawn if primitive.ops]


def _stroked(path: Path, width_px: float, dash_px: tuple[float, ...] = ()) -> Primitive:
    xy = np.round(np.array(path.xy).reshape(-1, 2), DECIMALS)
    dash = tuple(round(length, DECIMALS) for length in dash_px)
    return Primitive("".join(path.ops), xy, round(width_px, DECIMALS), dash)
