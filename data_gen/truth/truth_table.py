"""Computes whether facts are true of a diagram.

A fact is a row of the predicate table applied to names. Truth is computed from coordinates and has three values: 1
(holds to within `TOLERANCE_PX`), 0 (fails by a margin that a person sees at the rendered size), and -1 (neither, or
nobody can say).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from data_gen.geometry.diagram import Diagram
from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import parse_ratio
from data_gen.language.predicates.table import PREDICATES
from data_gen.truth.read_marks import read_marks

TOLERANCE_PX = 0.02
STROKE_STYLES = {"all": (False, True), "dashed": (True,), "solid": (False,)}  # values of Segment.dashed


@dataclass(frozen=True)
class Scene:
    """Diagrams that show the same names, stacked for evaluation: the truth of a fact in all of them at once."""

    diagrams: tuple[Diagram, ...]
    names: tuple[str, ...]
    points: np.ndarray  # complex128[N, names]
    radii: dict[str, np.ndarray]  # centre -> float64[N], nan where the diagram has no such circle

    @cached_property
    def marked_values(self) -> tuple[dict[Fact, str], ...]:
        """Returns for each diagram what it shows: the canonical fact without its value -> the value."""
        return tuple(marked_values(diagram) for diagram in self.diagrams)

    @cached_property
    def strokes(self) -> dict[str, np.ndarray]:
        """Returns the ends of "all", "dashed" and "solid" straight strokes, complex128[N, S, 2], NaN where fewer."""
        return {which: self._ends(styles) for which, styles in STROKE_STYLES.items()}

    def _ends(self, styles: tuple[bool, ...]) -> np.ndarray:
        ends = [
            [[complex(*d.points[s.a]), complex(*d.points[s.b])] for s in d.segments if s.dashed in styles]
            for d in self.diagrams
        ]
        table = np.full((len(ends), max((len(some) for some in ends), default=0), 2), complex(np.nan, np.nan))
        for row, some in zip(table, ends, strict=True):
            row[: len(some)] = np.array(some).reshape(-1, 2)
        return table

    @staticmethod
    def from_diagrams(diagrams: Sequence[Diagram]) -> Scene:
        """Stacks diagrams. A name that one of them lacks is nan there."""
        names = tuple(sorted({name for d in diagrams for name in d.names}))
        missing = (np.nan, np.nan)
        points = np.array([[complex(*d.points.get(n, missing)) for n in names] for d in diagrams])
        centres = sorted({c.centre for d in diagrams for c in d.circles})
        radii = {o: np.array([_radius(d, o) for d in diagrams]) for o in centres}
        return Scene(tuple(diagrams), names, points, radii)


def _radius(diagram: Diagram, centre: str) -> float:
    ends = [(diagram.points[c.through], diagram.points[centre]) for c in diagram.circles if c.centre == centre]
    return next((abs(complex(*rim) - complex(*middle)) for rim, middle in ends), np.nan)


def truth_of_measure(deviation, slack, margin_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (truth int8[...], margin float64[...]) as the module says. NaN means that nobody can say."""
    deviation, slack = np.broadcast_arrays(np.asarray(deviation, float), np.asarray(slack, float))
    true = (deviation <= TOLERANCE_PX) & (slack >= margin_px)
    # On the boundary itself (an exactly right angle is not obtuse) an open condition is plainly false.
    false = (deviation >= margin_px) | (slack <= -margin_px) | (np.abs(slack) <= TOLERANCE_PX)
    unknown = np.isnan(deviation) | np.isnan(slack)
    truth = np.where(unknown, -1, np.where(true, 1, np.where(false, 0, -1))).astype(np.int8)
    room = np.where(np.abs(slack) <= TOLERANCE_PX, margin_px, np.abs(slack))
    margin = np.where(deviation > TOLERANCE_PX, deviation, room)
    return truth, np.where(unknown, np.nan, margin)


