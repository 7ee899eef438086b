"""MathVista: the questions of geometry (GEO) and algebra (ALG) skill, among them geometry problem solving (GPS).

Source of the rules: the paper "MathVista: Evaluating Mathematical Reasoning of Foundation Models in Visual Contexts"
(Lu et al., 2024) and github lupantech/MathVista (evaluation/extract_answer.py and calculate_score.py).

- A response that is a choice's text, an integer or a float is the answer as it stands. From others GPT-4 extracts the
  answer; here rules do (`answers`), so scores of long responses differ a little from the published ones.
- Choice: a letter in brackets, or a letter alone, means its choice; any other answer means the choice of the least
  Levenshtein distance, the first of equals. Right if its text equals the reference's. There GPT-4 has cut the answer
  short before; so here the distance decides only for words about as long as a choice, and a sentence is no answer.
- Integer: int(float(answer)), which cuts decimals off: 12.9 is 12. Float: rounded to the precision of the question.
  Both are compared as texts with the reference (which is rounded alike here). List: compared as a list of numbers.
- Over all, and by skill, task and kind. One difference: a blank response, a refusal, or one with two answers, is wrong;
  the public script takes the choice nearest to the empty text.

The public prompt is that of evaluation/build_query.py without examples, captions or recognised text. It has no hint
for floats of other than one or two decimal places (its script breaks there), and neither has this.

Data: data/testmini.json of the repository, an object {pid: row}, with images/ beside it.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.records.schema import LETTERS
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import rows
from mmgeo_jax.evals.benchmarks.item import Item, Verdict
from mmgeo_jax.evals.benchmarks.reading import answers, cleaning, expressions

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
HINTS = {
    "choice": "and provide the correct option letter, e.g., A, B, C, D, at the end.",
    "integer": "requiring an integer answer and provide the final value, e.g., 1, 2, 3, at the end.",
    "float1": "requiring a floating-point number with one decimal place and provide the final value, "
    "e.g., 1.2, 1.3, 1.4, at the end.",
    "float2": "requiring a floating-point number with two decimal places and provide the final value, "
    "e.g., 1.23, 1.34, 1.45, at the end.",
    "list": "requiring a Python list as an answer and provide the final list, "
    "e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end.",
}
MORE = 3  # how many characters longer than a choice an answer may be whose distance to the choices is measured


def read_items(root: Path) -> list[Item]:
    """Reads the questions of skills GEO and ALG and task GPS. Raises UserError where the file is missing or broken."""
    path = rows.find_file(root, FILES, WHERE)
    items = [_item(root, row, where) for where, row in rows.read_rows(path)]
    selected = [i for i in items if {"GEO", "ALG"} & set(i.groups["skill"]) or "GPS" in i.groups["task"]]
    return rows.check_distinct(selected, str(path))


def _item(root: Path, row: Mapping[str, Any], where: str) -> Item:
    kind = KINDS.get((str(row.get("question_type")), str(row.get("answer_type"))))
    if kind is None:
        raise UserError(f"{where}: question_type and answer_type are not those of MathVista: fetch the file again")
    choices = files.require_texts(row.get("choices"), where, "choices") if kind == "choice" else ()
    answer, precision, metadata = rows.get_answer(row, "answer", where), row.get("precision"), row.get("metadata")
    if kind == "choice" and (answer not in (*choices, "") or len(choices) > len(LETTERS)):
        raise UserError(f"{where}: the answer {answer[:50]!r} is none of its choices")
    if kind == "float" and (precision not in (0, 1, 2, 3, 4) or answer and expressions.parse_or_none(answer) is None):
        raise UserError(f"{where}: a float needs a number as 'answer' and a 'precision' of 0 to 4")
    if not isinstance(metadata, dict):
        raise UserError(f"{where} has no 'metadata': fetch the file again")
    unit = f" (Unit: {rows.get_text(row, 'unit', where)})" if row.get("unit") else ""
    question = rows.get_text(row, "question", where) + unit
    places = int(precision) if kind == "float" and precision is not None else None
    return Item(
        key=rows.get_text(row, "pid", where),
        question=question,
        answer=answer,
        kind=kind,
        choices=choices,
        pictures=(files.resolve_inside(root, rows.get_text(row, "image", where), where),),
        precision=places,
        public_prompt=format_public_prompt(question, choices, f"{kind}{places or ''}"),
        groups={
            "skill": tuple(
                SKILLS[rows.get_label({"skill": skill}, "skill", where, list(SKILLS))]
                for skill in files.require_texts(metadata.get("skills"), where, "skills")
            ),
            "task": (TASKS[rows.get_label(metadata, "task", where, list(TASKS))],),
        },
    )


def format_public_prompt(question: str, choices: Sequence[str], kind: str) -> str:
    """Formats the question as the authors ask it; `kind` is a key of HINTS, if there is a hint."""
    lettered = [f"({letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False)]
    lines = [f"Question: {question}", *(["Choices:", *lettered] if choices else [])]
    return "\n".join(
        [*lines, *([f"Hint: Please answer the question {HINTS[kind]}"] if kind in HINTS else []), "Solution:"]
    )


def extract_answer(item: Item, response: str) -> str | None:
    """Extracts the answer of a response, where the public script asks GPT-4: a choice as (A), the text of a number or
    list, the words of an unclear choice, or None."""
    if item.kind == "choice":
        found, words = answers.read_choice(response, item.choices)
        if found is not None:
            return f"({LETTERS[found]})"
        words = words.strip(" .。")
        return words if 0 < len(words) <= max(map(len, item.choices)) + MORE else None
    if item.kind == "list":
        lists = re.findall(r"\[[^\[\]]*\]", cleaning.clean(response))
        return lists[-1] if lists else None
    found_number = answers.find_number(response)
    return None if found_number is None else repr(found_number)


def normalize_answer(item: Item, extraction: str) -> str | None:
    """Converts an extracted answer to the form of the references, by the public rules; None where that fails."""
    if item.kind == "choice":
        bracketed = re.findall(r"\(([a-zA-Z])\)", extraction)
        name = bracketed[0].upper() if bracketed else extraction.strip()
        index = LETTERS.find(name) if len(name) == 1 else -1
        if 0 <= index < len(item.choices):
            return item.choices[index]
        return min(item.choices, key=lambda text: levenshtein(name, text))
    if item.kind == "list":
        numbers = [expressions.parse_or_none(part) for part in extraction.strip("[] ").split(",")]
        return None if None in numbers else json.dumps(numbers)
    number = expressions.parse_or_none(extraction) if "e" not in extraction else float(extraction)
    if number is None or not math.isfinite(number):
        return None
    return str(int(number)) if item.kind == "integer" else str(round(number, item.precision))


def levenshtein(a: str, b: str) -> int:
    """Computes the least number of insertions, deletions and changes of a character that turn a into b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def judge_response(item: Item, response: str) -> Verdict:
    """Judges a response by the rules above."""
    extraction = extract_answer(item, response)
    parsed = None if extraction is None else normalize_answer(item, extraction)
    reference = item.answer if item.kind in ("choice", "integer") else normalize_answer(item, item.answer)
    return Verdict(parsed, parsed is not None and parsed == reference)
