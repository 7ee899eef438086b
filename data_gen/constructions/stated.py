"""The marks that books put on what is stated beside the steps: right angles, ticks, chevrons and arcs."""

from collections.abc import Callable

from data_gen.geometry.diagram import AngleArc, Mark, ParallelArrows, RightAngle, Ticks
from data_gen.language.fact import Fact


def marks_of_fact(fact: Fact) -> tuple[Mark, ...]:
    """Returns the marks of a stated fact, one group; none where books do not mark it."""
    mark = MARKS.get(fact.predicate)
    return mark(*fact.args) if mark else ()


def _perpendicular(a: str, b: str, c: str, d: str) -> tuple[Mark, ...]:
    """Marks the corner that two lines share; where they cross elsewhere, no point may stand."""
    shared = {a, b} & {c, d}
    if len(shared) != 1:
        return ()
    (vertex,) = shared
    p, q = ((set(line) - shared).pop() for line in ((a, b), (c, d)))
    return (RightAngle(p, vertex, q),)


def _isosceles(apex: str, b: str, c: str) -> tuple[Mark, ...]:
    return Ticks(apex, b), Ticks(apex, c)


MARKS: dict[str, Callable[..., tuple[Mark, ...]]] = {
    "perpendicular": _perpendicular,
    "right": lambda a, b, c: (RightAngle(b, a, c),),
    "parallel": lambda a, b, c, d: (ParallelArrows(a, b), ParallelArrows(c, d)),
    "equal_length": lambda a, b, c, d: (Ticks(a, b), Ticks(c, d)),
    "isosceles": _isosceles,
    "equilateral": lambda a, b, c: (Ticks(a, b), Ticks(b, c), Ticks(c, a)),
    "isosceles_right": lambda a, b, c: (RightAngle(b, a, c), *_isosceles(a, b, c)),
    "equal_angle": lambda a, v, b, c, w, d: (AngleArc(a, v, b), AngleArc(c, w, d)),
}
