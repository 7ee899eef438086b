"""Writes a benchmark, or a data set's own problems, as a local task of lmms-eval.

OUT gets mmgeo_NAME.yaml, which names the functions below, and rows.jsonl, a question a line. Nothing is fetched. The
task's `accuracy` is that of `mmgeo benchmark`: the same rules judge each response, and the samples file of
`--log_samples` is read by `--responses=`. Of a data set, OUT also gets the problems with choices in the form of GeoQA
(test.json and images/), for `mmgeo benchmark --name=geoqa --root=OUT`.

--prompts: plain is the question with its choices, as runs of train-lmm are asked; ours and public are those of
`mmgeo benchmark --prompts=`.
"""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.records import tfrecords
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli, files
from data_gen.shared.errors import UserError
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.benchmarks.item import PROMPTS, Item
from mmgeo_jax.evals.lmm import HELD_OUT

EXAMPLE = """mmgeo lmms-task --data=data/problems_tiny --count=50 --out=tasks/problems
  mmgeo lmms-task --name=wemath --root=DIR --prompts=public --out=tasks/wemath"""
YAML = """task: mmgeo_{name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: generate_until
doc_to_visual: !function {module}.doc_to_visual
doc_to_text: prompt
doc_to_target: answer
process_results: !function {module}.process_results
generation_kwargs:
  until: []
  max_new_tokens: {length}
  temperature: 0
  do_sample: false
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
"""


# ---------------------------------------------------------------- what the task calls


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """Returns the pictures of a row."""
    from PIL import Image

    return [Image.open(path).convert("RGB") for path in _find_item(doc).pictures]


def process_results(doc: Mapping[str, Any], results: Sequence[str], full_docs: Any = None) -> dict[str, Any]:
    """Judges the response to a row. `key` is no metric, but identifies the row in the samples file, from which
    lmms-eval leaves out the row itself."""
    item = _find_item(doc)
    return {"accuracy": float(benchmarks.judge_response(doc["benchmark"], item, results[0]).right), "key": item.key}


def _find_item(doc: Mapping[str, Any]) -> Item:
    return _items(doc["benchmark"], doc["root"])[doc["key"]]


@functools.cache
def _items(name: str, root: str) -> dict[str, Item]:
    return {item.key: item for item in benchmarks.read_items(name, root)}


# ---------------------------------------------------------------- writing it


def write_task(name: str, benchmark: str, root: Path, out: Path, prompts: str = "plain", length: int = 128) -> int:
    """Writes the task mmgeo_NAME of a benchmark's data in `root`; returns how many questions it has. Those without
    their picture are left out. Raises UserError where none is left."""
    items = benchmarks.read_items(benchmark, root)
    shown = [item for item in items if all(path.is_file() for path in item.pictures)]
    if not shown:
        raise UserError(f"{root} has no picture of {benchmark}, as {items[0].pictures[0]}: fetch the pictures, too")
    write = PROMPTS.get(prompts, lambda item: lmm_data.format_prompt(item.question, item.choices))
    rows = [
        {"key": item.key, "prompt": write(item), "answer": item.answer, "benchmark": benchmark, "root": str(root)}
        for item in shown
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = out.resolve() / "rows.jsonl"
    _write(path, text)
    # a text of JSON is one of YAML, too
    yaml = YAML.format(name=name, rows=json.dumps(str(path)), module=__name__, length=length)
    _write(out / f"mmgeo_{name}.yaml", yaml)
    return len(shown)


def write_problems(data: Path, out: Path, count: int) -> int:
    """Writes the first `count` problems with choices of a data set's test split (or val, or train) in the form of
    GeoQA; returns how many there are. Raises UserError where there is none."""
    split = tfrecords.choose_split(data, HELD_OUT)
    families = RecordSource(data, split)
    chosen = (family for family in map(families.__getitem__, range(len(families))) if _is_choice(family.question))
    rows = []
    for number, family in enumerate(itertools.islice(chosen, count)):
        problem, image = family.question, f"images/{number}.png"
        assert problem
        _write(out / image, family.images[0])
        kind = {"type": problem.kind} if problem.kind else {}
        label = problem.choices.index(problem.answer)
        rows.append(
            {"id": family.key, "question": problem.question, "choices": problem.choices, "label": label, "image": image}
            | kind
        )
    if not rows:
        raise UserError(f"{data} has no problem with choices in '{split}': make one from configs/data_problems_tiny.py")
    _write(out / "test.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return len(rows)


def _is_choice(problem: Any) -> bool:
    return problem is not None and problem.answer in problem.choices


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.open_atomic(path) as file:
        file.write(content.encode(errors="replace") if isinstance(content, str) else content)


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("lmms-task", __doc__, EXAMPLE)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--name", choices=list(benchmarks.BENCHMARKS), help="a public benchmark, with --root")
    what.add_argument("--data", metavar="DIR", help="a data set of ours with problems")
    parser.add_argument("--root", metavar="DIR", help="the folder of the benchmark's data")
    parser.add_argument("--count", type=int, default=200, help="most problems of a data set (default: 200)")
    parser.add_argument(
        "--prompts", choices=["plain", *PROMPTS], default="plain", help="what is asked (default: plain)"
    )
    parser.add_argument("--length", type=int, default=128, help="most tokens of an answer (default: 128)")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the task goes")
    options = parser.parse_args(arguments)
    if options.name and not options.root:
        parser.error("--name needs --root")
    if options.count < 1 or options.length < 1:
        raise UserError(f"--count={options.count} and --length={options.length} must be at least 1")
    out, name, root = Path(options.out).expanduser(), options.name, options.root
    if options.data:
        write_problems(Path(options.data), out, options.count)
        root = out
    folder = Path(root).expanduser().resolve()
    task = name or "problems"
    count = write_task(task, name or "geoqa", folder, out, options.prompts, options.length)
    print(f"{count} questions; lmms-eval --include_path {out} --tasks mmgeo_{task} ...")
    return 0
