"""Encoded images -> grey squares of one size, on white paper. Pictures from outside: `data_gen/shared/pictures.py`."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from data_gen.records.schema import Family
from data_gen.shared import pictures
from data_gen.shared.errors import UserError

PAPER = 255
Prepare = Callable[[Image.Image, int], np.ndarray]  # grey picture, size in px -> uint8[size, size]


def letterbox(image: Image.Image, size_px: int) -> np.ndarray:
    """Scales a grey image with its aspect ratio kept, and centres it on a white square: uint8[size_px, size_px]."""
    if image.size == (size_px, size_px):
        return np.asarray(image)
    scale = size_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("L", (size_px, size_px), PAPER)
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(scaled, ((size_px - width) // 2, (size_px - height) // 2))
    return np.asarray(square)


def decode_member(family: Family, member: int, size_px: int, prepare: Prepare = letterbox) -> np.ndarray:
    """Decodes image number `member` of a family as `decode_image` does; a UserError names the family."""
    try:
        return decode_image(family.images[member], size_px, prepare)
    except UserError as fault:
        raise UserError(f"picture {member} of family '{family.key}' {fault}: make its data again") from None


def decode_image(png: bytes, size_px: int, prepare: Prepare = letterbox) -> np.ndarray:
    """Decodes a record's PNG to grey uint8[size_px, size_px]. Raises UserError where it does not decode."""
    try:
        image: Image.Image = Image.open(io.BytesIO(png), formats=("PNG",))
        if image.width * image.height > pictures.MAX_PIXELS:
            raise ValueError("a small file can claim any size")
        image.load()
    except Exception:  # decoders raise nearly anything on broken files
        raise UserError("does not decode") from None
    if image.mode != "L":
        image = pictures.convert(image, None).grey
    return prepare(image, size_px)
