"""Lists the constructions of figures to begin with, and what the templates of the quick start add to them."""

import cmath
import math
from collections.abc import Iterator, Sequence

from data_gen.constructions.row import ANY, Construction
from data_gen.geometry.plane import bisector_foot, circumcentre, foot, intersection, polar, segment_distance

# ---- triangles: bc is the base, the angle at b the first parameter, a right or obtuse angle at a ------------


def _triangle(angle_b: float, angle_c: float) -> tuple[complex, ...]:
    """Places triangle abc on the base b = 0, c = 1, from its angles at b and c in degrees."""
    at_a = 180 - angle_b - angle_c
    side = math.sin(math.radians(angle_c)) / math.sin(math.radians(at_a))
    return polar(side, angle_b), 0j, 1 + 0j


def _triangle_in_circle(taken: Sequence[complex], angle_b: float, angle_c: float) -> tuple[complex, ...]:
    """Places the triangle's corners on the circle about taken[0] through taken[1]: arcs are twice the angles."""
    o, h = taken
    at_a = 180 - angle_b - angle_c
    b = (h - o) * polar(1, 270 - at_a)
    c = b * polar(1, 2 * at_a)
    return o + c * polar(1, 2 * angle_b), o + b, o + c


# name, ranges of the parameters, (parameters) -> angles at b and c, facts, marks
_TRIANGLES = (
    ("right", ((28, 62), (0, 0)), lambda b, _: (b, 90 - b), "right a b c", ("right_angle b a c",)),
    ("isosceles", ((66, 80), (0, 0)), lambda b, _: (b, 180 - 2 * b), "isosceles c a b", ("ticks c a", "ticks c b")),
    ("equilateral", ((60, 60), (0, 0)), lambda b, _: (60, 60), "equilateral a b c",
     ("ticks a b", "ticks b c", "ticks a c")),
    ("isosceles_right", ((45, 45), (0, 0)), lambda b, _: (45, 45), "isosceles_right a b c",
     ("right_angle b a c", "ticks a b", "ticks a c")),
    ("acute", ((48, 76), (48, 76)), lambda b, c: (b, c), "acute a b c", ()),
    ("obtuse", ((20, 46), (18, 40)), lambda b, c: (b, c), "obtuse a b c", ()),
    ("scalene", ((48, 62), (20, 36)), lambda b, c: (b, c), "scalene a b c", ()),
)  # fmt: skip


def _triangle_rows():
    for name, ranges, angles, fact, marks_ in _TRIANGLES:
        yield Construction(
            f"{name}_triangle", "triangle", "shape", "", "abc", ranges,
            lambda _, p, angles=angles: _triangle(*angles(*p)), (fact,), "ab bc ca", marks=marks_,
        )  # fmt: skip
        yield Construction(
            f"inscribed_{name}_triangle", "inscribed_triangle", "shape", "oH", "abc", ranges,
            lambda taken, p, angles=angles: _triangle_in_circle(taken, *angles(*p)),
            ("inscribed_triangle o a b c", fact), "ab bc ca", marks=marks_,
        )  # fmt: skip


# ---- quadrilaterals: ab is the base, the angle at a the first parameter --------------------------------------------


def _quadrilateral(angle_a: float, left: float, top: complex) -> tuple[complex, ...]:
    """Places abcd on the base a = 0, b = 1: d at the given angle and distance from a, and c = d + top."""
    d = polar(left, angle_a)
    return 0j, 1 + 0j, d + top, d


def _isosceles_trapezoid(p: Sequence[float]) -> tuple[complex, ...]:
    angle, top = p[0], p[1] / 100
    left = (1 - top) / 2 / math.cos(math.radians(angle))
    return _quadrilateral(angle, left, top)


def _kite(p: Sequence[float]) -> tuple[complex, ...]:
    """Places a kite with axis ac, which bisects the angle at a: ab = ad = 1, and ac = p[1] / 100."""
    a, b, d = 0j, 1 + 0j, polar(1, p[0])
    return a, b, polar(p[1] / 100, p[0] / 2), d


