"""An item of a benchmark, its prompt, the verdict on a response, and how verdicts are counted."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from data_gen.records.schema import LETTERS
from mmgeo_jax.evals.benchmarks.reading import cleaning

MAX_READ = 6_000  # characters of a response
MAX_THOUGHT = 100_000  # characters in which tags of thinking are looked for: the first opens it, the last closes it
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

    key: identifies it in a file of responses. answer: the reference; of a choice its text (in We-Math its letter); ""
    where the data set keeps it back. kind: a key of KINDS. precision: decimal places of a float. pictures: files inside
    the data set's folder, which may be missing. public_prompt: what its authors ask, to the letter; "" where they have
    not published it. captions: each choice as a caption, for encoders, where the benchmark is of perception. groups:
    for each way of grouping (skill, difficulty), the item's groups.
    """

    key: str
    question: str
    answer: str
    kind: str
    choices: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    precision: int | None = None
    public_prompt: str = ""
    captions: tuple[str, ...] = ()
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


def format_public_prompt(item: Item) -> str:
    """Returns the benchmark's own prompt, or ours where it has none."""
    return item.public_prompt or format_prompt(item)


PROMPTS = {"ours": format_prompt, "public": format_public_prompt}  # name -> what a model is asked


def judge_text(judge: JudgeFunction, item: Item, response: str | None) -> Verdict:
    """Judges a response; a blank or missing one is wrong, and so is any to a question without a reference. Of a
    response longer than MAX_READ characters, only the beginning and the end are read, where answers stand."""
    text = _shorten(cleaning.take_out_thinking(_shorten(response or "", MAX_THOUGHT)), MAX_READ)
    text = re.sub(r"[^\S\n]+", " ", text).strip()
    return judge(item, text) if text and item.answer else Verdict(None, False)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:1000]}\n{text[1000 - most :]}"


def judge_all(items: Sequence[Item], responses: Mapping[str, str], judge: JudgeFunction) -> dict[str, Verdict]:
    """Judges the responses to all items; returns verdicts by key."""
    return {item.key: judge_text(judge, item, responses.get(item.key)) for item in items}


def count_right(right: int, count: int) -> dict[str, Any]:
    """Returns accuracy, right answers and count, as score files have them; the accuracy of no items is None."""
    return {"accuracy": right / count if count else None, "right": right, "count": count}


def score_accuracy(items: Sequence[Item], responses: Mapping[str, str], judge: JudgeFunction) -> dict[str, Any]:
    """Scores all items, and each group of them. Returns accuracy, right and count, overall and in `groups`; missing:
    items without a response; no_reference: items whose answer the data set does not have;
    no_answer: items with a response that gives no answer, or none."""
    verdicts = judge_all(items, responses, judge)
    right: dict[str, dict[str, list[bool]]] = {}
    for item in items:
        for name, groups in {"kind": (item.kind,), **item.groups}.items():
            for group in groups:
                right.setdefault(name, {}).setdefault(group, []).append(verdicts[item.key].right)
    return {
        **count_right(sum(v.right for v in verdicts.values()), len(items)),
        "missing": sum(item.key not in responses for item in items),
        "no_reference": sum(not item.answer for item in items),
        "no_answer": sum(v.parsed is None for v in verdicts.values()),
        "groups": {
            name: {group: count_right(sum(rights), len(rights)) for group, rights in sorted(groups.items())}
            for name, groups in right.items()
        },
    }
