"""The build command: the same bytes from any number of workers or a killed run, and one line per fault."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_gen.build import shards
from data_gen.records import schema, tfrecords
from data_gen.shared import lock
from data_gen.shared.errors import UserError
from tests.support import fake_source
from tests.support.paths import ROOT

SPEC = """
from ml_collections import ConfigDict

def get_spec():
    return ConfigDict(dict(
        name="small", source="fake", seed=0, size_px=8, shard_size=4, delay_s=0.0, leak=False, die_in="",
        families=dict(train=14, val=3, test=5),
    ))
"""
COMMAND = (
    "import sys; from data_gen.build import shards; shards.SOURCES['fake'] = 'tests.support.fake_source'; "
    "sys.exit(shards.main(sys.argv[1:]))"
)


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setitem(shards.SOURCES, "fake", fake_source.__name__)


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.py"
    path.write_text(SPEC)
    return f"--spec={path}"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(spec, out, *more):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", COMMAND, spec, f"--out={out}", *more], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


def fails(capsys, *arguments):
    """The one line of a command that fails."""
    assert shards.main(list(arguments)) == 1
    (line,) = [line for line in capsys.readouterr().err.split("\r")[-1].split("\n") if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("workers", [2, 7])
def test_one_worker_and_more_make_the_same_bytes(spec, tmp_path, workers):
    one, more = tmp_path / "one", tmp_path / "more"
    assert shards.main([spec, f"--out={one}", "--workers=1"]) == 0
    process = start(spec, more, f"--workers={workers}")
    assert process.wait(60) == 0, process.stderr.read()
    assert contents(one) == contents(more)
    names = {f"small-train.tfrecord-{i:05d}-of-00004" for i in range(4)}
    assert names <= set(contents(one))
    keys = [family.key for family in map(tfrecords.RecordSource(one, "train").__getitem__, range(14))]
    assert keys == [f"fake/train/{i:06d}" for i in range(14)]


@pytest.mark.parametrize("workers", ["0", "-1", "x", "1.5", "9999999", ""])
def test_a_wrong_number_of_workers_is_one_line(spec, tmp_path, capsys, workers):
    with pytest.raises(SystemExit):
        shards.main([spec, f"--out={tmp_path}", f"--workers={workers}"])
    assert f"'{workers}' is not a whole number above 0" in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("small*"))


@pytest.mark.slow
def test_real_figures_are_the_same_bytes_from_one_process_and_from_two(tmp_path):
    command = [f"--spec={ROOT / 'configs/data_tiny.py'}", "--spec.shard_size=2", "--spec.families.train=4"]
    command += ["--spec.families.val=1", "--spec.families.test=1"]
    for workers in (1, 2):
        assert shards.main([*command, f"--out={tmp_path / str(workers)}", f"--workers={workers}"]) == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_last_of_the_hosts_finishes_the_set(spec, tmp_path, capsys, order):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    assert shards.main([spec, f"--out={whole}", "--workers=1"]) == 0
    shares = []
    for host in order:
        assert not (shared / tfrecords.MANIFEST).exists()
        before = set(shared.glob("*.index.json"))
        assert shards.main([spec, f"--out={shared}", "--workers=1", "--hosts=3", f"--host={host}"]) == 0
        shares.append(len(set(shared.glob("*.index.json")) - before))
    lines = [line for line in capsys.readouterr().out.splitlines() if str(shared) in line]
    assert "4 of other hosts are not there yet" in lines[0] or "5 of other hosts" in lines[0]
    assert lines[-1].endswith(": made") and sorted(shares) == [2, 2, 3]
    assert contents(shared) == contents(whole)
    assert shards.main([spec, f"--out={shared}", "--workers=2", "--hosts=3", "--host=1"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_hosts_side_by_side_end_with_one_whole_set(spec, tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    assert shards.main([spec, f"--out={whole}", "--workers=1"]) == 0
    hosts = [start(spec, shared, "--workers=1", "--hosts=2", f"--host={host}") for host in range(2)]
    assert [host.wait(60) for host in hosts] == [0, 0], [host.stderr.read() for host in hosts]
    assert contents(shared) == contents(whole)


def test_a_lost_manifest_is_written_again_by_any_number_of_workers(spec, tmp_path):
    out = tmp_path / "out"
    assert shards.main([spec, f"--out={out}", "--workers=1"]) == 0
    before = contents(out)
    (out / tfrecords.MANIFEST).unlink()
    assert shards.main([spec, f"--out={out}", "--workers=3"]) == 0
    assert contents(out) == before


@pytest.mark.parametrize("hosts", [("--hosts=2", "--host=2"), ("--hosts=0",), ("--hosts=2", "--host=-1")])
def test_a_host_beyond_their_number_is_one_line(spec, tmp_path, capsys, hosts):
    assert "hosts are numbered from 0" in fails(capsys, spec, f"--out={tmp_path / 'out'}", *hosts)


def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(spec, tmp_path):
    slow = [spec, "--spec.delay_s=0.05", "--workers=2"]
    out, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(slow[0], out, *slow[1:])
    deadline = time.monotonic() + 60
    while not list(out.glob("*.index.json")) or not list(out.glob("*.part")):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = {path: path.stat().st_mtime_ns for path in out.glob("*.index.json")}
    assert 0 < len(made) < 7
    with pytest.raises(UserError, match="no finished data set"):
        tfrecords.RecordSource(out, "train")
    while any(alive(child) for child in children):  # no worker outlives the command
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert shards.main([*slow[:2], f"--out={out}", "--workers=1"]) == 0
    assert all(path.stat().st_mtime_ns == then for path, then in made.items())
    assert shards.main([*slow[:2], f"--out={whole}", "--workers=1"]) == 0
    assert contents(out) == contents(whole)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_finished_set_is_left_alone_and_a_lost_shard_made_again(spec, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    command = [spec, f"--out={out}", "--workers=1"]
    assert shards.main(command) == 0
    before = contents(out)
    monkeypatch.setattr(shards, "make_shard", lambda shard: pytest.fail("made again"))
    assert shards.main(command) == 0
    assert "nothing to do" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setitem(shards.SOURCES, "fake", fake_source.__name__)
    shard = out / "small-train.tfrecord-00001-of-00004"
    for damage in (shard.unlink, lambda: shard.write_bytes(before[shard.name][:-7])):
        damage()
        with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
            patch.setattr(shards, "make_shard", lambda shard: 1 / 0)
            shards.main(command)
        assert not (out / tfrecords.MANIFEST).exists()
        assert shards.main(command) == 0
        assert contents(out) == before


def test_a_changed_spec_in_the_same_folder_is_refused(spec, tmp_path, capsys):
    out = tmp_path / "out"
    assert shards.main([spec, f"--out={out}", "--workers=1"]) == 0
    line = fails(capsys, spec, f"--out={out}", "--spec.families.train=15", "--spec.seed=3")
    assert "seed: 0 -> 3" in line and "families.train: 14 -> 15" in line and "size_px" not in line


def test_manifest_and_metadata_tell_what_is_there(spec, tmp_path):
    out = tmp_path / "out"
    assert shards.main([spec, f"--out={out}", "--workers=1", "--spec.families.val=0"]) == 0
    manifest = tfrecords.read_manifest(out)
    assert manifest["name"] == "small" and manifest["seed"] == 0 and json.loads(manifest["spec"])["size_px"] == 8
    assert {split: sum(row["families"] for row in rows) for split, rows in manifest["splits"].items()} == {
        "train": 14, "val": 0, "test": 5,
    }  # fmt: skip
    assert all(len(row["sha256"]) == 64 for row in manifest["splits"]["train"])
    assert {"python", "numpy", "protobuf"} <= set(manifest["versions"])
    assert len(tfrecords.RecordSource(out, "val")) == 0
    info = json.loads((out / "dataset_info.json").read_text())
    assert {row["name"]: row["shardLengths"] for row in info["splits"]} == {
        "train": ["4", "4", "4", "2"], "test": ["4", "1"],
    }  # fmt: skip
    features = json.loads((out / "features.json").read_text())["content"]["features"]
    assert set(features) == {field.name.split("/")[0] for field in schema.SCHEMA}


def test_a_test_caption_in_train_fails_and_leaves_no_manifest(spec, tmp_path, capsys):
    out = tmp_path / "out"
    line = fails(capsys, spec, f"--out={out}", "--workers=1", "--spec.leak=True")
    assert "'shared " in line and "of test is a caption of fake/train/000000" in line
    assert not (out / tfrecords.MANIFEST).exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("--spec.families.trian=5", "no key 'families.trian': did you mean 'families.train'?"),
        ("--spec.sed=5", "did you mean 'seed'?"),
        ("--spec.seed=many", "--spec.seed=many is not of type int (its default is 0)"),
        ("--seed=5", "'--seed=5' is not understood"),
        ("--spec.name=My-Set", "name 'My-Set' is not"),
        ("--spec.source=paper", "source 'paper'"),
        ("--spec.shard_size=0", "shard_size is 0"),
    ],
)
def test_a_bad_override_is_one_line(spec, tmp_path, capsys, override, words):
    assert words in fails(capsys, spec, f"--out={tmp_path / 'out'}", override)


def test_a_bad_spec_file_is_one_line(tmp_path, capsys):
    path = tmp_path / "bad.py"
    assert f"spec file {path} does not exist" in fails(capsys, f"--spec={path}", "--out=x")
    path.write_text("def get_spec(:")
    assert "fails: SyntaxError" in fails(capsys, f"--spec={path}", "--out=x")
    path.write_text(SPEC.replace("seed=0,", ""))
    assert "'seed' is missing" in fails(capsys, f"--spec={path}", "--out=x")


def test_a_full_disk_is_one_line_and_leaves_no_half_file(spec, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    written = []

    def write(writer, family, figures):
        written.append(family)
        if len(written) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(writer, family, figures)

    original = tfrecords.ShardWriter.write
    monkeypatch.setattr(tfrecords.ShardWriter, "write", write)
    assert "the disk is full" in fails(capsys, spec, f"--out={out}", "--workers=1")
    shard = "small-test.tfrecord-00000-of-00002"
    assert set(contents(out)) == {shards.SPEC_FILE, shard, f"{shard}.index.json"}
    (tmp_path / "file").write_text("")
    assert "file" in fails(capsys, spec, f"--out={tmp_path / 'file' / 'out'}", "--workers=1")


def test_a_killed_worker_is_one_line(spec, tmp_path):
    process = start(spec, tmp_path / "out", "--workers=2", "--spec.die_in=val")
    assert process.wait(60) == 1
    assert "error: a worker was killed" in process.stderr.read()


def test_help_shows_an_example():
    text = subprocess.run(
        [sys.executable, "-m", "mmgeo_jax", "data", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert text.returncode == 0 and "--spec=configs/data_tiny.py --out=data/tiny" in text.stdout


def test_a_shard_of_another_spec_is_made_again(spec, tmp_path):
    out, clean = tmp_path / "out", tmp_path / "clean"
    assert shards.main([spec, f"--out={out}", "--workers=1"]) == 0
    (out / shards.SPEC_FILE).unlink()
    for folder in (out, clean):
        assert shards.main([spec, f"--out={folder}", "--workers=1", "--spec.seed=1"]) == 0
    assert contents(out) == contents(clean)


def test_a_bucket_without_the_package_for_it_is_one_line(spec, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # as if it were not installed
    assert "for gs:// paths type: pip install gcsfs" in fails(capsys, spec, "--out=gs://bucket/small")


def test_a_second_build_in_a_folder_is_refused(spec, tmp_path, capsys):
    with lock.hold(tmp_path / "out", "builds", "host_0"):
        assert "is in use: process " in fails(capsys, spec, f"--out={tmp_path / 'out'}")
