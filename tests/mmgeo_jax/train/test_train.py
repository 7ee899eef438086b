"""The training loop: the same run twice, killed and gone on, stopped, broken, refused."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from data_gen.records import tfrecords
from data_gen.shared import lock
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.evals import clip as clip_eval
from mmgeo_jax.inference import encoder
from mmgeo_jax.models import two_tower as two_tower_module
from mmgeo_jax.report import clip as clip_report
from mmgeo_jax.train import clip as train_clip
from mmgeo_jax.train import logging, loop, optim
from tests.mmgeo_jax.data.test_clip_batches import assert_equal
from tests.support import fake_source
from tests.support.paths import ROOT

STEPS, SAVED_EVERY = 9, 4
CONFIG = f"""
from configs import clip_tiny

def get_config():
    config = clip_tiny.get_config()
    config.name = "run"
    config.data.update(max_images=3, max_captions=4, max_tokens=16, size_px=32)
    for tower in config.model.image, config.model.text:
        tower.update(width=32, depth=1, heads=2, pool="mean")
    config.model.embed = 32
    config.model.image.patch_head = True
    config.model.captioner.update(width=32, depth=1, heads=2)
    config.loss.update(caption=0.5, dense=dict(characters=1.0, vertices=0.5))
    config.data.asked.update(place=0.5, gap=0.5)
    config.optim.restart = 0.8
    config.train.update(
        global_batch=4, steps={STEPS}, anchor_warmup=0.55, log_every=1, eval_every=3, eval_families=6,
        checkpoint_every={SAVED_EVERY}
    )
    return config
"""
# A process that trains as the command does, without evaluation, and kills itself at a place of its first argument.
PROCESS = """
import os, signal, sys, time
from pathlib import Path
from mmgeo_jax.distributed import mesh
from mmgeo_jax.train import clip as train_clip

place, run, *arguments = sys.argv[1:]
train_clip.finish = lambda run: None
put, rename, steps = mesh.shard_batch, os.rename, []  # two of the batches are for validation

def kill(number):
    os.kill(os.getpid(), number)

def counted(batch, devices):
    steps.append(1)
    if len(steps) == 2 + 6 and place == "in a line":
        while not (Path(run) / "checkpoints" / "4").exists():  # a thread writes it
            time.sleep(0.01)
        with (Path(run) / "metrics.jsonl").open("a") as file:
            file.write('{"step": 6, "lo')
        kill(signal.SIGKILL)
    if len(steps) == 2 + 3 and place == "by sigterm":
        kill(signal.SIGTERM)
    return put(batch, devices)

def renamed(source, target, **more):
    if place == "in a checkpoint" and str(target).endswith("/checkpoints/8"):
        kill(signal.SIGKILL)
    rename(source, target, **more)

mesh.shard_batch, os.rename = counted, renamed
sys.exit(train_clip.main(arguments))
"""


@pytest.fixture(scope="module", autouse=True)
def compiled_programs(tmp_path_factory):
    """A cache of compiled programs for all processes of all modules that train so, whichever worker runs them."""
    own = tmp_path_factory.getbasetemp()
    folder = str((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "xla")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    yield
    del os.environ["JAX_COMPILATION_CACHE_DIR"], os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"]
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def write_data(folder):
    """A data set in folder/data."""
    rows = {}
    for split, count in ("train", 10), ("val", 6):
        path = folder / "data" / tfrecords.shard_name("fake", split, 0, 1)
        path.parent.mkdir(exist_ok=True)
        with tfrecords.ShardWriter(path, "x") as writer:
            for i in range(count):
                writer.write(fake_source.make(f"fake/{split}/{i}", i, size_px=32, caption=f"{split} {i} {{}}"))
        index = tfrecords.read_index(path)
        rows[split] = [{"file": path.name, "families": count, "bytes": index["bytes"], "sha256": index["sha256"]}]
    tfrecords.write_manifest(
        folder / "data", {"name": "fake", "seed": 0, "spec": "", "fingerprint": "x", "versions": {}, "splits": rows}
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a config and a data set."""
    folder = tmp_path_factory.mktemp("train")
    (folder / "config.py").write_text(CONFIG)
    write_data(folder)
    return folder


