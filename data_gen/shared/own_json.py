"""Reads the JSON files that this project writes. `FILES` says what each must hold, and what to do where it does not.

Whatever else a damaged or edited file holds is one line, which names the file, the key, and what is wanted there.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from etils import epath

from data_gen.shared.errors import UserError
from data_gen.shared.files import parse_json
from data_gen.shared.ranges import Rule

MOST_DEPTH = 50  # objects and lists inside each other
LARGEST = 2**64
# What code that reads a stored text may raise where it is not what was written.
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
SHOWN = 60  # characters of a wrong value that an error repeats


def is_plain_name(value: Any) -> bool:
    """Returns whether a value names a file in a folder, and nothing outside of it."""
    named = isinstance(value, str) and value.isprintable() and 0 < len(value) <= 200 and "\\" not in value
    return named and os.path.basename(value) == value and value not in (".", "..")


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _interval(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_number, value)))


def _counts(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_whole, value))


def _offsets(value: Any) -> bool:
    rises = isinstance(value, list) and all(map(_whole, value)) and value == sorted(set(value))
    return rises and value[:1] in ([], [0])


OBJECT: Rule = (lambda value: isinstance(value, dict)), "an object"
OBJECT_OR_NULL: Rule = (lambda value: value is None or isinstance(value, dict)), "an object or null"
LIST: Rule = (lambda value: isinstance(value, list)), "a list"
TEXT: Rule = (lambda value: isinstance(value, str)), "a text"
TEXT_OR_NULL: Rule = (lambda value: value is None or isinstance(value, str)), "a text or null"
TEXTS: Rule = (
    (lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value)),
    "a list of texts",
)
FLAG: Rule = (lambda value: isinstance(value, bool)), "true or false"
WHOLE: Rule = _whole, "a whole number from 0"
SOME: Rule = (lambda value: _whole(value) and value > 0), "a whole number from 1"
NUMBER: Rule = _number, "a number"
NUMBER_OR_NULL: Rule = (lambda value: value is None or _number(value)), "a number or null"
INTERVAL: Rule = _interval, "two numbers or null"


class Form(NamedTuple):
    """What a file must hold. A key is "a.b"; "*" stands for every item of an object or a list, and a key that ends in
    "?" may be left out with all that it holds. What holds others comes before them."""

    noun: str
    keys: Mapping[str, Rule]
    remedy: str
    missing: str = "{path} is not there: {remedy}"


_BUILD = "run the build of its data set again"
_MAKE_INDEX = f"delete it and {_BUILD}, which makes what is missing"
_PUT_BACK = "put back what it was, or start the run anew under another name"
_REMAKE = "delete it and run the build again"
_NO_DATA = (
    "{folder} holds no finished data set (no manifest.json): make it with mmgeo data --spec=configs/... --out={folder}"
)
_EVALUATE = "evaluate the run again with --force"
_HIT = {"score": NUMBER_OR_NULL, "interval": INTERVAL, "chance": NUMBER_OR_NULL}


def _inside(place: str, keys: Mapping[str, Rule]) -> dict[str, Rule]:
    return {f"{place}.{key}": rule for key, rule in keys.items()}


# A test set in the eval.json of an encoder.
_SECTION: dict[str, Rule] = {
    "families": WHOLE, "chance": NUMBER_OR_NULL, "split?": TEXT, "by_kind": OBJECT, "by_kind.*": NUMBER_OR_NULL,
    **{f"{name}_hit1": NUMBER_OR_NULL for name in ("image", "text", "anchor_image", "anchor_text", "random")},
    **{f"{kind}_{name}_hit1?": NUMBER_OR_NULL for kind in ("untrained", "unimodal") for name in ("image", "text")},
    "intervals": OBJECT, "intervals.by_kind": OBJECT, "intervals.by_kind.*": INTERVAL,
    **{f"intervals.{name}_hit1": INTERVAL for name in ("image", "text", "anchor_image", "anchor_text", "random")},
    "details": OBJECT, "details.chance": OBJECT, "details.chance.*": NUMBER_OR_NULL,
    "details.by_kind": OBJECT, "details.by_kind.image": OBJECT, "details.by_kind.text": OBJECT,
    "details.by_kind.*.*": OBJECT, **_inside("details.by_kind.*.*", _HIT),
    "details.leaks": OBJECT, "details.leaks.anchors_only": OBJECT, "details.leaks.anchors_only.*": OBJECT,
    "details.leaks.anchors_only.*.all": OBJECT, **_inside("details.leaks.anchors_only.*.all", _HIT),
    "details.leaks.pairwise": OBJECT, "details.leaks.pairwise.*": OBJECT, **_inside("details.leaks.pairwise.*", _HIT),
}  # fmt: skip
_MADE: dict[str, Rule] = {
    "version?": WHOLE, "checkpoint_step": WHOLE, "run?": OBJECT,
}  # fmt: skip
_GROUP: dict[str, Rule] = {
    "accuracy": NUMBER, "interval": INTERVAL, "chance": NUMBER, "count": SOME, "right": WHOLE, "no_answer": WHOLE,
}  # fmt: skip

# What evaluation and inference read of a run's config.
_CONFIG: dict[str, Rule] = {
    "seed": WHOLE, "model": OBJECT, "model.image": OBJECT, "data": OBJECT, "data.dir": TEXT,
    "data.size_px": SOME, "data.max_tokens": SOME, "data.real_dir?": TEXT, "optim?": OBJECT,
}  # fmt: skip

FILES: dict[str, Form] = {
    # of a data set
    "spec.json": Form(
        "a spec",
        {
            "name": TEXT, "source": TEXT, "seed": WHOLE, "size_px": SOME, "shard_size": SOME,
            "families": OBJECT, "families.*": NUMBER,
        },
        "give another --out, or delete the folder",
    ),
    "schema_version": Form("a manifest", {"schema_version": WHOLE}, _REMAKE, _NO_DATA),
    "manifest.json": Form(
        "a manifest",
        {
            "schema_version": WHOLE, "name": TEXT, "seed?": WHOLE, "fingerprint?": TEXT,
            "versions?": OBJECT, "versions.*": TEXT,
            "splits": OBJECT, "splits.*": LIST, "splits.*.*": OBJECT, "splits.*.*.families": WHOLE,
            "splits.*.*.file": (is_plain_name, "the name of a file in the folder"),
            "splits.*.*.bytes": WHOLE, "splits.*.*.sha256": TEXT,
        },
        _REMAKE,
        _NO_DATA,
    ),
    "index.json": Form(
        "an index",
        {
            "fingerprint": TEXT, "sha256": TEXT, "bytes": WHOLE,
            "offsets": (_offsets, "a list of whole numbers that rises from 0"),
            "proposals?": OBJECT, "proposals.*": (_counts, "two whole numbers"),
            "figures?": OBJECT, "figures.tried": WHOLE, "figures.*": WHOLE,
            "broken?": LIST, "broken.*": TEXT,
            "pictures?": OBJECT, "pictures.*": LIST, "pictures.*.0": SOME, "pictures.*.1": TEXT,
        },
        _MAKE_INDEX,
        f"{{path}} is missing: {_BUILD}, which makes what is missing",
    ),
    # of a run
    "config.json": Form(
        "a run's config",
        {"model": OBJECT},
        _PUT_BACK,
        "{folder} is no run's folder: it has no config.json",
    ),
    "config.json of two_tower": Form(
        "a run's config",
        {**_CONFIG, "model.text": OBJECT, "loss": OBJECT, "loss.name": TEXT},
        _PUT_BACK,
    ),
    "config.json of lmm": Form(
        "a run's config",
        {
            **_CONFIG, "model.decoder": OBJECT, "data.show_images": FLAG, "data.prompt_end": TEXT, "data.task": TEXT,
            "eval": OBJECT, "eval.max_problems": WHOLE, "eval.max_tokens": SOME, "eval.samples": SOME,
            "eval.temperature": NUMBER, "eval.batch_size": SOME,
            "lora?": OBJECT, "lora.rank": WHOLE, "lora.alpha": NUMBER, "lora.kernels": TEXT,
            "optim": OBJECT, "optim.freeze": TEXT,
        },
        _PUT_BACK,
    ),
    "metrics.jsonl": Form("a line of a log", {"step": WHOLE, "*": NUMBER}, "it is a run's log, which training writes"),
    "metrics": Form("what validation found", {"*": NUMBER}, "its checkpoint stays, without what validation found"),
    "eval.json": Form(
        "a run's scores",
        {
            **_MADE,
            **{f"{name}?": OBJECT_OR_NULL for name in ("synthetic", "real")},
            **_inside("synthetic", _SECTION), **_inside("real", _SECTION),
        },
        _EVALUATE,
        "no eval.json in {folder}: evaluate the run first (make eval RUN={folder})",
    ),
    "eval.json of lmm": Form(
        "a run's scores",
        {
            **_MADE, "tokens_per_s": NUMBER, "scores": OBJECT, "scores.*": OBJECT, "scores.*.*": OBJECT,
            **_inside("scores.*.*", _GROUP), "scores.all": OBJECT, "scores.all.all": OBJECT,
        },
        _EVALUATE,
        "no eval.json in {folder}: evaluate the run first (make eval RUN={folder})",
    ),
    "answers.jsonl": Form(
        "an answer",
        {"key": TEXT, "right": FLAG, "parsed": TEXT_OR_NULL, "response": TEXT},
        _EVALUATE,
        "no answers.jsonl in {folder}: evaluate the run first (make eval RUN={folder})",
    ),
}  # fmt: skip


# ---- reading ------------------------------------------------------------------------------------------------------


def read(path: epath.PathLike, form: str = "") -> dict[str, Any]:
    """Returns the object of a file, which fits its row of FILES, by default that of its name. Raises UserError."""
    path = epath.Path(path)
    return parse(read_bytes(path, form), str(path), form or path.name)


def read_bytes(path: epath.PathLike, form: str = "") -> bytes:
    """Returns the bytes of a plain file. Raises UserError, in the words of its row of FILES, where there is none; for a
    folder; and for a pipe, which might never end."""
    path = epath.Path(path)
    row = FILES[form or path.name]
    local = Path(os.fspath(path))  # epath takes all but folders for files
    try:
        if local.exists() and not local.is_file():
            raise UserError(f"{path} is no plain file: delete it and {row.remedy.removeprefix('delete it and ')}")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(row.missing.format(path=path, folder=path.parent, remedy=row.remedy)) from None
    except OSError as fault:
        raise UserError(f"{path} cannot be read ({fault.strerror}): permit it") from None


def parse(data: bytes | str, where: str, form: str) -> dict[str, Any]:
    """Returns the object of a JSON text, which fits a row of FILES. Raises UserError, which says `where`, if not."""
    row = FILES[form]
    try:
        value = parse_json(data, "it")
    except UserError as fault:
        raise UserError(f"{where} is not {row.noun} ({str(fault).rpartition(': ')[0]}): {row.remedy}") from None
    check(value, where, form)
    return value


def check(value: Any, where: str, form: str) -> None:
    """Raises UserError, which says `where`, unless a value of JSON fits a row of FILES."""
    row = FILES[form]
    for key, found, wanted in _faults(value, row.keys):
        raise UserError(f"{where} is not {row.noun} ({key} is {found}, and {wanted} is wanted): {row.remedy}")


def read_lines(path: epath.PathLike, form: str = "") -> list[dict[str, Any]]:
    """Returns the objects of a file of JSON lines. Lines that do not fit its row of FILES are left out, with a warning
    that counts them. Raises UserError as `read_bytes` does."""
    path = epath.Path(path)
    good, faults = [], []
    for number, line in enumerate(read_bytes(path, form).split(b"\n"), 1):
        if line.strip():
            try:
                good.append(parse(line, f"{path} line {number}", form or path.name))
            except UserError as fault:
                faults.append(str(fault))
    if faults:
        more = f" (and {len(faults) - 1} more lines)" if len(faults) > 1 else ""
        print(f"warning: a line is left out{more}: {faults[0]}", file=sys.stderr)
    return good


# ---- checking -----------------------------------------------------------------------------------------------------


def _faults(value: Any, keys: Mapping[str, Rule]) -> Iterator[tuple[str, str, str]]:
    """Yields (key, what is there, what is wanted), the first of which counts."""
    if not isinstance(value, dict):
        yield "what it holds", show(value), "an object"
        return
    yield from _unplain(value)
    for key, (fits, wanted) in keys.items():
        *parents, last = key.removesuffix("?").split(".")
        for place, holder in _holders(value, parents):
            for name in _names(holder, last):
                found = holder[name] if name is not None else None
                if name is None and not key.endswith("?"):
                    yield f"{place}{last}", "not there", wanted
                elif name is not None and not fits(found):
                    yield f"{place}{name}", show(found), wanted


def _holders(value: Any, parents: list[str], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (its key with a dot, value) of each object and list at a place; none where what holds it is not there."""
    if not parents:
        if isinstance(value, dict | list):
            yield place, value
        return
    for name in _names(value, parents[0]):
        if name is not None:
            yield from _holders(value[name], parents[1:], f"{place}{name}.")


