"""Lists the shapes of quadrilaterals and polygons with more sides, named by their corners in order round."""

import numpy as np

from data_gen.language.predicates.deviation import (
    INF,
    crossed,
    in_order,
    largest,
    parallel_px,
    perpendicular_px,
    proper,
    sides,
    smallest,
    spread,
)
from data_gen.language.predicates.equations import aligned, at_right_angles, equal, zero
from data_gen.language.predicates.row import QUADRILATERAL, Topic

POLYGONS = {5: "pentagon", 6: "hexagon", 7: "heptagon", 8: "octagon"}
BASES = ((1, 0, 3, 2), (2, 3, 0, 1))
WITH_PARALLEL_SIDES = (
    "square", "rectangle", "rhombus", "parallelogram", "trapezoid", "isosceles_trapezoid", "right_trapezoid"
)  # fmt: skip
# A parallelogram of some kind: each corner follows from the other three.
PARALLELOGRAM: dict = {
    "symmetries": QUADRILATERAL, "opposites": ("irregular",), "order_matters": True, "only_places": (0, 1, 2, 3)
}  # fmt: skip

topic = Topic(axis="shape")


def _with_bases(deviation, a, b, c, d):
    """Returns a kind of trapezoid; NaN where the other two sides are parallel as well, on which books disagree."""
    doubtful = parallel_px(c - b, a - d) < 1.0
    return np.where((deviation < 1.0) & doubtful, np.nan, deviation), in_order(a, b, c, d)


def _kind_of(name: str, sign: str = "") -> tuple[str, ...]:
    """Returns the phrases of a kind of parallelogram."""
    return (
        f"{{0}}{{1}}{{2}}{{3}} is a {name}",
        f"quadrilateral {{0}}{{1}}{{2}}{{3}} is a {name}",
        f"the sides of {{0}}{{1}}{{2}}{{3}} form a {name}",
        f"{{0}}{{1}} and {{2}}{{3}} are opposite sides of {sign or name + ' '}{{0}}{{1}}{{2}}{{3}}",
    )


@topic.predicate(**PARALLELOGRAM, equation=lambda a, b, c, d: zero((d - a) - 1j * (b - a)) + zero(a + c - b - d)).says(
    *_kind_of("square")
)
def square(a, b, c, d):
    return largest(rectangle(a, b, c, d)[0], rhombus(a, b, c, d)[0]), INF


@topic.predicate(**PARALLELOGRAM, equation=lambda a, b, c, d: zero(a + c - b - d) + at_right_angles(b - a, d - a)).says(
    *_kind_of("rectangle")
)
def rectangle(a, b, c, d):
    return largest(np.abs(a + c - b - d), np.abs(np.abs(c - a) - np.abs(d - b))), INF


@topic.predicate(**PARALLELOGRAM, equation=lambda a, b, c, d: zero(a + c - b - d) + equal(abs(b - a), abs(d - a))).says(
    *_kind_of("rhombus")
)
def rhombus(a, b, c, d):
    return largest(np.abs(a + c - b - d), spread(*sides(a, b, c, d))), INF


@topic.predicate(**PARALLELOGRAM, equation=lambda a, b, c, d: zero(a + c - b - d)).says(*_kind_of("parallelogram", "▱"))
def parallelogram(a, b, c, d):
    return np.abs(a + c - b - d), proper(a, b, c, d)


@topic.predicate(symmetries=BASES, opposites=("irregular",), equation=lambda a, b, c, d: aligned(b - a, d - c)).says(
    "{0}{1}{2}{3} is a trapezoid with {0}{1} ∥ {2}{3}",
    "{0}{1}{2}{3} is a trapezoid whose bases are {0}{1} and {2}{3}",
    "the sides of {0}{1}{2}{3} form a trapezoid with {0}{1} parallel to {2}{3}",
    "{0}{1} and {2}{3} are the parallel sides of trapezoid {0}{1}{2}{3}",
)
def trapezoid(a, b, c, d):
    return _with_bases(parallel_px(b - a, d - c), a, b, c, d)


@topic.predicate(
    symmetries=BASES,
    opposites=("irregular", "right_trapezoid"),
    equation=lambda a, b, c, d: aligned(b - a, d - c) + equal(abs(d - a), abs(c - b)),
).says(
    "{0}{1}{2}{3} is an isosceles trapezoid with {0}{1} ∥ {2}{3}",
    "{0}{1}{2}{3} is an isosceles trapezoid whose bases are {0}{1} and {2}{3}",
    "the sides of {0}{1}{2}{3} form a trapezoid with {0}{1} parallel to {2}{3} and equal legs",
    "{0}{1} and {2}{3} are the parallel sides of isosceles trapezoid {0}{1}{2}{3}",
)
def isosceles_trapezoid(a, b, c, d):
    deviation = largest(parallel_px(b - a, d - c), np.abs(np.abs(c - b) - np.abs(d - a)))
    return _with_bases(deviation, a, b, c, d)


