"""Worked problems about lengths, perimeters, areas and arcs, as in `problem_angles`.

`answer` is a length or an area in the units of the problem, or what stands before pi.
"""

import math
from fractions import Fraction

from data_gen.geometry.plane import polar
from data_gen.sources.problems.angles import pick, ring
from data_gen.sources.problems.sketch import Line, Sketch, written

PYTHAGORAS = "Pythagorean theorem"


def _root(square: float) -> float:
    """Returns the square root, exact where it is whole. Raises ValueError where there is none."""
    return math.sqrt(square)


def _squared(value: float) -> str:
    text = written(value)
    return f"({text})²" if "√" in text else f"{text}²"


def _choose(rng, found: list):
    if not found:
        raise ValueError("nothing fits")
    return found[int(rng.integers(len(found)))]


def _right(base: float, height: float) -> dict[str, complex]:
    """Returns the right angle at c, b level with it and a above."""
    return {"a": -1j * height, "b": complex(base), "c": 0j}


def _legs(hypotenuse: int, rng) -> tuple[float, float]:
    """Returns two legs, whole where such are, else one of them a root."""
    low, high = math.ceil(hypotenuse * 0.36), math.floor(hypotenuse * 0.93)
    whole = [p for p in range(low, high + 1) if math.isqrt(hypotenuse**2 - p * p) ** 2 == hypotenuse**2 - p * p]
    first = _choose(rng, whole or list(range(low, high + 1)))
    return first, _root(hypotenuse**2 - first**2)


def hypotenuse(answer: int, hint: int, rng) -> Sketch:
    p, q = _legs(answer, rng)
    return Sketch(
        _right(p, q), "ab bc ca", ("length b c", "length a c"), "length a b",
        (Line("length a b", f"√({_squared(p)} + {_squared(q)}) = √({round(p * p)} + {round(q * q)})",
              _root(p * p + q * q), PYTHAGORAS),),
        "∠[acb] = 90°", ("right_angle a c b",),
    )  # fmt: skip


def leg(answer: int, hint: int, rng) -> Sketch:
    other, long = _other_leg(answer, rng)
    return Sketch(
        _right(other, answer), "ab bc ca", ("length a b", "length b c"), "length a c",
        (Line("length a c", f"√({_squared(long)} − {_squared(other)}) = √({round(long**2)} − {round(other**2)})",
              _root(long**2 - other**2), PYTHAGORAS),),
        "∠[acb] = 90°", ("right_angle a c b",),
    )  # fmt: skip


def _other_leg(leg: int, rng) -> tuple[float, float]:
    """Returns (the other leg, the hypotenuse), whole where such are."""
    sides = range(math.ceil(leg * 0.4), math.floor(leg * 2.5) + 1)
    whole = [q for q in sides if math.isqrt(leg**2 + q * q) ** 2 == leg**2 + q * q]
    other = _choose(rng, whole or list(sides))
    return other, _root(leg**2 + other**2)


def tangent_length(answer: int, hint: int, rng) -> Sketch:
    radius, far = _other_leg(answer, rng)
    turn = math.degrees(math.atan2(answer, radius))
    points = {"o": 0j, "a": polar(radius, -turn), "p": complex(far)}
    return Sketch(
        points, "oa ap po", ("length o a", "length o p"), "length a p",
        (Line("angle o a p", "", 90, "a tangent is perpendicular to the radius"),
         Line("length a p", f"√({_squared(far)} − {_squared(radius)}) = √({round(far**2)} − {round(radius**2)})",
              _root(far**2 - radius**2), PYTHAGORAS)),
        "[pa] is tangent to circle [o] at [a]", states=("tangent o a p",), circle="oa", told=True,
    )  # fmt: skip


