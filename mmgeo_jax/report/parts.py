"""What the reports of all runs are made of: tiles, tables with strips, charts over steps, and the files they read."""

import json
import re
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import Any

from data_gen.shared.errors import UserError
from mmgeo_jax.report import charts
from mmgeo_jax.report.charts import Mark, Series

COLOURS = ("c1", "c2", "c3", "c4", "quiet")


def tile(name: str, value: float, more: str) -> str:
    """A score, large."""
    return (
        f'<div class="tile"><div class="name">{escape(name)}</div><div class="big">{number(value)}</div>'
        f'<div class="more">{escape(more)}</div></div>'
    )


def line(name: str, explains: str, value: float, interval: Any, marks: list[Mark], chance: float, *more: str) -> str:
    """A row of a table of scores: name, strip with its interval, value, chance, and two more cells."""
    small = f"<small>{escape(explains)}</small>" if explains else ""
    cells = "".join(f"<td>{cell}</td>" for cell in (number(chance), *more, *("",) * (2 - len(more))))
    return (
        f'<tr><td>{escape(name)}{small}</td><td class="wide">{charts.strip(marks, interval)}</td>'
        f'<td><b>{number(value)}</b><span class="range">{range_of(interval)}</span></td>{cells}</tr>'
    )


def table(heads: Sequence[str], lines: Sequence[str]) -> str:
    """Rows of `line` under six heads; "" where there are none."""
    if not lines:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table class="scores">{body}</table></div>'


def chart(rows: Sequence[dict], chance: float | None, title: str, keys: str, y_range: Any) -> str:
    """A line over steps for each key that the pattern `keys` finds; "" where there is none. Hit@1 with its chance."""
    names = dict.fromkeys(
        key for row in rows for key, value in row.items() if re.search(keys, key) and is_number(value)
    )
    series = [
        Series(
            _series_name(name, names),
            [(row["step"], row[name]) for row in rows if is_number(row.get(name))],
            colour,
        )
        for name, colour in zip(names, COLOURS, strict=False)
    ]
    references = [("chance", chance)] if chance and "Hit@1" in title else []
    return charts.line_chart(title, series, "step", references, y_range)


def _series_name(name: str, others: Collection[str]) -> str:
    """As short as tells it from the others."""
    short = re.sub(r"^val_|_hit1$|_per_s$", "", name)
    return f"{short}, validation" if short != name and short in others else short


def how(results: dict, config: str) -> str:
    """How a run was evaluated, and its configuration."""
    run = {str(key).replace("_", " "): value for key, value in results.get("run", {}).items()}
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(str(value))}</dd>" for key, value in run.items())
    return (
        f"<h2>How it was run</h2><dl>{facts}</dl><details><summary>The configuration as run</summary>"
        f"<pre>{escape(config)}</pre></details>"
    )


# ---------------------------------------------------------------- reading, and words for numbers


def text(path: Path) -> str:
    """A file of a run. Raises UserError, which says what to do, where it is missing."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        step = (
            f"evaluate the run first (make eval RUN={path.parent})"
            if path.name == "eval.json"
            else "is it a run's folder?"
        )
        raise UserError(f"no {path.name} in {path.parent}: {step}") from None


def read_json(path: Path) -> dict:
    """A JSON object of a run."""
    try:
        value = json.loads(text(path))
        if isinstance(value, dict):
            return value
    except ValueError:
        pass
    raise UserError(f"{path} is not whole: delete it and evaluate again")


def read_lines(path: Path) -> list[dict]:
    """The rows of a file of JSON lines that have a step; none where there is no file."""
    if not path.exists():
        return []
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except ValueError:
        raise UserError(f"{path} has a line that is not JSON: was it edited?") from None
    return [row for row in rows if "step" in row]


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: float | None) -> str:
    """A score as .123, a count as 1,234; – for none."""
    if value is None:
        return "–"
    if isinstance(value, int) and value > 1:
        return f"{value:,}"
    return f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def range_of(interval: Sequence[float] | None) -> str:
    """An interval as words."""
    return f"{number(interval[0])} to {number(interval[1])}" if interval else ""
