"""PNG files: grey drawings to the same bytes for the same pixels, and pictures of any kind read as grey on paper."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from data_gen.shared.errors import UserError

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# What Pillow raises for bytes that are no picture, or half of one.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


def encode_png(pixels: np.ndarray) -> bytes:
    """Encodes uint8[H, W] as an 8-bit grey PNG without metadata, the same bytes for the same pixels. Line drawings are
    long runs of white: unfiltered and matched as runs alone they take a quarter of the time, and less room, than with
    the filters that an image library chooses for photographs."""
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
    """Decodes a picture to uint8[H, W], grey, its clear parts white as paper. Raises UserError where it is broken."""
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
