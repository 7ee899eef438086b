"""The command that turns a spec into a data set: sources -> families -> shards, in a pool of processes.

Shard s of a split holds rows s*k to (s+1)*k, k = shard_size, each a pure function of (spec, split, row): so
the files are the same byte for byte whatever the number of workers and hosts, and a killed run resumes where it was.
Hosts that share the folder take every H-th shard each; whichever finds all of them complete finishes the data set.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from etils import epath
from ml_collections import ConfigDict
from tqdm import tqdm

from data_gen.build.spec import fingerprint, load_spec
from data_gen.drawing.draw import counting_figures
from data_gen.records import tfds_metadata, tfrecords
from data_gen.shared import cli, files, lock, own_json, pictures, tolerance
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from data_gen.shared.parallel import map_in_pool
from data_gen.shared.tolerance import LeftOut, Tolerance
from data_gen.sources import SOURCES, load_source

PACKAGES = ("numpy", "scipy", "pillow", "cairosvg", "cairocffi", "fonttools", "matplotlib", "protobuf", "google-crc32c")
SPEC_FILE = "spec.json"  # what the folder was begun with
LEFT_OUT_FILE = "left_out.txt"  # a line about each item of the files that the data set goes without
EXAMPLE = """mmgeo data --spec=configs/data_tiny.py --out=data/tiny --workers=2 --spec.families.train=800
  mmgeo data --spec=configs/data_tiny.py --out=gs://bucket/tiny --hosts=4 --host=1   # 0 to 3, one a host

