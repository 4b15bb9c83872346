"""The spread between training seeds in words: does the result hold when only the seed changes?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from medadapt.report import wording
from medadapt.report.verdicts import Judgement


def seeds_judgement(spread: dict[str, Any] | None) -> Judgement | None:
    """Whether the verdict is the same for all seeds, with mean and ends; None without `seeds.json`."""
    if not spread:
        return None
    primary, number = spread["primary"], len(spread["seeds"])
    if spread["mean"] is None:
        reason = f"{spread['reason'].capitalize()}."
        return Judgement(tone="plain", title="Spread not known", text=reason, short=reason)
    low, high = (wording.metric_change(primary, spread[end]) for end in ("low", "high"))
    short = (
        f"Trained with {number} seeds on the same records, the difference is "
        f"{wording.metric_change(primary, spread['mean'])} on average (smallest {low}, largest {high})."
    )
    sizes = (
        f"{short.removesuffix(').')}, standard deviation {_size(primary, spread['sd'])}).{_beside(spread)}"
    )
    gates = _failed(spread)
    verdicts = Counter(spread["verdicts"].values())
    if len(verdicts) == 1:
        (verdict,) = verdicts
        but = f", {'but' if verdict == 'better' else 'and'} a gate failed" if gates else ""
        return Judgement(
            tone="warning" if gates else "good" if verdict == "better" else "plain",
            title=f"{verdict.capitalize()} with all {number} seeds{but}",
            text=f"{sizes}{gates}",
            short=f"{short}{gates}",
        )
    counts = ", ".join(f"{verdict} with {count}" for verdict, count in verdicts.most_common())
    return Judgement(
        tone="warning",
        title="The verdict depends on the seed",
        text=f"Of {number} seeds: {counts}. {sizes}{gates}",
        short=f"Of {number} seeds: {counts}.{gates}",
    )


def _failed(spread: dict[str, Any]) -> str:
    """The gates that failed, by seed; empty where none did."""
    gates = "; ".join(
        f"seed {seed}: {', '.join(kinds)}" for seed, kinds in (spread.get("failed") or {}).items()
    )
    return f" A gate failed ({gates.replace('_', ' ')})." if gates else ""


def _beside(spread: dict[str, Any]) -> str:
    """The interval that comes from the choice of test records, to be held against the spread."""
    sampling, primary = spread["sampling_interval"], spread["primary"]
    ends = wording.change_interval(primary, sampling)
    if not ends:
        return ""
    return (
        f" The {wording.confidence(spread['alpha'])} interval of the recipe's seed, which tells of the choice of test "
        f"records only, is {ends}."
    )


def _size(primary: str, value: float) -> str:
    return wording.metric_change(primary, value).removeprefix("+")
