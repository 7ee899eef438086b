"""FormalGeo7k as it is published: `problems/1.json`, one problem a file, `diagrams/`, `info.json` and perhaps `files/`.

Problems are split by a written rule, a key of `RULES`:

  published  FormalGeo's own: `files/problem_split_3_1_1_619.json` where it is there, else the draw that makes that
             file, by the numbers of `problem_split` in `info.json`, 3 : 1 : 1 with the seed 619 where it gives none
  clusters   the list of `clusters.json`, where problems with nearly the same diagram are in one split

Source of the draw: github FormalGeo/FormalGeo, formalgeo/data/data.py (get_problem_split).
"""

import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data_gen.shared import files
from data_gen.shared.errors import UserError

ADVICE = (
    "give the folder of FormalGeo7k: as published, with problems/ and diagrams/, or with train.jsonl, val.jsonl and "
    "diagrams/"
)
ROOT_HELP = "folder of FormalGeo7k: problems/ and diagrams/ as published, or train.jsonl, val.jsonl and diagrams/"
SPLITS = ("train", "val", "test")
RULES = ("published", "clusters")
DEFAULT_SPLIT = (3, 1, 1, 619)  # shares of train, val and test, and the seed
CLUSTERS = Path(__file__).with_name("clusters.json")
MOST_PROBLEMS = 1_000_000


@dataclass(frozen=True)
class Corpus:
    """A folder of FormalGeo7k, a path like any other, and the rule that splits it where its files do not."""

    root: str
    split_by: str = RULES[0]

    def __fspath__(self) -> str:
        """Returns the folder."""
        return self.root

    def __str__(self) -> str:
        """Returns the folder, for errors."""
        return self.root


def corpus_of(spec: Any) -> Corpus:
    """Returns the folder and the rule of a spec. Raises UserError for a rule that is none."""
    rule = getattr(spec, "split_by", RULES[0])
    if rule not in RULES:
        raise UserError(f"spec.split_by={rule!r} is no rule: take one of {', '.join(RULES)}")
    return Corpus(str(spec.root), rule)


def is_published(root: str | os.PathLike) -> bool:
    """Returns whether a folder has a file for each problem, and no file for each split."""
    folder = Path(root)
    return (folder / "problems").is_dir() and not any((folder / f"{split}.jsonl").is_file() for split in SPLITS)


def problem_files(root: str | os.PathLike) -> list[Path]:
    """Returns the files of problems by number. Raises UserError where there are none."""
    folder = files.resolve_inside(Path(root), "problems", "spec.root")
    found = [path for path in folder.glob("*.json") if re.fullmatch(r"\d{1,9}", path.stem, re.ASCII)]
    if not found:
        raise UserError(f"{Path(root) / 'problems'} has no problem, such as 1.json: {ADVICE}")
    if len(found) > MOST_PROBLEMS:
        raise UserError(f"{Path(root) / 'problems'} has more than {MOST_PROBLEMS} files: {ADVICE}")
    return sorted(found, key=lambda path: int(path.stem))


@cache
def read_problems(root: str) -> tuple[tuple[str, Any], ...]:
    """Returns (place, problem) of every file; only its number is checked. Raises UserError for one that is no JSON."""
    return tuple(_read(root))


def _read(root: str) -> Iterator[tuple[str, Any]]:
    for path in problem_files(root):
        path = files.resolve_inside(path.parent, path.name, str(path))
        problem = files.parse_json(files.read_bytes(path, ADVICE), str(path))
        number = problem.get("problem_id") if isinstance(problem, dict) else None
        if number is not None and number != int(path.stem):
            raise UserError(f"{path}: its problem_id is {str(number)[:20]}, not {path.stem}: fetch the file again")
        yield str(path), problem


# ---- splits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Which problems each split has, and the rule, in words."""

    rule: str
    ids: dict[str, frozenset[int]]


@cache
def split_of(corpus: Corpus) -> Split:
    """Returns the split of a folder as it is published. Raises UserError where its own files say something else."""
    there = frozenset(int(path.stem) for path in problem_files(corpus))
    split = _by_clusters() if corpus.split_by == "clusters" else _as_published(corpus, max(there))
    return Split(split.rule, {name: ids & there for name, ids in split.ids.items()})


