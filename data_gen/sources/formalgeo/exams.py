"""FormalGeo7k as problems: each with its diagram, its text as an open question, its answer and its theorems.

Beside `formalgeo`, which makes hard negatives of the problems that give eight captions, every problem comes here. The
caption states what the diagram shows and prints; where our language cannot say it, it is the problem's text.
"""

import re
from dataclasses import replace
from functools import cache

from data_gen.language.captions import write_caption
from data_gen.language.fact import facts_to_json
from data_gen.records.schema import IN_PICTURE, Family, Question
from data_gen.shared.errors import UserError
from data_gen.sources.external.rows import PictureRow, clip, family_of
from data_gen.sources.formalgeo.published import corpus_of
from data_gen.sources.formalgeo.published import describe as describe_split
from data_gen.sources.formalgeo.reading import Root, load, read
from data_gen.sources.formalgeo.reading import content as reading_content
from data_gen.sources.formalgeo.source import located, question_of, without_missing_letters
from data_gen.truth.signatures import caption_signature, drawable


@cache
def _problems(root: Root, split: str) -> tuple[dict, ...]:
    """Returns the problems of a split that have a text. Raises UserError as `reading.load`."""
    return tuple(problem for problem in load(root, split) if problem["problem_text_en"].strip())


def content(spec) -> str:
    """Hashes the problems that families are made from."""
    return reading_content(corpus_of(spec))


def describe(spec) -> str:
    """Says how the problems are split, where the files do not."""
    return describe_split(corpus_of(spec))


def rows(spec, split: str) -> int:
    """Returns how many families a split has: its problems, or `spec.families[split]` where that is fewer."""
    return clip(range(len(_problems(corpus_of(spec), split))), spec.families[split]) if spec.families[split] else 0


def family(spec, split: str, index: int) -> Family:
    """Makes family `index` of a split: one picture, one caption and the question. Raises UserError where the picture is
    missing, unreadable or named outside the folder."""
    problem = _problems(corpus_of(spec), split)[index]
    path, where = located(spec.root, problem)
    reading = without_missing_letters(corpus_of(spec), problem, read(problem)[0])
    facts = [fact for fact in (*reading.shown, *reading.proven) if reading.lettered.issuperset(fact.args)]
    text = write_caption(facts) if facts else str(problem["problem_text_en"]).strip()
    row = PictureRow(where, path, text, question=open_question(problem))
    made = family_of(row, f"exams/{split}/{problem['problem_id']:06d}", "exams", int(spec.size_px))
    return replace(
        made,
        facts=(facts_to_json(facts),),
        caption_signatures=caption_signature(drawable(facts))[None],
        difficulty=int(problem.get("problem_level", 0)),
    )


def open_question(problem: dict) -> Question:
    """Returns the open question of a problem. Its kind is what is asked for ("measure_of_angle", "length_of_line"); it
    needs the picture where only that shows which points lie on one line or circle. Raises UserError where it has no
    text."""
    asked = question_of(problem)
    if asked is None:
        raise UserError(f"problem {problem['problem_id']} has no text")
    goal = re.match(r"Value\((\w+)\(", str(problem.get("goal_cdl", "")))
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", goal[1]).lower() if goal else "value"
    hidden = any(statement.startswith(("Collinear", "Cocircular")) for statement in problem["construction_cdl"])
    return replace(asked, tags=(kind, IN_PICTURE) if hidden else (kind,))
