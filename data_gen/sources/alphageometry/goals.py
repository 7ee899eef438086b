"""What AlphaGeometry's problems ask to prove: how many points a goal takes, what a figure of it joins, and whether it
is so in given coordinates.

Meanings are those of AlphaGeometry's checks on numbers. A goal that gives a number has it behind its points:
`rconst a b c d 1 2` or `1/2`, `aconst a b c d 1pi/3` or `60`, `s_angle a b c 60`.
"""

import cmath
import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from data_gen.geometry.plane import dot
from data_gen.language.predicates.lines import equal_length, parallel, perpendicular
from data_gen.language.predicates.points import collinear, midpoint

CLOSE = 1e-6  # in the units of the points: what is nearer to true holds


class GoalRow(NamedTuple):
    """arity: of points; joins: the places of pairs of points that a figure of it joins; off: how far from true it is;
    number: what follows the points, a key of NUMBERS, "" where nothing does."""

    arity: int
    joins: str
    off: Callable[..., float]
    number: str = ""


class Goal(NamedTuple):
    """What a problem asks to prove: a row of `GOALS`, its points, and the words of its number behind them."""

    name: str
    args: tuple[str, ...]

    @property
    def points(self) -> tuple[str, ...]:
        """Names the points, without the words of a number."""
        return self.args[: GOALS[self.name].arity]

    def holds(self, points: dict[str, complex]) -> bool:
        """Returns whether it is so, to CLOSE in the units of the points."""
        row = GOALS[self.name]
        number = NUMBERS[row.number].value(self.args[row.arity :])
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                return bool(row.off(*(points[n] for n in self.points), *number) < CLOSE)
        except ZeroDivisionError:  # two of the points are one
            return False


# ---- numbers ------------------------------------------------------------------------------------------------------

WHOLE = r"-?\d{1,6}"
DECIMAL = rf"{WHOLE}(\.\d{{1,9}})?"
POSITIVE = r"0*[1-9]\d{0,5}"


class Number(NamedTuple):
    """A number behind a goal's points: the pattern of its words, an example, and its value, none or one."""

    pattern: str
    example: str
    value: Callable[[Sequence[str]], tuple[float, ...]]


def _degrees(words: Sequence[str]) -> tuple[float, ...]:
    """Reads "60", "60o" and "1pi/3" as degrees."""
    times, pi, share = words[0].partition("pi/")
    return (float(times or 1) * 180 / float(share) if pi else float(times.rstrip("o")),)


def _ratio(words: Sequence[str]) -> tuple[float, ...]:
    """Reads "1 2" and "1/2" as a ratio."""
    first, *second = " ".join(words).replace("/", " ").split()
    return (float(first) / float(second[0] if second else 1),)


NUMBERS = {
    "": Number("", "nothing", lambda words: ()),
    "angle": Number(rf"{DECIMAL}o?|({WHOLE})?pi/{POSITIVE}", "60 or 1pi/3", _degrees),
    "ratio": Number(rf"{POSITIVE}([ /]{POSITIVE})?", "1 2 or 1/2", _ratio),
}


def number_fault(name: str, words: Sequence[str]) -> str:
    """Says what is wrong with the words behind a goal's points, "" where nothing is."""
    number = NUMBERS[GOALS[name].number]
    return "" if re.fullmatch(number.pattern, " ".join(words)) else f"has {number.example} behind its points"


# ---- how far from true ----------------------------------------------------------------------------------------------


def _unreal(ratio: complex) -> float:
    """Returns the sine of the angle between a complex number and the real ones."""
    return abs(ratio.imag) / abs(ratio)


def _ratios(*points: complex) -> list[float]:
    """Returns the ratios of the sides of two triangles."""
    first, second = (itertools.combinations(corners, 2) for corners in (points[:3], points[3:]))
    return [abs(p - q) / abs(r - s) for (p, q), (r, s) in zip(first, second, strict=True)]


def _similar_off(*points: complex) -> float:
    """Returns how far from one another the ratios of the sides of two triangles are."""
    ratios = _ratios(*points)
    return max(ratios) - min(ratios)


def _congruent_off(*points: complex) -> float:
    """Returns how far from 1 the ratios of the sides of two triangles are."""
    return max(abs(ratio - 1) for ratio in _ratios(*points))