_PERCENT = (55, 85)
_QUADRILATERALS = (
    ("square", ((90, 90), _PERCENT), lambda p: _quadrilateral(90, 1, 1), "square a b c d",
     ("right_angle b a d", "ticks a b", "ticks b c", "ticks c d", "ticks d a")),
    ("rectangle", ((90, 90), (45, 75)), lambda p: _quadrilateral(90, p[1] / 100, 1), "rectangle a b c d",
     ("right_angle b a d", "right_angle a b c")),
    ("rhombus", ((50, 74), _PERCENT), lambda p: _quadrilateral(p[0], 1, 1), "rhombus a b c d",
     ("ticks a b", "ticks b c", "ticks c d", "ticks d a")),
    ("parallelogram", ((48, 74), (50, 72)), lambda p: _quadrilateral(p[0], p[1] / 100, 1), "parallelogram a b c d",
     ("arrows a b", "arrows d c")),
    ("trapezoid", ((50, 80), (40, 70)), lambda p: _quadrilateral(p[0], 0.62, p[1] / 100), "trapezoid a b c d",
     ("arrows a b", "arrows d c")),
    ("isosceles_trapezoid", ((50, 72), (35, 60)), _isosceles_trapezoid, "isosceles_trapezoid a b c d",
     ("ticks a d", "ticks b c")),
    ("right_trapezoid", ((90, 90), (45, 70)), lambda p: _quadrilateral(90, 0.7, p[1] / 100), "right_trapezoid a b c d",
     ("right_angle b a d", "right_angle a d c")),
    ("kite", ((56, 84), (130, 160)), _kite, "kite a b c d", ("ticks a b", "ticks a d", "ticks2 c b", "ticks2 c d")),
    ("irregular", ((66, 84), (58, 74)), lambda p: _quadrilateral(p[0], 0.8, p[1] / 100 * cmath.exp(-0.42j)),
     "irregular a b c d", ()),
)  # fmt: skip


def _quadrilateral_rows():
    for name, ranges, place, fact, marks_ in _QUADRILATERALS:
        yield Construction(
            name, "quadrilateral", "shape", "", "abcd", ranges,
            lambda _, p, place=place: place(p), (fact,), "ab bc cd da", marks=marks_,
        )  # fmt: skip


# ---- relations ----------------------------------------------------------------------------------------------------


def _between(a: complex, b: complex, percent: float) -> complex:
    return a + (b - a) * percent / 100


def _cevian_rows():
    """Yields lines from a corner a to a point d of the far side bc."""
    for name, place, marks_ in (
        ("median", lambda t, p: ((t[1] + t[2]) / 2,), ("ticks2 b d", "ticks2 d c")),
        ("altitude", lambda t, p: (foot(*t),), ("right_angle a d c",)),
        ("bisector", lambda t, p: (bisector_foot(*t),), ("arc b a d", "arc d a c")),
    ):
        fact = f"{name} a d b c"
        yield Construction(name, "cevian", "relation", "abc", "d", (), place, (fact,), "ad", marks=marks_)
    yield Construction("trisector", "cevian", "relation", "abc", "d", (),
                       lambda t, p: (_between(t[1], t[2], 200 / 3),), ("trisection d b c",), "ad")  # fmt: skip


def _crossline_rows():
    """Yields lines de through triangle abc, d on ab and e on ac."""
    for name, place, fact, marks_ in (
        ("parallel_to_base", lambda d, a, b, c, t: _between(a, c, t), "parallel d e b c", ("arrows d e", "arrows b c")),
        ("perpendicular_to_side", lambda d, a, b, c, t: foot(d, a, c), "perpendicular d e a c", ("right_angle d e a",)),
        ("perpendicular_at_start", lambda d, a, b, c, t: _drop(d, a, b, c), "perpendicular d e a b",
         ("right_angle a d e",)),
        ("slanting", lambda d, a, b, c, t: _between(a, c, t - 28 if t > 54 else t + 28), "oblique d e b c", ()),
    ):  # fmt: skip

        def solve_(taken, p, place=place):
            a, b, c = taken
            d = _between(a, b, p[0])
            return d, place(d, a, b, c, p[0])

        yield Construction(name, "crossline", "relation", "abc", "de", ((40, 68),), solve_, (fact,), "de", marks=marks_)


def _drop(d: complex, a: complex, b: complex, c: complex) -> complex:
    """Finds where the perpendicular to ab in d meets the side ac. Raises ValueError where it misses it."""
    e = complex(intersection(d, d + 1j * (b - a), a, c))
    if segment_distance(e, a, c) > 1e-9:
        raise ValueError("the perpendicular misses the side")
    return e


