"""Which split a set of letters belongs to, so that no caption of one split is a caption of another."""

import zlib
from collections.abc import Sequence

import numpy as np

SPLIT_OF_TENTH = {0: "test", 1: "val"}


def split_of(text: str) -> str:
    """Returns the split that a text hashes to: a tenth each for test and val, the rest for train."""
    return SPLIT_OF_TENTH.get(zlib.crc32(text.encode()) % 10, "train")


def letters_split(skeleton: str, letters: Sequence[str]) -> str:
    """Returns the split that a skeleton with these letters belongs to."""
    return split_of(f"{skeleton}/{''.join(sorted(letters))}")


def draw_letters(
    alphabet: Sequence[str],
    count: int,
    skeleton: str,
    split: str,
    rng: np.random.Generator,
    tries: int = 100,
    run_share: float = 0.5,
) -> list[str] | None:
    """Draws letters whose set belongs to a split, in random order; None where all tries fail. `run_share`: how often
    they are an alphabetical run, as in books."""
    for _ in range(tries):
        if rng.random() < run_share:
            start = int(rng.integers(len(alphabet) - count + 1))
            chosen = list(alphabet[start : start + count])
        else:
            chosen = sorted(str(letter) for letter in rng.choice(alphabet, count, replace=False))
        if letters_split(skeleton, chosen) == split:
            # Were the order round the figure alphabetical, the anchor could be told by it.
            return [str(letter) for letter in rng.permutation(chosen)]
    return None
