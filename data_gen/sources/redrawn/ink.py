"""How near a redrawn figure is to the ink of its picture, both ways."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import binary_dilation, binary_opening, distance_transform_edt, find_objects, label

from data_gen.sources.redrawn.redraw import Drawing

INK, NEAR_PX, NEAR_SHARE = 190, 3, 0.9  # the darkest grey that is no ink; how near a line lies, and how much of it
BORDER_PX = 64  # lines may leave the picture
CORNER_SHARE, LINE_SHARE = 0.09, 0.13  # of the picture's side: where letters stand, and the least piece of a line
THICK_PX = 9  # of shaded regions and arrowheads
TICK_PX = 6  # from a line to the ends of the ticks on it


def near_ink(drawing: Drawing, picture: np.ndarray) -> float:
    """Returns the share of the drawn length within NEAR_PX of the ink of its picture, uint8[H, W]."""
    off_px = distance_transform_edt(_padded(picture) >= INK)
    rows, columns, length = _on_canvas(drawing, off_px.shape)
    return float((off_px[rows, columns] <= NEAR_PX).sum() / length)


def redrawn_ink(drawing: Drawing, picture: np.ndarray) -> float:
    """Returns the share of the ink of a picture's lines, uint8[H, W], within TICK_PX of a drawn one; 1 without
    any. What is near a named point may be its letter or a mark of the corner, what is thick is shaded, and what is
    short is a text or a tick: none of that is of a line."""
    ink = _padded(picture) < INK
    side = max(picture.shape)
    lines = ink & ~binary_dilation(binary_opening(ink, np.ones((THICK_PX, THICK_PX))), iterations=2)
    y, x = np.indices(ink.shape) - BORDER_PX
    for name, place in drawing.found.points.items():
        if not name.startswith("_"):
            lines &= np.hypot(y + place.imag, x - place.real) > CORNER_SHARE * side
    pieces, _ = label(lines, np.ones((3, 3)))
    for number, where in enumerate(find_objects(pieces), 1):
        if max(part.stop - part.start for part in where) < LINE_SHARE * side:
            lines[where] &= pieces[where] != number
    drawn = np.ones(ink.shape, bool)
    rows, columns, _ = _on_canvas(drawing, ink.shape)
    drawn[rows, columns] = False
    off_px = distance_transform_edt(drawn)
    return float((off_px[lines] <= TICK_PX).mean()) if lines.any() else 1.0


def is_near(drawing: Drawing, picture: np.ndarray) -> bool:
    """Returns whether nearly all lines of the drawing lie on the picture's ink, and that on them."""
    return near_ink(drawing, picture) >= NEAR_SHARE and redrawn_ink(drawing, picture) >= NEAR_SHARE


def _padded(picture: np.ndarray) -> np.ndarray:
    return np.pad(picture, BORDER_PX, constant_values=255)


def _on_canvas(drawing: Drawing, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns rows and columns of the padded picture along the drawn lines, and their number with those outside."""
    z = np.concatenate([*strokes_px(drawing)])
    rows, columns = np.round(-z.imag).astype(int) + BORDER_PX, np.round(z.real).astype(int) + BORDER_PX
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[inside], columns[inside], len(z)


def strokes_px(drawing: Drawing) -> Iterator[np.ndarray]:
    """Computes complex[n] for each stroke: points along it, a pixel apart."""
    points = drawing.found.points
    for a, b in drawing.described.edges:
        yield points[a] + (points[b] - points[a]) * np.linspace(0, 1, max(2, int(abs(points[b] - points[a]))))
    for o, radius in drawing.found.radii.items():
        sweeps = [(1.0 + 0j, 2 * np.pi)]
        if drawing.arcs.get(o):
            ends = [(points[a] - points[o], points[b] - points[o]) for a, b in drawing.arcs[o]]
            sweeps = [(a, float(np.angle(b / a)) % (2 * np.pi)) for a, b in ends]
        for start, sweep in sweeps:
            count = max(2, int(radius * sweep))
            yield points[o] + radius * start / abs(start) * np.exp(1j * np.linspace(0, sweep, count))
