"""Public benchmarks: readers of their files, scorers of responses, and one table of them.

    scores = benchmarks.run("wemath", "path/to/We-Math/data", answer, "runs/lmm/wemath.json")

`answer` takes a list of items and returns their responses; `item.prompt` is the text to ask. How each benchmark's
answers are read and counted stands in its module, with the source of the rules.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from data_gen.shared import files
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from mmgeo_jax.evals.benchmarks import formalgeo, geoqa, mathvista, mmmath, wemath
from mmgeo_jax.evals.benchmarks.item import Item, Judge, Verdict, verdict

__all__ = [
    "BENCHMARKS", "Benchmark", "Item", "Verdict", "judge", "prompt", "read", "run", "score", "score_file", "trivial",
]  # fmt: skip
BATCH = 32  # items that `answer` gets at once


class Benchmark(NamedTuple):
    """read(root) -> items, judge(item, response) -> verdict, score(items, responses) -> scores; where the data is."""

    read: Callable[[Path], list[Item]]
    judge: Judge
    score: Callable[[Sequence[Item], Mapping[str, str]], dict[str, Any]]
    where: str


BENCHMARKS: dict[str, Benchmark] = {
    module.__name__.rsplit(".", 1)[-1]: Benchmark(module.read, module.judge, module.score, module.WHERE)
    for module in (geoqa, mathvista, wemath, mmmath, formalgeo)
}


def read(name: str, root: str | Path) -> list[Item]:
    """The items of a benchmark. Raises UserError where the data is missing or broken, or there is no such benchmark."""
    with _faults():
        folder = Path(root)
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: {_row(name).where}")
        return _row(name).read(folder)


def judge(name: str, item: Item, response: str) -> Verdict:
    """What a response was taken to say, and whether it is right."""
    return verdict(_row(name).judge, item, response)


def score(name: str, items: Sequence[Item], responses: Mapping[str, str]) -> dict[str, Any]:
    """The scores of responses by key; items without one count as wrong, and are counted in `missing`."""
    with _faults():
        return {"benchmark": name, "items": len(items), **_row(name).score(items, responses)}


def run(
    name: str, root: str | Path, answer: Callable[[list[Item]], list[str]], out: str | Path, batch: int = BATCH
) -> dict[str, Any]:
    """Ask a model all items of a benchmark and write their scores to `out`; return them.

    `answer` gets up to `batch` items and returns a response for each. Beside eval.json lies eval_responses.jsonl, with
    what each was taken to say. Items whose picture is not there are left out (with all of their problem), and counted
    in `without_picture`. Raises UserError where the data is missing or broken, or no item has its picture.
    """
    everything = read(name, root)
    lacking = {_problem(item) for item in everything if not all(path.is_file() for path in item.pictures)}
    items = [item for item in everything if _problem(item) not in lacking]
    if not items:
        raise UserError(f"{root} has no picture of {name}, as {everything[0].pictures[0]}: {_row(name).where}")
    responses: dict[str, str] = {}
    with tqdm(total=len(items), desc=name, unit="question") as bar:
        for start in range(0, len(items), batch):
            some = items[start : start + batch]
            given = answer(some)
            if len(given) != len(some):
                raise ValueError(f"{len(given)} responses to {len(some)} items")
            responses |= {item.key: response for item, response in zip(some, given, strict=True)}
            bar.update(len(some))
    scores = score(name, items, responses) | {"without_picture": len(everything) - len(items)}
    beside = Path(out).with_name(f"{Path(out).stem}_responses.jsonl")
    _write(beside, "".join(_line(name, item, responses[item.key]) for item in items))
    _write(Path(out), json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
    return scores


def score_file(name: str, root: str | Path, responses: str | Path, out: str | Path) -> dict[str, Any]:
    """Score given responses, a JSONL file of {"key": ..., "response": ...}, and write the scores to `out`.

    Lines whose key the benchmark does not have are counted in `unknown`. Raises UserError where the data or the file is
    missing or broken, a key stands twice, or no key is one of the benchmark's.
    """
    items = read(name, root)
    with _faults():
        given = _responses(Path(responses))
    keys = {item.key for item in items}
    if not keys & set(given):
        raise UserError(f"{responses} has no key of {name}, which are such as '{items[0].key}'")
    scores = score(name, items, given) | {"unknown": len(set(given) - keys)}
    _write(Path(out), json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
    return scores


def trivial(items: Sequence[Item]) -> Callable[[list[Item]], list[str]]:
    """A model that sees nothing: the first choice, or the most frequent of all answers of the same kind."""
    answers: dict[str, Counter[str]] = {}
    for item in items:
        answers.setdefault(item.kind, Counter())[item.answer] += 1
    common = {kind: counts.most_common(1)[0][0] for kind, counts in answers.items()}
    return lambda some: ["A" if item.choices else f"\\boxed{{{common[item.kind]}}}" for item in some]


def _row(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        raise UserError(f"there is no benchmark '{name}', only {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def _problem(item: Item) -> str:
    """What an item belongs to, where questions are scored together."""
    return item.groups.get("problem", (item.key,))[0]


def _responses(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for where, row in files.json_lines(path, "give a JSONL file of responses"):
        key, response = (row.get("key"), row.get("response")) if isinstance(row, dict) else (None, None)
        if not isinstance(key, str | int) or isinstance(key, bool) or not isinstance(response, str | None):
            raise UserError(f'{where} is not {{"key": ..., "response": ...}} with a text or null as response')
        if str(key) in found:
            raise UserError(f"{where} has the key '{key}' again: leave one response for each question")
        found[str(key)] = response or ""
    return found


def _line(name: str, item: Item, response: str) -> str:
    said, right = judge(name, item, response)
    row = {"key": item.key, "response": response, "said": said, "answer": item.answer, "right": right}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(path) as file:
        file.write(text.encode(errors="replace"))


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Faults of the readers as faults of this package."""
    try:
        yield
    except UserError as fault:
        raise UserError(str(fault)) from None
