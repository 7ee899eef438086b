"""VisOnlyQA: what a figure shows, without any reasoning; its geometry, in real and in synthetic figures.

Source of the rules: the paper "VisOnlyQA: Large Vision Language Models Still Struggle with Visual Perception of
Geometric Information" (Kamoi et al., 2024) and github psunlpgroup/VisOnlyQA (src/evaluation/evaluation.py).

- An option that a response has in brackets, "(b)", and no other one, is its answer; else an option that it has at all,
  and no other one. The public script asks GPT-4o where neither is so; here `answers.find_choice` reads the response.
  One difference: a letter counts where it is all that is said, not inside words ("cannot" has an a).
- Scores are the accuracy of each task, over all. Triangles, quadrilaterals and diameters are true or false and asked
  of each figure in both ways, so a `figures` score counts the figures of which every such question is right.
- The letters of some tasks are uneven: `majority` is what the commonest answer of each task would score.

For an encoder alone (`--encoder`) each option is a caption: the question's first sentence, or what denies it, or with
the value of the option in the place of X.

Data: dataset/test of the repository: real/geometry__*.jsonl, synthetic/syntheticgeometry__*.jsonl and images/. The key
of a question is its id.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_gen.records.schema import LETTERS
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import rows
from mmgeo_jax.evals.benchmarks.item import Item, Verdict, count_right, judge_all, score_accuracy
from mmgeo_jax.evals.benchmarks.reading import answers

WHERE = "VisOnlyQA is at github psunlpgroup/VisOnlyQA: dataset/test, with real/, synthetic/ and images/"
TASKS = ("triangle", "quadrilateral", "length", "angle", "area", "diameter_radius")
FOLDERS = {"real": "geometry", "synthetic": "syntheticgeometry"}  # folder -> first word of its files
TRUE_FALSE = ("True", "False")
OPTIONS = LETTERS.lower()
# What denies a sentence: the first row whose words it has.
DENIALS = ((" is no ", " is a "), (" is not a ", " is a "), ("There is a ", "There is no "), (" is a ", " is not a "))


def read_items(root: Path) -> list[Item]:
    """Reads the questions of the files that are there. Raises UserError where there is none, or a row is broken."""
    items = []
    for folder, word in FOLDERS.items():
        for task in TASKS:
            path = root / folder / f"{word}__{task}.jsonl"
            if path.is_file():
                lines = files.json_lines(files.resolve_inside(root, str(path.relative_to(root)), str(root)), WHERE)
                items += [_item(root, row, where, f"{folder} {task.partition('_')[0]}") for where, row in lines]
    if not items:
        raise UserError(f"{root} has no real/geometry__triangle.jsonl or another of its files: {WHERE}")
    return rows.check_distinct(items, str(root))


def _item(root: Path, row: Any, where: str, task: str) -> Item:
    if not isinstance(row, dict):
        raise UserError(f"{where} is not an object: fetch the file again")
    question = rows.get_text(row, "question", where)
    options = files.require_texts(row.get("response_options"), where, "response_options")
    answer = rows.get_label(row, "answer", where, options) if row.get("answer") not in (None, "") else ""
    text, choices = split_options(question, options)
    picture = rows.get_text(row, "image_path", where)
    return Item(
        key=rows.get_text(row, "id", where),
        question=text,
        answer=dict(zip(options, choices, strict=True)).get(answer, ""),
        kind="choice",
        choices=choices,
        pictures=(files.resolve_inside(root, picture, where),),
        public_prompt=rows.get_text(row, "prompt_no_reasoning", where),
        captions=write_captions(text, choices),
        groups={"task": (task,), **({"figure": (f"{task} {picture}",)} if options == TRUE_FALSE else {})},
    )


def split_options(question: str, options: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Splits "... (a) 1 (b) 0.5" into the question and the texts of its options; True and False are texts."""
    if tuple(options) == TRUE_FALSE:
        return question.strip(), TRUE_FALSE
    texts, rest = [], question
    for option in reversed(options):
        rest, found, text = rest.rpartition(f"({option})")
        if not found:
            return question.strip(), tuple(options)
        texts.append(text.strip())
    return rest.strip(), tuple(reversed(texts))


def write_captions(question: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Writes each option as a caption."""
    sentence = re.split(r"(?<=[.?])\s", question, maxsplit=1)[0]
    if tuple(choices) == TRUE_FALSE:
        denied = next((sentence.replace(a, b, 1) for a, b in DENIALS if a in sentence), f"It is false that {sentence}")
        return sentence, denied
    return tuple(re.sub(r"\bX\b", choice, sentence) for choice in choices)


def judge_response(item: Item, response: str) -> Verdict:
    """Judges a response by the rules above."""
    words = item.choices == TRUE_FALSE
    options = TRUE_FALSE if words else tuple(OPTIONS[: len(item.choices)])
    said = response if words else response.strip(" .:*")
    bracketed = [i for i, option in enumerate(options) if f"({option})" in response]
    plain = [i for i, option in enumerate(options) if (option in said if words else option == said)]
    for found in (bracketed, plain):
        if len(found) == 1:
            return _verdict(item, found[0])
    return _verdict(item, answers.find_choice(response, item.choices))


def _verdict(item: Item, choice: int | None) -> Verdict:
    return (
        Verdict(None, False) if choice is None else Verdict(item.choices[choice], item.choices[choice] == item.answer)
    )


def score_responses(items: Sequence[Item], responses: Mapping[str, str]) -> dict[str, Any]:
    """Scores responses by key, as above."""
    verdicts = judge_all(items, responses, judge_response)
    plain = [replace(item, groups={"task": item.groups["task"]}) for item in items]
    scores = score_accuracy(plain, responses, judge_response)
    figures: dict[str, dict[str, list[bool]]] = {}
    majority: dict[str, Counter[str]] = {}
    for item in items:
        (task,) = item.groups["task"]
        majority.setdefault(task, Counter())[_option(item)] += 1
        for figure in item.groups.get("figure", ()):
            figures.setdefault(task, {}).setdefault(figure, []).append(verdicts[item.key].right)
    scores["figures"] = {
        task: count_right(sum(map(all, rights.values())), len(rights)) for task, rights in sorted(figures.items())
    }
    scores["majority"] = {task: max(counts.values()) / counts.total() for task, counts in sorted(majority.items())}
    return scores


def _option(item: Item) -> str:
    """Returns the letter, or the word, of the right answer."""
    if item.choices == TRUE_FALSE or item.answer not in item.choices:
        return item.answer
    return OPTIONS[item.choices.index(item.answer)]
