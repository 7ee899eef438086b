"""Lists the constructions that add one thing to a figure: the rows of which the composed figures are made.

Every slot is a question about the figure; its rows are the answers, so that an exchange of rows is an edit that a
person sees. Shares are hundredths, angles degrees.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from data_gen.constructions.row import Construction, Range
from data_gen.geometry.plane import bisector_foot, circumcentre, intersection, polar
from data_gen.language.numbers import TICK_WORDS, format_polynomial
from data_gen.language.predicates.polygons import POLYGONS

Given = tuple[complex, ...]
Solve = Callable[[Sequence[complex], Sequence[float]], Given]
OUTSIDE, INSIDE = (1.0, 1.0), (-1.0, -1.0)  # in the place of a range of distances: where a second circle touches


def _row(
    slot: str, name: str, ins: str, outs: str, solve: Solve, fact: str, ranges: tuple[Range, ...] = (),
    axis: str = "relation", **drawn: Any,
) -> Construction:  # fmt: skip
    """Makes a row whose name begins with its slot's, so that names stay apart."""
    return Construction(f"{slot}.{name}", slot, axis, ins, outs, ranges, solve, tuple(fact.split("; ")), **drawn)


def _at(a: complex, b: complex, share: float) -> complex:
    return a + (b - a) * share


# ---- points on and beside a segment ab ----------------------------------------------------------------------------


def _segment_rows() -> Iterator[Construction]:
    for name, share, fact in (
        ("half", 1 / 2, "midpoint p a b"),
        ("near_a", 1 / 3, "trisection p b a"),
        ("near_b", 2 / 3, "trisection p a b"),
        ("quarter", 1 / 4, "division p a b =1:3"),
        ("three_quarters", 3 / 4, "division p a b =3:1"),
    ):
        yield _row("division", name, "ab", "p", lambda t, p, share=share: (_at(t[0], t[1], share),), fact)
    for name, range_, fact, line in (
        ("between", (42, 58), "on_segment p a b", ""),
        ("past_b", (138, 150), "beyond p a b", "bp"),
        ("past_a", (-50, -38), "beyond p b a", "ap"),
    ):
        yield _row("extension", name, "ab", "p", _along, fact, (range_,), segments=line)
    for name, height, fact in (("on", (0, 0), "on_segment p a b"), ("above", (20, 30), "off_line p a b"),
                               ("below", (-30, -20), "off_line p a b")):  # fmt: skip
        yield _row("incidence", name, "ab", "p", _beside, fact, ((38, 62), height))
    for name, foot_, lean, fact in (
        ("bisecting", (50, 50), (90, 90), "perpendicular_bisector p q a b"),
        ("leaning", (50, 50), (56, 70), "oblique p q a b"),
    ):
        yield _row("crosser", name, "ab", "pq", _through, fact, (foot_, lean), segments="pq")
    for first, second in ((1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)):
        share = first / (first + second)
        yield _row("ratio", f"{first}_{second}", "ab", "p", lambda t, p, share=share: (_at(t[0], t[1], share),),
                   f"length_ratio a p p b ={first}:{second}")  # fmt: skip
    for count in (3, 4, 5):
        yield _row("parts", str(count), "ab", "", _nothing, f"divided a b ={count}", shows=(f"divisions{count} a b",))
    for count, word in TICK_WORDS.items():  # on both halves: ticks mean that things are equal
        yield _row("ticks", word.split()[0], "ab", "m", lambda t, p: (_at(t[0], t[1], 1 / 2),),
                   f"midpoint m a b; ticked a m ={word}", shows=(f"ticks{count} a m", f"ticks{count} m b"))  # fmt: skip


def _nothing(taken: Sequence[complex], p: Sequence[float]) -> Given:
    return ()


def _along(taken: Sequence[complex], p: Sequence[float]) -> Given:
    a, b = taken
    return (_at(a, b, p[0] / 100),)


def _beside(taken: Sequence[complex], p: Sequence[float]) -> Given:
    a, b = taken
    return (_at(a, b, p[0] / 100) + (b - a) * 1j * p[1] / 100,)


def _through(taken: Sequence[complex], p: Sequence[float]) -> Given:
    """Places a line pq through the point of ab at the share p[0], at p[1] degrees to it."""
    a, b = taken
    arm = (b - a) * polar(0.42, p[1])
    return _at(a, b, p[0] / 100) + arm, _at(a, b, p[0] / 100) - arm


# ---- a triangle abc -----------------------------------------------------------------------------------------------


