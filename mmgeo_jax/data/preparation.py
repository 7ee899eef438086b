"""How a data set's pictures become what an image tower reads: our way, or a published model's own.

Ours keeps a picture's aspect and centres it on white paper. A Hugging Face folder says its own in
preprocessor_config.json: SigLIP's squeezes pictures into a square, CLIP's cuts a square out of their middle. Mean and
deviation of the colours are the tower's either way; a record's picture is grey, and has one value in all channels.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from data_gen.shared.errors import UserError
from mmgeo_jax.data.images import letterbox
from mmgeo_jax.data.published import Settings, is_present, read_settings

FILE = "preprocessor_config.json"
NAMES = ("ours", "own")
# What the processors of transformers do where the file does not say; the first name that fits.
DEFAULTS: dict[str, dict[str, Any]] = {
    "CLIP": {"size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": True, "crop_size": 224},
    "": {"size": {"height": 224, "width": 224}, "resample": 3, "do_center_crop": False},
}
ALL = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
TOLERANCE = 1e-6


class Preparation(NamedTuple):
    """name: one of NAMES; says: what it does, in words; apply: grey picture, size in px -> uint8[size, size]."""

    name: str
    says: str
    apply: Callable[[Image.Image, int], np.ndarray]


OURS = Preparation("ours", "aspect kept, centred on white", letterbox)


def suffix(preparation: Preparation) -> str:
    """Returns what the folder of the scores is called behind its name, so that ours and a model's own lie side by
    side."""
    return "" if preparation is OURS else f"_{preparation.name}"


def describe(told: dict[str, str]) -> str:
    """Returns what eval.json says of a preparation, in words."""
    return f"{'our way' if told['name'] == OURS.name else 'its own way'}: {told['says']}"


def find(name: str, source: str | Path, size_px: int) -> Preparation:
    """Returns a preparation by name. Raises UserError where `source` has none of its own, or one that is not known."""
    if name == OURS.name:
        return OURS
    folder = Path(source)
    if not folder.is_dir() or not is_present(folder / FILE):
        raise UserError(f"{source} has no {FILE}, which tells its own preparation: leave --preparation=own out")
    return read(read_settings(folder, FILE), size_px)


def read(told: Settings, size_px: int) -> Preparation:
    """Returns the preparation that a preprocessor_config.json tells of, for a tower of this size. Raises UserError for
    what is not known of it, and where its squares are not the tower's."""
    kind = str(told.get("image_processor_type") or told.get("feature_extractor_type") or "")
    defaults = next(values for part, values in DEFAULTS.items() if part in kind)
    told = Settings(told.values_, told.where, ALL | defaults)
    for key in ("do_resize", "do_rescale", "do_normalize"):
        if not told[key]:
            raise told.refuse(f"{key} is false, which is not known here")
    if abs(told["rescale_factor"] - ALL["rescale_factor"]) > TOLERANCE or told.get("do_pad"):
        raise told.refuse("rescale_factor is 1/255 and do_pad false in all that is known here")
    crop = _square(told, "crop_size") if told["do_center_crop"] else None
    size, shortest = told["size"], None
    if isinstance(size, int):
        shortest, width, height = (size, 0, 0) if crop else (None, size, size)
    elif "shortest_edge" in size:
        shortest, width, height = size["shortest_edge"], 0, 0
    else:
        width, height = size["width"], size["height"]
    if (crop or height) != size_px or (crop or width) != size_px:
        raise told.refuse(f"it makes pictures of {crop or width} x {crop or height}, and the tower takes {size_px}")
    resample = Image.Resampling(told["resample"])
    scaled = f"shortest side {shortest} px" if shortest else f"squeezed to {width} x {height} px"
    says = f"{scaled}, {resample.name.lower()}" + f", middle {crop} px" * bool(crop)
    return Preparation("own", says, partial(_apply, shortest or (width, height), crop, resample))


def _square(told: Settings, key: str) -> int:
    value = told[key]
    if isinstance(value, int):
        return value
    if value["height"] != value["width"]:
        raise told.refuse(f"{key} is no square")
    return int(value["height"])


def _apply(
    size: int | tuple[int, int], crop: int | None, resample: Image.Resampling, image: Image.Image, size_px: int
) -> np.ndarray:
    if isinstance(size, int):
        short, long = min(image.size), int(size * max(image.size) / min(image.size))
        size = (size, long) if image.width == short else (long, size)
    scaled = np.asarray(image.resize(size, resample))
    if crop is None:
        return scaled
    # As transformers does it: rounded down, black where the picture is smaller.
    rows, columns = ((side - crop) // 2 for side in scaled.shape)
    canvas = np.pad(scaled, crop) if min(rows, columns) < 0 else scaled
    shift = crop if min(rows, columns) < 0 else 0
    return canvas[rows + shift :, columns + shift :][:crop, :crop]
