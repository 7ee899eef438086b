"""The command that draws a family as one picture: its members, their captions, and in colour what an edit changed."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from data_gen.records.schema import Family
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from data_gen.view.changes import changed_words
from data_gen.view.vectors import vector_pictures

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
COLUMNS, GAP = 4, 18
INK, EDITED, RULE = "#1f2328", "#c2410c", "#d0d7de"
EXAMPLE = """mmgeo contact-sheet --data=data/tiny --split=test --row=3 --out=family.png --svg=family"""


def draw_sheet(family: Family, cell_px: int = 300) -> Image.Image:
    """Draws a family's members in rows of four, under each the edit that made it and its caption. Words that the
    anchor's caption does not have in that place are in colour."""
    size = max(11, cell_px // 19)
    font, line = ImageFont.truetype(str(FONT), size), round(size * 1.4)
    rows = -(-len(family.images) // COLUMNS)
    characters = int(cell_px / font.getlength("x"))
    texts = [_lines(text, family.captions[0], characters) for text in family.captions[: len(family.images)]]
    pitch_x, pitch_y = cell_px + GAP, cell_px + (max(map(len, texts)) + 1) * line + 2 * GAP
    page = Image.new("RGB", (COLUMNS * pitch_x + GAP, rows * pitch_y + GAP), "white")
    draw = ImageDraw.Draw(page)
    for i, png in enumerate(family.images):
        x, y = GAP + i % COLUMNS * pitch_x, GAP + i // COLUMNS * pitch_y
        picture = Image.open(io.BytesIO(png)).resize((cell_px, cell_px), Image.Resampling.LANCZOS)
        page.paste(picture, (x, y))
        draw.rectangle((x, y, x + cell_px, y + cell_px), outline=RULE)
        title = " + ".join(family.edits[i]) or "anchor"
        draw.text((x, y + cell_px + line // 3), title, fill=EDITED if family.edits[i] else INK, font=font)
        for row, words in enumerate(texts[i], 1):
            place = float(x)
            for word, new in words:
                text, colour = f"{word} ", EDITED if new else INK
                draw.text((place, y + cell_px + line // 3 + row * line), text, fill=colour, font=font)
                place += font.getlength(text)
    return page


def _lines(caption: str, anchor: str, characters: int) -> list[list[tuple[str, bool]]]:
    """Wraps a caption to a width: for each line its words, and whether the anchor's caption lacks them there."""
    pieces = [(text, how) for how, text in changed_words(anchor, caption) if how != "lost"]
    words = iter([(word, how == "new") for text, how in pieces for word in text.split()])
    lines = textwrap.wrap(caption, characters, break_long_words=False, break_on_hyphens=False)
    return [[next(words) for _ in line.split()] for line in lines]


def write_svg(family: Family, folder: str) -> None:
    """Writes a family's pictures as 1.svg (the anchor), 2.svg, ..., into a folder, which may be new."""
    pictures = vector_pictures(family)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, 1):
        path = Path(folder) / f"{number}.svg"
        with open_atomic(path) as file:
            file.write(picture.encode())
        print(path)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("contact-sheet", __doc__, EXAMPLE)
    cli.add_split(parser, "test")
    parser.add_argument("--row", type=int, default=0, help="which family of the split (default: %(default)s)")
    parser.add_argument("--cell", type=int, default=300, help="width of a picture, px (default: %(default)s)")
    parser.add_argument("--out", default="family.png", help="the picture to write (default: %(default)s)")
    parser.add_argument("--svg", metavar="FOLDER", help="folder for each picture as an SVG file, too")
    options = parser.parse_args(arguments)
    source = RecordSource(options.data, options.split)
    if not 0 <= options.row < len(source):
        raise UserError(f"{options.data} {options.split} has rows 0 to {len(source) - 1}, not {options.row}")
    with open_atomic(options.out) as file:
        draw_sheet(source[options.row], options.cell).save(file, "PNG")
    print(options.out)
    if options.svg:
        write_svg(source[options.row], options.svg)
    return 0
