"""Worked problems about lengths, perimeters, areas and arcs, as in `angles`.

`answer` is a length or an area in the units of the problem, or what stands before pi.
"""

import math
from fractions import Fraction

from data_gen.geometry.plane import polar
from data_gen.sources.problems.angles import BASE, divide_sides, pick, ring, third_angle
from data_gen.sources.problems.sketch import Line, Sketch, written

PYTHAGORAS = "Pythagorean theorem"


def _squared(value: float) -> str:
    text = written(value)
    return f"({text})²" if "√" in text else f"{text}²"


def _choose(rng, found: list):
    if not found:
        raise ValueError("nothing fits")
    return found[int(rng.integers(len(found)))]


def _right(base: float, height: float, given: tuple[str, ...], step: Line) -> Sketch:
    """Asks for a side of a triangle with the right angle at c, b level with it and a above."""
    points = {"a": -1j * height, "b": complex(base), "c": 0j}
    return Sketch(points, "ab bc ca", given, step.finds, (step,), "∠[acb] = 90°", ("right_angle a c b",))


def _legs(hypotenuse: int, rng) -> tuple[float, float]:
    """Returns two legs, whole where such are, else one of them a root."""
    low, high = math.ceil(hypotenuse * 0.36), math.floor(hypotenuse * 0.93)
    whole = [p for p in range(low, high + 1) if math.isqrt(hypotenuse**2 - p * p) ** 2 == hypotenuse**2 - p * p]
    first = _choose(rng, whole or list(range(low, high + 1)))
    return first, math.sqrt(hypotenuse**2 - first**2)


def _pythagoras(finds: str, long: float, other: float) -> Line:
    """Finds a leg of a right triangle from its hypotenuse and the other leg, whose squares are whole."""
    working = f"√({_squared(long)} − {_squared(other)}) = √({round(long**2)} − {round(other**2)})"
    return Line(finds, working, math.sqrt(long**2 - other**2), PYTHAGORAS)


def hypotenuse(answer: int, hint: int, rng) -> Sketch:
    p, q = _legs(answer, rng)
    working = f"√({_squared(p)} + {_squared(q)}) = √({round(p * p)} + {round(q * q)})"
    step = Line("length a b", working, math.sqrt(p * p + q * q), PYTHAGORAS)
    return _right(p, q, ("length b c", "length a c"), step)


def leg(answer: int, hint: int, rng) -> Sketch:
    other, long = _other_leg(answer, rng)
    return _right(other, answer, ("length a b", "length b c"), _pythagoras("length a c", long, other))


def _other_leg(leg: int, rng) -> tuple[float, float]:
    """Returns (the other leg, the hypotenuse), whole where such are."""
    sides = range(math.ceil(leg * 0.4), math.floor(leg * 2.5) + 1)
    whole = [q for q in sides if math.isqrt(leg**2 + q * q) ** 2 == leg**2 + q * q]
    other = _choose(rng, whole or list(sides))
    return other, math.sqrt(leg**2 + other**2)


def tangent_length(answer: int, hint: int, rng) -> Sketch:
    radius, far = _other_leg(answer, rng)
    turn = math.degrees(math.atan2(answer, radius))
    points = {"o": 0j, "a": polar(radius, -turn), "p": complex(far)}
    return Sketch(
        points, "oa ap po", ("length o a", "length o p"), "length a p",
        (Line("angle o a p", "", 90, "a tangent is perpendicular to the radius"),
         _pythagoras("length a p", far, radius)),
        "[pa] is tangent to circle [o] at [a]", states=("tangent o a p",), circle="oa", told=True)  # fmt: skip


def chord(answer: int, hint: int, rng) -> Sketch:
    half = answer // 2
    height, radius = _other_leg(half, rng)
    points = {"o": 0j, "a": complex(-half, height), "b": complex(half, height), "m": 1j * height}
    return Sketch(
        points, "am mb om oa", ("length o a", "length o m"), "length a b",
        (_pythagoras("length a m", radius, height),
         Line("length a b", f"2 × [am] = 2 × {half}", 2 * half, "the perpendicular from the centre bisects a chord")),
        "[ab] is a chord of circle [o], and [om] ⊥ [ab] at [m]", ("right_angle o m a",),
        ("chord o a b", "on_segment m a b"), circle="oa")  # fmt: skip


def _cut(part: Fraction, at_b: float, at_c: float, base: float) -> dict[str, complex]:
    """Places triangle abc on bc, and d on ab, e on ac with ad : ab = ae : ac = `part`."""
    tan_b, tan_c = math.tan(math.radians(at_b)), math.tan(math.radians(at_c))
    height = base * tan_b * tan_c / (tan_b + tan_c)
    points = {"a": complex(height / tan_b, -height), "b": 0j, "c": complex(base)}
    return points | divide_sides(points, float(part))


