"""The settings of a run: a Python file, overrides from the command line, and what the run folder remembers.

A config file has `get_config() -> ml_collections.ConfigDict`; its values give each key its type.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from data_gen.shared import cli, own_json, ranges
from data_gen.shared import config as config_files
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from data_gen.shared.ranges import (
    COUNT,
    FLAG,
    NAME,
    NUMBER,
    PATTERN,
    POSITIVE,
    SEED,
    SHARE,
    SIZE,
    SOME,
    TEXT,
    WEIGHT,
    Rule,
    between,
    each,
    one_of,
    or_none,
    some_of,
)

EXAMPLE = """mmgeo train-{kind} --config=configs/{kind}_tiny.py --config.optim.lr=1e-3 --config.name=mine

Any value of the config file can be set with --config.KEY=VALUE; --help after --config=FILE lists the keys. The
same command on the same run resumes it, and skips what is finished."""
# Keys that may change when a run is resumed: the result of training does not depend on them.
MAY_CHANGE = r"eval\..*|workdir|train\.trackers|data\.workers|mesh\.fsdp"
MAY_CHANGE_UNTRAINED = MAY_CHANGE + r"|data\.real_dir"

EXAMPLES = {"train-clip": "clip_tiny", "train-lmm": "lmm_tiny"}  # configs that have every key
MASKS = ("in_batch", "mm_text", "mm_image", "mm", *(f"in_batch+{mm}" for mm in ("mm_text", "mm_image", "mm")))
MASKS += ("siblings", "family")
# a whole key, as a regular expression -> what it may be
RANGES: dict[str, Rule] = {
    "name": NAME,
    r"workdir|data\.(dir|real_dir|fingerprint|prompt_end)|init_from|decoder_from|tokenizer\.file": TEXT,
    "init_parts": some_of("image", "text", "projector", "decoder", mark="|"),
    r"train\.trackers": some_of("tensorboard", "wandb", mark=","),
    r"deterministic|data\.(show_images|train_on_real)": FLAG,
    r"model\..*\.(causal|class_token|first_norm|head|patch_head|head_bias|masked|post_norms|qk_norm|stem_bias)": FLAG,
    r"data\.task": one_of("captions", "numbers", "problems"),
    r"loss\.name": one_of("softmax", "sigmoid"),
    r"loss\.mask": one_of(*MASKS),
    r"model\.dtype": one_of("float32", "bfloat16"),
    r"model\.features": one_of("second_last", "last"),
    r"model\.projector": one_of("mlp", "linear"),
    r"model\.image\.stem": one_of("patch", "conv"),
    r"model\..*\.activation": one_of("gelu_tanh", "gelu", "quick_gelu"),
    r"model\..*\.pool": one_of("map", "mean", "last", "first"),
    r"model\..*\.remat": one_of("none", "dots", "full"),
    r"model\.init_bias": NUMBER,
    r"model\.text\.end_id": COUNT,
    "seed": SEED,
    r".*\.augment\..*|data\.asked\..*|.*_prob": SHARE,
    "data.workers": between(0, 1024),
    "data.retrieved_captions|eval.max_problems|lora.rank": COUNT,
    r"data\.(max_\w+|samples_per_row)|eval\.(max_tokens|batch_size|samples)|eval\.\w+_families": SOME,
    r".*\.size_px": SIZE,
    r"model\.image\.mean": each(between(-10, 10), 3),
    r"model\.image\.std": each(between(0, 10, above=True), 3),
    r"model\..*\.patch_budget": or_none(COUNT),  # 0 is all, as None is
    r"model\..*\.window": or_none(SOME),
    r"model\.captioner\.depth": COUNT,
    r"model\..*\.(attention_cap|final_cap|query_scalar)": or_none(POSITIVE),
    r"model\..*\.(width|depth|heads|kv_heads|head_dim|hidden|unroll|patch_px|length|vocab_size|global_every)": SOME,
    r"model\.embed|mesh\.fsdp|tokenizer\.(vocab_size|train_families)": SOME,
    r"model\..*\.(mlp_ratio|norm_epsilon|rope_base|local_rope_base|rope_scale)|model\.init_scale|lora\.alpha": POSITIVE,
    r"(later\.)?loss\.(\w+_weight|dense\.\w+|caption|distil)|eval\.temperature|optim\.weight_decay": WEIGHT,
    r"optim\.name": one_of("adamw", "muon"),
    r"optim\.lr": WEIGHT,
    r"optim\.clip": POSITIVE,
    r"optim\.b[12]": between(0, 1 - 1e-9),
    r"optim\.(warmup|restart)|train\.anchor_warmup": SHARE,
    r"optim\.freeze|lora\.kernels": PATTERN,
    r"train\.(steps|global_batch|micro_batches|eval_families|\w+_every)": SOME,
}


def parse_command_line(arguments: Sequence[str] | None, command: str, what: str) -> ConfigDict:
    """Returns the locked config that a command line names. Raises UserError; exits 0 after --help."""
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
    """Returns a Python file's config, `--config.a.b=value` applied, locked. Raises UserError if anything is wrong."""
    config = config_files.load("config", path, overrides)
    ranges.check("--config.", flatten(config), RANGES)
    return config


