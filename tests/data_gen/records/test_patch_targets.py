"""Targets of patches: what a plain loop finds there, wherever augmentation has moved it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.records import patch_targets as targets
from data_gen.records.annotations import MARKS, Annotations
from mmgeo_jax.data import augment

SIZE, PATCH = 112, 16
PIXEL = st.integers(0, SIZE - 1)
BOX = st.tuples(PIXEL, PIXEL, st.integers(1, 12), st.integers(1, 12)).map(
    lambda at: (at[0], at[1], at[0] + at[2], at[1] + at[3])
)
STRAIGHT = st.tuples(
    st.sampled_from(["segment", "dashed", "ray", "line", "axis"]), st.tuples(PIXEL, PIXEL, PIXEL, PIXEL)
)
CIRCLE = st.tuples(st.just("circle"), st.tuples(PIXEL, PIXEL, st.integers(1, 60)))
ANNOTATIONS = st.builds(
    Annotations,
    st.lists(st.tuples(st.sampled_from("ABZ09x°?"), BOX), max_size=6).map(tuple),
    st.lists(st.tuples(st.sampled_from(["A", "B", "P1", "é"]), st.tuples(PIXEL, PIXEL)), max_size=6).map(tuple),
    st.lists(STRAIGHT | CIRCLE, max_size=4).map(tuple),
    st.lists(st.tuples(st.sampled_from(MARKS), st.integers(1, 3), BOX), max_size=4).map(tuple),
)


def plainly(annotations, size=SIZE, patch=PATCH):
    """(class, patch) of characters and names, and of strokes wherever they run at least half a patch."""
    found: set[tuple[int, int]] = set()
    may: set[tuple[int, int]] = set()

    def at(x, y, name, where):
        if name in targets.CLASS and 0 <= x < size and 0 <= y < size:
            where.add((targets.CLASS[name], int(y // patch) * (size // patch) + int(x // patch)))

    for character, (x0, y0, x1, y1) in annotations.characters:
        at((x0 + x1) / 2, (y0 + y1) / 2, ("characters", character), found)
    for name, (x, y) in annotations.points:
        at(x, y, ("vertices", name[:1]), found)
    for kind, n in annotations.strokes:
        for t in np.linspace(0, 1, 3001):
            if kind == "circle":
                x, y = n[0] + n[2] * np.cos(2 * np.pi * t), n[1] + n[2] * np.sin(2 * np.pi * t)
            else:
                x, y = n[0] + (n[2] - n[0]) * t, n[1] + (n[3] - n[1]) * t
            at(x, y, ("strokes", kind), may)
            # Well inside a patch: no step jumps over it.
            if patch / 4 < x % patch < 3 * patch / 4 and patch / 4 < y % patch < 3 * patch / 4:
                at(x, y, ("strokes", kind), found)
    return found, found | may


@given(ANNOTATIONS)
@settings(deadline=None, max_examples=60)
def test_they_are_what_a_plain_loop_finds(annotations):
    made = targets.patch_targets(annotations, np.eye(3), SIZE, PATCH)
    assert made.shape == ((SIZE // PATCH) ** 2, targets.PATCH_WORDS) and made.dtype == np.uint32
    bits = targets.unpack(made)
    found = {(int(c), int(p)) for p, c in np.argwhere(bits) if targets.CLASSES[c][0] != "marks"}
    least, most = plainly(annotations)
    assert least <= found <= most


def test_classes_fit_their_words_and_are_found_again():
    assert len(targets.CLASSES) == sum(len(names) for names in targets.GROUPS.values()) <= 32 * targets.PATCH_WORDS
    for group, names in targets.GROUPS.items():
        assert [targets.CLASSES[c] for c in range(*targets.group_slice(group).indices(999))] == [
            (group, n) for n in names
        ]


@given(st.integers(0, 2**20), st.sampled_from(sorted(augment.GEOMETRIC)))
@settings(deadline=None, max_examples=40)
def test_they_move_with_the_pixels(seed, name):
    x, y = np.random.default_rng(seed).integers(16, SIZE - 16, 2).tolist()
    page = np.full((1, SIZE, SIZE), 255, np.uint8)
    page[0, y - 2 : y + 3, x - 2 : x + 3] = 0
    image, moved = augment.augment(page, {name: 1.0}, (seed, 3))
    weight = 255.0 - image[0]
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    centre = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
    px, py, w = moved @ [x + 0.5, y + 0.5, 1]
    np.testing.assert_allclose((px / w, py / w), centre, atol=0.35)
    box = Annotations(characters=(("A", (x, y, x + 1, y + 1)),))
    (patch,) = np.flatnonzero(targets.patch_targets(box, moved, SIZE, PATCH).any(1))
    assert patch == int(py / w // PATCH) * (SIZE // PATCH) + int(px / w // PATCH)
