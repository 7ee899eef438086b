"""The paper's own JSON files: image negatives and text negatives, as its released training scripts read them.

A file is a list of objects with `positive_image_path`; `conversations`, whose answer ("from": "gpt") is the caption;
and any number of negatives, `negative_image_path` (a list of paths) or `negative_captions` (a list of texts). One that
has as many of both gives them in pairs. The release also shows `conversations` as two objects without the brackets of a
list, and a comma after the last item, neither of which is JSON: both are read.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from data_gen.shared.errors import UserError
from data_gen.shared.files import Folder, decode_utf8, parse_json, read_bytes, require_text, require_texts
from data_gen.shared.tolerance import BROKEN, skipping
from data_gen.sources.external.rows import Loaded, Negative, PictureRow, source_of

STRING = r'"(?:[^"\\]|\\.)*"'
OBJECT = rf'\{{(?:[^{{}}"]|{STRING})*\}}'
# Strings are matched too, so that nothing inside them is taken for syntax.
UNLISTED = re.compile(rf'("conversations"\s*:\s*)({OBJECT}(?:\s*,\s*{OBJECT})+)|{STRING}')
LAST_COMMA = re.compile(rf"({STRING})|,(?=\s*[\]}}])")


@cache
def load(root: str, files: tuple[str, ...], stamp: Any = ()) -> Loaded:
    """Returns the rows of files in `root`, one after the other. Raises UserError, which names file and item."""
    folder = Folder(root)
    paths = tuple(folder.find(file, "spec.files") for file in files)
    rows: list[PictureRow] = []
    broken: list[str] = []
    for path in paths:
        for where, item in _items(path):
            with skipping(broken):
                rows.append(_row(item, folder, where))
    return Loaded(tuple(rows), {BROKEN: broken}, paths)


def _items(path: Path) -> list[tuple[str, Any]]:
    data = read_bytes(path, "give the folder with --spec.root and the names of its JSON files with --spec.files")
    items = parse_json(_mended(data, str(path)), str(path))
    if not isinstance(items, list) or not items:
        raise UserError(f"{path} must be a list of objects, not empty, as the paper's training files are")
    return [(f"{path} item {i}", item) for i, item in enumerate(items)]


def _mended(data: bytes, where: str) -> str:
    """Returns the text, with the release's two liberties made JSON where it is none as it stands."""
    written = decode_utf8(data, where)
    try:
        json.loads(written)
        return written
    except (ValueError, RecursionError):
        listed = UNLISTED.sub(lambda m: f"{m[1]}[{m[2]}]" if m[1] else m[0], written)
        return LAST_COMMA.sub(lambda m: m[1] or "", listed)


def _row(item: Any, folder: Folder, where: str) -> PictureRow:
    if not isinstance(item, dict):
        raise UserError(f"{where} must be an object with positive_image_path and conversations")
    image = folder.find(require_text(item.get("positive_image_path"), where, "positive_image_path"), where)
    names = require_texts(item.get("negative_image_path", []), where, "negative_image_path")
    images: Sequence[Path] = [folder.find(name, where) for name in names]
    captions = require_texts(item.get("negative_captions", []), where, "negative_captions")
    if len(images) == len(captions):
        negatives = [Negative(*pair) for pair in zip(images, captions, strict=True)]
    else:
        negatives = [*(Negative(path, None) for path in images), *(Negative(None, caption) for caption in captions)]
    return PictureRow(where, image, _caption(item.get("conversations"), where), tuple(negatives))


def _caption(conversations: Any, where: str) -> str:
    """Returns what the model's turn says: of a list of turns, or of an object whose values are turns."""
    turns = list(conversations.values()) if isinstance(conversations, dict) else conversations
    if not isinstance(turns, list):
        raise UserError(f"{where}: 'conversations' must be a list of two turns, a question and its answer")
    for turn in turns:
        if isinstance(turn, dict) and turn.get("from") == "gpt":
            return require_text(turn.get("value"), where, "value of the 'gpt' turn")
    raise UserError(f'{where}: \'conversations\' has no turn with "from": "gpt", which holds the caption')


def _files(spec) -> tuple[str, ...]:
    files = tuple(spec.files)
    if not files or not all(isinstance(file, str) for file in files):
        raise UserError("spec.files must name the paper's JSON files, such as ('image_negatives.json',)")
    return files


CAPTIONS_RECUR = True
rows, family, content, left_out = source_of(load, "mmgeolm", _files)
