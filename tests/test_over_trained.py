"""A base that is trained far too long and far too fast on one task: that it lost other abilities is found."""

from __future__ import annotations

import pytest

from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.workflow.outcome import run
from medadapt.workflow.request import RunRequest

pytestmark = pytest.mark.slow


def test_general_english_that_is_lost_fails_the_gate_that_asks_for_it(tmp_path):
    recipe = Recipe.model_validate({
        "name": "over-trained",
        "data": {
            "format": "symptom_table",
            "source": "sample:rows/symptoms",
            "split": {"train": 0.8, "validation": 0.0, "test": 0.2},  # so that no earlier step is kept instead
        },
        "model": {"base": "sample:base", "precision": "fp32"},
        "training": {"epochs": 20, "learning_rate": 1e-2, "tracking": []},
        "evaluation": {"method": "score", "few_shot": 0, "bootstrap_samples": 1000},
    })  # fmt: skip

    told, gated = (
        run(RunRequest(recipe=recipe, folder=tmp_path / "run", gate=gate), Silent()) for gate in (False, True)
    )

    assert gated.metrics["forgetting"]["verdict"] == "lost"
    assert "forgetting" in [finding["kind"] for finding in told.findings]
    assert (told.exit_code, gated.exit_code) == (0, 3)
