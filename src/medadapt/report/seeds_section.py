"""The result under several training seeds, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.sections import Section, Table, Text
from medadapt.report.seed_words import seeds_judgement

MEANING = (
    "The seed decides the adapter's first weights, the order of the examples and what dropout leaves out. Records, "
    "splits and prompts are the same for all seeds. Intervals and verdicts of the report are those of the "
    "recipe's seed, whatever the others gave: no seed was chosen by its result."
)


def seeds_section(spread: dict[str, Any] | None) -> Section | None:
    """The primary metric by seed, and its spread beside the sampling interval; None without `seeds.json`."""
    judged = seeds_judgement(spread)
    if not spread or judged is None:
        return None
    primary = spread["primary"]
    rows = tuple(
        (
            f"{seed} (the recipe's)" if place == 0 else str(seed),
            wording.metric_value(primary, spread["values"][str(seed)]),
            wording.metric_change(primary, spread["difference"][str(seed)]),
            spread["verdicts"][str(seed)],
        )
        for place, seed in enumerate(spread["seeds"])
    )
    table = Table(
        caption=f"{wording.metric_name(primary)} by training seed",
        columns=("seed", "tuned", "difference to the base", "verdict"),
        rows=rows,
        marked=0,
    )
    blocks = (Text(text=f"{judged.title}. {judged.text}"), table, Text(text=MEANING, quiet=True))
    return Section(anchor="seeds", title="Training seeds", blocks=blocks)
