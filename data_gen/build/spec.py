"""The spec of a data set: which keys every spec must have, and the fingerprint that its shards carry."""

import hashlib
import json
import re

from ml_collections import ConfigDict

from data_gen.records import schema
from data_gen.shared import config, ranges
from data_gen.shared.errors import UserError
from data_gen.sources.formalgeo import published

REQUIRED = {"name": str, "source": str, "seed": int, "size_px": int, "shard_size": int, "families": ConfigDict}
EXAMPLES = {"synthetic": "data_tiny"}  # a spec with every key of a source, where its name is not data_SOURCE

SPEC: dict[str, ranges.Rule] = {
    "seed|shard_size": ranges.COUNT,
    "size_px": ranges.SIZE,
    r"families\..*|text_only|leaves": ranges.COUNT,
    r"shares\..*|leads\..*|mix\..*": ranges.WEIGHT,
    "cube_share|in_picture": ranges.SHARE,
    "choices|answers": ranges.SOME,
    "root|file|name|source|letters|profile": ranges.TEXT,
    "split_by": ranges.one_of(*published.RULES),
    "files|kinds": ranges.each(ranges.TEXT),
    "difficulty": ranges.COUNT,
    "difficulties": ranges.each(ranges.COUNT),
}


def load_spec(path: str, overrides: list[str]) -> ConfigDict:
    """Returns the spec of a Python file with `--spec.a.b=value` overrides applied. Raises UserError if the file, a key
    or a value is wrong."""
    spec = config.load("spec", path, overrides)
    for key, kind in REQUIRED.items():
        if not isinstance(spec.get(key), kind):
            raise UserError(f"{path}: '{key}' is missing or not of type {kind.__name__}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", spec.name):
        raise UserError(f"{path}: name '{spec.name}' is not small letters, digits and underscores")
    if spec.shard_size < 1:
        raise UserError(f"{path}: shard_size is {spec.shard_size}, at least 1 is needed")
    ranges.check("--spec.", config.flatten(spec), SPEC)
    example = EXAMPLES.get(spec.source, f"data_{spec.source}")
    if example in config.shipped():
        config.require_keys(path, spec, config.load("spec", example), example)
    return spec


def fingerprint(spec: ConfigDict, content: str = "") -> str:
    """Returns the hash that ties a shard to its spec, to the schema's version and, where its source reads files, to
    their `content`, so that a build after an edit makes it again."""
    text = json.dumps(spec.to_dict(), sort_keys=True) + content
    return hashlib.sha256(f"{schema.SCHEMA_VERSION} {text}".encode()).hexdigest()
