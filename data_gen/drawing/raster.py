"""Diagram -> pixels, straight with cairo: what cairosvg makes of its SVG, only faster."""

from functools import cache
from typing import Any

import numpy as np

from data_gen.drawing.labels import Label
from data_gen.drawing.primitives import POINTS, Primitive, primitives
from data_gen.drawing.strokes import Ink
from data_gen.geometry.diagram import Diagram
from data_gen.shared.errors import UserError

# cairo numbers its path elements: MOVE_TO 0, LINE_TO 1, CURVE_TO 2, CLOSE_PATH 3.
ELEMENT = bytes.maketrans("".join(POINTS).encode(), bytes(range(len(POINTS))))
ROWS = np.array([1 + count for count in POINTS.values()])


@cache
def cairo_library() -> Any:
    """Returns the module cairocffi. Imported late: reading pictures needs no Cairo."""
    try:
        import cairocffi
    except OSError as error:
        raise UserError("the Cairo library, which draws the pictures, is missing: apt-get install libcairo2") from error
    return cairocffi


def to_pixels(diagram: Diagram, labels: tuple[Label, ...] | None = None, ink: Ink | None = None) -> np.ndarray:
    """Draws the diagram straight with cairo: uint8[size_px, size_px], black on white, the SVG's very pixels. `labels`
    and `ink` as in `primitives`. Raises LabelCollision, and UserError without libcairo."""
    cairo, size = cairo_library(), diagram.size_px
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, size, size)
    context = cairo.Context(surface)
    context.set_source_rgba(1, 1, 1, 1)
    context.paint()
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    for primitive in primitives(diagram, labels, ink):
        _append(cairo, context, primitive)
        context.set_source_rgba(*3 * (primitive.grey / 255,), 1)
        if not primitive.width_px:
            context.fill()
            continue
        context.set_line_width(primitive.width_px)
        context.set_dash(primitive.dash_px)
        context.set_line_cap(cairo.LINE_CAP_BUTT if primitive.dash_px else cairo.LINE_CAP_ROUND)
        context.stroke()
    return grey_pixels(surface, size)


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


def grey_pixels(surface, size: int) -> np.ndarray:
    """Returns one colour channel of a surface, a copy: black on white has all three alike."""
    surface.flush()
    pixels = np.frombuffer(surface.get_data(), np.uint8).reshape(size, surface.get_stride())
    return pixels[:, : 4 * size : 4].copy()
