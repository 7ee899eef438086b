"""Let a multimodal model solve the problems of the test split: answers.jsonl and eval.json in the folder of its run.

    mmgeo eval --run=runs/lmm_tiny

It answers in its own words; which choice they mean is read as the public benchmarks do it (benchmarks/answers.py). Of
several solutions (`eval.samples`, at `eval.temperature`) the answer is what most of them come to, those that come to
none of the choices left aside (self-consistency; Wang et al., 2022).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data_gen.records import tfrecords
from data_gen.records.schema import Family, Question
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import files
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import images
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.evals import ranking, runs
from mmgeo_jax.evals.benchmarks import answers, expressions
from mmgeo_jax.evals.benchmarks.item import Verdict
from mmgeo_jax.inference import chat
from mmgeo_jax.inference.sampling import Sampling

VERSION = 1  # of what is measured: a higher one makes old results stale
TOLERANCE = 1e-2
# How problems are grouped: name -> the group of a problem of so many steps
GROUPS = {
    "given": lambda asked, steps: "in the picture" if asked.needs_picture else "in the text",
    "type": lambda asked, steps: (asked.kind or "other").replace("_", " "),
    "steps": lambda asked, steps: f"{steps} step" + "s" * (steps != 1),
}


def judge(asked: Question, response: str) -> Verdict:
    """What a response was taken to say, and whether it is the answer: its choice, or its value where there are none."""
    if asked.choices:
        number = answers.choice(response, asked.choices)
        return Verdict(None, False) if number is None else Verdict(
            asked.choices[number], asked.choices[number] == asked.answer)  # fmt: skip
    said, value = answers.number(response), expressions.read(asked.answer)
    if said is None:
        return Verdict(None, False)
    return Verdict(f"{said:.6g}", value is not None and abs(said - value) <= TOLERANCE)


def vote(asked: Question, responses: Sequence[str]) -> tuple[str, Verdict]:
    """What most responses say, the first one to say it, and whether it is right. Of equals the one said first."""
    verdicts = [judge(asked, response) for response in responses]
    counts = Counter(verdict.said for verdict in verdicts if verdict.said is not None)
    if not counts:
        return responses[0], Verdict(None, False)
    first = next(number for number, verdict in enumerate(verdicts) if verdict.said == counts.most_common(1)[0][0])
    return responses[first], verdicts[first]


def evaluate_run(run_dir: str | Path, force: bool = False) -> dict[str, Any] | None:
    """Write eval.json and answers.jsonl of a run; return what eval.json holds; None where its data has no problems.

    Skips what is there for the same checkpoint and the same data, unless forced. Raises UserError where the run has no
    checkpoint, or its data is missing or broken.
    """
    run, started = Path(run_dir), time.perf_counter()
    trained = checkpoints.restore_run(run, "lmm")
    config = trained.config
    if not tfrecords.read_manifest(config.data.dir)["splits"].get("test"):
        return None
    source = RecordSource(config.data.dir, "test")
    count = min(len(source), config.eval.max_problems or len(source))
    families = [source[row] for row in range(count)]
    families = [family for family in families if family.question]
    if not families:
        return None
    made_of = {
        "version": VERSION,
        "checkpoint_step": trained.step,
        "data": {"problems": runs.fingerprint_data(config.data.dir), "count": len(families)},
    }
    if not force and (finished := runs.load_finished(run / "eval.json", made_of, [run / "answers.jsonl"])):
        print(f"{run / 'eval.json'} is there for the same step and data (ARGS=--force measures again)")
        return finished
    told, rate = solve_all(chat.solver_of(trained), families, config.eval)
    voted = [vote(_question(family), texts) for family, texts in zip(families, told, strict=True)]
    responses, verdicts = [text for text, _ in voted], [verdict for _, verdict in voted]
    results = {"scores": scores(families, verdicts), "tokens_per_s": rate} | made_of
    results["run"] = runs.describe_run(f"--run={run}", started)
    _write(run, families, responses, verdicts, results)
    return results


def solve_all(solver: chat.Solver, families: Sequence[Family], settings: Any) -> tuple[list[list[str]], float]:
    """The model's solutions of each family's problem, with its choices, and tokens per second over all."""
    sampling, batch = Sampling(settings.max_tokens, settings.samples, settings.temperature), settings.batch_size
    asked = [lmm_data.format_prompt(_question(family).question, _question(family).choices) for family in families]
    # Questions of a length together; the order of the answers is that of the families.
    order = sorted(range(len(families)), key=lambda number: len(asked[number]))
    found: dict[int, list[str]] = {}
    tokens, started = 0, 0.0
    with tqdm(total=len(families), desc="problems", unit="problem") as bar:
        for first in range(0, len(order), batch):
            numbers = order[first : first + batch]
            full = numbers + numbers[:1] * (batch - len(numbers))
            pictures = np.stack([images.decode_member(families[number], 0, solver.size_px) for number in full])
            told = solver.answer(pictures, [asked[number] for number in full], sampling)
            found |= dict(zip(numbers, told, strict=False))
            if first:  # the first one compiles
                tokens += sum(len(ids) for texts in told[: len(numbers)] for ids in solver.tokenizer.ids(texts))
            started = started or time.perf_counter()
            bar.update(len(numbers))
    seconds = time.perf_counter() - started
    return [found[number] for number in range(len(families))], tokens / seconds if tokens else 0.0


def scores(families: Sequence[Family], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Accuracy with interval, chance and counts: of all, and in each group of GROUPS."""
    rows = {"all": {"all": list(range(len(families)))}}
    for name, group in GROUPS.items():
        for number, family in enumerate(families):
            rows.setdefault(name, {}).setdefault(group(_question(family), family.difficulty), []).append(number)
    return {
        name: {group: _entry(families, verdicts, numbers) for group, numbers in sorted(groups.items())}
        for name, groups in rows.items()
    }


