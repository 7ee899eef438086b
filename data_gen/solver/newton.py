"""Solves for a figure that is only described: its lines, circles, faces and facts -> where its points are.

From several seeded starts, or from given positions, least squares bring the figure near; a polish then moves the points
as little as it takes for the facts to hold to rounding. A solution in which points, angles or faces are degenerate, or
lie in another order than described, is refused. Equal arguments give equal results: the work is limited by counts of
starts and steps, not by a clock.

Coordinates are complex, x to the right and y *upwards*; faces and points round circles are listed counterclockwise.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.optimize import least_squares

from data_gen.geometry.diagram import Circle, Diagram
from data_gen.geometry.plane import cross, dot, unit
from data_gen.language.fact import Fact
from data_gen.language.numbers import parse_value
from data_gen.language.predicates.row import Predicate
from data_gen.language.predicates.table import PREDICATES
from data_gen.solver.conditions import OPERATIONS, Description, Formula, layout_fault, start_layout
from data_gen.truth.truth_table import holds

STARTS, EVALUATIONS, POLISHES = 14, 60, 40
STEP = 1e-6  # of the numeric derivative; the figure is about 1 wide
EXACT = 1e-9  # the largest residual of a solution
APART, TURNED = 0.08, 0.16  # what layouts are pushed towards: share of the width, sine of an angle
PULL, PUSH = 0.02, 0.4  # weights of the start and of the layout against the facts
VIEW_PX = 384  # the size at which `holds` is asked
MARGIN_PX = 0.03 * VIEW_PX


class Unsolved(Exception):
    """No coordinates were found; the message says why, in a few words."""


@dataclass(frozen=True)
class Solution:
    """points: name -> complex; radii: centre -> radius, in one unit."""

    points: dict[str, complex]
    radii: dict[str, float]


# ---- equations ----------------------------------------------------------------------------------------------------


class System:
    """The equations of a description over rows of unknowns x float64[K, n]: x of the points, y of the points, the
    radii, and the logarithm of the length of one unit of the values."""

    def __init__(self, description: Description):
        self.description = description
        self.index = {name: i for i, name in enumerate(description.names)}
        self.centres = list(description.circles)
        values = [parse_value(f.value or "") for f in description.facts if PREDICATES[f.predicate].dimension]
        self.unit = max((v for v in values if v), default=1.0)
        self.size = 2 * len(self.index) + len(self.centres) + 1
        asked = ((i, self._equation(i, fact)) for i, fact in enumerate(description.facts))
        self.of_fact = {i: equation for i, equation in asked if equation}
        self.equations = list(self.of_fact.values())
        self.equations += [self._balance(*pair) for pair in description.equations if self._knows(pair)]
        self.equations += [self._plain("on_segment", (p, line[0], line[-1])) for line in description.lines
                           for p in line[1:-1]]  # fmt: skip
        self.equations += [self._plain("on_circle", (o, p)) for o, on in description.circles.items() for p in on]

    def points(self, x: np.ndarray) -> np.ndarray:
        """Returns complex[K, points]."""
        n = len(self.index)
        return x[:, :n] + 1j * x[:, n : 2 * n]

    def _radius(self, x: np.ndarray, centre: str) -> np.ndarray:
        return x[:, 2 * len(self.index) + self.centres.index(centre)]

    def _plain(self, predicate: str, args: Sequence[str]) -> Callable:
        places = [self.index[name] for name in args]
        row = PREDICATES[predicate]
        assert row.equation is not None
        function, radial = row.equation, row.radial

        def equation(x, z):
            given = [z[:, i] for i in places]
            return function(*given, *([self._radius(x, args[0])] if radial else ()))

        return equation

    def _equation(self, i: int, fact: Fact) -> Callable | None:
        """Returns (x, points) -> residuals of a fact; None where it asks for nothing that this figure can give."""
        row = PREDICATES[fact.predicate]
        if row.equation is None or not self._knows(fact):
            return None
        if not row.valued:
            plain, aims = self._plain(fact.predicate, fact.args), self.description.targets.get(i)
            if aims is None:
                return plain
            return lambda x, z: tuple(r - aim for r, aim in zip(plain(x, z), aims, strict=False))
        value = parse_value(fact.value or "")
        return None if value is None else self._valued(row, fact.args, value)

    def _valued(self, row: Predicate, args: Sequence[str], value: float) -> Callable:
        places = [self.index[name] for name in args]
        value /= self.unit**row.dimension
        assert row.equation is not None
        function = row.equation

        def equation(x, z):
            scale = np.exp(x[:, -1]) if row.dimension else 1.0
            given = [z[:, i] / scale for i in places]
            if row.radial:
                given.append(self._radius(x, args[0]) / scale)
            return tuple(r * scale for r in function(*given, value))

        return equation

    def _knows(self, formula: Formula) -> bool:
        """Tells whether a formula, or a pair of them, speaks of this figure only."""
        if isinstance(formula, Fact):
            radial = PREDICATES[formula.predicate].radial
            return set(formula.args) <= set(self.index) and (not radial or formula.args[0] in self.centres)
        return not isinstance(formula, tuple) or all(self._knows(part) for part in formula if not isinstance(part, str))

    def _balance(self, left: Formula, right: Formula) -> Callable:
        """Asks the two sides to be equal: their difference as a share of their size."""

        def equation(x, z):
            a, b = (self._evaluate(side, x, z) for side in (left, right))
            return (2 * (a - b) / (np.abs(a) + np.abs(b) + 1e-9),)

        return equation

    def _evaluate(self, formula: Formula, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Computes float64[K]: a formula at rows of unknowns, lengths in the unit of the values."""
        if isinstance(formula, Fact):
            length = np.exp(x[:, -1]) / self.unit
            given = [z[:, self.index[name]] / length for name in formula.args]
            row = PREDICATES[formula.predicate]
            given += [self._radius(x, formula.args[0]) / length] if row.radial else []
            return _size(row, given)
        if isinstance(formula, tuple):
            return reduce(OPERATIONS[formula[0]], (self._evaluate(part, x, z) for part in formula[1:]))
        return np.full(len(x), formula)

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Computes float64[K, n] -> float64[K, m], all 0 where everything holds."""
        z = self.points(x)
        rows = [r for equation in self.equations for r in equation(x, z)]
        return np.stack(rows, 1) if rows else np.zeros((len(x), 0))

    def pushes(self, x: np.ndarray, convex: bool) -> np.ndarray:
        """Computes float64[K, m]: how far the figure is from a clear layout in the order described, else 0. Faces of
        more than three corners are pushed to be convex only where `convex`: some of them are not."""
        z, d = self.points(x), self.description
        at = lambda *names: (z[:, self.index[n]] for n in names)  # noqa: E731
        rows = []
        for line in d.lines:
            first, last = at(line[0], line[-1])
            along = unit(last - first)
            for pair in itertools.pairwise(line):
                p, q = at(*pair)
                rows.append(APART - dot(along, q - p))
        rounds = [face for face in d.faces if len(face) == 3 or convex]
        rounds += [on for on in d.circles.values() if d.ordered and len(on) > 2]
        for corners in rounds:
            for three in zip(corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True):
                if not any(set(three) <= set(line) for line in d.lines):
                    p, q, r = at(*three)
                    rows.append(TURNED - cross(unit(q - p), unit(r - q)))
        i, j = np.triu_indices(len(self.index), 1)
        solve_near = np.maximum(0.0, APART - np.abs(z[:, i] - z[:, j]))
        return np.concatenate([np.maximum(0.0, np.stack(rows, 1)), solve_near], 1) if rows else solve_near

    def vector(self, points: Mapping[str, complex], radii: Mapping[str, float] | None = None) -> np.ndarray:
        """Returns float64[n]: the unknowns at given positions; radii and scale such that they fit these best."""
        z = np.array([points[name] for name in self.description.names])
        found = [
            (radii or {}).get(o) or float(np.mean([abs(points[p] - points[o]) for p in on] or [0.5]))
            for o, on in self.description.circles.items()
        ]
        ratios = []
        for fact in self.description.facts:
            value = parse_value(fact.value or "")
            if fact.predicate == "length" and value and set(fact.args) <= set(self.index):
                ratios.append(abs(points[fact.args[1]] - points[fact.args[0]]) * self.unit / value)
        scale = np.log(np.median(ratios)) if ratios and min(ratios) > 0 else 0.0
        return np.concatenate([z.real, z.imag, found, [scale]])

    def solution(self, x: np.ndarray) -> Solution:
        """Inverts `vector`."""
        z = self.points(x[None])[0]
        radii = x[2 * len(self.index) : -1]
        return Solution(
            {name: complex(p) for name, p in zip(self.description.names, z, strict=True)},
            {o: float(r) for o, r in zip(self.centres, radii, strict=True)},
        )


def _size(row: Predicate, given: Sequence) -> np.ndarray:
    """Returns what a row measures of its points (and radius): degrees for angles, areas as such."""
    assert row.equation is not None
    size = row.equation(*given, 0.0)[0]
    if row.dimension == 2:
        return size**2 if row.name != "circle_area" else np.pi * size**2
    return np.degrees(size) if row.name == "angle" else size


def jacobian(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Computes float64[m, n]: central differences of a function of rows, all in one call."""
    steps = STEP * np.eye(len(x))
    both = function(np.concatenate([x + steps, x - steps]))
    return ((both[: len(x)] - both[len(x) :]) / (2 * STEP)).T