def similar(answer: int, hint: int, rng) -> Sketch:
    """Asks for bc from de, ad and db; or, where the answer is the smaller, for de from bc."""
    bigger = pick(rng, math.ceil(answer / 0.7), math.floor(answer / 0.4), answer + hint)
    smaller = pick(rng, math.ceil(answer * 0.4), math.floor(answer * 0.7), answer - hint)
    find_base = rng.random() < 0.5
    base, cut = (answer, smaller) if find_base else (bigger, answer)
    part = Fraction(cut, base)
    times = _choose(rng, [t for t in range(1, 9) if 5 <= part.denominator * t <= 30])
    long, near = part.denominator * times, part.numerator * times
    at_b = pick(rng, 48, 75)
    unscaled = _cut(part, at_b, 60, base)
    # The side ab is as long as it must be; where e.g. it is too long for the base, there is no such triangle.
    points = {"a": polar(long, -at_b), "b": 0j, "c": complex(base)}
    if not 0.75 < long / abs(unscaled["a"] - unscaled["b"]) < 1.35:
        raise ValueError("the triangle is too narrow")
    points |= divide_sides(points, float(part))
    given, find = ("length d e", "length b c") if find_base else ("length b c", "length d e")
    side, up, down = (cut, long, near) if find_base else (base, near, long)
    return Sketch(
        points, "ad db bc ce ea de", ("length a d", "length d b", given), find,
        (Line("length a b", f"[ad] + [db] = {near} + {long - near}", long, "parts of a segment"),
         Line(find, f"{side} × {up} ÷ {down}", side * up / down, "similar triangles, [de] ÷ [bc] = [ad] ÷ [ab]")),
        "[d] lies on [ab], [e] lies on [ac], and [de] ∥ [bc]", ("parallel d e b c",),
        ("on_segment d a b", "on_segment e a c"))  # fmt: skip


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
        ("midsegment d e a b c",))  # fmt: skip


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
        ("altitude a d b c", "beyond d c b"))  # fmt: skip


def parallelogram_area(answer: int, hint: int, rng) -> Sketch:
    base, height = _factors(answer, 3, rng)
    over = base * pick(rng, 25, 45) / 100
    d, e = complex(over, -height), complex(over)
    points = {"a": 0j, "b": complex(base), "c": complex(base + over, -height), "d": d, "e": e}
    return Sketch(
        points, "ae eb bc cd da de", ("length c d", "length d e"), "quadrilateral_area a b c d",
        (Line("quadrilateral_area a b c d", f"{base} × {height}", base * height, "area of a parallelogram"),),
        "[abcd] is a parallelogram, and [de] ⊥ [ab] at [e]", ("right_angle d e b", "parallel a b d c"),
        ("parallelogram a b c d", "on_segment e a b"), told=True)  # fmt: skip


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
        ("right_trapezoid a b c d",))  # fmt: skip


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
        "[abcd] is a rectangle", RECTANGLE, ("rectangle a b c d",))  # fmt: skip


def rectangle_area(answer: int, hint: int, rng) -> Sketch:
    """Asks for the area from a side and the diagonal: by the other side."""
    width, height = _factors(answer, 3, rng)
    diagonal = math.sqrt(width * width + height * height)
    return Sketch(
        _rectangle(width, height), "ab bc cd da ac", ("length a b", "length a c"), "quadrilateral_area a b c d",
        (_pythagoras("length b c", diagonal, width),
         Line("quadrilateral_area a b c d", f"{width} × {height}", width * height, "area of a rectangle")),
        "[abcd] is a rectangle", RECTANGLE[1::2], ("rectangle a b c d",))  # fmt: skip


def isosceles_area(answer: int, hint: int, rng) -> Sketch:
    """Asks for the area from the equal sides and the height: by half the base."""
    half, height = _factors(answer, 3, rng)
    side = math.sqrt(half * half + height * height)
    points = {"a": complex(half, -height), "b": 0j, "c": complex(2 * half), "d": complex(half)}
    return Sketch(
        points, "ab bd dc ca ad", ("length a b", "length a d"), "triangle_area a b c",
        (_pythagoras("length b d", side, height),
         Line("length b c", f"2 × [bd] = 2 × {half}", 2 * half,
              "the altitude bisects the base of an isosceles triangle"),
         Line("triangle_area a b c", f"½ × {2 * half} × {height}", half * height, "area of a triangle")),
        "[ab] = [ac], and [ad] ⊥ [bc] at [d]", ("equal a b a c", "right_angle a d c"),
        ("altitude a d b c",))  # fmt: skip


