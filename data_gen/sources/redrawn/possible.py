"""Whether the values that a redrawn figure prints are possible: with each other, what is stated, and what is drawn."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact
from data_gen.language.numbers import parse_value
from data_gen.solver.newton import Solution, Unsolved, solve_near
from data_gen.sources.redrawn.redraw import Drawing

MOST_OFF_DEG, MOST_STRETCHED = 15.0, 1.25  # between a printed and a drawn angle, or ratio of lengths


def possible(drawing: Drawing, stated: Sequence[Fact], prints: Sequence[Fact]) -> bool:
    """Returns whether a figure exists, near to the drawing, in which the printed numbers and the stated facts hold."""
    sizes = {fact: value for fact in prints if (value := parse_value(fact.value or "")) is not None}
    return _about_to_scale(drawing.found, sizes) and _agree(drawing, stated, list(sizes))


def _about_to_scale(found: Solution, sizes: Mapping[Fact, float]) -> bool:
    """Returns whether printed angles, and ratios of printed lengths, are about those that are drawn."""
    stretches = []
    for fact, value in sizes.items():
        ends = [found.points[name] for name in fact.args]
        if fact.predicate == "angle" and abs(value - angle_deg(*ends)) > MOST_OFF_DEG:
            return False
        if fact.predicate == "length":
            stretches.append(value / abs(ends[1] - ends[0]))
    return all(max(a / b, b / a) <= MOST_STRETCHED for a, b in itertools.combinations(stretches, 2) if min(a, b) > 0)


def _agree(drawing: Drawing, stated: Sequence[Fact], sizes: Sequence[Fact]) -> bool:
    asked = replace(drawing.described, facts=(*stated, *sizes), equations=(), targets={})
    try:
        solve_near(asked, drawing.found.points, drawing.found.radii)
    except Unsolved:
        return False
    return True
