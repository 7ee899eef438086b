"""What the reports of all runs share: their templates, a row of scores, curves over steps, and the files of a run."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, UndefinedError

from data_gen.shared import files, own_json
from data_gen.view import page
from mmgeo_jax.report import charts
from mmgeo_jax.report.charts import Chart, Mark, Series

COLOURS = ("c1", "c2", "c3", "c4", "quiet")
# What files of another version raise.
NOT_FITTING = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, UndefinedError)


class Score(NamedTuple):
    """A row of a table of scores: what it is, its value and interval, marks of a strip, and cells beside it."""

    name: str
    explains: str
    value: float
    interval: Sequence[float] | None
    marks: Sequence[Mark]
    chance: float
    more: Sequence[str] = ()


def score(
    name: str, entry: dict, explains: str = "", more: Sequence[str] = (), value: str = "score", of: str = "this model"
) -> Score:
    """Returns the row of an entry {value, "interval", "chance"} of eval.json: a score of `of` beside chance."""
    marks = [Mark("ours", entry[value], of), Mark("chance", entry["chance"], "chance")]
    return Score(name, explains, entry[value], entry["interval"], marks, entry["chance"], more)


def curves(rows: Sequence[dict], wanted: Sequence[tuple[str, str, Any]], chance: float | None = None) -> list[Chart]:
    """Returns a chart for each (title, pattern of keys, range of y) that finds a key; Hit@1 with its chance."""
    drawn = [_chart(rows, chance, *each) for each in wanted]
    return [chart for chart in drawn if chart]


def _chart(rows: Sequence[dict], chance: float | None, title: str, keys: str, y_range: Any) -> Chart | None:
    names = dict.fromkeys(
        key for row in rows for key, value in row.items() if re.search(keys, key) and is_number(value)
    )
    series = [
        Series(
            _series_name(name, names), [(row["step"], row[name]) for row in rows if is_number(row.get(name))], colour
        )
        for name, colour in zip(names, COLOURS, strict=False)
    ]
    references = [("chance", chance)] if chance and "Hit@1" in title else []
    return charts.line_chart(title, series, "step", references, y_range)


def _series_name(name: str, others: Collection[str]) -> str:
    """Returns the shortest name that tells a series from the others."""
    short = re.sub(r"^val_|_hit1$|_per_s$", "", name)
    return f"{short}, validation" if short != name and short in others else short


def write(run: Path, template: str, **values: Any) -> Path:
    """Writes report.html of a run from a template; returns its path."""
    path = run / "report.html"
    page_text = templates().get_template(template).render(title=f"{run.name}: report", name=run.name, **values)
    with files.open_atomic(path) as file:
        file.write(page_text.encode())
    return path


def templates() -> Environment:
    """Returns the templates of reports."""
    return page.templates("mmgeo_jax.report", number=number, interval=range_of, percent=lambda share: f"{share:.2%}")


def read_lines(path: Path) -> list[dict]:
    """Returns the rows of a log; none if there is no file."""
    return own_json.read_lines(path, "metrics.jsonl") if path.exists() else []


def is_number(value: Any) -> bool:
    """Returns whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: float | None) -> str:
    """Returns a score as .123, a count as 1,234; – for none."""
    if value is None:
        return "–"
    if isinstance(value, int) and value > 1:
        return f"{value:,}"
    return f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def range_of(interval: Sequence[float] | None) -> str:
    """Returns an interval as text."""
    return f"{number(interval[0])} to {number(interval[1])}" if interval else ""