def arguments(base, runs, *more):
    keys = {"data.dir": base / "data", "workdir": runs}
    return [f"--config={base / 'config.py'}", *(f"--config.{key}={value}" for key, value in keys.items()), *more]


@pytest.fixture
def finished(monkeypatch):
    """What was called at the end of a run."""
    calls = []
    monkeypatch.setattr(clip_eval, "evaluate_run", lambda run: calls.append("evaluate"))
    monkeypatch.setattr(clip_report, "write_report", lambda run: calls.append("report"))
    return calls


@pytest.fixture(scope="module")
def whole(base):
    """A run that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_eval, "evaluate_run", lambda run: None)
        patch.setattr(clip_report, "write_report", lambda run: None)
        assert train_clip.main(arguments(base, base / "whole")) == 0
    return base / "whole" / "run"


def process(base, runs, place):
    command = [sys.executable, "-c", PROCESS, place, str(runs / "run"), *arguments(base, runs)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def copy_of(whole, runs):
    """The finished run, as if started with another `runs`."""
    return Path(shutil.copytree(whole, runs / "run"))


# ---------------------------------------------------------------- the same, bit for bit


def test_metrics_say_what_was_computed(whole):
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    trained, validated = [x for x in lines if "loss" in x], [x for x in lines if "val_image_hit1" in x]
    assert [x["step"] for x in trained] == list(range(1, STEPS + 1))
    assert [x["step"] for x in validated] == [3, 6, 9]
    assert {"grad_norm", "lr", "scale", "bias", "hit_image_to_text"} <= trained[0].keys()
    assert not any(key.endswith(("_s", "_per_s")) for x in lines for key in x)
    timed = [json.loads(line) for line in (whole / "timing.jsonl").read_text().splitlines()]
    assert {"step_s", "data_wait_s", "images_per_s", "tokens_per_s", "tflops_per_s"} <= timed[-1].keys()


def test_what_is_taught_beside_pairs_is_logged_and_scored(base, whole, tmp_path):
    """Losses beside the pairs add up to the loss; pairs are scored by the decoder's likelihood, too."""
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    for x in [x for x in lines if "loss" in x]:
        total = x["loss_pairs"] + x["loss_characters"] + 0.5 * x["loss_vertices"] + 0.5 * x["loss_caption"]
        assert x["loss"] == pytest.approx(total, rel=1e-5)
    model = encoder.load(whole)
    results, folder = clip_eval.evaluate_checkpoint(model, whole, str(base / "data"), tmp_path)
    assert {"by_kind", "text_hit1"} <= results["scores"]["likelihood"].keys() and (folder / "eval.json").exists()
    assert clip_eval.summarize(results).count("by likelihood") == 1
    family = tfrecords.RecordSource(base / "data", "val")[0]
    pictures = [Image.open(io.BytesIO(png)) for png in family.images]
    found = model.log_likelihoods(pictures, family.captions)
    assert found.shape == (3, 4) and found.max() < 0
    shares = model.score(pictures, family.captions, score="likelihood")
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(np.log(shares[:, 1:] / shares[:, :1]), found[:, 1:] - found[:, :1], atol=1e-3)
    with pytest.raises(UserError, match="choose one of cosine, likelihood"):
        model.score(pictures, family.captions, score="dot")


def test_a_restored_model_is_the_trained_one(whole):
    trained = checkpoints.restore_run(whole)
    assert trained.step == STEPS and trained.config.model.embed == 32
    assert trained.tokenizer.proto == (whole / "tokenizer.model").read_bytes()
    scale = json.loads((whole / "metrics.jsonl").read_text().splitlines()[-2])["scale"]
    assert 0 < abs(float(np.exp(trained.params["logit_scale"])) - scale) < 0.1