def _triangle_rows() -> Iterator[Construction]:
    for name, place in (
        ("centroid", lambda a, b, c: (a + b + c) / 3),
        ("incenter", lambda a, b, c: _incentre(a, b, c)),
        ("circumcenter", circumcentre),
        ("orthocenter", lambda a, b, c: a + b + c - 2 * circumcentre(a, b, c)),
    ):
        yield _row("centre", name, "abc", "g", lambda t, p, place=place: (complex(place(*t)),), f"{name} g a b c",
                   segments="ag bg cg")  # fmt: skip
    for name, range_, fact in (("inside", (26, 36), "in_triangle p a b c"), ("outside", (-36, -26),
                                                                            "outside_triangle p a b c")):  # fmt: skip
        yield _row("interior", name, "abc", "p", _over_base, fact, (range_, (42, 58)), segments="ap")
    for name, range_, fact in (("near", (26, 40), "same_side p a b c"), ("far", (-40, -26), "opposite_sides p a b c")):
        yield _row("side", name, "abc", "p", _over_base, fact, (range_, (62, 78)), segments="bp cp")
    for name, turn, fact, marks in (
        ("parallel", (0, 0), "parallel a d b c", ("arrows a d", "arrows b c")),
        ("rising", (16, 24), "oblique a d b c", ()),
        ("falling", (-24, -16), "oblique a d b c", ()),
    ):
        yield _row("vertex_line", name, "abc", "dT", _vertex_line, fact, (turn,), segments="dT", marks=marks)
    for name, range_, fact in (("on", (100, 100), "concyclic a b c d"), ("in", (56, 70), "not_concyclic a b c d"),
                               ("out", (132, 146), "not_concyclic a b c d")):  # fmt: skip
        yield _row("fourth", name, "abc", "dXH", _fourth, fact, (range_, (40, 60)), segments="bd cd", circle="XH")
    for name, fact, marks in (
        ("from_apex", "a d a e", ("ticks a d", "ticks a e")),
        ("from_base", "b d c e", ("ticks b d", "ticks c e")),
        ("crossed", "a d c e", ("ticks a d", "ticks c e")),
    ):
        yield _row("equal_parts", name, "abc", "de", partial(_equal_parts, from_a=("a d" in fact, "a e" in fact)),
                   f"equal_length {fact}", ((36, 62),), segments="de", shows=marks)  # fmt: skip
    for name, place, fact in (
        ("halves", lambda a, b, c: bisector_foot(a, b, c), "b a d d a c"),
        ("like_c", lambda a, b, c: b + (c - b) * (abs(a - b) / abs(c - b)) ** 2, "b a d a c b"),
        ("like_b", lambda a, b, c: c + (b - c) * (abs(a - c) / abs(c - b)) ** 2, "c a d a b c"),
    ):
        first, second = fact[:5], fact[6:]
        yield _row("equal_angles", name, "abc", "d", lambda t, p, place=place: (_inside(place(*t), t[1], t[2]),),
                   f"equal_angle {fact}", segments="ad", shows=(f"arc {first}", f"arc {second}"))  # fmt: skip
    for corner, arms in (("a", "b a c"), ("b", "a b c"), ("c", "a c b")):
        yield _row("numbered", f"at_{corner}", "abc", "", _nothing, f"numbered_angle {arms} =1",
                   shows=(f"number1 {arms}",))  # fmt: skip
    for name, size, fact in (("equal", (100, 100), "congruent a b c d e f"),
                             ("small", (58, 66), "similar a b c d e f; smaller a b c d e f")):  # fmt: skip
        yield _row("copy", name, "abc", "def", _copy, fact, (size, (-20, 20)), segments="de ef fd")
    for name, share, fact in (
        ("middle", 1 / 2, "midsegment d e a b c"),
        ("near_a", 1 / 4, "division d a b =1:3; division e a c =1:3"),
        ("near_base", 3 / 4, "division d a b =3:1; division e a c =3:1"),
    ):
        yield _row("midsegment", name, "abc", "de", lambda t, p, share=share: (_at(t[0], t[1], share),
                   _at(t[0], t[2], share)), fact, segments="de")  # fmt: skip
    for name, part in (("left", "abd"), ("right", "acd")):
        yield _row("shading", name, "abc", "d", lambda t, p: (_at(t[1], t[2], p[0] / 100),),
                   "shaded_triangle " + " ".join(part), ((40, 60),), segments="ad", shades=part)  # fmt: skip


