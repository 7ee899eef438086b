"""Which things figures show, how often, and how captions put it: `spec.profile` names a row of PROFILES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from data_gen.shared.errors import UserError
from data_gen.sources.composed import printed
from data_gen.sources.composed.figure import SLOTS_OF_KIND
from data_gen.sources.composed.wish import Wish

# Kinds of edits that books alone have: the frozen benchmark's are all the others.
OF_BOOKS = ("equal_lengths", "equal_angles", "length_ratio", "angle_text")
EVERY_KIND = (*SLOTS_OF_KIND, *printed.POSSIBLE, "angle_text")
OTHER_KINDS = tuple(kind for kind in EVERY_KIND if kind not in OF_BOOKS)


@dataclass(frozen=True)
class Profile:
    """What is drawn, and how often.

    weights: kind of edit -> how often families begin with it, and figures are extended by it; a graph stands alone;
    books: whether values and relations are looked for in the figure, and captions are terse;
    quiet: share of the parts that no edit is of and that the caption leaves out;
    rare: slots that few figures have;
    often: slot or row of one -> how often it is drawn, beside 1 for the others;
    wish: what a family of the profile of books would like to print and state;
    spokes: share of the figures with a point on a circle that draw the radius to it.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    books: bool = False
    quiet: float = 0.0
    spokes: float = 0.6
    rare: tuple[str, ...] = ()
    often: Mapping[str, float] = field(default_factory=dict)
    wish: Wish = Wish(0, 0, False, ())

    @cached_property
    def exchanges(self) -> dict[str, float]:
        """Returns the weights of the kinds that exchange constructions."""
        return {kind: weight for kind, weight in self.weights.items() if kind in SLOTS_OF_KIND and kind != "graph"}

    @cached_property
    def text_kinds(self) -> dict[str, float]:
        """Returns the weights of the kinds of letters and printed values."""
        return {kind: weight for kind, weight in self.weights.items() if kind not in SLOTS_OF_KIND}


PROFILES = {
    "all_kinds": Profile({kind: 1.0 for kind in OTHER_KINDS}),
    "books": Profile(
        {
            "shape": 3.0, "role": 2.5, "centre": 0.15, "replaced": 1.5, "ratio": 0.03, "betweenness": 0.03,
            "incidence": 0.05, "inside_outside": 0.1, "tangency": 2.3, "two_circles": 0.15, "parallel": 1.4,
            "perpendicular": 0.8, "concyclic": 0.1, "congruence": 0.2, "element": 0.15, "dashes": 0.03,
            "shading": 0.02, "ticks": 0.0, "numbered": 0.15, "count": 0.02, "sector": 0.2, "graph": 0.01,
            "equal_lengths": 0.6, "equal_angles": 0.4, "length_ratio": 0.05, "labels": 1.0, "printed_length": 1.0,
            "printed_angle": 0.25, "angle_text": 1.5, "printed_area": 0.0,
        },
        books=True, quiet=0.88, spokes=0.25,
        rare=("pentagon", "hexagon", "heptagon", "octagon", "crosser", "angle", "place"),
        often={
            "line_by_circle": 0.15, "quadrilateral": 3.0, "parallelogram": 8.0, "right_triangle": 0.1,
            "isosceles_right_triangle": 0.05, "inscribed_right_triangle": 0.3,
            "inscribed_isosceles_right_triangle": 0.1,
        },
    ),
}  # fmt: skip


def profile_of(spec) -> Profile:
    """Returns the profile of a spec. Raises UserError where there is none of its name."""
    name = spec.get("profile", "all_kinds")
    if name not in PROFILES:
        raise UserError(f"{spec.name}: there is no profile {name!r}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