Any value of the spec file can be set with --spec.KEY=VALUE. Give the same command again to resume a run
that was interrupted."""


# ---------------------------------------------------------------- shards


class ShardTask(NamedTuple):
    """One task of the pool; all of it plain values, so that a fresh process needs nothing else."""

    path: str
    source: str  # module
    spec: str  # JSON
    fingerprint: str
    split: str
    first: int  # row
    families: int  # that it has where none is broken
    tolerance: Tolerance


def plan_shards(spec: ConfigDict, out: str) -> dict[str, list[ShardTask]]:
    """Returns the shards of every split."""
    if spec.source not in SOURCES:
        raise UserError(f"source '{spec.source}' of the spec is none of {', '.join(SOURCES)}")
    module = SOURCES[spec.source]
    source, size, shards = load_source(module), spec.shard_size, {}
    text, mark, given = json.dumps(spec.to_dict()), _fingerprint(spec), tolerance.given()
    if given.broken and not hasattr(source, "content"):
        raise UserError(f"{tolerance.SKIP_BROKEN} is for data sets that are made from files: leave it out")
    for split in spec.families:
        rows = source.rows(_parse_spec(text), split)
        starts = range(0, rows, size)
        names = [tfrecords.shard_name(spec.name, split, i, len(starts)) for i in range(len(starts))]
        shards[split] = [
            ShardTask(os.path.join(out, name), module, text, mark, split, first, min(size, rows - first), given)
            for name, first in zip(names, starts, strict=True)
        ]
    return shards


def _fingerprint(spec: ConfigDict) -> str:
    """Returns the fingerprint of a spec and of the files that its source reads."""
    content = getattr(load_source(SOURCES[spec.source]), "content", None)
    return fingerprint(spec, content(_parse_spec(json.dumps(spec.to_dict()))) if content else "")


def _parse_spec(text: str) -> ConfigDict:
    """Returns the spec as sources get it: by way of JSON, so that it is the same in every process."""
    return ConfigDict(json.loads(text))


def make_shard(shard: ShardTask) -> int:
    """Writes one shard and its index; returns its number of families, with those that are skipped."""
    source, spec = load_source(shard.source), _parse_spec(shard.spec)
    with (
        tolerance.tolerating(shard.tolerance),
        tfrecords.ShardWriter(shard.path, shard.fingerprint) as writer,
        pictures.tallying() as writer.pictures,
    ):
        for row in range(shard.first, shard.first + shard.families):
            with tolerance.skipping(writer.broken), counting_figures() as figures:
                family = source.family(spec, shard.split, row)
                writer.write(family, figures)
    return shard.families


def is_whole(shard: ShardTask) -> bool:
    """Returns whether a shard is complete, and of this spec; one that goes without broken rows, where that is asked
    for."""
    try:
        index = tfrecords.read_index(shard.path)
    except UserError:
        return False
    broken = len(index.get("broken", ()))
    complete = len(index["offsets"]) + broken == shard.families and (shard.tolerance.broken or not broken)
    return index["fingerprint"] == shard.fingerprint and complete


def make_shards(shards: list[ShardTask], workers: int) -> Iterator[int]:
    """Makes shards in a pool of processes, or in this one for a single worker; yields the families of each."""
    yield from map_in_pool(make_shard, shards, workers)


# ---------------------------------------------------------------- the data set

Maker = Callable[[list[ShardTask], int], Iterator[int]]  # like make_shards


def build(spec: ConfigDict, out: str, workers: int, host: int = 0, hosts: int = 1, make: Maker = make_shards) -> str:
    """Makes the data set of a spec in the folder `out`, or the share of one `host`; returns what was done, as text.
    Raises UserError if the folder holds another spec's data, or a caption of test occurs in train."""
    folder = epath.Path(out)
    splits = plan_shards(spec, out)
    _lock_spec(folder, spec)
    everything = [shard for shards in splits.values() for shard in shards]
    if not everything:
        left_out = _write_left_out(folder, spec, [])
        raise UserError(f"{out}: there is no family to make{left_out or ': set spec.families to more than 0'}")
    missing = [shard for shard in everything if not is_whole(shard)]
    manifest = folder / tfrecords.MANIFEST
    if not missing and manifest.exists() and _is_finished(folder, spec, splits):
        return f"complete already, nothing to do{_write_left_out(folder, spec, everything)}"
    manifest.unlink(missing_ok=True)
    share = everything[host::hosts]
    mine = [shard for shard in missing if shard in share]
    total, to_do = (sum(shard.families for shard in shards) for shards in (share, mine))
    with tqdm(total=total, initial=total - to_do, desc=f"data {out}", unit=" families", dynamic_ncols=True) as bar:
        for families in make(mine, workers):
            bar.update(families)
    others = [shard for shard in everything if shard not in share and not is_whole(shard)]
    if others:
        return f"host {host} has made its {len(share)} shards; {len(others)} of other hosts are not there yet"
    left_out = _write_left_out(folder, spec, everything)
    if not any(tfrecords.read_index(shard.path)["offsets"] for shard in everything):
        raise UserError(f"{out}: no family is left{left_out}")
    if getattr(load_source(SOURCES[spec.source]), "CAPTIONS_RECUR", False):
        left_out = f"{_count_captions(splits)}{left_out}"
    else:
        check_captions(splits)
    figures = _finish(folder, spec, splits)
    described = getattr(load_source(SOURCES[spec.source]), "describe", lambda _: "")(spec)
    said = [text for text in ("made", refusals(figures) if figures else "", described) if text]
    return ", ".join(said) + left_out + _changed_pictures(everything)


def _write_left_out(folder: epath.Path, spec: ConfigDict, shards: Sequence[ShardTask]) -> str:
    """Lists what a source of files has left out, and what shards have skipped, in a file of the folder; says how many
    by reason, and the first. Without any there is no file, and "" is returned."""
    found: LeftOut = getattr(load_source(SOURCES[spec.source]), "left_out", lambda _: {})(spec)
    skipped = [line for shard in shards for line in tfrecords.read_index(shard.path).get("broken", ())]
    reasons = {reason: lines for reason, lines in found.items() if lines}
    if skipped:
        reasons[tolerance.BROKEN] = [*reasons.get(tolerance.BROKEN, ()), *skipped]
    path, lines = folder / LEFT_OUT_FILE, [line for lines in reasons.values() for line in lines]
    if not lines:
        path.unlink(missing_ok=True)
        return ""
    with files.open_atomic(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))
    said = ", ".join(f"{len(reasons[reason])} {reason}" for reason in sorted(reasons, key=lambda r: -len(reasons[r])))
    return f"; left out: {said} (first: {lines[0]}; all: {path})"