def chord(answer: int, hint: int, rng) -> Sketch:
    half = answer // 2
    height, radius = _other_leg(half, rng)
    points = {"o": 0j, "a": complex(-half, height), "b": complex(half, height), "m": 1j * height}
    return Sketch(
        points, "am mb om oa", ("length o a", "length o m"), "length a b",
        (Line("length a m", f"√({_squared(radius)} − {_squared(height)}) = √({round(radius**2)} − {round(height**2)})",
              _root(radius**2 - height**2), PYTHAGORAS),
         Line("length a b", f"2 × [am] = 2 × {half}", 2 * half, "the perpendicular from the centre bisects a chord")),
        "[ab] is a chord of circle [o], and [om] ⊥ [ab] at [m]", ("right_angle o m a",),
        ("chord o a b", "on_segment m a b"), circle="oa",
    )  # fmt: skip


def _cut(part: Fraction, at_b: float, at_c: float, base: float) -> dict[str, complex]:
    """Places triangle abc on bc, and d on ab, e on ac with ad : ab = ae : ac = `part`."""
    b, c = 0j, complex(base)
    tan_b, tan_c = math.tan(math.radians(at_b)), math.tan(math.radians(at_c))
    height = base * tan_b * tan_c / (tan_b + tan_c)
    a = complex(height / tan_b, -height)
    share = float(part)
    return {"a": a, "b": b, "c": c, "d": a + (b - a) * share, "e": a + (c - a) * share}


BETWEEN = ("on_segment d a b", "on_segment e a c")


def similar(answer: int, hint: int, rng) -> Sketch:
    """Asks for bc from de, ad and db; or, where the answer is the smaller, for de from bc."""
    low, high = math.ceil(answer / 0.7), math.floor(answer / 0.4)
    bigger = pick(rng, low, high, answer + hint)
    smaller = pick(rng, math.ceil(answer * 0.4), math.floor(answer * 0.7), answer - hint)
    find_base = rng.random() < 0.5
    base, cut = (answer, smaller) if find_base else (bigger, answer)
    part = Fraction(cut, base)
    times = _choose(rng, [t for t in range(1, 9) if 5 <= part.denominator * t <= 30])
    long, near = part.denominator * times, part.numerator * times
    at_b = pick(rng, 48, 75)
    unscaled = _cut(part, at_b, 60, base)
    side = abs(unscaled["a"] - unscaled["b"])
    # The side ab is as long as it must be; where e.g. it is too long for the base, there is no such triangle.
    points = {"a": polar(long, -at_b), "b": 0j, "c": complex(base)}
    if not 0.75 < long / side < 1.35:
        raise ValueError("the triangle is too narrow")
    a = points["a"]
    points |= {"d": a + (points["b"] - a) * float(part), "e": a + (points["c"] - a) * float(part)}
    ratio = "[de] ÷ [bc] = [ad] ÷ [ab]"
    if find_base:
        given, find = "length d e", "length b c"
        working, value = f"{cut} × {long} ÷ {near}", cut * long / near
    else:
        given, find = "length b c", "length d e"
        working, value = f"{base} × {near} ÷ {long}", base * near / long
    return Sketch(
        points, "ad db bc ce ea de", ("length a d", "length d b", given), find,
        (Line("length a b", f"[ad] + [db] = {near} + {long - near}", long, "parts of a segment"),
         Line(find, working, value, f"similar triangles, {ratio}")),
        "[d] lies on [ab], [e] lies on [ac], and [de] ∥ [bc]", ("parallel d e b c",), BETWEEN,
    )  # fmt: skip


