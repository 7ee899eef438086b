"""Worked problems about angles: a row is a theorem or a chain of them, with the errors that are made with it.

Each `build(answer, hint, rng)` makes a figure whose asked angle is `answer`, in degrees, with `hint` among its given
values where it fits. It raises ValueError where no figure comes of it.
"""

from data_gen.geometry.plane import bisector_foot, intersection, polar
from data_gen.sources.problems.sketch import Line, Sketch

SUM = "angle sum of a triangle"
BASE = "base angles of an isosceles triangle"


def pick(rng, low: int, high: int, hint: int | None = None) -> int:
    """Returns a whole number from low to high, mostly the hint where it fits. Raises ValueError where there is none."""
    if high < low:
        raise ValueError(f"no number lies from {low} to {high}")
    if hint is not None and low <= hint <= high and rng.random() < 0.8:
        return hint
    return int(rng.integers(low, high + 1))


def triangle(at_b: float, at_c: float, side: float = 1.0) -> dict[str, complex]:
    """Places triangle abc on the base bc from its angles at b and c in degrees."""
    b, c = 0j, complex(side)
    return {"a": complex(intersection(b, b + polar(1, -at_b), c, c + polar(1, 180 + at_c))), "b": b, "c": c}


def divide_sides(points: dict[str, complex], share: float) -> dict[str, complex]:
    """Places d on ab and e on ac with ad : ab = ae : ac = `share`."""
    a, b, c = (points[role] for role in "abc")
    return {"d": a + (b - a) * share, "e": a + (c - a) * share}


def ring(**degrees: float) -> dict[str, complex]:
    """Returns the centre o, and points on the circle of radius 1 about it in these directions."""
    return {"o": 0j} | {role: polar(1, turn) for role, turn in degrees.items()}


def third_angle(finds: str, one: int, other: int) -> Line:
    """Finds the third angle of a triangle from two of them."""
    return Line(finds, f"180° − {one}° − {other}°", 180 - one - other, SUM)


def _halved(finds: str, apex: int, theorem: str = BASE) -> Line:
    """Finds the base angle of an isosceles triangle from the angle between the equal sides."""
    return Line(finds, f"(180° − {apex}°) ÷ 2", (180 - apex) / 2, theorem)


def angle_sum(answer: int, hint: int, rng) -> Sketch:
    at_b = pick(rng, 22, 158 - answer, hint)
    step = third_angle("angle a c b", 180 - answer - at_b, at_b)
    given = ("angle b a c", "angle a b c")
    return Sketch(triangle(at_b, answer), "ab bc ca", given, "angle a c b", (step,), "[abc] is a triangle")


def exterior(answer: int, hint: int, rng) -> Sketch:
    at_b = pick(rng, 22, answer - 22, hint)
    at_a = answer - at_b
    points = triangle(at_b, 180 - answer)
    return Sketch(
        points | {"d": points["c"] + 0.6}, "ab bc ca cd", ("angle b a c", "angle a b c"), "angle a c d",
        (Line("angle a c d", f"∠[bac] + ∠[abc] = {at_a}° + {at_b}°", at_a + at_b, "exterior angle of a triangle"),),
        "[d] lies on the extension of [bc] beyond [c]", states=("beyond d b c",))  # fmt: skip


def isosceles(answer: int, hint: int, rng) -> Sketch:
    """Asks for a base angle from the angle between the equal sides, or that one from a base angle."""
    at_base = answer <= 78 and rng.random() < 0.5 or answer < 30
    base = answer if at_base else (180 - answer) // 2
    given, find = ("angle b a c", "angle a b c") if at_base else ("angle a b c", "angle b a c")
    far = (Line("angle a c b", "∠[abc]", base, BASE), third_angle(find, base, base))
    steps = (_halved(find, 180 - 2 * base),) if at_base else far
    return Sketch(triangle(base, base), "ab bc ca", (given,), find, steps, "[ab] = [ac]", ("equal a b a c",))


INSCRIBED = "inscribed angle is half the central angle"


def _doubled(half: int) -> Line:
    """Finds the central angle aob from the angle acb, which is `half`."""
    return Line("angle a o b", f"2 × ∠[acb] = 2 × {half}°", 2 * half, INSCRIBED)


def _central(half: int, lines: str, given: str, steps: tuple[Line, ...], rng) -> Sketch:
    """Places a, b and c on the circle; the central angle aob is twice the angle acb, `half`."""
    points = ring(a=90 - half, b=90 + half, c=270 + pick(rng, -35, 35))
    states = ("on_circle o a", "on_circle o b", "on_circle o c")
    words = "[a], [b] and [c] lie on circle [o]"
    return Sketch(points, lines, (given,), steps[-1].finds, steps, words, states=states, circle="oa")


def inscribed(answer: int, hint: int, rng) -> Sketch:
    line = Line("angle a c b", f"∠[aob] ÷ 2 = {2 * answer}° ÷ 2", 2 * answer / 2, INSCRIBED)
    return _central(answer, "ca cb oa ob", "angle a o b", (line,), rng)


