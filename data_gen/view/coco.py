"""The command that writes a split's pictures and their ground truth in COCO's format, to train detectors on.

    mmgeo coco --data=data/tiny --split=train --out=coco --families=500

The folder has images/*.png and annotations.json. Categories are characters ("character A"), named points ("point", with
the name in `name` and one keypoint), strokes ("stroke segment", with their line in `segmentation` and the numbers of
`data_gen/records/annotations.py` in `numbers`) and marks ("mark ticks", with how many in `count`).
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from data_gen.records.annotations import MARKS, STRAIGHT, STROKES, Annotations, Box, annotations_from_json
from data_gen.records.patch_targets import GROUPS, along
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic

EXAMPLE = "mmgeo coco --data=data/tiny --split=test --out=coco"
STEP_PX = 4.0  # between the places of a curve
POINT_PX = 3  # half the side of a point's box
CATEGORIES = {
    name: number
    for number, name in enumerate(
        (
            *(f"character {character}" for character in GROUPS["characters"]),
            "point",
            *(f"stroke {kind}" for kind in STROKES),
            *(f"mark {kind}" for kind in MARKS),
        ),
        1,
    )
}


def objects(annotations: Annotations) -> Iterator[tuple[str, Box, dict[str, Any]]]:
    """Yields (category, box, further fields of COCO) of everything in a picture. Characters that are no category are
    left out."""
    for character, box in annotations.characters:
        if f"character {character}" in CATEGORIES:
            yield f"character {character}", box, {}
    for name, (x, y) in annotations.points:
        box = (x - POINT_PX, y - POINT_PX, x + POINT_PX, y + POINT_PX)
        yield "point", box, {"name": name, "keypoints": [x, y, 2], "num_keypoints": 1}
    for kind, numbers in annotations.strokes:
        places = along(kind, numbers, STEP_PX).round(1)
        (x0, y0), (x1, y1) = places.min(0), places.max(0)
        line = [float(number) for number in numbers] if STROKES[kind] == STRAIGHT else places.ravel().tolist()
        yield f"stroke {kind}", (int(x0), int(y0), int(x1), int(y1)), {"segmentation": [line], "numbers": [*numbers]}
    for kind, count, box in annotations.marks:
        yield f"mark {kind}", box, {"count": count}


def rows(annotations: Annotations, image_id: int, first_id: int) -> list[dict[str, Any]]:
    """Returns the entries of COCO's `annotations` for one picture; boxes are x, y, width, height in pixels."""
    return [
        {
            "id": number,
            "image_id": image_id,
            "category_id": CATEGORIES[category],
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
            **more,
        }
        for number, (category, (x0, y0, x1, y1), more) in enumerate(objects(annotations), first_id)
    ]


def write_coco(source: RecordSource, out: Path, families: int) -> tuple[int, int]:
    """Writes the pictures with annotations of the first families; returns (pictures, objects). Raises UserError where
    there are none."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for row in tqdm(range(min(families, len(source))), "families", leave=False):
        family = source[row]
        for i, text in enumerate(family.annotations):
            name = f"{family.key.replace('/', '-')}-{i}.png"
            with open_atomic(out / "images" / name) as file:
                file.write(family.images[i])
            width, height = Image.open(io.BytesIO(family.images[i])).size
            images.append({"id": len(images) + 1, "file_name": name, "width": width, "height": height})
            found += rows(annotations_from_json(text), len(images), len(found) + 1)
    if not images:
        raise UserError(f"{source.directory} {source.split} has no pictures whose ground truth is known")
    categories = [{"id": number, "name": name, "supercategory": name.split()[0]} for name, number in CATEGORIES.items()]
    whole = {"images": images, "annotations": found, "categories": categories}
    with open_atomic(out / "annotations.json") as file:
        file.write(json.dumps(whole, ensure_ascii=False).encode())
    return len(images), len(found)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("coco", "Write a split's pictures and their ground truth in COCO's format.", EXAMPLE)
    cli.add_split(parser, "train")
    parser.add_argument("--families", type=int, default=1000, help="the first so many (default: 1000)")
    parser.add_argument("--out", default="coco", help="the folder to write (default: coco)")
    options = parser.parse_args(arguments)
    pictures, count = write_coco(RecordSource(options.data, options.split), Path(options.out), options.families)
    print(f"{options.out}: {count:,} objects in {pictures:,} pictures")
    return 0
