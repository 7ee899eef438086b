"""Own data to the end: few rows of JSONL to scores and report."""

import json

import numpy as np
import pytest

from data_gen.build import shards
from mmgeo_jax.train import clip as train_clip
from tests.mmgeo_jax.train.test_train import CONFIG
from tests.support.foreign import pictures, write_jsonl


def row(n):
    return {"image": f"p{n}.png", "caption": f"PQ = {n + 3}."}


# name -> rows: one picture of three rows, three pictures, false captions alone, pictures as negatives
FORMS = {
    "few": [{"image": "p0.png", "caption": f"PQ = {n}.", "negatives": [f"PQ = {n + 50}."]} for n in range(3)],
    "three": [row(n) | {"negatives": [f"RS = {n}."]} for n in range(3)],
    "captions": [row(n) | {"negatives": [f"PQ = {n + 50}.", f"RS = {n + 3}."]} for n in range(40)],
    "pictures": [row(n) | {"negatives": [row((n + 1) % 40)]} for n in range(40)],
}


def train(folder, name):
    settings = ["name=" + name, f"workdir={folder}/runs", f"data.dir={folder}/data", "train.steps=2", "data.size_px=32"]
    settings += ["train.eval_every=1", "train.checkpoint_every=2", "data.max_tokens=16"]
    return train_clip.main([f"--config={folder}/config.py", *(f"--config.{each}" for each in settings)])


@pytest.mark.parametrize("form", FORMS)
def test_from_rows_to_report(form, tmp_path, monkeypatch):
    monkeypatch.setattr("mmgeo_jax.evals.probes.CAPTION_STEPS", 2)
    pictures(tmp_path, [f"p{n}.png" for n in range(40)])
    write_jsonl(tmp_path, FORMS[form])
    (tmp_path / "config.py").write_text(CONFIG)
    made = ["--spec=configs/data_jsonl.py", f"--out={tmp_path}/data", f"--spec.root={tmp_path}", "--workers=1"]
    assert shards.main(made) == 0
    assert train(tmp_path, "own") == 0
    run = tmp_path / "runs" / "own"
    scores = json.loads((run / "eval.json").read_text())["synthetic"]
    assert scores["split"] == ("train" if form == "few" else "test")
    assert np.isfinite(scores["text_hit1"]) and (scores["image_hit1"] is None) == (form != "pictures")
    assert (run / "report.html").is_file()
