"""Python config files: a function that returns a ConfigDict, whose values give each key its type, and overrides.

Serves the spec of a data set (`get_spec()`, `--spec.KEY=VALUE`) and the config of a run (`get_config()`,
`--config.KEY=VALUE`).
"""

import ast
import difflib
import re
import runpy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from data_gen.shared.files import expand_home

# Where the config files that come with the package are: in a checkout, and where it is installed.
SHIPPED = [Path(__file__).parents[2] / folder for folder in ("configs", "mmgeo_configs")]


def load(noun: str, path: str | Path, overrides: Sequence[str] = ()) -> ConfigDict:
    """Returns the ConfigDict, locked, of a file's `get_<noun>()`, with `--<noun>.a.b=value` overrides applied; ~/ is
    the user's home. `path` may also name a config that comes with the package: `clip_tiny` or `configs/clip_tiny.py`,
    in any folder. Raises UserError if the file, a key or a value is wrong."""
    file = _find(noun, Path(path).expanduser())
    try:
        config = runpy.run_path(str(file))[f"get_{noun}"]()
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # it is the user's own code, and may call sys.exit
        raise UserError(f"get_{noun}() of {path} fails: {' '.join(repr(fault).split())[:300]}") from None
    if not isinstance(config, ConfigDict):
        raise UserError(f"get_{noun}() of {path} returns a {type(config).__name__}: it must return a ConfigDict")
    config.lock()
    for override in overrides:
        _apply(noun, config, override)
    paths = {key: value for key, value in flatten(config).items() if isinstance(value, str) and value.startswith("~")}
    config.update_from_flattened_dict({key: expand_home(path) for key, path in paths.items()})
    return config


def shipped() -> dict[str, Path]:
    """Returns the configs that come with the package: name -> file."""
    return {file.stem: file for folder in SHIPPED for file in folder.glob("*.py")}


def _find(noun: str, path: Path) -> Path:
    if path.is_file():
        return path
    files = shipped()
    if str(path.parent) in (".", "configs") and path.stem in files:
        return files[path.stem]
    near = difflib.get_close_matches(path.stem, files, n=1, cutoff=0)
    raise UserError(f"{noun} file {path} does not exist: give the path of one, or a name such as --{noun}={near[0]}")


def check_key(noun: str, key: str, known: Iterable[str]) -> None:
    """Raises UserError for a key that is not among the known ones, naming the nearest of them."""
    known = list(known)
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0)
        raise UserError(f"the {noun} has no key '{key}': did you mean '{near[0]}'?")


def require_keys(where: str, found: Iterable[str], wanted: Iterable[str], example: str) -> None:
    """Raises UserError where keys are missing, naming the first of them and the config to begin with."""
    if missing := sorted({*wanted} - {*found}):
        more = f" and {len(missing) - 1} more keys" if len(missing) > 1 else ""
        raise UserError(f"{where} lacks '{missing[0]}'{more}: begin with configs/{example}.py, and change it")


def flatten(tree: ConfigDict | Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of nested dictionaries as {"a.b": value}."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, ConfigDict | dict)
        leaves |= flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return leaves


def _apply(noun: str, config: ConfigDict, override: str) -> None:
    match = re.fullmatch(rf"--{noun}\.([\w.]+)=(.*)", override, re.DOTALL)
    if match is None:
        raise UserError(f"'{override}' is not understood: overrides are --{noun}.KEY=VALUE, without spaces")
    key, text = match.groups()
    check_key(noun, key, flatten(config))
    *parents, leaf = key.split(".")
    for parent in parents:
        config = config[parent]
    kind, old = config.get_type(leaf), config[leaf]
    try:
        config[leaf] = None if text == "None" and (old is None or kind is type(None)) else PARSERS[kind](text, old)
    except (KeyError, ValueError, SyntaxError, TypeError):
        raise UserError(f"--{noun}.{key}={text} is not of type {kind.__name__} (its default is {old!r})") from None


def _sequence(text: str, old: Sequence[Any]) -> tuple[Any, ...]:
    """Parses "(0.1, 0.5)" or "0.1,0.5", each value as the type of the old values if they share one."""
    value = ast.literal_eval(text)
    value = tuple(value) if isinstance(value, tuple | list) else (value,)
    kinds = {type(each) for each in old}
    return tuple(PARSERS[kind](str(each), each) for kind in kinds for each in value) if len(kinds) == 1 else value


# type of a key's default -> (text, default) -> value; raises KeyError or ValueError if the text is not of the type
PARSERS: dict[type, Callable[[str, Any], Any]] = {
    str: lambda text, _: text,
    bool: lambda text, _: {"true": True, "false": False}[text.lower()],
    int: lambda text, _: int(text),
    float: lambda text, _: float(text),
    tuple: _sequence,
    list: _sequence,
}
