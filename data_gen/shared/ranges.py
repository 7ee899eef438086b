"""The range of every setting, checked before anything is read: one table for the specs and one for the configs.

A row is a regular expression of whole keys, and what their values may be. The first row that fits a key counts.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_gen.shared.errors import UserError

MAX_NAME = 100  # bytes, so that the folder, with what is added to it, has a name that every disk takes
Rule = tuple[Callable[[Any], bool], str]  # whether a value is right, and what is right, in words


def between(low: float, high: float = math.inf, above: bool = False) -> Rule:
    """Returns the rule of a finite number from `low` on, or above it, up to `high`."""
    words = f"{'above' if above else 'at least'} {low:g}" + (f" and at most {high:g}" if high < math.inf else "")

    def fits(value: Any) -> bool:
        return is_number(value) and (value > low or (value == low and not above)) and value <= high

    return fits, f"a finite number {words}"


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def or_none(rule: Rule) -> Rule:
    """Returns a rule that takes None, too."""
    return (lambda value: value is None or rule[0](value)), f"None or {rule[1]}"


def each(rule: Rule, count: int | None = None) -> Rule:
    """Returns the rule of a list whose items all fit a rule, `count` of them or any number but 0."""

    def fits(value: Any) -> bool:
        right = isinstance(value, Sequence) and len(value) > 0 and count in (None, len(value))
        return right and all(map(rule[0], value))

    return fits, f"{count or 'some'} values, each {rule[1]}"


def is_name(value: Any) -> bool:
    """Returns whether a text can name a folder: letters, digits, blanks and a few signs, a letter or digit first."""
    fits = isinstance(value, str) and re.fullmatch(r"\w(?:[\w .,+=@-]*[\w+=@-])?", value) is not None
    return fits and len(value.encode(errors="replace")) <= MAX_NAME


def is_pattern(value: Any) -> bool:
    """Returns whether a text is a regular expression."""
    try:
        re.compile(value)
    except (re.error, TypeError, OverflowError, RecursionError):
        return False
    return True


def one_of(*names: str) -> Rule:
    """Returns the rule of a choice."""
    return names.__contains__, f"one of {', '.join(names)}"


def some_of(*names: str, mark: str) -> Rule:
    """Returns the rule of a text that joins names, or none, by a mark."""
    return (
        lambda value: isinstance(value, str) and all(part.strip() in (*names, "") for part in value.split(mark)),
        f"of {', '.join(names)}, joined by {mark}",
    )


COUNT, SOME, SHARE, POSITIVE, WEIGHT = between(0), between(1), between(0, 1), between(0, above=True), between(0)
SIZE = between(8, 4096)
SEED = between(0, 2**32 - 1)
NAME = is_name, "letters, digits, blanks and _.,+=@- (a letter or digit first), and at most 100 bytes"
PATTERN = is_pattern, "a regular expression"
FLAG = (lambda value: isinstance(value, bool)), "True or False"
NUMBER = is_number, "a finite number"
TEXT = (lambda value: isinstance(value, str) and "\0" not in value), "a text"


def check(before: str, settings: Mapping[str, Any], table: Mapping[str, Rule]) -> None:
    """Raises UserError for the first setting, {"a.b": value}, that its row of the table does not allow; numbers without
    a row must be finite. `before`: what the error writes before the key, "--config." of a command line."""
    for key, value in settings.items():
        fits, words = next((rule for row, rule in table.items() if re.fullmatch(row, key)), (_is_finite, "finite"))
        if not fits(value):
            raise UserError(f"{before}{key}={_show(value)} must be {words}")


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _show(value: Any) -> str:
    return (value if isinstance(value, str) and value.isprintable() else repr(value))[:200]
