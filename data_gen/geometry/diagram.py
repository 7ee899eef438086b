"""Defines a diagram: named points in pixels, and what is drawn through them. Immutable, numbers and names only.

Coordinates are pixels of a square canvas, x to the right and y down. A name that starts with "_" is a hidden point:
it carries a stroke but has neither a label nor a dot.
"""

from dataclasses import dataclass, field
from typing import Any

Point = tuple[float, float]
Place = tuple[Any, frozenset[str]]  # what a mark stands on


@dataclass(frozen=True)
class Segment:
    """A straight stroke from point `a` to point `b`. `arrows` puts an arrowhead on both ends (an endless line), `ray`
    on b alone."""

    a: str
    b: str
    dashed: bool = False
    arrows: bool = False
    ray: bool = False


@dataclass(frozen=True)
class Circle:
    """A circle about the point `centre`, through the point `through`."""

    centre: str
    through: str


@dataclass(frozen=True)
class Arc:
    """The arc about `centre` from point `a` to point `b` by way of the point `via`, all of them equally far from it."""

    centre: str
    a: str
    via: str
    b: str


@dataclass(frozen=True)
class Shade:
    """The polygon with these corners, filled grey; two corners stand for a circle, its centre and a point on it."""

    corners: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Coordinate axes with the graph of a polynomial."""

    origin: str  # where the axes cross
    unit: str  # the point (1, 1)
    coefficients: tuple[float, ...]  # of 1, x, x^2...


Stroke = Segment | Circle | Arc | Shade | Graph


@dataclass(frozen=True)
class Ticks:
    """`count` short strokes across the middle of ab: segments with the same count are equally long."""

    a: str
    b: str
    count: int = 1

    @property
    def place(self) -> Place:
        """Returns what it marks, whatever the order of its points."""
        return Ticks, frozenset((self.a, self.b))


@dataclass(frozen=True)
class ParallelArrows:
    """`count` chevrons on ab: segments with the same count are parallel."""

    a: str
    b: str
    count: int = 1

    @property
    def place(self) -> Place:
        """Returns what it marks, whatever the order of its points."""
        return ParallelArrows, frozenset((self.a, self.b))


@dataclass(frozen=True)
class RightAngle:
    """The small square in the angle a-vertex-b."""

    a: str
    vertex: str
    b: str


@dataclass(frozen=True)
class AngleArc:
    """`count` arcs in the angle a-vertex-b (the one below 180 degrees): angles with the same count are equal."""

    a: str
    vertex: str
    b: str
    count: int = 1

    @property
    def place(self) -> Place:
        """Returns what it marks, whatever the order of its arms."""
        return (AngleArc, self.vertex), frozenset((self.a, self.b))


@dataclass(frozen=True)
class LengthText:
    """A printed length beside the segment ab."""

    a: str
    b: str
    text: str


@dataclass(frozen=True)
class AngleText:
    """A printed measure ("60°") or the angle's number ("1"), with its arc, in the angle a-vertex-b."""

    a: str
    vertex: str
    b: str
    text: str


@dataclass(frozen=True)
class ArcText:
    """A printed measure ("60°") beside the arc about `centre` from `a` to `b`: by way of `via`, the shorter one where
    that is ""."""

    centre: str
    a: str
    b: str
    text: str
    via: str = ""


@dataclass(frozen=True)
class AreaText:
    """A printed area ("12 cm²") inside the polygon with these corners; two stand for a circle, as in Shade."""

    corners: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Divisions:
    """Short strokes that divide ab into `count` equal parts."""

    a: str
    b: str
    count: int


@dataclass(frozen=True)
class RegularPolygon:
    """A regular polygon about `centre` with `count` corners, of which one is the point `corner`."""

    centre: str
    corner: str
    count: int


Counted = Ticks | ParallelArrows | AngleArc  # one alone says nothing
Text = LengthText | AngleText | ArcText | AreaText
Mark = Divisions | RegularPolygon | Ticks | ParallelArrows | RightAngle | AngleArc | Text


@dataclass(frozen=True)
class Style:
    """How a diagram is drawn. Sizes in pixels of the canvas; `font` is a key of `glyphs.FONTS`."""

    stroke_px: float = 1.2
    font: str = "serif-italic"
    font_px: float = 13.0
    value_font: str = "serif"


@dataclass(frozen=True)
class Diagram:
    """Points, strokes and marks on a canvas of `size_px` x `size_px`. Every visible point has its name as label."""

    size_px: int
    points: dict[str, Point]
    segments: tuple[Segment, ...] = ()
    circles: tuple[Circle, ...] = ()
    marks: tuple[Mark, ...] = ()
    dots: tuple[str, ...] = ()
    style: Style = field(default_factory=Style)
    arcs: tuple[Arc, ...] = ()
    shades: tuple[Shade, ...] = ()
    graphs: tuple[Graph, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the visible points, in alphabetical order."""
        return tuple(sorted(name for name in self.points if not name.startswith("_")))
