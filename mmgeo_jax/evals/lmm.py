"""Scores a multimodal model on the problems of the test split: answers.jsonl and eval.json in the folder of its run.

`mmgeo eval` calls it. The model answers in its own words; the choice is parsed as for the public benchmarks
(benchmarks/reading/answers.py). Of several solutions (`eval.samples`, at `eval.temperature`) the most frequent answer
counts, leaving out those that give none (self-consistency; Wang et al., 2022).
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen.records import tfrecords
from data_gen.records.schema import Family, Question
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import images
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.data import preparation as preparations
from mmgeo_jax.evals import ranking, runs
from mmgeo_jax.evals.benchmarks.item import Verdict
from mmgeo_jax.evals.benchmarks.reading import answers, expressions
from mmgeo_jax.inference import chat
from mmgeo_jax.inference.sampling import Sampling

VERSION = 2  # of what is measured: a higher one makes old results stale
TOLERANCE = 1e-2
HELD_OUT = ("test", "val", "train")  # the first of them that has families
GREEDY = ConfigDict({"max_tokens": 128, "samples": 1, "temperature": 0.0, "batch_size": 16})  # of a published model
# name of a grouping -> (problem, number of steps) -> group
GROUPS: dict[str, Callable[[Question, int], str]] = {
    "given": lambda problem, steps: "in the picture" if problem.needs_picture else "in the text",
    "type": lambda problem, steps: (problem.kind or "other").replace("_", " "),
    "steps": lambda problem, steps: f"{steps} step" + "s" * (steps != 1),
}


def judge_response(problem: Question, response: str) -> Verdict:
    """Parses the answer of a response, a choice or a value, and tells whether it is right."""
    if problem.choices:
        index = answers.find_choice(response, problem.choices)
        if index is None:
            return Verdict(None, False)
        return Verdict(problem.choices[index], problem.choices[index] == problem.answer)
    number, value = answers.find_number(response), expressions.parse_or_none(problem.answer)
    if number is None:
        return Verdict(None, False)
    return Verdict(f"{number:.6g}", value is not None and abs(number - value) <= TOLERANCE)


def take_vote(problem: Question, responses: Sequence[str]) -> tuple[str, Verdict]:
    """Returns the first response with the most frequent answer, and its verdict; ties go to the earlier answer."""
    verdicts = [judge_response(problem, response) for response in responses]
    counts = Counter(verdict.parsed for verdict in verdicts if verdict.parsed is not None)
    if not counts:
        return responses[0], Verdict(None, False)
    winner = counts.most_common(1)[0][0]
    first = next(i for i, verdict in enumerate(verdicts) if verdict.parsed == winner)
    return responses[first], verdicts[first]


def evaluate_run(run_dir: str | Path, force: bool = False) -> dict[str, Any] | None:
    """Writes eval.json and answers.jsonl of a run; returns the contents of eval.json, or None without problems. Skips
    what was made from the same checkpoint and data, unless forced. Raises UserError where the run has no checkpoint, or
    its data is missing or broken."""
    run, started = Path(run_dir), time.perf_counter()
    trained = checkpoints.restore_run(run, "lmm")
    config = trained.config
    families = _read_problems(config.data.dir, config.eval.max_problems)
    if not families:
        return None
    data = {"problems": runs.fingerprint_data(config.data.dir), "count": len(families)}
    inputs = {"version": VERSION, "checkpoint_step": trained.step, "data": data}
    if finished := runs.load_finished(run, inputs, "answers.jsonl", force, "eval.json of lmm"):
        return finished
    return _evaluate(run, chat.solver_of(trained), families, config.eval, inputs, f"--run={run}", started)


def evaluate_checkpoint(
    solver: chat.Solver,
    source: str | Path,
    data_dir: str | Path,
    runs_dir: str | Path = "runs",
    preparation: str = preparations.OURS.name,
) -> tuple[dict[str, Any], Path]:
    """Scores any multimodal model, greedily, on the problems of a data set's test split, their pictures prepared as
    `data/preparation.py` has it. Returns the contents of eval.json and its folder, runs/eval_CHECKPOINT_DATA. Raises
    UserError where there are no problems to read."""
    started = time.perf_counter()
    families = _read_problems(data_dir, 0)
    if not families:
        raise UserError(f"{data_dir} has no problems with an answer in its test split")
    data = {"problems": runs.fingerprint_data(str(data_dir)), "count": len(families)}
    prepared = preparations.find(preparation, source, solver.size_px)
    told = {"name": prepared.name, "says": prepared.says}
    inputs = {"version": VERSION, "checkpoint": str(source), "data": data, "preparation": told}
    folder = runs.make_folder(source, data_dir, runs_dir, preparations.suffix(prepared))
    arguments = f"--checkpoint={source} --data {data_dir} --preparation={preparation}"
    return _evaluate(folder, solver, families, GREEDY, inputs, arguments, started, prepared.apply), folder


def _read_problems(data_dir: str | Path, limit: int) -> list[Family]:
    """Reads the families of a test split that have a problem with an answer, of the first `limit`; 0: of all. Data
    without a test split is read from val, or train."""
    source = RecordSource(data_dir, tfrecords.choose_split(data_dir, HELD_OUT))
    families = (source[row] for row in range(min(len(source), limit or len(source))))
    return [family for family in families if family.question and family.question.answer]


def _evaluate(
    folder: Path,
    solver: chat.Solver,
    families: Sequence[Family],
    settings: ConfigDict,
    inputs: dict[str, Any],
    arguments: str,
    started: float,
    prepare: images.Prepare = images.letterbox,
) -> dict[str, Any]:
    """Solves problems, takes a vote among the solutions of each, scores them and writes the results."""
    solutions, rate = solve_problems(solver, families, settings, prepare)
    voted = [take_vote(_question(family), texts) for family, texts in zip(families, solutions, strict=True)]
    responses, verdicts = [text for text, _ in voted], [verdict for _, verdict in voted]
    results = {"scores": score_groups(families, verdicts), "tokens_per_s": rate} | inputs
    results |= {"run": runs.describe_run(arguments, started)}
    _write_results(folder, families, responses, verdicts, results)
    return results


def solve_problems(
    solver: chat.Solver,
    families: Sequence[Family],
    settings: ConfigDict,
    prepare: images.Prepare = images.letterbox,
) -> tuple[list[list[str]], float]:
    """Samples solutions of each family's problem with its choices; returns texts by family, and tokens per second."""
    sampling, batch = Sampling(settings.max_tokens, settings.samples, settings.temperature), settings.batch_size
    prompts = [lmm_data.format_prompt(_question(family).question, _question(family).choices) for family in families]
    # Prompts of similar length go together; the solutions are in the order of the families.
    order = sorted(range(len(families)), key=lambda i: len(prompts[i]))
    solutions: dict[int, list[str]] = {}
    tokens, started = 0, 0.0
    with tqdm(total=len(families), desc="problems", unit="problem") as bar:
        for first in range(0, len(order), batch):
            chunk = order[first : first + batch]
            full = chunk + chunk[:1] * (batch - len(chunk))
            pictures = np.stack([images.decode_member(families[i], 0, solver.size_px, prepare) for i in full])
            texts = solver.answer(pictures, [prompts[i] for i in full], sampling)
            solutions |= dict(zip(chunk, texts, strict=False))
            if first:  # the first one compiles
                tokens += sum(len(ids) for each in texts[: len(chunk)] for ids in solver.tokenizer.ids(each))
            started = started or time.perf_counter()
            bar.update(len(chunk))
    seconds = time.perf_counter() - started
    return [solutions[i] for i in range(len(families))], tokens / seconds if tokens else 0.0


