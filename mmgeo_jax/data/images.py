"""Encoded images -> grey squares of one size, on white paper."""

import io
from typing import BinaryIO

import numpy as np
from PIL import Image

from data_gen.records.schema import Family
from data_gen.shared.errors import UserError

PAPER = 255
MAX_PIXELS = 40_000_000


def decode_member(family: Family, member: int, size_px: int) -> np.ndarray:
    """Decodes image number `member` of a family as `decode_image` does; a UserError names the family."""
    try:
        return decode_image(family.images[member], size_px)
    except UserError as fault:
        raise UserError(f"picture {member} of family '{family.key}' {fault}: make its data again") from None


def decode_image(png: bytes, size_px: int) -> np.ndarray:
    """Decodes a PNG to grey uint8[size_px, size_px]. Raises UserError where it does not decode."""
    return grey_square(open_image(io.BytesIO(png), ("PNG",)), size_px)


def open_image(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """Opens an image of one of Pillow's formats. Raises UserError where it does not decode, or is too large."""
    try:
        image: Image.Image = Image.open(file, formats=formats)
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("a small file can claim any size")
        image.load()
    except Exception:  # decoders raise nearly anything on broken files
        raise UserError("does not decode") from None
    return image


def grey_square(image: Image.Image, size_px: int) -> np.ndarray:
    """Converts any image to grey uint8[size_px, size_px]. Transparency becomes white, colour its luma (ITU-R 601); an
    image of another size is scaled with its aspect ratio kept, and centred on a white square."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L")
    if image.size != (size_px, size_px):
        image = _letterbox(image, size_px)
    return np.asarray(image)


def _letterbox(image: Image.Image, size_px: int) -> Image.Image:
    scale = size_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("L", (size_px, size_px), PAPER)
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(scaled, ((size_px - width) // 2, (size_px - height) // 2))
    return square