def _side_point_rows():
    """Yields points e on a side of the quadrilateral abcd, joined to a."""
    for name, place, fact, marks_ in (
        ("middle_of_bc", lambda t: (t[1] + t[2]) / 2, "midpoint e b c", ("ticks2 b e", "ticks2 e c")),
        ("two_thirds_of_bc", lambda t: _between(t[1], t[2], 200 / 3), "trisection e b c", ()),
        ("one_third_of_bc", lambda t: _between(t[2], t[1], 200 / 3), "trisection e c b", ()),
    ):
        yield Construction(name, "side_point", "relation", "abcd", "e", (),
                           lambda t, p, place=place: (place(t),), (fact,), "ae", marks=marks_)  # fmt: skip


def _cross_rows():
    """Yields points e in the quadrilateral abcd and the lines that make them."""
    for name, place, fact, segments, marks_ in (
        ("diagonals", lambda a, b, c, d: complex(intersection(a, c, b, d)), "meet e a c b d", "ac bd", ()),
        ("peak", lambda a, b, c, d: (c + d) / 2, "midpoint e c d", "ae be", ("ticks2 c e", "ticks2 e d")),
        ("slope", lambda a, b, c, d: (a + b) / 2, "midpoint e a b", "de", ("ticks2 a e", "ticks2 e b")),
        ("drop", lambda a, b, c, d: complex(foot(a, b, d)), "altitude a e b d", "bd ae", ("right_angle a e d",)),
    ):  # fmt: skip
        yield Construction(name, "cross", "relation", "abcd", "e", (), lambda t, p, place=place: (place(*t),), (fact,),
                           segments, marks=marks_)  # fmt: skip


def _circled_rows():
    """Yields circles about o, through the hidden h, that go round triangle abc, lie in it, or stand on its base."""
    for name, place, fact in (
        ("circumcircle", lambda a, b, c: (circumcentre(a, b, c), a), "inscribed_triangle o a b c"),
        ("incircle", _incircle, "inscribed_circle o a b c"),
        ("base_circle", lambda a, b, c: ((b + c) / 2, b), "diameter o b c"),
    ):
        yield Construction(name, "circled", "relation", "abc", "oH", (), lambda t, p, place=place: place(*t), (fact,),
                           circle="oH")  # fmt: skip


def _incircle(a: complex, b: complex, c: complex) -> tuple[complex, complex]:
    """Places the centre of the circle in a triangle, weighted by the opposite sides, and where it touches bc."""
    across = (abs(c - b), abs(a - c), abs(b - a))
    centre = sum(p * w for p, w in zip((a, b, c), across, strict=True)) / sum(across)
    return centre, complex(foot(centre, b, c))


def _circle_rows():
    yield Construction("circle", "circle", "", "", "oH", (), lambda t, p: (0j, 1 + 0j), (), circle="oH")
    # From the corner a of an inscribed triangle, or the end a of a chord, to g; T is the line's other, hidden end.
    for name, fact, range_ in (("tangent", "tangent o a g", (0, 0)), ("crossing", "crossing o a g", (40, 62))):
        yield Construction(name, "touch", "relation", "oa", "gT", (range_,),
                           lambda t, p: _line_through(t[0], t[1], p[0]), (fact,), "gT")  # fmt: skip
    for name, fact, range_ in (
        ("corner_tangent", "tangent o a g", (0, 0)),
        ("corner_diameter", "diameter o a g", (90, 90)),
        ("corner_chord", "off_centre_chord o a g", (28, 62)),
    ):
        yield Construction(name, "corner_line", "relation", "oa", "gT", (range_,), _from_corner, (fact,), "gT")
    for name, fact, range_ in (("diameter", "diameter o a b", (180, 180)),
                               ("off_centre_chord", "off_centre_chord o a b", (95, 142))):  # fmt: skip
        yield Construction(name, "chord", "relation", "oH", "ab", (range_, (100, 200)), _chord, (fact,), "ab")
    for name, fact, range_ in (("point_inside", "inside o p", (42, 66)),
                               ("point_on_circle", "on_circle o p", (100, 100)),
                               ("point_outside", "outside o p", (128, 146))):  # fmt: skip
        yield Construction(name, "place", "relation", "oH", "p", (range_, (15, 75)), _place, (fact,), "op")


