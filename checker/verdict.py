"""Judges a caption by the definitions: surely true of a figure, surely false, or neither.

A caption is surely true where each of its facts holds to 1e-3 of the figure's size, surely false where one fails by
more than the margin that a person sees.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from checker.arithmetic import CLEAR, MORE, Condition, distance
from checker.definitions import BY_ARC, BY_CIRCLES, BY_POINTS, BY_VALUE, TWO_CIRCLES
from checker.drawn import BY_INK
from data_gen.geometry.diagram import Diagram

TOLERANCE = 1e-3  # of the figure's size
EXACT = 1e-5  # of the figure's size: as near as this to its boundary, an open condition fails

Fact = tuple[str, tuple[str, ...], str]  # predicate, names, value ("" where it has none)
Found = bool | list[Condition] | None


def facts_of(text: str) -> list[Fact]:
    """Reads the facts of a caption from their JSON."""
    return [(predicate, tuple(names), value or "") for predicate, names, value in json.loads(text)]


def apply_definition(fact: Fact, diagram: Diagram) -> Found:
    """Applies the definition of a fact to a diagram: conditions, or True, False or None for nobody can say.

    Of what is not in the picture nothing is true.
    """
    predicate, names, value = fact
    if not all(name in diagram.points for name in names):
        return False
    points = [diagram.points[name] for name in names]
    if predicate in BY_POINTS:
        return BY_POINTS[predicate](*points)
    if predicate in BY_VALUE:
        return BY_VALUE[predicate](*points, value)
    if predicate in BY_CIRCLES or predicate in BY_ARC:
        drawn = {c.centre: distance(diagram.points[c.centre], diagram.points[c.through]) for c in diagram.circles}
        centres = names[: 2 if predicate in TWO_CIRCLES else 1]
        if not all(name in drawn for name in centres):
            return False
        radii = [drawn[name] for name in centres]
        return BY_ARC[predicate](*radii, *points, value) if value else BY_CIRCLES[predicate](*radii, *points)
    return BY_INK[predicate](diagram, names, value) if predicate in BY_INK else None


def verdict(found: Found, size_px: float, margin_px: float) -> bool | None:
    """Returns True, False, or None for neither."""
    if not isinstance(found, list):
        return found
    each = [_holds(*condition, size_px, margin_px) for condition in found]
    # A doubt about the words outweighs what can be measured.
    if any(kind == CLEAR and holds is None for (kind, _), holds in zip(found, each, strict=True)):
        return None if False not in each else False
    return False if False in each else None if None in each else True


def _holds(kind: str, px: float, size_px: float, margin_px: float) -> bool | None:
    tolerance_px = TOLERANCE * size_px
    if kind == CLEAR:
        return True if px > margin_px else None
    if kind == MORE:
        return True if px > tolerance_px else False if px < -margin_px or abs(px) < EXACT * size_px else None
    return True if px < tolerance_px else False if px > margin_px else None


def judge_caption(facts: Sequence[Fact], diagram: Diagram, margin_px: float) -> tuple[bool | None, Fact | None, Found]:
    """Returns the verdict on a caption, and the fact and the quantity that make it false."""
    verdicts = []
    for fact in facts:
        found = apply_definition(fact, diagram)
        verdicts.append(verdict(found, diagram.size_px, margin_px))
        if verdicts[-1] is False:
            return False, fact, found
    return (True if all(verdicts) else None), None, None
