"""Own data to the end: few rows of JSONL or conversations to scores, report and export."""

import json

import numpy as np
import pytest
from ml_collections import ConfigDict

from data_gen.build import shards
from mmgeo_jax import load
from mmgeo_jax.checkpoints import export
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.train import clip as train_clip
from mmgeo_jax.train import lmm as train_lmm
from tests.mmgeo_jax.inference.test_encoder import published
from tests.mmgeo_jax.train.test_train import CONFIG
from tests.support import fake_source, lmm_runs
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


# A SigLIP of the sizes of `published`, from whose folder a run starts.
PUBLISHED = """
from configs import clip_b16

def get_config():
    config = clip_b16.get_config()
    config.init_parts, config.tokenizer.vocab_size = "image|text", 103
    config.data.update(max_images=1, max_captions=2, max_tokens=20, size_px=16)
    config.model.image.update(patch_px=8, width=24, depth=1, heads=3)
    config.model.text.update(width=16, depth=1, heads=2)
    config.model.embed = 24
    config.train.update(global_batch=4, micro_batches=1, log_every=1)
    return config
"""


def train(folder, name, *more):
    settings = ["name=" + name, f"workdir={folder}/runs", f"data.dir={folder}/data", "train.steps=2"]
    settings += ["train.eval_every=1", "train.checkpoint_every=2", *more]
    return train_clip.main([f"--config={folder}/config.py", *(f"--config.{each}" for each in settings)])


@pytest.mark.parametrize("form", FORMS)
def test_from_rows_to_report(form, tmp_path, monkeypatch):
    monkeypatch.setattr("mmgeo_jax.evals.probes.CAPTION_STEPS", 2)
    pictures(tmp_path, [f"p{n}.png" for n in range(40)])
    write_jsonl(tmp_path, FORMS[form])
    start = published(tmp_path / "siglip", "siglip")[0] if form == "three" else None
    (tmp_path / "config.py").write_text(PUBLISHED if start else CONFIG)
    made = ["--spec=configs/data_jsonl.py", f"--out={tmp_path}/data", f"--spec.root={tmp_path}", "--workers=1"]
    assert shards.main(made) == 0
    assert train(tmp_path, "own", *([f"init_from={start}", f"tokenizer.file={start}"] if start else [])) == 0
    run = tmp_path / "runs" / "own"
    scores = json.loads((run / "eval.json").read_text())["synthetic"]
    assert scores["split"] == ("train" if form == "few" else "test")
    assert np.isfinite(scores["text_hit1"]) and (scores["image_hit1"] is None) == (form != "pictures")
    assert (run / "report.html").is_file()
    if start:
        assert export.main([f"--run={run}", f"--out={tmp_path}/out"]) == 0
        pixels, texts = [np.zeros((9, 9), np.uint8)], ["PQ = 3."]
        for embedded in ("embed_images", pixels), ("embed_texts", texts):
            ours, theirs = (getattr(load(path), embedded[0])(embedded[1]) for path in (run, tmp_path / "out"))
            np.testing.assert_allclose(ours, theirs, atol=0.02)  # the run computes in bfloat16


@pytest.mark.parametrize("count", [3, 40])
def test_from_conversations_to_report(count, tmp_path, capfd):
    asked = [
        {"from": "human", "value": "<image>\nFind x.\nA. 30°\nB. 55°"},
        {"from": "gpt", "value": "Halve it.\n答案是B"},
    ]
    names = [f"p{n}.png" for n in range(count)]
    pictures(tmp_path, names)
    (tmp_path / "own.json").write_text(json.dumps([{"image": name, "conversations": asked} for name in names]))
    (tmp_path / "config.py").write_text(lmm_runs.CONFIG)
    assert shards.main(["--spec=configs/data_conversations.py", f"--out={tmp_path}/data", f"--spec.root={tmp_path}",
                        "--spec.file=own.json", "--workers=1"]) == 0  # fmt: skip
    settings = ["name=own", f"workdir={tmp_path}/runs", f"data.dir={tmp_path}/data", "train.steps=1", "eval.samples=1"]
    assert train_lmm.main([f"--config={tmp_path}/config.py", *(f"--config.{each}" for each in settings)]) == 0
    run = tmp_path / "runs" / "own"
    answers = [json.loads(line) for line in (run / "answers.jsonl").read_text().splitlines()]
    assert {each["answer"] for each in answers} == {"55°"}
    assert json.loads((run / "eval.json").read_text())["scores"]["all"]["all"]["count"] == len(answers) >= count // 20
    assert (run / "report.html").is_file()


def test_a_description_is_learned_and_not_scored():
    question = {"question": "What is drawn?", "choices": (), "answer": "", "solution": "Two circles.", "tags": ()}
    family = fake_source.make(question=question)
    data = ConfigDict({"show_choices_prob": 1.0, "worked_solution_prob": 0.0})
    sample = lmm_data.sample_problem(family, np.random.default_rng(0), data)
    assert sample.answer == "Two circles." and sample.question == "What is drawn?"
