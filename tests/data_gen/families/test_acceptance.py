"""The acceptance rule: three ways to ask it, one answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from data_gen.families.acceptance import may_join, may_pair, proves_itself


@pytest.fixture(scope="module")
def tables() -> list[np.ndarray]:
    """Tables of four figures that are nearly the identity: few of them are."""
    rng = np.random.default_rng(0)
    flaws = [rng.choice([0, 1, -1], (4, 4), p=(0.94, 0.03, 0.03)) for _ in range(400)]
    return [((np.eye(4, dtype=np.int8) + flaw + 1) % 3 - 1).astype(np.int8) for flaw in flaws]


def test_both_answers_come(tables):
    assert 10 < sum(proves_itself(truth) for truth in tables) < 300


def test_a_family_is_one_in_which_each_figure_could_join_those_before_it(tables):
    for truth in tables:
        assert proves_itself(truth) == all(may_join(truth, range(i), i) for i in range(len(truth)))


def test_a_family_is_one_in_which_any_two_figures_are_a_family(tables):
    for truth in tables:
        pairs = may_pair(truth)
        for i, j in itertools.combinations(range(len(truth)), 2):
            assert pairs[i, j] == pairs[j, i] == proves_itself(truth[np.ix_([i, j], [i, j])])
        assert proves_itself(truth) == bool((pairs | np.eye(len(truth), dtype=bool)).all())


def test_what_nobody_can_tell_is_not_accepted():
    truth = np.eye(2, dtype=np.int8)
    truth[0, 1] = -1
    assert not proves_itself(truth) and not may_join(truth, [0], 1) and not may_pair(truth).any()
