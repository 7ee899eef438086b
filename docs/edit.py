"""Draws docs/edit.png: a program, one edited line, and the truth table that coordinates give.

python -m docs.edit
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from data_gen.constructions.program import Program, Step
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member, draw
from data_gen.drawing.raster import to_pixels
from data_gen.geometry.diagram import Style
from data_gen.language.captions import write_caption
from data_gen.truth.truth_table import Scene, truth_table

WIDTH, HEIGHT, SIDE, GAP, TOP = 1334, 588, 240, 22, 76
INK, SOFT, CHANGED, TRUE, FALSE = "#1b1f24", "#626a75", "#b5521d", "#2c7a4b", "#b4372f"
FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"
MONO, SANS, BOLD = (FONTS / f"DejaVu{name}.ttf" for name in ("SansMono", "Sans", "Sans-Bold"))
TRIANGLE = Step("scalene_triangle", (), ("A", "B", "C"), (62.0, 36.0))
CANVAS = Canvas(
    size_px=2 * SIDE,
    border_px=52,
    rotation_deg=0,
    mirror=True,
    style=Style(4.6, "serif-italic", 50),
    marks=False,
    wording=0,
    margin_px=18,
    gap_px=24,
)


def figure(cevian: str) -> Member:
    """Returns a triangle with a cevian, drawn."""
    member = draw(Program((TRIANGLE, Step(cevian, ("A", "B", "C"), ("D",), ()))), CANVAS)
    assert member is not None and member.labels is not None
    return member


def main() -> None:
    """Writes docs/edit.png at twice the size, for sharp screens."""
    scale = 2
    image = Image.new("RGB", (WIDTH * scale, HEIGHT * scale), "white")
    page = ImageDraw.Draw(image)

    def font(path: Path, size: float) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(str(path), round(size * scale))

    def write(x: float, y: float, text: str, path: Path, size: float, colour: str = INK, anchor: str = "la") -> None:
        page.text((x * scale, y * scale), text, colour, font(path, size), anchor=anchor)

    def box(x: float, y: float, width: float, height: float, outline: str = "#d9d9d3", fill: str = "white") -> None:
        corners = [x * scale, y * scale, (x + width) * scale, (y + height) * scale]
        page.rounded_rectangle(corners, 10 * scale, fill, outline, 2)

    members = [figure("median"), figure("altitude")]
    truth, margin = truth_table(
        [m.facts for m in members], Scene.from_diagrams([m.diagram for m in members]), CANVAS.margin_px
    )
    columns = (GAP, 400, 400 + SIDE + GAP, 400 + SIDE + GAP + 336)
    for x, title in zip(columns, ("program", "diagram", "true of the diagram?"), strict=False):
        write(x, 14, title, BOLD, 16, SOFT)
    for j, member in enumerate(members):
        text = write_caption(member.facts[-1:], CANVAS.wording)
        write(columns[2 + j] + 157, 54, text, SANS, 17, CHANGED if j else INK, "mm")
    for i, member in enumerate(members):
        top = TOP + i * (SIDE + GAP)
        box(columns[0], top, 400 - 2 * GAP, SIDE)
        for k, step in enumerate(member.program.steps):
            words = [*step.outs, "=", step.construction, *step.ins, *(f"{value:g}" for value in step.params)]
            edited = i == 1 and k == 1
            write(columns[0] + 18, top + 78 + 44 * k, " ".join(words), MONO, 17, CHANGED if edited else INK)
        if i == 1:
            write(columns[0] + 18, top + 166, "one line edited, solved again", SANS, 15, CHANGED)
        picture = Image.fromarray(to_pixels(member.diagram, member.labels))
        image.paste(picture.convert("RGB"), (columns[1] * scale, top * scale))
        corners = [columns[1] * scale, top * scale, (columns[1] + SIDE) * scale, (top + SIDE) * scale]
        page.rounded_rectangle(corners, 10 * scale, None, "#d9d9d3", 2)
        for j in range(2):
            holds = truth[i, j] == 1
            box(columns[2 + j], top, 314, SIDE, fill="#eaf4ee" if holds else "#faecea")
            x, y = columns[2 + j] + 157, top + SIDE / 2
            write(x, y - 16, "true" if holds else "false", BOLD, 27, TRUE if holds else FALSE, "mm")
            word = "to within 0.02 px" if holds else f"off by {margin[i, j] / scale:.0f} px"
            write(x, y + 18, word, SANS, 16, SOFT, "mm")
    image.save(Path(__file__).with_name("edit.png"), optimize=True)


if __name__ == "__main__":
    main()