# ---- solving ------------------------------------------------------------------------------------------------------


def approach(system: System, x: np.ndarray, convex: bool) -> np.ndarray:
    """Minimises the squares of facts, clear layout and nearness to the start, from x float64[n]."""

    def together(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([system.residuals(rows), PUSH * system.pushes(rows, convex), PULL * (rows - x)], 1)

    found = least_squares(
        lambda row: together(row[None])[0], x, lambda row: jacobian(together, row), method="lm",
        max_nfev=EVALUATIONS, xtol=1e-6, ftol=1e-6,
    )  # fmt: skip
    return found.x


def polish(system: System, x: np.ndarray) -> np.ndarray | None:
    """Moves x float64[n], by Newton's steps of least length, to where all facts hold; None where they do not."""
    for _ in range(POLISHES):
        r = system.residuals(x[None])[0]
        if not r.size or np.abs(r).max() < EXACT / 10:
            break
        step = np.linalg.lstsq(jacobian(system.residuals, x), -r, rcond=1e-7)[0]
        x = x + step * min(1.0, 0.3 / max(np.abs(step).max(), 1e-12))
        if not np.isfinite(x).all():
            return None
    r = system.residuals(x[None])[0]
    return x if not r.size or np.abs(r).max() < EXACT else None


def solve(description: Description, seed: int = 0) -> Solution:
    """Finds coordinates, the figure about 1 wide, from up to STARTS seeded starts. Raises Unsolved."""
    system, reason = System(description), "the facts cannot be met together"
    for number_ in range(STARTS):
        rng = np.random.default_rng([seed, number_])
        start = start_layout(description, rng, wild=number_)
        x = polish(system, approach(system, system.vector(start), convex=number_ % 2 == 0))
        if x is None:
            continue
        found = system.solution(x)
        if not (wrong := find_fault(description, found)):
            return found
        reason = wrong
    raise Unsolved(reason)


def solve_near(
    description: Description, points: Mapping[str, complex], radii: Mapping[str, float] | None = None
) -> Solution:
    """Finds the solution that is reached from given positions with least movement, in their unit. Raises Unsolved."""
    values = np.array(list(points.values()))
    middle, width = values.mean(), float(np.abs(values - values.mean()).max()) * 2 or 1.0
    system = System(description)
    small = {o: r / width for o, r in (radii or {}).items()}
    x = polish(system, system.vector({n: (p - middle) / width for n, p in points.items()}, small))
    if x is None:
        raise Unsolved("the facts cannot be met together near the given positions")
    found = system.solution(x)
    if wrong := find_fault(description, found):
        raise Unsolved(wrong)
    placed = {n: p * width + middle for n, p in found.points.items()}
    return Solution(placed, {o: r * width for o, r in found.radii.items()})


def find_fault(description: Description, found: Solution) -> str | None:
    """Says in a few words why a solution is refused; None where it is sound."""
    if wrong := layout_fault(description, found.points, found.radii):
        return wrong
    diagram = to_diagram(found)
    asked = [f for i, f in enumerate(description.facts) if i not in description.targets]
    failed = [f for f in asked if PREDICATES[f.predicate].measure and _fails(f, diagram)]
    return f"{failed[0].predicate} does not hold" if failed else None


def _fails(fact: Fact, diagram: Diagram) -> bool:
    drawn, centres = {circle.centre for circle in diagram.circles}, fact.args[: PREDICATES[fact.predicate].circles]
    return drawn.issuperset(centres) and set(fact.args) <= set(diagram.names) and holds(fact, diagram, MARGIN_PX) == 0


def to_diagram(found: Solution) -> Diagram:
    """Puts the solution on a canvas of VIEW_PX, y downwards: only to ask what holds."""
    values = np.array(list(found.points.values()))
    low = complex(values.real.min(), values.imag.max())
    scale = VIEW_PX / max(np.ptp(values.real), np.ptp(values.imag), 1e-9)
    points = {n: ((p - low).real * scale, (low - p).imag * scale) for n, p in found.points.items()}
    rims = {f"_{o}_rim": (points[o][0] + r * scale, points[o][1]) for o, r in found.radii.items()}
    circles = tuple(Circle(o, f"_{o}_rim") for o in found.radii)
    return Diagram(VIEW_PX, points | rims, circles=circles)
