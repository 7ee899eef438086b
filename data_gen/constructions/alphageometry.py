"""Lists the constructions of AlphaGeometry's language, all 68, as rows of ours.

A construction is a row of `ROWS`, a locus or two of `loci.LOCI`, or a row of `constructions.CONSTRUCTIONS`. `TERMS`
says which: the head of a construction and what it is here. `row` finds the row that a step names; a name that starts
with "~" is a row that draws and states nothing.

The frame is that of `constructions`: the first segment from 0 to 1, y upwards, angles counted anticlockwise.
"""

import cmath
import itertools
import math
from collections.abc import Sequence

from data_gen.constructions.loci import LOCI, SIDE, Ring, meet, single
from data_gen.constructions.row import Construction
from data_gen.geometry.plane import circumcentre, cross, dot, foot, intersection, polar, unit

Points = Sequence[complex]
Numbers = Sequence[float]
PERCENT = (-40, 140)
LEAST_UNLIKE_DEG = 6  # between the angles of any triangle, and from a right one

# ---- solvers: (points taken, parameters) -> points given ------------------------------------------------------------


def _triangle(_: Points, p: Numbers) -> tuple[complex, ...]:
    """Places abc, bc from 0 to 1, with the angles p[0] at b and p[1] at c. Raises ValueError where it looks special."""
    angles = sorted((p[0], p[1], 180 - p[0] - p[1], 90))
    if min(high - low for low, high in itertools.pairwise(angles)) < LEAST_UNLIKE_DEG:
        raise ValueError("nearly isosceles or right-angled")
    side = math.sin(math.radians(p[1])) / math.sin(math.radians(p[0] + p[1]))
    return polar(side, p[0]), 0j, 1 + 0j


def _quadrangle(_: Points, p: Numbers) -> tuple[complex, ...]:
    """Places abcd on the base ab: ad and bc by their lengths in hundredths and the angles at a and b."""
    return 0j, 1 + 0j, 1 + polar(p[1] / 100, 180 - p[3]), polar(p[0] / 100, p[2])


def _equal_diagonals(_: Points, p: Numbers) -> tuple[complex, ...]:
    """Places abcd; its diagonals, 1.3 long, cross at p[2] degrees in p[0] and p[1] hundredths of their lengths."""
    u, v = 1.3 * polar(1, (180 - p[2]) / 2), 1.3 * polar(1, (180 + p[2]) / 2)
    return -u * p[0] / 100, -v * p[1] / 100, u * (1 - p[0] / 100), v * (1 - p[1] / 100)


def _pentagon(_: Points, p: Numbers) -> tuple[complex, ...]:
    """Places a pentagon near a regular one: each corner is off by p degrees."""
    return tuple(polar(0.8, 72 * k - 126 + off) for k, off in enumerate(p))


def _weighted(points: Points, weights: Numbers) -> complex:
    return sum(z * w for z, w in zip(points, weights, strict=True)) / sum(weights)


def _incentre(t: Points, sign: int = 1) -> complex:
    """Returns the centre of the circle in abc; with sign -1 of that which touches bc from outside."""
    a, b, c = t
    return _weighted(t, (sign * abs(c - b), abs(a - c), abs(b - a)))


def _touching(t: Points, sign: int) -> tuple[complex, ...]:
    """Places x, y, z on bc, ca, ab, where the circle about the incentre or excentre i touches; and i."""
    a, b, c = t
    i = _incentre(t, sign)
    return complex(foot(i, b, c)), complex(foot(i, c, a)), complex(foot(i, a, b)), i


def _midpoints(t: Points) -> tuple[complex, ...]:
    a, b, c = t
    return (b + c) / 2, (c + a) / 2, (a + b) / 2


def _orthocentre(a: complex, b: complex, c: complex) -> complex:
    return complex(intersection(a, a + 1j * (c - b), b, b + 1j * (a - c)))


def _equal_angles_at(t: Points, share: float) -> complex:
    """Places x with equal angles b-a-x and b-c-x: e on bc and y on ba, with a, y, e and c on one circle."""
    a, b, c = t
    e = b + (c - b) * share
    reach = share * abs(c - b) ** 2 / abs(a - b) ** 2
    if reach > 0.95:
        raise ValueError("beyond the side")
    return complex(intersection(a, e, c, b + (a - b) * reach))


