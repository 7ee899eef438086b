"""The predicate table: what can be said of a diagram, when it holds, and how it is put into words.

A fact is a row of `PREDICATES` applied to the names of points. Every row gives

* `arity` and `symmetries`: permutations of the arguments that leave the meaning as it is (generators of the group);
* `measure`: complex[..., arity] -> (deviation, slack), both float[...] in pixels. A *closed* condition (two lengths are
  equal) has a deviation, how far the drawing is from it, and no slack; an *open* one (an angle is obtuse) has slack, by
  how much it holds, negative where it fails. A fact is true where deviation is 0 and slack is visible;
* `axis`: which of the four axes of an edit it belongs to ("shape", "relation", "value");
* `opposites`: predicates that contradict this one on the same arguments, whatever the drawing;
* `circles`: how many arguments, the first ones, name circles by their centre; `measure` then gets their radii as well;
* `strokes`: `measure` gets the straight strokes of the diagrams too, "all", "dashed" or "solid" ones; `values`: it gets
  the fact's value as a number, one of these (a ratio "1:3" as a fraction);
* `common`: true of so many points in every figure that signatures leave it out (`signatures.py`);
* `shown`: truth is read off the diagram's marks, shades and graphs (`shown.py`): the value that is printed;
* `order_matters`: any reordering of the arguments that is not a symmetry contradicts the fact;
* `phrases`: English, with {0}, {1}... for the names and {value} for the value; `phrases.py` has further ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from data_gen.language.predicates import circle_measures, measures


@dataclass(frozen=True)
class Predicate:
    """A row of the table; see the module's docstring for its columns."""

    name: str
    arity: int
    axis: str
    phrases: tuple[str, ...]
    measure: Callable | None = None
    symmetries: tuple[tuple[int, ...], ...] = ()
    opposites: tuple[str, ...] = ()
    order_matters: bool = False
    circles: int = 0
    strokes: str = ""
    values: tuple[str, ...] = ()
    shown: bool = False
    common: bool = False

    @property
    def positional(self) -> bool:
        """Whether the positions of the points alone decide."""
        return self.measure is not None and not (self.circles or self.strokes or self.values)

    @property
    def signed(self) -> bool:
        """Whether signatures have a bit for its facts: of many points there would be too many facts to look at."""
        return self.arity <= 5 and not self.common


# ---- the table ----------------------------------------------------------------------------------------------------

TRIANGLE = ((1, 2, 0), (1, 0, 2))
POLYGONS = {5: "pentagon", 6: "hexagon", 7: "heptagon", 8: "octagon"}
DIHEDRALS = {n: ((*range(1, n), 0), tuple(reversed(range(n)))) for n in (4, *POLYGONS)}
DIHEDRAL = DIHEDRALS[4]
LAST_THREE = ((0, 2, 3, 1), (0, 2, 1, 3))
# Figures whose vertices correspond: both turn or reverse together, or change places.
TOGETHER = {
    3: ((1, 2, 0, 4, 5, 3), (1, 0, 2, 4, 3, 5), (3, 4, 5, 0, 1, 2)),
    4: ((1, 2, 3, 0, 5, 6, 7, 4), (3, 2, 1, 0, 7, 6, 5, 4), (4, 5, 6, 7, 0, 1, 2, 3)),
}
LAST_TWO = {3: ((0, 2, 1),), 4: ((0, 1, 3, 2),)}
SEGMENT_PAIR = ((1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1))
PARALLEL_SIDES = ((1, 0, 3, 2), (2, 3, 0, 1))


def _polygon_rows() -> Iterator[Predicate]:
    for sides, name in POLYGONS.items():
        corners, article = "".join(f"{{{k}}}" for k in range(sides)), "an" if name[0] in "aeiou" else "a"
        yield Predicate(
            f"regular_{name}", sides, "shape", (f"{corners} is a regular {name}", f"{name} {corners} is regular"),
            measures.regular, DIHEDRALS[sides], (f"uneven_{name}",), order_matters=True,
        )  # fmt: skip
        yield Predicate(
            f"uneven_{name}", sides, "shape",
            (f"{corners} is {article} {name} with unequal sides",
             f"the sides of {name} {corners} are not all equal"),
            measures.uneven, DIHEDRALS[sides], (f"regular_{name}",), common=True,
        )  # fmt: skip


