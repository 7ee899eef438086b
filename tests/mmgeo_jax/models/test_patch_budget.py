"""Which patches are kept: those with ink, on white paper as ever, and on grey and shaded paper the same."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mmgeo_jax.models import vit

SIZE, PATCH, BUDGET = 112, 16, 36
patchify = jax.jit(vit.patchify, static_argnums=(1, 2))


def kept(image: np.ndarray, budget: int = BUDGET) -> set[int]:
    """The patches that are kept and not masked."""
    _, positions, mask = patchify(image[None], PATCH, budget)
    mask = np.asarray(mask)[0]
    assert (np.sort(~mask) == ~mask).all()  # those that count come first
    return set(np.asarray(positions)[0][mask].tolist())


def reference(image: np.ndarray, budget: int = BUDGET) -> set[int]:
    """The rule for white paper: the most ink below 255, where a pixel is at most 239."""
    grid = SIZE // PATCH
    patches = image.reshape(grid, PATCH, grid, PATCH).swapaxes(1, 2).reshape(grid**2, -1).astype(int)
    inked = patches.min(1) <= 239
    order = np.argsort(-((255 - patches).sum(1) + inked * 255 * PATCH**2), kind="stable")[:budget]
    return {int(place) for place in order if inked[place]}


def figure(seed: int, lines: int = 5) -> np.ndarray:
    image, rng = Image.new("L", (SIZE, SIZE), 255), np.random.default_rng(seed)
    draw = ImageDraw.Draw(image)
    for _ in range(lines):
        draw.line([tuple(map(float, rng.integers(4, SIZE - 4, 2))) for _ in range(2)], fill=0, width=2)
    draw.ellipse((20, 30, 80, 90), outline=0, width=2)
    return np.asarray(image)


@given(st.integers(0, 10**6), st.integers(0, 12), st.sampled_from([9, BUDGET, 49]))
@settings(max_examples=60, deadline=None)
def test_white_figures_keep_the_patches_that_they_kept(seed, lines, budget):
    image = figure(seed, lines)
    assert kept(image, budget) == reference(image, budget)


@pytest.mark.parametrize("name", ["even", "left", "top", "vignette"])
def test_paper_of_any_shade_keeps_the_patches_that_have_lines(name):
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    paper = {"even": 235 + 0 * x, "left": 217 + 37 * x, "top": 210 - 40 * y, "vignette": 250 - 12 * (x * x + y * y)}[
        name
    ]
    for seed in range(6):
        white = figure(seed, 2)
        assert len(reference(white)) < BUDGET
        shaded = (white / 255 * paper).astype(np.uint8)
        assert reference(white) <= kept(shaded)
        if name != "vignette":  # where the shade bends, blank patches may be kept too, behind those with lines
            assert kept(shaded, 49) == kept(white, 49)


def test_a_blank_page_of_any_level_has_no_ink():
    for level in (0, 128, 235, 255):
        assert kept(np.full((SIZE, SIZE), level, np.uint8)) == set()
