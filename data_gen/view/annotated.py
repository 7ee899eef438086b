"""What stands where in a picture, as an SVG layer to lay over it: boxes of characters and marks, points, strokes."""

from collections.abc import Iterator
from html import escape

import numpy as np

from data_gen.records.annotations import Annotations
from data_gen.records.patch_targets import along

COLOURS = {"characters": "#0a7d3c", "points": "#d6006c", "strokes": "#3c91e6", "marks": "#e17b00"}
STEP_PX = 4.0  # between the places of an arc


def annotation_layer(annotations: Annotations, size_px: int) -> str:
    """Returns the annotations of a picture of `size_px` pixels as an SVG text without a background."""
    body = "".join(
        f'<g fill="none" stroke="{colour}" stroke-width="{size_px / 240:.2f}">{"".join(LAYERS[name](annotations))}</g>'
        for name, colour in COLOURS.items()
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size_px} {size_px}">{body}</svg>'


def _box(box: tuple[int, ...], says: str) -> str:
    x0, y0, x1, y1 = box
    place = f'x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}"'
    return f"<rect {place}><title>{escape(says)}</title></rect>"


def _strokes(annotations: Annotations) -> Iterator[str]:
    for kind, numbers in annotations.strokes:
        if kind == "circle":
            x, y, radius = numbers
            yield f'<circle cx="{x}" cy="{y}" r="{radius}"/>'
            continue
        places = along(kind, numbers, STEP_PX).round(1) if kind == "arc" else np.reshape(numbers, (-1, 2))
        yield f'<polyline points="{" ".join(f"{x:g},{y:g}" for x, y in places)}"><title>{kind}</title></polyline>'


LAYERS = {
    "characters": lambda found: (_box(box, character) for character, box in found.characters),
    "points": lambda found: (
        f'<circle cx="{x}" cy="{y}" r="3"><title>{escape(name)}</title></circle>' for name, (x, y) in found.points
    ),
    "strokes": _strokes,
    "marks": lambda found: (_box(box, f"{kind} {count}") for kind, count, box in found.marks),
}
