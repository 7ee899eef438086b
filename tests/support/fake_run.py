"""A trained run in small, for the tests of evaluation and report: untrained towers, a handful of families."""

import json
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from data_gen.records import tfrecords
from mmgeo_jax.checkpoints.manager import Trained
from mmgeo_jax.data import tokenizer
from mmgeo_jax.models import two_tower
from tests.support.fake_source import make

SIZE_PX, STEP = 16, 30
# What an author may write, and a page must not take for markup.
CAPTION = '{{}} of {}: AB < CD & <script>alert("∠ABC")</script>'


def make_run(folder: Path) -> tuple[Path, Trained]:
    """Data of both kinds and a run under `folder`; returns the run's folder and what its checkpoint would hold."""
    generated, real = folder / "generated", folder / "real"
    write_data(generated, {"train": 20, "test": 10}, n=4, c=6)
    write_data(real, {"train": 12, "val": 5}, n=1, c=5)
    proto = tokenizer.train_tokenizer([CAPTION.format(k).format(k) for k in range(20)], 512)
    model = two_tower.default_model_config()
    for tower in (model.image, model.text):
        tower.update(width=16, depth=1, heads=2)
    model.image.update(size_px=SIZE_PX, patch_px=8)
    model.text.length = 32
    model.embed = 16
    config = {
        "seed": 0,
        "data": {"dir": str(generated), "real_dir": str(real), "max_tokens": 32, "size_px": SIZE_PX},
        "model": model.to_dict(),
        "loss": {"name": "softmax"},
    }
    run = folder / "tiny <run>"
    run.mkdir()
    (run / "config.json").write_text(json.dumps(config))
    steps = [{"step": step, "loss": 3 / step, "val_image_hit1": step / 40} for step in range(1, STEP + 1)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    _, params = two_tower.init(ConfigDict(config["model"]), 1)
    return run, Trained(ConfigDict(config), tokenizer.Tokenizer(proto), params, STEP)


def write_data(folder: Path, splits: dict[str, int], n: int, c: int) -> None:
    """A data set of families with n pictures and c captions, of which the first n are true of one picture each."""
    folder.mkdir(exist_ok=True)
    rows: dict[str, list[dict]] = {}
    truth = np.eye(n, c, dtype=np.int8)
    for number, (split, families) in enumerate(splits.items()):
        path = folder / tfrecords.shard_name("fake", split, 0, 1)
        with tfrecords.ShardWriter(path, "fake") as writer:
            for k in range(families):
                key, caption = f"fake/{split}/{k}", CAPTION.format(k)
                edits = ((), *((("order",), ("shape",), ("relation",), ("value",))[j % 4] for j in range(c - 1)))
                writer.write(make(key, [number, k], n, c, SIZE_PX, caption, truth=truth, edits=edits, kinds=edits))
        index = tfrecords.read_index(path)
        rows[split] = [dict(file=path.name, families=families, bytes=index["bytes"], sha256=index["sha256"])]
    manifest = dict(name="fake", seed=0, spec={}, fingerprint="fake", versions={}, splits=rows)
    tfrecords.write_manifest(folder, manifest)