def describe(corpus: Corpus) -> str:
    """Says how a folder as it is published is split, "" for one with a file for each split."""
    if not is_published(corpus):
        return ""
    split = split_of(corpus)
    sizes = ", ".join(f"{name} {len(ids)}" for name, ids in split.ids.items())
    missing = len(problem_files(corpus)) - sum(map(len, split.ids.values()))
    return f"problems split {split.rule}: {sizes}" + f", {missing} in none" * bool(missing)


def _by_clusters() -> Split:
    listed = json.loads(CLUSTERS.read_text())
    apart = {name: _numbers(listed[name]) for name in ("val", "test")}
    train = frozenset(range(1, listed["last"] + 1)) - apart["val"] - apart["test"]
    return Split("by clusters of like diagrams (clusters.json)", {"train": train, **apart})


def _numbers(ranges: list[int | list[int]]) -> frozenset[int]:
    """Returns the numbers of a list of numbers and of ranges [first, last]."""
    return frozenset(n for r in ranges for n in (range(r[0], r[1] + 1) if isinstance(r, list) else (r,)))


def _as_published(corpus: Corpus, last: int) -> Split:
    shares, said, count = _shares(corpus)
    name = "problem_split_{}_{}_{}_{}.json".format(*shares)
    listed = Path(corpus) / "files" / name
    if listed.is_file():
        where = str(listed)
        found = files.parse_json(
            files.read_bytes(files.resolve_inside(Path(corpus), f"files/{name}", where), ADVICE), where
        )
        split = found.get("split") if isinstance(found, dict) else None
        if not isinstance(split, dict) or not all(_is_ids(split.get(part)) for part in SPLITS):
            raise UserError(f"{listed} has no lists of numbers 'train', 'val' and 'test' in 'split': fetch it again, "
                            f"or take it away")  # fmt: skip
        ids = {part: frozenset(split[part]) for part in SPLITS}
        if sum(map(len, ids.values())) != len(frozenset().union(*ids.values())):
            raise UserError(f"{listed} has a problem in two splits: fetch it again, or take it away")
        return Split(f"as files/{name} says", ids)
    return Split("{}:{}:{} with the seed {}, ".format(*shares) + said, _drawn(shares, count or last))


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n > 0 for n in value)


def _shares(corpus: Corpus) -> tuple[tuple[int, ...], str, int | None]:
    """Returns (shares of the splits and the seed, who says so, number of problems) of `info.json`, or our default."""
    path = Path(corpus) / "info.json"
    if not path.is_file():
        return DEFAULT_SPLIT, "as FormalGeo splits it", None
    info = files.parse_json(
        files.read_bytes(files.resolve_inside(Path(corpus), path.name, str(path)), ADVICE), str(path)
    )
    if not isinstance(info, dict):
        raise UserError(f"{path} is no object of JSON: fetch the file again")
    split, count = info.get("problem_split", list(DEFAULT_SPLIT)), info.get("problem_number")
    if not (isinstance(split, list) and len(split) == 4 and all(type(n) is int and 0 <= n < 2**31 for n in split)
            and 0 < sum(split[:3]) <= 10_000):  # fmt: skip
        raise UserError(f"{path}: 'problem_split' must be three shares and a seed, such as [3, 1, 1, 619]")
    if count is not None and not (type(count) is int and 0 < count <= MOST_PROBLEMS):
        raise UserError(f"{path}: 'problem_number' must be a whole number from 1 to {MOST_PROBLEMS}")
    return tuple(split), "as info.json says" if "problem_split" in info else "as FormalGeo splits it", count


def _drawn(shares: tuple[int, ...], count: int) -> dict[str, frozenset[int]]:
    """Draws the split as FormalGeo does: test from all numbers, val from those that are left, the others are train."""
    train_share, val_share, test_share, seed = shares
    total, rng = train_share + val_share + test_share, random.Random(seed)
    numbers = list(range(1, count + 1))
    test = frozenset(rng.sample(numbers, int(count * test_share / total)))
    numbers = [n for n in numbers if n not in test]
    val = frozenset(rng.sample(numbers, int(count * val_share / total)))
    return {"train": frozenset(numbers) - val, "val": val, "test": test}
