"""Reads the rows of a benchmark's files, and says what is wrong with them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks.item import Item


def find_file(root: Path, names: Sequence[str], where_to_get: str) -> Path:
    """Returns the first of the files that exists in the folder. Raises UserError, which says where to get the data."""
    for name in names:
        if (root / name).is_file():
            return files.resolve_inside(root, name, str(root))
    raise UserError(f"{root} has no {' or '.join(names)}: {where_to_get}")


def read_rows(path: Path) -> list[tuple[str, dict]]:
    """Reads (place, row) of a JSON file: a list of objects, or an object of objects. Raises UserError otherwise."""
    value = files.parse_json(files.read_bytes(path, "fetch it again"), str(path))
    if isinstance(value, list):
        named = [(f"{path} row {i}", row) for i, row in enumerate(value)]
    elif isinstance(value, dict):
        named = [(f"{path} row '{str(key)[:50]}'", row) for key, row in value.items()]
    else:
        raise UserError(f"{path} is neither a list nor an object of rows: fetch the file again")
    for place, row in named:
        if not isinstance(row, dict):
            raise UserError(f"{place} is not an object: fetch the file again")
    return named


def get_text(row: Mapping[str, Any], key: str, where: str) -> str:
    """Returns a text of a row. Raises UserError where it is missing, blank, or no text."""
    return files.require_text(row.get(key), where, key)


def get_answer(row: Mapping[str, Any], key: str, where: str) -> str:
    """Returns the answer of a row, "" where it has none: such a question is asked, and counts wrong."""
    return get_text(row, key, where) if row.get(key) not in (None, "") else ""


def get_label(row: Mapping[str, Any], key: str, where: str, names: Sequence[str]) -> str:
    """Returns a text of a row that must be one of `names`. Raises UserError where it is not."""
    if row.get(key) not in names or not isinstance(row[key], str):
        raise UserError(f"{where}: '{key}' is {str(row.get(key))[:50]!r}, not one of {', '.join(names)}")
    return row[key]


def check_distinct(items: Sequence[Item], where: str) -> list[Item]:
    """Returns the items. Raises UserError where two have the same key, or there are none."""
    seen: set[str] = set()
    for item in items:
        if item.key in seen:
            raise UserError(f"{where} has '{item.key}' twice: fetch the file again")
        seen.add(item.key)
    if not items:
        raise UserError(f"{where} has no question: fetch the file again")
    return list(items)