def check_whole(config: ConfigDict, command: str = "") -> None:
    """Raises UserError unless a config has all keys that its trainer reads: of `command`, or of the model's kind."""
    keys = flatten(config)
    decodes = any(key.startswith("model.decoder.") for key in keys)
    example = EXAMPLES[command or ("train-lmm" if decodes else "train-clip")]
    config_files.require_keys("the config", keys, flatten(load(example)), example)


def later(config: ConfigDict) -> ConfigDict:
    """Returns a config with the values of `later` in the place of its own. Raises UserError for a key that it lacks."""
    changed = config.copy_and_resolve_references()
    values, known = flatten(config.get("later", ConfigDict())), flatten(changed)
    for key in values:
        config_files.check_key("config", key, known)
    changed.update_from_flattened_dict(values)
    return changed


def to_json(config: ConfigDict) -> str:
    """Formats a config as indented JSON; tuples become lists."""
    return json.dumps(config.to_dict(), indent=1) + "\n"


def read_whole_config(run_dir: str | Path) -> ConfigDict:
    """Reads the config with which a run was started. Raises UserError where the folder holds none, or a broken one."""
    config, path = read_run_config(run_dir), Path(run_dir) / "config.json"
    kind = "lmm" if "decoder" in config.model else "two_tower"
    own_json.check(config.to_dict(), str(path), f"config.json of {kind}")
    ranges.check(f"{path}: ", flatten(config), RANGES)
    return config


def read_run_config(run_dir: str | Path) -> ConfigDict:
    """Reads a config that is only compared with another, so that it need not be whole."""
    path = Path(run_dir) / "config.json"
    try:
        return ConfigDict(own_json.read(path)).lock()
    except (ValueError, TypeError) as fault:  # a dot in a key
        raise UserError(f"{path} is not a run's config ({fault}): {own_json.FILES[path.name].remedy}") from None


def list_differences(old: ConfigDict, new: ConfigDict) -> dict[str, str]:
    """Returns the keys in which two configs differ, as {"a.b": "1 -> 2"}."""
    before, after = (flatten(json.loads(to_json(config))) for config in (old, new))
    return {
        key: f"{before.get(key, 'none')} -> {after.get(key, 'none')}"
        for key in before | after
        if key not in before or key not in after or before[key] != after[key]
    }


def lock_config(run_dir: str | Path, config: ConfigDict) -> None:
    """Writes config.json into a run's folder, or compares it with the one that the run was started with. Raises
    UserError, naming the keys, where others than MAY_CHANGE differ; a finished run may also get more steps. A run
    without a checkpoint has nothing to lose: if its config has changed, it starts over, without its tokenizer."""
    run = Path(run_dir)
    run.mkdir(parents=True, exist_ok=True)
    done = max((int(path.name) for path in (run / "checkpoints").glob("*") if path.name.isdigit()), default=0)
    if (run / "config.json").exists():
        old = read_run_config(run)
        changed = list_differences(old, config)
        if done:
            _check_changes(run, changed, done, old, config)
        elif changed:
            (run / "tokenizer.model").unlink(missing_ok=True)
        if done and not changed:
            return
    with open_atomic(run / "config.json") as file:
        file.write(to_json(config).encode())


def _check_changes(run: Path, changed: dict[str, str], done: int, old: ConfigDict, new: ConfigDict) -> None:
    """Raises UserError where a run with a checkpoint of step `done` cannot go on with a changed config."""
    before, steps = (flatten(each).get("train.steps", done) for each in (old, new))
    if steps < done:
        raise UserError(
            f"{run} has done {done} steps, and train.steps is {steps}: give {done} or more, or another --config.name"
        )
    finished = done in (before, steps)
    may_change = MAY_CHANGE if new.data.get("train_on_real") else MAY_CHANGE_UNTRAINED
    may_change += r"|train\.steps" * finished
    fixed = [f"{key}: {change}" for key, change in changed.items() if not re.fullmatch(may_change, key)]
    if fixed:
        advice = f"finish its {before} steps first, or " * (not finished and "train.steps" in changed)
        named = ", ".join(fixed)
        raise UserError(f"{run} was started with another config ({named}): {advice}give another --config.name")
