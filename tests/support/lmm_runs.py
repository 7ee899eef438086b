"""A small data set of problems with random pictures, and a config of a small multimodal model that trains on it."""

from data_gen.records import tfrecords
from tests.support import fake_source

SIZE_PX = 32
CONFIG = """
from configs import lmm_tiny

def get_config():
    config = lmm_tiny.get_config()
    config.name, config.init_from = "run", ""
    config.data.update(size_px=32, max_tokens=100, samples_per_row=2)
    config.tokenizer.vocab_size = 512
    config.model.image.update(width=16, depth=2, heads=2, pool="mean", patch_budget=3)
    config.model.decoder.update(width=32, depth=2, heads=2, head_dim=16, hidden=48, unroll=2)
    config.train.update(global_batch=4, steps=9, log_every=1, eval_every=3, eval_families=6, checkpoint_every=4)
    config.eval.update(max_tokens=12, batch_size=4, samples=2)
    return config
"""


def family(split, i):
    """A problem whose numbers tell it from the others."""
    question = dict(
        question=f"Find x{i}.",
        choices=("10°", "20°", "30°", "40°"),
        answer=("10°", "20°", "30°", "40°")[i % 4],
        solution=f"1. x = {10 + 10 * (i % 4)}°.\nThe answer is \\boxed{{{10 + 10 * (i % 4)}°}}.",
        tags=("angle_sum", *(("picture",) if i % 2 else ())),
    )
    caption = f"{split} {i} {{}}"
    return fake_source.make(f"fake/{split}/{i}", i, n=1, c=1, size_px=SIZE_PX, caption=caption, question=question)


def write(folder, **counts):
    """A folder with config.py and data/, of so many problems a split."""
    (folder / "config.py").write_text(CONFIG)
    rows = {}
    for split, count in counts.items():
        path = folder / "data" / tfrecords.shard_name("fake", split, 0, 1)
        path.parent.mkdir(exist_ok=True)
        with tfrecords.ShardWriter(path, "x") as writer:
            for i in range(count):
                writer.write(family(split, i))
        index = tfrecords.read_index(path)
        rows[split] = [{"file": path.name, "families": count, "bytes": index["bytes"], "sha256": index["sha256"]}]
    tfrecords.write_manifest(
        folder / "data", {"name": "fake", "seed": 0, "spec": "", "fingerprint": "x", "versions": {}, "splits": rows}
    )
    return folder
