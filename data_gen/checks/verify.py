"""Verifies a data set: draws every diagram again from its program, and computes every table again.

Whatever is stored and does not come out again is a difference, reported in one line with its shard, record and field,
and the command fails. Then it reports counts, time by stage, lengths, near-duplicates between splits, and how well leak
probes do on captions alone and pictures alone. All numbers are in verify.json beside the data, too.

The index of a shard tells how often each kind of edit was tried and taken ("proposals": {kind: [tried, taken]}), where
its source counts, and how many figures were tried and refused ("figures": {"tried": count, reason: count}): then the
rates and the reasons are reported.
"""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from etils import epath
from tqdm import tqdm

from data_gen.build.shards import refusals, versions
from data_gen.checks import leaks, near_duplicates
from data_gen.checks.reproduce import BREAKS, STAGES, UNREADABLE, Clock, find_differences
from data_gen.drawing.legibility import RULES
from data_gen.records import schema, tfrecords
from data_gen.shared import cli, files
from data_gen.shared.errors import UserError
from data_gen.shared.parallel import map_in_pool

REPORT = "verify.json"
BLOCK = 1 << 20
EXAMPLE = """mmgeo verify data/tiny --workers=2
  mmgeo verify data/tiny --leaks=0     # the check alone, without trained scorers
"""


class CheckTask(NamedTuple):
    """One task of the pool."""

    folder: str
    split: str
    file: str
    row: dict[str, Any]  # of the manifest: {"file", "families", "bytes", "sha256"}
    exact: bool  # whether the versions are those that wrote it
    limit: int  # differences that are reported


@dataclass
class ShardReport:
    """The contents of one shard, and what is wrong with it."""

    shard: CheckTask
    differences: list[str] = field(default_factory=list)
    wrong: int = 0  # differences, reported or not
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # what is counted -> value -> families or captions
    seconds: dict[str, float] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    fingerprints: near_duplicates.Fingerprints = field(default_factory=near_duplicates.Fingerprints)
    proposals: dict[str, list[int]] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)  # rule of legibility -> pictures

    def add_difference(self, where: str, what: str) -> None:
        """Counts a difference, and keeps it as a line up to the limit."""
        self.wrong += 1
        if len(self.differences) < self.shard.limit:
            self.differences.append(f"{self.shard.file} {where}: {what}")


# ---------------------------------------------------------------- one shard


def check_shard(shard: CheckTask) -> ShardReport:
    """Checks one shard: its hash, each record, and each family against its programs."""
    found, clock = ShardReport(shard), Clock()
    path = epath.Path(shard.folder) / shard.file
    try:
        index = tfrecords.read_index(path)
        offsets = index["offsets"]
    except (UserError, KeyError, OSError) as fault:
        found.add_difference("index", str(fault))
        return found
    for name, value in (("bytes", index["bytes"]), ("sha256", index["sha256"]), ("families", len(offsets))):
        if value != shard.row[name]:
            found.add_difference("index", f"{name} is {value}, the manifest says {shard.row[name]}")
    if _sha256(path) != shard.row["sha256"]:
        found.add_difference("file", "its sha256 is not the manifest's")
    found.proposals, found.figures = index.get("proposals", {}), index.get("figures", {})
    for number, family in _families(path, index, found):
        try:
            differences = find_differences(family, clock, shard.exact)
        except UNREADABLE as fault:  # a program of another making may break any step
            differences = []
            found.add_difference(f"record {number} ({family.key})", f"cannot be drawn again ({fault!r})")
        for name, what in differences:
            found.add_difference(f"record {number} ({family.key}) {name}", what)
            if what.startswith(BREAKS):
                found.broken[what.removeprefix(BREAKS)] += 1
        found.keys.append(family.key)
        found.fingerprints.add(family)
        _count(found.counts, family)
    found.seconds = clock.seconds
    return found


