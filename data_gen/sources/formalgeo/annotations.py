"""Where points are in Geometry3K's diagrams, from files that FormalGeo7k has not: Inter-GPS's and PGDP's annotations.

Taken from the root of FormalGeo7k and its folder `annotations/`, as they are published:

  diagram_logic_forms_annot.json  Inter-GPS: number in Geometry3K -> logic form with `point_positions`
  NUMBER/logic_form.json          Inter-GPS: the same, a problem a folder, as in geometry3k/train/2401/
  any other .json                 PGDP: name of a picture -> logic form, or `geos`, `symbols` and `relations`

A problem of FormalGeo tells its number by its source, "Geometry3k-2401". Whether the points fit the problem is for
`pixels.positions` to say.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from data_gen.shared import files
from data_gen.sources.formalgeo.published import ADVICE

FOLDER, INTER_GPS, ONE = "annotations", "diagram_logic_forms_annot.json", "logic_form.json"
VALUES = ("len", "length", "degree", "angle")  # classes of PGDP's texts that are measures
MOST_FILES = 20_000


def number_of(problem: dict) -> int | None:
    """Returns the number in Geometry3K of a problem of FormalGeo; None where it comes from elsewhere."""
    found = re.fullmatch(r"Geometry3k-(\d{1,9})", str(problem.get("source", "")), re.IGNORECASE | re.ASCII)
    return int(found[1]) if found else None


def annotation_files(root: str | os.PathLike) -> list[Path]:
    """Returns the files of annotations of a folder of FormalGeo7k."""
    at_root, folder = Path(root) / INTER_GPS, Path(root) / FOLDER
    inside = sorted(path for path in folder.rglob("*.json") if path.is_file()) if folder.is_dir() else []
    return [*([at_root] if at_root.is_file() else []), *inside[:MOST_FILES]]


@cache
def read_annotations(root: str) -> dict[int, dict[str, Any]]:
    """Returns the annotation of each number of Geometry3K, as rows of FormalGeo7k carry it. Raises UserError where a
    file is no JSON; what is no annotation is left out."""
    found: dict[int, dict[str, Any]] = {}
    for path in annotation_files(root):
        path = files.resolve_inside(Path(root), os.path.relpath(path, root), str(path))
        content = files.parse_json(files.read_bytes(path, ADVICE), str(path))
        named = (
            [(path.parent.name, content)] if path.name == ONE else content.items() if isinstance(content, dict) else ()
        )
        for name, entry in named:
            number, annotation = _number(str(name)), _annotation(entry)
            if number is not None and annotation:
                found.setdefault(number, annotation)
    return found


def _number(name: str) -> int | None:
    """Returns the number in "2401", "2401.png" and "geometry3k_2401"."""
    match = re.fullmatch(r"(?:.*[_-])?(\d{1,9})(?:\.\w+)?", name, re.ASCII)
    return int(match[1]) if match else None


def _annotation(entry: Any) -> dict[str, Any] | None:
    """Returns an entry of any of the files in the form of Inter-GPS; None for another."""
    if not isinstance(entry, dict):
        return None
    if isinstance(entry.get("point_positions"), dict):
        forms = entry.get("diagram_logic_forms", entry.get("diagram_logic_form", []))
        return {"point_positions": entry["point_positions"], "diagram_logic_forms": forms}
    try:
        return _from_pgdp(entry) if "geos" in entry else None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None


def _from_pgdp(entry: dict) -> dict[str, Any]:
    """Returns the points that letters of PGDP's fine annotation name, and the values of its texts."""
    places = {point["id"]: [float(x) for x in _flat(point["loc"])[:2]] for point in entry["geos"]["points"]}
    symbols = {symbol["id"]: symbol for symbol in entry["symbols"]}
    named: dict[str, list[float]] = {}
    for symbol, geos in entry["relations"]["sym2geo"]:
        letter = str(symbols[symbol].get("text_content", "")).strip()
        points = [geo for geo in geos if geo in places]
        if symbols[symbol].get("text_class") == "point" and len(points) == 1 and re.fullmatch("[A-Z]", letter):
            named.setdefault(letter, places[points[0]])
    texts = [str(s.get("text_content", "")) for s in symbols.values() if s.get("text_class") in VALUES]
    return {"point_positions": named, "diagram_logic_forms": [f"Equals(Text(), {text})" for text in texts]}


def _flat(value: Any) -> list[Any]:
    return value[0] if isinstance(value[0], list) else value