def _equal_parts(taken: Sequence[complex], p: Sequence[float], from_a: tuple[bool, bool]) -> Given:
    """Places d on ab and e on ac, each as far from an end: p[0] hundredths of the shorter side."""
    a, *others = taken
    length = p[0] / 100 * min(abs(z - a) for z in others)
    ways = zip(others, from_a, strict=True)
    return tuple(a + (z - a) * (length if near else abs(z - a) - length) / abs(z - a) for z, near in ways)


def _inside(z: complex, a: complex, b: complex) -> complex:
    """Returns a point of the line ab. Raises ValueError where it is no inner point of the segment."""
    if not 0.1 < abs(z - a) / abs(b - a) < 0.9 or abs(z - b) > abs(b - a):
        raise ValueError("beyond the side")
    return z


def _incentre(a: complex, b: complex, c: complex) -> complex:
    d = bisector_foot(a, b, c)
    return complex(intersection(a, d, b, bisector_foot(b, a, c)))


def _over_base(taken: Sequence[complex], p: Sequence[float]) -> Given:
    """Goes from the point of bc at the share p[1] p[0] hundredths of the way to a; below 0 away from it."""
    a, b, c = taken
    return (_at(_at(b, c, p[1] / 100), a, p[0] / 100),)


def _vertex_line(taken: Sequence[complex], p: Sequence[float]) -> Given:
    a, b, c = taken
    way = (c - b) / abs(c - b) * polar(1, p[0]) * max(abs(c - b), abs(a - b)) * 0.6
    return a + way, a - 0.6 * way


def _fourth(taken: Sequence[complex], p: Sequence[float]) -> Given:
    """Places d beyond bc, p[0] hundredths of the radius from the centre of the circle about abc."""
    a, b, c = taken
    centre = circumcentre(a, b, c)
    way = _at(b, c, p[1] / 100) - a
    return centre + way / abs(way) * abs(a - centre) * p[0] / 100, centre, a


def _copy(taken: Sequence[complex], p: Sequence[float]) -> Given:
    """Places the polygon again, p[0] hundredths as large, turned by p[1] degrees, to the right of it."""
    middle = sum(taken) / len(taken)
    reach = max(abs(z - middle) for z in taken)
    return tuple(middle + reach * 1.08 * (1 + p[0] / 100) + (z - middle) * polar(p[0] / 100, p[1]) for z in taken)


# ---- a quadrilateral abcd -----------------------------------------------------------------------------------------


def _quadrilateral_rows() -> Iterator[Construction]:
    for name, lines, fact in (("ac", "ac", "joined a c"), ("bd", "bd", "joined b d"),
                              ("none", "", "apart a c; apart b d")):  # fmt: skip
        yield _row("joined", name, "abcd", "", _nothing, fact, segments=lines)
    for name, lines, fact in (("dashed", "ac-", "dashed a c"), ("solid", "ac", "solid a c")):
        yield _row("dashes", name, "abcd", "", _nothing, fact, segments=lines)
    for name, size, fact in (
        ("equal", (100, 100), "congruent_quadrilaterals a b c d e f g h"),
        ("small", (58, 66), "similar_quadrilaterals a b c d e f g h; smaller_quadrilateral a b c d e f g h"),
    ):
        yield _row("quadrilateral_copy", name, "abcd", "efgh", _copy, fact, (size, (-20, 20)),
                   segments="ef fg gh he")  # fmt: skip
    for part in ("abc", "acd"):
        fact = "shaded_triangle " + " ".join(part)
        yield _row("half_shaded", part, "abcd", "", _nothing, fact, segments="ac", shades=part)


# ---- a circle about o, through h ----------------------------------------------------------------------------------


def _circle_rows() -> Iterator[Construction]:
    for name, height, fact in (("tangent", (100, 100), "tangent_line o a b"), ("secant", (40, 64), "secant o a b"),
                               ("outside", (126, 140), "outside_line o a b")):  # fmt: skip
        yield _row("line_by_circle", name, "oH", "ab", _line_by, fact, (height, (-40, 40)), segments="ab")
    for name, distance, size, fact in (
        ("outside", OUTSIDE, (55, 70), "tangent_outside o p"),
        ("inside", INSIDE, (45, 60), "tangent_inside o p"),
        ("crossing", (100, 112), (55, 75), "circles_cross o p"),
        ("apart", (178, 190), (45, 55), "circles_apart o p"),
        ("within", (18, 26), (35, 45), "circle_in_circle o p"),
    ):
        yield _row("second_circle", name, "oH", "pQ", _second_circle(distance), fact,
                   (size, distance, (-30, 30)), segments="op", circle="pQ")  # fmt: skip
    for sides in (3, 4, 5, 6, 8):
        yield _row("polygon", str(sides), "oH", "a", lambda t, p: (t[0] + (t[1] - t[0]) * polar(1, p[0]),),
                   f"inscribed_regular o a ={sides}", ((0, 90),), shows=(f"polygon{sides} o a",))  # fmt: skip
    for degrees in (60, 90, 120, 150):
        turn = partial(_turned, degrees=degrees)
        yield _row("arc", str(degrees), "oa", "b", turn, f"minor_arc o a b ={degrees}")
        yield _row("sector", str(degrees), "oa", "b", turn, f"sector o a b ={degrees}", segments="oa ob")


