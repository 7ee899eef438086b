"""The figures of a family's grid, solved: what is the same in all of them, or found in each."""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from data_gen.constructions.program import Program
from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact, canonical

ANGLE_RANGE = (20, 165)
WHOLE = 1e-6
NEAR = 0.02  # in the units of constructions: points that near to each other look like one
ON = 1e-6
NUDGE = 1e-5  # of the range of a parameter
MOVED_DEG, INDEPENDENT = 1e-7, 1e-3  # what is less is not moved, or not by itself


class Corners:
    """The figures of a family's grid, solved, and what is the same in all of them. Raises ZeroDivisionError or
    ValueError where one has no solution, or points that fall together."""

    def __init__(self, programs: Sequence[Program]):
        self.programs = programs
        self.points = [program.points for program in programs]
        self.names = programs[0].names
        for program, points in zip(programs, self.points, strict=True):
            ends = [(points[s.a], points[s.b]) for s in program.strokes.segments]
            pairs = itertools.combinations([points[name] for name in self.names], 2)
            if any(abs(a - b) < NEAR for a, b in itertools.chain(ends, pairs)):
                raise ValueError("two points fall together")
        self.strokes = self._common_strokes()
        self.segments = [ends for ends in self.strokes if not self._is_divided(*ends)]

    def _common_strokes(self) -> list[tuple[str, str]]:
        """Lists the segments between named points that every figure draws, whole strokes and their parts from point to
        point, none dashed or with an arrowhead."""
        found = [set(_pieces(program, points)) for program, points in zip(self.programs, self.points, strict=True)]
        return sorted(set.intersection(*found))

    def _is_divided(self, a: str, b: str) -> bool:
        """Returns whether a third point lies on a segment, in one of the figures."""
        names = [name for name in self.names if name not in (a, b)]
        return any(_near_segment(points[name], points[a], points[b]) for points in self.points for name in names)

    def lengths(self, a: str, b: str) -> np.ndarray:
        """Returns how long a segment is in each figure."""
        return np.array([abs(points[a] - points[b]) for points in self.points])

    def angles(self, a: str, v: str, b: str) -> np.ndarray:
        """Returns an angle in each figure, in degrees."""
        return np.array([angle_deg(points[a], points[v], points[b]) for points in self.points])

    @cached_property
    def open_angles(self) -> dict[Fact, list[float]]:
        """Returns the angles between neighbouring strokes that all figures have, in degrees."""
        each = [dict(_open_angles(p, points)) for p, points in zip(self.programs, self.points, strict=True)]
        common = set.intersection(*(set(some) for some in each))
        return {fact: [some[fact] for some in each] for fact in sorted(common, key=lambda fact: fact.args)}

    @cached_property
    def same_angles(self) -> dict[Fact, float]:
        """Returns those of the angles that are the same in all figures."""
        return {fact: degrees[0] for fact, degrees in self.open_angles.items() if max(degrees) - min(degrees) < WHOLE}

    def vary_freely(self, angles: Sequence[Fact], rng: np.random.Generator) -> bool:
        """Returns whether angles may have any measures near theirs, in every figure: whether its parameters move each
        of them without the others, which they do not in an equilateral triangle. By differences in directions at
        random, as many as there are angles."""
        for program, points in zip(self.programs, self.points, strict=True) if angles else ():
            start, moves = _measures(points, angles), []
            for _ in angles:
                try:
                    moves.append(_measures(_nudged(program, rng).points, angles) - start)
                except (ZeroDivisionError, ValueError):
                    return False
            sizes = np.linalg.svd(np.array(moves), compute_uv=False)
            if sizes[-1] < MOVED_DEG or sizes[-1] < INDEPENDENT * sizes[0]:
                return False
        return True

    @cached_property
    def radii(self) -> dict[str, float]:
        """Returns the radius of each circle about a named point that all figures draw, where it is the same."""
        each = [
            {c.centre: abs(points[c.through] - points[c.centre]) for c in p.strokes.circles if c.centre in p.names}
            for p, points in zip(self.programs, self.points, strict=True)
        ]
        return {o: r for o, r in each[0].items() if all(abs(some.get(o, np.inf) - r) < WHOLE for some in each)}

    def on_circle(self, o: str, radius: float) -> list[str]:
        """Lists the points of a circle, in all figures."""
        return [n for n in self.names if n != o and (np.abs(self.lengths(o, n) - radius) < WHOLE).all()]


def _measures(points: Mapping[str, complex], angles: Sequence[Fact]) -> np.ndarray:
    return np.array([angle_deg(*(points[name] for name in fact.args)) for fact in angles])


def _nudged(program: Program, rng: np.random.Generator) -> Program:
    """Moves every parameter that is free by a little, up or down."""
    steps = []
    for step in program.steps:
        widths = np.array([high - low for low, high in step.row.ranges])
        moved = np.array(step.params) + NUDGE * widths * rng.normal(size=len(widths))
        steps.append(replace(step, params=tuple(moved.tolist())))
    return replace(program, steps=tuple(steps))


def _pieces(program: Program, points: dict[str, complex]) -> Iterator[tuple[str, str]]:
    """Yields the ends of plain strokes and of their parts, in alphabetical order."""
    for stroke in program.strokes.segments:
        a, b = points[stroke.a], points[stroke.b]
        if stroke.dashed or stroke.ray or stroke.arrows:
            continue
        on = [name for name in program.names if _on_segment(points[name], a, b)]
        on.sort(key=lambda name: abs(points[name] - a))
        for ends in (*itertools.pairwise(on), (stroke.a, stroke.b)):
            if not any(name.startswith("_") for name in ends):
                yield min(ends), max(ends)


def _open_angles(program: Program, points: dict[str, complex]) -> Iterator[tuple[Fact, float]]:
    """Yields the angles between neighbouring strokes at each named point, each arm by its first named point."""
    lines = [(points[s.a], points[s.b]) for s in program.strokes.segments]
    for v in program.names:
        z = points[v]
        here = [(a, b) for a, b in lines if _on_segment(z, a, b)]
        ways = [end - z for ends in here for end in ends if abs(end - z) > ON]
        turns = sorted({round(math.degrees(cmath.phase(way)) % 360, 6) % 360 for way in ways})
        if len(turns) < 2:
            continue
        arms: dict[float, str] = {}
        for name in program.names:
            arm = points[name] - z
            if name != v and any(_on_segment(points[name], a, b) for a, b in here):
                arms.setdefault(round(math.degrees(cmath.phase(arm)) % 360, 6) % 360, name)
        for first, second in itertools.pairwise([*turns, turns[0]]):
            degrees, a, b = (second - first) % 360, arms.get(first), arms.get(second)
            if a and b and a != b and ANGLE_RANGE[0] <= degrees <= ANGLE_RANGE[1]:
                yield canonical(Fact("angle", (a, v, b))), degrees


def _on_segment(z: complex, a: complex, b: complex) -> bool:
    """Returns whether a point lies on a segment; plain numbers, since there are few of them many times."""
    along = b - a
    share = ((z - a) * along.conjugate()).real / abs(along) ** 2
    return -ON <= share <= 1 + ON and abs(z - a - share * along) < ON


def _near_segment(z: complex, a: complex, b: complex) -> bool:
    """Returns whether a point would look as if it lay on a segment."""
    share = min(max(((z - a) * (b - a).conjugate()).real / abs(b - a) ** 2, 0.0), 1.0)
    return abs(z - a - share * (b - a)) < NEAR