def evaluate(fact: Fact, scene: Scene, margin_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Computes the truth of a fact in every diagram of a scene.

    Returns:
      truth int8[N] (1, 0, -1) and margin_px float64[N], the distance from the other verdict (inf where none is near,
      nan where nobody can say). A fact about a point or circle that is not in the picture is false.
    """
    # Where corners are in line, rounding decides whether they are in order round: one order of the arguments stands for
    # all that say the same, the one that signatures take.
    fact = canonical(fact)
    row = PREDICATES[fact.predicate]
    count = len(scene.diagrams)
    known = all(name in scene.names for name in fact.args)
    if not known or not all(name in scene.radii for name in fact.args[: row.circles]):
        return np.zeros(count, np.int8), np.full(count, np.inf)
    if row.from_marks:
        return _evaluate_marks(fact, scene, margin_px)
    if row.measure is None:
        return np.full(count, -1, np.int8), np.full(count, np.nan)
    arguments: list[Any] = [scene.points[:, scene.names.index(name)] for name in fact.args]
    arguments += [scene.radii[name] for name in fact.args[: row.circles]]
    arguments += [scene.strokes[row.strokes]] if row.strokes else []
    arguments += [parse_ratio(fact.value or "")] if row.values else []
    return truth_of_measure(*row.measure(*arguments), margin_px)


def _evaluate_marks(fact: Fact, scene: Scene, margin_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Decides by what is shown; an angle that is not printed is measured; another such value stays open."""
    truth, margin = np.full(len(scene.diagrams), -1, np.int8), np.full(len(scene.diagrams), np.nan)
    for i, diagram in enumerate(scene.diagrams):
        printed = scene.marked_values[i].get(canonical(Fact(fact.predicate, fact.args)))
        if printed != fact.value and fact.predicate == "inscribed_regular" and _is_corner(fact, diagram):
            continue
        if printed is not None or not PREDICATES[fact.predicate].printed:
            truth[i], margin[i] = printed == (fact.value or ""), diagram.style.font_px
        elif fact.predicate == "angle" and _is_number(fact.value):
            a, vertex, b = (complex(*diagram.points[name]) for name in fact.args)
            off = np.radians(abs(angle_deg(a, vertex, b) - float(fact.value or "nan")))
            truth[i], margin[i] = truth_of_measure(off * min(abs(a - vertex), abs(b - vertex)), np.inf, margin_px)
    return truth, margin


def _is_corner(fact: Fact, diagram: Diagram) -> bool:
    """Tells whether two strokes join the second point to others of the circle: perhaps sides of a regular polygon."""
    centre, corner = fact.args
    o, radius = complex(*diagram.points[centre]), _radius(diagram, centre)
    ends = [(s.a, s.b) for s in diagram.segments if corner in (s.a, s.b)]
    on = [all(abs(abs(complex(*diagram.points[n]) - o) - radius) < 1.0 for n in pair) for pair in ends]
    return sum(on) >= 2


def marked_values(diagram: Diagram) -> dict[Fact, str]:
    """Returns what a diagram prints and marks: canonical fact without its value -> the value, "" where it has none."""
    return {canonical(Fact(predicate, args)): value for predicate, args, value in read_marks(diagram)}


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def holds(fact: Fact, diagram: Diagram, margin_px: float) -> int:
    """Returns 1, 0 or -1: whether a fact is true of one diagram, false by a visible margin, or neither."""
    return int(evaluate(fact, Scene.from_diagrams([diagram]), margin_px)[0][0])


def truth_table(captions: Sequence[Sequence[Fact]], scene: Scene, margin_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Computes the truth int8[N, C] of every caption in every diagram, and the margins float64[N, C]. A caption is
    false where any of its facts is (margin: of the most plainly false one), true where all are (margin: of the least
    plain one), and otherwise nobody can say. One that states nothing is true everywhere, by any margin."""
    known: dict[Fact, tuple[np.ndarray, np.ndarray]] = {}
    for fact in {canonical(fact) for facts in captions for fact in facts}:
        known[fact] = evaluate(fact, scene, margin_px)
    columns = [_all_hold([known[canonical(fact)] for fact in facts], len(scene.points)) for facts in captions]
    truths, margins = zip(*columns, strict=True)
    return np.stack(truths, 1), np.stack(margins, 1)


def _all_hold(facts: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Combines facts, each with its truth and margin in the N = `count` diagrams: int8[N] and float64[N]."""
    truth, margin = (np.array([fact[i] for fact in facts]).reshape(-1, count) for i in (0, 1))
    false, true = truth == 0, truth == 1
    any_false, all_true = false.any(0), true.all(0)
    plainest = np.where(false, margin, -np.inf).max(0, initial=-np.inf)
    slimmest = np.where(true, margin, np.inf).min(0, initial=np.inf)
    verdict = np.where(any_false, 0, np.where(all_true, 1, -1)).astype(np.int8)
    return verdict, np.where(any_false, plainest, np.where(all_true, slimmest, np.nan))
