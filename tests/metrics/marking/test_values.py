"""The metrics against scikit-learn and by hand."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from medadapt.core.recipe import EvaluationSection
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.marking.marks import mark_decisions
from medadapt.metrics.marking.values import METRICS, metric_names, metric_values
from medadapt.metrics.statistics.resampling import total

LABELS = ["a", "b", "c", "d"]
DECISIONS = st.lists(st.tuples(st.sampled_from(LABELS[:3]), st.sampled_from([*LABELS, None])), min_size=1)


@given(DECISIONS)
def test_macro_f1_and_accuracy_equal_scikit_learn(pairs):
    truth = [answer for answer, _ in pairs]
    chosen = [decision or "none" for _, decision in pairs]
    values = metric_values(total(mark_decisions(truth, [decision for _, decision in pairs], LABELS)))
    wanted = f1_score(truth, chosen, labels=sorted(set(truth)), average="macro", zero_division=0)
    assert values["macro_f1"] == pytest.approx(wanted, abs=1e-12)
    assert values["accuracy"] == pytest.approx(np.mean([t == c for t, c in zip(truth, chosen, strict=True)]))


def test_loss_weighs_every_token_the_same():
    sums = {"nll": np.array(12.0), "tokens": np.array(8.0), "bytes": np.array(24.0)}
    values = metric_values(sums)
    assert values["loss"] == 1.5
    assert values["perplexity"] == pytest.approx(np.exp(1.5))
    assert values["bits_per_byte"] == pytest.approx(0.5 / np.log(2))


def test_a_batch_of_sums_gives_a_batch_of_values():
    random = np.random.default_rng(0)
    tallies = mark_decisions(list("abcabc"), list("abbabd"), LABELS)
    weights = random.integers(0, 4, size=(5, 6)).astype(float)
    batch = metric_values({name: weights @ column for name, column in tallies.items()})
    for place, row in enumerate(weights):
        one = metric_values({name: row @ column for name, column in tallies.items()})
        assert batch["macro_f1"][place] == pytest.approx(one["macro_f1"], nan_ok=True)


def test_each_task_has_its_metrics():
    likelihood = ["loss", "perplexity", "bits_per_byte"]
    assert metric_names("qa", generated=False) == likelihood
    assert metric_names("qa", generated=True) == [*likelihood, *TEXT_METRICS[:-1]]
    assert metric_names("qa", generated=True, similar=True) == [*likelihood, *TEXT_METRICS]
    assert metric_names("diagnosis", generated=True) == [
        "accuracy",
        "accuracy_generated",
        "macro_f1",
        *likelihood,
    ]
    assert "accuracy_generated" not in metric_names("multiple_choice", generated=False)


def test_every_metric_of_a_recipe_is_computed_here():
    primaries = get_args(EvaluationSection.model_fields["primary"].annotation)
    assert set(METRICS) - {"soft_match", "contradicted", "named"} == set(primaries) - {"auto"}
