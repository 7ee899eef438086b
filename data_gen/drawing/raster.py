"""Diagram -> a list of primitives -> SVG, or pixels, or both: one list, so the two cannot drift apart.

Pixels come from cairosvg's surface in memory, or straight from cairo, which draws the same paths faster; they
are equal.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from data_gen.drawing.glyphs import outline
from data_gen.drawing.labels import Label, place_labels
from data_gen.drawing.strokes import Ink, Path
from data_gen.geometry.diagram import Diagram
from data_gen.shared.errors import UserError

DECIMALS = 3
SHADE = 200
POINTS = {"M": 1, "L": 1, "C": 3, "Z": 0}
# cairo numbers its path elements: MOVE_TO 0, LINE_TO 1, CURVE_TO 2, CLOSE_PATH 3.
ELEMENT = bytes.maketrans("".join(POINTS).encode(), bytes(range(len(POINTS))))
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
ROWS = np.array([1 + count for count in POINTS.values()])
# What Pillow raises for bytes that are no picture, or half of one.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


@dataclass(frozen=True, eq=False)
class Primitive:
    """One path: stroked with `width_px`, or filled where that is 0.

    ops: commands out of "MLCZ"; xy: float64[n, 2], their points in px, rounded; dash_px: (on, off) or (); grey: 0 is
    black, 255 white.
    """

    ops: str
    xy: np.ndarray
    width_px: float = 0.0
    dash_px: tuple[float, ...] = ()
    grey: int = 0


def primitives(diagram: Diagram, labels: tuple[Label, ...] | None = None) -> list[Primitive]:
    """All that is drawn; `labels` come from place_labels unless given. Raises LabelCollision."""
    ink = Ink(diagram)
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


def to_svg(diagram: Diagram, labels: tuple[Label, ...] | None = None) -> str:
    """The diagram as an SVG of plain black paths, letters as outlines. Raises LabelCollision."""
    size = diagram.size_px
    box = f'width="{size}" height="{size}" viewBox="0 0 {size} {size}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, *(_svg_path(primitive) for primitive in primitives(diagram, labels)), "</svg>\n"])


def _svg_path(primitive: Primitive) -> str:
    numbers = iter([f"{x:g}" if x == int(x) else repr(x) for x in primitive.xy.ravel().tolist()])
    commands = []
    for op in primitive.ops:
        commands.append(op + " ".join(next(numbers) for _ in range(2 * POINTS[op])))
    paint = f'fill="#{3 * f"{primitive.grey:02x}"}"' if primitive.grey else 'fill="black"'
    if primitive.width_px:
        cap = "butt" if primitive.dash_px else "round"
        paint = f'fill="none" stroke="black" stroke-width="{primitive.width_px}" stroke-linejoin="round"'
        paint += f' stroke-linecap="{cap}"'
    if primitive.dash_px:
        paint += ' stroke-dasharray="{} {}"'.format(*primitive.dash_px)
    return f'<path {paint} d="{" ".join(commands)}"/>'


@cache
def _cairo() -> Any:
    """The module cairocffi. Imported late: reading pictures needs no Cairo."""
    try:
        import cairocffi
    except OSError as error:
        raise UserError("the Cairo library, which draws the pictures, is missing: apt-get install libcairo2") from error
    return cairocffi


@cache
def _svg_surface() -> Any:
    """cairosvg's surface class for pixels in memory, and its reader of SVG."""
    _cairo()
    from cairosvg.parser import Tree
    from cairosvg.surface import PNGSurface

    return Tree, PNGSurface


def svg_to_pixels(svg: str, size_px: int) -> np.ndarray:
    """Draws an SVG through cairosvg on white: uint8[size_px, size_px]. Raises UserError without libcairo."""
    tree, surface_class = _svg_surface()
    size = {"output_width": size_px, "output_height": size_px}
    surface = surface_class(tree(bytestring=svg.encode()), None, 96, background_color="white", **size)
    return _grey(surface.cairo, size_px)


def to_pixels(diagram: Diagram, labels: tuple[Label, ...] | None = None) -> np.ndarray:
    """Draws the diagram straight with cairo: uint8[size_px, size_px], black on white, the SVG's very pixels.

    `labels` as in `primitives`. Raises LabelCollision, and UserError without libcairo.
    """
    cairo, size = _cairo(), diagram.size_px
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, size, size)
    context = cairo.Context(surface)
    context.set_source_rgba(1, 1, 1, 1)
    context.paint()
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    for primitive in primitives(diagram, labels):
        _append(cairo, context, primitive)
        context.set_source_rgba(*3 * (primitive.grey / 255,), 1)
        if not primitive.width_px:
            context.fill()
            continue
        context.set_line_width(primitive.width_px)
        context.set_dash(primitive.dash_px)
        context.set_line_cap(cairo.LINE_CAP_BUTT if primitive.dash_px else cairo.LINE_CAP_ROUND)
        context.stroke()
    return _grey(surface, size)


def _append(cairo, context, primitive: Primitive):
    """Hands cairo a whole path, as its array of 16-byte rows: each command's header, then its points."""
    elements = np.frombuffer(primitive.ops.encode().translate(ELEMENT), np.uint8)
    rows = ROWS[elements]
    heads = np.cumsum(rows) - rows
    total = int(heads[-1] + rows[-1])
    data = np.empty((total, 2), np.float64)
    is_head = np.zeros(total, bool)
    is_head[heads] = True
    data[~is_head] = primitive.xy
    header = data.view(np.int32)
    header[heads, 0] = elements
    header[heads, 1] = rows
    buffer = cairo.ffi.from_buffer(data)
    path = cairo.ffi.new("cairo_path_t *")
    path.status = cairo.STATUS_SUCCESS
    path.data = cairo.ffi.cast("cairo_path_data_t *", buffer)
    path.num_data = total
    cairo.cairo.cairo_append_path(context._pointer, path)


def _grey(surface, size: int) -> np.ndarray:
    """One colour channel of a surface, a copy: black on white has all three alike."""
    surface.flush()
    pixels = np.frombuffer(surface.get_data(), np.uint8).reshape(size, surface.get_stride())
    return pixels[:, : 4 * size : 4].copy()


def encode_png(pixels: np.ndarray) -> bytes:
    """uint8[H, W] -> an 8-bit grey PNG without metadata, the same bytes for the same pixels.

    Line drawings are long runs of white: unfiltered and matched as runs alone they take a quarter of the time, and
    less room, than with the filters that an image library chooses for photographs.
    """
    height, width = pixels.shape
    rows = np.zeros((height, 1 + width), np.uint8)  # each row begins with its filter, 0: none
    rows[:, 1:] = pixels
    deflate = zlib.compressobj(4, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits of grey; nothing interlaced
    data = deflate.compress(rows.data) + deflate.flush()
    return PNG_MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def decode_png(data: bytes) -> np.ndarray:
    """A picture -> uint8[H, W], grey, its clear parts white as paper. Raises UserError where it is broken."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF")) as file:
            image: Image.Image = file
            if image.mode.startswith("I"):  # 16 bits, which convert() would clip
                return (np.asarray(image, np.uint32) // 257).astype(np.uint8)
            if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
                image = image.convert("RGBA")
                paper = Image.new("RGBA", image.size, "white")
                paper.alpha_composite(image)
                image = paper.convert("RGB")
            return np.array(image.convert("L"))
    except BROKEN as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"broken picture, {len(data)} bytes ({reason}): replace it or drop it") from error
