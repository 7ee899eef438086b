"""Defines a row of the construction language (`table.py` has them all)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Range = tuple[float, float]
ANY = "*"  # as `outs` of a row: any number of points


@dataclass(frozen=True)
class Construction:
    """A row of the table.

    Attributes:
      name, slot: the row, and the group of rows that it can be exchanged with.
      axis: the axis of an edit that exchanges it ("shape", "relation", or "" where there is nothing to exchange).
      ins, outs: one letter for each point taken and given; an upper-case letter is a hidden point; ANY: any number.
      ranges: the range of each parameter; whole numbers are drawn from it (degrees; or hundredths, for ratios).
      solve: (points taken, parameters) -> points given, complex.
      facts: templates of what the step makes true, "right a b c", with a value "sector o a b =90".
      segments: pairs of roles that are drawn, "ab bc"; "ab-" is dashed, "ab>" a ray.
      circle: roles of centre and a point on it; arcs: "oavb", about o from a by way of v to b; shades: "abc", filled.
      marks: templates of the marks that books put on it, "right_angle b a c"; shows: of those that its facts speak of.
      graph: coefficients of the polynomial whose graph is drawn about the first two points given.
    """

    name: str
    slot: str
    axis: str
    ins: str
    outs: str
    ranges: tuple[Range, ...]
    solve: Callable[[Sequence[complex], Sequence[float]], tuple[complex, ...]]
    facts: tuple[str, ...]
    segments: str = ""
    circle: str = ""
    arcs: str = ""
    shades: str = ""
    marks: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    graph: tuple[float, ...] = ()
