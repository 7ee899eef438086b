"""AlphaGeometry's problems, drawn: the parameters that a program leaves open are drawn at random, many times, and the
clearest layout is kept.
"""

import time
from dataclasses import replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.constructions.table import get_construction
from data_gen.drawing import legibility
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import Member, draw
from data_gen.families.edits import draw_params
from data_gen.sources.alphageometry.parse import Parts, Problem

STARTS, GOOD = 400, 0.9  # layouts tried, and the quality with which one is content
LAYOUTS, MOST_SECONDS = 5, 30.0  # the clearest of a round are drawn, until one is legible
UNCLEAR_ROUNDS = 6  # in which points find places, but come too close to each other: then no layout is clear
# Where no layout is found as books draw them: a point on a line may be beyond the ends, an angle on the far side.
WIDER = {
    "on_line": (("on_line", (0, 1)), ("on_opline", (0, 1)), ("on_opline", (1, 0))),
    "on_aline": (("on_aline", (0, 1, 2, 3, 4)), ("on_aline_back", (0, 1, 2, 3, 4))),
}
DRAWS_OF_A_STEP = 8
NEAR = 0.02  # of the figure so far: a new point nearer than this to another is drawn again


def best_layouts(problem: Problem, rng: np.random.Generator, count: int, starts: int = STARTS) -> list[Program]:
    """Returns up to `count` layouts of a problem, none degenerate, the clearest of so many starts first."""
    return _graded(problem, rng, count, starts)[0]


def _graded(problem: Problem, rng: np.random.Generator, count: int, starts: int) -> tuple[list[Program], bool]:
    """Returns the layouts of `best_layouts`, and whether there is one at all that the goal is true of."""
    possible = False
    for wide in (False, True):
        found: list[tuple[float, Program]] = []
        for _ in range(starts):
            if start := _start(problem, wide, rng):
                possible = True
                if start[0] > 0:
                    found.append(start)
            if sum(quality >= GOOD for quality, _ in found) >= count:
                break
        if found:
            return [program for _, program in sorted(found, key=lambda pair: -pair[0])[:count]], True
    return [], possible


def _start(problem: Problem, wide: bool, rng: np.random.Generator) -> tuple[float, Program] | None:
    """Draws a program and grades its layout, 0 where it is degenerate; None where it finds no places or its goal is not
    true."""
    solved = sample(problem, wide, rng)
    if solved is None:
        return None
    program, points = solved
    if problem.goal and not problem.goal.holds(points):
        return None
    return legibility.quality(points, *program.strokes[:2]), program


def sample(problem: Problem, wide: bool, rng: np.random.Generator) -> tuple[Program, dict[str, complex]] | None:
    """Draws the parameters of step after step; returns points, too, or None where a step finds no place."""
    points: dict[str, complex] = {}
    steps = []
    for parts in problem.steps:
        for _ in range(DRAWS_OF_A_STEP):
            step = draw_parameters(_wider(parts, rng) if wide else parts, rng)
            try:
                given = step.row.solve([points[n] for n in step.ins], step.params)
            except (ZeroDivisionError, ValueError, OverflowError):
                continue
            if _apart([*points.values()], given):
                break
        else:
            return None
        points.update(zip(step.outs, given, strict=True))
        steps.append(step)
    return Program(tuple(steps), problem.prints, problem.draws), points


def _wider(parts: Parts, rng: np.random.Generator) -> Parts:
    """Puts rows of WIDER in the place of some of a step's; two lines meet wherever they do."""
    wider = []
    for part in parts:
        if part.row in WIDER and (len(parts) == 1 or part.row != "on_line"):
            choices = WIDER[part.row]
            row, order = choices[int(rng.integers(len(choices)))]
            part = part._replace(row=row, ins=tuple(part.ins[i] for i in order))
        wider.append(part)
    return tuple(wider)


def draw_parameters(parts: Parts, rng: np.random.Generator) -> Step:
    """Returns a step whose open parameters are drawn at random."""
    name = "+".join(part.row for part in parts)
    numbers = tuple(number for part in parts for number in part.numbers)
    params = numbers + draw_params(get_construction(name), rng)[len(numbers) :]
    return Step(name, tuple(n for part in parts for n in part.ins), parts[0].outs, params)


def _apart(there: list[complex], new: tuple[complex, ...]) -> bool:
    everything = np.array([*there, *new])
    if len(everything) < 2 or not new:
        return True
    span = max(np.ptp(everything.real), np.ptp(everything.imag))
    gaps = np.abs(everything[:, None] - everything[-len(new) :])
    gaps[np.arange(len(there), len(everything)), np.arange(len(new))] = np.inf
    return bool(np.isfinite(everything).all() and gaps.min() > NEAR * span)


def figure(problem: Problem, canvas: Canvas, rng: np.random.Generator) -> Member | None:
    """Returns the clearest layout whose letters all find a place; None where the problem could not be drawn.

    Layouts are tried for MOST_SECONDS; from the second round on without the printed angles, where those find no place.
    """
    end = time.monotonic() + MOST_SECONDS
    unclear, is_first = 0, True
    while True:
        programs, possible = _graded(problem, rng, LAYOUTS, STARTS)
        if problem.prints and not is_first:
            programs += [replace(program, prints=()) for program in programs]
        for program in programs:
            member = draw(program, canvas)
            if member and member.labels is not None:
                return member
        unclear, is_first = 0 if programs else unclear + 1, False
        if not possible or unclear == UNCLEAR_ROUNDS or time.monotonic() > end:
            return None