def _changed_pictures(shards: list[ShardTask]) -> str:
    """Says how many pictures a source of files had to change, or found without ink, and names the first of each."""
    total: pictures.Tally = {}
    for shard in shards:
        pictures.add_tally(total, tfrecords.read_index(shard.path).get("pictures", {}))
    said = ", ".join(f"{what} {count} (first: {first})" for what, (count, first) in total.items())
    return f"; pictures: {said}" if said else ""


def _count_captions(splits: dict[str, list[ShardTask]]) -> str:
    """Says how many families each split has, and how many of test share a caption with train, as pictures of others
    may: "; train 8, val 1, test 1 families, a caption of 1 of test is in train too"."""
    sizes = ", ".join(f"{name} {sum(map(_count_families, shards))}" for name, shards in splits.items())
    test = [set(captions) for _, captions in _captions(splits.get("test", []))]
    train = {caption for _, captions in _captions(splits.get("train", []) if test else []) for caption in captions}
    shared = sum(bool(captions & train) for captions in test)
    return f"; {sizes} families" + f", a caption of {shared} of test is in train too" * bool(shared)


def _count_families(shard: ShardTask) -> int:
    """Returns how many families a finished shard holds."""
    return len(tfrecords.read_index(shard.path)["offsets"])


def _lock_spec(folder: epath.Path, spec: ConfigDict) -> None:
    """Writes the spec into a new folder, or compares it with the one that the folder was begun with."""
    text = json.dumps(spec.to_dict(), indent=1)
    path = folder / SPEC_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with files.open_atomic(path) as file:
            file.write(text.encode())
        return
    old, new = flatten(own_json.read(path)), flatten(json.loads(text))
    keys = [key for key in old | new if old.get(key) != new.get(key)]
    if keys:
        diff = ", ".join(f"{key}: {old.get(key, 'none')} -> {new.get(key, 'none')}" for key in keys)
        raise UserError(f"{folder} was made with another spec ({diff}): give another --out, or delete the folder")


def check_captions(splits: dict[str, list[ShardTask]]) -> None:
    """Raises UserError if a caption of the test split, as a string, is a caption of train, too."""
    test = {caption for _, captions in _captions(splits.get("test", [])) for caption in captions}
    train = splits.get("train", []) if test else []
    total = sum(map(_count_families, train))
    for key, captions in tqdm(_captions(train), "no test caption in train", total, unit=" families", leave=False):
        for caption in test.intersection(captions):
            raise UserError(f"caption '{caption}' of test is a caption of {key} too: the source must keep them apart")


def _captions(shards: list[ShardTask]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for shard in shards:
        for family in tfrecords.read_shard(shard.path):
            yield family.key, family.captions


def _is_finished(folder: epath.Path, spec: ConfigDict, splits: dict[str, list[ShardTask]]) -> bool:
    """Returns whether what `_finish` writes is there as it wrote it, but for the versions of then."""
    rows, _ = _rows(splits)
    try:
        manifest = tfrecords.read_manifest(folder)
        same = all(manifest.get(key) == value for key, value in _made_from(folder, spec, rows).items())
        return same and tfds_metadata.is_written(folder, spec.name, rows)
    except UserError:
        return False


def _rows(splits: dict[str, list[ShardTask]]) -> tuple[dict[str, list[dict[str, Any]]], Counter[str]]:
    """Returns the rows of the manifest by split, and how many figures were tried and refused."""
    figures: Counter[str] = Counter()
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in splits}
    for split, shards in splits.items():
        for shard in shards:
            index = tfrecords.read_index(shard.path)
            sizes = {"families": len(index["offsets"]), "bytes": index["bytes"], "sha256": index["sha256"]}
            rows[split].append({"file": os.path.basename(shard.path), **sizes})
            figures.update(index.get("figures", {}))
    return rows, figures


