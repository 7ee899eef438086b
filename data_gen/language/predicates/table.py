"""Collects all predicates from the files of their topics (the columns are described in `row.Predicate`).

Nothing depends on their order.
"""

from functools import cache

from data_gen.language.predicates import (
    circles,
    copies,
    lines,
    points,
    polygons,
    printed,
    quantities,
    triangle_parts,
    triangles,
)
from data_gen.language.predicates.row import Predicate

TOPICS = (triangles, polygons, points, lines, triangle_parts, circles, copies, printed, quantities)
PREDICATES: dict[str, Predicate] = {row.name: row for file in TOPICS for row in file.topic}


@cache
def symmetry_group(predicate: str) -> tuple[tuple[int, ...], ...]:
    """Returns all permutations of the arguments that leave a predicate's meaning as it is, the identity first."""
    row = PREDICATES[predicate]
    group = [tuple(range(row.arity))]
    for element in group:
        for generator in row.symmetries:
            product = tuple(element[i] for i in generator)
            if product not in group:
                group.append(product)
    return tuple(group)
