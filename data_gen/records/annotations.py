"""What stands where in one picture, as the record keeps it: characters, named points, strokes and marks, in pixels.

The engine knows all of it, so an encoder can be taught patch by patch: `patch_targets.py` turns it into
targets, and `data_gen/view/coco.py` into the format of detectors. Coordinates are pixels of the stored picture, x to
the right and y down, rounded to whole ones to keep a record small.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from data_gen.shared.errors import UserError

# Kind of stroke -> how many numbers place it. Straight ones: x0, y0, x1, y1. circle: x, y, radius. arc: the same, then
# start and sweep in degrees, from the x axis clockwise to the eye. curve: x0, y0, x1, y1, ... along it, in pairs.
STRAIGHT = 4
STROKES = dict.fromkeys(("segment", "dashed", "ray", "line", "axis"), STRAIGHT) | {"circle": 3, "arc": 5, "curve": 0}
MARKS = ("ticks", "chevrons", "right_angle", "angle_arc", "divisions", "shade")
Box = tuple[int, int, int, int]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Annotations:
    """The ground truth of one picture.

    characters: each drawn character with the box around its ink, texts in the order of drawing.
    points: named points and where they are.
    strokes: (kind of STROKES, its numbers).
    marks: (kind of MARKS, how many strokes or arcs it has, the box around its ink).
    """

    characters: tuple[tuple[str, Box], ...] = ()
    points: tuple[tuple[str, tuple[int, int]], ...] = ()
    strokes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    marks: tuple[tuple[str, int, Box], ...] = ()

    def to_json(self) -> str:
        """Returns one line of JSON, each row flat: ["A", x0, y0, x1, y1]; without the kinds that the picture lacks."""
        rows = {name: [_flat(row) for row in value] for name, value in asdict(self).items() if value}
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def annotations_from_json(text: str) -> Annotations:
    """Reads what `to_json` wrote. Raises UserError where the text is something else."""
    try:
        found = json.loads(text)
        unknown = set(found) - {field.name for field in fields(Annotations)}
        if unknown:
            raise ValueError(f"unknown key {min(unknown)!r}")
        return Annotations(
            characters=tuple((str(c), _numbers(box, 4)) for c, *box in found.get("characters", ())),
            points=tuple((str(name), _numbers(place, 2)) for name, *place in found.get("points", ())),
            strokes=tuple((kind, _numbers(at, STROKES[kind])) for kind, *at in found.get("strokes", ())),
            marks=tuple(
                (_mark(kind), *_numbers([count], 1), _numbers(box, 4)) for kind, count, *box in found.get("marks", ())
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise UserError(f"the annotations of a picture are not as this code writes them ({fault!r:.80})") from None


def _flat(row: tuple[Any, ...]) -> list[Any]:
    return [item for part in row for item in (part if isinstance(part, tuple) else (part,))]


def _mark(kind: str) -> str:
    if kind not in MARKS:
        raise ValueError(f"unknown mark {kind!r}")
    return kind


def _numbers(values: list[Any], count: int) -> Any:
    """Returns the values as a tuple of `count` whole numbers, of any even number where it is 0."""
    if any(type(value) is not int for value in values) or (len(values) != count if count else len(values) % 2):
        raise ValueError(f"{values!r:.60} are not {count or 'pairs of'} whole numbers")
    return tuple(values)
