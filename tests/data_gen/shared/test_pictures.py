"""Pictures as people have them are read as the clean figure that they show."""

import io
import itertools
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from data_gen.build import shards
from data_gen.build.spec import load_spec
from data_gen.shared import pictures
from data_gen.shared.errors import UserError
from tests.support import foreign

TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_270}  # fmt: skip


def figure(size=(240, 160), width=3) -> Image.Image:
    image = Image.new("L", size, 255)
    points = [(0.08, 0.87), (0.92, 0.87), (0.29, 0.12)]
    ImageDraw.Draw(image).polygon([(x * size[0], y * size[1]) for x, y in points], outline=0, width=width)
    return image


CLEAN = np.asarray(figure(), float)


def encoded(image, kind="png", **more) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def grey(picture: pictures.Picture) -> np.ndarray:
    return np.asarray(picture.grey, float)


def alike(found: np.ndarray, expected=CLEAN) -> float:
    """The correlation of two pictures of one shape."""
    assert found.shape == expected.shape
    return float(np.corrcoef(found.ravel(), expected.ravel())[0, 1])


@pytest.mark.parametrize(("tag", "kind"), [*itertools.product(TURNS, ["jpeg", "png", "webp", "tiff"])])
def test_orientation(tag, kind):
    exif = Image.Exif()
    exif[0x0112] = tag
    data = encoded(figure().convert("RGB").transpose(TURNS[tag]), kind, exif=exif.tobytes())
    assert alike(grey(pictures.read(data))) > 0.97


