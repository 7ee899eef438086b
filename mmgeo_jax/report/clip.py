"""A run as one page: mmgeo report --run=runs/clip_tiny writes runs/clip_tiny/report.html.

The page needs no server and asks for nothing outside itself.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from data_gen.records import tfrecords
from data_gen.shared import files, own_json
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.report import gallery, parts
from mmgeo_jax.report.charts import Mark
from mmgeo_jax.report.parts import Score, number

SHOWN = {"synthetic": 24, "real": 12}  # families in each gallery
FOLDERS = {"synthetic": ("dir", "test"), "real": ("real_dir", "val")}  # of the config's data; their usual split


# test set -> (what a row of its table is, what that means, its name in a section of eval.json)
HIT1_ROWS = {
    "synthetic": (
        ("Image Hit@1", "a caption finds its picture", "image_hit1"),
        ("Text Hit@1", "a picture finds its caption", "text_hit1"),
        ("Image Hit@1, anchors", "only the anchor's caption asks", "anchor_image_hit1"),
        ("Text Hit@1, anchors", "only the anchor's picture asks", "anchor_text_hit1"),
        ("Among 500 random negatives", "an anchor's picture finds its caption", "random_hit1"),
    ),
    "real": (
        ("Text Hit@1", "a picture finds its true caption", "text_hit1"),
        ("Among 500 random negatives", "a picture finds its caption", "random_hit1"),
    ),
}
AXES = {
    "order": "which letters stand where",
    "shape": "the kind of figure",
    "relation": "how parts relate to each other",
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
    "text_only_alone": "One caption: does it have a picture?",
    "text_only_in_set": "The same, with all captions in view",
}
# Charts of metrics.jsonl and timing.jsonl: title, the keys that it draws, a fixed range of y.
METRIC_CHARTS = (
    ("Loss", r"(^|[/_])loss$", None),
    ("Hit@1 on validation families", r"hit1$", (0.0, 1.0)),
    ("By kind of edit", r"(order|shape|relation|value)$", (0.0, 1.0)),
)
TIMING_CHARTS = (("Images per second", r"^images_per_s$", None),)


def write_report(run_dir: str | Path) -> Path:
    """Writes report.html of an evaluated run; returns its path. Raises UserError if a file is missing or unfit."""
    run = Path(run_dir)
    results, config = own_json.read(run / "eval.json"), configs.read_whole_config(run)
    sections = {name: results[name] for name in FOLDERS if results.get(name)}
    if not sections:
        raise UserError(f"{run / 'eval.json'} holds no scores: delete it and evaluate again (make eval RUN={run})")
    try:
        chance = sections["synthetic"]["chance"] if "synthetic" in sections else None
        charts = parts.curves(parts.read_lines(run / "metrics.jsonl"), METRIC_CHARTS, chance)
        charts += parts.curves(parts.read_lines(run / "timing.jsonl"), TIMING_CHARTS)
        return parts.write(
            run, "clip.html.jinja", results=results, config=configs.to_json(config),
            first=next(iter(sections.values())), charts=charts,
            sections=[(name, *_tables(name, section)) for name, section in sections.items()],
            galleries=[(name, _gallery(run, name, config.data, sections[name])) for name in sections],
        )  # fmt: skip
    except parts.NOT_FITTING as fault:
        raise UserError(f"{run / 'eval.json'} does not fit ({fault!r}): evaluate again with --force") from None


def _tables(name: str, section: dict[str, Any]) -> tuple[list[Score], list[Score], list[Score]]:
    """Returns the rows of a section: Hit@1, two alternatives by axis of edit, and probes that see one side only."""
    hits = [_hit1(section, *row) for row in HIT1_ROWS[name] if section[row[-1]] is not None]
    axes = _axes(section)
    if other := section.get("likelihood"):
        rows = [(f"{title}, by likelihood", explains, key) for title, explains, key in HIT1_ROWS[name]]
        hits += [_hit1(other, *row) for row in rows if other[row[-1]] is not None]
        axes += _axes(other, ", by likelihood")
    leaks = section["details"]["leaks"]
    probes = {key: groups["all"] for key, groups in leaks["anchors_only"].items()} | leaks["pairwise"]
    one_sided = [
        parts.score(PROBES.get(key, key), probe, of="score")
        for key, probe in probes.items()
        if probe["score"] is not None
    ]
    return hits, axes, one_sided


def _axes(section: dict[str, Any], by: str = "") -> list[Score]:
    sides, axes = section["details"]["by_kind"], []
    for axis, explains in AXES.items():
        if (value := section["by_kind"].get(axis)) is not None:
            entry = {"score": value, "interval": section["intervals"]["by_kind"][axis], "chance": 0.5}
            more = [number(sides[side][axis]["score"]) for side in ("image", "text")]
            axes.append(parts.score(axis.capitalize() + by, entry, explains, more))
    return axes


def _hit1(section: dict[str, Any], title: str, explains: str, name: str) -> Score:
    """Returns a row of the table, with the scores of its controls where it has some."""
    chance = section["details"]["chance"][name]
    entry = {"score": section[name], "interval": section["intervals"][name], "chance": chance}
    controls = {kind: section.get(f"{kind}_{name}") for kind in ("untrained", "unimodal")}
    score = parts.score(title, entry, explains, [number(value) for value in controls.values()])
    marks = [Mark(kind, value, kind) for kind, value in controls.items() if value is not None]
    return score._replace(marks=[*score.marks, *marks])


def _gallery(run: Path, name: str, data: ConfigDict, section: dict[str, Any]) -> list[gallery.FamilyCard]:
    """Returns families spread evenly over the split that was scored, those with most mistakes first."""
    folder, usual = FOLDERS[name]
    split = section.get("split", usual)
    try:
        saved = files.read_npz(run / "scores.npz", (f"{name}_rows", f"{name}_scores", "logit_scale"))
        rows, scores, scale = *saved[:2], float(saved[2])
        source = tfrecords.RecordSource(data[folder], split)
        chosen = np.unique(np.linspace(0, len(rows) - 1, SHOWN[name]).astype(int))
        families = [source[int(rows[k])] for k in chosen]
    except UserError as fault:
        raise UserError(f"the gallery needs the data of the run: {fault}") from None
    except (OSError, ValueError, TypeError, IndexError) as fault:
        raise UserError(f"{run / 'scores.npz'} does not fit the run ({fault}): evaluate again with --force") from None
    blocks = [scores[k, : len(f.images), : len(f.captions)] for k, f in zip(chosen, families, strict=True)]
    return gallery.cards(families, blocks, scale)
