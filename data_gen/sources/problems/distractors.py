"""Four choices that do not tell which of them is the answer.

The four numbers are drawn first, by a pattern, and only then which of them is the answer: so every one of them is the
answer as often as the others, given all four. A pattern is closed under the errors of its kind: whichever number is
the answer, the others are what those errors make of it (its supplement, its double, a given value added once too
often).
"""

from collections.abc import Callable, Sequence

import numpy as np

MAX_TRIES = 2000
SLIPS = (4, 5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 35, 40)

# x: a number of a row; d, e: what a given value or a slip adds. The errors, each with its converse:
PATTERNS: dict[str, Callable[[int, int, int], tuple[int, ...]]] = {
    # the supplement in place of the angle; a given angle left out or counted twice
    "supplement": lambda x, d, e: (x, x + d, 180 - x, 180 - x - d),
    # the complement in place of the angle; a given angle left out or counted twice
    "complement": lambda x, d, e: (x, x + d, 90 - x, 90 - x - d),
    # halving forgotten, or done in vain; one given value in place of another
    "double": lambda x, d, e: (x, 2 * x, x + d, 2 * (x + d)),
    # halving forgotten, or done in vain, and the supplement
    "double_supplement": lambda x, d, e: (x, 2 * x, 180 - x, 180 - 2 * x),
    # a given value added once too often, or once too seldom
    "repeat": lambda x, d, e: (x, x + d, x + 2 * d, x + 3 * d),
    # either of two given values added in vain, or left out
    "two_values": lambda x, d, e: (x, x + d, x + e, x + d + e),
    # squaring: twice the length is four times the area (the diameter in place of the radius)
    "four_times": lambda x, d, e: (x, 4 * x, (round(x**0.5) + d) ** 2, 4 * (round(x**0.5) + d) ** 2),
}


def draw(
    answers: Sequence[int], errors: Sequence[str], slips: Sequence[int], rng: np.random.Generator
) -> tuple[tuple[int, ...], int, int]:
    """Returns (four numbers in a random order, the answer among them, what a given value should be).

    Args:
      answers: what a row can have as an answer: all four are of these, and each may be it.
      errors: the patterns of the row; slips: values for d and e.
    """
    possible = frozenset(answers)
    for _ in range(MAX_TRIES):
        pattern = PATTERNS[errors[int(rng.integers(len(errors)))]]
        x, d, e = int(rng.choice(answers)), int(rng.choice(slips)), int(rng.choice(slips))
        four = set(pattern(x, d, e))
        if len(four) == 4 and four <= possible:
            mixed = tuple(int(n) for n in rng.permutation(sorted(four)))
            return mixed, mixed[int(rng.integers(4))], d
    raise ValueError(f"{errors} have no four numbers of {min(answers)} to {max(answers)}")