def _trisected(t: Points) -> tuple[complex, ...]:
    """Places x and y on ac, such that bx and by divide the angle a-b-c into thirds."""
    a, b, c = t
    third = cmath.rect(1, cmath.phase((c - b) / (a - b)) / 3)
    return tuple(complex(intersection(a, c, b, b + (a - b) * third**k)) for k in (1, 2))


def _held_between(t: Points, p: Numbers) -> tuple[complex, ...]:
    """Places z on bc, x on ab and y on ac with z halfway between them."""
    a, b, c = t
    z = b + (c - b) * p[0] / 100
    x = complex(intersection(a, b, 2 * z - a, 2 * z - c))
    return x, 2 * z - x, z


def _tangents(t: Points) -> tuple[complex, ...]:
    """Finds where the tangents from a touch the circle about o through b: on the circle over ao too."""
    a, o, b = t
    x, y = meet(Ring((a + o) / 2, abs(a - o) / 2), Ring(o, abs(b - o)))
    return x, y


def _common_tangent(t: Points, sign: float) -> tuple[complex, ...]:
    """Finds where a tangent touches the circles o through a and w through b from one side, left or right of ow."""
    o, a, w, b = t
    r, s = abs(a - o), abs(b - w)
    cosine = (r - s) / abs(w - o)
    if abs(cosine) > 0.98:
        raise ValueError("one circle lies in the other")
    normal = (w - o) / abs(w - o) * cmath.rect(1, sign * math.acos(cosine))
    return o + r * normal, w + s * normal


def _beside_chord(t: Points) -> tuple[complex, ...]:
    """Places the circle that touches ca in x, cb in y and, from inside, the circle about o through a in z; centre i."""
    a, b, c, o = t
    way = unit(unit(a - c) + unit(b - c))
    sine = abs(cross(unit(a - c), way))
    # |c + s way - o| = radius - s sine, for the distance s of i from c.
    radius, off = abs(a - o), c - o
    half, square = float(dot(way, off)) + radius * sine, abs(off) ** 2 - radius**2
    quarter = half**2 - (1 - sine**2) * square
    s = (-half + math.sqrt(quarter)) / (1 - sine**2)
    if s <= 0:
        raise ValueError("no such circle in the angle")
    i = complex(c + s * way)
    z = o + radius * (i - o) / abs(i - o)
    return complex(foot(i, a, c)), complex(foot(i, b, c)), z, i


def _power_point(t: Points) -> tuple[complex, ...]:
    """Places y halfway on ab, a tangent of the circle about c through b, and x where dy cuts that circle again."""
    a, b, c, d = t
    y = (a + b) / 2
    way = y - d
    return d + way * 2 * float(dot(way, c - d)) / abs(way) ** 2, y


def _bisector_meets(a: complex, b: complex, c: complex) -> complex:
    return _weighted((b, c), (abs(c - a), abs(b - a)))


def _turned(sign: int):
    return lambda t, p: (t[0] + sign * 1j * (t[1] - t[0]),)


def _apex(height: float):
    """Places x above bc, or below it where p[0] is 1, at that share of the base."""
    return lambda t, p: ((t[0] + t[1]) / 2 + (1 - 2 * p[0]) * 1j * height * (t[1] - t[0]),)


def _mirrored(z: complex, a: complex, b: complex) -> complex:
    return 2 * complex(foot(z, a, b)) - z


# ---- rows ---------------------------------------------------------------------------------------------------------


def _row(head: str, ranges, solve, facts=(), segments="", circle="", marks=(), slot="", axis="relation"):
    """Makes a row from its head, "foot x < a b c"."""
    name, *outs = head.split("<")[0].split()
    ins = "".join(head.split("<")[1].split()) if "<" in head else ""
    return Construction(name, slot, axis, ins, "".join(outs), ranges, solve, facts, segments, circle, marks=marks)


