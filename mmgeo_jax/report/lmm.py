"""A run of train-lmm as one page: scores by type and difficulty, and problems with picture, solution and reference."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from data_gen.records import tfrecords
from data_gen.records.schema import Family
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.lmm import GROUPS
from mmgeo_jax.report import page, parts
from mmgeo_jax.report.charts import Mark

SHOWN = 30  # problems of each verdict
CHARTS = (
    ("Loss", r"loss$", None),
    ("Share of right tokens", r"accuracy$", (0.0, 1.0)),
)
TIMING = (("Tokens per second", r"^tokens_per_s$", None),)
TITLES = {"given": "Where the given values stand", "steps": "By number of steps", "type": "By type of problem"}


def write_report(run_dir: str | Path) -> Path:
    """Write report.html of an evaluated run; return its path.

    Raises UserError where eval.json, the answers or the data of the run are missing or do not fit.
    """
    run = Path(run_dir)
    results, config = parts.read_json(run / "eval.json"), parts.text(run / "config.json")
    try:
        body = [_head(run.name, results), _training(run)]
        body += [_table(title, results["scores"].get(name, {})) for name, title in TITLES.items()]
        answers = [json.loads(line) for line in parts.text(run / "answers.jsonl").splitlines()]
        body.append(_problems(answers, json.loads(config)["data"]["dir"]))
        body.append(parts.how(results, config))
    except (KeyError, TypeError, ValueError) as fault:
        raise UserError(f"{run / 'eval.json'} does not fit ({fault!r}): evaluate again with --force") from None
    path = run / "report.html"
    with files.open_atomic(path) as file:
        file.write(page.page(f"{run.name}: report", "\n".join(body)).encode())
    return path


def _head(name: str, results: Mapping[str, Any]) -> str:
    whole = results["scores"]["all"]["all"]
    tiles = [parts.tile("All problems", whole["accuracy"], f"chance {parts.number(whole['chance'])}")]
    tiles += [
        parts.tile(f"Given {group}", entry["accuracy"], f"chance {parts.number(entry['chance'])}")
        for group, entry in results["scores"].get("given", {}).items()
    ]
    unsaid = 100 * whole["no_answer"] / whole["count"]
    tiles.append(parts.tile("Tokens per second", round(results["tokens_per_s"]), "generated, over the whole batch"))
    return (
        f"<h1>{escape(name)}</h1><p class='soft'>{whole['count']:,} unseen problems, checkpoint of step "
        f"{results['checkpoint_step']:,}. The model writes solutions; the choice that most of them mean is compared "
        f"with the right one. Of {unsaid:.1f} % of the problems no solution comes to a choice; they count as wrong.</p>"
        f'<div class="tiles">{"".join(tiles)}</div>'
    )


def _training(run: Path) -> str:
    metrics, timing = (parts.read_lines(run / f"{name}.jsonl") for name in ("metrics", "timing"))
    drawn = [parts.chart(metrics, None, *chart) for chart in CHARTS]
    drawn += [parts.chart(timing, None, *chart) for chart in TIMING]
    return f'<h2>Training</h2><div class="charts">{"".join(drawn)}</div>' if any(drawn) else ""


def _table(title: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        parts.line(
            group.capitalize(), "", entry["accuracy"], entry["interval"],
            [Mark("ours", entry["accuracy"], "this model"), Mark("chance", entry["chance"], "chance")],
            entry["chance"], f"{entry['right']}", f"{entry['count']}",
        )
        for group, entry in groups.items()
    ]  # fmt: skip
    table = parts.table(("", "", "", "chance", "right", "of"), lines)
    return f"<h2>{title}</h2>{table}" if table else ""


def _problems(answers: Sequence[Mapping[str, Any]], folder: str) -> str:
    """Problems spread evenly over the test set, wrong ones first."""
    try:
        source = tfrecords.RecordSource(folder, "test")
        rows = range(len(source))
        families = {family.key: family for family in (source[row] for row in rows)}
    except UserError as fault:
        raise UserError(f"the problems of the report need the data of the run: {fault}") from None
    sections = []
    for right, title in (False, "Wrong"), (True, "Right"):
        some = [answer for answer in answers if answer["right"] is right]
        shown = some[:: max(1, len(some) // SHOWN)][:SHOWN]
        cards = "".join(_card(families[answer["key"]], answer) for answer in shown if answer["key"] in families)
        sections.append(f"<h2>{title}: {len(some):,} of {len(answers):,}</h2>{cards or '<p>None.</p>'}")
    return "".join(sections)


def _card(family: Family, answer: Mapping[str, Any]) -> str:
    asked = family.question
    assert asked is not None
    kind, steps, given = (GROUPS[name](asked, family.difficulty) for name in ("type", "steps", "given"))
    facts = f"<span>{escape(kind)}</span><span>{steps}, given {given}</span>"
    marks = {asked.answer: "good"} | ({} if answer["right"] else {answer["said"]: "bad"})
    choices = "".join(
        f'<li class="{marks.get(choice, "")}">({letter}) {escape(choice)}</li>'
        for letter, choice in zip("ABCDEFGH", asked.choices, strict=False)
    )
    verdict = '<i class="good">✓</i>' if answer["right"] else '<i class="bad">✗</i>'
    picture = b64encode(family.images[0]).decode()
    return (
        f'<article class="family problem"><header><h3>{verdict} {escape(family.key)}</h3>{facts}</header>'
        f'<div class="solved"><figure><img src="data:image/png;base64,{picture}" alt="the figure"></figure>'
        f'<div><p class="asked">{escape(asked.question)}</p><ul class="choices">{choices}</ul></div>'
        f"<div><h4>The model</h4><pre>{escape(answer['response']) or 'nothing'}</pre></div>"
        f"<div><h4>Reference</h4><pre>{escape(asked.solution)}</pre></div></div></article>"
    )
