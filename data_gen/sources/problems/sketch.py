"""A figure with a question and its solution, before it has letters: what the rows of worked problems make.

Templates speak of points by role, in small letters ("angle a b c"); "o" becomes the letter O. Coordinates are in the
units of the problem, so that every number that a text states can be measured.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data_gen.geometry.plane import angle_deg

RELATIVE = 1e-6  # to which a stated number is what is measured


class Line(NamedTuple):
    """A step: what it finds, how ("180° − ∠[abc]", with letters for [abc]), its value, by which theorem."""

    finds: str
    working: str
    value: float
    theorem: str


@dataclass(frozen=True)
class Sketch:
    """A worked problem.

    Attributes:
      points: role -> place; lines: "ab bc", the segments; circle: "oa", about o through a.
      given: measures whose values are given, "angle a b c"; find: the one that is asked for.
      steps: the solution; the last one finds `find`.
      marks: rows of `marked` on their points, "right_angle a b c"; states: further facts for the caption.
      words: the relations as an exam says them, "[bc] is a diameter of circle [o]"; told: the picture alone does not
      show them, so they are always said.
    """

    points: Mapping[str, complex]
    lines: str
    given: tuple[str, ...]
    find: str
    steps: tuple[Line, ...]
    words: str
    marks: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    circle: str = ""
    told: bool = False


class Measure(NamedTuple):
    """A kind of measure: its value from points, what it is called, and its dimension (0: degrees, 1, 2: length...)."""

    value: Callable[..., float]
    name: str
    dimension: int
    of_pi: bool = False  # whether answers are multiples of pi


def _area(*corners: complex) -> float:
    z = np.array(corners)
    return abs(float((np.conj(z) * np.roll(z, -1)).imag.sum())) / 2


def _perimeter(*corners: complex) -> float:
    z = np.array(corners)
    return float(np.abs(z - np.roll(z, -1)).sum())


def _sweep(o: complex, a: complex, b: complex) -> float:
    return math.radians(float(angle_deg(a, o, b)))


MEASURES: dict[str, Measure] = {
    "angle": Measure(lambda a, v, b: float(angle_deg(a, v, b)), "∠[{}{}{}]", 0),
    "arc": Measure(lambda o, a, b: float(angle_deg(a, o, b)), "the measure of minor arc [{1}{2}]", 0),
    "length": Measure(lambda a, b: abs(b - a), "[{}{}]", 1),
    "triangle_area": Measure(_area, "the area of triangle [{}{}{}]", 2),
    "quadrilateral_area": Measure(_area, "the area of [{}{}{}{}]", 2),
    "triangle_perimeter": Measure(_perimeter, "the perimeter of triangle [{}{}{}]", 1),
    "quadrilateral_perimeter": Measure(_perimeter, "the perimeter of [{}{}{}{}]", 1),
    "circle_area": Measure(lambda o, a: math.pi * abs(a - o) ** 2, "the area of circle [{}]", 2, True),
    "circumference": Measure(lambda o, a: 2 * math.pi * abs(a - o), "the circumference of circle [{}]", 1, True),
    "arc_length": Measure(lambda o, a, b: _sweep(o, a, b) * abs(a - o), "the length of minor arc [{1}{2}]", 1, True),
    "sector_area": Measure(lambda o, a, b: _sweep(o, a, b) * abs(a - o) ** 2 / 2, "the area of sector [{1}{0}{2}]", 2,
                           True),
}  # fmt: skip


def measured(template: str, points: Mapping[str, complex]) -> float:
    """Returns the value of a measure in a figure, in degrees or the units of the problem."""
    kind, *roles = template.split()
    return MEASURES[kind].value(*(points[role] for role in roles))


def named(template: str) -> str:
    """Returns a measure as a text with roles: "angle a b c" -> "∠[abc]"."""
    kind, *roles = template.split()
    return MEASURES[kind].name.format(*roles)


def lettered(text: str, letters: Mapping[str, str]) -> str:
    """Returns a text with its roles in brackets replaced by letters."""
    return re.sub(r"\[(\w+)\]", lambda match: "".join(letters[role] for role in match[1]), text)


def amount(value: float, template: str, unit: str) -> str:
    """Returns a value as exams write it, with its unit: "40°", "12 cm", "6π cm²", "2√5".

    Raises ValueError where it is no whole number, multiple of pi or square root of a whole number.
    """
    dimension = MEASURES[template.split()[0]].dimension
    sign = "²" if dimension == 2 else ""
    return written(value) + ("°" if dimension == 0 else f" {unit}{sign}" if unit else "")


def written(value: float) -> str:
    """Returns a number: "12", "6π" or "2√5". Raises ValueError for others."""
    if _whole(value):
        return str(round(value))
    if _whole(value / math.pi):
        return f"{'' if round(value / math.pi) == 1 else round(value / math.pi)}π"
    if _whole(value**2):
        square = round(value**2)
        out = max(k for k in range(1, math.isqrt(square) + 1) if square % (k * k) == 0)
        return f"{'' if out == 1 else out}√{square // out**2}"
    raise ValueError(f"{value} is not written in whole numbers, π and √")


def _whole(value: float) -> bool:
    return round(value) > 0 and abs(value - round(value)) <= RELATIVE * abs(value)


def faults(sketch: Sketch) -> list[str]:
    """Returns which stated values are not those of the coordinates: none, in a problem that may be asked."""
    found = []
    for line in sketch.steps:
        value = measured(line.finds, sketch.points)
        if not math.isclose(value, line.value, rel_tol=RELATIVE):
            found.append(f"{line.finds} is stated as {line.value}, measured {value}")
    if sketch.steps[-1].finds != sketch.find:
        found.append(f"the last step does not find {sketch.find}")
    return found


def solution(sketch: Sketch, letters: Mapping[str, str], unit: str) -> str:
    """Returns the steps, numbered, a line each, and the answer in a box."""
    lines = []
    for number, line in enumerate(sketch.steps, 1):
        value = amount(line.value, line.finds, unit)
        theorem = lettered(line.theorem, letters)
        working = f"{lettered(line.working, letters)} = " if line.working else ""
        lines.append(f"{number}. {_capital(lettered(named(line.finds), letters))} = {working}{value} ({theorem}).")
    answer = amount(sketch.steps[-1].value, sketch.find, unit)
    return "\n".join([*lines, f"The answer is \\boxed{{{answer}}}."])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---- a solution against its figure -------------------------------------------------------------------------------


def _readable(kind: str, name: str) -> tuple[str, re.Pattern, list[int]]:
    """Returns (kind, how a line of a solution begins, which point each letter of the name is)."""
    roles = [int(place) if place else i for i, place in enumerate(re.findall(r"\{(\d?)\}", name))]
    before = name.partition("[")[0]
    return kind, re.compile(rf"\d+\. {_capital(before)}([A-Z]{{{len(roles)}}}) = .* \("), roles


LINES = [_readable(kind, measure.name) for kind, measure in MEASURES.items()]
VALUE = re.compile(r"(\d*)(?:√(\d+)|(π))?(?:°| c?m²?)? \([^()]*\)\.$")


def misstated(text: str, points: Mapping[str, complex], rim: str = "") -> list[str]:
    """Returns which lines of a solution are not what is measured in its figure, or cannot be read; none where all is
    well.

    Args:
      points: letter -> place, in the units of the problem; rim: a point on the circle, if there is one.
    """
    found = []
    *lines, last = text.split("\n")
    for line in lines:
        value, measure = VALUE.search(line), None
        for kind, begins, roles in LINES:
            if match := begins.match(line):
                names = {0: "O"} | dict(zip(roles, match[1], strict=True))  # an arc's name leaves out the centre
                whole = [names[place] for place in sorted(names)] + [rim] * (len(roles) == 1)
                measure = measured(" ".join([kind, *whole]), points)
        if value is None or measure is None or not math.isclose(_read(value), measure, rel_tol=RELATIVE):
            found.append(f"'{line}' is not what is measured ({measure})")
    answer = re.fullmatch(r"The answer is \\boxed\{(.*)\}\.", last)
    if not answer or not lines or not lines[-1].rpartition(" (")[0].endswith(f"= {answer[1]}"):
        found.append(f"'{last}' is not what the last step finds")
    return found


def _read(match: re.Match) -> float:
    return float(match[1] or 1) * math.sqrt(int(match[2] or 1)) * (math.pi if match[3] else 1)
