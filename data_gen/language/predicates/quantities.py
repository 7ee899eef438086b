"""Lists quantities that sources state of their diagrams: most are asserted, not computed; ratios, multiples and sums
are measured."""

import numpy as np

from data_gen.geometry.plane import angle_deg
from data_gen.language.predicates import circles, copies, row
from data_gen.language.predicates.deviation import INF, shortest_arm, sides
from data_gen.language.predicates.equations import PI, sweep, turn

topic = row.Topic(axis="value")

topic.add(
    "arc_length",
    symmetries=row.LAST_TWO[3],
    dimension=1,
    equation=lambda o, a, b, radius, value: (sweep(o, a, b) * radius - value,),
).says(
    "arc {1}{2} is {value} long",
    "the length of ⌒{1}{2} of ⊙{0} is {value}",
    "the length of arc {1}{2} of circle {0} is {value}",
)
topic.add("circumference", dimension=1, equation=lambda o, radius, value: (2 * PI * radius - value,)).says(
    "the circumference of circle {0} is {value}",
    "the circumference of ⊙{0} is {value}",
    "circle {0} has circumference {value}",
)
topic.add(
    "sector_area",
    symmetries=row.LAST_TWO[3],
    dimension=2,
    equation=lambda o, a, b, radius, value: (radius * np.sqrt(sweep(o, a, b) / 2) - np.sqrt(value),),
).says("the area of sector {1}{0}{2} is {value}", "sector {1}{0}{2} has area {value}")
topic.add(
    "triangle_perimeter",
    symmetries=row.TRIANGLE,
    dimension=1,
    equation=lambda a, b, c, value: (sum(sides(a, b, c)) - value,),
).says(
    "the perimeter of △{0}{1}{2} is {value}",
    "the perimeter of triangle {0}{1}{2} is {value}",
    "△{0}{1}{2} has perimeter {value}",
)
topic.add("triangle_height", symmetries=row.TRIANGLE).says(
    "△{0}{1}{2} is {value} high", "the height of △{0}{1}{2} is {value}"
)
topic.add(
    "quadrilateral_perimeter",
    symmetries=row.QUADRILATERAL,
    dimension=1,
    equation=lambda a, b, c, d, value: (sum(sides(a, b, c, d)) - value,),
).says("the perimeter of {0}{1}{2}{3} is {value}", "the perimeter of quadrilateral {0}{1}{2}{3} is {value}")
topic.add("quadrilateral_height", symmetries=row.QUADRILATERAL).says(
    "{0}{1}{2}{3} is {value} high", "the height of quadrilateral {0}{1}{2}{3} is {value}"
)


@topic.predicate(
    symmetries=row.FIRST_TWO,
    equation=lambda a, b, c, d, value: (abs(b - a) - value * abs(d - c),),
    values=("1:2", "2:1", "1:3", "3:1", "2:3", "3:2"),
    common=True,
).says(
    "{0}{1} : {2}{3} = {value}",
    "the ratio of {0}{1} to {2}{3} is {value}",
    "{0}{1} and {2}{3} are in the ratio {value}",
    "{0}{1} is to {2}{3} as {value}",
)
def length_ratio(a, b, c, d, value):
    return np.abs(np.abs(b - a) - value * np.abs(d - c)) / np.maximum(value, 1.0), INF


topic.add("length_multiple", symmetries=row.FIRST_TWO, values=("2", "3", "4"), common=True, measure=length_ratio).says(
    "{0}{1} = {value}·{2}{3}", "{0}{1} is {value} times {2}{3}", "{0}{1} is {value} times as long as {2}{3}"
)


@topic.predicate(symmetries=row.ANGLES, values=("2", "3")).says(
    "∠{0}{1}{2} = {value}·∠{3}{4}{5}",
    "∠{0}{1}{2} is {value} times ∠{3}{4}{5}",
    "angle {0}{1}{2} is {value} times angle {3}{4}{5}",
)
def angle_multiple(a, b, c, d, e, f, value):
    off = np.radians(np.abs(angle_deg(a, b, c) - value * angle_deg(d, e, f)))
    return off * shortest_arm(a, b, c, d, e, f), INF


topic.add(
    "angle_ratio",
    symmetries=row.ANGLES,
    equation=lambda a, b, c, d, e, f, value: (turn(a, b, c) - value * turn(d, e, f),),
).says("∠{0}{1}{2} : ∠{3}{4}{5} = {value}", "the ratio of ∠{0}{1}{2} to ∠{3}{4}{5} is {value}")
topic.add(
    "similarity_ratio",
    symmetries=row.TRIANGLES[:2],
    equation=lambda a, b, c, d, e, f, value: (abs(b - a) - value * abs(e - d),),
).says("△{0}{1}{2} : △{3}{4}{5} = {value}", "the ratio of similar triangles {0}{1}{2} and {3}{4}{5} is {value}")
topic.add(
    "quadrilateral_similarity_ratio",
    symmetries=copies.QUADRILATERALS[:2],
    equation=lambda a, b, c, d, e, f, g, h, value: (abs(b - a) - value * abs(f - e),),
).says(
    "{0}{1}{2}{3} : {4}{5}{6}{7} = {value}",
    "the ratio of similar quadrilaterals {0}{1}{2}{3} and {4}{5}{6}{7} is {value}",
)
topic.add("arc_ratio", symmetries=circles.ARC_PAIR[:2]).says(
    "arc {1}{2} of ⊙{0} : arc {4}{5} of ⊙{3} = {value}",
    "the ratio of arc {1}{2} of circle {0} to arc {4}{5} of circle {3} is {value}",
)
topic.add(
    "sector_perimeter",
    symmetries=row.LAST_TWO[3],
    dimension=1,
    equation=lambda o, a, b, radius, value: ((2 + sweep(o, a, b)) * radius - value,),
).says("the perimeter of sector {1}{0}{2} is {value}", "sector {1}{0}{2} has perimeter {value}")
topic.add(
    "length_sum",
    symmetries=row.SEGMENT_PAIR,
    dimension=1,
    equation=lambda a, b, c, d, value: (abs(b - a) + abs(d - c) - value,),
).says("{0}{1} + {2}{3} = {value}", "the sum of {0}{1} and {2}{3} is {value}")


@topic.predicate(
    symmetries=row.ANGLE_PAIR,
    equation=lambda a, b, c, d, e, f, value: (turn(a, b, c) + turn(d, e, f) - np.radians(value),),
    values=("60", "90", "120", "180"),
).says("∠{0}{1}{2} + ∠{3}{4}{5} = {value}°", "the sum of ∠{0}{1}{2} and ∠{3}{4}{5} is {value}°")
def angle_sum(a, b, c, d, e, f, value):
    off = np.radians(np.abs(angle_deg(a, b, c) + angle_deg(d, e, f) - value))
    return off * shortest_arm(a, b, c, d, e, f), INF


topic.add("sine", symmetries=row.ANGLE, equation=lambda a, b, c, value: (np.sin(turn(a, b, c)) - value,)).says(
    "sin ∠{0}{1}{2} = {value}", "the sine of ∠{0}{1}{2} is {value}"
)
topic.add("cosine", symmetries=row.ANGLE, equation=lambda a, b, c, value: (np.cos(turn(a, b, c)) - value,)).says(
    "cos ∠{0}{1}{2} = {value}", "the cosine of ∠{0}{1}{2} is {value}"
)
topic.add("tangent_of", symmetries=row.ANGLE, equation=lambda a, b, c, value: (turn(a, b, c) - np.arctan(value),)).says(
    "tan ∠{0}{1}{2} = {value}", "the tangent of ∠{0}{1}{2} is {value}"
)
