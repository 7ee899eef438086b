"""Defines loci, conditions that leave a point one degree of freedom: a line or a circle, whole or in part.

Two loci determine a point, one and a number place it: "x on the line ab and on the circle about o through c" is one
step of a program, called "on_line+on_circle". `pair` and `single` make rows of the construction language from them.
Templates are those of `constructions.Construction`; the point that is placed is x.
"""

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from data_gen.constructions.row import Construction, Range
from data_gen.geometry.plane import circumcentre, cross, dot, polar

LEAST_SINE = 0.01  # of the angle between two lines that are said to meet
TOUCH = 1e-12  # of a radius squared: what rounding takes from a line that touches a circle


class Line(NamedTuple):
    """Through `point` along `way`, whose length is the unit of places on it; `part` says which points count."""

    point: complex
    way: complex
    part: Callable[[complex], bool] = lambda z: True


class Ring(NamedTuple):
    """The circle about `centre`; `part` says which of its points count."""

    centre: complex
    radius: float
    part: Callable[[complex], bool] = lambda z: True


Curve = Line | Ring
SIDE = (0, 1)  # the range of a parameter that chooses between two solutions


@dataclass(frozen=True)
class Locus:
    """A row of `LOCI`.

    Attributes:
      name, slot, axis, facts, segments, circle, marks: as in Construction.
      ins: one letter for each point taken; x is the point placed.
      curve: (points taken, numbers) -> where x may be.
      place: the range of x's place: hundredths of `way` along a line, degrees on a circle.
      numbers: the ranges of further parameters, which come first.
    """

    name: str
    slot: str
    ins: str
    curve: Callable[[Sequence[complex], Sequence[float]], Curve]
    facts: tuple[str, ...]
    segments: str
    place: Range
    numbers: tuple[Range, ...] = ()
    circle: str = ""
    marks: tuple[str, ...] = ()
    axis: str = "relation"


# ---- curves -------------------------------------------------------------------------------------------------------


def ray(point: complex, way: complex) -> Line:
    """Returns the half of a line that starts in `point`."""
    return Line(point, way, lambda z: float(dot(way, z - point)) > 0)


def _turn(a: complex, vertex: complex, b: complex) -> complex:
    """Returns the rotation, of length 1, that takes the ray from the vertex through a to that through b."""
    turn = (b - vertex) / (a - vertex)
    return turn / abs(turn)


def _arc(a: complex, b: complex, turn: complex) -> Ring:
    """Returns the points from which b is seen to be turned from a by `turn`."""
    centre = (a + b) / 2 + 0.5j * (b - a) * turn.real / turn.imag
    return Ring(centre, abs(a - centre), lambda z: float(cross(b - a, z - a)) * turn.imag > 0)


def _bisecting(a: complex, b: complex, c: complex) -> Line:
    """Returns the ray from b into the angle a-b-c."""
    return ray(b, (a - b) * cmath.sqrt(_turn(a, b, c)))


def _drawn_through(k: float) -> Callable[[Sequence[complex], Sequence[float]], Curve]:
    """Returns the circle about the first point, `k` times as large as that through the second."""
    return lambda t, p: Ring(t[0], k * abs(t[1] - t[0]))


# ---- the table ----------------------------------------------------------------------------------------------------

ALONG, FREELY, ROUND, OUTWARD = (18, 82), (-140, 140), (0, 359), (50, 150)

