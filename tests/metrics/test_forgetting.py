"""Whether the rise of the loss on general text is judged against its margin, and by whose numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from medadapt.core.errors import DataError
from medadapt.core.results import Prediction
from medadapt.metrics.forgetting import forgetting, judge


def _predictions(model: str, nll: np.ndarray, *, kind: str = "prose", tokens: int = 80) -> list[Prediction]:
    return [
        Prediction(
            id=f"{kind}-{number:02}",
            model=model,
            prompt_sha256="p",
            nll=float(value),
            num_tokens=tokens,
            num_bytes=4 * tokens,
        )
        for number, value in enumerate(nll, 1)
    ]


def _measured(rise: np.ndarray, *, margin: float = 0.05, tokens: int = 80) -> dict:
    before = np.random.default_rng(0).normal(240.0, 20.0, len(rise))
    return forgetting(
        _predictions("baseline", before, tokens=tokens),
        _predictions("tuned", before + tokens * rise, tokens=tokens),
        margin=margin,
        samples=4000,
        seed=0,
        alpha=0.05,
    )


def test_the_rise_is_the_loss_of_the_tuned_model_less_that_of_the_base():
    found = _measured(np.array([0.1, 0.2, 0.3, 0.4]))["kinds"]["prose"]
    assert found["rise"]["value"] == pytest.approx(0.25, abs=1e-6)
    assert found["tuned"]["loss"]["value"] - found["baseline"]["loss"]["value"] == pytest.approx(
        0.25, abs=1e-6
    )


def test_the_ends_are_those_of_a_two_sided_ninety_per_cent_t_interval():
    rise = np.random.default_rng(3).normal(0.02, 0.05, 24)
    found = _measured(rise)["kinds"]["prose"]["rise"]
    wanted = stats.ttest_1samp(rise, 0).confidence_interval(0.90)
    assert [found["low"], found["high"]] == pytest.approx([wanted.low, wanted.high], abs=0.003)


def test_equal_models_have_kept_everything():
    assert _measured(np.zeros(24))["verdict"] == "kept"


def test_a_rise_far_above_the_margin_is_lost_and_an_unsure_one_not_shown():
    assert _measured(np.full(24, 0.4) + np.linspace(-0.1, 0.1, 24))["verdict"] == "lost"
    assert _measured(np.linspace(-0.6, 0.7, 24))["verdict"] == "not shown"


def test_a_wider_margin_lets_the_same_rise_pass():
    rise = np.full(24, 0.04) + np.linspace(-0.02, 0.02, 24)
    assert _measured(rise, margin=0.01)["verdict"] == "lost"
    assert _measured(rise, margin=0.1)["verdict"] == "kept"


def test_the_whole_verdict_is_the_worst_of_its_kinds():
    before = np.full(20, 200.0) + np.arange(20)
    rise = 80 * (np.full(20, 0.5) + np.linspace(-0.1, 0.1, 20))
    found = forgetting(
        [*_predictions("baseline", before), *_predictions("baseline", before, kind="instructions")],
        [*_predictions("tuned", before), *_predictions("tuned", before + rise, kind="instructions")],
        margin=0.05,
        samples=500,
        seed=0,
        alpha=0.05,
    )
    assert {kind: part["verdict"] for kind, part in found["kinds"].items()} == {
        "prose": "kept",
        "instructions": "lost",
    }
    assert found["verdict"] == "lost"


def test_a_single_passage_shows_nothing():
    found = _measured(np.array([0.0]))
    assert found["verdict"] == "not shown"
    assert found["kinds"]["prose"]["rise"]["high"] is None


def test_judging_at_the_margin_itself_is_not_kept():
    assert judge(0.0, 0.05, 0.05) == "not shown"
    assert judge(0.05, 0.1, 0.05) == "not shown"


@pytest.mark.parametrize("field", ["nll", "num_tokens", "num_bytes"])
@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_a_passage_without_a_likelihood_is_named(model, field):
    rows = {name: _predictions(name, np.array([1.0, 2.0])) for name in ("baseline", "tuned")}
    rows[model][1] = replace(rows[model][1], **{field: None})
    with pytest.raises(DataError, match=rf"general\.{model}\.jsonl has no .*prose-02") as problem:
        forgetting(rows["baseline"], rows["tuned"], margin=0.05, samples=100, seed=0, alpha=0.05)
    assert problem.value.remedy == "Run the predict stage again."


def test_other_passages_are_refused():
    baseline = _predictions("baseline", np.array([1.0, 2.0]))
    tuned = _predictions("tuned", np.array([1.0, 2.0]))
    with pytest.raises(DataError, match="same passages"):
        forgetting(
            baseline,
            [replace(tuned[1]), replace(tuned[0])],
            margin=0.05,
            samples=100,
            seed=0,
            alpha=0.05,
        )
