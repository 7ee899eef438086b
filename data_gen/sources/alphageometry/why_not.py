"""Why a problem of AlphaGeometry is not drawn: which clause, goal or rule of legibility stands in the way."""

import itertools
from collections import Counter

import numpy as np

from data_gen.constructions.program import Program
from data_gen.drawing import legibility
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import counting_figures, draw
from data_gen.sources.alphageometry.layout import DRAWS_OF_A_STEP, NEAR, draw_parameters, sample
from data_gen.sources.alphageometry.parse import Problem

SAMPLES, DRAWN = 400, 40  # layouts looked at, and those that are drawn
SAME, FAR = 1e-6, 1e4  # of the figure's width: points that are one; a meeting point of lines that do not meet
LINES = ("on_line", "on_pline", "on_tline", "on_bline")
# A rule of legibility, or a reason of `draw` -> what it means and what helps; others are named as they are.
REASONS = {
    "no_room_for_labels": "its letters and printed values find no room: try a larger --size_px or fewer points",
    "value_on_a_divided_segment": "a printed length would stand on a divided segment: take the length away",
    "angle_labelled_twice": "two prints would stand in one angle: take one away",
    "ambiguous_mark": "a stroke divides an angle that has a mark or a print: take that angle away",
}
UNCLEAR = "no layout is clear: points or strokes come too close to each other in each"
SELDOM = "few of its layouts are legible, and none of those tried: try a larger --size_px or fewer points"


def why_not(problem: Problem, canvas: Canvas, rng: np.random.Generator) -> str:
    """Says what stops a problem from being drawn, in the letters of its text."""
    stops: Counter[str] = Counter()
    clear: list[Program] = []
    placed = held = 0
    for count in range(SAMPLES):
        solved = sample(problem, count % 2 == 1, rng)
        stop = _stop(problem, rng) if solved is None else _too_far(problem, solved[1])
        if solved is None or stop:
            stops[stop or "its points find no place"] += 1
            continue
        placed += 1
        if problem.goal is None or problem.goal.holds(solved[1]):
            held += 1
            if legibility.quality(solved[1], *solved[0].strokes[:2]) > 0:
                clear.append(solved[0])
    if not placed:
        return stops.most_common(1)[0][0]
    if problem.goal and not held:
        names = {letter: name for name, letter in problem.letters.items()}
        goal = " ".join([problem.goal.name, *(names.get(word, word) for word in problem.goal.args)])
        return f"its goal, {goal}, is not true of its figures"
    if not clear:
        return UNCLEAR
    with counting_figures() as figures:
        legible = any((member := draw(program, canvas)) and member.labels is not None for program in clear[:DRAWN])
    reason = next((name for name, _ in figures.most_common() if name != "tried"), "")
    if legible or not reason:
        return SELDOM
    return REASONS.get(reason, f"each of its figures breaks the rule {reason}: fewer points may help")


def _stop(problem: Problem, rng: np.random.Generator) -> str:
    """Places the points once more; returns what the first step without a place suffers from, "" where none does."""
    points: dict[str, complex] = {}
    for parts in problem.steps:
        for _ in range(DRAWS_OF_A_STEP):
            step, reason = draw_parameters(parts, rng), ""
            try:
                given = step.row.solve([points[n] for n in step.ins], step.params)
            except (ZeroDivisionError, ValueError, OverflowError):
                meet = "would be where parallel lines meet" if all(p.row in LINES for p in parts) else "has no place"
                reason = _said(problem, step.outs[0], meet)
            else:
                reason = _too_near(problem, points, dict(zip(step.outs, given, strict=True)))
            if not reason:
                break
        else:
            return reason
        points.update(zip(step.outs, given, strict=True))
    return ""


def _too_near(problem: Problem, points: dict[str, complex], new: dict[str, complex]) -> str:
    """Returns that a new point falls on another, or comes too close to it, "" where none does."""
    everything = points | new
    width = max(abs(p - q) for p in everything.values() for q in everything.values())
    for (a, p), (b, q) in itertools.combinations(everything.items(), 2):
        if b in new and abs(p - q) <= NEAR * width:
            other = {letter: name for name, letter in problem.letters.items()}.get(a, a)
            what = "falls on" if abs(p - q) <= SAME * width else "comes too close to"
            return _said(problem, b, f"{what} {other!r}")
    return ""


def _too_far(problem: Problem, points: dict[str, complex]) -> str:
    """Returns that a point lies out of all proportion to those before it, "" where none does."""
    seen: list[complex] = []
    for name, place in points.items():
        width = max((abs(p - q) for p in seen for q in seen), default=0.0)
        if width and min(abs(place - p) for p in seen) > FAR * width:
            return _said(problem, name, "would be where parallel lines meet")
        seen.append(place)
    return ""


def _said(problem: Problem, letter: str, what: str) -> str:
    """Names a point by its text's name, and the clause that gives it."""
    name = {letter: name for name, letter in problem.letters.items()}.get(letter, letter)
    clauses = problem.text.partition("?")[0].split(";")
    clause = next((c.strip() for c in clauses if name in c.partition("=")[0].replace("@", " ").split()), "")
    return f"{name!r} {what}" + (f", in {clause[:60]!r}" if clause else "")