@pytest.mark.parametrize(
    "broken", [b"Exif\0\0MM\0*\0\0\0\x08\0\x02\xff", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_broken_exif_is_none(broken):
    assert alike(grey(pictures.read(encoded(figure().convert("RGB"), "jpeg", exif=broken)))) > 0.97


SCAN = 30 + CLEAN / 255 * 200  # ink 30, paper 230
DEEP: dict[str, Any] = {
    "16 bits": np.uint16(SCAN * 257), "12 bits": np.uint16(SCAN * 4095 / 255), "8 in 16": np.uint16(SCAN),
    "32 bits": np.int32(SCAN * 257), "unit": np.float32(SCAN / 255), "to 255": np.float32(SCAN),
    "nan": np.where(CLEAN < 255, SCAN / 255, np.nan).astype(np.float32), "signed": np.float32(SCAN / 127.5 - 1),
    "large": np.float32(SCAN * 1e6),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_sixteen_bits_and_floats_are_like_their_copy_of_eight(name):
    plain = grey(pictures.read(encoded(Image.fromarray(np.uint8(SCAN)))))
    deep = Image.fromarray(DEEP[name])
    for found in (pictures.convert(deep), pictures.read(encoded(deep, "tiff"))):
        limit = 40 if name in ("nan", "signed", "large") else 3  # their black and white are not known
        assert np.abs(grey(found) - plain).max() < limit
        assert "16 bits or floats" in found.changes


@pytest.mark.parametrize("ink", [(255, 255, 255), (221, 221, 221), (120, 220, 255), (255, 255, 0)])
def test_light_ink_on_clear_paper_becomes_dark(ink):
    data = encoded(Image.merge("RGBA", (*Image.new("RGB", (240, 160), ink).split(), ImageOps.invert(figure()))))
    found = pictures.read(data)
    assert alike(grey(found)) > 0.99 and found.has_ink and found.changes == ("white ink on clear paper",)


def test_dark_ink_on_clear_paper_stays_and_so_do_white_fillings():
    dark = Image.merge("RGBA", (*Image.new("RGB", (240, 160), "black").split(), ImageOps.invert(figure())))
    np.testing.assert_array_equal(grey(pictures.read(encoded(dark))), CLEAN)
    filled = Image.new("RGBA", (240, 160), (0, 0, 0, 0))
    ImageDraw.Draw(filled).polygon(
        [(0.08 * 240, 0.87 * 160), (0.92 * 240, 0.87 * 160), (0.29 * 240, 0.12 * 160)],
        fill="white",
        outline="black",
        width=3,
    )
    found = pictures.read(encoded(filled))
    assert not found.changes and alike(grey(found)) > 0.9


@pytest.mark.parametrize("kind", ["black", "board", "blue"])
def test_inverted_figures_are_turned_back(kind):
    data = {"black": ImageOps.invert(figure()), "board": Image.fromarray(np.uint8(230 - CLEAN / 255 * 190)),
            "blue": ImageOps.colorize(figure(), "yellow", "darkblue")}[kind]  # fmt: skip
    found = pictures.read(encoded(data))
    assert alike(grey(found)) > 0.97 and np.median(grey(found)) > 200 and "inverted" in found.changes


@given(st.integers(180, 255), st.floats(-0.15, 0.15), st.floats(-0.15, 0.15), st.floats(0, 0.1), st.floats(0, 2))
@example(252, 0.0, 0.125, 0.0, 0.0)  # most of the page outshines the sensor
@settings(max_examples=40, deadline=None)
def test_grey_and_shaded_paper_becomes_white(level, across, down, corners, noise):
    y, x = np.mgrid[-1:1:160j, -1:1:240j]
    paper = np.minimum(255, level * (1 + across * x + down * y - corners * (x * x + y * y)))
    scan = CLEAN / 255 * paper + np.random.default_rng(0).normal(0, noise, CLEAN.shape)
    found = pictures.read(encoded(Image.fromarray(np.uint8(np.clip(scan, 0, 255)))))
    assert np.median(grey(found)) > 245 and (grey(found)[CLEAN == 255] > 225).mean() > 0.99
    assert grey(found)[CLEAN == 0].max() < 40 and alike(grey(found)) > 0.97


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"])
def test_a_clean_figure_stays_as_it_is_in_any_mode(mode):
    found = pictures.convert(figure().convert("RGB").convert(mode) if mode not in "LA" else figure().convert(mode))
    assert not found.changes and np.abs(grey(found) - CLEAN).max() < 3


@pytest.mark.parametrize("size", [(6500, 4600), (3000, 2000), (1500, 1600)])
def test_lines_of_one_pixel_survive(size):
    found = pictures.read(encoded(figure(size, width=1)))
    assert max(found.grey.size) == 384 and found.has_ink
    small = np.asarray(found.grey.resize([side // 3 for side in found.grey.size], Image.Resampling.BICUBIC), float)
    assert small.min() < 170
    thick = figure(size, width=size[0] // 200).resize(found.grey.size, Image.Resampling.LANCZOS)
    blurred = [np.asarray(image.filter(ImageFilter.GaussianBlur(2)), float) for image in (found.grey, thick)]
    assert alike(*blurred) > 0.9


def test_thick_lines_and_photographs_are_scaled_as_ever():
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (90, 120), dtype=np.uint8)).resize((1800, 1350))
    for image in (figure((1800, 1200), width=20), photo):
        small = image.copy()
        small.thumbnail((384, 384), Image.Resampling.LANCZOS, reducing_gap=None)
        assert np.abs(grey(pictures.convert(image)) - np.asarray(small, float)).max() <= 12


def test_a_large_photograph_is_decoded_at_a_reduced_scale_and_others_are_refused_in_one_line():
    data = encoded(figure((8160, 6144), width=40), "jpeg", quality=60)
    found = pictures.read(data)
    assert found.changes == ("decoded at a reduced scale",) and grey(found).min() < 60 and found.grey.width == 384
    for kind, more in (("png", {}), ("jpeg", {"progressive": True})):
        with pytest.raises(UserError, match=r"8160 x 6144 pixels, at most 40 million .*make it smaller"):
            pictures.read(encoded(figure((8160, 6144)), kind, **more))


def test_pictures_without_ink_are_counted_and_named(tmp_path):
    for name, image in {"a": figure(), "dot": figure().resize((1, 1)), "page": Image.new("L", (50, 50), 255)}.items():
        (tmp_path / name).write_bytes(encoded(image))
    with pictures.tallying() as tally:
        for name in ("a", "page", "dot"):
            pictures.read_file(tmp_path / name, "row")
    assert tally[pictures.NO_INK] == [2, str(tmp_path / "page")]


def chunks(data: bytes):
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        place += 12 + length


def rebuilt(data: bytes, change) -> bytes:
    found = data[:8]
    for kind, body in chunks(data):
        body, wrong = change(kind, body)
        found += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ wrong)
    return found


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA"])
def test_a_png_with_a_wrong_checksum_or_missing_rows_is_refused(mode):
    data = encoded(figure().convert("RGB").convert(mode))
    pictures.read(rebuilt(data, lambda kind, body: (body, 0)))
    with pytest.raises(UserError, match="wrong checksum of its part IDAT"):
        pictures.read(rebuilt(data, lambda kind, body: (body, kind == b"IDAT")))
    with pytest.raises(UserError, match="rows are missing"):
        pictures.read(rebuilt(data, lambda kind, body: (
            zlib.compress(zlib.decompress(body)[:-50]) if kind == b"IDAT" else body, 0)))  # fmt: skip


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_broken_bytes_are_one_line_or_a_picture(data):
    whole = bytearray(
        encoded(figure().convert("RGB"), data.draw(st.sampled_from(["png", "jpeg", "webp", "gif", "tiff", "bmp"])))
    )
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, min(len(whole), 400) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert max(pictures.read(bytes(whole)).grey.size) <= 384
    except UserError as fault:
        assert "\n" not in str(fault) and len(str(fault)) < 400


def test_a_build_counts_and_names_what_it_changed(tmp_path):
    foreign.pictures(tmp_path, ["a.png"])
    (tmp_path / "dark.png").write_bytes(encoded(ImageOps.invert(figure())))
    (tmp_path / "blank.png").write_bytes(encoded(Image.new("L", (50, 50), 255)))
    names = ("a.png", "dark.png", "blank.png")
    foreign.write_jsonl(tmp_path, [{"image": name, "caption": f"AB is in {name}"} for name in names])
    spec = load_spec("configs/data_jsonl.py", [f"--spec.root={tmp_path}"])
    said = shards.build(spec, str(tmp_path / "out"), 1)
    assert f"inverted 1 (first: {tmp_path / 'dark.png'})" in said
    assert f"without ink 1 (first: {tmp_path / 'blank.png'})" in said and "a.png" not in said
