"""What a report is made of: the run's recipe, state, data, steps, predictions and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from medadapt.core.records import Record
from medadapt.core.results import Metrics, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything the report shows, as read from the run folder. Absent keys are left out of the page."""

    recipe: dict[str, Any]
    """The resolved recipe."""
    run: dict[str, Any]
    """run.json"""
    data: dict[str, Any]
    """1-records/data.json"""
    examples: dict[str, Any]
    """2-examples/examples.json"""
    steps: list[dict[str, Any]]
    """3-adapter/steps.jsonl, in order of the steps."""
    test: list[Record]
    baseline: list[Prediction]
    tuned: list[Prediction]
    """Predictions in the order of `test`."""
    metrics: Metrics
    """5-metrics/metrics.json"""
    prompts: dict[str, str]
    """Record id -> the exact prompt; may lack any or all."""
    search: dict[str, Any] | None = None
    """search.json of the search that this run won."""
    benchmarks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name -> 5-metrics/benchmarks/<name>.json: standard sets, and `together` where several were asked at once."""
    seeds: dict[str, Any] | None = None
    """5-metrics/seeds.json, where training was repeated with other seeds."""
