"""Plain JSONL of your own: a picture, its caption and its negatives a line.

    {"image": "a.png", "caption": "AB is parallel to CD.", "negatives": [
        {"caption": "AB is perpendicular to CD."},
        {"image": "a1.png"},
        {"image": "a2.png", "caption": "AB and CD meet at E."}]}

`image`: a path in `spec.root`. `caption`: true of it. `negatives`: any number, none too; a plain text is short for
{"caption": text}. A negative's `caption` is false of the row's picture, and the row's caption is false of a negative's
`image`; where it has both, its caption is true of its own picture. Other keys are errors, as they may be misspelt.
"""

from functools import cache
from typing import Any

from data_gen.shared import files
from data_gen.shared.errors import UserError
from data_gen.shared.files import Folder, require_text
from data_gen.shared.tolerance import BROKEN, skipping
from data_gen.sources.external.rows import Loaded, Negative, PictureRow, source_of

ROW_KEYS = {"image", "caption", "negatives"}
NEGATIVE_KEYS = {"image", "caption"}


@cache
def load(root: str, file: str, stamp: Any = ()) -> Loaded:
    """Returns the rows of a file in `root`. Raises UserError, which names the line."""
    folder = Folder(root)
    path = folder.find(file, "spec.file")
    rows: list[PictureRow] = []
    broken: list[str] = []
    advice = "give the folder with --spec.root and the name of its JSONL file with --spec.file"
    for where, line in files.lines(path, advice):
        with skipping(broken):
            rows.append(_row(files.parse_json(line, where), folder, where))
    return Loaded(tuple(rows), {BROKEN: broken}, (path,))


def _row(value: Any, folder: Folder, where: str) -> PictureRow:
    _check_keys(value, ROW_KEYS, where)
    negatives = value.get("negatives", [])
    if not isinstance(negatives, list):
        raise UserError(f"{where}: 'negatives' must be a list")
    image = folder.find(require_text(value.get("image"), where, "image"), where)
    caption = require_text(value.get("caption"), where, "caption")
    found = tuple(_negative(n, folder, f"{where}, negative {i}") for i, n in enumerate(negatives))
    return PictureRow(where, image, caption, found)


def _negative(value: Any, folder: Folder, where: str) -> Negative:
    if isinstance(value, str):
        value = {"caption": value}
    _check_keys(value, NEGATIVE_KEYS, where)
    if not value:
        raise UserError(f"{where}: it has neither 'image' nor 'caption': give one of them")
    image = folder.find(require_text(value["image"], where, "image"), where) if "image" in value else None
    return Negative(image, require_text(value["caption"], where, "caption") if "caption" in value else None)


def _check_keys(value: Any, known: set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise UserError(f"{where} must be an object with the keys {', '.join(sorted(known))}")
    for key in value.keys() - known:
        raise UserError(f"{where}: key {key[:50]!r} is none of {', '.join(sorted(known))}")


CAPTIONS_RECUR = True
rows, family, content, left_out = source_of(load, "jsonl")
