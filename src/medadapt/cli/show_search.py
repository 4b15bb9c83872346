"""How a search's end looks on the terminal: its trials, the winner marked."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from medadapt.cli.console import plain, results
from medadapt.workflow.search.book import SearchState


def show_trials(search: SearchState) -> None:
    """A table of the trials and the sentence that says what they were judged by."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("trial")
    for key in search.vary:
        table.add_column(plain(key.rpartition(".")[2]), justify="right")
    for heading in ("steps", "validation loss", ""):
        table.add_column(heading, justify="right")
    for trial in search.trials:
        loss = "" if trial.validation_loss is None else f"{trial.validation_loss:.4f}"
        won = trial.id == search.winner
        how = "winner" if won else "" if trial.status == "done" else trial.status
        values = [plain(str(trial.values.get(key, ""))) for key in search.vary]
        style = "bold" if won else "red" if trial.status == "failed" else ""
        table.add_row(plain(trial.id), *values, str(trial.steps), loss, plain(how), style=style)
    results.print(table)
    used = "the winner alone"
    if earlier := [name for name in search.measured_before if name != search.winner]:
        names = ", ".join([*earlier, str(search.winner)])
        used = f"{len(earlier) + 1} winners, one after another ({names})"
    results.print(plain(f"Judged on validation only; the test records were used for {used}."))


def search_values(search: SearchState) -> dict[str, Any]:
    """The search as plain values for `--json`; curves stay in search.json."""
    trials = [
        {
            "id": trial.id,
            "values": trial.values,
            "status": trial.status,
            "validation_loss": trial.validation_loss,
            "error": trial.error,
        }
        for trial in search.trials
    ]
    return {
        "metric": "validation_loss",
        "winner": search.winner,
        "reloaded": search.reloaded,
        "trials": trials,
    }
