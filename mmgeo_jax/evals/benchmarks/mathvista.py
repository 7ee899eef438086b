"""MathVista: the questions of geometry (GEO) and algebra (ALG) skill, among them geometry problem solving (GPS).

Source of the rules: the paper "MathVista: Evaluating Mathematical Reasoning of Foundation Models in Visual Contexts"
(Lu et al., 2024) and github lupantech/MathVista (evaluation/extract_answer.py and calculate_score.py).

- A response that is a choice's text, an integer or a float is the answer as it stands. From others GPT-4 extracts the
  answer; here rules do (`answers`), so scores of long responses differ a little from the published ones.
- Choice: a letter in brackets, or a letter alone, means its choice; any other answer means the choice of the least
  Levenshtein distance, the first of equals. Right if its text equals the reference's.
- Integer: int(float(answer)), which cuts decimals off: 12.9 is 12. Float: rounded to the precision of the question.
  Both are compared as texts with the reference (which is rounded alike here). List: compared as a list of numbers.
- Over all, and by skill, task and kind. One difference: a blank response, or one that names two letters, is wrong; the
  public script takes the choice nearest to the empty text.

Data: data/testmini.json of the repository, an object {pid: row}, with images/ beside it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.records.schema import LETTERS
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import answers, expressions
from mmgeo_jax.evals.benchmarks.item import Item, Verdict, accuracies, distinct, first_file, get, json_rows, label

FILES = ("testmini.json", "testmini_geo_alg.json")
WHERE = "MathVista is at github lupantech/MathVista: testmini.json from data/, and images/ unpacked beside it"
SKILLS = {
    "geometry reasoning": "GEO", "algebraic reasoning": "ALG", "arithmetic reasoning": "ARI",
    "logical reasoning": "LOG", "numeric commonsense": "NUM", "scientific reasoning": "SCI",
    "statistical reasoning": "STA",
}  # fmt: skip
TASKS = {
    "figure question answering": "FQA", "geometry problem solving": "GPS", "math word problem": "MWP",
    "textbook question answering": "TQA", "visual question answering": "VQA",
}  # fmt: skip
KINDS = {("multi_choice", "text"): "choice"} | {("free_form", kind): kind for kind in ("integer", "float", "list")}
MAX_COMPARED = 200  # characters of an answer whose distance to the choices is measured


def read(root: Path) -> list[Item]:
    """The questions of skill GEO or ALG, or task GPS. Raises UserError where the file is missing or a row broken."""
    path = first_file(root, FILES, WHERE)
    items = [_item(root, row, where) for where, row in json_rows(path)]
    wanted = [i for i in items if {"GEO", "ALG"} & set(i.groups["skill"]) or "GPS" in i.groups["task"]]
    return distinct(wanted, str(path))


def _item(root: Path, row: Mapping[str, Any], where: str) -> Item:
    kind = KINDS.get((str(row.get("question_type")), str(row.get("answer_type"))))
    if kind is None:
        raise UserError(f"{where}: question_type and answer_type are not those of MathVista: fetch the file again")
    choices = files.texts(row.get("choices"), where, "choices") if kind == "choice" else ()
    answer, precision, metadata = get(row, "answer", where), row.get("precision"), row.get("metadata")
    if kind == "choice" and (answer not in choices or len(choices) > len(LETTERS)):
        raise UserError(f"{where}: the answer {answer[:50]!r} is none of its choices")
    if kind == "float" and (precision not in (0, 1, 2, 3, 4) or expressions.read(answer) is None):
        raise UserError(f"{where}: a float needs a number as 'answer' and a 'precision' of 0 to 4")
    if not isinstance(metadata, dict):
        raise UserError(f"{where} has no 'metadata': fetch the file again")
    unit = f" (Unit: {get(row, 'unit', where)})" if row.get("unit") else ""
    return Item(
        key=get(row, "pid", where),
        question=get(row, "question", where) + unit,
        answer=answer,
        kind=kind,
        choices=choices,
        pictures=(files.inside(root, get(row, "image", where), where),),
        precision=int(precision) if kind == "float" and precision is not None else None,
        groups={
            "skill": tuple(
                SKILLS[label({"skill": skill}, "skill", where, list(SKILLS))]
                for skill in files.texts(metadata.get("skills"), where, "skills")
            ),
            "task": (TASKS[label(metadata, "task", where, list(TASKS))],),
        },
    )


def extract(item: Item, response: str) -> str | None:
    """The answer of a response, in place of GPT-4's: a choice in brackets as (A), the text of a number or list, other
    words for a choice that is not clear, or None."""
    if item.kind == "choice":
        found = answers.choice(response, item.choices)
        if found is not None:
            return f"({LETTERS[found]})"
        return None if answers.hedged(response) else answers.final(response) or None
    if item.kind == "list":
        lists = re.findall(r"\[[^\[\]]*\]", response)
        return lists[-1] if lists else None
    found_number = answers.number(response)
    return None if found_number is None else repr(found_number)


def normalise(item: Item, extraction: str) -> str | None:
    """The extracted answer in the form of the references, by the public rules; None where it cannot have it."""
    if item.kind == "choice":
        bracketed = re.findall(r"\(([a-zA-Z])\)", extraction)
        name = bracketed[0].upper() if bracketed else extraction.strip()
        index = LETTERS.find(name) if len(name) == 1 else -1
        if 0 <= index < len(item.choices):
            return item.choices[index]
        return min(item.choices, key=lambda text: levenshtein(name[:MAX_COMPARED], text))
    if item.kind == "list":
        numbers = [expressions.read(part) for part in extraction.strip("[] ").split(",")]
        return None if None in numbers else json.dumps(numbers)
    number = expressions.read(extraction) if "e" not in extraction else float(extraction)
    if number is None or not math.isfinite(number):
        return None
    return str(int(number)) if item.kind == "integer" else str(round(number, item.precision))


def levenshtein(a: str, b: str) -> int:
    """The least number of insertions, deletions and changes of a character that make b of a."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def judge(item: Item, response: str) -> Verdict:
    extraction = extract(item, response)
    said = None if extraction is None else normalise(item, extraction)
    reference = item.answer if item.kind in ("choice", "integer") else normalise(item, item.answer)
    return Verdict(said, said is not None and said == reference)


def score(items: Sequence[Item], responses: Mapping[str, str]) -> dict[str, Any]:
    return accuracies(items, responses, judge)