ANGLES, LENGTHS = (38, 76), (60, 95)
OPEN = (62, 104)  # the angles at the base of a quadrilateral
SIDES = "ab bc ca"

_ROWS = (
    # figures to begin with
    _row("free a", (PERCENT, PERCENT), lambda t, p: (complex(*p) / 100,)),
    _row("segment a b", (), lambda t, p: (0j, 1 + 0j), segments="ab"),
    _row("triangle a b c", (ANGLES, ANGLES), _triangle, segments=SIDES, slot="triangle", axis="shape"),
    _row("double_triangle a b c", ((50, 110),), lambda t, p: (0j, 0.6 + 0j, polar(1.2, p[0])), segments=SIDES),
    _row("quadrangle a b c d", (LENGTHS, LENGTHS, OPEN, OPEN), _quadrangle, segments="ab bc cd da",
         slot="quadrilateral", axis="shape"),
    _row("equal_legs a b c d", (LENGTHS, OPEN, OPEN), lambda t, p: _quadrangle(t, (p[0], *p)),
         ("equal_length a d b c",), "ab bc cd da"),
    _row("equal_diagonals a b c d", ((35, 60), (35, 60), (65, 115)), _equal_diagonals, ("equal_length a c b d",),
         "ab bc cd da ac bd"),
    _row("pentagon a b c d e", ((-12, 12),) * 5, _pentagon, segments="ab bc cd de ea"),
    # on a segment
    _row("midpoint x < a b", (), lambda t, p: ((t[0] + t[1]) / 2,), ("midpoint x a b",), "ab", slot="on_segment"),
    _row("near_third x < a b", (), lambda t, p: ((2 * t[0] + t[1]) / 3,), ("trisection x b a",), "ab",
         slot="on_segment"),
    _row("far_third x < a b", (), lambda t, p: ((t[0] + 2 * t[1]) / 3,), ("trisection x a b",), "ab",
         slot="on_segment"),
    _row("mirror x < a b", (), lambda t, p: (2 * t[1] - t[0],), ("midpoint b a x",), "ax", slot="beyond"),
    _row("half_beyond x < a b", (), lambda t, p: (1.5 * t[1] - 0.5 * t[0],), ("trisection b a x",), "ax",
         slot="beyond"),
    _row("trisegment x y < a b", (), lambda t, p: ((2 * t[0] + t[1]) / 3, (t[0] + 2 * t[1]) / 3),
         ("trisection x b a", "trisection y a b"), "ab"),
    # from a to the line bc
    _row("foot x < a b c", (), lambda t, p: (complex(foot(*t)),), ("altitude a x b c",), "ax bc xb xc",
         marks=("right_angle a x b",), slot="to_line"),
    _row("median_foot x < a b c", (), lambda t, p: ((t[1] + t[2]) / 2,), ("median a x b c",), "ax bc",
         slot="to_line"),
    _row("bisector_foot x < a b c", (), lambda t, p: (_bisector_meets(*t),), ("bisector a x b c",), "ax bc",
         slot="to_line"),
    _row("reflect x < a b c", (), lambda t, p: (_mirrored(*t),), ("perpendicular_bisector b c a x",), "ax bc"),
    # centres of abc
    _row("circle_through x < a b c", (), lambda t, p: (circumcentre(*t),), ("inscribed_triangle x a b c",),
         circle="xa"),
    _row("equidistant x < a b c", (), lambda t, p: (circumcentre(*t),),
         ("equal_length x a x b", "equal_length x b x c"), f"{SIDES} xa xb xc", slot="centre"),
    _row("incenter x < a b c", (), lambda t, p: (_incentre(t),), ("equal_angle b a x x a c", "equal_angle a b x x b c"),
         f"{SIDES} xa xb xc", slot="centre"),
    _row("orthocenter x < a b c", (), lambda t, p: (_orthocentre(*t),),
         ("perpendicular x a b c", "perpendicular x b c a"), f"{SIDES} xa xb xc", slot="centre"),
    _row("excenter x < a b c", (), lambda t, p: (_incentre(t, -1),), ("equal_angle b a x x a c",), f"{SIDES} xa xb xc"),
    _row("incenter2 x y z i < a b c", (), lambda t, p: _touching(t, 1), ("inscribed_circle i a b c",), SIDES, "ix"),
    _row("excenter2 x y z i < a b c", (), lambda t, p: _touching(t, -1),
         ("tangent i x b", "tangent i y a", "tangent i z a"), f"{SIDES} ay az", "ix"),
    _row("centroid x y z i < a b c", (), lambda t, p: (*_midpoints(t), sum(t) / 3),
         ("midpoint x b c", "midpoint y c a", "midpoint z a b"), f"{SIDES} ax by cz"),
    _row("ninepoints x y z i < a b c", (), lambda t, p: (*_midpoints(t), circumcentre(*_midpoints(t))),
         ("midpoint x b c", "midpoint y c a", "midpoint z a b"), SIDES, "ix"),
    # corners
    _row("fourth_corner x < a b c", (), lambda t, p: (t[0] + t[2] - t[1],), ("parallelogram a b c x",), "ab bc cx xa",
         slot="corner_of", axis="shape"),
    _row("kite_corner x < a b c", (), lambda t, p: (_mirrored(t[1], t[0], t[2]),), ("kite a b c x",), "ab bc cx xa",
         slot="corner_of", axis="shape"),
    _row("shift x < b c d", (), lambda t, p: (t[0] + t[1] - t[2],), ("equal_length x b c d", "equal_length x c b d"),
         "xb bd dc cx"),  # a parallelogram, but for three points in line
    _row("eq_triangle x < b c", (SIDE,), _apex(math.sqrt(3) / 2), ("equilateral x b c",), "xb xc bc", slot="apex",
         axis="shape"),
    _row("right_apex x < b c", (SIDE,), _apex(0.5), ("isosceles_right x b c",), "xb xc bc",
         marks=("right_angle b x c",), slot="apex", axis="shape"),
    _row("nsquare x < a b", (), _turned(-1), ("isosceles_right a b x",), "ab ax", marks=("right_angle b a x",)),
    _row("psquare x < a b", (), _turned(1), ("isosceles_right a b x",), "ab ax", marks=("right_angle b a x",)),
    _row("square_on x y < a b", (), lambda t, p: (t[1] + 1j * (t[1] - t[0]), t[0] + 1j * (t[1] - t[0])),
         ("square a b x y",), "ab bx xy ya"),
    # angles
    _row("eqangle2 x < a b c", ((30, 70),), lambda t, p: (_equal_angles_at(t, p[0] / 100),),
         ("equal_angle b a x x c b",), "ab bc xa xc"),
    _row("trisect x y < a b c", (), lambda t, p: _trisected(t), ("equal_angle a b x x b y", "equal_angle x b y y b c"),
         "bx by ac"),
    # lines and circles that others give
    _row("two_tangents x y < a o b", (), lambda t, p: _tangents(t), ("tangent o x a", "tangent o y a"), "ax ay", "ob"),
    _row("cc_tangent0 x y < o a w b", (SIDE,), lambda t, p: _common_tangent(t, 1 - 2 * p[0]),
         ("tangent o x y", "tangent w y x"), "xy"),
    _row("cc_tangent x y z i < o a w b", (),
         lambda t, p: (*_common_tangent(t, 1), *_common_tangent(t, -1)),
         ("tangent o x y", "tangent w y x", "tangent o z i", "tangent w i z"), "xy zi"),
    _row("ring < o a", (), lambda t, p: (), circle="oa"),
    _row("3peq x y z < a b c", ((20, 80),), _held_between, ("midpoint z x y",), "xy bc ax ay"),
    _row("2l1c x y z i < a b c o", (), lambda t, p: _beside_chord(t), ("tangent i x c", "tangent i y c"),
         "ac bc", "ix"),
    _row("e5128 x y < a b c d", (), lambda t, p: _power_point(t), ("collinear x y d", "midpoint y a b"), "ab xd yd",
         "cb"),
)  # fmt: skip

ROWS: dict[str, Construction] = {row.name: row for row in _ROWS} | {name: single(row) for name, row in LOCI.items()}