def _entry(families: Sequence[Family], verdicts: Sequence[Verdict], numbers: Sequence[int]) -> dict[str, Any]:
    right = np.array([verdicts[number].right for number in numbers], np.float64)
    counts = [len(_question(families[number]).choices) for number in numbers]
    chance = np.array([1 / count if count else 0.0 for count in counts])
    tally = ranking.RankingMetric(right, np.ones(len(right)), chance)
    unsaid = sum(verdicts[number].said is None for number in numbers)
    return {"accuracy": tally.mean, "interval": tally.interval(), "chance": tally.mean_chance, "count": len(numbers),
            "right": int(right.sum()), "no_answer": unsaid}  # fmt: skip


def _question(family: Family) -> Question:
    assert family.question is not None
    return family.question


def _write(
    run: Path,
    families: Sequence[Family],
    responses: Sequence[str],
    verdicts: Sequence[Verdict],
    results: dict[str, Any],
) -> None:
    lines = [
        {"key": family.key, "question": _question(family).question, "choices": _question(family).choices,
         "response": response, "said": said, "answer": _question(family).answer, "right": right}
        for family, response, (said, right) in zip(families, responses, verdicts, strict=True)
    ]  # fmt: skip
    with files.open_atomic(run / "answers.jsonl") as file:
        file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode(errors="replace"))
    with files.open_atomic(run / "eval.json") as file:
        file.write(json.dumps(results, indent=1, allow_nan=False).encode())


def summarize(results: dict[str, Any] | None) -> str:
    """Lines of accuracies."""
    if results is None:
        return "the data of the run has no problems to solve"
    found = results["scores"]
    rows = {"all": found["all"]["all"]} | found.get("given", {}) | found.get("steps", {})
    return "\n".join(
        f"{name:16}{entry['accuracy']:.3f} ({entry['interval'][0]:.3f} to {entry['interval'][1]:.3f}), "
        f"{entry['right']} of {entry['count']}, chance {entry['chance']:.3f}"
        for name, entry in rows.items()
    )
