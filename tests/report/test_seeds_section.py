"""The spread between training seeds on the page, on the card and in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medadapt.report.building import report_page
from medadapt.report.card import proof_card
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.model_card import model_card
from medadapt.report.sections import Table
from medadapt.report.seed_words import seeds_judgement
from medadapt.report.seeds_section import seeds_section


def spread(**changes: Any) -> dict[str, Any]:
    """Three seeds, of which two show a gain."""
    return {
        "seeds": [0, 1, 2],
        "primary": "accuracy",
        "alpha": 0.05,
        "n": 61,
        "values": {"0": 0.7, "1": 0.6, "2": 0.8},
        "difference": {"0": 0.2, "1": 0.1, "2": 0.3},
        "verdicts": {"0": "better", "1": "not shown", "2": "better"},
        "mean": 0.2,
        "sd": 0.1,
        "low": 0.1,
        "high": 0.3,
        "reason": None,
        "sampling_interval": {"value": 0.2, "low": 0.05, "high": 0.34, "reason": None},
    } | changes


def test_a_verdict_that_depends_on_the_seed_is_a_warning():
    judged = seeds_judgement(spread())
    assert (judged.tone, judged.title) == ("warning", "The verdict depends on the seed")
    assert "Of 3 seeds: better with 2, not shown with 1." in judged.text


def test_the_spread_stands_beside_the_sampling_interval():
    text = seeds_judgement(spread()).text
    assert (
        "+20.0 points on average (smallest +10.0 points, largest +30.0 points, standard deviation 10.0 points)"
        in text
    )
    assert "The 95% interval of the recipe's seed" in text
    assert "is +5.0 to +34.0 points." in text


@pytest.mark.parametrize(
    ("verdict", "tone"), [("better", "good"), ("worse", "plain"), ("not shown", "plain")]
)
def test_one_verdict_for_all_seeds_is_told_as_such(verdict, tone):
    judged = seeds_judgement(spread(verdicts=dict.fromkeys("012", verdict)))
    assert (judged.tone, judged.title) == (tone, f"{verdict.capitalize()} with all 3 seeds")


def test_an_unknown_spread_says_why():
    judged = seeds_judgement(spread(mean=None, sd=None, low=None, high=None, reason="no value for seed 2"))
    assert judged.text == "No value for seed 2."


def test_without_repeated_seeds_nothing_is_said(qa_inputs: Callable[..., ReportInputs]):
    inputs = qa_inputs()
    assert seeds_section(inputs.seeds) is None
    assert proof_card(inputs.metrics, inputs.seeds).seeds is None
    assert "Training seeds" not in render(report_page(inputs))


def test_the_table_has_a_row_for_each_seed_the_recipes_first():
    (table,) = [block for block in seeds_section(spread()).blocks if isinstance(block, Table)]
    assert table.rows[0] == ("0 (the recipe's)", "70.0%", "+20.0 points", "better")
    assert [row[0] for row in table.rows[1:]] == ["1", "2"]


def test_page_and_model_card_show_the_spread(qa_inputs: Callable[..., ReportInputs]):
    inputs = replace(qa_inputs(), seeds=spread())
    first_page, section, _ = render(report_page(inputs)).partition('id="seeds"')
    assert section
    assert "The verdict depends on the seed" in first_page
    assert "The verdict depends on the seed" in model_card(inputs)


def test_a_verdict_that_depends_on_the_seed_is_a_doubt_about_a_gain(
    diagnosis_inputs: Callable[..., ReportInputs],
):
    metrics = diagnosis_inputs().metrics
    change = {**metrics["difference"]["accuracy"], "verdict": "better"}
    metrics = {**metrics, "difference": {**metrics["difference"], "accuracy": change}}
    assert "The verdict depends on the seed" in proof_card(metrics, spread()).caveats


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        ("better", "Better with all 3 seeds, but a gate failed"),
        ("worse", "Worse with all 3 seeds, and a gate failed"),
    ],
)
def test_a_failed_gate_stands_in_the_title_that_becomes_a_doubt(
    verdict: str, title: str, diagnosis_inputs: Callable[..., ReportInputs]
):
    metrics = diagnosis_inputs().metrics
    told = spread(failed={"0": ["leak"]}, verdicts=dict.fromkeys("012", verdict))
    card = proof_card(metrics, told)
    assert card.verdict == "better"
    assert card.caveats[-1] == card.seeds.title == title


def test_a_gate_that_failed_is_told_also_where_the_verdict_depends_on_the_seed():
    failed = {"2": ["no_effect", "leak"]}
    for told in (spread(failed=failed), spread(failed=failed, verdicts=dict.fromkeys("012", "better"))):
        judged = seeds_judgement(told)
        assert judged.tone == "warning"
        for text in (judged.text, judged.short):
            assert text.endswith(". A gate failed (seed 2: no effect, leak).")
