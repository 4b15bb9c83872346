"""The half of the pairs that a script makes from real sentences, which the rules have never seen."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import pytest

from contrast_checks import measure


@pytest.mark.slow
def test_real_sentences_changed_by_a_script_are_flagged_and_rewordings_are_not(shared_data):
    made = measure(shared_data)["by_script"]
    contrasts = made["contrasts"].values()
    assert sum(row["pairs"] for row in contrasts) == 100
    assert sum(row["flagged"] for row in contrasts) >= 90
    assert made["paraphrases"]["pairs"] == 100
    assert made["paraphrases"]["flagged"] <= 10
