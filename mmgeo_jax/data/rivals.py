"""Draws the captions of a family on which the decoder teaches the embeddings (losses/distil.py)."""

import numpy as np

RIVALS = 3  # false captions beside an image's own


def draw_rivals(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws int32[N, 1 + RIVALS] from the truth int8[N, C] of a family: each image's own caption and false ones, some
    twice where it has fewer; all -1 where it has no true caption of its own, or no false one."""
    images, captions = truth.shape
    found = np.full((images, 1 + RIVALS), -1, np.int32)
    for i in range(min(images, captions)):
        false = np.flatnonzero(truth[i] == 0)
        if truth[i, i] == 1 and len(false):
            found[i] = i, *np.resize(rng.permutation(false), RIVALS)
    return found
