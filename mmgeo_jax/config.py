"""The settings of a run: a Python file, overrides from the command line, and what the run folder remembers.

A config file has `get_config() -> ml_collections.ConfigDict`; its values give each key its type.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from data_gen.shared import cli
from data_gen.shared import config as config_files
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic

EXAMPLE = """mmgeo train-{kind} --config=configs/{kind}_tiny.py --config.optim.lr=1e-3 --config.name=mine

Any value of the config file can be set with --config.KEY=VALUE; --help after --config=FILE lists the keys. The
same command on the same run goes on where it stopped, and skips what is done."""
# What a run may go on with although it has changed: what is computed in training does not depend on it.
FREE = r"eval\..*|workdir|train\.trackers|data\.workers|mesh\.fsdp"
FREE_UNTRAINED = FREE + r"|data\.real_dir"


def parse(arguments: Sequence[str] | None, command: str, what: str) -> ConfigDict:
    """The config that a command line names, locked. Raises UserError; exits 0 after --help."""
    parser = cli.parser(command, what, EXAMPLE.format(kind=command.removeprefix("train-")), add_help=False)
    parser.add_argument("--config", metavar="FILE", help="Python file with get_config()")
    parser.add_argument("-h", "--help", action="store_true", help="this text, and the keys of FILE")
    options, overrides = parser.parse_known_args(arguments)
    config = load(options.config, overrides) if options.config else None
    if options.help:
        keys = "".join(f"\n  --config.{key}={value}" for key, value in flatten(config).items()) if config else ""
        print(parser.format_help() + (f"\nkeys of {options.config}:{keys}" if keys else ""))
        parser.exit(0)
    if config is None:
        raise UserError("no config: give one with --config=configs/clip_tiny.py")
    return config


def load(path: str | Path, overrides: Sequence[str] = ()) -> ConfigDict:
    """Returns the config of a Python file with `--config.a.b=value` overrides applied, locked.

    Raises UserError if the file, a key or a value is wrong.
    """
    return config_files.load("config", path, overrides)


# ---------------------------------------------------------------- what a run remembers


def to_json(config: ConfigDict) -> str:
    """A config as indented JSON; tuples become lists."""
    return json.dumps(config.to_dict(), indent=1) + "\n"


def read(run_dir: str | Path) -> ConfigDict:
    """The config of a run, as it was run. Raises UserError where the folder holds none."""
    path = Path(run_dir) / "config.json"
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{run_dir} is no run's folder: it has no config.json") from None
    except ValueError:
        raise UserError(f"{path} is not JSON: was it edited? Start the run anew under another name") from None
    if not isinstance(found, dict) or "model" not in found:
        raise UserError(f"{run_dir} is no run's folder: its config.json says nothing of a model")
    return ConfigDict(found).lock()


def difference(old: ConfigDict, new: ConfigDict) -> dict[str, str]:
    """The keys in which two configs differ, as {"a.b": "1 -> 2"}."""
    before, after = (flatten(json.loads(to_json(config))) for config in (old, new))
    return {
        key: f"{before.get(key, 'none')} -> {after.get(key, 'none')}"
        for key in before | after
        if key not in before or key not in after or before[key] != after[key]
    }


def claim(run_dir: str | Path, config: ConfigDict) -> None:
    """Write config.json into a run folder, or compare it with the one that the run was begun with.

    Keys that training does not depend on (FREE) may differ. Raises UserError, naming the keys, where others do. A run
    that has no checkpoint has nothing to lose: it begins anew, without its tokenizer, where its config has changed.
    """
    run = Path(run_dir)
    run.mkdir(parents=True, exist_ok=True)
    if (run / "config.json").exists() and not any((run / "checkpoints").glob("*")):
        if difference(read(run), config):
            (run / "tokenizer.model").unlink(missing_ok=True)
    elif (run / "config.json").exists():
        changed = difference(read(run), config)
        free = FREE if config.data.get("train_on_real") else FREE_UNTRAINED
        fixed = [f"{key}: {change}" for key, change in changed.items() if not re.fullmatch(free, key)]
        if fixed:
            raise UserError(f"{run} was begun with another config ({', '.join(fixed)}): give another --config.name")
        if not changed:
            return
    with open_atomic(run / "config.json") as file:
        file.write(to_json(config).encode())