def _names(holder: Any, name: str) -> list[Any]:
    """Returns the keys of an object, or the numbers of a list, that a part of a key stands for; [None] for none."""
    if isinstance(holder, dict):
        return list(holder) if name == "*" else [name if name in holder else None]
    if isinstance(holder, list):
        numbers = list(range(len(holder)))
        return numbers if name == "*" else [int(name) if name.isdigit() and int(name) < len(holder) else None]
    return []


def _unplain(value: Any) -> Iterator[tuple[str, str, str]]:
    """Yields what no file of ours holds: values nested deep, numbers beyond all bounds, halves of characters."""
    left: list[tuple[str, Any, int]] = [("", value, 0)]
    while left:
        place, value, depth = left.pop()
        if isinstance(value, dict | list):
            if depth > MOST_DEPTH:
                yield place[:SHOWN], "nested", f"at most {MOST_DEPTH} levels"
                return
            items = value.items() if isinstance(value, dict) else enumerate(value)
            left += [(f"{place}.{name}" if place else str(name), item, depth + 1) for name, item in items]
            for name in value if isinstance(value, dict) else ():
                left.append((place, name, depth + 1))
        elif isinstance(value, str) and not _is_whole_text(value):
            yield place, "a text with half a character", "whole text"
        elif isinstance(value, float) and not math.isfinite(value):
            yield place, show(value), "a finite number"
        elif type(value) is int and abs(value) >= LARGEST:
            yield place, "a longer number", "one of at most 64 bits"


def _is_whole_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def show(value: Any) -> str:
    """Returns a wrong value as an error repeats it, cut where it is long."""
    if isinstance(value, dict | list) and len(value) > 3:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def guard(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function that reads JSON of a record. Raises UserError, which says `what` does not read, for whatever it
    raises where the text is not what was written."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except UNREADABLE as fault:
        raise UserError(f"{what} does not read ({type(fault).__name__}: {' '.join(str(fault).split())[:80]})") from None