def _line_through(o: complex, a: complex, degrees: float) -> tuple[complex, ...]:
    """Places a line through a, turned from the tangent to the centre; 1.1 radii to one end, 0.7 to the other."""
    along = (a - o) * 1j * polar(1, degrees)
    return a + 1.1 * along, a - 0.7 * along


def _from_corner(taken: Sequence[complex], p: Sequence[float]) -> tuple[complex, ...]:
    """Places the tangent in a where p[0] is 0; else the chord ag that leaves it by p[0] degrees, T its end in a."""
    o, a = taken
    if p[0] == 0:
        return _line_through(o, a, 0)
    return o + (a - o) * polar(1, 2 * p[0]), a


def _chord(taken: Sequence[complex], p: Sequence[float]) -> tuple[complex, ...]:
    o, h = taken
    a = (h - o) * polar(1, p[1])
    return o + a, o + a * polar(1, p[0])


def _place(taken: Sequence[complex], p: Sequence[float]) -> tuple[complex, ...]:
    o, h = taken
    return (o + (h - o) * polar(p[0] / 100, -p[1]),)


def _line_rows():
    """Lines ab and cd, then a transversal from e on ab to f on cd; p[0] is the angle b-e-f."""
    for name, fact, marks, turn in (
        ("parallel_lines", "parallel a b c d", ("arrows a b", "arrows c d"), (0, 0)),
        ("slanting_lines", "oblique a b c d", (), (14, 24)),
    ):
        yield Construction(name, "lines", "relation", "", "abcd", (turn, (0, 1)), _lines, (fact,), "ab cd", marks=marks)
    for name, fact, square, lean in (
        ("leaning_transversal", "oblique e f a b", (), (42, 66)),
        ("square_transversal", "perpendicular e f a b", ("right_angle b e f",), (90, 90)),
    ):
        yield Construction(name, "transversal", "relation", "abcd", "efUV", (lean,), _transversal, (fact,), "UV",
                           marks=square)  # fmt: skip
    for name, place, fact, marks_ in (
        ("transversal_middle", lambda t: (t[0] + t[1]) / 2, "midpoint g e f", ("ticks2 e g", "ticks2 g f")),
        ("transversal_near_f", lambda t: _between(t[0], t[1], 200 / 3), "trisection g e f", ()),
        ("transversal_near_e", lambda t: _between(t[1], t[0], 200 / 3), "trisection g f e", ()),
    ):
        yield Construction(name, "transversal_point", "relation", "ef", "g", (),
                           lambda t, p, place=place: (place(t),), (fact,), marks=marks_)  # fmt: skip


def _lines(taken: Sequence[complex], p: Sequence[float]) -> tuple[complex, ...]:
    """Places ab of length 1.7 above cd, 0.85 apart; cd turned by p[0] degrees, the other way where p[1] is 1."""
    half = 0.85 * polar(1, p[0] if p[1] else -p[0])
    return -0.85 + 0j, 0.85 + 0j, 0.85j - half, 0.85j + half


def _transversal(taken: Sequence[complex], p: Sequence[float]) -> tuple[complex, ...]:
    a, b, c, d = taken
    way = (b - a) / abs(b - a) * polar(1, p[0])
    # The crossing is centred: e and f lie evenly about the middle of the strip.
    middle = (a + b + c + d) / 4
    e, f = (complex(intersection(middle, middle + way, *line)) for line in ((a, b), (c, d)))
    over = (f - e) * 0.3
    return e, f, e - over, f + over


def _plain_rows():
    """Yields points at given coordinates, x and y in turn, y downwards; and strokes between points that are there."""
    yield Construction("placed", "placed", "", "", ANY, (), lambda t, p: tuple(map(complex, p[::2], p[1::2])), ())
    yield Construction("diagonal", "diagonal", "", "bd", "", (), lambda t, p: (), (), "bd")
    yield Construction("radius", "radius", "", "oa", "", (), lambda t, p: (), (), "oa")


def rows() -> Iterator[Construction]:
    """Yields all rows of this file."""
    for some in (
        _triangle_rows, _quadrilateral_rows, _cevian_rows, _crossline_rows, _side_point_rows, _cross_rows,
        _circled_rows, _circle_rows, _line_rows, _plain_rows,
    ):  # fmt: skip
        yield from some()
