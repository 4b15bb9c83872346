"""How a comparison of two runs looks on the terminal: the verdict first, four bars, then all metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from medadapt.cli.console import plain, results
from medadapt.cli.show_card import (
    LONGEST_WORD,
    VERDICT_STYLES,
    WIDEST,
    BarGroup,
    adjusted_note,
    drawn_bars,
    with_interval,
)
from medadapt.core.results import LOWER_IS_BETTER
from medadapt.report import wording
from medadapt.report.bars import comparison_bars
from medadapt.report.card import num_adjusted
from medadapt.report.comparison_words import TITLES, comparison_sentence, discordant_sentence


def show_comparison(comparison: dict[str, Any]) -> None:
    """Print the comparison: which run is which, the verdict, all metrics, and what else differs."""
    parts = list(comparison_parts(comparison))
    results.print()
    if results.is_terminal:
        title = plain("Which run is better?", "bold")
        width = min(results.width, WIDEST)
        results.print(Panel(Group(*parts), title=title, title_align="left", padding=(1, 2), width=width))
        return
    for part in parts:  # in a pipe text stays whole, but a table needs its columns
        results.print(part, soft_wrap=False if isinstance(part, Table) else None)


def comparison_parts(comparison: dict[str, Any]) -> Iterator[RenderableType]:
    """What is printed, from top to bottom."""
    primary, level = comparison["primary"], wording.confidence(comparison["alpha"])
    verdict = comparison["difference"][primary]["verdict"]
    style = VERDICT_STYLES[verdict]
    for number in ("first", "second"):
        run = comparison["runs"][number]
        yield plain(f"{number}: {run['run']} ({run['base']}, adapter {run['adapter_sha256'][:12]})", "bold")
    yield Text()
    title = f"{TITLES[verdict]}."
    yield Text.assemble(plain(title, f"{style} reverse"), " ", plain(comparison_sentence(comparison), style))
    if told := discordant_sentence(comparison):
        yield plain(told)
    yield Text()
    note = "lower is better" if primary in LOWER_IS_BETTER else ""
    bars = BarGroup(title=wording.metric_name(primary), note=note, bars=comparison_bars(comparison, primary))
    if bars.bars:
        yield from drawn_bars([bars], level, results)
    yield _table(comparison)
    if adjusted := adjusted_note(num_adjusted(comparison)):
        yield adjusted
    yield from _reasons(comparison["difference"])
    for line in comparison["told"]:
        yield plain(line, "yellow" if "smoke run" in line else "dim")
    yield Text()
    yield plain(wording.NOT_A_MEDICAL_DEVICE, "dim")


def _table(comparison: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric", min_width=LONGEST_WORD)
    for heading in ("first", "second", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("second is", no_wrap=True)
    tuned = comparison["tuned"]
    for key, difference in comparison["difference"].items():
        values = [
            with_interval(
                wording.metric_value(key, tuned[run][key]["value"]),
                wording.value_interval(key, tuned[run][key]).replace(" to ", "–"),
            )
            for run in ("first", "second")
        ]
        change = with_interval(
            wording.metric_change(key, difference["value"]),
            wording.change_interval(key, difference).removesuffix(" points"),
        )
        table.add_row(plain(wording.metric_name(key)), *values, change, _verdict(difference))
    return table


def _verdict(difference: dict[str, Any]) -> Text:
    if difference["p"] is None:
        return Text("")
    p = wording.p_value(wording.shown_p(difference))
    return Text.assemble(
        plain(difference["verdict"], VERDICT_STYLES[difference["verdict"]]),
        "\n",
        plain(f"p {p}" if p.startswith("<") else f"p = {p}", "dim"),
    )


def _reasons(differences: dict[str, Any]) -> Iterator[RenderableType]:
    """Why a value or an interval is missing, with the metrics that it concerns."""
    for reason in dict.fromkeys(row["reason"] for row in differences.values() if row["reason"]):
        names = [wording.metric_name(key) for key, row in differences.items() if row["reason"] == reason]
        yield plain(f"{', '.join(names)}: {reason}.", "yellow")
