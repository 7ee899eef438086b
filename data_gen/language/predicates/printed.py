"""Lists predicates of what a diagram prints and marks: read off the picture, not measured."""

import numpy as np

from data_gen.geometry.plane import cross
from data_gen.language.predicates.equations import PI, sweep, turn
from data_gen.language.predicates.row import ANGLE, LAST_TWO, QUADRILATERAL, SEGMENT, TRIANGLE, Topic

topic = Topic(axis="value", from_marks=True)

topic.add(
    "length", symmetries=SEGMENT, dimension=1, printed=True, equation=lambda a, b, value: (abs(b - a) - value,)
).says(
    "{0}{1} = {value}",
    "the length of {0}{1} is {value}",
    "segment {0}{1} is {value} long",
    "the length of segment {0}{1} is {value}",
    "the length of line {0}{1} is {value}",
)
topic.add(
    "angle",
    symmetries=ANGLE,
    printed=True,
    equation=lambda a, b, c, value: (turn(a, b, c) - np.radians(value if value <= 180 else 360 - value),),
).says(
    "∠{0}{1}{2} = {value}°",
    "angle {0}{1}{2} measures {value}°",
    "the measure of ∠{0}{1}{2} is {value}°",
    "the measure of angle {0}{1}{2} is {value}°",
    "∠{0}{1}{2} is equal to {value}°",
)
topic.add("radius", dimension=1, printed=True, equation=lambda o, radius, value: (radius - value,)).says(
    "the radius of circle {0} is {value}",
    "the radius of ⊙{0} is {value}",
    "circle {0} has radius {value}",
    "⊙{0} has a radius of {value}",
)
topic.add("diameter_length", dimension=1, printed=True, equation=lambda o, radius, value: (2 * radius - value,)).says(
    "the diameter of circle {0} is {value}",
    "the diameter of ⊙{0} is {value}",
    "circle {0} has diameter {value}",
    "⊙{0} has a diameter of {value}",
)
topic.add(
    "triangle_area",
    symmetries=TRIANGLE,
    dimension=2,
    printed=True,
    equation=lambda a, b, c, value: (np.sqrt(abs(cross(b - a, c - a)) / 2) - np.sqrt(value),),
).says(
    "the area of △{0}{1}{2} is {value}",
    "the area of triangle {0}{1}{2} is {value}",
    "△{0}{1}{2} has area {value}",
    "△{0}{1}{2} has an area of {value}",
)
topic.add(
    "quadrilateral_area",
    symmetries=QUADRILATERAL,
    dimension=2,
    printed=True,
    equation=lambda a, b, c, d, value: (np.sqrt(abs(cross(c - a, d - b)) / 2) - np.sqrt(value),),
).says(
    "the area of {0}{1}{2}{3} is {value}",
    "the area of quadrilateral {0}{1}{2}{3} is {value}",
    "{0}{1}{2}{3} has area {value}",
    "quadrilateral {0}{1}{2}{3} has an area of {value}",
)
topic.add(
    "circle_area", dimension=2, printed=True, equation=lambda o, radius, value: (radius - np.sqrt(value / PI),)
).says(
    "the area of circle {0} is {value}",
    "the area of ⊙{0} is {value}",
    "circle {0} has area {value}",
    "⊙{0} has an area of {value}",
)
topic.add(
    "arc",
    symmetries=LAST_TWO[3],
    printed=True,
    equation=lambda o, a, b, value: (2 * np.sin((sweep(o, a, b) - np.radians(value)) / 2),),
).says(
    "arc {1}{2} measures {value}°",
    "the measure of ⌒{1}{2} of ⊙{0} is {value}°",
    "the measure of arc {1}{2} of circle {0} is {value}°",
)
topic.add("major_arc", symmetries=((0, 3, 2, 1),), printed=True).says(
    "⌒{1}{2}{3} = {value}° on ⊙{0}",
    "the measure of ⌒{1}{2}{3} of ⊙{0} is {value}°",
    "arc {1}{2}{3} of circle {0} measures {value}°",
)
topic.add("numbered_angle", symmetries=ANGLE).says(
    "∠{0}{1}{2} is marked {value}",
    "∠{value} is the angle {0}{1}{2}",
    "∠{0}{1}{2} is labeled ∠{value}",
    "∠{value} denotes ∠{0}{1}{2}",
)
topic.add("ticked", symmetries=SEGMENT).says(
    "{0}{1} is marked with {value}",
    "there is a mark of {value} on {0}{1}",
    "{0}{1} has {value} on it",
    "segment {0}{1} is crossed by {value}",
)
topic.add("divided", symmetries=SEGMENT).says(
    "{0}{1} is divided into {value} equal parts",
    "marks divide {0}{1} into {value} equal parts",
    "segment {0}{1} has {value} equal parts marked on it",
    "marks on {0}{1} show {value} equal parts",
)
topic.add("inscribed_regular").says(
    "a regular polygon with {value} sides and vertex {1} is inscribed in circle {0}",
    "{1} is a vertex of a regular polygon of {value} sides in circle {0}",
    "⊙{0} is circumscribed about a regular polygon with {value} sides and vertex {1}",
    "{1} is one of the vertices of a regular polygon with {value} sides inscribed in ⊙{0}",
)
topic.add("graph").says(
    "the graph of y = {value} is drawn with origin {0}",
    "the figure shows y = {value} in coordinates with origin {0}",
    "the graph of the function y = {value} is shown with origin {0}",
    "{0} is the origin of the coordinates and y = {value} is the function shown",
)
topic.add("shaded_triangle", axis="relation", symmetries=TRIANGLE).says(
    "triangle {0}{1}{2} is shaded",
    "the shaded region is △{0}{1}{2}",
    "△{0}{1}{2} is the shaded part",
    "the interior of △{0}{1}{2} is shaded",
)
topic.add("shaded_quadrilateral", axis="relation", symmetries=QUADRILATERAL).says(
    "quadrilateral {0}{1}{2}{3} is shaded",
    "the shaded region is {0}{1}{2}{3}",
    "{0}{1}{2}{3} is the shaded part",
    "the interior of quadrilateral {0}{1}{2}{3} is shaded",
)
topic.add("shaded_circle", axis="relation").says(
    "circle {0} is shaded",
    "the shaded region is circle {0}",
    "⊙{0} is the shaded part",
    "the interior of ⊙{0} is shaded",
)
