"""Runs public benchmarks: the table of them, and what asks a model and scores its responses.

    scores = run_benchmark("wemath", "path/to/We-Math/data", answer, "runs/lmm/wemath.json")

`answer` takes a list of items and returns their responses; `item.format_prompt` is the text to ask. How each
benchmark's answers are read and counted stands in its module, with the source of the rules.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from mmgeo_jax.evals.benchmarks import formalgeo, geoqa, mathvista, mmmath, visonlyqa, wemath
from mmgeo_jax.evals.benchmarks import responses as reading
from mmgeo_jax.evals.benchmarks.item import Item, Verdict, judge_text, score_accuracy

BATCH = 32  # items that `answer` gets at once


MODULES = (geoqa, mathvista, wemath, mmmath, formalgeo, visonlyqa)
# name -> its module: read_items(folder), judge_response(item, response), WHERE the data is; and score_responses(items,
# responses), where a benchmark counts more than right answers
BENCHMARKS: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in MODULES}


def find_benchmark(name: str) -> ModuleType:
    """Looks up a row of BENCHMARKS. Raises UserError where there is none of that name."""
    if name not in BENCHMARKS:
        raise UserError(f"there is no benchmark '{name}': choose one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def read_items(name: str, root: str | Path) -> list[Item]:
    """Reads the items of a benchmark. Raises UserError where the data is missing or broken."""
    benchmark, folder = find_benchmark(name), Path(root)
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: {benchmark.WHERE}")
    return benchmark.read_items(folder)


def judge_response(name: str, item: Item, response: str) -> Verdict:
    """Parses the answer of a response, and tells whether it is right."""
    return judge_text(find_benchmark(name).judge_response, item, response)


def score_responses(name: str, items: Sequence[Item], responses: Mapping[str, str]) -> dict[str, Any]:
    """Scores responses by key; items without a response count as wrong, and are counted in `missing`."""
    module = find_benchmark(name)
    score = getattr(module, "score_responses", partial(score_accuracy, judge=module.judge_response))
    return {"benchmark": name, "items": len(items), **score(items, responses)}


def run_benchmark(
    name: str, root: str | Path, answer: Callable[[list[Item]], list[str]], out: str | Path, batch: int = BATCH
) -> dict[str, Any]:
    """Asks a model all items of a benchmark, writes the scores to `out`, and returns them.

    `answer` gets up to `batch` items and returns a response for each. Beside eval.json, eval_responses.jsonl holds the
    responses with the answers parsed from them. Items without a picture are left out, with all of their problem, and
    counted in `without_picture`. Raises UserError where the data is missing or broken, or no item has its picture.
    """
    everything = read_items(name, root)
    incomplete = {_problem(item) for item in everything if not all(path.is_file() for path in item.pictures)}
    items = [item for item in everything if _problem(item) not in incomplete]
    if not items:
        where = find_benchmark(name).WHERE
        raise UserError(f"{root} has no picture of {name}, as {everything[0].pictures[0]}: {where}")
    responses: dict[str, str] = {}
    with tqdm(total=len(items), desc=name, unit="question") as bar:
        for start in range(0, len(items), batch):
            chunk = items[start : start + batch]
            answers = answer(chunk)
            if len(answers) != len(chunk):
                raise ValueError(f"{len(answers)} responses to {len(chunk)} items")
            responses |= {item.key: response for item, response in zip(chunk, answers, strict=True)}
            bar.update(len(chunk))
    scores = score_responses(name, items, responses) | {"without_picture": len(everything) - len(items)}
    log = Path(out).with_name(f"{Path(out).stem}_responses.jsonl")
    _write(log, "".join(_format_line(name, item, responses[item.key]) for item in items))
    _write(Path(out), json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
    return scores


def score_file(name: str, root: str | Path, responses: str | Path, out: str | Path) -> dict[str, Any]:
    """Scores a file of responses (`responses.read`), writes the scores to `out`, and returns them; beside eval.json,
    eval_judged.jsonl says what each response was taken to say. Of several responses to a question the most frequent
    answer counts, and `samples` has the mean. Rows with a key that the benchmark does not have are counted in
    `unknown`. Raises UserError where the data or the file is missing or broken, a key is repeated, or no key is one of
    the benchmark's."""
    items = read_items(name, root)
    keys = {item.key for item in items}
    given = reading.read(Path(responses), keys)
    if not keys & set(given):
        raise UserError(f"{responses} has no key of {name}, which are such as '{items[0].key}'")
    judged = {
        item.key: [judge_response(name, item, text) for text in given[item.key]] for item in items if item.key in given
    }
    chosen = {key: given[key][reading.vote(given[key], verdicts)] for key, verdicts in judged.items()}
    scores = score_responses(name, items, chosen) | {"unknown": len(set(given) - keys)}
    if any(len(verdicts) > 1 for verdicts in judged.values()):
        scores["samples"] = reading.score_samples(list(judged.values()))
    log = Path(out).with_name(f"{Path(out).stem}_judged.jsonl")
    _write(log, "".join(_format_line(name, item, text) for item in items for text in given.get(item.key, ())))
    _write(Path(out), json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
    return scores


def make_baseline(items: Sequence[Item]) -> Callable[[list[Item]], list[str]]:
    """Returns a model that sees nothing: it answers the first choice, or the most frequent answer of the same kind."""
    answers: dict[str, Counter[str]] = {}
    for item in items:
        answers.setdefault(item.kind, Counter())[item.answer] += 1
    common = {kind: counts.most_common(1)[0][0] for kind, counts in answers.items()}
    return lambda chunk: ["A" if item.choices else f"\\boxed{{{common[item.kind]}}}" for item in chunk]


def _problem(item: Item) -> str:
    """Returns what an item belongs to, where questions are scored together."""
    return item.groups.get("problem", (item.key,))[0]


def _format_line(name: str, item: Item, response: str) -> str:
    parsed, right = judge_response(name, item, response)
    row = {"key": item.key, "response": response, "parsed": parsed, "answer": item.answer, "right": right}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(path) as file:
        file.write(text.encode(errors="replace"))