def midsegment(answer: int, hint: int, rng) -> Sketch:
    """Asks for the midsegment from the side, or the side from the midsegment."""
    half = answer % 2 == 1 or rng.random() < 0.5
    base = 2 * answer if half else answer
    points = _cut(Fraction(1, 2), pick(rng, 48, 75), pick(rng, 48, 75), base)
    given, find = ("length b c", "length d e") if half else ("length d e", "length b c")
    working, value = (f"[bc] ÷ 2 = {base} ÷ 2", base / 2) if half else (f"2 × [de] = 2 × {base // 2}", base // 2 * 2)
    return Sketch(
        points, "ad db bc ce ea de", (given,), find, (Line(find, working, value, "midsegment of a triangle"),),
        "[d] and [e] are the midpoints of [ab] and [ac]", ("midpoint d a b", "midpoint2 e a c"),
        ("midsegment d e a b c",),
    )  # fmt: skip


def _factors(product: int, least: int, rng, shape: float = 3.0) -> tuple[int, int]:
    """Returns two whole factors, neither of them below `least` or more than `shape` times the other."""
    pairs = [(p, product // p) for p in range(least, product // least + 1) if product % p == 0]
    return _choose(rng, [(p, q) for p, q in pairs if max(p, q) <= shape * min(p, q)])


def products(low: int, high: int, half: bool = False, least: int = 3, shape: float = 3.0) -> tuple[int, ...]:
    """Returns the areas from low to high, of rectangles or of their halves, that have such `_factors`."""
    sides = [(p, q) for p in range(least, 61) for q in range(least, 61) if max(p, q) <= shape * min(p, q)]
    found = {p * q // (1 + half) for p, q in sides if p * q % (1 + half) == 0}
    return tuple(sorted(n for n in found if low <= n <= high))


def triangle_area(answer: int, hint: int, rng) -> Sketch:
    """Asks for the area of a triangle whose height falls beside the base, so that the base is printed whole."""
    base, height = _factors(2 * answer, 3, rng)
    foot = -base * pick(rng, 25, 50) / 100
    points = {"a": complex(foot, -height), "b": 0j, "c": complex(base), "d": complex(foot)}
    return Sketch(
        points, "ab bc ca ad db", ("length b c", "length a d"), "triangle_area a b c",
        (Line("triangle_area a b c", f"½ × {base} × {height}", base * height / 2, "area of a triangle"),),
        "[d] lies on the extension of [cb] beyond [b], and [ad] ⊥ [cd]", ("right_angle a d b",),
        ("altitude a d b c", "beyond d c b"),
    )  # fmt: skip


def parallelogram_area(answer: int, hint: int, rng) -> Sketch:
    base, height = _factors(answer, 3, rng)
    over = base * pick(rng, 25, 45) / 100
    points = {"a": 0j, "b": complex(base), "c": complex(base + over, -height), "d": complex(over, -height),
              "e": complex(over)}  # fmt: skip
    return Sketch(
        points, "ae eb bc cd da de", ("length c d", "length d e"), "quadrilateral_area a b c d",
        (Line("quadrilateral_area a b c d", f"{base} × {height}", base * height, "area of a parallelogram"),),
        "[abcd] is a parallelogram, and [de] ⊥ [ab] at [e]", ("right_angle d e b", "parallel a b d c"),
        ("parallelogram a b c d", "on_segment e a b"), told=True,
    )  # fmt: skip


def trapezoid_area(answer: int, hint: int, rng) -> Sketch:
    total, height = _factors(2 * answer, 4, rng, 4.5)
    bottom = pick(rng, math.ceil(total * 0.56), math.floor(total * 0.7))
    top = total - bottom
    points = {"a": 0j, "b": complex(bottom), "c": complex(top, -height), "d": -1j * height}
    return Sketch(
        points, "ab bc cd da", ("length a b", "length c d", "length a d"), "quadrilateral_area a b c d",
        (Line("quadrilateral_area a b c d", f"½ × ({bottom} + {top}) × {height}", (bottom + top) * height / 2,
              "area of a trapezoid"),),
        "[abcd] is a trapezoid with [ab] ∥ [cd] and [ad] ⊥ [ab]", ("right_angle d a b", "right_angle a d c"),
        ("right_trapezoid a b c d",),
    )  # fmt: skip


def _rectangle(width: float, height: float) -> dict[str, complex]:
    return {"a": 0j, "b": complex(width), "c": complex(width, -height), "d": -1j * height}


RECTANGLE = ("right_angle d a b", "right_angle a b c", "right_angle b c d", "right_angle c d a")


def rectangle_perimeter(answer: int, hint: int, rng) -> Sketch:
    half = answer // 2
    width = pick(rng, math.ceil(half * 0.3), math.floor(half * 0.7))
    height = half - width
    return Sketch(
        _rectangle(width, height), "ab bc cd da", ("length a b", "length b c"), "quadrilateral_perimeter a b c d",
        (Line("quadrilateral_perimeter a b c d", f"2 × ({width} + {height})", 2 * (width + height),
              "perimeter of a rectangle"),),
        "[abcd] is a rectangle", RECTANGLE, ("rectangle a b c d",),
    )  # fmt: skip


def rectangle_area(answer: int, hint: int, rng) -> Sketch:
    """Asks for the area from a side and the diagonal: by the other side."""
    width, height = _factors(answer, 3, rng)
    diagonal = _root(width * width + height * height)
    squares = f"√({_squared(diagonal)} − {_squared(width)}) = √({width**2 + height**2} − {width**2})"
    return Sketch(
        _rectangle(width, height), "ab bc cd da ac", ("length a b", "length a c"), "quadrilateral_area a b c d",
        (Line("length b c", squares, _root(diagonal**2 - width**2), PYTHAGORAS),
         Line("quadrilateral_area a b c d", f"{width} × {height}", width * height, "area of a rectangle")),
        "[abcd] is a rectangle", RECTANGLE[1::2], ("rectangle a b c d",),
    )  # fmt: skip


def isosceles_area(answer: int, hint: int, rng) -> Sketch:
    """Asks for the area from the equal sides and the height: by half the base."""
    half, height = _factors(answer, 3, rng)
    side = _root(half * half + height * height)
    points = {"a": complex(half, -height), "b": 0j, "c": complex(2 * half), "d": complex(half)}
    squares = f"√({_squared(side)} − {_squared(height)}) = √({half**2 + height**2} − {height**2})"
    return Sketch(
        points, "ab bd dc ca ad", ("length a b", "length a d"), "triangle_area a b c",
        (Line("length b d", squares, _root(side**2 - height**2), PYTHAGORAS),
         Line("length b c", f"2 × [bd] = 2 × {half}", 2 * half,
              "the altitude bisects the base of an isosceles triangle"),
         Line("triangle_area a b c", f"½ × {2 * half} × {height}", half * height, "area of a triangle")),
        "[ab] = [ac], and [ad] ⊥ [bc] at [d]", ("equal a b a c", "right_angle a d c"), ("altitude a d b c",),
    )  # fmt: skip


def incircle_perimeter(answer: int, hint: int, rng) -> Sketch:
    """Asks for a triangle about a circle, from the tangent lengths of its corners."""
    half = answer // 2
    x = pick(rng, math.ceil(half * 0.25), math.floor(half * 0.42))
    y = pick(rng, math.ceil(half * 0.25), math.floor(half * 0.42))
    z = half - x - y
    if min(x, y, z) < 2:
        raise ValueError("the triangle is too narrow")
    radius = _root(x * y * z / half)
    # d, e, f are where ab, bc, ca touch; a corner at tangent length t sees its half angle as atan(radius / t).
    turn_b, turn_c = (2 * math.degrees(math.atan2(radius, t)) for t in (y, z))
    b, c = 0j, complex(y + z)
    to_a, from_c = polar(1, -turn_b), polar(1, 180 + turn_c)
    points = {"a": to_a * (x + y), "b": b, "c": c, "d": to_a * y, "e": complex(y), "f": c + from_c * z,
              "o": complex(y, -radius)}  # fmt: skip
    equal = "two tangents from a point are equal"
    return Sketch(
        points, "ad db be ec cf fa", ("length a d", "length b e", "length c f"), "triangle_perimeter a b c",
        (Line("length a f", "[ad]", x, equal), Line("length b d", "[be]", y, equal),
         Line("length c e", "[cf]", z, equal),
         Line("triangle_perimeter a b c", f"2 × ({x} + {y} + {z})", 2 * (x + y + z), "sum of the sides")),
        "circle [o] touches the sides [ab], [bc] and [ca] of triangle [abc] at [d], [e] and [f]",
        states=("inscribed_circle o a b c", "on_circle o d", "on_circle o e", "on_circle o f"), circle="oe", told=True,
    )  # fmt: skip


def _circle_by(radius: float, rng) -> tuple[dict[str, complex], str, str, str, tuple[str, ...]]:
    """Returns (points, lines, given, words, states): a circle by its radius or its diameter."""
    turn = pick(rng, -40, 40)
    if rng.random() < 0.5:
        points = {"o": 0j, "a": polar(radius, turn)}
        return points, "oa", "length o a", "[a] lies on circle [o]", ("on_circle o a",)
    points = {"o": 0j, "a": polar(radius, 180 + turn), "b": polar(radius, turn)}
    return points, "ab", "length a b", "[ab] is a diameter of circle [o]", ("diameter o a b",)


def circumference(answer: int, hint: int, rng) -> Sketch:
    points, lines, given, words, states = _circle_by(answer / 2, rng)
    if given == "length o a" and answer % 2:
        raise ValueError("the radius is not whole")
    working = f"2 × π × {answer // 2}" if given == "length o a" else f"π × {answer}"
    return Sketch(
        points, lines, (given,), "circumference o a",
        (Line("circumference o a", working, answer * math.pi, "circumference of a circle"),), words,
        states=states, circle="oa",
    )  # fmt: skip


def circle_area(answer: int, hint: int, rng) -> Sketch:
    radius = math.isqrt(answer)
    points, lines, given, words, states = _circle_by(radius, rng)
    first = () if given == "length o a" else (Line("length o a", f"{2 * radius} ÷ 2", radius, "radius and diameter"),)
    return Sketch(
        points, lines, (given,), "circle_area o a",
        (*first, Line("circle_area o a", f"π × {radius}²", radius**2 * math.pi, "area of a circle")), words,
        states=states, circle="oa",
    )  # fmt: skip


DEGREES = (30, 36, 40, 45, 60, 72, 80, 90, 100, 108, 120, 135, 140, 144, 150, 160)


def _sector(turn: int, radius: int, rng) -> dict[str, complex]:
    tilt = 90 - turn / 2
    points = ring(a=tilt, b=tilt + turn)
    return {role: z * radius for role, z in points.items()}


def arc_length(answer: int, hint: int, rng) -> Sketch:
    fits = [(n, 180 * answer // n) for n in DEGREES if 180 * answer % n == 0 and 2 <= 180 * answer // n <= 40]
    turn, radius = _choose(rng, fits)
    return Sketch(
        _sector(turn, radius, rng), "oa ob", ("angle a o b", "length o a"), "arc_length o a b",
        (Line("arc_length o a b", f"{turn} ÷ 360 × 2 × π × {radius}", turn / 180 * math.pi * radius, "arc length"),),
        "[a] and [b] lie on circle [o]", states=("on_circle o a", "on_circle o b"), circle="oa",
    )  # fmt: skip


def sector_area(answer: int, hint: int, rng) -> Sketch:
    fits = [(n, r) for n in DEGREES for r in range(2, 31) if n * r * r == 360 * answer]
    turn, radius = _choose(rng, fits)
    return Sketch(
        _sector(turn, radius, rng), "oa ob", ("angle a o b", "length o a"), "sector_area o a b",
        (Line("sector_area o a b", f"{turn} ÷ 360 × π × {radius}²", turn / 360 * math.pi * radius**2,
              "area of a sector"),),
        "[a] and [b] lie on circle [o]", states=("on_circle o a", "on_circle o b"), circle="oa",
    )  # fmt: skip


def arc_measure(answer: int, hint: int, rng) -> Sketch:
    """Asks for an arc from the base angle of the triangle that its chord makes with the radii."""
    base = (180 - answer) // 2
    return Sketch(
        _sector(answer, 1, rng), "oa ob ab", ("angle o a b",), "arc o a b",
        (Line("angle o b a", "∠[oab]", base, "[oa] = [ob], base angles of an isosceles triangle"),
         Line("angle a o b", f"180° − {base}° − {base}°", 180 - 2 * base, "angle sum of a triangle"),
         Line("arc o a b", "∠[aob]", answer, "an arc measures as its central angle")),
        "[a] and [b] lie on circle [o]", states=("on_circle o a", "on_circle o b"), circle="oa",
    )  # fmt: skip
