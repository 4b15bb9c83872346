"""How often a model said nothing, nothing readable, or did not see everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapt.core.records import Task
from medadapt.core.results import Prediction


def rates(predictions: Sequence[Prediction], task: Task) -> dict[str, Any]:
    """Shares of all predictions: `unparsed`, `empty`, `truncated`; null with a `reason` where unknown.

    Unparsed is an answer to a closed task in which no label or letter could be read, an empty one included.
    """
    shares: dict[str, Any] = {
        "unparsed": None,
        "empty": None,
        "truncated": _share([p.truncated for p in predictions]),
    }
    texts = [p.text for p in predictions]
    if all(text is None for text in texts):
        return {**shares, "reason": "no answers were written"}
    shares["empty"] = _share([not (text or "").strip() for text in texts])
    if task == "qa":
        return {**shares, "reason": "an open answer is not parsed"}
    return {**shares, "unparsed": _share([p.parsed is None for p in predictions])}


def _share(cases: Sequence[bool]) -> float:
    return sum(cases) / len(cases)
