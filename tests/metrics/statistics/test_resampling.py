"""The bootstrap and the random swaps against slow, plain versions of themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from medadapt.core.errors import DataError
from medadapt.metrics.marking.marks import mark_decisions, on_grid
from medadapt.metrics.statistics import resampling
from medadapt.metrics.statistics.intervals import expanded_percentile
from medadapt.metrics.statistics.resampling import (
    Plan,
    bootstrap_values,
    flipped_differences,
    group_numbers,
    groups_of,
    sum_groups,
)

LABELS = ["a", "b", "c"]


def _likelihoods(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "nll": on_grid(random.gamma(2, 3, n)),  # as predictions are marked: only then are sums exact
        "tokens": random.integers(2, 30, n).astype(float),
        "bytes": np.full(n, 9.0),
    }


@pytest.mark.parametrize("missing", ["", None])
def test_a_record_without_a_group_is_refused_by_name(diagnoses, missing):
    records = diagnoses("abc")
    assert groups_of(records).tolist() == [0, 1, 2]
    records[1] = replace(records[1], group=missing)
    with pytest.raises(DataError, match="r0001") as refused:
        groups_of(records)
    assert "group" in refused.value.expected


def test_macro_f1_of_each_resample_equals_scikit_learn(independent):
    random = np.random.default_rng(1)
    truth, chosen = random.choice(LABELS, 40), random.choice(LABELS, 40)
    plan = independent(40, samples=30)
    found = bootstrap_values({"m": mark_decisions(truth, chosen, LABELS)}, plan)["m"]["macro_f1"]
    weights = np.vstack(list(resampling.bootstrap_weights(plan)))
    for value, weight in zip(found, weights, strict=True):
        rows = np.repeat(np.arange(40), weight.astype(int))
        present = sorted(set(truth[rows]))
        wanted = f1_score(truth[rows], chosen[rows], labels=present, average="macro", zero_division=0)
        assert value == pytest.approx(wanted)


def test_every_resample_draws_as_many_groups_as_there_are():
    plan = Plan(group=group_numbers(list("aabbbc")), samples=200, seed=3)
    weights = np.vstack(list(resampling.bootstrap_weights(plan)))
    assert weights.shape == (200, 3)
    assert (weights.sum(axis=1) == 3).all()
    assert weights.mean() == pytest.approx(1.0)


def test_batches_do_not_change_what_is_drawn(independent, monkeypatch):
    plan, tallies = independent(50, samples=300), {"m": _likelihoods(50)}
    whole = bootstrap_values(tallies, plan)["m"]["loss"]
    monkeypatch.setattr(resampling, "CELLS", 50 * 7)
    assert np.array_equal(bootstrap_values(tallies, plan)["m"]["loss"], whole)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(independent):
    tallies = {"m": _likelihoods(50)}
    first, again, other = (
        bootstrap_values(tallies, independent(50, seed=seed))["m"]["loss"] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_both_models_are_resampled_together(independent):
    tallies = _likelihoods(50)
    values = bootstrap_values({"baseline": tallies, "tuned": dict(tallies)}, independent(50))
    assert np.array_equal(values["baseline"]["loss"], values["tuned"]["loss"])


def test_bootstrap_of_a_ratio_agrees_with_scipy(independent):
    tallies = _likelihoods(80)
    found = bootstrap_values({"m": tallies}, independent(80, samples=10_000))["m"]["loss"]
    wanted = stats.bootstrap(
        (tallies["nll"], tallies["tokens"]),
        lambda nll, tokens, axis: nll.sum(axis) / tokens.sum(axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(5),
    )
    assert found.std(ddof=1) == pytest.approx(wanted.standard_error, rel=0.04)
    assert np.quantile(found, [0.025, 0.975]) == pytest.approx(list(wanted.confidence_interval), rel=0.02)


def test_groups_are_drawn_whole():
    group = group_numbers(["x", "x", "y", "y", "z", "z"])
    tallies = {"right": np.array([1.0, 1, 0, 0, 1, 1]), "records": np.ones(6)}
    values = bootstrap_values({"m": tallies}, Plan(group=group, samples=400, seed=0))["m"]["accuracy"]
    assert set(np.round(values * 3).astype(int)) == {0, 1, 2, 3}
    assert np.allclose(values * 3, np.round(values * 3))  # only whole groups: thirds


def test_group_sums_keep_label_columns():
    sums = sum_groups({"truth": np.eye(3)}, np.array([0, 1, 0]))
    assert sums["truth"].tolist() == [[1, 0, 1], [0, 1, 0]]


def test_swapping_the_models_gives_the_difference_of_the_swapped_marks(independent):
    random = np.random.default_rng(2)
    truth = random.choice(LABELS, 30)
    first, second = (mark_decisions(truth, random.choice(LABELS, 30), LABELS) for _ in range(2))
    plan = independent(30, samples=20)
    found = flipped_differences(first, second, plan)["macro_f1"]
    signs = np.vstack(list(resampling._signs(plan)))
    for value, sign in zip(found, signs, strict=True):
        keep = sign > 0
        before, after = (
            {
                name: np.where(keep if a.ndim == 1 else keep[:, None], a, b[name]).sum(axis=0)
                for name, a in one.items()
            }
            for one, b in ((first, second), (second, first))
        )
        wanted = resampling.metric_values(after)["macro_f1"] - resampling.metric_values(before)["macro_f1"]
        assert value == pytest.approx(wanted)


@pytest.mark.parametrize("n", [30, 61, 100])
def test_bootstrap_covers_the_true_loss_19_times_in_20(n, independent):
    random = np.random.default_rng(n)
    covered, trials = 0, 600
    for trial in range(trials):
        tokens = random.integers(5, 40, n).astype(float)
        tallies = {"nll": tokens * random.normal(2.0, 0.6, n), "tokens": tokens}
        values = bootstrap_values({"m": tallies}, independent(n, samples=600, seed=trial))["m"]["loss"]
        low, high = expanded_percentile(values, num_groups=n, alpha=0.05)
        covered += low <= 2.0 <= high
    assert 0.93 <= covered / trials <= 0.97
