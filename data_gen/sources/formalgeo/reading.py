"""Reads FormalGeo7k's problems, and checks that they are what they should be."""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from data_gen.language.fact import Fact
from data_gen.shared import files
from data_gen.shared.errors import UserError
from data_gen.shared.files import json_lines, resolve_inside
from data_gen.sources.formalgeo.annotations import annotation_files, number_of, read_annotations
from data_gen.sources.formalgeo.cdl import Unsayable, half_width, is_sound, parse_statement
from data_gen.sources.formalgeo.edits import PRINTED, Reading
from data_gen.sources.formalgeo.pixels import Figure, agrees, annotated_values, positions
from data_gen.sources.formalgeo.published import ADVICE, Corpus, is_published, problem_files, read_problems, split_of

SPLITS = ("train", "val")
KEYS = ("problem_id", "problem_text_en", "problem_img", "construction_cdl", "text_cdl", "image_cdl", "problem_answer")


def _is_text(value: Any) -> bool:
    """Returns whether it is a text of bearable length that UTF-8 can hold."""
    return isinstance(value, str) and len(value) <= files.MAX_TEXT and not re.search("[\ud800-\udfff]", value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_STATEMENTS and all(map(_is_text, value))


def _is_annotation(value: Any) -> bool:
    """Returns whether it is what Geometry3K's annotators left: pixels of points, and what they read; or nothing."""
    if value is None:
        return True
    if not isinstance(value, dict) or not _is_texts(value.get("diagram_logic_forms", [])):
        return False
    places = value.get("point_positions", {})
    return isinstance(places, dict) and all(isinstance(p, list) and len(p) == 2 and all(map(_is_px, p))
                                            for p in places.values())  # fmt: skip


def _is_px(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e6


STATED = ("construction_cdl", "text_cdl", "image_cdl", "theorem_seqs")
MAX_STATEMENTS = 200  # of a problem; a hundredfold would keep the balance busy for hours
CHECKS: dict[str, Callable[[Any], bool]] = {
    "problem_id": lambda value: type(value) is int and 0 <= value < 2**53,
    "problem_level": lambda value: type(value) is int and 0 <= value < 2**31,
    "problem_text_en": lambda value: _is_text(value) and bool(value.strip()),
    "problem_answer": _is_text,
    "problem_img": _is_text,
    **{key: _is_texts for key in STATED},
    "geometry3k_diagram": _is_annotation,
}


Root = str | Corpus


@cache
def load(root: Root, split: str) -> tuple[dict, ...]:
    """Returns the problems of a split. Raises UserError where the file is missing, or a line is not a problem."""
    corpus = _corpus(root)
    return tuple(_checked(where, problem) for where, problem in _rows(corpus, split))


def _corpus(root: Root) -> Corpus:
    return root if isinstance(root, Corpus) else Corpus(str(root))


def _rows(corpus: Corpus, split: str) -> Iterator[tuple[str, Any]]:
    """Yields (place, problem) of a split: of a file of rows, or of a file for each problem and their annotations."""
    if not is_published(corpus):
        yield from json_lines(resolve_inside(Path(corpus), f"{split}.jsonl", "spec.root"), ADVICE)
        return
    ids, annotations = split_of(corpus).ids[split], read_annotations(corpus.root)
    for where, problem in read_problems(corpus.root):
        if int(Path(where).stem) in ids:
            number = number_of(problem) if isinstance(problem, dict) else None
            if number in annotations and "geometry3k_diagram" not in problem:
                problem = problem | {"geometry3k_diagram": annotations[number]}
            yield where, problem


def _checked(where: str, problem: Any) -> dict:
    """Returns a problem; its level is the number of its theorems where it gives none. Raises UserError where it is no
    problem."""
    missing = [key for key in KEYS if not isinstance(problem, dict) or key not in problem]
    if missing:
        raise UserError(f"{where} has no '{missing[0]}': it is not a problem of FormalGeo7k")
    wrong = [key for key, good in CHECKS.items() if key in problem and not good(problem[key])]
    if wrong:
        raise UserError(f"{where}: '{wrong[0]}' is not what it is in FormalGeo7k: fetch the file again")
    narrow = {key: [half_width(text) for text in problem[key]] for key in STATED if key in problem}
    return {"problem_level": len(problem.get("theorem_seqs", ()))} | problem | narrow


def content(root: Root) -> str:
    """Hashes the problems of all splits that are there, how they are split, and the sizes of their pictures."""
    if is_published(root):
        corpus = _corpus(root)
        also = [path for path in (Path(root) / "info.json", *annotation_files(root)) if path.is_file()]
        found = [*problem_files(root), *also]
        rule = str(sorted((name, sorted(ids)) for name, ids in split_of(corpus).ids.items()))
    else:
        found, rule = [path for split in SPLITS if (path := Path(root) / f"{split}.jsonl").is_file()], ""
    pictures = (Path(root) / "diagrams").glob("*") if found else ()
    return files.digest_files(found, sorted(pictures)) + (hashlib.sha256(rule.encode()).hexdigest() if rule else "")


class Failure(NamedTuple):
    """A statement that our language cannot say."""

    problem_id: int
    statement: str
    why: str


def _parse(problem: dict, key: str, failures: list[Failure]) -> list[Fact]:
    facts: list[Fact] = []
    for statement in problem[key]:
        try:
            parsed = parse_statement(statement)
            facts += [parsed] if isinstance(parsed, Fact) else []
        except Unsayable as fault:
            failures.append(Failure(problem["problem_id"], statement, str(fault)))
    return list(dict.fromkeys(facts))


def read(problem: dict) -> tuple[Reading, list[Failure]]:
    """Returns a problem's facts and figure, and the statements that were left out."""
    failures: list[Failure] = []
    in_picture, in_text = _parse(problem, "image_cdl", failures), _parse(problem, "text_cdl", failures)
    _parse(problem, "construction_cdl", failures)
    figure = Figure.of(list(filter(is_sound, problem["construction_cdl"])), problem["text_cdl"] + problem["image_cdl"])
    in_picture, in_text = ([f for f in facts if set(f.args) <= set(figure.names)] for facts in (in_picture, in_text))
    annotation = problem.get("geometry3k_diagram")
    # FormalGeo has changed values that the pictures still show, and lists others that only the text tells.
    read_there = annotated_values(annotation)
    printed = tuple(f for f in in_picture if f.predicate in PRINTED and agrees(f.value or "", read_there))
    everything = tuple(dict.fromkeys(in_picture + in_text))
    reading = Reading(
        figure=figure,
        shown=tuple(f for f in everything if f.value is None),
        printed=printed,
        told=tuple(f for f in everything if f.value is not None and f not in printed),
        points=positions(figure, everything, annotation),
        lettered=_lettered(problem, annotation),
        proven=printed if annotation else (),
    )
    return reading, failures


def _lettered(problem: dict, annotation: dict | None) -> frozenset[str]:
    """Returns the names whose letters are surely in the picture: those that annotators placed there; without any, those
    that the problem's text speaks of, as FormalGeo also names points without a letter."""
    if annotation:
        return frozenset(annotation.get("point_positions", {}))
    texts = (str(problem.get(key, "")) for key in ("problem_text_en", "problem_text_cn"))
    return frozenset("".join(re.findall("(?<![A-Za-z])[A-Z]+(?![a-z])", half_width(" ".join(texts)))))


def parse_report(root: Root) -> tuple[int, list[Failure]]:
    """Returns (number of problems in both splits, every statement that did not parse)."""
    problems = [problem for split in SPLITS for problem in load(root, split)]
    return len(problems), [failure for problem in problems for failure in read(problem)[1]]


@cache
def readings(root: Root, split: str) -> tuple[Reading, ...]:
    return tuple(read(problem)[0] for problem in load(root, split))
