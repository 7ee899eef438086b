"""Lists predicates of figures whose vertices correspond: similar and congruent ones."""

import numpy as np

from data_gen.language.predicates.deviation import distances, largest, proper, smallest
from data_gen.language.predicates.row import TRIANGLES, Topic

# Vertices that correspond turn or reverse together, or change places.
QUADRILATERALS = ((1, 2, 3, 0, 5, 6, 7, 4), (3, 2, 1, 0, 7, 6, 5, 4), (4, 5, 6, 7, 0, 1, 2, 3))

topic = Topic(axis="relation")


def _of_both(corners):
    """Returns the distances between all corners of the first figure, and those of the second."""
    half = len(corners) // 2
    return distances(corners[:half]), distances(corners[half:])


def _equal_distances(*corners):
    return tuple(x - y for x, y in zip(*_of_both(corners), strict=True))


def _proportional(*corners):
    first, second = _of_both(corners)
    sizes = sum(first), sum(second)
    return tuple(x * sizes[1] - y * sizes[0] for x, y in zip(first, second, strict=True))


@topic.predicate(symmetries=TRIANGLES, equation=_proportional).says(
    "△{0}{1}{2} ∼ △{3}{4}{5}",
    "triangles {0}{1}{2} and {3}{4}{5} are similar",
    "△{0}{1}{2} is similar to △{3}{4}{5}",
    "triangle {0}{1}{2} is similar to triangle {3}{4}{5}",
)
def similar(*corners):
    first, second = _of_both(corners)
    size, other = np.maximum(sum(first), 1e-9), np.maximum(sum(second), 1e-9)
    # In pixels of the larger figure, so that it makes no difference which comes first.
    most = np.maximum(size, other)
    uneven = largest(*(np.abs(p / size - q / other) * most for p, q in zip(first, second, strict=True)))
    return uneven, proper(*corners[: len(corners) // 2])


topic.add("similar_quadrilaterals", symmetries=QUADRILATERALS, equation=_proportional, measure=similar).says(
    "{0}{1}{2}{3} ∼ {4}{5}{6}{7}",
    "{0}{1}{2}{3} is similar to {4}{5}{6}{7}",
    "quadrilaterals {0}{1}{2}{3} and {4}{5}{6}{7} are similar",
)


@topic.predicate(symmetries=TRIANGLES, equation=_equal_distances).says(
    "△{0}{1}{2} ≅ △{3}{4}{5}",
    "triangles {0}{1}{2} and {3}{4}{5} are congruent",
    "△{0}{1}{2} is congruent to △{3}{4}{5}",
    "triangle {0}{1}{2} is congruent to triangle {3}{4}{5}",
)
def congruent(*corners):
    uneven = largest(*(np.abs(p - q) for p, q in zip(*_of_both(corners), strict=True)))
    return uneven, proper(*corners[: len(corners) // 2])


topic.add("congruent_quadrilaterals", symmetries=QUADRILATERALS, equation=_equal_distances, measure=congruent).says(
    "{0}{1}{2}{3} ≅ {4}{5}{6}{7}",
    "{0}{1}{2}{3} is congruent to {4}{5}{6}{7}",
    "quadrilaterals {0}{1}{2}{3} and {4}{5}{6}{7} are congruent",
)


@topic.predicate(symmetries=TRIANGLES[:2], opposites=("congruent",), order_matters=True).says(
    "△{3}{4}{5} is a smaller copy of △{0}{1}{2}",
    "△{0}{1}{2} is a larger copy of △{3}{4}{5}",
    "△{0}{1}{2} is similar to △{3}{4}{5} and larger",
    "triangle {0}{1}{2} is similar to the smaller triangle {3}{4}{5}",
)
def smaller(*corners):
    first, second = _of_both(corners)
    deviation, slack = similar(*corners)
    return deviation, smallest((sum(first) - sum(second)) / len(first), slack)


topic.add(
    "smaller_quadrilateral", symmetries=QUADRILATERALS[:2], opposites=("congruent_quadrilaterals",), measure=smaller
).says(
    "{4}{5}{6}{7} is a smaller copy of {0}{1}{2}{3}",
    "{0}{1}{2}{3} is a larger copy of {4}{5}{6}{7}",
    "{0}{1}{2}{3} is similar to {4}{5}{6}{7} and larger",
    "{0}{1}{2}{3} is similar to the smaller quadrilateral {4}{5}{6}{7}",
)
