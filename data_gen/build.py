"""The command that turns a spec into a data set: sources -> families -> shards, in a pool of processes.

Shard s of a split holds rows s*k to (s+1)*k, k = shard_size, each a pure function of (spec, split, row): so
the files are the same byte for byte whatever the number of workers, and a killed run goes on where it was.
"""

import argparse
import contextlib
import errno
import importlib
import importlib.metadata
import json
import multiprocessing
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, NamedTuple

from etils import epath
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen import records, tfds_metadata
from data_gen.errors import UserError
from data_gen.spec import fingerprint, flat, load_spec

# A source is a module with `rows(spec, split) -> int` and the pure `family(spec, split, index) -> Family`.
SOURCES = {
    "synthetic": "data_gen.sources.synthetic",
    "formalgeo": "data_gen.sources.formalgeo",
    "redrawn": "data_gen.sources.redrawn",
}
PACKAGES = (
    "numpy",
    "scipy",
    "pillow",
    "cairosvg",
    "cairocffi",
    "fonttools",
    "matplotlib",
    "protobuf",
    "google-crc32c",
)
SPEC_FILE = "spec.json"  # what the folder was begun with
EXAMPLE = """example:
  python -m data_gen.build --spec=configs/data_tiny.py --out=data/tiny --workers=2 --spec.families.train=800

Any value of the spec file can be set with --spec.KEY=VALUE. A run that was broken off goes on when the same
command is given again."""


# ---------------------------------------------------------------- shards


class Shard(NamedTuple):
    """One task of the pool; all of it plain values, so that a fresh process needs nothing else."""

    path: str
    source: str  # module
    spec: str  # JSON
    fingerprint: str
    split: str
    first: int  # row
    families: int


def plan(spec: ConfigDict, out: str) -> dict[str, list[Shard]]:
    """The shards of every split."""
    if spec.source not in SOURCES:
        raise UserError(f"source '{spec.source}' of the spec is none of {', '.join(SOURCES)}")
    module = SOURCES[spec.source]
    source, size, shards = importlib.import_module(module), spec.shard_size, {}
    text, mark = json.dumps(spec.to_dict()), fingerprint(spec)
    for split in spec.families:
        rows = source.rows(_parse_spec(text), split)
        starts = range(0, rows, size)
        names = [records.shard_name(spec.name, split, i, len(starts)) for i in range(len(starts))]
        shards[split] = [
            Shard(os.path.join(out, name), module, text, mark, split, first, min(size, rows - first))
            for name, first in zip(names, starts, strict=True)
        ]
    return shards


def _parse_spec(text: str) -> ConfigDict:
    """The spec as sources get it: by way of JSON, so that it is the same in every process."""
    return ConfigDict(json.loads(text))


def make_shard(shard: Shard) -> int:
    """Write one shard and its index; returns its number of families."""
    source, spec = importlib.import_module(shard.source), _parse_spec(shard.spec)
    with records.ShardWriter(shard.path, shard.fingerprint) as writer:
        for row in range(shard.first, shard.first + shard.families):
            writer.write(source.family(spec, shard.split, row))
    return shard.families


def is_whole(shard: Shard) -> bool:
    """Whether a shard is there, whole, and of this spec."""
    try:
        index = records.read_index(shard.path)
    except UserError:
        return False
    return index["fingerprint"] == shard.fingerprint and len(index["offsets"]) == shard.families