_ROWS = (
    # through two points
    Locus("on_line", "pair", "ab", lambda t, p: Line(t[0], t[1] - t[0]), ("collinear x a b",), "ab xa xb", ALONG),
    Locus("on_opline", "", "ab", lambda t, p: ray(t[0], t[0] - t[1]), ("collinear x a b",), "xb", OUTWARD),
    Locus("on_bline", "pair", "ab", lambda t, p: Line((t[0] + t[1]) / 2, 1j * (t[1] - t[0])),
          ("equal_length x a x b",), "xa xb", FREELY),
    Locus("on_dia", "pair", "ab", lambda t, p: Ring((t[0] + t[1]) / 2, abs(t[1] - t[0]) / 2),
          ("perpendicular x a x b",), "xa xb", ROUND, marks=("right_angle a x b",)),
    # through a, in a direction given by bc, or by ab itself
    Locus("on_pline", "direction", "abc", lambda t, p: Line(t[0], t[2] - t[1]), ("parallel x a b c",), "xa bc",
          FREELY),
    Locus("on_tline", "direction", "abc", lambda t, p: Line(t[0], 1j * (t[2] - t[1])), ("perpendicular x a b c",),
          "xa bc", FREELY),
    Locus("on_slant", "direction", "abc", lambda t, p: Line(t[0], (t[2] - t[1]) * polar(1, p[0])),
          ("oblique x a b c",), "xa bc", FREELY, ((35, 60),)),
    Locus("square_to", "corner", "ab", lambda t, p: Line(t[0], 1j * (t[1] - t[0])), ("perpendicular x a a b",),
          "xa ab", FREELY, marks=("right_angle x a b",)),
    Locus("slant_to", "corner", "ab", lambda t, p: Line(t[0], (t[1] - t[0]) * polar(1, p[0])),
          ("oblique x a a b",), "xa ab", FREELY, ((115, 140),)),
    # at a given angle
    Locus("angle_bisector", "in_angle", "abc", lambda t, p: _bisecting(*t), ("equal_angle a b x x b c",), "bx ba bc",
          OUTWARD),
    Locus("angle_mirror", "in_angle", "abc", lambda t, p: ray(t[1], (t[2] - t[1]) * _turn(*t)),
          ("equal_angle a b c c b x",), "bx ba bc", OUTWARD),
    Locus("on_aline", "", "abcde", lambda t, p: ray(t[0], (t[1] - t[0]) / _turn(t[2], t[3], t[4])),
          ("equal_angle x a b c d e",), "xa ab dc de", OUTWARD),
    Locus("on_aline_back", "", "abcde", lambda t, p: ray(t[0], (t[0] - t[1]) / _turn(t[2], t[3], t[4])), (),
          "xa ab dc de", OUTWARD),
    Locus("on_aline2", "", "abcde", lambda t, p: _arc(t[0], t[1], _turn(t[2], t[3], t[4])),
          ("equal_angle a x b c d e",), "xa xb dc de", ROUND),
    Locus("eqangle3", "", "abdef", lambda t, p: _arc(t[0], t[1], _turn(t[3], t[2], t[4])),
          ("equal_angle a x b e d f",), "xa xb de df", ROUND),
    Locus("s_angle", "", "ab", lambda t, p: ray(t[1], (t[0] - t[1]) * polar(1, p[0])), (), "ab bx", OUTWARD,
          ((1, 179),)),
    # circles
    Locus("on_circle", "round", "oa", _drawn_through(1), ("on_circle o x",), "", ROUND, circle="oa"),
    Locus("inside_circle", "round", "oa", _drawn_through(0.6), ("inside o x",), "", ROUND, circle="oa"),
    Locus("outside_circle", "round", "oa", _drawn_through(1.35), ("outside o x",), "", ROUND, circle="oa"),
    Locus("radius_off", "", "oa", _drawn_through(1), ("equal_length o x o a",), "ox oa", ROUND),
    Locus("eqdistance", "", "abc", lambda t, p: Ring(t[0], abs(t[2] - t[1])), ("equal_length x a b c",), "xa bc",
          ROUND),
    Locus("on_circum", "", "abc", lambda t, p: Ring(centre := circumcentre(*t), abs(t[0] - centre)), (), "xa xb xc",
          ROUND),
    Locus("lc_tangent", "touching", "ao", lambda t, p: Line(t[0], 1j * (t[0] - t[1])), ("tangent o a x",), "ax oa",
          FREELY, circle="oa", marks=("right_angle x a o",)),
    Locus("lc_secant", "touching", "ao", lambda t, p: Line(t[0], (t[0] - t[1]) * polar(1, p[0])), ("crossing o a x",),
          "ax oa", FREELY, ((30, 50),), circle="oa"),
)  # fmt: skip

LOCI: dict[str, Locus] = {row.name: row for row in _ROWS}


# ---- points -------------------------------------------------------------------------------------------------------


def _on(curve: Curve, place: float) -> complex:
    """Returns the point in a place. Raises ValueError where it is not of the part that counts."""
    z = curve.point + curve.way * place / 100 if isinstance(curve, Line) else curve.centre + polar(curve.radius, place)
    if not curve.part(z):
        raise ValueError("not on this part of the locus")
    return z


