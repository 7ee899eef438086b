"""FormalGeo7k's open problems: real exam problems whose answer is a number, such as 5*sqrt(3); those of `val`.

Source: github FormalGeo/FormalGeo, formalgeo7k v1. Its own solver compares symbols, and no public scorer takes free
responses. The rule here: the value of a response (`answers.find_number`: its last box, what follows "the answer is",
or the last number) may differ from the reference by at most 1e-2, as in MM-Math; angles are in degrees, as the
references are. Problems whose goal is no real number (a relation to prove) are left out. By level, that is the number
of theorems of the solution, and by what is asked for.

Data: problems/ and diagrams/ as published, whose `val` is FormalGeo's own (`sources.formalgeo.published`), or
val.jsonl, with diagrams/ beside it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_gen.shared import files
from data_gen.sources.formalgeo import published, reading
from mmgeo_jax.evals.benchmarks import rows
from mmgeo_jax.evals.benchmarks.item import Item, Verdict
from mmgeo_jax.evals.benchmarks.reading import answers, expressions

WHERE = "FormalGeo7k is at github FormalGeo: problems/ and diagrams/, or val.jsonl, one problem a line, and diagrams/"
TOLERANCE = 1e-2 * 1.01
LEVELS = ((2, "1 to 2"), (4, "3 to 4"), (6, "5 to 6"))


def read_items(root: Path) -> list[Item]:
    """Reads the problems of `val` with a numeric answer. Raises UserError where the file is missing or a row broken."""
    path = root / "problems" if published.is_published(root) else rows.find_file(root, ("val.jsonl",), WHERE)
    problems = [p for p in reading.load(str(root), "val") if expressions.parse_or_none(p["problem_answer"]) is not None]
    return rows.check_distinct([_item(root, problem) for problem in problems], str(path))


def _item(root: Path, problem: Mapping[str, Any]) -> Item:
    where, level = f"problem {problem['problem_id']}", int(problem.get("problem_level", 0))
    asked = re.findall(r"[A-Z][A-Za-z]+(?=\()", str(problem.get("goal_cdl", "")))
    return Item(
        key=str(problem["problem_id"]),
        question=problem["problem_text_en"].strip(),
        answer=problem["problem_answer"],
        kind="open",
        pictures=(files.resolve_inside(files.resolve_inside(root, "diagrams", where), problem["problem_img"], where),),
        groups={
            "level": (next((name for most, name in LEVELS if level <= most), "7 and more"),),
            "asked": (asked[1] if len(asked) > 1 else "other",),
        },
    )


def judge_response(item: Item, response: str) -> Verdict:
    """Judges a response by the rules above."""
    number = answers.find_number(response)
    if number is None:
        return Verdict(None, False)
    if re.search(r"\d ?\\?[%％]", answers.find_final_words(response)):
        number /= 100  # 60 % is no 60
    return Verdict(f"{number:.6g}", abs(number - expressions.parse(item.answer)) <= TOLERANCE)
