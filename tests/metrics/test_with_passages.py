"""What passages add, to which model, with its sign."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medadapt.metrics.scoring import score

TRUTH = "ABCD" * 10


def test_each_difference_is_what_its_name_says(choices, predict, inputs):
    test, wrong = choices(TRUTH), TRUTH[1:] + TRUTH[:1]

    def rows(model: str, count: int):
        return predict(test, [*TRUTH[:count], *wrong[count:]], model=model)

    given = inputs(test, rows("baseline", 10), rows("tuned", 20), task="multiple_choice", samples=100)
    further = {"test.baseline.retrieval": rows("baseline", 24), "test.tuned.retrieval": rows("tuned", 36)}
    found = score(replace(given, further=further, search={"n": 40}))["retrieval"]

    assert found["baseline"]["accuracy"]["value"] == 24 / 40
    assert found["tuned"]["accuracy"]["value"] == 36 / 40
    assert {told: change["value"] for told, change in found["difference"].items()} == pytest.approx(
        {
            "baseline": (24 - 10) / 40,
            "tuned": (36 - 20) / 40,
            "tuned_with_over_baseline_with": (36 - 24) / 40,
            "tuned_without_over_baseline_with": (20 - 24) / 40,
        }
    )
