"""Reads and writes numbers and polynomials as captions and pictures have them."""

import math
import re
from functools import cache


@cache
def parse_value(text: str) -> float | None:
    """Returns the number that a value reads as ("7", "3/2", "7√2", "50π"), or None where it has an unknown."""
    match = re.fullmatch(r"(\d*\.?\d*)(√(\d+))?(π)?(/(\d+))?", text)
    if not match or not text or text[0] == "/":
        return None
    factor, _, root, pi, _, below = match.groups()
    return float(factor or 1) * math.sqrt(int(root or 1)) * (math.pi if pi else 1) / int(below or 1)


def parse_ratio(text: str) -> float:
    """Returns the number that "60" or the ratio "1:3" reads as; NaN where it is neither."""
    first, _, second = text.partition(":")
    try:
        return float(first) / float(second or 1)
    except (ValueError, ZeroDivisionError):
        return math.nan


def same_value(first: str, second: str) -> bool:
    """Tells whether two values read the same: as numbers where both are, else as texts."""
    a, b = parse_value(first), parse_value(second)
    return first == second if a is None or b is None else math.isclose(a, b, rel_tol=1e-3)


TICK_WORDS = {1: "one tick", 2: "two ticks", 3: "three ticks"}


def format_polynomial(coefficients: tuple[float, ...]) -> str:
    """Writes "2x - 1" for (-1, 2): the terms from the highest power down."""
    terms = []
    for power in reversed(range(len(coefficients))):
        value = coefficients[power]
        if value:
            size = "" if abs(value) == 1 and power else f"{abs(value):g}"
            terms.append(("-" if value < 0 else "+", size + ("", "x", "x²", "x³")[power]))
    sign, first = terms[0] if terms else ("+", "0")
    return ("-" if sign == "-" else "") + first + "".join(f" {sign} {term}" for sign, term in terms[1:])
