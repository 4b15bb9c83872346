"""How a run's end looks on the terminal: the proof card, what was found, and where the report lies."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from medadapt.cli.console import plain, print_json, results, talk
from medadapt.cli.show_card import show_card
from medadapt.workflow.outcome import Outcome


def show_outcome(outcome: Outcome, *, as_json: bool, whole: bool = True) -> None:
    """Print what a command left behind. `whole` shows all metrics on the card."""
    if as_json:
        print_json(outcome_values(outcome))
        return
    if not outcome.ran:
        results.print("nothing to do: all stages are up to date")
    elif outcome.skipped:
        results.print(plain(f"up to date, skipped: {', '.join(outcome.skipped)}", "dim"))
    if outcome.metrics:
        show_card(outcome.metrics, whole=whole, seeds=outcome.seeds)
        for finding in outcome.findings:
            if finding not in outcome.metrics.get("findings", ()):  # the card has told the others
                talk.print(
                    Text.assemble(plain(finding["problem"], "bold red"), plain(f" {finding['remedy']}"))
                )
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
        "seeds": outcome.seeds,
        "findings": list(outcome.findings),
    }
