"""Describes a figure by its conditions, draws a first layout, and says what is wrong with a found one.

Coordinates are complex, x to the right and y *upwards*; faces, arcs and points round circles run counterclockwise.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from data_gen.geometry.plane import cross, dot, segment_distance, unit
from data_gen.language.fact import Fact

NEAREST = 0.02  # of the figure's width: two points, or a point and a line that it is not on
NARROWEST_DEG = 3.0
DRIFT = 0.15  # how far wild starts are shaken
OPERATIONS: dict[str, Callable] = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}

# A number, a measure (a fact without its value), or an operation of OPERATIONS and two or more formulas.
Formula = float | Fact | tuple


@dataclass(frozen=True)
class Description:
    """What is known of a figure.

    Attributes:
      names: its points, hidden ones (with "_") too.
      lines: the points of each line in order, two or more.
      circles: centre -> points on it; counterclockwise where there are three or more and `ordered` says so.
      faces: corners of the straight faces, counterclockwise.
      rounds: corners of all faces, those with arcs for edges too.
      arcs: pairs of points that an arc joins, for the layout.
      facts: what must hold. A fact without equations, or with a value that is no number, asks for nothing.
      equations: pairs of formulas that are equal; lengths in the unit of the values, angles in degrees.
      targets: index of a fact -> what its first residuals shall be in place of 0, for a figure that breaks it; the
        others are not asked for.
    """

    names: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...] = ()
    circles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faces: tuple[tuple[str, ...], ...] = ()
    rounds: tuple[tuple[str, ...], ...] = ()
    arcs: tuple[tuple[str, str], ...] = ()
    facts: tuple[Fact, ...] = ()
    equations: tuple[tuple[Formula, Formula], ...] = ()
    ordered: bool = True
    targets: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    @cached_property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Lists the pieces of the lines between neighbouring points."""
        return tuple(pair for line in self.lines for pair in itertools.pairwise(line))


# ---- a first layout -----------------------------------------------------------------------------------------------


def start_layout(description: Description, rng: np.random.Generator, wild: int = 0) -> dict[str, complex]:
    """Places points so that faces lie beside each other as described, by Tutte's embedding. The outer corners are on an
    ellipse, every other point in the middle of its neighbours. `wild` numbers the starts: later ones are shaken
    more."""
    names = list(description.names)
    index = {name: i for i, name in enumerate(names)}
    pairs = [*description.edges, *description.arcs]
    pairs += [(o, p) for o, on in description.circles.items() for p in on if len(on) > 2]
    outer = outline(description)
    if len(outer) < 3:
        outer = _hull_guess(description)
    weights = np.zeros((len(names), len(names)))
    for a, b in pairs:
        weights[index[a], index[b]] = weights[index[b], index[a]] = np.exp(rng.normal(0, 0.25 * min(wild, 3)))
    laplacian = np.diag(weights.sum(1) + 1e-3) - weights
    gaps = rng.uniform(0.7, 1.3, len(outer))
    angles = 2 * np.pi * (np.cumsum(gaps) / gaps.sum() + rng.uniform())
    rim = (0.5 * np.cos(angles) + 0.5j * rng.uniform(0.55, 1) * np.sin(angles)) * np.exp(2j * np.pi * rng.uniform())
    fixed = [index[name] for name in outer]
    free = [i for i in range(len(names)) if i not in fixed]
    z = np.zeros(len(names), complex)
    z[fixed] = rim
    if free:
        z[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, fixed)] @ rim)
    shake = DRIFT * min(1.0, 0.2 + 0.1 * wild)
    z += shake * (rng.normal(size=len(z)) + 1j * rng.normal(size=len(z))) * 0.5
    return {name: complex(p) for name, p in zip(names, z, strict=True)}


def outline(description: Description) -> list[str]:
    """Returns the corners of the longest outer boundary, counterclockwise: the edges that only one face has."""
    directed = [pair for face in description.rounds for pair in zip(face, face[1:] + face[:1], strict=True)]
    left = list(directed)
    for a, b in directed:
        if (b, a) in left and (a, b) in left:
            left.remove((a, b))
            left.remove((b, a))
    best: list[str] = []
    onward: dict[str, list[str]] = {}
    for a, b in left:
        onward.setdefault(a, []).append(b)
    while any(onward.values()):
        start = next(a for a in onward if onward[a])
        walk = [start]
        while onward.get(walk[-1]):
            step = onward[walk[-1]].pop()
            if step in walk:  # a round is closed: cut it off
                ring = walk[walk.index(step) :]
                best = max(best, ring, key=len)
                walk = walk[: walk.index(step) + 1]
            else:
                walk.append(step)
    return best


