"""What passages of the training records add when they stand in the prompt, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Section, Table, Text

TOLD = {
    "baseline": "base with passages against base",
    "tuned": "tuned with passages against tuned",
    "tuned_with_over_baseline_with": "tuned with passages against base with passages",
    "tuned_without_over_baseline_with": "tuned without against base with passages",
}
COLUMNS = ("compared", "difference", "verdict")


def passages_section(inputs: ReportInputs) -> Section | None:
    """Both models with passages in their prompts; None where that was not asked for."""
    found = inputs.metrics.get("retrieval")
    if not found:
        return None
    primary, search = inputs.metrics["primary"], found["search"]
    recalls = ", ".join(f"{value:.0%} among the best {k}" for k, value in search["recall"].items())
    scores = Table(
        caption=f"{wording.metric_name(primary)}, with up to {search['shown']} passages in the prompt",
        columns=("", *wording.MODEL_TITLES.values()),
        rows=tuple(
            (title, *(wording.estimate(primary, part[model].get(primary)) for model in wording.MODEL_TITLES))
            for title, part in (("without passages", inputs.metrics), ("with passages", found))
        ),
    )
    return Section(
        anchor="passages",
        title="With passages in the prompt",
        blocks=(
            scores,
            Table(caption="Differences, paired", columns=COLUMNS, rows=_rows(primary, found["difference"])),
            Text(
                text=f"A passage that helps was found for {recalls}; mean reciprocal rank "
                f"{search['mean_reciprocal_rank']:.2f}, over {wording.count(search['n'])} test records. The passages "
                "are the training records of this run. What helps is a rule of thumb: the passage says the reference "
                "answer, or has at least half of its words.",
                quiet=True,
            ),
        ),
    )


def _rows(primary: str, differences: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            TOLD[name],
            wording.with_interval(
                wording.metric_change(primary, one["value"]), wording.change_interval(primary, one)
            ),
            one["verdict"],
        )
        for name, one in differences.items()
    )
