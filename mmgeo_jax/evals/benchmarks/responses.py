"""Reads what a model said, from files of ours and from those that other evaluations write.

Of any shape, a row has a key and a response, or a list of several:

    ours                    {"key": ..., "response": ...} a line, or an object {key: response}
    MathVista               an object {pid: {"response": ...}}
    We-Math                 a list of objects with `ID`, `key` and `response`
    lmms-eval               samples, a line each: `doc`, the row of the benchmark, and `resps`; later versions leave out
                            `doc`, whose key some metrics repeat, and `resps` where it is `filtered_resps`
    VLMEvalKit              .xlsx, .tsv, .csv or .json with `prediction`, and `ID` and `key`, `pid`, `id` or `index`

The name of the file tells JSON, lines of JSON and tables apart. Nothing in a file is executed: of a sheet only values
are read, and pickles are not.
"""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks.item import Verdict

KEYS = ("key", "pid", "id", "problem_id", "question_id", "index")
ROW = "doc_id"  # of lmms-eval: which row of the data set it is
SAID = ("response", "prediction", "resps", "filtered_resps", "responses")
MAX_SHEET = 2**29  # bytes of an unpacked .xlsx; a small file can claim any size
ADVICE = "give a file of responses"

Row = tuple[str, str | None, Any]  # place, its name in an object, value


def read(path: Path, known: Collection[str]) -> dict[str, list[str]]:
    """Reads the responses of a file by key; `known` are those of the benchmark. Raises UserError, which names the
    place, where a row has no key or no response, or a key comes again."""
    found: dict[str, list[str]] = {}
    for where, name, row in READERS.get(path.suffix.lower(), _lines)(path):
        key, said = (name, row) if name is not None and not isinstance(row, Mapping) else _read_row(row, name, known)
        texts = _texts(said)
        if key is None and texts is not None and isinstance(row, Mapping) and ROW in row:
            raise UserError(
                f"{where} has no key of the benchmark, but '{ROW}', the number of a row: choose a task whose samples "
                "name their rows, as those of mmgeo lmms-task do"
            )
        if key is None or texts is None:
            raise UserError(f'{where} is not {{"key": ..., "response": ...}} with a text, several, or null as response')
        if key in found:
            raise UserError(f"{where} has the key '{key[:50]}' again: leave one row, whose response may be a list")
        found[key] = texts
    return found


def _read_row(row: Any, name: str | None, known: Collection[str]) -> tuple[str | None, Any]:
    """Returns the key and the response of a row; a key of the benchmark where it has one."""
    if not isinstance(row, Mapping):
        return None, None
    # lmms-eval keeps the benchmark's own row apart, or has what a metric tells of it.
    parts = [row]
    if ROW in row:
        parts = [part for part in (row.get("doc"), row, *row.values()) if isinstance(part, Mapping)]
    values = [part[key] for part in parts for key in KEYS if key in part] + [name]
    # the number of a row counts from 0, and is a key only where those do
    values += [row[ROW]] if ROW in row and "0" in known else []
    names = [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    names = [
        f"{part['ID']}_{str(part['key']).partition('_')[2]}" for part in parts if {"ID", "key"} <= set(part)
    ] + names
    key = next((each for each in names if each in known), names[0] if names else None)
    said = next((column for column in SAID if column in row), None)
    return (None, None) if said is None and name is None else (key, row[said] if said else None)


def _texts(said: Any) -> list[str] | None:
    """Returns the responses of a row, none being a blank one; None where they are no texts."""
    if isinstance(said, str | None):
        return [said or ""]
    if not isinstance(said, list):
        return None
    parts = [_texts(part) for part in said]
    return [text for part in parts for text in part or ()] if all(parts) and parts else None


# ---------------------------------------------------------------- kinds of files


def _lines(path: Path) -> Iterator[Row]:
    yield from ((where, None, row) for where, row in files.json_lines(path, ADVICE))


def _json(path: Path) -> Iterator[Row]:
    value = files.parse_json(files.read_bytes(path, ADVICE), str(path))
    if not isinstance(value, list | dict) or not value:
        raise UserError(f"{path} is neither a list nor an object of responses, or is empty: {ADVICE}")
    if isinstance(value, dict):
        yield from ((f"{path} row '{key[:50]}'", key, row) for key, row in value.items())
    else:
        yield from ((f"{path} row {i}", None, row) for i, row in enumerate(value))


def _table(path: Path, delimiter: str) -> Iterator[Row]:
    text = files.decode_utf8(files.read_bytes(path, ADVICE), str(path))
    csv.field_size_limit(2**24)  # a row of VLMEvalKit may hold its picture
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter), 2):
            yield f"{path} row {number}", None, row
    except csv.Error as fault:
        raise UserError(f"{path} is not a table ({fault}): {ADVICE}") from None


def _sheet(path: Path) -> Iterator[Row]:
    import openpyxl  # here, as it takes 0.2 s and few files need it

    data = io.BytesIO(files.read_bytes(path, ADVICE))
    try:
        with zipfile.ZipFile(data) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_SHEET:
                raise ValueError(f"it unpacks to more than {MAX_SHEET >> 20} MiB")
        rows = openpyxl.load_workbook(data, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True)
        names = [str(name) for name in next(rows, ())]
        for number, cells in enumerate(rows, 2):
            if any(cell is not None for cell in cells):
                yield f"{path} row {number}", None, dict(zip(names, map(_cell, cells), strict=False))
    except UserError:
        raise
    except Exception as fault:  # its parts raise nearly anything on broken files
        why = str(fault).replace("\n", " ")[:200]
        raise UserError(f"{path} is no sheet of Excel ({why}): {ADVICE}") from None


def _cell(value: Any) -> Any:
    """Returns a cell as text, None where it is empty: sheets make numbers of responses such as "12"."""
    if value is None:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _pickle(path: Path) -> Iterator[Row]:
    raise UserError(f"{path} is a pickle, which could run anything and is not read: save it as .xlsx, .tsv or .json")


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".json": _json,
    ".csv": lambda path: _table(path, ","),
    ".tsv": lambda path: _table(path, "\t"),
    ".xlsx": _sheet,
    ".pkl": _pickle,
}


# ---------------------------------------------------------------- several responses


def vote(texts: Sequence[str], verdicts: Sequence[Verdict]) -> int:
    """Returns which response counts of several: the first of those with the most frequent answer, or the first of all
    where none gives one."""
    counts = Counter(verdict.parsed for verdict in verdicts if verdict.parsed is not None)
    if not counts:
        return 0
    winner = counts.most_common(1)[0][0]
    return next(i for i in range(len(texts)) if verdicts[i].parsed == winner)


def score_samples(verdicts: Sequence[Sequence[Verdict]]) -> dict[str, Any]:
    """Returns the scores of several responses a question: how many, the mean accuracy of one, and how often any is
    right."""
    shares = [sum(each.right for each in row) / len(row) for row in verdicts]
    count = max(1, len(shares))
    return {
        "most": max(map(len, verdicts), default=0),
        "mean_accuracy": sum(shares) / count,
        "any_right": sum(share > 0 for share in shares) / count,
    }
