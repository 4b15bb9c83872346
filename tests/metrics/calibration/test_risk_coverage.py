from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medadapt.metrics.calibration.risk_coverage import (
    accuracy_at,
    area,
    curve,
    least_area,
    least_area_of_many,
    resampled_areas,
    selective_risks,
)
from medadapt.metrics.statistics.intervals import wilson

BELIEFS = st.lists(st.tuples(st.sampled_from([0.3, 0.5, 0.9]), st.integers(0, 1)), min_size=1, max_size=6)


def brute_force_area(order, wrong):
    return np.mean([np.mean([wrong[place] for place in order[: k + 1]]) for k in range(len(order))])


@given(BELIEFS)
@settings(max_examples=40, deadline=None)
def test_the_area_is_the_mean_over_all_orders_of_equal_confidences(pairs):
    confidence, wrong = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    orders = [
        order
        for order in permutations(range(len(pairs)))
        if all(confidence[a] >= confidence[b] for a, b in pairwise(order))
    ]
    wanted = np.mean([brute_force_area(order, wrong) for order in orders])
    assert area(selective_risks(confidence, wrong)) == pytest.approx(wanted, abs=1e-12)


@given(st.integers(1, 30), st.data())
def test_the_least_area_is_that_of_a_model_less_sure_of_each_error(n, data):
    num_wrong = data.draw(st.integers(0, n))
    wrong = np.repeat([0.0, 1.0], [n - num_wrong, num_wrong])
    assert least_area(num_wrong, n) == pytest.approx(brute_force_area(range(n), wrong), abs=1e-12)


def test_the_least_area_of_many_records_is_its_limit():
    assert least_area_of_many(np.array([0.0, 0.3, 1.0])) == pytest.approx(
        [least_area(round(share * 100_000), 100_000) for share in (0.0, 0.3, 1.0)], abs=1e-4
    )


def test_a_resample_with_every_record_once_has_the_area_itself():
    random = np.random.default_rng(0)
    confidence, wrong = random.random(50), (random.random(50) < 0.4).astype(float)
    found = resampled_areas(np.ones((1, 50)), confidence, wrong, np.arange(50))
    assert found == pytest.approx([area(selective_risks(confidence, wrong))], abs=1e-12)


def test_a_resample_without_a_group_is_the_test_set_without_it():
    confidence, wrong = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 0.0, 1.0, 0.0])
    group = np.array([0, 1, 0, 2])
    found = resampled_areas(np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]), confidence, wrong, group)
    wanted = [area(selective_risks(confidence[kept], wrong[kept])) for kept in ([1, 3], [0, 1, 2])]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_the_accuracy_at_a_coverage_is_that_of_the_surest_records():
    confidence = np.linspace(0.99, 0.3, 20)
    wrong = np.repeat([0.0, 1.0], [17, 3])
    found = accuracy_at(confidence, wrong, np.arange(20), alpha=0.05)
    assert {key: (row["value"], row["n"]) for key, row in found.items()} == {
        "0.8": (1.0, 16),
        "0.9": (pytest.approx(17 / 18), 18),
        "0.95": (pytest.approx(17 / 19), 19),
    }
    assert (found["0.8"]["low"], found["0.8"]["high"]) == wilson(1.0, n=16, alpha=0.05)


def test_records_of_one_group_make_an_interval_no_narrower_than_one_record():
    confidence, wrong = np.linspace(0.9, 0.5, 40), np.tile([0.0, 1.0], 20)
    apart = accuracy_at(confidence, wrong, np.arange(40), alpha=0.05)["0.8"]
    together = accuracy_at(confidence, wrong, np.arange(40) // 4, alpha=0.05)["0.8"]
    assert (together["low"], together["high"]) == wilson(together["value"], n=8, alpha=0.05)
    assert together["low"] < apart["low"]


def test_the_curve_has_at_most_fifty_points_and_ends_with_every_answer():
    random = np.random.default_rng(2)
    confidence, wrong = random.random(700), (random.random(700) < 0.3).astype(float)
    points = curve(confidence, wrong, np.arange(700), alpha=0.05)
    assert len(points) <= 50
    assert points[-1]["coverage"] == 1
    assert points[-1]["risk"] == pytest.approx(wrong.mean())
    assert points[-1]["confidence"] == confidence.min()
    assert all(point["low"] <= point["risk"] <= point["high"] for point in points)
