"""A source of tiny families for the tests of records, build and input: random pictures, numbered captions."""

import io
import os
import time

import numpy as np
from PIL import Image

from data_gen.records.schema import Family, Question


def rows(spec, split):
    return spec.families[split]


def family(spec, split, index):
    time.sleep(spec.get("delay_s", 0.0))
    if split == spec.get("die_in"):
        os._exit(9)
    caption = "shared {}" if spec.get("leak") else f"{split} {index} {{}}"
    return make(f"fake/{split}/{index:06d}", seed=[spec.seed, index], size_px=spec.size_px, caption=caption)


def make(key="fake/train/000000", seed=0, n=3, c=4, size_px=8, caption="caption {}", question=None, **changes):
    """A valid family of n images and c captions; `changes` replace fields."""
    random = np.random.default_rng(seed)
    truth = random.integers(-1, 2, (n, c), dtype=np.int8)
    np.fill_diagonal(truth, 1)
    fields = dict(
        key=key,
        layout="star",
        images=tuple(png(random.integers(0, 256, (size_px, size_px), dtype=np.uint8)) for _ in range(n)),
        captions=tuple(caption.format(j) for j in range(c)),
        truth=truth,
        provenance=random.integers(0, 3, (n, c), dtype=np.uint8),
        margin_px=np.where(truth == 0, random.random((n, c)), np.nan).astype(np.float32),
        edits=((), *(("order", "value")[: 1 + j % 2] for j in range(c - 1))),
        kinds=((), *(("swap", "printed")[: 1 + j % 2] for j in range(c - 1))),
        image_signatures=random.integers(0, 2**32, (n, 8), dtype=np.uint32),
        caption_signatures=random.integers(0, 2**32, (c, 8), dtype=np.uint32),
        facts=tuple(f'["fact {j}"]' for j in range(c)),
        programs=tuple(f'["program {i}"]' for i in range(n)) if n % 2 else (),
        canvas='{"size_px": 8}' if n % 2 else "",
        source="fake",
        difficulty=int(random.integers(3)),
        size_px=size_px,
        annotations=('{"points":[["A",1,2]]}',) * n if n % 2 else (),
        question=question and Question(**question),
    )
    return Family(**(fields | changes))


def png(pixels, mode=None):
    """The PNG bytes of uint8[H, W] or uint8[H, W, channels]."""
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "PNG")
    return file.getvalue()
