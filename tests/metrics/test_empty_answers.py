"""A model that says nothing on 30 % of the questions gains nowhere, and no figure is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from medadapt.core.files import to_json
from medadapt.core.records import Record
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.scoring import score

PAIRS = Path(__file__).parent / "contrast"
EMPTIED = range(30, 60)
"""Places of the emptied answers: 30 of 100, half of them contradictions."""


@pytest.fixture(scope="module")
def written():
    """50 contradictions and 50 paraphrases written by hand, in turn: (question, reference, answer)."""
    contrasts = (PAIRS / "contrasts_by_hand.tsv").read_text("utf-8").splitlines()[::2]
    paraphrases = (PAIRS / "paraphrases_by_hand.tsv").read_text("utf-8").splitlines()[::2]
    turns = zip(contrasts, paraphrases, strict=True)
    return [row for one, other in turns for row in (one.split("\t")[1:], other.split("\t"))]


@pytest.fixture
def scored(written, predict, inputs):
    """metrics.json where the tuned model's answers at these places are emptied, of the kept records."""

    def build(emptied=(), kept=range(100)):
        test = [
            Record(id=f"q{k}", source_row=k, group=f"g{k}", question=asked, answer=wanted)
            for k, (asked, wanted, _) in enumerate(written)
        ]
        texts = [answer for *_, answer in written]
        baseline = predict(test, texts=texts)
        tuned = predict(
            test, texts=["" if k in emptied else text for k, text in enumerate(texts)], model="tuned"
        )
        tuned = [replace(row, nll=(row.nll or 0) - 0.5) for row in tuned]
        chosen = [[rows[k] for k in kept] for rows in (test, baseline, tuned)]
        return score(inputs(*chosen, task="qa", primary="rougeL"))

    return build


def test_every_text_metric_falls_and_the_empty_share_is_known(scored):
    spoken, silent = scored(), scored(emptied=EMPTIED)
    assert silent["rates"]["tuned"]["empty"] == 0.30
    assert silent["rates"]["baseline"]["empty"] == 0
    for name in TEXT_METRICS[:-1]:
        assert silent["tuned"][name]["value"] < spoken["tuned"][name]["value"]
        assert silent["difference"][name]["verdict"] == "worse"
    assert silent["soft_match"]["errors"]["tuned"] > spoken["soft_match"]["errors"]["tuned"]


def test_silence_buys_no_better_contrast_rates(scored):
    silent = scored(emptied=EMPTIED)
    alone = scored(kept=[k for k in range(100) if k not in EMPTIED])
    assert silent["contrast"]["silent"]["tuned"] >= 0.30
    for kind, rate in silent["contrast"]["tuned"].items():
        assert rate["value"] == alone["contrast"]["tuned"][kind]["value"]
        assert rate["checkable"] == alone["contrast"]["tuned"][kind]["checkable"]
        assert silent["contrast"]["difference"][kind]["value"] == 0
    named = silent["contrast"]["named"]
    assert named["tuned"]["numbers"]["value"] < named["baseline"]["numbers"]["value"]
    assert named["tuned"]["names"]["value"] < named["baseline"]["names"]["value"]


@pytest.mark.parametrize("emptied", [EMPTIED, range(100)])
def test_no_figure_is_lost(scored, emptied):
    def fail(name):
        raise AssertionError(f"{name} in metrics.json")

    metrics = json.loads(to_json(scored(emptied=emptied)), parse_constant=fail)
    for name in TEXT_METRICS[:-1]:
        assert metrics["tuned"][name]["value"] is not None