def central(answer: int, hint: int, rng) -> Sketch:
    return _central(answer // 2, "ca cb oa ob", "angle a c b", (_doubled(answer // 2),), rng)


def central_base(answer: int, hint: int, rng) -> Sketch:
    """Asks for the base angle of a chord and the radii to its ends from the inscribed angle."""
    half = 90 - answer
    steps = (_doubled(half), _halved("angle o a b", 2 * half, f"[oa] = [ob], {BASE}"))
    return _central(half, "ca cb oa ob ab", "angle a c b", steps, rng)


SEMICIRCLE = Line("angle a c b", "", 90, "angle in a semicircle")


def semicircle(answer: int, hint: int, rng) -> Sketch:
    other = 90 - answer
    return Sketch(
        ring(a=180, b=0, c=360 - 2 * other), "ab bc ca", ("angle b a c",), "angle a b c",
        (SEMICIRCLE, third_angle("angle a b c", 90, other)),
        "[ab] is a diameter of circle [o] and [c] lies on the circle",
        states=("diameter o a b", "on_circle o c"), circle="oa")  # fmt: skip


def same_arc(answer: int, hint: int, rng) -> Sketch:
    """Asks for an angle over an arc that an angle of the triangle over the diameter stands on as well."""
    other = 90 - answer
    points = ring(a=180, b=0, c=360 - 2 * other, d=pick(rng, 40, 140))
    return Sketch(
        points, "ab bc ca ad dc", ("angle b a c",), "angle a d c",
        (SEMICIRCLE, third_angle("angle a b c", 90, other),
         Line("angle a d c", "∠[abc]", answer, "inscribed angles on the same arc")),
        "[ab] is a diameter of circle [o], and [c] and [d] lie on the circle",
        states=("diameter o a b", "on_circle o c", "on_circle o d"), circle="oa")  # fmt: skip


def cyclic(answer: int, hint: int, rng) -> Sketch:
    """Asks for an angle of a cyclic quadrilateral from the opposite one; arcs are twice the angles."""
    other = 180 - answer
    start = 180 - answer  # of d and b about the direction of a
    a_turn, c_turn = pick(rng, -start // 3, start // 3), pick(rng, -answer // 3, answer // 3)
    points = ring(a=180 + a_turn, b=180 - answer, c=c_turn, d=180 + answer)
    return Sketch(
        points, "ab bc cd da", ("angle d a b",), "angle b c d",
        (Line("angle b c d", f"180° − {other}°", 180 - other, "opposite angles of a cyclic quadrilateral"),),
        "[abcd] is inscribed in circle [o]",
        states=("inscribed_quadrilateral o a b c d",), circle="oa", told=True)  # fmt: skip


def _parallel(turn: int, finds: str, working: str, value: int, names: str) -> Sketch:
    """Places lines aeb and cfd, level, met in e and f by the line gh; the angle b-e-h is `turn` degrees and given."""
    e = 0j
    f = e + polar(0.9 / abs(polar(1, turn).imag), turn)
    over = (f - e) / abs(f - e) * 0.5
    points = {"a": e - 0.9, "b": e + 0.9, "c": f - 0.9, "d": f + 0.9, "e": e, "f": f, "g": e - over, "h": f + over}
    states = ("on_segment e a b", "on_segment f c d", "on_segment e g h", "on_segment f g h")
    return Sketch(
        points, "ae eb cf fd ge ef fh", ("angle b e h",), finds,
        (Line(finds, working, value, f"{names} angles, parallel lines"),),
        "[ab] ∥ [cd], and [gh] meets [ab] at [e] and [cd] at [f]", ("parallel a b c d",), states)  # fmt: skip


def corresponding(answer: int, hint: int, rng) -> Sketch:
    return _parallel(answer, "angle d f h", "∠[beh]", answer, "corresponding")


def alternate(answer: int, hint: int, rng) -> Sketch:
    return _parallel(answer, "angle c f g", "∠[beh]", answer, "alternate")


def co_interior(answer: int, hint: int, rng) -> Sketch:
    other = 180 - answer
    return _parallel(other, "angle d f g", f"180° − {other}°", 180 - other, "co-interior")


def parallel_triangle(answer: int, hint: int, rng) -> Sketch:
    """Asks for an angle where de is parallel to the side bc: by its corresponding angle, then the angle sum."""
    at_b = pick(rng, 30, 140 - answer, hint)
    at_a = 180 - answer - at_b
    points = triangle(at_b, answer)
    points |= divide_sides(points, pick(rng, 45, 65) / 100)
    return Sketch(
        points, "ad db bc ce ea de", ("angle b a c", "angle a d e"), "angle a c b",
        (Line("angle a b c", "∠[ade]", at_b, "corresponding angles, parallel lines"),
         third_angle("angle a c b", at_a, at_b)),
        "[d] lies on [ab], [e] lies on [ac], and [de] ∥ [bc]", ("parallel d e b c",),
        ("on_segment d a b", "on_segment e a c"))  # fmt: skip


def tangent_radius(answer: int, hint: int, rng) -> Sketch:
    other = 90 - answer
    points = ring(a=pick(rng, 60, 120))
    points |= {"p": points["a"] / abs(points["a"]) / polar(1, other) / polar(1, other).real}
    return Sketch(
        points, "oa ap po", ("angle a o p",), "angle a p o",
        (Line("angle o a p", "", 90, "a tangent is perpendicular to the radius"),
         third_angle("angle a p o", 90, other)),
        "[pa] is tangent to circle [o] at [a]", states=("tangent o a p",), circle="oa", told=True)  # fmt: skip


def tangent_chord(answer: int, hint: int, rng) -> Sketch:
    """Asks for an angle of triangle abc in a circle with the tangent at a, whose angle with ab is that at c."""
    at_a = pick(rng, 30, 150 - answer, hint)
    at_b = 180 - answer - at_a
    points = ring(a=90, b=90 + 2 * answer, c=90 - 2 * at_b)
    points |= {"t": points["a"] - 1.1}
    return Sketch(
        points, "ab bc ca at", ("angle b a c", "angle a b c"), "angle t a b",
        (third_angle("angle a c b", at_a, at_b),
         Line("angle t a b", "∠[acb]", answer, "tangent-chord angle")),
        "triangle [abc] is inscribed in circle [o], and [ta] is tangent to the circle at [a]",
        states=("inscribed_triangle o a b c", "tangent o a t"), circle="oa", told=True)  # fmt: skip


def _tangents(half: int) -> dict[str, complex]:
    """Places tangents from p to the circle in a and b; the angle apb is twice `half`."""
    return ring(a=90 - half, b=half - 90) | {"p": 1 / polar(1, 90 - half).real + 0j}


def equal_tangents(answer: int, hint: int, rng) -> Sketch:
    apex = 180 - 2 * answer
    return Sketch(
        _tangents(apex // 2), "pa pb ab", ("angle a p b",), "angle p a b",
        (_halved("angle p a b", apex, f"equal tangents [pa] = [pb], {BASE}"),),
        "[pa] and [pb] are tangents to circle [o]",
        states=("tangent o a p", "tangent o b p"), circle="oa", told=True)  # fmt: skip


def tangents_arc(answer: int, hint: int, rng) -> Sketch:
    """Asks for the angle between two tangents from that of a point of the circle over the same arc."""
    inner = (180 - answer) // 2
    points = _tangents(answer // 2) | {"c": polar(1, 180 + pick(rng, -30, 30))}
    right = "a tangent is perpendicular to the radius"
    return Sketch(
        points, "pa pb oa ob ac cb", ("angle a c b",), "angle a p b",
        (_doubled(inner),
         Line("angle o a p", "", 90, right), Line("angle o b p", "", 90, right),
         Line("angle a p b", f"360° − 90° − 90° − {2 * inner}°", 180 - 2 * inner, "angle sum of a quadrilateral")),
        "[pa] and [pb] are tangents to circle [o], and [c] lies on the circle",
        states=("tangent o a p", "tangent o b p", "on_circle o c"), circle="oa", told=True)  # fmt: skip


def isosceles_exterior(answer: int, hint: int, rng) -> Sketch:
    base = 180 - answer
    points = triangle(base, base)
    return Sketch(
        points | {"d": points["c"] + 0.5}, "ab bc ca cd", ("angle b a c",), "angle a c d",
        (_halved("angle a c b", 180 - 2 * base),
         Line("angle a c d", f"180° − {base}°", 180 - base, "angles on a straight line")),
        "[ab] = [ac], and [d] lies on the extension of [bc] beyond [c]", ("equal a b a c",),
        ("beyond d b c",))  # fmt: skip


def bisected(answer: int, hint: int, rng) -> Sketch:
    """Asks for the angle that a bisector makes with the far side: angle sum, half, exterior angle."""
    half = pick(rng, 18, 44)
    at_b = answer - half
    at_a = 180 - 2 * half - at_b
    if min(at_a, at_b) < 24:
        raise ValueError("the triangle is too flat")
    points = triangle(at_b, 2 * half)
    points |= {"d": complex(bisector_foot(points["c"], points["a"], points["b"]))}
    return Sketch(
        points, "ad db bc ca cd", ("angle b a c", "angle a b c"), "angle a d c",
        (third_angle("angle a c b", at_a, at_b),
         Line("angle b c d", f"{2 * half}° ÷ 2", half, "angle bisector"),
         Line("angle a d c", f"∠[abc] + ∠[bcd] = {at_b}° + {half}°", at_b + half, "exterior angle of a triangle")),
        "[d] lies on [ab], and [cd] bisects ∠[acb]", ("bisector c d a b",), ("on_segment d a b",))  # fmt: skip