@topic.predicate(
    symmetries=((3, 2, 1, 0),),
    opposites=("irregular", "isosceles_trapezoid"),
    equation=lambda a, b, c, d: at_right_angles(b - a, d - a) + at_right_angles(c - d, a - d),
).says(
    "{0}{1}{2}{3} is a right trapezoid with {0}{1} ∥ {2}{3} and {0}{3} ⊥ {0}{1}",
    "{0}{1}{2}{3} is a right trapezoid with right angles at {0} and {3}",
    "the sides of {0}{1}{2}{3} form a trapezoid with {0}{1} and {2}{3} perpendicular to {0}{3}",
    "{0}{1} and {2}{3} are the parallel sides of trapezoid {0}{1}{2}{3} with ∠{1}{0}{3} = 90°",
)
def right_trapezoid(a, b, c, d):
    square_corners = largest(perpendicular_px(b - a, d - a), perpendicular_px(c - d, a - d))
    return _with_bases(largest(parallel_px(b - a, d - c), square_corners), a, b, c, d)


@topic.predicate(
    symmetries=((0, 3, 2, 1), (2, 1, 0, 3)),
    equation=lambda a, b, c, d: equal(abs(b - a), abs(d - a)) + equal(abs(b - c), abs(d - c)),
).says(
    "{0}{1}{2}{3} is a kite with {0}{1} = {0}{3}",
    "{0}{1}{2}{3} is a kite with axis {0}{2}",
    "the sides of {0}{1}{2}{3} form a kite with {0}{1} equal to {0}{3}",
    "{0}{1} and {0}{3} are equal adjacent sides of kite {0}{1}{2}{3}",
)
def kite(a, b, c, d):
    return largest(np.abs(np.abs(b - a) - np.abs(d - a)), np.abs(np.abs(b - c) - np.abs(d - c))), proper(a, b, c, d)


@topic.predicate(symmetries=QUADRILATERAL, opposites=WITH_PARALLEL_SIDES).says(
    "quadrilateral {0}{1}{2}{3} has no parallel sides",
    "no two sides of {0}{1}{2}{3} are parallel",
    "the sides of {0}{1}{2}{3} form a quadrilateral without parallel sides",
    "no opposite sides of quadrilateral {0}{1}{2}{3} are parallel",
)
def irregular(a, b, c, d):
    """Returns NaN for four points that are no corners in order round."""
    corners = ~crossed(a, b, c, d) & (proper(a, b, c, d) >= 1.0)
    return np.where(corners, 0.0, np.nan), smallest(parallel_px(b - a, d - c), parallel_px(c - b, a - d))


def regular(*corners):
    """Measures how far the corners are from those of a regular polygon, of either sense of rotation."""
    n = len(corners)
    centre = sum(corners) / n
    deviations = []
    for sense in (1, -1):
        turns = [np.exp(sense * 2j * np.pi * k / n) for k in range(n)]
        arm = sum((p - centre) / turn for p, turn in zip(corners, turns, strict=True)) / n
        deviations.append(largest(*(np.abs(p - centre - arm * t) for p, t in zip(corners, turns, strict=True))))
    return smallest(*deviations), INF


def uneven(*corners):
    """Measures the difference of the longest and the shortest side."""
    return 0.0, spread(*sides(*corners))


for _count, _name in POLYGONS.items():
    _corners, _article = "".join(f"{{{k}}}" for k in range(_count)), "an" if _name[0] in "aeiou" else "a"
    _turns = ((*range(1, _count), 0), tuple(reversed(range(_count))))
    topic.add(
        f"regular_{_name}", symmetries=_turns, opposites=(f"uneven_{_name}",), order_matters=True, measure=regular
    ).says(
        f"{_corners} is a regular {_name}",
        f"{_name} {_corners} is regular",
        f"{_name} {_corners} has equal sides and equal angles",
        f"all sides and all angles of {_name} {_corners} are equal",
    )
    topic.add(f"uneven_{_name}", symmetries=_turns, opposites=(f"regular_{_name}",), common=True, measure=uneven).says(
        f"{_corners} is {_article} {_name} with unequal sides",
        f"the sides of {_name} {_corners} are not all equal",
        f"{_name} {_corners} has sides that are not all equal",
        f"not all sides of {_name} {_corners} are equal",
    )
