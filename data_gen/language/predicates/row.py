"""Defines a row of the predicate table: what can be said of a diagram, when it holds, and how it is put into words.

Each topic of this folder (triangles, polygons, circles...) is a file of rows, `table.py` collects them. A row stands
above the function that measures it and has its name, or is added alone where coordinates cannot decide:

    @topic.predicate(symmetries=LAST_TWO[3], equation=lambda m, a, b: ...).says("{0} is the midpoint of {1}{2}", ...)
    def midpoint(m, a, b): ...

A fact is a predicate applied to the names of points.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

# Generators of groups of permutations: the orders in which a predicate's arguments say the same.
TRIANGLE = ((1, 2, 0), (1, 0, 2))
QUADRILATERAL = ((1, 2, 3, 0), (3, 2, 1, 0))
FIRST_TWO = ((1, 0, 2, 3), (0, 1, 3, 2))  # and the last two, each pair alone
LAST_TWO = {3: ((0, 2, 1),), 4: ((0, 1, 3, 2),)}
LAST_THREE = ((0, 2, 3, 1), (0, 2, 1, 3))
LAST_FOUR = ((0, 2, 3, 4, 1), (0, 4, 3, 2, 1))
SEGMENT = ((1, 0),)
SEGMENT_PAIR = ((1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1))
ANGLE = ((2, 1, 0),)
ANGLES = ((2, 1, 0, 3, 4, 5), (0, 1, 2, 5, 4, 3))
ANGLE_PAIR = (*ANGLES, (3, 4, 5, 0, 1, 2))
TRIANGLES = ((1, 2, 0, 4, 5, 3), (1, 0, 2, 4, 3, 5), (3, 4, 5, 0, 1, 2))


@dataclass(frozen=True)
class Predicate:
    """A row of the table.

    Attributes:
      name: its key, as facts, constructions and records write it.
      phrases: English, with {0}, {1}... for the names and {value} for the value; the first is the plain one. Predicates
        that are exchanged for one another have as many phrases, alike place by place (symbols beside symbols), so that
        the style of a caption does not tell what was edited.
      axis: the axis of an edit that it belongs to: "shape", "relation" or "value".
      measure: how far a drawing is from it, (points..., [radii...], [strokes], [value]) -> (deviation, slack). Points
        are complex[...], the results float[...] in their unit. A *closed* condition (two lengths are equal) has a
        deviation and infinite slack; an *open* one (an angle is obtuse) has deviation 0 and slack, positive where it
        holds. NaN marks cases where textbook definitions conflict. None: read off marks, or asserted by a source.
      equation: what it asks of coordinates, for a solver: (points..., [radius], [value]) -> residuals, a tuple of
        float[...] that are all 0 where the fact holds, smooth and signed. It is given the radius of the circle about
        the first point and the value (degrees for angles, else in the unit of lengths) where it has arguments called
        `radius` and `value`. Differences of lengths are in the unit of the points, all others are sines or radians.
      symmetries: permutations of the arguments that leave the meaning as it is (generators of the group).
      opposites: predicates that contradict this one on the same arguments, whatever the drawing.
      order_matters: any reordering of the arguments that is not a symmetry contradicts the fact.
      only_places: the places whose point is the only one that makes the fact true, given the other points.
      line_places: place -> two places that name the line on which the point of that place may move and the fact stay
        true.
      circles: how many arguments, the first ones, name circles by their centre; `measure` gets their radii.
      strokes: `measure` gets the straight strokes of the diagrams: "all", "dashed" or "solid" ones.
      values: `measure` gets the fact's value as a number, one of these (a ratio "1:3" as a fraction).
      dimension: of its value: 1 for lengths, 2 for areas, 0 for what does not change with the size of the figure.
      from_marks: truth is read off the diagram's marks, shades and graphs (`truth/read_marks.py`).
      printed: its value is printed in the picture. What is not printed may have any value, though an angle is measured.
      common: true of so many points in every figure that signatures leave it out (`truth/signatures.py`).
    """

    name: str
    phrases: tuple[str, ...]
    axis: str
    measure: Callable[..., tuple[Any, Any]] | None = None
    equation: Callable[..., tuple] | None = None
    symmetries: tuple[tuple[int, ...], ...] = ()
    opposites: tuple[str, ...] = ()
    order_matters: bool = False
    only_places: tuple[int, ...] = ()
    line_places: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    circles: int = 0
    strokes: str = ""
    values: tuple[str, ...] = ()
    dimension: int = 0
    from_marks: bool = False
    printed: bool = False
    common: bool = False

    @cached_property
    def arity(self) -> int:
        """Counts the points that the phrases name."""
        return 1 + max(int(place) for phrase in self.phrases for place in re.findall(r"{(\d)}", phrase))

    @property
    def positional(self) -> bool:
        """Tells whether the positions of the points alone decide."""
        return self.measure is not None and not (self.circles or self.strokes or self.values)

    @property
    def in_signatures(self) -> bool:
        """Tells whether signatures have a bit for its facts: of many points there are too many facts to look at."""
        return self.arity <= 5 and not self.common

    @cached_property
    def radial(self) -> bool:
        """Tells whether the equation takes the radius of the circle about the first point."""
        return _takes(self.equation, "radius")

    @cached_property
    def valued(self) -> bool:
        """Tells whether the equation takes the fact's value."""
        return _takes(self.equation, "value")


def _takes(function: Callable | None, argument: str) -> bool:
    return function is not None and argument in inspect.signature(function).parameters


class Topic(list[Predicate]):
    """The rows of one file, with columns that are the same in all of them unless a row says otherwise."""

    def __init__(self, **columns: Any):
        super().__init__()
        self.columns = columns

    def predicate(self, **columns: Any) -> Draft:
        """Begins the row of the function below, which measures it and has its name; columns as in `Predicate`."""
        return Draft(self, self.columns | columns)

    def add(self, name: str, **columns: Any) -> Draft:
        """Begins the row of a predicate that has no measure, or shares that of another."""
        return Draft(self, self.columns | columns | {"name": name})


class Draft(NamedTuple):
    """A row that lacks its phrases, and its name and measure where a function gives them."""

    topic: Topic
    columns: dict[str, Any]

    def says(self, *phrases: str) -> Callable[[Callable], Callable]:
        """Completes the row with its phrases; returns the decorator of the function that measures it."""

        def measured_by(measure: Callable) -> Callable:
            self.topic.append(Predicate(measure.__name__, phrases, measure=measure, **self.columns))
            return measure

        if "name" in self.columns:
            self.topic.append(Predicate(phrases=phrases, **self.columns))
        return measured_by
