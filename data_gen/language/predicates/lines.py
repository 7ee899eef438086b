"""Lists predicates of lines and segments: how they lie to each other, and which are drawn."""

import numpy as np

from data_gen.geometry.plane import angle_deg, line_distance, segment_distance
from data_gen.language.predicates.deviation import (
    INF,
    largest,
    parallel_px,
    perpendicular_px,
    shortest_arm,
    smallest,
)
from data_gen.language.predicates.equations import aligned, at_right_angles, equal, on_line, turn
from data_gen.language.predicates.row import ANGLE_PAIR, FIRST_TWO, SEGMENT, SEGMENT_PAIR, Topic

topic = Topic(axis="relation")


def _uncovered_px(a, b, strokes):
    """Returns how far the point of ab that is farthest from all strokes is from them. `strokes`: complex[N, S, 2], the
    ends of straight ones, NaN where a diagram has fewer."""
    shares = np.linspace(0.06, 0.94, 9)
    p = a[..., None, None] + (b - a)[..., None, None] * shares[:, None]
    ends = strokes.reshape(strokes.shape[0], *(1,) * (a.ndim - 1), 1, *strokes.shape[1:])
    gaps = segment_distance(p, ends[..., 0], ends[..., 1])
    return np.where(np.isnan(gaps), INF, gaps).min(-1, initial=INF).max(-1)


@topic.predicate(
    symmetries=SEGMENT_PAIR,
    opposites=("perpendicular", "oblique"),
    line_places={0: (0, 1), 1: (0, 1), 2: (2, 3), 3: (2, 3)},
    equation=lambda a, b, c, d: aligned(b - a, d - c),
).says(
    "{0}{1} ∥ {2}{3}",
    "{0}{1} is parallel to {2}{3}",
    "{0}{1} and {2}{3} are parallel",
    "line {0}{1} is parallel to line {2}{3}",
    "{0}{1} and {2}{3} are parallel to each other",
)
def parallel(a, b, c, d):
    return parallel_px(b - a, d - c), INF


@topic.predicate(
    symmetries=SEGMENT_PAIR,
    opposites=("parallel", "oblique"),
    line_places={0: (0, 1), 1: (0, 1), 2: (2, 3), 3: (2, 3)},
    equation=lambda a, b, c, d: at_right_angles(b - a, d - c),
).says(
    "{0}{1} ⊥ {2}{3}",
    "{0}{1} is perpendicular to {2}{3}",
    "{0}{1} and {2}{3} are perpendicular",
    "line {0}{1} is perpendicular to line {2}{3}",
    "{0}{1} and {2}{3} are perpendicular to each other",
)
def perpendicular(a, b, c, d):
    return perpendicular_px(b - a, d - c), INF


@topic.predicate(symmetries=SEGMENT_PAIR, opposites=("parallel", "perpendicular")).says(
    "{0}{1} is oblique to {2}{3}",
    "{0}{1} is neither parallel nor perpendicular to {2}{3}",
    "{0}{1} and {2}{3} are oblique",
    "line {0}{1} is oblique to line {2}{3}",
    "{0}{1} and {2}{3} are oblique to each other",
)
def oblique(a, b, c, d):
    u, v = b - a, d - c
    return 0.0, smallest(parallel_px(u, v), perpendicular_px(u, v))


@topic.predicate(
    symmetries=FIRST_TWO,
    opposites=("parallel", "oblique"),
    line_places={0: (0, 1), 1: (0, 1)},
    equation=lambda p, q, a, b: at_right_angles(q - p, b - a) + on_line((a + b) / 2, p, q),
).says(
    "{0}{1} is the perpendicular bisector of {2}{3}",
    "{0}{1} bisects {2}{3} at right angles",
    "{0}{1} is perpendicular to {2}{3} and bisects it",
    "line {0}{1} is the perpendicular bisector of segment {2}{3}",
    "{0}{1} is perpendicular to {2}{3} at its midpoint",
)
def perpendicular_bisector(p, q, a, b):
    middle = (a + b) / 2
    return largest(perpendicular_px(q - p, b - a), line_distance(middle, p, q)), INF


@topic.predicate(symmetries=SEGMENT_PAIR, equation=lambda a, b, c, d: equal(abs(b - a), abs(d - c))).says(
    "{0}{1} = {2}{3}",
    "{0}{1} and {2}{3} are equally long",
    "{0}{1} is equal to {2}{3}",
    "{0}{1} and {2}{3} are equal in length",
)
def equal_length(a, b, c, d):
    return np.abs(np.abs(b - a) - np.abs(d - c)), INF


@topic.predicate(symmetries=ANGLE_PAIR, equation=lambda a, b, c, d, e, f: (turn(a, b, c) - turn(d, e, f),)).says(
    "∠{0}{1}{2} = ∠{3}{4}{5}",
    "angles {0}{1}{2} and {3}{4}{5} are equal",
    "∠{0}{1}{2} is equal to ∠{3}{4}{5}",
    "∠{0}{1}{2} and ∠{3}{4}{5} are equal",
)
def equal_angle(a, b, c, d, e, f):
    off = np.radians(np.abs(angle_deg(a, b, c) - angle_deg(d, e, f)))
    return off * shortest_arm(a, b, c, d, e, f), INF


@topic.predicate(symmetries=SEGMENT, opposites=("apart",), strokes="all", common=True).says(
    "{0} and {1} are joined by a line",
    "segment {0}{1} is drawn",
    "a line connects {0} and {1}",
    "{0} is connected to {1}",
)
def joined(a, b, strokes):
    return _uncovered_px(a, b, strokes), INF


topic.add("dashed", symmetries=SEGMENT, opposites=("solid",), strokes="dashed", measure=joined).says(
    "{0}{1} is drawn dashed",
    "the line {0}{1} is dashed",
    "segment {0}{1} is a dashed line",
    "a dashed line connects {0} and {1}",
)

topic.add("solid", symmetries=SEGMENT, opposites=("dashed",), strokes="solid", measure=joined).says(
    "{0}{1} is drawn solid",
    "the line {0}{1} is solid",
    "segment {0}{1} is a solid line",
    "a solid line connects {0} and {1}",
)


@topic.predicate(symmetries=SEGMENT, opposites=("joined",), strokes="all", common=True).says(
    "{0} and {1} are not joined",
    "segment {0}{1} is not drawn",
    "no line connects {0} and {1}",
    "{0} is not connected to {1}",
)
def apart(a, b, strokes):
    return 0.0, _uncovered_px(a, b, strokes)
