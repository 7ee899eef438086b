"""Letters as outlines: the fonts inside the matplotlib wheel, so that no font of the machine matters."""

import importlib.util
import logging
from dataclasses import dataclass
from functools import cache, partialmethod
from pathlib import Path

import numpy as np
from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont

from data_gen.shared.errors import UserError

FONTS = {
    "serif": "STIXGeneral.ttf", "serif-italic": "STIXGeneralItalic.ttf",
    "dejavu-serif": "DejaVuSerif.ttf", "dejavu-serif-italic": "DejaVuSerif-Italic.ttf",
    "sans": "DejaVuSans.ttf", "sans-italic": "DejaVuSans-Oblique.ttf",
    "cm": "cmr10.ttf", "cm-italic": "cmti10.ttf",
}  # fmt: skip
FALLBACK = "STIXGeneral.ttf"  # for the few symbols that a font lacks

# matplotlib's fonts carry dates that fontTools finds odd and says so on every read.
logging.getLogger("fontTools.ttLib.tables._h_e_a_d").setLevel(logging.ERROR)


@dataclass(frozen=True, eq=False)
class Outline:
    """A text at font size 1, y down, baseline from (0, 0). ops: drawing commands out of "MLCZ"; xy: float64[n, 2],
    their points (1 for M and L, 3 for C, 0 for Z); box: the ink, (x0, y0, x1, y1); advance: where the next letter
    starts."""

    ops: str
    xy: np.ndarray
    box: tuple[float, float, float, float]
    advance: float


class _OutlinePen(BasePen):
    """Collects commands and points; BasePen turns TrueType's quadratic curves into cubic ones."""

    def __init__(self, glyph_set):
        super().__init__(glyph_set)
        self.ops: list[str] = []
        self.points: list[tuple[float, float]] = []

    def _add(self, op: str, *points: tuple[float, float]):
        self.ops.append(op)
        self.points.extend(points)

    _moveTo, _lineTo = partialmethod(_add, "M"), partialmethod(_add, "L")
    _curveToOne, _closePath = partialmethod(_add, "C"), partialmethod(_add, "Z")


@cache
def _load(file: str):
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("matplotlib is not installed, and its wheel holds the fonts: pip install matplotlib")
    font = TTFont(Path(spec.submodule_search_locations[0]) / "mpl-data/fonts/ttf" / file, lazy=True)
    return font.getGlyphSet(), font.getBestCmap(), font["head"].unitsPerEm


@cache
def glyph(font: str, char: str) -> Outline:
    """Returns the outline of a character in `font`, a key of FONTS. Raises UserError where either is unknown."""
    if font not in FONTS:
        raise UserError(f"there is no font {font!r}: choose one of {', '.join(FONTS)}")
    for file in (FONTS[font], FALLBACK):
        glyphs, cmap, units_per_em = _load(file)
        # The cm fonts keep TeX's own order beyond ASCII: their "degree sign" is a ligature.
        if ord(char) in cmap and (char.isascii() or not file.startswith("cm")):
            break
    else:
        raise UserError(f"the font {font!r} has no glyph for {char!r}: take another character or font")
    pen = _OutlinePen(glyphs)
    shape = glyphs[cmap[ord(char)]]
    shape.draw(pen)
    xy = np.array(pen.points, np.float64).reshape(-1, 2) * [1 / units_per_em, -1 / units_per_em]
    return Outline("".join(pen.ops), xy, _box(xy), shape.width / units_per_em)


@cache
def outline(text: str, font: str, letter_font: str | None = None) -> Outline:
    """Returns the outline of a line of text, its letters from `letter_font` where given ("2x": 2 and italic x)."""
    ops, points, x = [], [], 0.0
    for char in text:
        shape = glyph(letter_font if letter_font and char.isalpha() else font, char)
        ops.append(shape.ops)
        points.append(shape.xy + [x, 0])
        x += shape.advance
    xy = np.concatenate(points) if points else np.zeros((0, 2))
    return Outline("".join(ops), xy, _box(xy), x)


def _box(xy: np.ndarray) -> tuple[float, float, float, float]:
    """Returns the box around the points: never less than the ink, and tight where curves end at their extremes."""
    if not len(xy):
        return (0.0, 0.0, 0.0, 0.0)
    (x0, y0), (x1, y1) = xy.min(0), xy.max(0)
    return (float(x0), float(y0), float(x1), float(y1))
