"""Further phrasings of predicates, beyond those of their rows in `predicates.py`: as exam problems put them.

{0}, {1}... are the names and {value} the value, as there. Predicates that are exchanged for one another have the same
number of phrases, alike place by place: a phrase in symbols stands beside one in symbols, so that the style of a
caption does not tell what was edited.
"""

from __future__ import annotations

from functools import cache

from data_gen.language.predicates.table import POLYGONS, PREDICATES


@cache
def phrases(predicate: str) -> tuple[str, ...]:
    """All phrasings of a predicate; the first is the plain one."""
    return PREDICATES[predicate].phrases + FURTHER.get(predicate, ())


def _of_polygons() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for sides, name in POLYGONS.items():
        polygon = name + " " + "".join(f"{{{k}}}" for k in range(sides))
        found[f"regular_{name}"] = (f"{polygon} has equal sides and equal angles",
                                    f"all sides and all angles of {polygon} are equal")  # fmt: skip
        found[f"uneven_{name}"] = (f"{polygon} has sides that are not all equal",
                                   f"not all sides of {polygon} are equal")  # fmt: skip
    return found


# fmt: off
FURTHER: dict[str, tuple[str, ...]] = {
    # triangles
    "right": ("△{1}{0}{2} is a right triangle with ∠{1}{0}{2} = 90°",
              "in △{1}{0}{2}, {0}{1} is perpendicular to {0}{2}"),
    "isosceles": ("△{1}{0}{2} is an isosceles triangle with {0}{1} = {0}{2}",
                  "in △{1}{0}{2}, {0}{1} is equal to {0}{2}"),
    "isosceles_right": ("△{1}{0}{2} is an isosceles right triangle with ∠{1}{0}{2} = 90°",
                        "in △{1}{0}{2}, {0}{1} is equal and perpendicular to {0}{2}"),
    "equilateral": ("△{0}{1}{2} is an equilateral triangle with {0}{1} = {1}{2} = {2}{0}",
                    "in △{0}{1}{2}, the sides {0}{1}, {1}{2} and {2}{0} are equal"),
    "scalene": ("△{0}{1}{2} is a scalene triangle with no two sides equal",
                "in △{0}{1}{2}, no two of the sides {0}{1}, {1}{2} and {2}{0} are equal"),
    "acute": ("△{0}{1}{2} is an acute triangle with every angle less than 90°",
              "in △{0}{1}{2}, the angles at {0}, {1} and {2} are less than 90°"),
    "obtuse": ("△{1}{0}{2} is an obtuse triangle with ∠{1}{0}{2} > 90°",
               "in △{1}{0}{2}, the angle at {0} is greater than 90°"),
    # quadrilaterals
    "square": ("the sides of {0}{1}{2}{3} form a square",
               "{0}{1} and {2}{3} are opposite sides of square {0}{1}{2}{3}"),
    "rectangle": ("the sides of {0}{1}{2}{3} form a rectangle",
                  "{0}{1} and {2}{3} are opposite sides of rectangle {0}{1}{2}{3}"),
    "rhombus": ("the sides of {0}{1}{2}{3} form a rhombus",
                "{0}{1} and {2}{3} are opposite sides of rhombus {0}{1}{2}{3}"),
    "parallelogram": ("the sides of {0}{1}{2}{3} form a parallelogram",
                      "{0}{1} and {2}{3} are opposite sides of ▱{0}{1}{2}{3}"),
    "trapezoid": ("the sides of {0}{1}{2}{3} form a trapezoid with {0}{1} parallel to {2}{3}",
                  "{0}{1} and {2}{3} are the parallel sides of trapezoid {0}{1}{2}{3}"),
    "isosceles_trapezoid": ("the sides of {0}{1}{2}{3} form a trapezoid with {0}{1} parallel to {2}{3} and equal legs",
                            "{0}{1} and {2}{3} are the parallel sides of isosceles trapezoid {0}{1}{2}{3}"),
    "right_trapezoid": ("the sides of {0}{1}{2}{3} form a trapezoid with {0}{1} and {2}{3} perpendicular to {0}{3}",
                        "{0}{1} and {2}{3} are the parallel sides of trapezoid {0}{1}{2}{3} with ∠{1}{0}{3} = 90°"),
    "kite": ("the sides of {0}{1}{2}{3} form a kite with {0}{1} equal to {0}{3}",
             "{0}{1} and {0}{3} are equal adjacent sides of kite {0}{1}{2}{3}"),
    "irregular": ("the sides of {0}{1}{2}{3} form a quadrilateral without parallel sides",
                  "no opposite sides of quadrilateral {0}{1}{2}{3} are parallel"),
    # more sides
    **_of_polygons(),
    # points on lines
    "midpoint": ("{0} is the midpoint of segment {1}{2}", "{0} lies on {1}{2} and {1}{0} = {0}{2}",
                 "{0} lies halfway between {1} and {2}"),
    "trisection": ("{0} is the point of segment {1}{2} where {1}{0} is twice {0}{2}",
                   "{0} lies on {1}{2} and {1}{0}/{0}{2} = 2", "{0} lies two thirds of the way from {1} to {2}"),
    "division": ("{0} is the point of segment {1}{2} where the ratio of {1}{0} to {0}{2} is {value}",
                 "{0} lies on {1}{2} and {1}{0} : {0}{2} = {value}",
                 "{0} divides the way from {1} to {2} in the ratio {value}"),
    "on_segment": ("{0} is a point on segment {1}{2}", "the segment {1}{2} passes through {0}",
                   "{0} lies between {1} and {2} on {1}{2}"),
    "beyond": ("{0} is a point on the extension of {1}{2} past {2}",
               "the extension of {1}{2} past {2} passes through {0}",
               "{2} lies between {1} and {0} on {1}{0}"),
    "off_line": ("{0} is a point not on line {1}{2}", "no line passes through {0}, {1} and {2} together",
                 "{0} lies off the line {1}{2}"),
    "collinear": ("points {0}, {1} and {2} are on the same line", "a line passes through {0}, {1} and {2}"),
    "meet": ("{1}{2} intersects {3}{4} at point {0}", "{0} is the point where {1}{2} intersects {3}{4}",
             "the common point of {1}{2} and {3}{4} is {0}"),
    "median": ("{0}{1} is the median to side {2}{3} of △{0}{2}{3}", "in △{0}{2}{3}, {0}{1} is the median from {0}",
               "{0}{1} bisects {2}{3} at {1}"),
    "altitude": ("{0}{1} is the altitude to side {2}{3} of △{0}{2}{3}",
                 "in △{0}{2}{3}, {0}{1} is the altitude from {0}",
                 "{0}{1} ⊥ {2}{3} at {1}"),
    "bisector": ("{0}{1} is the bisector of ∠{2}{0}{3}", "the bisector of ∠{2}{0}{3} is {0}{1}",
                 "{0}{1} divides ∠{2}{0}{3} into two equal angles"),
    "same_side": ("points {0} and {1} are on the same side of line {2}{3}",
                  "the segment from {0} to {1} does not cross line {2}{3}"),
    "opposite_sides": ("points {0} and {1} are on opposite sides of line {2}{3}",
                       "the segment from {0} to {1} crosses line {2}{3}"),
    "in_triangle": ("point {0} is in the interior of △{1}{2}{3}", "△{1}{2}{3} contains the point {0}"),
    "outside_triangle": ("point {0} is in the exterior of △{1}{2}{3}", "△{1}{2}{3} does not contain the point {0}"),
    # two lines
    "parallel": ("{0}{1} and {2}{3} are parallel", "line {0}{1} is parallel to line {2}{3}",
                 "{0}{1} and {2}{3} are parallel to each other"),
    "perpendicular": ("{0}{1} and {2}{3} are perpendicular", "line {0}{1} is perpendicular to line {2}{3}",
                      "{0}{1} and {2}{3} are perpendicular to each other"),
    "oblique": ("{0}{1} and {2}{3} are oblique", "line {0}{1} is oblique to line {2}{3}",
                "{0}{1} and {2}{3} are oblique to each other"),
    "perpendicular_bisector": ("{0}{1} is perpendicular to {2}{3} and bisects it",
                               "line {0}{1} is the perpendicular bisector of segment {2}{3}",
                               "{0}{1} is perpendicular to {2}{3} at its midpoint"),
    "equal_length": ("{0}{1} is equal to {2}{3}", "{0}{1} and {2}{3} are equal in length"),
    "equal_angle": ("∠{0}{1}{2} is equal to ∠{3}{4}{5}", "∠{0}{1}{2} and ∠{3}{4}{5} are equal"),
    # circles
    "on_circle": ("{1} is a point on ⊙{0}", "point {1} is on the circle with center {0}"),
    "inside": ("{1} is a point inside circle {0}", "{1} is a point inside ⊙{0}",
               "point {1} is inside the circle with center {0}"),
    "outside": ("{1} is a point outside circle {0}", "{1} is a point outside ⊙{0}",
                "point {1} is outside the circle with center {0}"),
    "diameter": ("{1}{2} is a diameter of ⊙{0}", "the diameter of circle {0} is {1}{2}"),
    "chord": ("{1} and {2} are the ends of a chord of circle {0}", "{1}{2} is a chord of ⊙{0}",
              "{1}{2} is a chord of the circle with center {0}"),
    "off_centre_chord": ("{1}{2} is a chord but not a diameter of ⊙{0}",
                         "the chord {1}{2} of circle {0} does not pass through its center"),
    "inscribed_triangle": ("△{1}{2}{3} is inscribed in ⊙{0}", "⊙{0} is the circumscribed circle of △{1}{2}{3}"),
    "inscribed_circle": ("⊙{0} is inscribed in △{1}{2}{3}", "⊙{0} is the inscribed circle of △{1}{2}{3}"),
    "tangent": ("{2}{1} is tangent to ⊙{0} at point {1}", "the tangent to circle {0} at {1} is {2}{1}"),
    "crossing": ("{2}{1} is secant to ⊙{0} at point {1}",
                 "the line {2}{1} intersects circle {0} at {1} and is no tangent"),
    "concyclic": ("points {0}, {1}, {2} and {3} are concyclic", "{0}, {1}, {2} and {3} are on the same circle"),
    "not_concyclic": ("points {0}, {1}, {2} and {3} are not concyclic",
                      "{0}, {1}, {2} and {3} are not on the same circle"),
    "inscribed_quadrilateral": ("{1}{2}{3}{4} is inscribed in ⊙{0}",
                                "⊙{0} is the circumscribed circle of quadrilateral {1}{2}{3}{4}"),
    "secant": ("line {1}{2} intersects ⊙{0} at two points", "line {1}{2} and circle {0} have two points in common"),
    "tangent_line": ("line {1}{2} is a tangent to ⊙{0}", "line {1}{2} and circle {0} have only one point in common"),
    "outside_line": ("line {1}{2} lies outside ⊙{0}", "line {1}{2} and circle {0} have no point in common"),
    "sector": ("sector {1}{0}{2} has a central angle of {value}°", "the central angle of sector {1}{0}{2} is {value}°"),
    "tangent_outside": ("⊙{0} and ⊙{1} are externally tangent",
                        "circles {0} and {1} have one point in common and lie outside each other"),
    "tangent_inside": ("⊙{0} and ⊙{1} are internally tangent",
                       "circles {0} and {1} have one point in common and lie one inside the other"),
    "circles_cross": ("⊙{0} and ⊙{1} intersect at two points", "circles {0} and {1} have two points in common"),
    "circles_apart": ("⊙{0} and ⊙{1} are separate, each outside the other",
                      "circles {0} and {1} have no point in common and lie outside each other"),
    "circle_in_circle": ("⊙{0} and ⊙{1} are separate, one inside the other",
                         "circles {0} and {1} have no point in common and lie one inside the other"),
    # what is printed and drawn
    "length": ("the length of segment {0}{1} is {value}", "the length of line {0}{1} is {value}"),
    "angle": ("the measure of angle {0}{1}{2} is {value}°", "∠{0}{1}{2} is equal to {value}°"),
    "numbered_angle": ("∠{0}{1}{2} is labeled ∠{value}", "∠{value} denotes ∠{0}{1}{2}"),
    "ticked": ("{0}{1} has {value} on it", "segment {0}{1} is crossed by {value}"),
    "divided": ("segment {0}{1} has {value} equal parts marked on it", "marks on {0}{1} show {value} equal parts"),
    "inscribed_regular": ("⊙{0} is circumscribed about a regular polygon with {value} sides and vertex {1}",
                          "{1} is one of the vertices of a regular polygon with {value} sides inscribed in ⊙{0}"),
    "graph": ("the graph of the function y = {value} is shown with origin {0}",
              "{0} is the origin of the coordinates and y = {value} is the function shown"),
    "dashed": ("segment {0}{1} is a dashed line", "a dashed line connects {0} and {1}"),
    "solid": ("segment {0}{1} is a solid line", "a solid line connects {0} and {1}"),
    "shaded_triangle": ("△{0}{1}{2} is the shaded part", "the interior of △{0}{1}{2} is shaded"),
    "shaded_quadrilateral": ("{0}{1}{2}{3} is the shaded part", "the interior of quadrilateral {0}{1}{2}{3} is shaded"),
    "shaded_circle": ("⊙{0} is the shaded part", "the interior of ⊙{0} is shaded"),
    "joined": ("segment {0}{1} is drawn", "a line connects {0} and {1}", "{0} is connected to {1}"),
    "apart": ("segment {0}{1} is not drawn", "no line connects {0} and {1}", "{0} is not connected to {1}"),
    # figures that correspond
    "similar": ("△{0}{1}{2} is similar to △{3}{4}{5}", "triangle {0}{1}{2} is similar to triangle {3}{4}{5}"),
    "congruent": ("△{0}{1}{2} is congruent to △{3}{4}{5}", "triangle {0}{1}{2} is congruent to triangle {3}{4}{5}"),
    "smaller": ("△{0}{1}{2} is similar to △{3}{4}{5} and larger",
                "triangle {0}{1}{2} is similar to the smaller triangle {3}{4}{5}"),
    "smaller_quadrilateral": ("{0}{1}{2}{3} is similar to {4}{5}{6}{7} and larger",
                              "{0}{1}{2}{3} is similar to the smaller quadrilateral {4}{5}{6}{7}"),
    "similar_quadrilaterals": ("{0}{1}{2}{3} is similar to {4}{5}{6}{7}",
                               "quadrilaterals {0}{1}{2}{3} and {4}{5}{6}{7} are similar"),
    "congruent_quadrilaterals": ("{0}{1}{2}{3} is congruent to {4}{5}{6}{7}",
                                 "quadrilaterals {0}{1}{2}{3} and {4}{5}{6}{7} are congruent"),
    # centres, midsegments, heights
    "centroid": ("the centroid of △{1}{2}{3} is {0}", "{0} is the intersection of the medians of △{1}{2}{3}"),
    "incenter": ("the incenter of △{1}{2}{3} is {0}", "{0} is the intersection of the angle bisectors of △{1}{2}{3}"),
    "circumcenter": ("the circumcenter of △{1}{2}{3} is {0}",
                     "{0} is the intersection of the perpendicular bisectors of the sides of △{1}{2}{3}"),
    "orthocenter": ("the orthocenter of △{1}{2}{3} is {0}", "{0} is the intersection of the altitudes of △{1}{2}{3}"),
    "midsegment": ("{0} and {1} are respectively the midpoints of {2}{3} and {2}{4}",
                   "{0}{1} is the midsegment of triangle {2}{3}{4} with base {3}{4}",
                   "segment {0}{1} joins the midpoints of sides {2}{3} and {2}{4} of △{2}{3}{4}",
                   "{0}{1} is a midline of △{2}{3}{4}, {0}{1} ∥ {3}{4}"),
    "quadrilateral_midsegment": ("the midsegment of quadrilateral {2}{3}{4}{5} is {0}{1}",),
    "quadrilateral_altitude": ("{0}{1} is an altitude of quadrilateral {2}{3}{4}{5}",),
    "arc_midpoint": ("the midpoint of ⌒{2}{3} of ⊙{0} is {1}", "{1} bisects arc {2}{3} of circle {0}"),
    "minor_arc": ("the measure of the minor arc {1}{2} of ⊙{0} is {value}°", "minor arc {1}{2} of ⊙{0} is {value}°"),
    # asserted by sources
    "right_angle": ("∠{1}{0}{2} is right", "angle {1}{0}{2} is a right angle"),
    "acute_angle": ("∠{1}{0}{2} is acute", "angle {1}{0}{2} is an acute angle"),
    "obtuse_angle": ("∠{1}{0}{2} is obtuse", "angle {1}{0}{2} is an obtuse angle"),
    "equal_arc": ("⌒{1}{2} of ⊙{0} is equal to ⌒{4}{5} of ⊙{3}",),
    "arc": ("the measure of ⌒{1}{2} of ⊙{0} is {value}°", "the measure of arc {1}{2} of circle {0} is {value}°"),
    "arc_length": ("the length of ⌒{1}{2} of ⊙{0} is {value}", "the length of arc {1}{2} of circle {0} is {value}"),
    "radius": ("the radius of ⊙{0} is {value}", "circle {0} has radius {value}", "⊙{0} has a radius of {value}"),
    "diameter_length": ("the diameter of ⊙{0} is {value}", "circle {0} has diameter {value}",
                        "⊙{0} has a diameter of {value}"),
    "circumference": ("the circumference of ⊙{0} is {value}", "circle {0} has circumference {value}"),
    "circle_area": ("the area of ⊙{0} is {value}", "circle {0} has area {value}", "⊙{0} has an area of {value}"),
    "sector_area": ("sector {1}{0}{2} has area {value}",),
    "triangle_area": ("the area of triangle {0}{1}{2} is {value}", "△{0}{1}{2} has area {value}",
                      "△{0}{1}{2} has an area of {value}"),
    "triangle_perimeter": ("the perimeter of triangle {0}{1}{2} is {value}", "△{0}{1}{2} has perimeter {value}"),
    "triangle_height": ("the height of △{0}{1}{2} is {value}",),
    "quadrilateral_area": ("the area of quadrilateral {0}{1}{2}{3} is {value}", "{0}{1}{2}{3} has area {value}",
                           "quadrilateral {0}{1}{2}{3} has an area of {value}"),
    "quadrilateral_perimeter": ("the perimeter of quadrilateral {0}{1}{2}{3} is {value}",),
    "quadrilateral_height": ("the height of quadrilateral {0}{1}{2}{3} is {value}",),
    "length_ratio": ("the ratio of {0}{1} to {2}{3} is {value}",),
    "angle_ratio": ("the ratio of ∠{0}{1}{2} to ∠{3}{4}{5} is {value}",),
    "similarity_ratio": ("the ratio of similar triangles {0}{1}{2} and {3}{4}{5} is {value}",),
    "length_sum": ("the sum of {0}{1} and {2}{3} is {value}",),
    "angle_sum": ("the sum of ∠{0}{1}{2} and ∠{3}{4}{5} is {value}°",),
    "sine": ("the sine of ∠{0}{1}{2} is {value}",),
    "cosine": ("the cosine of ∠{0}{1}{2} is {value}",),
    "tangent_of": ("the tangent of ∠{0}{1}{2} is {value}",),
}
# fmt: on