def _made_from(folder: epath.Path, spec: ConfigDict, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Returns the manifest, but for the versions."""
    made_from = {"name": spec.name, "seed": spec.seed, "spec": (folder / SPEC_FILE).read_text()}
    return made_from | {"fingerprint": _fingerprint(spec), "splits": rows}


def _finish(folder: epath.Path, spec: ConfigDict, splits: dict[str, list[ShardTask]]) -> Counter[str]:
    """Writes the metadata, and the manifest last of all; returns how many figures were tried and refused."""
    rows, figures = _rows(splits)
    tfds_metadata.write_metadata(folder, spec.name, rows)
    _remove_others(folder, spec.name, {row["file"] for shards in rows.values() for row in shards})
    made = _made_from(folder, spec, rows)
    split_rows = made.pop("splits")  # last, as it is long
    tfrecords.write_manifest(folder, made | {"versions": versions(), "splits": split_rows})
    return figures


def _remove_others(folder: epath.Path, name: str, kept: set[str]) -> None:
    """Deletes shards of an earlier build, from files that had more or fewer rows."""
    for path in folder.iterdir():
        shard = re.fullmatch(rf"({name}-\w+\.tfrecord-\d+-of-\d+)(\.index\.json)?", path.name)
        if shard and shard[1] not in kept:
            path.unlink(missing_ok=True)


def refusals(figures: Mapping[str, int]) -> str:
    """Returns how many of the tried figures were drawn and why the others were not: "9 of 12 figures drawn (refused:
    cramped 3)". `figures` as in the index of a shard."""
    refused = Counter({reason: count for reason, count in figures.items() if reason != "tried"})
    reasons = ", ".join(f"{reason} {count}" for reason, count in refused.most_common())
    drawn = figures["tried"] - refused.total()
    return f"{drawn} of {figures['tried']} figures drawn" + f" (refused: {reasons})" * bool(reasons)


def versions() -> dict[str, str]:
    """Returns the versions that the bytes depend on, besides the spec."""
    found = {"python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = build_parser("data", "Make a data set: a spec -> TFRecord shards.", EXAMPLE)
    return run_build(*parser.parse_known_args(arguments))


def build_parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    """Returns the parser of a command that makes data sets."""
    parser = cli.parser(name, description, example)
    parser.add_argument("--spec", required=True, help="Python file with get_spec()")
    parser.add_argument("--out", required=True, help="folder of the data set")
    cli.add_workers(parser)
    parser.add_argument("--hosts", type=int, default=1, help="how many hosts share the work and the folder")
    parser.add_argument("--host", type=int, default=0, help="which of them this is, from 0")
    parser.add_argument(
        tolerance.SKIP_BROKEN, action="store_true", help=f"go on past broken rows and pictures: OUT/{LEFT_OUT_FILE}"
    )
    return parser


def run_build(options: argparse.Namespace, overrides: list[str], make: Maker = make_shards) -> int:
    """Builds what the options of `build_parser` ask for, and prints one line; returns the exit status."""
    if not 0 <= options.host < options.hosts:
        raise UserError(f"--host={options.host} of --hosts={options.hosts}: hosts are numbered from 0")
    spec = load_spec(options.spec, overrides)
    # Hosts share a folder, and each writes its own shards.
    with lock.hold(options.out, "builds", f"host_{options.host}"):
        done = build(spec, options.out, options.workers, options.host, options.hosts, make)
    print(f"{options.out}: {done}")
    return 0