# fmt: off
_ROWS = (
    # shape: triangles, the special vertex first
    Predicate("right", 3, "shape", ("triangle {1}{0}{2} is right-angled at {0}", "△{1}{0}{2} has a right angle at {0}"),
              measures.right, LAST_TWO[3], ("obtuse", "acute", "equilateral"), order_matters=True),
    Predicate("isosceles", 3, "shape",
              ("triangle {0}{1}{2} is isosceles with {0}{1} = {0}{2}", "△{0}{1}{2} has equal sides {0}{1} and {0}{2}"),
              measures.isosceles, LAST_TWO[3], ("scalene",)),
    Predicate("isosceles_right", 3, "shape",
              ("△{1}{0}{2} is isosceles and right-angled at {0}",
               "triangle {1}{0}{2} is an isosceles right triangle with the right angle at {0}"),
              measures.isosceles_right, LAST_TWO[3],
              ("scalene", "obtuse", "acute", "equilateral"), order_matters=True),
    Predicate("equilateral", 3, "shape", ("triangle {0}{1}{2} is equilateral", "△{0}{1}{2} has three equal sides"),
              measures.equilateral, TRIANGLE, ("right", "obtuse", "scalene", "isosceles_right")),
    Predicate("scalene", 3, "shape",
              ("triangle {0}{1}{2} is scalene", "the sides of △{0}{1}{2} all have different lengths"),
              measures.scalene, TRIANGLE, ("isosceles", "equilateral", "isosceles_right")),
    Predicate("acute", 3, "shape", ("triangle {0}{1}{2} is acute", "all angles of △{0}{1}{2} are acute"),
              measures.acute, TRIANGLE, ("right", "obtuse", "isosceles_right")),
    Predicate("obtuse", 3, "shape", ("triangle {1}{0}{2} is obtuse at {0}", "△{1}{0}{2} has an obtuse angle at {0}"),
              measures.obtuse, LAST_TWO[3], ("right", "acute", "equilateral", "isosceles_right"), order_matters=True),
    Predicate("right_angle", 3, "shape", ("∠{1}{0}{2} is a right angle",), measures.right, LAST_TWO[3],
              ("acute_angle", "obtuse_angle"), common=True),
    Predicate("acute_angle", 3, "shape", ("∠{1}{0}{2} is an acute angle",), measures.acute_angle, LAST_TWO[3],
              ("right_angle", "obtuse_angle"), common=True),
    Predicate("obtuse_angle", 3, "shape", ("∠{1}{0}{2} is an obtuse angle",), measures.obtuse, LAST_TWO[3],
              ("right_angle", "acute_angle"), common=True),
    # shape: quadrilaterals, vertices in order round
    Predicate("square", 4, "shape", ("{0}{1}{2}{3} is a square", "quadrilateral {0}{1}{2}{3} is a square"),
              measures.square, DIHEDRAL, ("irregular",), order_matters=True),
    Predicate("rectangle", 4, "shape", ("{0}{1}{2}{3} is a rectangle", "quadrilateral {0}{1}{2}{3} is a rectangle"),
              measures.rectangle, DIHEDRAL, ("irregular",), order_matters=True),
    Predicate("rhombus", 4, "shape", ("{0}{1}{2}{3} is a rhombus", "quadrilateral {0}{1}{2}{3} is a rhombus"),
              measures.rhombus, DIHEDRAL, ("irregular",), order_matters=True),
    Predicate("parallelogram", 4, "shape",
              ("{0}{1}{2}{3} is a parallelogram", "quadrilateral {0}{1}{2}{3} is a parallelogram"),
              measures.parallelogram, DIHEDRAL, ("irregular",), order_matters=True),
    Predicate("trapezoid", 4, "shape",
              ("{0}{1}{2}{3} is a trapezoid with {0}{1} ∥ {2}{3}",
               "{0}{1}{2}{3} is a trapezoid whose bases are {0}{1} and {2}{3}"), measures.trapezoid, PARALLEL_SIDES,
              ("irregular",)),
    Predicate("isosceles_trapezoid", 4, "shape",
              ("{0}{1}{2}{3} is an isosceles trapezoid with {0}{1} ∥ {2}{3}",
               "{0}{1}{2}{3} is an isosceles trapezoid whose bases are {0}{1} and {2}{3}"),
              measures.isosceles_trapezoid, PARALLEL_SIDES, ("irregular", "right_trapezoid")),
    Predicate("right_trapezoid", 4, "shape",
              ("{0}{1}{2}{3} is a right trapezoid with {0}{1} ∥ {2}{3} and {0}{3} ⊥ {0}{1}",
               "{0}{1}{2}{3} is a right trapezoid with right angles at {0} and {3}"), measures.right_trapezoid,
              ((3, 2, 1, 0),), ("irregular", "isosceles_trapezoid")),
    Predicate("kite", 4, "shape",
              ("{0}{1}{2}{3} is a kite with {0}{1} = {0}{3}", "{0}{1}{2}{3} is a kite with axis {0}{2}"),
              measures.kite, ((0, 3, 2, 1), (2, 1, 0, 3))),
    Predicate("irregular", 4, "shape",
              ("quadrilateral {0}{1}{2}{3} has no parallel sides", "no two sides of {0}{1}{2}{3} are parallel"),
              measures.irregular, DIHEDRAL,
              ("square", "rectangle", "rhombus", "parallelogram", "trapezoid", "isosceles_trapezoid",
               "right_trapezoid")),
    # shape: more sides
    *_polygon_rows(),
    # relation: points on lines
    Predicate("midpoint", 3, "relation", ("{0} is the midpoint of {1}{2}", "{0} bisects the segment {1}{2}"),
              measures.midpoint, LAST_TWO[3], ("trisection",), order_matters=True),
    Predicate("trisection", 3, "relation",
              ("{0} lies on {1}{2} with {1}{0} = 2{0}{2}", "{0} divides {1}{2} so that {1}{0} : {0}{2} = 2 : 1"),
              measures.trisection, (), ("midpoint",), order_matters=True),
    Predicate("on_segment", 3, "relation", ("{0} lies on {1}{2}", "{0} is a point of the segment {1}{2}"),
              measures.on_segment, LAST_TWO[3], order_matters=True),
    Predicate("collinear", 3, "relation", ("{0}, {1} and {2} lie on one line", "{0}, {1}, {2} are collinear"),
              measures.collinear, TRIANGLE),
    Predicate("meet", 5, "relation",
              ("{1}{2} and {3}{4} meet at {0}", "{0} is the intersection of {1}{2} and {3}{4}"), measures.meet,
              ((0, 2, 1, 3, 4), (0, 1, 2, 4, 3), (0, 3, 4, 1, 2))),
    Predicate("division", 3, "relation", ("{0} divides {1}{2} so that {1}{0} : {0}{2} = {value}",
                                          "{0} lies on {1}{2} with {1}{0} : {0}{2} = {value}"), measures.division,
              values=("1:3", "3:1", "1:4", "4:1", "2:3", "3:2")),
    Predicate("off_line", 3, "relation", ("{0} does not lie on line {1}{2}",
                                          "{0} is not a point of the line {1}{2}"), measures.off_line, LAST_TWO[3],
              ("on_segment", "midpoint", "collinear"), common=True),
    Predicate("beyond", 3, "relation", ("{0} lies on the extension of {1}{2} beyond {2}",
                                        "{1}{2} is extended through {2} to {0}"), measures.beyond,
              ((1, 0, 2),), ("on_segment",), order_matters=True, common=True),
    Predicate("same_side", 4, "relation", ("{0} and {1} lie on the same side of {2}{3}",
                                           "the line {2}{3} does not separate {0} from {1}"), measures.same_side,
              ((1, 0, 2, 3), (0, 1, 3, 2)), ("opposite_sides",), common=True),
    Predicate("opposite_sides", 4, "relation", ("{0} and {1} lie on opposite sides of {2}{3}",
                                                "the line {2}{3} separates {0} from {1}"), measures.opposite_sides,
              ((1, 0, 2, 3), (0, 1, 3, 2)), ("same_side",), common=True),
    Predicate("in_triangle", 4, "relation", ("{0} lies inside triangle {1}{2}{3}", "{0} is a point inside △{1}{2}{3}"),
              measures.in_triangle, LAST_THREE, ("outside_triangle",), common=True),
    Predicate("outside_triangle", 4, "relation", ("{0} lies outside triangle {1}{2}{3}",
                                                  "{0} is a point outside △{1}{2}{3}"), measures.outside_triangle,
              LAST_THREE, ("in_triangle",), common=True),
    # relation: lines through a vertex; the foot second, the far side last
    Predicate("median", 4, "relation",
              ("{0}{1} is the median from {0} to {2}{3}", "{0}{1} is a median of triangle {0}{2}{3}"), measures.median,
              LAST_TWO[4]),
    Predicate("altitude", 4, "relation", ("{0}{1} is the altitude from {0} to {2}{3}",
                                          "{0}{1} is an altitude of triangle {0}{2}{3}"),
              measures.altitude, LAST_TWO[4]),
    Predicate("bisector", 4, "relation", ("{0}{1} bisects ∠{2}{0}{3}", "{0}{1} is the bisector of angle {2}{0}{3}"),
              measures.bisector, LAST_TWO[4]),
    Predicate("parallel", 4, "relation", ("{0}{1} ∥ {2}{3}", "{0}{1} is parallel to {2}{3}"), measures.parallel,
              SEGMENT_PAIR, ("perpendicular", "oblique")),
    Predicate("perpendicular", 4, "relation", ("{0}{1} ⊥ {2}{3}", "{0}{1} is perpendicular to {2}{3}"),
              measures.perpendicular, SEGMENT_PAIR, ("parallel", "oblique")),
    Predicate("oblique", 4, "relation",
              ("{0}{1} is oblique to {2}{3}", "{0}{1} is neither parallel nor perpendicular to {2}{3}"),
              measures.oblique, SEGMENT_PAIR,
              ("parallel", "perpendicular")),
    Predicate("perpendicular_bisector", 4, "relation",
              ("{0}{1} is the perpendicular bisector of {2}{3}", "{0}{1} bisects {2}{3} at right angles"),
              measures.perpendicular_bisector, ((1, 0, 2, 3), (0, 1, 3, 2)), ("parallel", "oblique")),
    Predicate("equal_length", 4, "relation", ("{0}{1} = {2}{3}", "{0}{1} and {2}{3} are equally long"),
              measures.equal_length, SEGMENT_PAIR),
    Predicate("equal_angle", 6, "relation", ("∠{0}{1}{2} = ∠{3}{4}{5}", "angles {0}{1}{2} and {3}{4}{5} are equal"),
              measures.equal_angle, ((2, 1, 0, 3, 4, 5), (0, 1, 2, 5, 4, 3), (3, 4, 5, 0, 1, 2))),
    # relation: circles, named by the centre, which comes first
    Predicate("on_circle", 2, "relation", ("{1} lies on circle {0}", "{1} is a point of circle {0}"),
              circle_measures.on_circle, (), ("inside", "outside"), circles=1),
    Predicate("inside", 2, "relation", ("{1} lies inside circle {0}",), circle_measures.inside, (),
              ("on_circle", "outside"), circles=1),
    Predicate("outside", 2, "relation", ("{1} lies outside circle {0}",), circle_measures.outside, (),
              ("on_circle", "inside"), circles=1),
    Predicate("diameter", 3, "relation",
              ("{1}{2} is a diameter of circle {0}", "{1}{2} is a chord through the center of circle {0}"),
              circle_measures.diameter, LAST_TWO[3], ("off_centre_chord",), circles=1),
    Predicate("chord", 3, "relation", ("{1}{2} is a chord of circle {0}",), circle_measures.chord,
              LAST_TWO[3], circles=1),
    Predicate("off_centre_chord", 3, "relation",
              ("the chord {1}{2} of circle {0} misses the centre",
               "{1}{2} is a chord of circle {0} that is not a diameter"), circle_measures.off_centre_chord, LAST_TWO[3],
              ("diameter",), circles=1),
    Predicate("inscribed_triangle", 4, "relation",
              ("triangle {1}{2}{3} is inscribed in circle {0}", "circle {0} passes through {1}, {2} and {3}"),
              circle_measures.inscribed_triangle, ((0, 2, 3, 1), (0, 2, 1, 3)), ("inscribed_circle",), circles=1),
    Predicate("inscribed_circle", 4, "relation",
              ("circle {0} is inscribed in triangle {1}{2}{3}",
               "circle {0} touches the three sides {1}{2}, {2}{3} and {3}{1}"),
              circle_measures.inscribed_circle, ((0, 2, 3, 1), (0, 2, 1, 3)), ("inscribed_triangle",), circles=1),
    Predicate("tangent", 3, "relation",
              ("{2}{1} is tangent to circle {0} at {1}", "{2}{1} touches circle {0} at {1}"),
              circle_measures.tangent, (), ("crossing",), order_matters=True, circles=1),
    Predicate("crossing", 3, "relation",
              ("line {2}{1} cuts circle {0} at {1}", "line {2}{1} crosses circle {0} at {1}"),
              circle_measures.crossing, (), ("tangent",), circles=1),
    Predicate("concyclic", 4, "relation",
              ("{0}, {1}, {2} and {3} lie on one circle", "a circle passes through {0}, {1}, {2} and {3}"),
              measures.concyclic, ((1, 0, 2, 3), (1, 2, 3, 0)), ("not_concyclic",)),
    Predicate("not_concyclic", 4, "relation",
              ("{0}, {1}, {2} and {3} do not lie on one circle", "no circle passes through {0}, {1}, {2} and {3}"),
              measures.not_concyclic, ((1, 0, 2, 3), (1, 2, 3, 0)), ("concyclic",), common=True),
    Predicate("inscribed_quadrilateral", 5, "relation",
              ("quadrilateral {1}{2}{3}{4} is inscribed in circle {0}",
               "{1}{2}{3}{4} is a quadrilateral inscribed in circle {0}"),
              circle_measures.inscribed_quadrilateral, ((0, 2, 3, 4, 1), (0, 4, 3, 2, 1)), circles=1),
    Predicate("secant", 3, "relation", ("line {1}{2} cuts circle {0} twice", "{1}{2} is a secant of circle {0}"),
              circle_measures.secant, LAST_TWO[3], ("tangent_line", "outside_line"), circles=1, common=True),
    Predicate("tangent_line", 3, "relation", ("line {1}{2} is tangent to circle {0}", "{1}{2} touches circle {0}"),
              circle_measures.tangent_line, LAST_TWO[3], ("secant", "outside_line"), circles=1),
    Predicate("outside_line", 3, "relation", ("line {1}{2} does not meet circle {0}", "line {1}{2} misses circle {0}"),
              circle_measures.outside_line, LAST_TWO[3], ("secant", "tangent_line"), circles=1, common=True),
    Predicate("sector", 3, "relation", ("{1}{0}{2} is a sector of {value}°",
                                        "the sector {1}{0}{2} has an angle of {value}°"), measures.sector,
              LAST_TWO[3], values=("60", "90", "120", "150", "180")),
    Predicate("minor_arc", 3, "relation", ("the minor arc {1}{2} of circle {0} measures {value}°",
                                           "⌒{1}{2} = {value}° on ⊙{0}, the minor arc"), circle_measures.minor_arc,
              LAST_TWO[3], circles=1, values=("60", "90", "120", "150")),
    # relation: two circles
    Predicate("tangent_outside", 2, "relation", ("circles {0} and {1} are tangent externally",
                                                 "circle {0} touches circle {1} from outside"),
              circle_measures.tangent_outside, ((1, 0),),
              ("tangent_inside", "circles_cross", "circles_apart", "circle_in_circle"), circles=2),
    Predicate("tangent_inside", 2, "relation", ("circles {0} and {1} are tangent internally",
                                                "one of the circles {0} and {1} touches the other from inside"),
              circle_measures.tangent_inside, ((1, 0),),
              ("tangent_outside", "circles_cross", "circles_apart", "circle_in_circle"), circles=2),
    Predicate("circles_cross", 2, "relation", ("circles {0} and {1} intersect in two points",
                                               "circle {0} crosses circle {1}"),
              circle_measures.circles_cross, ((1, 0),),
              ("tangent_outside", "tangent_inside", "circles_apart", "circle_in_circle"), circles=2),
    Predicate("circles_apart", 2, "relation", ("circles {0} and {1} lie outside each other without touching",
                                               "circles {0} and {1} have no point in common and lie apart"),
              circle_measures.circles_apart, ((1, 0),),
              ("tangent_outside", "tangent_inside", "circles_cross", "circle_in_circle"), circles=2),
    Predicate("circle_in_circle", 2, "relation", ("one of the circles {0} and {1} lies inside the other",
                                                  "circles {0} and {1} lie one within the other"),
              circle_measures.circle_in_circle, ((1, 0),),
              ("tangent_outside", "tangent_inside", "circles_cross", "circles_apart"), circles=2),
    # value: read off the picture where it is printed
    Predicate("length", 2, "value", ("{0}{1} = {value}", "the length of {0}{1} is {value}",
                                     "segment {0}{1} is {value} long"), None, ((1, 0),), shown=True),
    Predicate("angle", 3, "value", ("∠{0}{1}{2} = {value}°", "angle {0}{1}{2} measures {value}°",
                                    "the measure of ∠{0}{1}{2} is {value}°"), None, ((2, 1, 0),), shown=True),
    Predicate("numbered_angle", 3, "value", ("∠{0}{1}{2} is marked {value}", "∠{value} is the angle {0}{1}{2}"), None,
              ((2, 1, 0),), shown=True),
    Predicate("ticked", 2, "value", ("{0}{1} is marked with {value}", "there is a mark of {value} on {0}{1}"), None,
              ((1, 0),), shown=True),
    Predicate("divided", 2, "value", ("{0}{1} is divided into {value} equal parts",
                                      "marks divide {0}{1} into {value} equal parts"), None, ((1, 0),), shown=True),
    Predicate("inscribed_regular", 2, "value",
              ("a regular polygon with {value} sides and vertex {1} is inscribed in circle {0}",
               "{1} is a vertex of a regular polygon of {value} sides in circle {0}"), None, shown=True),
    Predicate("graph", 1, "value", ("the graph of y = {value} is drawn with origin {0}",
                                    "the figure shows y = {value} in coordinates with origin {0}"), None, shown=True),
    # what strokes show
    Predicate("dashed", 2, "relation", ("{0}{1} is drawn dashed", "the line {0}{1} is dashed"),
              measures.joined, ((1, 0),), ("solid",), strokes="dashed"),
    Predicate("solid", 2, "relation", ("{0}{1} is drawn solid", "the line {0}{1} is solid"),
              measures.joined, ((1, 0),), ("dashed",), strokes="solid"),
    Predicate("shaded_triangle", 3, "relation", ("triangle {0}{1}{2} is shaded", "the shaded region is △{0}{1}{2}"),
              None, TRIANGLE, shown=True),
    Predicate("shaded_quadrilateral", 4, "relation",
              ("quadrilateral {0}{1}{2}{3} is shaded", "the shaded region is {0}{1}{2}{3}"), None, DIHEDRAL,
              shown=True),
    Predicate("shaded_circle", 1, "relation", ("circle {0} is shaded", "the shaded region is circle {0}"), None,
              shown=True),
    # said of real diagrams by their sources: asserted, not computed, so they have no measure
    Predicate("joined", 2, "relation", ("{0} and {1} are joined by a line",), measures.joined, ((1, 0),), ("apart",),
              strokes="all", common=True),
    Predicate("apart", 2, "relation", ("{0} and {1} are not joined",), measures.apart, ((1, 0),), ("joined",),
              strokes="all", common=True),
    Predicate("similar", 6, "relation", ("△{0}{1}{2} ∼ △{3}{4}{5}", "triangles {0}{1}{2} and {3}{4}{5} are similar"),
              measures.similar, TOGETHER[3]),
    Predicate("congruent", 6, "relation",
              ("△{0}{1}{2} ≅ △{3}{4}{5}", "triangles {0}{1}{2} and {3}{4}{5} are congruent"), measures.congruent,
              TOGETHER[3]),
    Predicate("smaller", 6, "relation", ("△{3}{4}{5} is a smaller copy of △{0}{1}{2}",
                                         "△{0}{1}{2} is a larger copy of △{3}{4}{5}"), measures.smaller,
              TOGETHER[3][:2], ("congruent",), order_matters=True),
    Predicate("similar_quadrilaterals", 8, "relation", ("{0}{1}{2}{3} ∼ {4}{5}{6}{7}",),
              measures.similar, TOGETHER[4]),
    Predicate("congruent_quadrilaterals", 8, "relation", ("{0}{1}{2}{3} ≅ {4}{5}{6}{7}",),
              measures.congruent, TOGETHER[4]),
    Predicate("smaller_quadrilateral", 8, "relation",
              ("{4}{5}{6}{7} is a smaller copy of {0}{1}{2}{3}", "{0}{1}{2}{3} is a larger copy of {4}{5}{6}{7}"),
              measures.smaller, TOGETHER[4][:2], ("congruent_quadrilaterals",)),
    Predicate("centroid", 4, "relation", ("{0} is the centroid of △{1}{2}{3}",
                                          "the medians of triangle {1}{2}{3} meet at {0}"), measures.centroid,
              LAST_THREE, order_matters=True),
    Predicate("incenter", 4, "relation", ("{0} is the incenter of △{1}{2}{3}",
                                          "the angle bisectors of triangle {1}{2}{3} meet at {0}"), measures.incenter,
              LAST_THREE, order_matters=True),
    Predicate("circumcenter", 4, "relation", ("{0} is the circumcenter of △{1}{2}{3}",
                                              "the perpendicular bisectors of triangle {1}{2}{3} meet at {0}"),
              measures.circumcenter, LAST_THREE),
    Predicate("orthocenter", 4, "relation", ("{0} is the orthocenter of △{1}{2}{3}",
                                             "the altitudes of triangle {1}{2}{3} meet at {0}"), measures.orthocenter,
              LAST_THREE),
    Predicate("midsegment", 5, "relation", ("{0}{1} is the midsegment of △{2}{3}{4} that is parallel to {3}{4}",),
              measures.midsegment, ((1, 0, 2, 3, 4), (0, 1, 2, 4, 3)), order_matters=True),
    Predicate("quadrilateral_midsegment", 6, "relation", ("{0}{1} is the midsegment of {2}{3}{4}{5}",), None,
              ((1, 0, 2, 3, 4, 5),)),
    Predicate("quadrilateral_altitude", 6, "relation", ("{0}{1} is a height of {2}{3}{4}{5}",), None,
              ((1, 0, 2, 3, 4, 5),)),
    Predicate("arc_midpoint", 4, "relation", ("{1} is the midpoint of arc {2}{3} of circle {0}",),
              circle_measures.arc_midpoint, LAST_TWO[4], circles=1),
    Predicate("equal_arc", 6, "relation", ("arc {1}{2} of circle {0} = arc {4}{5} of circle {3}",), None,
              ((0, 2, 1, 3, 4, 5), (0, 1, 2, 3, 5, 4), (3, 4, 5, 0, 1, 2))),
    Predicate("arc", 3, "value", ("arc {1}{2} measures {value}°",), None, LAST_TWO[3]),
    Predicate("arc_length", 3, "value", ("arc {1}{2} is {value} long",), None, LAST_TWO[3]),
    Predicate("radius", 1, "value", ("the radius of circle {0} is {value}",), shown=True),
    Predicate("diameter_length", 1, "value", ("the diameter of circle {0} is {value}",), shown=True),
    Predicate("circumference", 1, "value", ("the circumference of circle {0} is {value}",)),
    Predicate("circle_area", 1, "value", ("the area of circle {0} is {value}",), shown=True),
    Predicate("sector_area", 3, "value", ("the area of sector {1}{0}{2} is {value}",), None, LAST_TWO[3]),
    Predicate("triangle_area", 3, "value", ("the area of △{0}{1}{2} is {value}",), None, TRIANGLE, shown=True),
    Predicate("triangle_perimeter", 3, "value", ("the perimeter of △{0}{1}{2} is {value}",), None, TRIANGLE),
    Predicate("triangle_height", 3, "value", ("△{0}{1}{2} is {value} high",), None, TRIANGLE),
    Predicate("quadrilateral_area", 4, "value", ("the area of {0}{1}{2}{3} is {value}",), None, DIHEDRAL,
              shown=True),
    Predicate("quadrilateral_perimeter", 4, "value", ("the perimeter of {0}{1}{2}{3} is {value}",), None, DIHEDRAL),
    Predicate("quadrilateral_height", 4, "value", ("{0}{1}{2}{3} is {value} high",), None, DIHEDRAL),
    Predicate("length_ratio", 4, "value", ("{0}{1} : {2}{3} = {value}",), None, ((1, 0, 2, 3), (0, 1, 3, 2))),
    Predicate("angle_ratio", 6, "value", ("∠{0}{1}{2} : ∠{3}{4}{5} = {value}",), None,
              ((2, 1, 0, 3, 4, 5), (0, 1, 2, 5, 4, 3))),
    Predicate("similarity_ratio", 6, "value", ("△{0}{1}{2} : △{3}{4}{5} = {value}",), None, TOGETHER[3][:2]),
    Predicate("length_sum", 4, "value", ("{0}{1} + {2}{3} = {value}",), None, SEGMENT_PAIR),
    Predicate("angle_sum", 6, "value", ("∠{0}{1}{2} + ∠{3}{4}{5} = {value}°",), None,
              ((2, 1, 0, 3, 4, 5), (0, 1, 2, 5, 4, 3), (3, 4, 5, 0, 1, 2))),
    Predicate("sine", 3, "value", ("sin ∠{0}{1}{2} = {value}",), None, ((2, 1, 0),)),
    Predicate("cosine", 3, "value", ("cos ∠{0}{1}{2} = {value}",), None, ((2, 1, 0),)),
    Predicate("tangent_of", 3, "value", ("tan ∠{0}{1}{2} = {value}",), None, ((2, 1, 0),)),
)
# fmt: on

PREDICATES: dict[str, Predicate] = {row.name: row for row in _ROWS}
# What is not printed may have any value, though an angle can be measured.
PRINTED = ("length", "angle", "radius", "diameter_length", "triangle_area", "quadrilateral_area", "circle_area")


@cache
def symmetry_group(predicate: str) -> tuple[tuple[int, ...], ...]:
    """All permutations of the arguments that leave a predicate's meaning as it is, the identity first."""
    row = PREDICATES[predicate]
    group = [tuple(range(row.arity))]
    for element in group:
        for generator in row.symmetries:
            product = tuple(element[i] for i in generator)
            if product not in group:
                group.append(product)
    return tuple(group)
