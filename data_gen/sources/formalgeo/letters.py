"""Counts the letters of a picture: FormalGeo names points that its pictures leave without a letter.

A letter is a patch of ink of its own, of a letter's size, neither a dot nor a piece of a dashed line. That is counting,
not reading: a letter that touches a line is missed, and a digit counts as one. But a picture with fewer patches than
points lacks letters as far as one can tell.
"""

import numpy as np
from scipy import ndimage

INK = 160  # the lightest grey of ink
HEIGHT_PX, WIDTH_PX = (5, 30), (3, 30)  # of a letter; pictures of books are some 200 px wide
LARGEST = 0.2  # of the picture's shorter side
DOT_PX, SOLID = 8, 0.62  # a patch as small, and as full of ink, is a dot


def count_letters(grey: np.ndarray) -> int:
    """Returns how many patches of ink in a picture, uint8[H, W], may be letters."""
    labels, _ = ndimage.label(grey < INK, np.ones((3, 3)))
    most = LARGEST * max(min(grey.shape), 1)
    count = 0
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        fits = HEIGHT_PX[0] <= height <= min(HEIGHT_PX[1], most) and WIDTH_PX[0] <= width <= min(WIDTH_PX[1], most)
        if fits:
            full = float((labels[rows, columns] == number).mean())
            count += not (full > SOLID and max(height, width) <= DOT_PX)
    return count