def test_a_run_that_was_ended_again_and_again_goes_on_bit_for_bit(base, whole, tmp_path, finished):
    run = tmp_path / "run"
    for place, status, kept in (
        ("in a line", -signal.SIGKILL, [4]),
        ("in a checkpoint", -signal.SIGKILL, [4]),
        ("by sigterm", 0, [4, 7]),
    ):
        ended = process(base, tmp_path, place)
        assert ended.returncode == status, ended.stderr
        assert sorted(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit()) == kept
    assert "stopped and saved" in ended.stdout and finished == []
    assert train_clip.main(arguments(base, tmp_path)) == 0
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    ours, theirs = (checkpoints.restore_run(each).params for each in (run, whole))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_a_finished_run_is_only_evaluated(base, whole, tmp_path, finished, monkeypatch):
    run = copy_of(whole, tmp_path)
    before = (run / "metrics.jsonl").stat().st_mtime_ns
    monkeypatch.setattr(two_tower_module, "init", None)
    assert train_clip.main(arguments(base, tmp_path, f"--config.data.real_dir={base}")) == 0
    assert finished == ["evaluate", "report"]
    assert (run / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_torn_or_late_line_goes(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 2, "x": 0.5}\n{"step": 3}\n{"st')
    with logging.open_log(path, 2) as log:
        logging.write(log, 3, {"x": np.float32(0.1)})
    assert (
        path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 2, "x": 0.5}\n{"step": 3, "x": 0.10000000149011612}\n'
    )
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------- what goes wrong ends with one line


def fails(capsys, *command):
    """The one line on which the command fails."""
    assert train_clip.main(*command) == 1
    lines = [line for line in capsys.readouterr().err.split("\n") if "error: " in line]
    assert len(lines) == 1
    return lines[0]


def test_a_changed_config_is_refused(base, whole, tmp_path, finished, capsys):
    copy_of(whole, tmp_path)
    line = fails(capsys, arguments(base, tmp_path, "--config.optim.lr=0.5"))
    assert "another config (optim.lr: 0.001 -> 0.5)" in line


def test_a_run_without_a_checkpoint_begins_anew(base, tmp_path, finished, capsys):
    assert "micro" in fails(capsys, arguments(base, tmp_path, "--config.train.micro_batches=3"))
    assert train_clip.main(arguments(base, tmp_path, "--config.train.steps=1")) == 0
    assert configs.read_run_config(tmp_path / "run").train.micro_batches == 1


def test_changed_data_are_refused(base, whole, tmp_path, finished, capsys, monkeypatch):
    copy_of(whole, tmp_path)
    monkeypatch.setattr(train_clip, "fingerprint", lambda data: "other")
    assert "data.fingerprint: " in fails(capsys, arguments(base, tmp_path))


def test_missing_data_are_one_line(base, tmp_path, finished, capsys):
    assert "holds no finished data set" in fails(capsys, arguments(base, tmp_path, "--config.data.dir=nowhere"))


def test_a_loss_that_is_not_finite_stops_the_run(base, tmp_path, finished, capsys, monkeypatch):
    make, rows = loop.make_train_step, []

    def poisoned(*parts):
        step = make(*parts)

        def poisoned_step(params, opt_state, number, batch):
            params, opt_state, values = step(params, opt_state, number, batch)
            rows.append(", ".join(map(str, batch["family"].tolist())))
            return params, opt_state, values | {"loss": values["loss"] * (np.nan if number == 5 else 1)}

        return poisoned_step

    monkeypatch.setattr(loop, "make_train_step", poisoned)
    line = fails(capsys, arguments(base, tmp_path))
    assert "step 6 has a loss of nan and a gradient of " in line
    assert f"over families {rows[5]} of train" in line and "checkpoint of step 4 stays" in line
    log = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert "NaN" not in log and '"step": 5' in log and '"step": 6' not in log


def test_an_update_that_is_not_finite_is_not_saved_and_the_run_goes_on(base, tmp_path, finished, capsys, monkeypatch):
    make = loop.make_train_step

    def poisoned(*parts):
        step = make(*parts)

        def poisoned_step(params, opt_state, number, batch):
            params, opt_state, values = step(params, opt_state, number, batch)
            return jax.tree.map(lambda x: x * np.nan, params) if number == 7 else params, opt_state, values

        return poisoned_step

    with monkeypatch.context() as patch:
        patch.setattr(loop, "make_train_step", poisoned)
        line = fails(capsys, arguments(base, tmp_path))
    assert "step 8 has left parameters that are not finite" in line and "checkpoint of step 4 stays" in line
    assert train_clip.main(arguments(base, tmp_path)) == 0


def test_a_second_training_of_a_run_is_refused(base, tmp_path, finished, capsys):
    with lock.hold(tmp_path / "run", "trains"):
        assert "is in use: process " in fails(capsys, arguments(base, tmp_path))


def test_a_broken_checkpoint_gives_way_to_the_one_before(base, whole, tmp_path, finished, capsys):
    run = copy_of(whole, tmp_path)
    shutil.rmtree(run / "checkpoints" / str(STEPS) / "params" / "d")
    assert checkpoints.restore_run(run).step == 8
    warning = capsys.readouterr().err
    assert f"checkpoints/{STEPS} is broken" in warning and warning.count("\n") == 1
    shutil.rmtree(run / "checkpoints" / "8" / "params")
    with pytest.raises(UserError, match="checkpoints/8 is broken, and none is left before it"):
        checkpoints.restore_run(run)


def test_a_checkpoint_of_another_model_names_the_difference(whole):
    with checkpoints.open_folder(whole) as folder:
        params = {"text": {"token": np.zeros((3, 32), np.float32)}, "other": np.zeros(2, np.float32)}
        with pytest.raises(UserError, match="is of another model: params/captioner/.* is float32") as fault:
            checkpoints.restore(folder, {"params": params})
    assert "not expected at all; " in str(fault.value) and " more" in str(fault.value)


# ---------------------------------------------------------------- parts


def test_anchors_of_many_families_come_before_whole_families(base):
    """And going on in either part gives the same batches."""
    config = configs.parse_command_line(arguments(base, base / "unused"), "x", "x")
    config.tokenizer.vocab_size = 512
    sources = train_clip.open_sources(config.data)
    words = Words()
    whole, switch = train_clip.read_batches(sources, words, config, 0)
    batches = [next(whole) for _ in range(STEPS)]
    shapes = [batch["images"].shape[:2] for batch in batches]
    assert switch == 5 and shapes == [(12, 1)] * switch + [(4, 3)] * (STEPS - switch)
    for start in (0, 3, switch, 7):
        later, _ = train_clip.read_batches(sources, words, config, start)
        for batch in batches[start:]:
            assert_equal(next(later), batch)


class Words:
    """A tokenizer that gives every caption a number."""

    def encode_batch(self, captions, length):
        rows = np.zeros((len(captions), length), np.int32)
        rows[:, 0] = [1 + zlib.crc32(caption.encode()) % 500 for caption in captions]
        return rows


def test_norms_biases_and_scale_do_not_decay():
    params = jax.eval_shape(lambda: two_tower_module.init(two_tower_module.default_model_config(), 0)[1])
    flat = jax.tree_util.tree_flatten_with_path(optim.decay_mask(params))[0]
    decaying = {jax.tree_util.keystr(path, simple=True, separator="/").rsplit("/", 1)[-1] for path, yes in flat if yes}
    kept = {jax.tree_util.keystr(path, simple=True, separator="/").rsplit("/", 1)[-1] for path, yes in flat if not yes}
    assert decaying == {"kernel", "token", "position", "probe"}
    assert kept == {"bias", "scale", "logit_scale", "logit_bias"}