def score_groups(families: Sequence[Family], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Scores all problems, and each group of GROUPS: accuracy with interval, chance and counts."""
    rows = {"all": {"all": list(range(len(families)))}}
    for name, group in GROUPS.items():
        for i, family in enumerate(families):
            rows.setdefault(name, {}).setdefault(group(_question(family), family.difficulty), []).append(i)
    return {
        name: {group: _score(families, verdicts, members) for group, members in sorted(groups.items())}
        for name, groups in rows.items()
    }


def _score(families: Sequence[Family], verdicts: Sequence[Verdict], members: Sequence[int]) -> dict[str, Any]:
    right = np.array([verdicts[i].right for i in members], np.float64)
    counts = [len(_question(families[i]).choices) for i in members]
    chance = np.array([1 / count if count else 0.0 for count in counts])
    metric = ranking.RankingMetric(right, np.ones(len(right)), chance)
    return {
        "accuracy": metric.mean,
        "interval": metric.interval(),
        "chance": metric.mean_chance,
        "count": len(members),
        "right": int(right.sum()),
        "no_answer": sum(verdicts[i].parsed is None for i in members),
    }


def _question(family: Family) -> Question:
    assert family.question is not None
    return family.question


def _write_results(
    run: Path,
    families: Sequence[Family],
    responses: Sequence[str],
    verdicts: Sequence[Verdict],
    results: dict[str, Any],
) -> None:
    lines = []
    for family, response, (parsed, right) in zip(families, responses, verdicts, strict=True):
        asked = _question(family)
        line = {"key": family.key, "question": asked.question, "choices": asked.choices, "response": response}
        lines.append(json.dumps(line | {"parsed": parsed, "answer": asked.answer, "right": right}, ensure_ascii=False))
    with files.open_atomic(run / "answers.jsonl") as file:
        file.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))
    runs.write_results(run, results)


def summarize(results: dict[str, Any] | None) -> str:
    """Formats eval.json: accuracy of all problems, and by group."""
    if results is None:
        return "the data of the run has no problems with an answer: nothing is scored"
    scores = results["scores"]
    rows = {"all": scores["all"]["all"]} | scores.get("given", {}) | scores.get("steps", {})
    prepared = results.get("preparation")
    head = f"pictures prepared {preparations.describe(prepared)}\n" if prepared else ""
    return head + "\n".join(
        f"{name:16}{row['accuracy']:.3f} ({row['interval'][0]:.3f} to {row['interval'][1]:.3f}), "
        f"{row['right']} of {row['count']}, chance {row['chance']:.3f}"
        for name, row in rows.items()
    )
