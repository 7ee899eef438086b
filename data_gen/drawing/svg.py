"""Diagram -> SVG, and SVG -> pixels by way of cairosvg, the same as those of `raster`."""

import numpy as np

from data_gen.drawing.labels import Label
from data_gen.drawing.primitives import POINTS, Primitive, primitives
from data_gen.drawing.raster import cairo_library, grey_pixels
from data_gen.geometry.diagram import Diagram


def to_svg(diagram: Diagram, labels: tuple[Label, ...] | None = None) -> str:
    """Returns a diagram as an SVG of plain black paths, letters as outlines. Raises LabelCollision."""
    size = diagram.size_px
    box = f'width="{size}" height="{size}" viewBox="0 0 {size} {size}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, *(_svg_path(primitive) for primitive in primitives(diagram, labels)), "</svg>\n"])


def _svg_path(primitive: Primitive) -> str:
    numbers = iter([f"{x:g}" if x == int(x) else repr(x) for x in primitive.xy.ravel().tolist()])
    commands = [op + " ".join(next(numbers) for _ in range(2 * POINTS[op])) for op in primitive.ops]
    paint = f'fill="#{3 * f"{primitive.grey:02x}"}"' if primitive.grey else 'fill="black"'
    if primitive.width_px:
        cap = "butt" if primitive.dash_px else "round"
        paint = f'fill="none" stroke="black" stroke-width="{primitive.width_px}" stroke-linejoin="round"'
        paint += f' stroke-linecap="{cap}"'
    if primitive.dash_px:
        paint += ' stroke-dasharray="{} {}"'.format(*primitive.dash_px)
    return f'<path {paint} d="{" ".join(commands)}"/>'


def svg_to_pixels(svg: str, size_px: int) -> np.ndarray:
    """Draws an SVG through cairosvg on white: uint8[size_px, size_px]. Raises UserError without libcairo."""
    cairo_library()  # explains what is missing
    from cairosvg.parser import Tree
    from cairosvg.surface import PNGSurface

    size = {"output_width": size_px, "output_height": size_px}
    surface = PNGSurface(Tree(bytestring=svg.encode()), None, 96, background_color="white", **size)
    return grey_pixels(surface.cairo, size_px)
