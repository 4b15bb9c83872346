from __future__ import annotations

import random

import numpy as np
import pytest

from medadapt.records.likeness.grams import GramSet
from medadapt.records.likeness.near_join import bitmaps, can_be_near, near_sets


def random_sets(num: int, size: int, seed: int) -> list[GramSet]:
    """Sets around a few originals, from which up to a third of the grams were changed."""
    draw = random.Random(seed)
    originals = [draw.sample(range(5 * size), size) for _ in range(num // 10)]
    sets = []
    for _ in range(num):
        grams = draw.choice(originals)[: draw.randint(size // 2, size)]
        changed = draw.randint(0, len(grams) // 4)
        sets.append(sorted({*grams[changed:], *draw.sample(range(5 * size), changed // 2)}))
    return [np.array(grams, dtype=np.int32) for grams in sets]


@pytest.mark.parametrize("num_keys", [80, 2], ids=["apart", "in long runs"])
@pytest.mark.parametrize("size", [6, 39, 40, 90, 400])
def test_every_near_pair_is_found_once_and_no_other(size: int, num_keys: int):
    sets = random_sets(80, size, seed=size)

    found = [
        tuple(sorted((number, int(other))))
        for number, others in near_sets(
            sets, np.arange(len(sets)) % num_keys, lambda _, others: np.zeros(len(others), dtype=bool)
        )
        for other in others
    ]

    near = [
        (one, other)
        for one in range(len(sets))
        for other in range(one + 1, len(sets))
        if 5 * len(np.intersect1d(sets[one], sets[other])) >= 4 * len(np.union1d(sets[one], sets[other]))
    ]
    assert sorted(found) == near
    assert 10 < len(near) < 3000


def test_pairs_that_are_passed_over_are_not_compared():
    sets = random_sets(60, 30, seed=1)

    assert not list(near_sets(sets, np.arange(len(sets)), lambda _, others: np.ones(len(others), dtype=bool)))


def test_no_sets_have_no_pairs():
    assert not list(near_sets([], np.arange(0), lambda _, others: np.zeros(len(others), dtype=bool)))


@pytest.mark.parametrize("shared", [8, 80, 800, 8000])
def test_bitmaps_let_pairs_at_the_threshold_pass_and_no_unrelated_ones(shared: int):
    draw = np.random.default_rng(shared)
    single = shared // 8  # grams of one set only; 8 / (8 + 1 + 1) is the threshold
    for _ in range(50):
        grams = draw.permutation(100 * shared)[: 2 * (shared + single)].astype(np.int32)
        one, other = grams[: shared + single], grams[single : shared + 2 * single]
        unrelated = grams[shared + single :]
        maps, sizes = bitmaps([one, other, unrelated]), np.full(3, shared + single)

        left = can_be_near(maps, 0, np.array([1, 2]), sizes).tolist()

        # 8,000 grams fill every bitmap, and nothing is ruled out.
        assert left == ([1] if shared < 8000 else [1, 2])
