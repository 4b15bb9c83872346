"""Both models with passages in their prompts, on the same records: what passages add to each, and to which of them.

The four comparisons are paired and by the primary metric. They are judged each for itself: each answers a question of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medadapt.core.results import MODEL_NAMES
from medadapt.metrics.against_controls import minus
from medadapt.metrics.entrants import Entrants, estimates_of
from medadapt.metrics.statistics.estimates import NO_COLUMN

VARIANT = "retrieval"
STEMS = {f"{name}_{VARIANT}": f"test.{name}.{VARIANT}" for name in MODEL_NAMES}
"""Entrant -> the file of `4-predictions/` with what that model said with passages."""
COMPARED = {
    "baseline": ("baseline", "baseline_retrieval"),
    "tuned": ("tuned", "tuned_retrieval"),
    "tuned_with_over_baseline_with": ("baseline_retrieval", "tuned_retrieval"),
    "tuned_without_over_baseline_with": ("baseline_retrieval", "tuned"),
}
"""What is told -> (taken off, from this)."""


def with_passages(entrants: Entrants, search: Mapping[str, Any], *, metrics: Sequence[str]) -> dict[str, Any]:
    """Scores with passages, the four differences, and `search`, how well the passages were found."""
    return {
        "search": dict(search),
        **{
            name: estimates_of(f"{name}_{VARIANT}", entrants, metrics=metrics, missing=NO_COLUMN)
            for name in MODEL_NAMES
        },
        "difference": {
            told: minus(first, second, entrants.primary, entrants)
            for told, (first, second) in COMPARED.items()
        },
    }
