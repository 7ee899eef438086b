"""A run as one page: mmgeo report --run=runs/clip_tiny writes runs/clip_tiny/report.html.

The page needs no server and asks for nothing outside itself.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_gen.records import tfrecords
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.report import gallery, parts
from mmgeo_jax.report.charts import Mark
from mmgeo_jax.report.page import page

SHOWN = {"synthetic": 24, "real": 12}  # families in each gallery


class Row(NamedTuple):
    """A line of a table of scores: what it is, and the names of its controls in a section of eval.json."""

    name: str
    explains: str
    score: str
    untrained: str = ""
    blind: str = ""


ROWS = {
    "synthetic": (
        Row("Image Hit@1", "a caption finds its picture", "image_hit1", "untrained_image_hit1", "blind_image_hit1"),
        Row("Text Hit@1", "a picture finds its caption", "text_hit1", "untrained_text_hit1", "blind_text_hit1"),
        Row("Image Hit@1, anchors", "only the anchor's caption asks", "anchor_image_hit1"),
        Row("Text Hit@1, anchors", "only the anchor's picture asks", "anchor_text_hit1"),
        Row("Among 500 strangers", "an anchor's picture finds its caption", "random_hit1"),
    ),
    "real": (
        Row("Text Hit@1", "a picture finds its true caption", "text_hit1", "untrained_text_hit1", "blind_text_hit1"),
        Row("Among 500 strangers", "a picture finds its caption", "random_hit1"),
    ),
}
KINDS = {
    "order": "which letters stand where",
    "shape": "the kind of figure",
    "relation": "how parts lie to each other",
    "value": "printed lengths and angles",
}
PROBES = {
    "caption_set": "Captions as a set, trained",
    "caption_medoid": "Captions, nearest to the middle",
    "caption_farthest": "Captions, the odd one out",
    "picture_set": "Pictures as a set, trained",
    "picture_medoid": "Pictures, nearest to the middle",
    "picture_farthest": "Pictures, the odd one out",
    "caption_alone": "One caption: the anchor's or not?",
    "picture_alone": "One picture: the anchor or not?",
    "text_only_alone": "One caption: has it a picture?",
    "text_only_in_set": "The same, with all in sight",
}
BLIND = {
    "synthetic": "Scorers that see captions only, or pictures only. They give every query the same scores: with every "
    "sibling asking they are at chance by construction. These are anchors alone, which sit in the middle of their "
    "stars, and members one by one: where a leak shows.",
    "real": "Scorers that see the captions only and look for the true one: what they reach above chance is a leak.",
}
# Charts of metrics.jsonl and timing.jsonl: title, the keys that it draws, a fixed range of y.
METRIC_CHARTS = (
    ("Loss", r"(^|[/_])loss$", None),
    ("Hit@1 on validation families", r"hit1$", (0.0, 1.0)),
    ("By kind of edit", r"(order|shape|relation|value)$", (0.0, 1.0)),
)
TIMING_CHARTS = (("Images per second", r"^images_per_s$", None),)


def write_report(run_dir: str | Path) -> Path:
    """Write report.html of an evaluated run; return its path.

    Raises UserError where eval.json, the scores or the data of the run are missing or do not fit.
    """
    run = Path(run_dir)
    results = parts.read_json(run / "eval.json")
    config = parts.text(run / "config.json")
    metrics, timing = parts.read_lines(run / "metrics.jsonl"), parts.read_lines(run / "timing.jsonl")
    sections = {name: results[name] for name in ("synthetic", "real") if results.get(name)}
    if not sections:
        raise UserError(f"{run / 'eval.json'} holds no scores: delete it and evaluate again (make eval RUN={run})")
    try:
        body = [_head(run.name, results, sections), _training(metrics, timing, sections)]
        body += [_section(name, section) for name, section in sections.items()]
        body += [_gallery(run, name, json.loads(config)) for name in sections]
    except (KeyError, TypeError) as fault:
        raise UserError(f"{run / 'eval.json'} does not fit ({fault!r}): evaluate again with --force") from None
    body.append(parts.how(results, config))
    path = run / "report.html"
    with files.open_atomic(path) as file:
        file.write(page(f"{run.name}: report", "\n".join(body)).encode())
    return path


# ---------------------------------------------------------------- the parts of the page


def _head(name: str, results: dict, sections: dict) -> str:
    first = next(iter(sections.values()))
    tiles = [
        parts.tile(title, first[key], f"chance {parts.number(first['chance'])}")
        for title, key in (("Image Hit@1", "image_hit1"), ("Text Hit@1", "text_hit1"))
        if first[key] is not None
    ]
    kinds = {kind: score for kind, score in first["by_kind"].items() if score is not None}
    tiles += [parts.tile(kind.capitalize(), score, "chance .500") for kind, score in kinds.items()]
    return (
        f"<h1>{escape(name)}</h1><p class='soft'>{first['n']:,} unseen families, checkpoint of step "
        f"{results['checkpoint_step']:,}. A family is one diagram and its siblings, each of which differs in a seen "
        f"detail; Hit@1 is how often the right one of them scores strictly best.</p>"
        f'<div class="tiles">{"".join(tiles)}</div>'
    )


def _training(metrics: Sequence[dict], timing: Sequence[dict], sections: dict) -> str:
    chance = sections["synthetic"]["chance"] if "synthetic" in sections else None
    drawn = [parts.chart(metrics, chance, *chart) for chart in METRIC_CHARTS]
    drawn += [parts.chart(timing, None, *chart) for chart in TIMING_CHARTS]
    if not any(drawn):
        return ""
    return f'<h2>Training</h2><div class="charts">{"".join(drawn)}</div>'


def _section(name: str, section: dict) -> str:
    title, words = {
        "synthetic": (
            "Generated figures",
            "Every sibling of a family asks in turn, over the block of its pictures and their captions.",
        ),
        "real": (
            "Real exam figures",
            "Each picture has its captions ranked, of which one is true. There are no siblings.",
        ),
    }[name]
    return (
        f"<h2>{title}</h2><p>{words} Intervals are 95 %, a bootstrap over families; equal scores are a miss.</p>"
        f"{_scores_table(name, section)}{_kinds_table(section)}{_probes_table(name, section)}"
    )


def _scores_table(name: str, section: dict) -> str:
    lines = []
    for row in ROWS[name]:
        if (value := section[row.score]) is None:
            continue
        chance = section["details"]["chance"][row.score]
        controls = {"untrained": section.get(row.untrained), "blind": section.get(row.blind)}
        marks = [Mark("ours", value, "this model"), Mark("chance", chance, "chance")]
        marks += [Mark(kind, at, kind) for kind, at in controls.items() if at is not None]
        lines.append(parts.line(row.name, row.explains, value, section["intervals"][row.score], marks, chance,
                           *(parts.number(at) for at in controls.values())))  # fmt: skip
    legend = "".join(f'<span class="{kind}">{kind}</span>' for kind in ("chance", "untrained", "blind"))
    return (
        parts.table(("Hit@1", "", "", "chance", "untrained", "blind"), lines)
        + f'<div class="legend"><span>this model, with its interval</span>{legend}</div>'
    )


def _kinds_table(section: dict) -> str:
    sides = section["details"]["by_kind"]
    lines = [
        parts.line(
            kind.capitalize(),
            KINDS[kind],
            section["by_kind"][kind],
            section["intervals"]["by_kind"][kind],
            [Mark("ours", section["by_kind"][kind], "this model"), Mark("chance", 0.5, "chance")],
            0.5,
            *(parts.number(sides[side][kind]["score"]) for side in ("image", "text")),
        )  # fmt: skip
        for kind in KINDS
        if section["by_kind"].get(kind) is not None
    ]
    return parts.table(("Two alternatives, by kind of edit", "", "", "chance", "pictures", "captions"), lines)


def _probes_table(name: str, section: dict) -> str:
    """Scorers that see one side only, where a leak would show."""
    blind = section["details"]["blind"]
    probes = {key: groups["all"] for key, groups in blind["anchors_only"].items()} | blind["two_alternatives"]
    lines = [
        parts.line(
            PROBES.get(key, key),
            "",
            probe["score"],
            probe["interval"],
            [Mark("ours", probe["score"], "score"), Mark("chance", probe["chance"], "chance")],
            probe["chance"],
        )  # fmt: skip
        for key, probe in probes.items()
        if probe["score"] is not None
    ]
    return parts.table(("Blind: one side only", "", "", "chance", "", ""), lines) + f"<p class='note'>{BLIND[name]}</p>"


def _gallery(run: Path, name: str, config: dict) -> str:
    """Families spread evenly over the test set, those with most mistakes first."""
    folder, split = {"synthetic": ("dir", "test"), "real": ("real_dir", "val")}[name]
    try:
        with np.load(run / "scores.npz", allow_pickle=False) as saved:
            rows, scores, scale = saved[f"{name}_rows"], saved[f"{name}_scores"], float(saved["logit_scale"])
        source = tfrecords.RecordSource(config["data"][folder], split)
        chosen = np.unique(np.linspace(0, len(rows) - 1, SHOWN[name]).astype(int))
        families = [source[int(rows[k])] for k in chosen]
    except UserError as fault:
        raise UserError(f"the gallery needs the data of the run: {fault}") from None
    except (OSError, KeyError, ValueError, IndexError) as fault:
        raise UserError(f"{run / 'scores.npz'} does not fit the run ({fault}): evaluate again with --force") from None
    blocks = [scores[k, : len(f.images), : len(f.captions)] for k, f in zip(chosen, families, strict=True)]
    title = {"synthetic": "Generated families", "real": "Real exam figures, one by one"}[name]
    return (
        f"<h2>{title}</h2><p>{len(families)} of the test set, spread evenly over it, those with most mistakes first. "
        "Columns are pictures, rows captions. An outlined cell is true; shading is the share of the picture's softmax "
        'over the captions it ranks. <i class="good">✓</i> and <i class="bad">✗</i> mark what a picture chooses, '
        "and → which picture a caption chooses. Below a gap: captions without a picture.</p>"
        + gallery.cards(families, blocks, scale)
    )
