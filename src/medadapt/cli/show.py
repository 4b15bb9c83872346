"""How a run's end looks on the terminal: the proof card, what was found, and where the report lies."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from medadapt.cli.console import plain, print_json, results, talk
from medadapt.workflow.outcome import Outcome

VERDICT_STYLES = {"better": "bold green", "worse": "bold red", "not shown": "bold yellow"}
NEVER = "0.0%"
TONE_STYLES = {"good": "green", "bad": "bold red", "warning": "yellow", "plain": ""}


def show_outcome(outcome: Outcome, *, as_json: bool) -> None:
    """Print what a command left behind."""
    if as_json:
        print_json(outcome_values(outcome))
        return
    if not outcome.ran:
        results.print("nothing to do: all stages are up to date")
    elif outcome.skipped:
        results.print(plain(f"up to date, skipped: {', '.join(outcome.skipped)}", "dim"))
    if outcome.metrics:
        show_card(outcome.metrics)
    if outcome.smoke:
        results.print(
            "This was a smoke run: a tiny random base and few rows. Its numbers mean nothing.", style="bold"
        )
    if outcome.report:
        results.print(
            Text.assemble(("Report: ", "bold"), plain(str(outcome.report.absolute()))), soft_wrap=True
        )
    results.print(Text.assemble(("Run: ", "bold"), plain(str(outcome.folder))), soft_wrap=True)


def outcome_values(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain values for `--json`."""
    metrics = outcome.metrics
    summary = None
    if metrics:
        primary = metrics["primary"]
        summary = {
            "task": metrics["task"],
            "n": metrics["n"],
            "primary": primary,
            "baseline": metrics["baseline"].get(primary),
            "tuned": metrics["tuned"].get(primary),
            "difference": metrics["difference"].get(primary),
        }
    return {
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "run": str(outcome.folder),
        "report": str(outcome.report) if outcome.report else None,
        "smoke": outcome.smoke,
        "ran": list(outcome.ran),
        "skipped": list(outcome.skipped),
        "metrics": summary,
        "findings": list(outcome.findings),
    }


LONGEST_WORD = len("Perplexity")
"""Of the metrics' names; at 80 columns the other columns would squeeze it."""


def show_card(metrics: dict[str, Any]) -> None:
    """The proof card, read from metrics.json."""
    from medadapt.report.card import proof_card  # only now: most commands show none

    card = proof_card(metrics)
    results.print()
    results.print(
        Text.assemble((card.task, "bold"), f"  {card.base}, {card.n} test records, {card.level} intervals")
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(min_width=LONGEST_WORD)
    for heading in ("base", "tuned", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in card.rows:
        style = "bold" if row.primary else ""
        table.add_row(
            plain(row.name, style),
            _with(row.baseline, row.baseline_interval.replace(" to ", "–")),
            _with(row.tuned, row.tuned_interval.replace(" to ", "–")),
            _with(row.difference, row.difference_interval.removesuffix(" points")),
            Text.assemble(
                plain(row.verdict, VERDICT_STYLES[row.verdict]), "\n", plain(f"p {_equals(row.p)}", "dim")
            ),
        )
    results.print(table)
    results.print(plain(card.sentence, VERDICT_STYLES[card.verdict]))
    for judgement in (card.control, card.leakage):
        results.print(
            Text.assemble(plain(f"{judgement.title}. ", TONE_STYLES[judgement.tone]), plain(judgement.text))
        )
    for what, baseline, tuned in card.rates:
        if (baseline, tuned) != (NEVER, NEVER):
            results.print(plain(f"{what}: base {baseline}, tuned {tuned}", "yellow"))
    for finding in card.findings:
        where, style = (talk, "bold red") if finding.failed else (results, "yellow")
        where.print(Text.assemble(plain(finding.problem, style), plain(f" {finding.remedy}")))
    results.print(plain(card.notice, "dim"))


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _with(value: str, interval: str) -> Text:
    """A value with its interval below it, so that the table fits a narrow terminal."""
    return Text.assemble(plain(value), "\n" if interval else "", plain(interval, "dim"))