def _hull_guess(description: Description) -> list[str]:
    """Returns the largest face, or the points of the largest circle, or the ends of lines."""
    for groups in (description.rounds, description.circles.values()):
        largest = sorted(groups, key=len)[-1:]
        if largest and len(largest[0]) > 2:
            return list(largest[0])
    return list(dict.fromkeys(n for line in description.lines for n in (line[0], line[-1])))[:6]


# ---- what is wrong ------------------------------------------------------------------------------------------------


def layout_fault(description: Description, points: Mapping[str, complex], radii: Mapping[str, float]) -> str | None:
    """Says in a few words why a layout is degenerate or not the one described; None where it is sound."""
    visible = [n for n in points if not n.startswith("_")]
    width = _width(points, radii)
    if any(r < NEAREST * width or r > 3 * width for r in radii.values()):
        return "a circle has no size"
    for check, why in (
        (_too_near, "two points are too near"),
        (_out_of_order, "a line's points are out of order"),
        (_narrow, "an angle is under 3 degrees"),
        (_misplaced, "a point lies on a line that is not its own"),
        (_crossed, "lines cross where no point is"),
        (_folded, "a face is folded"),
        (_turned_circle, "a circle's points are out of order"),
    ):
        if check(description, points, visible, NEAREST * width):
            return why
    return None


def _width(points: Mapping[str, complex], radii: Mapping[str, float]) -> float:
    z = [p for n, p in points.items() if not n.startswith("_")]
    z += [points[o] + r * side for o, r in radii.items() for side in (1, 1j, -1, -1j)]
    return float(max(np.ptp(np.real(z)), np.ptp(np.imag(z))))


def _too_near(description: Description, points, visible, nearest: float) -> bool:
    return any(abs(points[a] - points[b]) < nearest for a, b in itertools.combinations(visible, 2))


def _out_of_order(description: Description, points, visible, nearest: float) -> bool:
    for line in description.lines:
        z = np.array([points[n] for n in line])
        if not np.all(np.diff(dot(unit(z[-1] - z[0]), z - z[0])) > nearest):
            return True
    return False


def _narrow(description: Description, points, visible, nearest: float) -> bool:
    """Tells whether two lines leave a point almost in one direction."""
    ends: dict[str, list[complex]] = {}
    for a, b in description.edges:
        ends.setdefault(a, []).append(unit(points[b] - points[a]))
        ends.setdefault(b, []).append(unit(points[a] - points[b]))
    least = np.sin(np.radians(NARROWEST_DEG))
    return any(
        abs(cross(u, v)) < least and dot(u, v) > 0 for rays in ends.values() for u, v in itertools.combinations(rays, 2)
    )


def _misplaced(description: Description, points, visible, nearest: float) -> bool:
    for a, b in description.edges:
        line = next(line for line in description.lines if a in line and b in line)
        for p in visible:
            if p not in line and segment_distance(points[p], points[a], points[b]) < nearest / 2:
                return True
    return False


def _crossed(description: Description, points, visible, nearest: float) -> bool:
    if not description.faces:
        return False  # nothing says that all crossings are named
    edges = [(points[a], points[b]) for a, b in description.edges]
    return any(_opposite(a, b, c, d) and _opposite(c, d, a, b) for (a, b), (c, d) in itertools.combinations(edges, 2))


def _opposite(a, b, c, d) -> bool:
    """Tells whether c and d lie plainly on different sides of the line ab."""
    size = abs(b - a)
    u, v = cross(b - a, c - a) / size, cross(b - a, d - a) / size
    return u * v < 0 and min(abs(u), abs(v)) > 1e-6


def area(corners: Sequence[complex]) -> float:
    """Returns the area of a polygon, positive where its corners run counterclockwise."""
    z = np.array(corners)
    return float(cross(z, np.roll(z, -1)).sum() / 2)


def _folded(description: Description, points, visible, nearest: float) -> bool:
    return any(area([points[n] for n in face]) <= nearest**2 / 2 for face in description.faces)


def _turned_circle(description: Description, points, visible, nearest: float) -> bool:
    for o, on in description.circles.items():
        if description.ordered and len(on) > 2:
            angles = np.angle(np.array([points[p] for p in on]) - points[o])
            gaps = np.mod(np.diff([*angles, angles[0]]), 2 * np.pi)
            if abs(gaps.sum() - 2 * np.pi) > 1e-3:
                return True
    return False