def _sha256(path: epath.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _families(path: epath.Path, index: dict[str, Any], found: ShardReport) -> Iterator[tuple[int, schema.Family]]:
    """Yields the readable records by number; the others are differences."""
    with path.open("rb") as file:
        for number in range(len(index["offsets"])):
            try:
                yield number, tfrecords.read_record(file, path, index, number)
            except UserError as fault:
                found.add_difference(f"record {number}", str(fault))


def _count(counts: dict[str, Counter[str]], family: schema.Family) -> None:
    """Adds a family to the counts; lengths of captions in "words" and in "tokens", about as a tokenizer counts."""
    images = len(family.images)
    rows = {
        "source": [family.source],
        "layout": [family.layout],
        "axis": ["+".join(axes) or "anchor" for axes in family.edits[:images]],
        "kind": [kind for kinds in family.kinds[:images] for kind in kinds],
        "kind without a picture": [kind for kinds in family.kinds[images:] for kind in kinds],
        "truth": [str(value) for value in family.truth.ravel().tolist()],
        "words": [str(len(text.split())) for text in family.captions],
        "tokens": [str(len(re.findall(r"[a-z]{2,}|\S", text))) for text in family.captions],
    }
    for name, values in rows.items():
        counts.setdefault(name, Counter()).update(values)


# ---------------------------------------------------------------- the data set


def shards_of(folder: str, limit: int) -> list[CheckTask]:
    """Returns the shards of the manifest. Raises UserError if there is no finished data set."""
    manifest = tfrecords.read_manifest(folder)
    exact, shards = manifest.get("versions") == versions(), []
    for split, rows in manifest["splits"].items():
        for row in rows:
            if os.path.basename(row["file"]) != row["file"]:
                path = epath.Path(folder) / tfrecords.MANIFEST
                raise UserError(f"{path}: '{row['file']}' is not the name of a file in the folder")
            shards.append(CheckTask(folder, split, row["file"], row, exact, limit))
    return shards


def check_dataset(folder: str, workers: int, limit: int = 20) -> tuple[list[ShardReport], list[str], int]:
    """Returns (reports of the shards, in order; up to `limit` differences, one line each; their number in all)."""
    shards = shards_of(folder, limit)
    total = sum(shard.row["families"] for shard in shards)
    found = []
    with tqdm(total=total, desc=f"verify {folder}", unit=" families", dynamic_ncols=True) as bar:
        for some in map_in_pool(check_shard, shards, workers, ordered=True):
            found.append(some)
            bar.update(some.shard.row["families"])
    lines = [line for some in found for line in some.differences] + list(_misplaced(found))
    wrong = sum(some.wrong for some in found) + sum(1 for _ in _misplaced(found))
    return found, lines[:limit], wrong


def _misplaced(found: Sequence[ShardReport]) -> Iterator[str]:
    """Yields the keys that occur twice, or that do not ascend within a split."""
    seen: set[str] = set()
    last: dict[str, str] = {}
    for some in found:
        for number, key in enumerate(some.keys):
            where = f"{some.shard.file} record {number} ({key}) key"
            if key in seen:
                yield f"{where}: occurs before"
            elif _numbered(key) < _numbered(last.get(some.shard.split, "")):
                yield f"{where}: comes after {last[some.shard.split]}: records have changed places"
            seen.add(key)
            last[some.shard.split] = key


def _numbered(key: str) -> tuple[int, int]:
    """Returns a key's rank, by the number that its last part begins with ("000012-003456"); (0, 0) without one."""
    digits = re.match(r"(\d+)(-|$)", key.rpartition("/")[2])
    return (1, int(digits[1])) if digits else (0, 0)


# ---------------------------------------------------------------- the report


def summarise(found: Sequence[ShardReport]) -> dict[str, Any]:
    """Counts, times, lengths, rates and near-duplicates, as JSON has them."""
    counts: dict[str, Counter[str]] = {}
    proposals: dict[str, np.ndarray] = {}
    families: Counter[str] = Counter()
    figures: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    pictures = sum(sum(some.counts.get("axis", Counter()).values()) for some in found)
    for some in found:
        broken.update(some.broken)
        figures.update(some.figures)
        families[some.shard.split] += len(some.keys)
        for name, counter in some.counts.items():
            counts.setdefault(name, Counter()).update(counter)
        for kind, pair in some.proposals.items():
            proposals[kind] = proposals.get(kind, np.zeros(2, int)) + pair
    lengths = {name: _quantiles(counts.pop(name, Counter())) for name in ("words", "tokens")}
    total = max(1, sum(families.values()))
    seconds = {stage: sum(some.seconds.get(stage, 0) for some in found) for stage in STAGES}
    return {
        "families": dict(families),
        "counts": {name: dict(counter.most_common()) for name, counter in counts.items()},
        "ms a family": {stage: round(1000 * spent / total, 2) for stage, spent in seconds.items()},
        "caption length": lengths,
        "accept rate": {kind: round(taken / max(1, tried), 3) for kind, (tried, taken) in sorted(proposals.items())},
        "figures": dict(figures.most_common()),
        "rules broken": {"pictures": pictures} | {rule.__name__: broken[rule.__name__] for rule in RULES},
        "near-duplicates": near_duplicates.between_splits([(some.shard.split, some.fingerprints) for some in found]),
    }


def _quantiles(lengths: Counter[str]) -> dict[str, float]:
    if not lengths:
        return {}
    values, weights = zip(*sorted((int(length), count) for length, count in lengths.items()), strict=True)
    share = np.cumsum(weights) / sum(weights)
    at = {f"{q} %": values[int(np.searchsorted(share, q / 100))] for q in (5, 50, 95)}
    return {"mean": round(float(np.average(values, weights=weights)), 1), **at, "most": values[-1]}


def report_text(report: dict[str, Any]) -> str:
    """Returns the report as text: a line for each figure."""
    rows = {name: report[name] for name in ("families", "ms a family")} | report["counts"]
    rows |= {f"captions in {name}": values for name, values in report["caption length"].items()}
    lines = [f"{name}: " + ", ".join(f"{key} {value}" for key, value in row.items()) for name, row in rows.items()]
    rates = ", ".join(f"{kind} {rate}" for kind, rate in report["accept rate"].items())
    lines.append(f"accept rate of edits: {rates or 'not counted'}")
    lines += [refusals(report["figures"])] if report["figures"] else []
    pictures, *broken = report["rules broken"].items()
    found = ", ".join(f"{rule} {count}" for rule, count in broken if count)
    lines.append(f"rules of legibility broken in {pictures[1]} pictures: {found or 'none'}")
    lines += near_duplicates.report_lines(report["near-duplicates"]) + leaks.report_lines(report["leaks"])
    return "\n".join(lines)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status: 1 if anything differs."""
    parser = cli.parser("verify", __doc__, EXAMPLE)
    parser.add_argument("dir", help="folder of a data set")
    cli.add_workers(parser)
    parser.add_argument("--limit", type=int, default=20, help="differences to report (default: 20)")
    parser.add_argument("--leaks", type=int, default=20000, help="families scorers train on (default: 20000; 0: none)")
    options = parser.parse_args(arguments)
    workers = options.workers
    found, differences, wrong = check_dataset(options.dir, workers, options.limit)
    report = {"differences": wrong, **summarise(found)}
    # What is broken cannot be learnt from.
    report["leaks"] = leaks.measure(options.dir, options.leaks, workers) if options.leaks > 0 and not wrong else {}
    with files.open_atomic(epath.Path(options.dir) / REPORT) as file:
        file.write(json.dumps(report, indent=1).encode())
    print(report_text(report))
    for line in differences:
        print(f"error: {line}", file=sys.stderr)
    if wrong > len(differences):
        print(f"error: {wrong - len(differences)} more differences", file=sys.stderr)
    print(f"{options.dir}: {wrong or 'no'} differences")
    return 1 if wrong else 0