def _products_off(a: complex, b: complex, c: complex, d: complex, e: complex, f: complex, g: complex, h: complex):
    """Returns how far ab : cd is from ef : gh, as products of lengths."""
    return abs(abs(b - a) * abs(h - g) - abs(d - c) * abs(f - e))


def _turn_off(turn: complex, degrees: float) -> float:
    """Returns how far a turn is from one of so many degrees, between lines, as a sine."""
    return _unreal(turn * cmath.rect(1, -math.radians(degrees)))


def _unless(off: float) -> float:
    """Returns 0 where something is clearly not so, and 1 where it is."""
    return float(off < 1e-3)


def _one_side(a: complex, b: complex, c: complex, x: complex, y: complex, z: complex) -> float:
    """Returns 0 where b and c lie on one side of a as y and z do of x, or both pairs on two sides."""
    return float(dot(b - a, c - a) * dot(y - x, z - x) <= 0)


TWO_TRIANGLES = "01 12 20 34 45 53"
PAIRS = "01 23 45 67"
_SIMILAR, _CONGRUENT = GoalRow(6, TWO_TRIANGLES, _similar_off), GoalRow(6, TWO_TRIANGLES, _congruent_off)
_EQUAL_ANGLES = GoalRow(8, PAIRS, lambda a, b, c, d, e, f, g, h: _unreal((d - c) / (b - a) * (f - e) / (h - g)))
_EQUAL_RATIOS = GoalRow(8, PAIRS, _products_off)

GOALS = {
    "coll": GoalRow(3, "01 12", lambda *p: collinear(*p)[0]),
    "cong": GoalRow(4, "01 23", lambda *p: equal_length(*p)[0]),
    "para": GoalRow(4, "01 23", lambda *p: parallel(*p)[0]),
    "perp": GoalRow(4, "01 23", lambda *p: perpendicular(*p)[0]),
    "midp": GoalRow(3, "12", lambda *p: midpoint(*p)[0]),
    "cyclic": GoalRow(4, "", lambda a, b, c, d: _unreal((a - c) * (b - d) / ((a - d) * (b - c)))),
    "circle": GoalRow(4, "01 02 03", lambda o, *p: max(abs(abs(o - q) / abs(o - p[0]) - 1) for q in p)),
    "eqangle": _EQUAL_ANGLES,
    "eqangle6": _EQUAL_ANGLES,
    "eqratio": _EQUAL_RATIOS,
    "eqratio6": _EQUAL_RATIOS,
    # m divides ac as n divides bd.
    "eqratio3": GoalRow(6, "02 13", lambda a, b, c, d, m, n: _products_off(m, a, m, c, n, b, n, d)),
    # Of either turning sense, with a star or a 2 the mirror images.
    "simtri": _SIMILAR, "simtri*": _SIMILAR, "simtri2": _SIMILAR,
    "contri": _CONGRUENT, "contri*": _CONGRUENT, "contri2": _CONGRUENT,
    "aconst": GoalRow(4, "01 23", lambda a, b, c, d, turn: _turn_off((d - c) / (b - a), turn), "angle"),
    "s_angle": GoalRow(3, "01 12", lambda a, b, c, turn: _turn_off((c - b) / (a - b), turn), "angle"),
    "rconst": GoalRow(4, "01 23", lambda a, b, c, d, ratio: abs(abs(b - a) / abs(d - c) - ratio), "ratio"),
    "acompute": GoalRow(4, "01 23", lambda a, b, c, d: 0.0),  # what is asked for is there
    "rcompute": GoalRow(4, "01 23", lambda a, b, c, d: 0.0),
    "ncoll": GoalRow(3, "01 12", lambda a, b, c: _unless(_unreal((c - a) / (b - a)))),
    "npara": GoalRow(4, "01 23", lambda a, b, c, d: _unless(_unreal((d - c) / (b - a)))),
    "nperp": GoalRow(4, "01 23", lambda a, b, c, d: _unless(_unreal(1j * (d - c) / (b - a)))),
    "diff": GoalRow(2, "", lambda a, b: _unless(abs(b - a))),
    "sameside": GoalRow(6, "", _one_side),
}  # fmt: skip
