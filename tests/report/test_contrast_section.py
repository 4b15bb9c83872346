"""Contradictions of written answers: rates, silence, and the texts to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medadapt.report.building import report_page
from medadapt.report.contrast_section import contrast_section
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Section, Table, Text

Build = Callable[..., ReportInputs]
KINDS = ("negation", "number", "unit", "comparison", "side", "name", "any")
NOTHING = {"value": None, "low": None, "high": None, "n": 24, "checkable": 0, "reason": "nothing"}
NO_CHANGE = {
    "value": None,
    "low": None,
    "high": None,
    "p": None,
    "test": None,
    "verdict": "not shown",
    "n": 0,
}
HOSTILE = "<script>alert(1)</script> 5000 mg"


def block() -> dict[str, Any]:
    rate = {"value": 0.25, "low": 0.1, "high": 0.5, "n": 24, "checkable": 16}
    change = {"value": 0.2, "low": 0.05, "high": 0.4, "p": 0.02, "test": "mcnemar-exact", "n": 15}
    change["verdict"] = "worse"
    names = {"numbers": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 30}, "names": NOTHING}
    finding = {
        "kind": "number",
        "answer": f"Take {HOSTILE}.",
        "reference": "Take 500 mg.",
        "said": HOSTILE,
        "wanted": "500 mg",
    }
    return {
        "baseline": dict.fromkeys(KINDS, NOTHING),
        "tuned": {kind: rate if kind in ("number", "any") else NOTHING for kind in KINDS},
        "difference": {kind: change if kind == "any" else NO_CHANGE for kind in KINDS},
        "silent": {"baseline": 1.0, "tuned": 0.125},
        "named": {"baseline": names, "tuned": names},
        "examples": [{"id": "q7", "model": "tuned", "findings": [finding, {**finding, "kind": "unit"}]}],
    }


@pytest.fixture
def with_contrast(dialogue_inputs: Build) -> ReportInputs:
    inputs = dialogue_inputs()
    shape = {"length_ratio": 2.5, "repetitive": 0.25}
    found = {
        "contrast": block(),
        "answer_shape": {"baseline": shape, "tuned": {**shape, "length_ratio": None}},
    }
    return replace(inputs, metrics={**inputs.metrics, **found})


def section_of(inputs: ReportInputs) -> Section:
    section = contrast_section(inputs)
    assert section is not None
    return section


def test_rates_stand_with_interval_count_difference_and_p(with_contrast):
    rates = next(block for block in section_of(with_contrast).blocks if isinstance(block, Table))
    rows = {row[0]: row[1:] for row in rates.rows}
    assert next(iter(rows)) == "Any contradiction"
    assert rows["Any contradiction"] == (
        "–", "25.0% (10.0 to 50.0%) of 16", "+20.0 points (+5.0 to +40.0 points)", "0.020",
    )  # fmt: skip
    assert rows["Side"] == ("–", "–", "–", "–")


def test_silence_and_limits_are_said(with_contrast):
    texts = " ".join(block.text for block in section_of(with_contrast).blocks if isinstance(block, Text))
    assert "100.0% of the base model, 12.5% of the tuned model" in texts
    assert "Base model: 2.50 words for each word of the references, 25.0% of the answers repeat" in texts
    assert "Tuned model: – words" in texts
    assert "does not mean that an answer is right" in texts


def test_every_contradiction_shows_both_texts_and_is_escaped(with_contrast):
    worst = [block for block in section_of(with_contrast).blocks if isinstance(block, Table)][-1]
    assert [row[:2] for row in worst.rows] == [("q7", "Number or dose"), ("q7", "Unit")]
    assert worst.rows[0][3] == "500 mg: Take 500 mg."
    page = render(report_page(with_contrast))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_without_findings_the_section_says_so(with_contrast):
    metrics = {**with_contrast.metrics, "contrast": {**block(), "examples": []}}
    texts = [
        b.text for b in section_of(replace(with_contrast, metrics=metrics)).blocks if isinstance(b, Text)
    ]
    assert any("No contradiction was found" in text for text in texts)


def test_runs_without_written_answers_have_no_such_section(choice_inputs: Build, qa_inputs: Build):
    assert contrast_section(choice_inputs()) is None
    assert contrast_section(qa_inputs()) is None