def meet(first: Curve, second: Curve) -> list[complex]:
    """Returns the points that two loci have in common, one or two. Raises ValueError where there are none or all."""
    if isinstance(first, Ring) and isinstance(second, Line):
        first, second = second, first
    if isinstance(first, Line):
        found = _lines_meet(first, second) if isinstance(second, Line) else _cut(first, second)
    else:
        assert isinstance(second, Ring)
        found = _cut(_common_chord(first, second), second)
    found = [z for z in found if first.part(z) and second.part(z)]
    if not found:
        raise ValueError("the loci do not meet")
    return found


def _lines_meet(first: Line, second: Line) -> list[complex]:
    sine = float(cross(first.way, second.way))
    if abs(sine) <= LEAST_SINE * abs(first.way) * abs(second.way):
        raise ValueError("the lines are parallel")
    return [first.point + first.way * float(cross(second.point - first.point, second.way)) / sine]


def _cut(line: Line, ring: Ring) -> list[complex]:
    """Finds where a line cuts a circle, in its order."""
    way = line.way / abs(line.way)
    middle = float(dot(way, ring.centre - line.point))
    square = ring.radius**2 - abs(line.point + middle * way - ring.centre) ** 2
    if square < -TOUCH * ring.radius**2:
        raise ValueError("the line misses the circle")
    half = math.sqrt(max(square, 0.0))
    return [line.point + (middle + sign * half) * way for sign in (-1, 1)]


def _common_chord(first: Ring, second: Ring) -> Line:
    """Returns the line through the points where two circles meet: those of equal power."""
    apart = second.centre - first.centre
    if abs(apart) < LEAST_SINE * max(first.radius, second.radius):
        raise ValueError("the circles have one centre")
    share = (1 + (first.radius**2 - second.radius**2) / abs(apart) ** 2) / 2
    return Line(first.centre + share * apart, 1j * apart)


# ---- rows ---------------------------------------------------------------------------------------------------------


def single(locus: Locus) -> Construction:
    """Returns the row that places x on one locus; its last parameter says where."""

    def solve(taken: Sequence[complex], params: Sequence[float]) -> tuple[complex, ...]:
        return (_on(locus.curve(taken, params[:-1]), params[-1]),)

    return Construction(
        locus.name, locus.slot, locus.axis, locus.ins, "x", (*locus.numbers, locus.place), solve, locus.facts,
        locus.segments, locus.circle, marks=locus.marks,
    )  # fmt: skip


def pair(first: Locus, second: Locus) -> Construction:
    """Returns the row that places x where two loci meet; its last parameter chooses where they do so twice. The letters
    of `ins` are a, b, c..., first those of the first locus. Where both draw a circle it is the first's: the second's is
    that of another step."""
    cut, numbers = len(first.ins), len(first.numbers)

    def solve(taken: Sequence[complex], params: Sequence[float]) -> tuple[complex, ...]:
        found = meet(first.curve(taken[:cut], params[:numbers]), second.curve(taken[cut:], params[numbers:-1]))
        return (found[int(params[-1]) % len(found)],)

    letters = "abcdefghijklmnop"[: cut + len(second.ins)]
    roles = [dict(zip(first.ins, letters, strict=False)), dict(zip(second.ins, letters[cut:], strict=False))]
    return Construction(
        f"{first.name}+{second.name}", "", "relation", letters, "x", (*first.numbers, *second.numbers, SIDE), solve,
        tuple(_renamed(text, r) for locus, r in zip((first, second), roles, strict=True) for text in locus.facts),
        " ".join(_letters(locus.segments, r) for locus, r in zip((first, second), roles, strict=True)),
        next((_letters(locus.circle, r) for locus, r in zip((first, second), roles, strict=True) if locus.circle), ""),
        marks=tuple(_renamed(text, r) for locus, r in zip((first, second), roles, strict=True) for text in locus.marks),
    )  # fmt: skip


def _letters(text: str, roles: dict[str, str]) -> str:
    return "".join(roles.get(letter, letter) for letter in text)


def _renamed(template: str, roles: dict[str, str]) -> str:
    """A template "equal_length x a x b" with other roles."""
    head, *letters = template.split()
    return " ".join([head, *(roles.get(letter, letter) for letter in letters)])
