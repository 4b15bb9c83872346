"""What of an evaluation is reported and what is not, item by item, for the model card.

The items are those that a reader of a study with a language model in health care looks for, in our words and
after the reporting guideline TRIPOD-LLM (Gallifant and others, Nature Medicine 2025). Nothing is filled in that the
run does not know.
"""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.facts import shows_options
from medadapt.report.inputs import ReportInputs
from medadapt.report.verdicts import change_of_protocol

REPORTED, NOT_REPORTED, NOT_APPLICABLE = "reported", "not reported", "not applicable"
RESULTS = "Results"
PAGE = "the run's report (index.html)"
"""Where the card has no room for an item."""


def reporting(inputs: ReportInputs) -> list[tuple[str, str, str]]:
    """(item, `reported`, `not reported` or `not applicable`, where or why) in order of a paper."""
    return [*_design(inputs), *_results(inputs), *_beyond()]


def _design(inputs: ReportInputs) -> list[tuple[str, str, str]]:
    metrics, data = inputs.metrics, inputs.data
    protocol = metrics.get("protocol") or {}
    fixed, changed = protocol.get("fixed_before_tuning"), change_of_protocol(metrics)
    return [
        ("Task and intended use", REPORTED, "Intended use and limits"),
        _known("Sources of the data, with hashes", data.get("sources"), "Data and licence"),
        _known("What became of every source row", data.get("counts"), "Data and licence"),
        _known("Split and what was kept together", data.get("group_rule"), "Protocol"),
        ("Origin, dates and setting of the data", NOT_REPORTED, "the files do not say"),
        ("Age, sex and origin of the people in the data", NOT_REPORTED, "the files do not say"),
        ("Size of the test set, and what it can show", *_known_size(metrics)),
        _known("Base model, with hash", protocol.get("base_sha256"), "Protocol"),
        _known("Prompts and chat template", protocol.get("prompt_sha256"), "Protocol"),
        ("Tuning: method, settings, steps", REPORTED, "Training"),
        _known("Device and time", inputs.run.get("device"), "Training"),
        (
            "Protocol fixed before tuning",
            REPORTED if fixed is not None else NOT_REPORTED,
            "this run did not record it" if fixed is None else f"no: {changed}" if changed else "yes",
        ),
    ]


def _known_size(metrics: dict[str, Any]) -> tuple[str, str]:
    smallest, reason = metrics.get("detectable_difference"), metrics.get("detectable_reason") or ""
    n = wording.amount(metrics["n"], "test record")
    if smallest is None:
        return REPORTED, f"{n}; the detectable difference is not known{f' ({reason})' if reason else ''}"
    return REPORTED, f"{n}; {wording.detectable(metrics['primary'], smallest, reason)}"


def _results(inputs: ReportInputs) -> list[tuple[str, str, str]]:
    metrics = inputs.metrics
    leakage, calibration = metrics.get("leakage") or {}, metrics.get("calibration") or {}
    return [
        ("Performance with intervals, on the same records as the base", REPORTED, RESULTS),
        _measured("Simple controls", metrics.get("against_control"), key="value"),
        _measured("Base with examples in its prompt", metrics.get("against_few_shot"), key="value"),
        _measured("Overlap of test and training data", leakage, key="exact"),
        _measured("Result without overlapping records", metrics.get("clean"), key="difference"),
        _measured("Calibration", calibration, key="tuned"),
        _measured("Results by subject or question type", metrics.get("groups"), where=PAGE),
        *_orders(inputs),
        _measured("Forgetting of other abilities", metrics.get("forgetting"), key="verdict"),
        _measured("Answers that were missing, unparsed or cut", metrics.get("rates")),
    ]


def _orders(inputs: ReportInputs) -> list[tuple[str, str, str]]:
    item = "Order of the options changed"
    if inputs.metrics["task"] != "multiple_choice":
        return []
    if not shows_options(inputs):
        return [(item, NOT_APPLICABLE, "the prompt shows no options")]
    return [_measured(item, inputs.metrics.get("permutations"), key="flip_rate")]


def _beyond() -> list[tuple[str, str, str]]:
    return [
        ("Judgement of answers by clinicians", NOT_REPORTED, "nobody read the answers for this card"),
        ("Fairness between groups of patients", NOT_REPORTED, "the records do not say who the patients are"),
        ("Safety and harm", NOT_REPORTED, "not measured"),
        ("Ethical approval and consent", NOT_APPLICABLE, "no trial, no patients were treated"),
        ("Registration of a study", NOT_APPLICABLE, "no trial"),
        ("Involvement of patients and the public", NOT_REPORTED, "not known to the software"),
        ("Funding and conflicts of interest", NOT_REPORTED, "not known to the software"),
    ]


def _known(item: str, value: Any, where: str) -> tuple[str, str, str]:
    return (item, REPORTED, where) if value else (item, NOT_REPORTED, "not recorded in this run")


def _measured(item: str, found: Any, *, key: str | None = None, where: str = RESULTS) -> tuple[str, str, str]:
    """Reported where the metrics have it, or have this key of it; else the reason that they give."""
    part = found.get(key) if key and isinstance(found, dict) else found
    if part is not None and part != {}:
        return item, REPORTED, where
    reason = found.get("reason") if isinstance(found, dict) else None
    return item, NOT_REPORTED, str(reason or "not measured in this run").rstrip(".")
