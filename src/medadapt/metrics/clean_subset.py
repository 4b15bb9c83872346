"""The metrics once more, on the test records of which nothing was found in training: what is left of the gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from medadapt.core.records import Record
from medadapt.core.results import START_ADAPTER
from medadapt.metrics.against_controls import against_best_control, against_few_shot, control_scores
from medadapt.metrics.entrants import Entrants, estimates_of, pair_models, part_of
from medadapt.metrics.statistics.estimates import NO_COLUMN
from medadapt.metrics.statistics.judging import differences

LAYERS = ("exact", "near", "question", "answer")
MEASURED = ("baseline", "tuned", "difference", "controls", "against_control", "against_few_shot")
FEWEST = 2
"""Records, and groups of them, below which nothing is measured."""


def clean_subset(
    test: Sequence[Record],
    leakage: Mapping[str, Any],
    entrants: Entrants,
    *,
    metrics: Sequence[str],
    same_model: bool,
) -> dict[str, Any]:
    """Estimates of both models and of the controls on the records without a flag, and the differences; plain data.

    `n` records are left, and `left_out` counts those that leak by layer; a record that leaks in several counts in
    each. All that was measured is null, with a `reason`, where fewer than two records or groups are
    left, or where the leakage was measured without naming records.
    """
    flagged = leakage.get("flagged")
    layers = (*LAYERS, START_ADAPTER) if START_ADAPTER in leakage else LAYERS
    if flagged is None:
        reason = "data.json does not say which test records leak (a new run measures it)"
        return _nothing(None, dict.fromkeys(layers), reason)
    rows = [place for place, record in enumerate(test) if record.id not in flagged]
    left_out = {layer: sum(layer in flagged.get(record.id, ()) for record in test) for layer in layers}
    if len(rows) < FEWEST:
        return _nothing(len(rows), left_out, f"{len(rows)} of {len(test)} test records are free of any leak")
    if len({test[place].group for place in rows}) < FEWEST:
        return _nothing(len(rows), left_out, "all records that are free of any leak are of one group")
    part = part_of(entrants, rows)
    pair = pair_models(part, same_model=same_model)
    return {
        "n": len(rows),
        "left_out": left_out,
        **{name: estimates_of(name, part, metrics=metrics, missing=NO_COLUMN) for name in part.models},
        "difference": {name: asdict(change) for name, change in differences(metrics, pair).items()},
        "controls": control_scores(part, metrics),
        "against_control": against_best_control(part),
        "against_few_shot": against_few_shot(part, part.primary),
        "reason": None,
    }


def _nothing(n: int | None, left_out: Mapping[str, int | None], reason: str) -> dict[str, Any]:
    return {"n": n, "left_out": {**left_out}, **dict.fromkeys(MEASURED), "reason": reason}
