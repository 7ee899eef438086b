"""Lists angles and shapes of triangles; the special vertex comes first."""

import itertools

import numpy as np

from data_gen.language.predicates.deviation import acute_px, largest, perpendicular_px, proper, sides, smallest, spread
from data_gen.language.predicates.equations import at_right_angles, equal
from data_gen.language.predicates.row import LAST_TWO, TRIANGLE, Topic

topic = Topic(axis="shape")


@topic.predicate(
    symmetries=LAST_TWO[3],
    opposites=("obtuse", "acute", "equilateral"),
    order_matters=True,
    line_places={1: (0, 1), 2: (0, 2)},
    equation=lambda v, p, q: at_right_angles(p - v, q - v),
).says(
    "triangle {1}{0}{2} is right-angled at {0}",
    "△{1}{0}{2} has a right angle at {0}",
    "△{1}{0}{2} is a right triangle with ∠{1}{0}{2} = 90°",
    "in △{1}{0}{2}, {0}{1} is perpendicular to {0}{2}",
)
def right(v, p, q):
    return perpendicular_px(p - v, q - v), np.inf


topic.add(
    "right_angle",
    symmetries=LAST_TWO[3],
    opposites=("acute_angle", "obtuse_angle"),
    line_places={1: (0, 1), 2: (0, 2)},
    common=True,
    measure=right,
).says("∠{1}{0}{2} is a right angle", "∠{1}{0}{2} is right", "angle {1}{0}{2} is a right angle")


@topic.predicate(
    symmetries=LAST_TWO[3], opposites=("scalene",), equation=lambda v, p, q: equal(abs(p - v), abs(q - v))
).says(
    "triangle {0}{1}{2} is isosceles with {0}{1} = {0}{2}",
    "△{0}{1}{2} has equal sides {0}{1} and {0}{2}",
    "△{1}{0}{2} is an isosceles triangle with {0}{1} = {0}{2}",
    "in △{1}{0}{2}, {0}{1} is equal to {0}{2}",
)
def isosceles(v, p, q):
    return np.abs(np.abs(p - v) - np.abs(q - v)), proper(v, p, q)


@topic.predicate(
    symmetries=LAST_TWO[3],
    opposites=("scalene", "obtuse", "acute", "equilateral"),
    order_matters=True,
    equation=lambda v, p, q: at_right_angles(p - v, q - v) + equal(abs(p - v), abs(q - v)),
).says(
    "△{1}{0}{2} is isosceles and right-angled at {0}",
    "triangle {1}{0}{2} is an isosceles right triangle with the right angle at {0}",
    "△{1}{0}{2} is an isosceles right triangle with ∠{1}{0}{2} = 90°",
    "in △{1}{0}{2}, {0}{1} is equal and perpendicular to {0}{2}",
)
def isosceles_right(v, p, q):
    return largest(right(v, p, q)[0], isosceles(v, p, q)[0]), np.inf


@topic.predicate(
    symmetries=TRIANGLE,
    opposites=("right", "obtuse", "scalene", "isosceles_right"),
    equation=lambda a, b, c: equal(*sides(a, b, c)),
).says(
    "triangle {0}{1}{2} is equilateral",
    "△{0}{1}{2} has three equal sides",
    "△{0}{1}{2} is an equilateral triangle with {0}{1} = {1}{2} = {2}{0}",
    "in △{0}{1}{2}, the sides {0}{1}, {1}{2} and {2}{0} are equal",
)
def equilateral(a, b, c):
    return spread(*sides(a, b, c)), np.inf


@topic.predicate(symmetries=TRIANGLE, opposites=("isosceles", "equilateral", "isosceles_right")).says(
    "triangle {0}{1}{2} is scalene",
    "the sides of △{0}{1}{2} all have different lengths",
    "△{0}{1}{2} is a scalene triangle with no two sides equal",
    "in △{0}{1}{2}, no two of the sides {0}{1}, {1}{2} and {2}{0} are equal",
)
def scalene(a, b, c):
    unequal = (np.abs(x - y) for x, y in itertools.combinations(sides(a, b, c), 2))
    return 0.0, smallest(*unequal, proper(a, b, c))


@topic.predicate(symmetries=TRIANGLE, opposites=("right", "obtuse", "isosceles_right")).says(
    "triangle {0}{1}{2} is acute",
    "all angles of △{0}{1}{2} are acute",
    "△{0}{1}{2} is an acute triangle with every angle less than 90°",
    "in △{0}{1}{2}, the angles at {0}, {1} and {2} are less than 90°",
)
def acute(a, b, c):
    return 0.0, smallest(acute_px(a, b, c), acute_px(b, c, a), acute_px(c, a, b))


@topic.predicate(
    symmetries=LAST_TWO[3], opposites=("right", "acute", "equilateral", "isosceles_right"), order_matters=True
).says(
    "triangle {1}{0}{2} is obtuse at {0}",
    "△{1}{0}{2} has an obtuse angle at {0}",
    "△{1}{0}{2} is an obtuse triangle with ∠{1}{0}{2} > 90°",
    "in △{1}{0}{2}, the angle at {0} is greater than 90°",
)
def obtuse(v, p, q):
    return 0.0, smallest(-acute_px(v, p, q), proper(v, p, q))


topic.add(
    "obtuse_angle", symmetries=LAST_TWO[3], opposites=("right_angle", "acute_angle"), common=True, measure=obtuse
).says("∠{1}{0}{2} is an obtuse angle", "∠{1}{0}{2} is obtuse", "angle {1}{0}{2} is an obtuse angle")


@topic.predicate(symmetries=LAST_TWO[3], opposites=("right_angle", "obtuse_angle"), common=True).says(
    "∠{1}{0}{2} is an acute angle", "∠{1}{0}{2} is acute", "angle {1}{0}{2} is an acute angle"
)
def acute_angle(v, p, q):
    return 0.0, acute_px(v, p, q)
