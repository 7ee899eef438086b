"""The spec of a data set: a Python file, overrides from the command line, and what must be in it."""

import ast
import contextlib
import difflib
import hashlib
import json
import os
import re
import runpy
from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from data_gen.records import schema
from data_gen.shared.errors import UserError

REQUIRED = {
    "name": str,
    "source": str,
    "seed": int,
    "size_px": int,
    "shard_size": int,
    "families": ConfigDict,
}


def load_spec(path: str, overrides: list[str]) -> ConfigDict:
    """The ConfigDict that `get_spec()` of a Python file returns, with `--spec.a.b=value` overrides applied.

    Raises UserError where the file, a key or a value is wrong.
    """
    if not os.path.isfile(path):
        raise UserError(f"spec file {path} is not there: give one with --spec=configs/....py")
    try:
        spec = runpy.run_path(path)["get_spec"]()
    except Exception as fault:  # it is the user's own code
        raise UserError(f"get_spec() of {path} does not run: {fault!r}") from None
    for override in overrides:
        _override(spec, override)
    _check_spec(spec, path)
    return spec


def _override(spec: ConfigDict, override: str) -> None:
    match = re.fullmatch(r"--spec\.([\w.]+)=(.*)", override, re.DOTALL)
    if match is None:
        raise UserError(f"'{override}' is not understood: overrides are --spec.KEY=VALUE")
    key, text = match.groups()
    known = dict(flat(spec.to_dict()))
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0)
        raise UserError(f"the spec has no key '{key}': did you mean '{near[0]}'?")
    value: Any = text
    if not isinstance(known[key], str):
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(text)
    *parents, leaf = key.split(".")
    for parent in parents:
        spec = spec[parent]
    try:
        spec[leaf] = value
    except (TypeError, ValueError):
        kind = type(known[key]).__name__
        raise UserError(f"--spec.{key}={text} is not of the type of its default, {kind}") from None


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree of dictionaries, as ("a.b", value)."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _check_spec(spec: ConfigDict, path: str) -> None:
    for key, kind in REQUIRED.items():
        if not isinstance(spec.get(key), kind):
            raise UserError(f"{path}: '{key}' is missing, or is no {kind.__name__}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", spec.name):
        raise UserError(f"{path}: name '{spec.name}' is not small letters, digits and underscores")
    if spec.shard_size < 1:
        raise UserError(f"{path}: shard_size is {spec.shard_size}, at least 1 is needed")


def fingerprint(spec: ConfigDict) -> str:
    """What a shard of this spec carries, and no shard of another."""
    text = json.dumps(spec.to_dict(), sort_keys=True)
    return hashlib.sha256(f"{schema.SCHEMA_VERSION} {text}".encode()).hexdigest()
