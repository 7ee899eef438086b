"""What an edit changed: words of a caption, and ink of a picture."""

import difflib
import io
import re

import numpy as np
from PIL import Image, ImageFilter

PAPER, TINT, BOTH, ANCHOR, SIBLING = (
    np.array(rgb) / 255 for rgb in ((255, 255, 255), (255, 241, 190), (70, 70, 70), (60, 145, 230), (225, 75, 0))
)
PLAIN = 0.35  # of black: less is a stroke that has moved by a part of a pixel
FEW = 0.2  # of the picture
LEVELS = 8  # of ink: few enough for small files


def changed_words(old: str, new: str) -> list[tuple[str, str]]:
    """Returns the new caption in pieces, ("same" or "new", words), and ("lost", words) where it only drops some."""
    before, after = (re.findall(r"\S+", text) for text in (old, new))
    pieces = []
    for how, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        kind = {"equal": "same", "delete": "lost"}.get(how, "new")
        pieces.append((kind, " ".join(before[i:j] if kind == "lost" else after[k:m])))
    return pieces


def overlay(anchor: bytes, sibling: bytes) -> bytes | None:
    """Returns a PNG of two pictures' ink, one over the other, on a tint where they differ if that is in few places.
    None if they differ in size or do not decode."""
    try:
        ink = [1 - np.asarray(Image.open(io.BytesIO(png)).convert("L"), float) / 255 for png in (anchor, sibling)]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    if ink[0].shape != ink[1].shape:
        return None
    both = np.minimum(*ink)
    differs = Image.fromarray((np.abs(ink[0] - ink[1]) > PLAIN).astype(np.uint8) * 255)
    reach_px = max(ink[0].shape) // 20 * 2 + 1
    tint = np.asarray(differs.filter(ImageFilter.MaxFilter(reach_px)), float) / 255
    pixels = PAPER - tint[..., None] * (PAPER - TINT) * (tint.mean() < FEW)
    for layer, colour in ((both, BOTH), (ink[0] - both, ANCHOR), (ink[1] - both, SIBLING)):
        pixels += np.rint(layer * LEVELS)[..., None] / LEVELS * (colour - pixels)
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return file.getvalue()
