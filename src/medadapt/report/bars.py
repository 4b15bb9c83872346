"""One metric of both models and of the controls, as places on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from medadapt.core.results import Metrics
from medadapt.report import wording

BarRole = Literal["baseline", "tuned", "control"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One value of a metric with its interval."""

    name: str
    role: BarRole
    text: str
    value: float
    """Place of the value on the scale, 0 to 100."""
    low: float | None
    high: float | None


def metric_bars(metrics: Metrics, key: str) -> tuple[Bar, ...]:
    """Base, tuned and the controls on one scale from 0; who has no value of the metric has no bar."""
    controls = metrics.get("controls") or {}
    named: list[tuple[str, BarRole, Any]] = [
        ("Base model", "baseline", metrics["baseline"].get(key)),
        ("Tuned model", "tuned", metrics["tuned"].get(key)),
        *(
            (wording.control_name(name), "control", (leaves or {}).get(key))
            for name, leaves in controls.items()
        ),
    ]
    return _on_one_scale(key, named)


def comparison_bars(comparison: dict[str, Any], key: str) -> tuple[Bar, ...]:
    """Base and tuned model of two runs that are compared; who has no value of the metric has no bar."""
    baseline, tuned = comparison["baseline"], comparison["tuned"]
    named: list[tuple[str, BarRole, Any]] = []
    for run in ("first", "second"):
        named.append((f"Base model, {run} run", "baseline", baseline[run].get(key)))
        named.append((f"Tuned model, {run} run", "tuned", tuned[run].get(key)))
    return _on_one_scale(key, named)


def _on_one_scale(key: str, named: Sequence[tuple[str, BarRole, Any]]) -> tuple[Bar, ...]:
    shown = [(name, role, leaf) for name, role, leaf in named if leaf and leaf.get("value") is not None]
    ends = [leaf[end] for _, _, leaf in shown for end in ("value", "high") if leaf.get(end) is not None]
    scale = 1.0 if key in wording.SHARE_METRICS else 1.05 * max(ends, default=1.0)

    def place(value: float | None) -> float | None:
        return None if value is None or scale <= 0 else round(min(max(100 * value / scale, 0.0), 100.0), 2)

    return tuple(
        Bar(
            name=name,
            role=role,
            text=wording.estimate(key, leaf),
            value=place(leaf["value"]) or 0.0,
            low=place(leaf.get("low")),
            high=place(leaf.get("high")),
        )
        for name, role, leaf in shown
    )
