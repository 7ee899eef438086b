"""Pictures as people have them -> grey ink on white paper. The one reader of a build and of `mmgeo_jax.load`.

What is done to a picture, in this order, each only where it is needed, and named in `changes`: decoded at a reduced
scale; turned as its EXIF data say; 16 bits and floats brought to 8; white ink on clear paper made black; scaled down
so that thin lines stay; an inverted figure turned back; grey or shaded paper made white. A clean picture stays as it
is. Nothing from outside is executed: pictures are read in formats that Pillow decodes by itself.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from data_gen.shared.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # not EPS, for which Pillow starts Ghostscript
MAX_SIDE_PX = 384
MAX_PIXELS = 40_000_000  # that are decoded: a small file can claim any size
MAX_REDUCED = 200_000_000  # of a baseline JPEG, which is decoded at a half, a quarter or an eighth
Image.MAX_IMAGE_PIXELS = MAX_REDUCED  # Pillow's own limit is behind ours
RANGES = (255, 1023, 4095, 16383, 65535)  # white, in the bits that scanners use
INK = 16  # levels between ink and paper
THIN = 0.3  # of a pixel's darkness that a line of that width keeps when scaled down
WHITE = 250  # paper at least so light is left alone
NO_INK = "without ink"
NARROW_PX = 8
NARROW = f"less than {NARROW_PX} px high or wide"


class Picture(NamedTuple):
    """A picture as grey ink on white paper, and what was done to it."""

    grey: Image.Image  # mode L
    changes: tuple[str, ...] = ()

    @property
    def has_ink(self) -> bool:
        return int(np.ptp(np.asarray(self.grey))) >= INK


# ---- from a file -----------------------------------------------------------------------------------------------------


def read(data: bytes, side_px: int | None = MAX_SIDE_PX) -> Picture:
    """Reads an encoded picture; its long side becomes `side_px` at most (None: no limit). Raises UserError, which says
    what is wrong with "it" and what to do."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about broken metadata
            image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(image)
            if image.format == "PNG":
                _check_png(data)
            reduced = image.width * image.height > MAX_PIXELS
            while image.width * image.height > MAX_PIXELS:
                before = image.size
                image.draft("L", (image.width // 2, image.height // 2))
                if image.size == before:
                    raise ValueError("it cannot be decoded at a reduced scale")
            image.load()
            turned = _upright(image)
    except UserError:
        raise
    except Exception as fault:  # decoders raise nearly anything on broken files
        why = " ".join(str(fault).split())[:120]
        if isinstance(fault, Image.UnidentifiedImageError):
            why = f"it is none of {', '.join(FORMATS)}"
        raise UserError(f"does not decode ({why}): fetch or save it again") from None
    changes = ["decoded at a reduced scale"] * reduced + ["turned"] * (turned is not image)
    picture = convert(turned, side_px)
    return Picture(picture.grey, (*changes, *picture.changes))


def _check_size(image: Image.Image) -> None:
    """Raises UserError where a picture has more pixels than its format is read at."""
    pixels = image.width * image.height
    reducible = image.format == "JPEG" and not image.info.get("progressive") and not image.info.get("progression")
    most = MAX_REDUCED if reducible else MAX_PIXELS
    if pixels > most:
        raise UserError(
            f"does not decode ({image.width} x {image.height} pixels, at most {most // 10**6} million are taken of a "
            f"{image.format} of its kind): make it smaller"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Returns the picture as viewers show it; one without, or with broken EXIF data, is returned itself."""
    try:
        return ImageOps.exif_transpose(image) if image.getexif().get(0x0112, 1) != 1 else image
    except Exception:  # anything on broken EXIF data
        return image


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by a PNG's type of colour


def _check_png(data: bytes) -> None:
    """Raises ValueError where a checksum is wrong, or rows are missing, of which Pillow says nothing."""
    place, parts, size = 8, [], 0
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        crc = data[place + 8 + length : place + 12 + length]
        critical = kind[:1].isupper()  # what is not, such as EXIF data, may be passed over
        if critical and (len(crc) < 4 or zlib.crc32(kind + body) != int.from_bytes(crc, "big")):
            raise ValueError(f"wrong checksum of its part {kind.decode('ascii', 'replace')}")
        if kind == b"IHDR":
            size = _png_bytes(body)
        parts += [body] if kind == b"IDAT" else []
        place += 12 + length
        if kind == b"IEND":
            break
    inflate, left = zlib.decompressobj(), size
    for part in parts:
        while part and left > 0:
            left -= len(inflate.decompress(part, 1 << 20))
            part = inflate.unconsumed_tail
    if left > 0:
        raise ValueError("rows are missing")


def _png_bytes(header: bytes) -> int:
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    bits = depth * CHANNELS.get(kind, 1)
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes if x < width and y < height]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0)


# ---- from an image ---------------------------------------------------------------------------------------------------


def convert(image: Image.Image, side_px: int | None = MAX_SIDE_PX) -> Picture:
    """Converts any image as `read` does what is encoded. Raises UserError where its mode is not taken."""
    changes = []
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(np.asarray(image))
        changes.append("16 bits or floats")
    try:
        if image.has_transparency_data:
            image, white = _on_paper(image.convert("RGBA"))
            changes += ["white ink on clear paper"] * white
        image = image if image.mode == "L" else image.convert("L")
    except ValueError:
        raise UserError(f"is of the mode {image.mode}, which is not taken: save it as RGB") from None
    if side_px is not None and max(image.size) > side_px:
        image, thin = shrink(image, side_px)
        changes += ["thin lines kept"] * thin
    pixels = np.asarray(image)
    if _is_inverted(pixels):
        image = Image.fromarray(255 - pixels)
        changes.append("inverted")
    flat = _flatten(np.asarray(image))
    if flat is not None:
        image = Image.fromarray(flat)
        changes.append("grey or shaded paper")
    return Picture(image, tuple(changes))


def _to_8_bits(values: np.ndarray) -> Image.Image:
    """Brings grey values of any range to 0 to 255: by the bits that they need, so that a 16-bit picture is like its
    8-bit copy; what is negative, or larger than 16 bits, by its own range. What is no number becomes paper."""
    real, values = values.dtype.kind == "f", values.astype(np.float64)
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 1.0)
    if real and low >= -0.1 and high <= 1.1 and high > 0:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= RANGES[-1]:
        low, high = 0.0, float(next(most for most in RANGES if high <= most))
    share = np.where(finite, (values - low) / max(high - low, 1e-30), 1.0)
    return Image.fromarray(np.uint8(np.rint(255 * np.clip(share, 0, 1))))


def _on_paper(image: Image.Image) -> tuple[Image.Image, bool]:
    """Lays a picture with transparency on white paper; white ink on clear paper is laid on black and inverted. Returns
    which it was."""
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    grey = paper.convert("L")
    alpha = np.asarray(image.getchannel("A"))
    solid = alpha > 127
    if not 0 < solid.mean() < 0.5:
        return grey, False
    luma = np.asarray(image.convert("RGB").convert("L"))
    if _is_thin(solid):
        white = luma[solid].mean() > 140
    else:  # with fillings: white ones may have black outlines
        white = (np.asarray(grey) < 191).sum() < 0.02 * (solid & (luma > 191)).sum()
    if not white:
        return grey, False
    board = Image.new("RGBA", image.size, "black")
    board.alpha_composite(image)
    return ImageOps.invert(board.convert("L")), True


def _is_thin(mask: np.ndarray) -> bool:
    """Returns whether a mask is lines, with next to no square of a 40th of the picture's side that is full."""
    block = max(2, max(mask.shape) // 40)
    rows, columns = (side // block for side in mask.shape)
    if not rows or not columns:
        return False
    full = mask[: rows * block, : columns * block].reshape(rows, block, columns, block).all((1, 3)).sum()
    return bool(full * block**2 < 0.1 * mask.sum())


def shrink(grey: Image.Image, side_px: int) -> tuple[Image.Image, bool]:
    """Scales a grey picture down to a long side of `side_px`. Lines that would fade away are taken at their darkest, in
    which case True is returned with it."""
    scale = side_px / max(grey.size)
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    plain = grey.resize(size, Image.Resampling.LANCZOS, reducing_gap=None)
    block = int(1 / scale)
    if block < 3 or min(size) < 2:
        return plain, False
    pixels = np.asarray(grey)
    paper = int(np.percentile(pixels[::block, ::block], 75))
    if paper < 128:  # white lines on black
        small, thin = shrink(ImageOps.invert(grey), side_px)
        return ImageOps.invert(small), thin
    darkest = np.minimum.reduceat(pixels, np.arange(0, pixels.shape[0], block), axis=0)
    darkest = np.minimum.reduceat(darkest, np.arange(0, pixels.shape[1], block), axis=1)
    lines = np.asarray(Image.fromarray(darkest).resize(size, Image.Resampling.BOX))
    inked = lines < paper - 2 * INK
    if not inked.any() or inked.mean() > 0.5:  # nothing drawn, or no drawing but a photograph
        return plain, False
    kept = (paper - np.asarray(plain, np.float32)[inked]) / (paper - lines[inked].astype(np.float32))
    if np.median(kept) >= THIN:
        return plain, False
    return Image.fromarray(np.minimum(np.asarray(plain), lines)), True


def _is_inverted(pixels: np.ndarray) -> bool:
    """Returns whether a figure is light on dark: most of the picture, and of its border, is darker than the middle of
    its range."""
    low, high = np.percentile(pixels, (0.1, 99.9))  # a speck of dust is no ink
    if min(pixels.shape) < 8 or high - low < 3 * INK:
        return False
    dark = pixels < (low + high) / 2
    border = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    return bool(dark.mean() > 0.75 and border.mean() > 0.75)


def _flatten(pixels: np.ndarray) -> np.ndarray | None:
    """Returns the picture on white paper where its own is grey, or has a smooth shade; None where it is white already,
    or no paper can be told, as in a photograph of something else.

    The paper is a surface of second degree through the medians of blocks of pixels; blocks that do not lie on it, such
    as those with fillings, do not count, and white ones are no measure of how much lighter the light was.
    """
    height, width = pixels.shape
    if min(height, width) < 32:
        rows, columns = np.zeros(1, int), np.zeros(1, int)
    else:
        rows, columns = (np.linspace(0, side, 17).astype(int)[:-1] for side in (height, width))
    lightest = np.maximum.reduceat(np.maximum.reduceat(pixels, rows, axis=0), columns, axis=1).astype(np.float64)
    if (lightest >= WHITE).mean() > 0.9:
        return None
    y, x = np.meshgrid(np.linspace(-1, 1, len(rows) * 2 + 1)[1::2], np.linspace(-1, 1, len(columns) * 2 + 1)[1::2],
                       indexing="ij")  # fmt: skip
    level = _typical(pixels, rows, columns)
    powers, kept, white = _powers(x, y), level > lightest - 24, level >= WHITE
    fitted = kept
    for _ in range(6):
        if fitted.sum() < min(16, fitted.size) or kept.sum() < max(1, kept.size // 2):
            return None
        factors = np.linalg.lstsq(powers[fitted], level[fitted], rcond=None)[0]
        paper = powers @ factors
        residual = level - np.minimum(255, paper)
        kept = np.abs(residual) < max(4.0, 2 * float(np.median(np.abs(residual))))
        fitted = kept & ~(white & (paper > 255))  # where light outshines the sensor, the surface goes on unseen
    # Half of the page must lie on the surface; of a page that is mostly white nearly all, or the rest is a filling.
    if kept.mean() < (0.95 if white.mean() > 0.4 else 0.5) or np.abs(residual[kept]).mean() > 4:
        return None
    surface = _surface(factors, height, width)
    near = np.abs(pixels - surface) < np.maximum(8.0, surface * 0.05)
    if near.mean() < 0.5 or surface.min() < 64 or surface.min() >= WHITE:
        return None
    return np.rint(np.minimum(255, 255 * (pixels / surface))).astype(np.uint8)


def _typical(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the median of each block of a picture: the paper, where lines are on it."""
    found = np.empty((len(rows), len(columns)))
    ends = [*rows[1:], pixels.shape[0]], [*columns[1:], pixels.shape[1]]
    for i, (top, bottom) in enumerate(zip(rows, ends[0], strict=True)):
        for j, (left, right) in enumerate(zip(columns, ends[1], strict=True)):
            found[i, j] = np.median(pixels[top:bottom, left:right])
    return found


def _powers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _surface(factors: np.ndarray, height: int, width: int) -> np.ndarray:
    y, x = np.meshgrid(*(((np.arange(side) + 0.5) / side * 2 - 1) for side in (height, width)), indexing="ij")
    return np.clip(_powers(x, y) @ factors, 1, 255)


# ---- what a build tells ----------------------------------------------------------------------------------------------

Tally = dict[str, list]  # what was changed, or NO_INK -> [pictures, the first of them]
_tally: ContextVar[Tally | None] = ContextVar("pictures", default=None)


@contextmanager
def tallying() -> Iterator[Tally]:
    """Counts the pictures that are changed inside the block, and those without ink, by what was done."""
    tally: Tally = {}
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


def add_tally(total: Tally, more: Tally) -> None:
    """Adds a tally to another."""
    for what, (count, first) in more.items():
        total.setdefault(what, [0, first])[0] += count


def note(picture: Picture, name: str) -> None:
    """Counts what was done to a picture, where somebody is `tallying`."""
    if (tally := _tally.get()) is not None:
        told = [NO_INK] * (not picture.has_ink) + [NARROW] * (min(picture.grey.size) < NARROW_PX)
        add_tally(tally, {what: [1, name] for what in (*picture.changes, *told)})


def read_file(path: Path, where: str, side_px: int | None = MAX_SIDE_PX) -> Picture:
    """Reads a picture's file as `read` does, and counts what was done. Raises UserError where it is missing or
    broken."""
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as fault:
        raise UserError(f"{where}: {path} cannot be read ({fault.strerror}): allow it") from None
    except ValueError:
        data = None
    if data is None:
        raise UserError(f"{where}: {path} is not there: fetch the pictures again")
    try:
        picture = read(data, side_px)
    except UserError as fault:
        raise UserError(f"{where}: {path} {fault}") from None
    note(picture, str(path))
    return picture


def read_png(path: Path, where: str) -> bytes:
    """Returns a picture's file as a grey PNG, as `read_file` reads it."""
    buffer = io.BytesIO()
    read_file(path, where).grey.save(buffer, "png")
    return buffer.getvalue()
