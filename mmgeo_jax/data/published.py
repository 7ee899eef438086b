"""Opens what others publish with a model's weights: plain files of its folder, and JSON whose values are checked.

`RULES` says what each setting must be, whichever file holds it; `Settings` looks it up when a value is read, so that no
size of a config.json reaches an allocation unchecked.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from data_gen.shared.errors import UserError
from data_gen.shared.files import parse_json, resolve_inside

POINTER = b"version https://git-lfs"  # how the file begins that Git LFS leaves in place of a large one
MOST_JSON = 64 * 2**20  # bytes of a config
MOST_VOCAB = 2**21
SHOWN = 60  # characters of a faulty value that an error repeats
ACTIVATIONS = {"gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "quick_gelu": "quick_gelu"}


# ---- files --------------------------------------------------------------------------------------------------------


def require_file(path: Path, folder: Path | None = None) -> Path:
    """Returns the path of a file that can be read, resolved where it must lie in `folder`. Raises UserError for what is
    missing, is a folder, pipe or device, may not be read, leads out of the folder, or stands for a file of Git LFS."""
    if folder is not None:
        root = _root(folder.absolute())
        path = resolve_inside(root, str(path.absolute().relative_to(root)), str(folder))
    try:
        if not path.exists():
            raise UserError(f"{path} is not there")
        if not path.is_file():
            raise UserError(f"{path} is a {'folder' if path.is_dir() else 'pipe or device'}, and a file is wanted")
        with open(path, "rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise UserError(f"{path} is a pointer of Git LFS, not the file itself: fetch it with git lfs pull")
    except OSError as fault:
        raise UserError(f"{path} cannot be read: {fault.strerror}") from None
    return path


def _root(folder: Path) -> Path:
    """Returns the folder that links of a published folder must stay in: in Hugging Face's cache, whose
    models--NAME/snapshots/REVISION has links to models--NAME/blobs, it is models--NAME."""
    return folder.parents[1] if folder.parent.name == "snapshots" else folder


def is_present(path: Path) -> bool:
    """Returns whether there is anything at a path, a broken link and a pipe too."""
    return path.is_symlink() or path.exists()


# ---- JSON ---------------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """What a setting must be, in words and as a function of the value."""

    wanted: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e30 and math.isfinite(value)


def _whole(low: int, high: int) -> Rule:
    return Rule(f"a whole number from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def _above(low: float, high: float) -> Rule:
    return Rule(f"a number above {low:g} and up to {high:g}", lambda value: _is_number(value) and low < value <= high)


def _or_null(rule: Rule) -> Rule:
    return Rule(f"{rule.wanted}, or null", lambda value: value is None or rule.fits(value))


def _channels(rule: Rule) -> Rule:
    def fits(value: Any) -> bool:
        return rule.fits(value) or (isinstance(value, list | tuple) and len(value) == 3 and all(map(rule.fits, value)))

    return Rule(f"{rule.wanted}, or three of them", fits)


def _text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _token(value: Any) -> bool:
    text = value.get("content") if isinstance(value, dict) else value
    return value is None or (isinstance(text, str) and not any("\ud800" <= sign <= "\udfff" for sign in text))


TEXT = Rule("a text", _text)
OBJECT = Rule("an object", lambda value: isinstance(value, dict))
NUMBER = Rule("a number", _is_number)
FLAG = Rule("true, false or null", lambda value: value is None or isinstance(value, bool))
TOKEN = Rule('a text, an object with a "content", or null', _token)
TEXTS = Rule("a list of texts, or null",
             lambda value: value is None or (isinstance(value, list) and all(map(_text, value))))  # fmt: skip
WIDTH, HEADS, PIXELS = _whole(1, 2**17), _whole(1, 2**12), _whole(1, 2**13)
SQUARE = Rule("a number of pixels, or an object of them",
              lambda value: isinstance(value, dict) or PIXELS.fits(value))  # fmt: skip
RULES: dict[str, Rule] = {
    # which model, and its parts
    "model_type": TEXT, "vision_config": OBJECT, "text_config": OBJECT,
    # any transformer
    "hidden_size": WIDTH, "intermediate_size": _whole(1, 2**20), "num_hidden_layers": _whole(1, 1000),
    "num_attention_heads": HEADS, "layer_norm_eps": _above(0, 1),
    "hidden_act": Rule(f"one of {', '.join(ACTIVATIONS)}", lambda value: _text(value) and value in ACTIVATIONS),
    "vocab_size": _whole(1, MOST_VOCAB), "max_position_embeddings": _whole(1, 2**20),
    # image towers
    "image_size": PIXELS, "patch_size": PIXELS, "image_mean": _channels(NUMBER), "image_std": _channels(_above(0, 1e6)),
    # how a folder's pictures are prepared
    "size": SQUARE, "crop_size": SQUARE, "shortest_edge": PIXELS, "height": PIXELS, "width": PIXELS,
    "resample": _whole(0, 5), "rescale_factor": _above(0, 255), "image_processor_type": _or_null(TEXT),
    "feature_extractor_type": _or_null(TEXT),
    **{key: FLAG for key in ("do_resize", "do_rescale", "do_normalize", "do_center_crop", "do_pad")},
    # SigLIP's and CLIP's ends
    "projection_size": WIDTH, "projection_dim": WIDTH, "eos_token_id": _whole(0, MOST_VOCAB),
    # Gemma
    "num_key_value_heads": HEADS, "head_dim": _whole(1, 2**14), "rms_norm_eps": _above(0, 1),
    "query_pre_attn_scalar": _above(0, 1e6), "sliding_window": _or_null(_whole(1, 2**30)),
    "attn_logit_softcapping": _or_null(_above(0, 1e6)), "final_logit_softcapping": _or_null(_above(0, 1e6)),
    "sliding_window_pattern": _whole(1, 10**6), "_sliding_window_pattern": _whole(1, 10**6), "layer_types": TEXTS,
    "rope_theta": _above(0, 1e12), "rope_local_base_freq": _above(0, 1e12), "factor": _or_null(_above(0, 1e6)),
    "rope_type": TEXT, "type": TEXT, "rope_scaling": _or_null(OBJECT), "rope_parameters": _or_null(OBJECT),
    "full_attention": OBJECT, "sliding_attention": OBJECT,
    # the index of several files
    "weight_map": Rule("an object of names of files", lambda value: isinstance(value, dict)
                       and bool(value) and all(map(_text, value.values()))),
    # tokenizer_config.json
    "tokenizer_class": TEXT, "do_lower_case": FLAG, "add_bos_token": FLAG, "add_eos_token": FLAG,
    "pad_token": TOKEN, "bos_token": TOKEN, "eos_token": TOKEN,
}  # fmt: skip


class Settings(Mapping[str, Any]):
    """An object of a JSON file. Reading a value checks it by RULES; UserError says `where` it stands. Objects in it are
    Settings too. A null counts as left out where `defaults` has the key."""

    def __init__(self, values: Mapping[str, Any], where: str, defaults: Mapping[str, Any] | None = None):
        left = {key for key in defaults or {} if values.get(key, 0) is None and not RULES[key].fits(None)}
        self.values_ = {**(defaults or {}), **{key: value for key, value in values.items() if key not in left}}
        self.where = where

    def __getitem__(self, key: str) -> Any:
        if key not in self.values_:
            raise UserError(f"{self.where} has no '{key}', which is {RULES[key].wanted}")
        value, rule = self.values_[key], RULES[key]
        if not rule.fits(value):
            shown = repr(value) if type(value) is not int or abs(value) < 10**SHOWN else "a longer number"
            shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
            raise UserError(f"{self.where} has {key}={shown}, and {rule.wanted} is wanted")
        return Settings(value, f"{self.where}, {key}") if isinstance(value, dict) and rule is not TOKEN else value

    def __contains__(self, key: object) -> bool:
        return key in self.values_

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self.values_ else default

    def part(self, key: str, defaults: Mapping[str, Any]) -> "Settings":
        """Returns the object at a key, empty where there is none, with defaults."""
        inner = self.get(key, {})
        return Settings(inner.values_ if inner else {}, f"{self.where}, {key}", defaults)

    def refuse(self, what: str) -> UserError:
        """Returns the error that says what is wrong with these settings together."""
        return UserError(f"{self.where}: {what}")


def settings(values: Mapping[str, Any], where: str = "config.json") -> Settings:
    """Returns a mapping as Settings, unless it is that already."""
    return values if isinstance(values, Settings) else Settings(values, where)


def read_settings(folder: Path, name: str) -> Settings:
    """Reads the object of a JSON file of a published folder; empty where there is no file. Raises UserError."""
    if not is_present(folder / name):
        return Settings({}, str(folder / name))
    path, where = require_file(folder / name, folder), str(folder / name)
    if path.stat().st_size > MOST_JSON:
        raise UserError(f"{where} has {path.stat().st_size} bytes, too many for settings: fetch the file again")
    found = parse_json(path.read_bytes(), where)
    if not isinstance(found, dict):
        raise UserError(f"{where} is no JSON object: fetch the file again")
    return Settings(cast(dict[str, Any], found), where)