def incircle_perimeter(answer: int, hint: int, rng) -> Sketch:
    """Asks for a triangle about a circle, from the tangent lengths of its corners."""
    half = answer // 2
    x, y = (pick(rng, math.ceil(half * 0.25), math.floor(half * 0.42)) for _ in range(2))
    z = half - x - y
    if min(x, y, z) < 2:
        raise ValueError("the triangle is too narrow")
    radius = math.sqrt(x * y * z / half)
    # d, e, f are where ab, bc, ca touch; a corner at tangent length t sees its half angle as atan(radius / t).
    turn_b, turn_c = (2 * math.degrees(math.atan2(radius, t)) for t in (y, z))
    to_a, c = polar(1, -turn_b), complex(y + z)
    points = {"a": to_a * (x + y), "b": 0j, "c": c, "d": to_a * y, "e": complex(y)}
    points |= {"f": c + polar(1, 180 + turn_c) * z, "o": complex(y, -radius)}
    equal = "two tangents from a point are equal"
    return Sketch(
        points, "ad db be ec cf fa", ("length a d", "length b e", "length c f"), "triangle_perimeter a b c",
        (Line("length a f", "[ad]", x, equal), Line("length b d", "[be]", y, equal),
         Line("length c e", "[cf]", z, equal),
         Line("triangle_perimeter a b c", f"2 × ({x} + {y} + {z})", 2 * (x + y + z), "sum of the sides")),
        "circle [o] touches the sides [ab], [bc] and [ca] of triangle [abc] at [d], [e] and [f]",
        states=("inscribed_circle o a b c", "on_circle o d", "on_circle o e", "on_circle o f"),
        circle="oe", told=True)  # fmt: skip


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
        states=states, circle="oa")  # fmt: skip


def circle_area(answer: int, hint: int, rng) -> Sketch:
    radius = math.isqrt(answer)
    points, lines, given, words, states = _circle_by(radius, rng)
    first = () if given == "length o a" else (Line("length o a", f"{2 * radius} ÷ 2", radius, "radius and diameter"),)
    return Sketch(
        points, lines, (given,), "circle_area o a",
        (*first, Line("circle_area o a", f"π × {radius}²", radius**2 * math.pi, "area of a circle")), words,
        states=states, circle="oa")  # fmt: skip


DEGREES = (30, 36, 40, 45, 60, 72, 80, 90, 100, 108, 120, 135, 140, 144, 150, 160)


def _sector(turn: int, radius: int, lines: str, given: tuple[str, ...], steps: tuple[Line, ...]) -> Sketch:
    """Places a sector aob that opens upwards, its angle and radius as given."""
    points = {role: z * radius for role, z in ring(a=90 - turn / 2, b=90 - turn / 2 + turn).items()}
    words, states = "[a] and [b] lie on circle [o]", ("on_circle o a", "on_circle o b")
    return Sketch(points, lines, given, steps[-1].finds, steps, words, states=states, circle="oa")


def arc_length(answer: int, hint: int, rng) -> Sketch:
    fits = [(n, 180 * answer // n) for n in DEGREES if 180 * answer % n == 0 and 2 <= 180 * answer // n <= 40]
    turn, radius = _choose(rng, fits)
    working = f"{turn} ÷ 360 × 2 × π × {radius}"
    step = Line("arc_length o a b", working, turn / 180 * math.pi * radius, "arc length")
    return _sector(turn, radius, "oa ob", ("angle a o b", "length o a"), (step,))


def sector_area(answer: int, hint: int, rng) -> Sketch:
    fits = [(n, r) for n in DEGREES for r in range(2, 31) if n * r * r == 360 * answer]
    turn, radius = _choose(rng, fits)
    working = f"{turn} ÷ 360 × π × {radius}²"
    step = Line("sector_area o a b", working, turn / 360 * math.pi * radius**2, "area of a sector")
    return _sector(turn, radius, "oa ob", ("angle a o b", "length o a"), (step,))


def arc_measure(answer: int, hint: int, rng) -> Sketch:
    """Asks for an arc from the base angle of the triangle that its chord makes with the radii."""
    base = (180 - answer) // 2
    steps = (
        Line("angle o b a", "∠[oab]", base, f"[oa] = [ob], {BASE}"),
        third_angle("angle a o b", base, base),
        Line("arc o a b", "∠[aob]", answer, "an arc measures as its central angle"),
    )
    return _sector(answer, 1, "oa ob ab", ("angle o a b",), steps)
