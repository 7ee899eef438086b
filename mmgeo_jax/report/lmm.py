"""A run of train-lmm as one page: scores by type and difficulty, and problems with picture, solution and reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_gen.records import tfrecords
from data_gen.records.schema import LETTERS, Family
from data_gen.shared import own_json
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.evals.lmm import GROUPS
from mmgeo_jax.report import parts

SHOWN = 30  # problems of each verdict
METRIC_CHARTS = (("Loss", r"loss$", None), ("Share of right tokens", r"accuracy$", (0.0, 1.0)))
TIMING_CHARTS = (("Tokens per second", r"^tokens_per_s$", None),)
TITLES = {"given": "Where the given values stand", "steps": "By number of steps", "type": "By type of problem"}


class SolvedProblem(NamedTuple):
    """A problem as shown; facts: what is known of it; choices: (letter, text, "good", "bad" or "")."""

    family: Family
    answer: Mapping[str, Any]
    facts: tuple[str, str]
    choices: list[tuple[str, str, str]]


def write_report(run_dir: str | Path) -> Path:
    """Writes report.html of an evaluated run; returns its path. Raises UserError if a file is missing or unfit."""
    run = Path(run_dir)
    results = own_json.read(run / "eval.json", "eval.json of lmm")
    config = configs.read_whole_config(run)
    try:
        charts = parts.curves(parts.read_lines(run / "metrics.jsonl"), METRIC_CHARTS)
        charts += parts.curves(parts.read_lines(run / "timing.jsonl"), TIMING_CHARTS)
        tables = [(title, _scores(results["scores"].get(name, {}))) for name, title in TITLES.items()]
        answers = own_json.read_lines(run / "answers.jsonl")
        return parts.write(
            run, "lmm.html.jinja", results=results, config=configs.to_json(config), charts=charts, tables=tables,
            count=len(answers),
            problems=_problems(answers, config.data.dir),
        )  # fmt: skip
    except parts.NOT_FITTING as fault:
        raise UserError(f"{run / 'eval.json'} does not fit ({fault!r}): evaluate again with --force") from None


def _scores(groups: Mapping[str, dict[str, Any]]) -> list[parts.Score]:
    return [
        parts.score(group.capitalize(), entry, more=[str(entry["right"]), str(entry["count"])], value="accuracy")
        for group, entry in groups.items()
    ]


def _problems(answers: Sequence[Mapping[str, Any]], folder: str) -> list[tuple[str, int, list[SolvedProblem]]]:
    """Returns (verdict, how many problems have it, some of them spread evenly over the test set), wrong ones first."""
    try:
        source = tfrecords.RecordSource(folder, "test")
        families = {family.key: family for family in (source[row] for row in range(len(source)))}
    except UserError as fault:
        raise UserError(f"the problems of the report need the data of the run: {fault}") from None
    sections = []
    for right, verdict in (False, "Wrong"), (True, "Right"):
        group = [answer for answer in answers if answer["right"] is right]
        shown = group[:: max(1, len(group) // SHOWN)][:SHOWN]
        problems = [_problem(families[answer["key"]], answer) for answer in shown if answer["key"] in families]
        sections.append((verdict, len(group), problems))
    return sections


def _problem(family: Family, answer: Mapping[str, Any]) -> SolvedProblem:
    question = family.question
    assert question is not None
    kind, steps, given = (GROUPS[name](question, family.difficulty) for name in ("type", "steps", "given"))
    marks = {question.answer: "good"} | ({} if answer["right"] else {answer["parsed"]: "bad"})
    choices = [(letter, text, marks.get(text, "")) for letter, text in zip(LETTERS, question.choices, strict=False)]
    return SolvedProblem(family, answer, (kind, f"{steps}, given {given}"), choices)