def make_shards(shards: list[Shard], workers: int) -> Iterator[int]:
    """Make shards in a pool of processes, or in this one for a single worker; yields each one's families."""
    if workers == 1 or len(shards) == 1:
        yield from map(make_shard, shards)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(shards)), context, _start_worker) as pool:
        try:
            for done in as_completed([pool.submit(make_shard, shard) for shard in shards]):
                yield done.result()
        except BrokenProcessPool:
            raise UserError("a worker was killed, perhaps for want of memory: use fewer --workers") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    """Leave Ctrl-C to the command, and end when it is killed: a worker would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# ---------------------------------------------------------------- the data set


def build(spec: ConfigDict, out: str, workers: int) -> bool:
    """Make the data set of a spec in the folder `out`; returns False where it was there already.

    Raises UserError where the folder holds another spec's data, or a caption of test occurs in train.
    """
    folder = epath.Path(out)
    splits = plan(spec, out)
    _claim(folder, spec)
    everything = [shard for shards in splits.values() for shard in shards]
    missing = [shard for shard in everything if not is_whole(shard)]
    manifest = folder / records.MANIFEST
    if not missing and manifest.exists():
        return False
    manifest.unlink(missing_ok=True)
    total, to_do = (sum(shard.families for shard in shards) for shards in (everything, missing))
    with tqdm(total=total, initial=total - to_do, desc=f"data {out}", unit=" families", dynamic_ncols=True) as bar:
        for families in make_shards(missing, workers):
            bar.update(families)
    check_captions(splits)
    _finish(folder, spec, splits)
    return True


def _claim(folder: epath.Path, spec: ConfigDict) -> None:
    """Write the spec into a fresh folder, or compare it with the one that the folder was begun with."""
    text = json.dumps(spec.to_dict(), indent=1)
    path = folder / SPEC_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with records.open_atomic(path) as file:
            file.write(text.encode())
        return
    old, new = dict(flat(json.loads(path.read_text()))), dict(flat(json.loads(text)))
    keys = [key for key in old | new if old.get(key) != new.get(key)]
    if keys:
        diff = ", ".join(f"{key}: {old.get(key, 'none')} -> {new.get(key, 'none')}" for key in keys)
        raise UserError(f"{folder} was made with another spec ({diff}): give another --out, or delete the folder")


def check_captions(splits: dict[str, list[Shard]]) -> None:
    """Raises UserError where a caption of the test split, as a string, is a caption of train too."""
    test = {caption for _, captions in _captions(splits.get("test", [])) for caption in captions}
    train = splits.get("train", []) if test else []
    total = sum(shard.families for shard in train)
    for key, captions in tqdm(_captions(train), "no test caption in train", total, unit=" families", leave=False):
        for caption in test.intersection(captions):
            raise UserError(f"caption '{caption}' of test is a caption of {key} too: the source must keep them apart")


def _captions(shards: list[Shard]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for shard in shards:
        for family in records.read_shard(shard.path):
            yield family.key, family.captions


def _finish(folder: epath.Path, spec: ConfigDict, splits: dict[str, list[Shard]]) -> None:
    """Write the metadata, and the manifest last of all."""
    rows = {split: [_row(shard) for shard in shards] for split, shards in splits.items()}
    tfds_metadata.write_metadata(folder, spec.name, rows)
    manifest = {
        "name": spec.name,
        "seed": spec.seed,
        "spec": (folder / SPEC_FILE).read_text(),
        "fingerprint": fingerprint(spec),
        "versions": versions(),
        "splits": rows,
    }
    records.write_manifest(folder, manifest)


def _row(shard: Shard) -> dict[str, Any]:
    index = records.read_index(shard.path)
    name = os.path.basename(shard.path)
    return {"file": name, "families": shard.families, "bytes": index["bytes"], "sha256": index["sha256"]}


def versions() -> dict[str, str]:
    """What the bytes depend on besides the spec."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m data_gen.build",
        description="Make a data set: a spec -> TFRecord shards.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--spec", required=True, help="Python file with get_spec()")
    parser.add_argument("--out", required=True, help="folder of the data set")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    options, overrides = parser.parse_known_args(arguments)
    try:
        made = build(load_spec(options.spec, overrides), options.out, max(1, options.workers))
    except UserError as fault:
        return _fail(fault)
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(f"the disk is full, writing {options.out}: make room and give the same command again")
        return _fail(f"{fault.filename or options.out}: {fault.strerror}")
    except KeyboardInterrupt:
        return _fail("interrupted; give the same command again to go on")
    print(f"{options.out}: {'made' if made else 'whole already, nothing to do'}")
    return 0


def _fail(what: object) -> int:
    print(f"error: {what}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
