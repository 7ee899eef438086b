"""MM-Math: open problems of middle school with a worked solution whose answer stands in \\boxed{}.

Source of the rules: the paper "MM-MATH: Advancing Multimodal Math Evaluation with Process Evaluation and Fine-grained
Classification" (Sun et al., 2024) and github kge-sun/MM-Math (eval.py; its --ground_soluation and --model_soluation are
read under other names, so that it scores everything 0: here the comparison is made).

- The answers are what stands in \\boxed{}, all boxes together; a response without a box is wrong.
- Units (cm, m, and their squares), degrees, dollars and spaces are taken off. Parts are split at commas outside of
  brackets, a \\pm counts as two parts; the parts of both sides must pair off, in any order.
- Two parts are equal as texts, or if their values differ by at most 1e-2 (times 1.01); of an equation with a number on
  its right side, that counts. Plain decimals are also equal if one is the other as a percentage (0.5 and 50), as the
  script has it. Formulas in letters, equations, intervals and sets are compared with SymPy there, and here by
  math-verify, whose SymPy parser and rules are wider (`equality`).
- Three differences: units that both sides name must measure the same (8 cm is not 8 m), a percent sign in the answer
  alone counts (60 is not 60 %), and answers in words are compared before their Chinese is taken off.
- Over all, by difficulty, grade and knowledge. The grading of the process, by GPT-4V, is left out.

The authors ask for an answer in \\boxed{} and have published no prompt with their scorer: the prompt is ours.

Data: MM_Math.jsonl of Hugging Face THU-KEG/MM_Math (question, file_name, solution, year, difficult, knowledge), with
the pictures of MM_Math.zip in images/. The key of a question is the number of its line, from 0.
"""

import json
import re
from pathlib import Path
from typing import Any

from data_gen.records.boxed import boxed_texts
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import rows
from mmgeo_jax.evals.benchmarks.item import Item, Verdict
from mmgeo_jax.evals.benchmarks.reading import cleaning, equality, expressions

WHERE = "MM-Math is at Hugging Face THU-KEG/MM_Math: MM_Math.jsonl, and the pictures of MM_Math.zip in images/"
DIFFICULTIES = {"容易": "easy", "普通": "medium", "困难": "hard"} | {name: name for name in ("easy", "medium", "hard")}
GRADES = {"七年级": "seven", "八年级": "eight", "九年级": "nine"} | {name: name for name in ("seven", "eight", "nine")}
KNOWLEDGE = ("Transformations of Shapes", "Properties of Shapes", "Functions")
SIGNS = ("\\left", "\\right", "^\\circ", "^{\\circ}", "°", "$", "\\%", "厘米")


def read_items(root: Path) -> list[Item]:
    """Reads the problems. Raises UserError where the file is missing, or a row is broken."""
    path = rows.find_file(root, ("MM_Math.jsonl",), WHERE)
    lines = files.json_lines(path, WHERE)
    return rows.check_distinct([_item(root, row, where, i) for i, (where, row) in enumerate(lines)], str(path))


def _item(root: Path, row: Any, where: str, number: int) -> Item:
    if not isinstance(row, dict):
        raise UserError(f"{where} is not an object: fetch the file again")
    difficulty = DIFFICULTIES.get(str(row.get("difficult")).strip().lower())
    if difficulty is None:
        raise UserError(f"{where}: 'difficult' is {str(row.get('difficult'))[:50]!r}, not one of {list(DIFFICULTIES)}")
    year, knowledge = str(row.get("year")).lower(), json.dumps(row.get("knowledge"), ensure_ascii=False)
    folder = files.resolve_inside(root, "images", where)
    return Item(
        key=str(number),
        question=rows.get_text(row, "question", where),
        answer=join_boxes(rows.get_text(row, "solution", where)),
        kind="open",
        pictures=(files.resolve_inside(folder, rows.get_text(row, "file_name", where), where),),
        groups={
            "difficulty": (difficulty,),
            "grade": tuple({grade for name, grade in GRADES.items() if name in year}),
            "knowledge": tuple(name for name in KNOWLEDGE if name in knowledge),
        },
    )


def join_boxes(text: str) -> str:
    r"""Joins what stands in the \boxed{} of a text, with commas; "" where there is none."""
    return ",".join(box for box in boxed_texts(text) if box)


def split_parts(boxed: str) -> list[str]:
    """Splits an answer at commas outside of brackets; a part with \\pm becomes two."""
    text = re.sub(r"\\[,;:! ]", "", boxed).replace("，", ",").replace("（", "(").replace("）", ")")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))(?![^(\[]*[)\]])", "", text)  # the comma of a thousand
    found, depth, start = [], 0, 0
    for i, sign in enumerate(text + ","):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(sign, 0)
        if i == len(text) or sign == "," and depth <= 0:
            part = text[start:i].strip().strip("$").strip()
            found += [part.replace("\\pm", "+"), part.replace("\\pm", "-")] if "\\pm" in part else [part]
            start = i + 1
    return [part for part in found if part.strip(" .。;；")]


def strip_units(part: str) -> str:
    """Removes units, degrees, dollar signs and spaces from a part, as a text to compare."""
    part = expressions.WRAPPED.sub(r"\1", part)
    for sign in SIGNS:
        part = part.replace(sign, "")
    part = re.sub(r"\s+|[\u4e00-\u9fff]+(?=.)|(?<=.)[\u4e00-\u9fff]+", "", part)
    part = re.sub(r"(?<=[\d})i])(?:[cdmk]?m)(?:\^\{?[23]\}?|²|³)?$", "", part)
    return part.strip("\n.,:;^_=+`!@#%&*~。")


def parts_equal(reference: str, part: str) -> bool:
    """Returns whether two parts are equal by the rules above: as they stand, or without units and signs."""
    if equality.normalize_text(reference) == equality.normalize_text(part):
        return True
    known = equality.values_equal(reference, part)
    bare = [strip_units(text) for text in (reference, part)]
    if known is None and all(bare):
        known = equality.answers_equal(*bare)
    return bool(known)


def judge_response(item: Item, response: str) -> Verdict:
    """Judges a response by the rules above."""
    boxed = join_boxes(cleaning.clean(response))
    if not boxed:
        return Verdict(None, False)
    # References made elsewhere, for another harness, may still stand in their boxes.
    expected, given = split_parts(join_boxes(item.answer) or item.answer), split_parts(boxed)
    right = len(expected) == len(given) > 0
    for part in expected if right else ():
        match = next((each for each in given if parts_equal(part, each)), None)
        if match is None:
            right = False
            break
        given.remove(match)
    return Verdict(boxed, right)
