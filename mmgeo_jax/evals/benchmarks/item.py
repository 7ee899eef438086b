"""An item of a benchmark, its prompt, the verdict on a response, and how verdicts are counted."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from data_gen.records.schema import LETTERS
from data_gen.shared import files
from data_gen.shared.errors import UserError

MAX_READ = 10_000  # characters of a response
KINDS = {
    "choice": "Answer with the letter of the correct choice, as in: The answer is A.",
    "integer": "Put your final answer, an integer, in \\boxed{}.",
    "float": "Put your final answer, a number with {precision} decimal places, in \\boxed{{}}.",
    "list": "Put your final answer, a list as [1, 2, 3], in \\boxed{}.",
    "open": "Put your final answer in \\boxed{}.",
}


@dataclass(frozen=True)
class Item:
    """A question of a benchmark.

    key: identifies it in a file of responses. answer: the reference; of a choice its text (in We-Math its letter).
    kind: a key of KINDS. precision: decimal places of a float. pictures: files inside the data set's folder, which may
    be missing. groups: for each way of grouping (skill, difficulty), the item's groups.
    """

    key: str
    question: str
    answer: str
    kind: str
    choices: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    precision: int | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Verdict(NamedTuple):
    """The answer parsed from a response (None: there is none), and whether it is right."""

    parsed: str | None
    right: bool


JudgeFunction = Callable[[Item, str], Verdict]


def format_prompt(item: Item) -> str:
    """Formats the text that a model is asked, after the pictures."""
    lines = [item.question]
    lines += [f"({LETTERS[i]}) {text}" for i, text in enumerate(item.choices)]
    hint = KINDS[item.kind]
    return "\n".join([*lines, hint.format(precision=item.precision) if item.kind == "float" else hint])


def judge_text(judge: JudgeFunction, item: Item, response: str | None) -> Verdict:
    """Judges a response; a blank or missing one is wrong.

    Of a response longer than MAX_READ characters, only the beginning and the end are read, where answers stand.
    """
    text = re.sub(r"[^\S\n]+", " ", response or "").strip()
    if len(text) > MAX_READ:
        text = f"{text[:1000]}\n{text[1000 - MAX_READ :]}"
    return judge(item, text) if text else Verdict(None, False)


def judge_all(items: Sequence[Item], responses: Mapping[str, str], judge: JudgeFunction) -> dict[str, Verdict]:
    """Judges the responses to all items; returns verdicts by key."""
    return {item.key: judge_text(judge, item, responses.get(item.key)) for item in items}


def count_right(right: int, count: int) -> dict[str, Any]:
    """Returns accuracy, right answers and count, as score files have them; the accuracy of no items is None."""
    return {"accuracy": right / count if count else None, "right": right, "count": count}


def score_accuracy(items: Sequence[Item], responses: Mapping[str, str], judge: JudgeFunction) -> dict[str, Any]:
    """Scores all items, and each group of them.

    Returns accuracy, right and count, overall and in `groups`; missing: items without a response; no_answer: items with
    a response that gives no answer, or none.
    """
    verdicts = judge_all(items, responses, judge)
    right: dict[str, dict[str, list[bool]]] = {}
    for item in items:
        for name, groups in {"kind": (item.kind,), **item.groups}.items():
            for group in groups:
                right.setdefault(name, {}).setdefault(group, []).append(verdicts[item.key].right)
    return {
        **count_right(sum(v.right for v in verdicts.values()), len(items)),
        "missing": sum(item.key not in responses for item in items),
        "no_answer": sum(v.parsed is None for v in verdicts.values()),
        "groups": {
            name: {group: count_right(sum(rights), len(rights)) for group, rights in sorted(groups.items())}
            for name, groups in right.items()
        },
    }


# ---- reading ---------------------------------------------------------------------------------------------------------


def find_file(root: Path, names: Sequence[str], where_to_get: str) -> Path:
    """Returns the first of the files that exists in the folder. Raises UserError, which says where to get the data."""
    for name in names:
        if (root / name).is_file():
            return root / name
    raise UserError(f"{root} has no {' or '.join(names)}: {where_to_get}")


def check_rows(value: Any, where: str) -> list[tuple[str, dict]]:
    """Returns (place, row) of a JSON list of objects, or an object of objects. Raises UserError where it is neither."""
    if isinstance(value, list):
        named = [(f"{where} row {i}", row) for i, row in enumerate(value)]
    elif isinstance(value, dict):
        named = [(f"{where} row '{str(key)[:50]}'", row) for key, row in value.items()]
    else:
        raise UserError(f"{where} is neither a list nor an object of rows: fetch the file again")
    for place, row in named:
        if not isinstance(row, dict):
            raise UserError(f"{place} is not an object: fetch the file again")
    return named


def read_rows(path: Path) -> list[tuple[str, dict]]:
    """Reads (place, row) of a JSON file."""
    return check_rows(files.parse_json(files.read_bytes(path, "fetch it again"), str(path)), str(path))


def get_text(row: Mapping[str, Any], key: str, where: str) -> str:
    """Returns a text of a row. Raises UserError where it is missing, blank, or no text."""
    return files.require_text(row.get(key), where, key)


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