def _turned(taken: Sequence[complex], p: Sequence[float], degrees: float) -> Given:
    """Returns the point a, turned about o."""
    o, a = taken
    return (o + (a - o) * polar(1, degrees),)


def _line_by(taken: Sequence[complex], p: Sequence[float]) -> Given:
    """Places a line ab at p[0] hundredths of the radius from the centre."""
    o, h = taken
    way = (h - o) * polar(1, p[1])
    return o + way * (p[0] / 100 + 1.15j), o + way * (p[0] / 100 - 1.15j)


def _second_circle(distance: Range) -> Solve:
    """Places a circle about p, p[1] hundredths of the radius away and p[0] large, unless it touches the first one."""

    def solve(taken: Sequence[complex], p: Sequence[float]) -> Given:
        o, h = taken
        away = {OUTSIDE: 100 + p[0], INSIDE: 100 - p[0]}.get(distance, p[1])
        way = (h - o) * polar(1, p[2])
        centre = o + way * away / 100
        return centre, centre + way * 1j * p[0] / 100

    return solve


# ---- figures of their own -----------------------------------------------------------------------------------------


def _base_rows() -> Iterator[Construction]:
    for sides, name in POLYGONS.items():
        letters = "abcdefgh"[:sides]
        lines = " ".join(letters[i - 1] + letters[i] for i in range(sides))
        for kind, low, high in (("regular", 0, 0), ("uneven", 22, 34)):
            yield _row(name, kind, "", letters, lambda t, p, n=sides: _ring(n, p[0] / 100), f"{kind}_{name} " +
                       " ".join(letters), ((low, high),), segments=lines, axis="shape")  # fmt: skip
    for name, coefficients in (
        ("rising", (-1, 1)), ("falling", (1, -1)), ("steep", (1, 2)), ("high", (2, 1)), ("cup", (-1, 0, 1)),
        ("cap", (2, 0, -1)), ("right_cup", (-1, -2, 1)), ("level", (2,)),
    ):  # fmt: skip
        yield _row("graph", name, "", "pUVW", lambda t, p: (0j, 1 - 1j, -5 + 5j, 5 - 5j),
                   f"graph p ={format_polynomial(coefficients)}", graph=coefficients)  # fmt: skip


def _open_rows() -> Iterator[Construction]:
    """Yields figures that are not closed: an angle of two rays, and a sector with its arc."""
    for name, range_, fact in (("right", (90, 90), "right_angle v a b"), ("acute", (34, 66), "acute_angle v a b"),
                               ("obtuse", (112, 146), "obtuse_angle v a b")):  # fmt: skip
        yield _row("angle", name, "", "vab", lambda t, p: (0j, polar(0.9, p[0]), 1 + 0j), fact, (range_,), axis="shape",
                   segments="va> vb>", marks=("right_angle a v b",) if name == "right" else ())  # fmt: skip
    for degrees in (60, 90, 120, 150):
        yield _row("wedge", str(degrees), "", "oabV",
                   lambda t, p, d=degrees: (0j, 1 + 0j, polar(1, d), polar(1, d / 2)), f"sector o a b ={degrees}",
                   segments="oa ob", arcs="oaVb")  # fmt: skip


def _ring(sides: int, stretch: float) -> Given:
    """Places a regular polygon, every second corner moved out by a share of the radius, the third one in."""
    moves = (1, 1 + stretch, 1 - stretch / 2)
    return tuple(polar(moves[i % 3], 360 * i / sides) for i in range(sides))


def rows() -> Iterator[Construction]:
    """Yields all rows of this file."""
    for some in (_segment_rows, _triangle_rows, _quadrilateral_rows, _circle_rows, _base_rows, _open_rows):
        yield from some()
