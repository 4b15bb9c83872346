"""The search for settings: its trials, their curves and costs, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.facts import described, spoken
from medadapt.report.figures.search_curves import search_curves
from medadapt.report.sections import Banner, Block, Facts, Figure, Section, Table, Text

SAME = 1e-6
"""Largest difference, in nats per token, at which a reloaded adapter counts as the same."""


def search_section(search: dict[str, Any] | None) -> Section | None:
    """Trials, winner, curves and costs of `search.json`; None where this run comes from no search."""
    if not search:
        return None
    trials, winner = search.get("trials") or [], search.get("winner")
    blocks: list[Block] = [
        Text(text=judged(search)),
        Facts(rows=search_facts(search)),
        *_reloaded(search.get("reloaded")),
        _trials(trials, search.get("vary") or {}, winner),
        *_curves(trials, winner),
        *_errors(trials),
    ]
    return Section(anchor="search", title="Search", blocks=tuple(blocks))


def judged(search: dict[str, Any]) -> str:
    """What the trials were judged by, and how often the test records were looked at."""
    winner = search.get("winner")
    earlier = [described(name) for name in search.get("measured_before") or [] if name != winner]
    measured = "The winner alone was measured on test, once."
    if earlier:
        measured = (
            f"{len(earlier) + 1} winners, one after another as trials were added ({', '.join(earlier)}, "
            f"{described(winner)}), were measured on test: these are the figures of the last."
        )
    return (
        f"Trials were judged on validation only; no trial saw a test record. {measured} As the lowest of several, its "
        "validation loss flatters it: quote the figures on test."
    )


def search_facts(search: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Size, rules and costs of the search."""
    trials = search.get("trials") or []
    by_status = {
        status: sum(trial.get("status") == status for trial in trials)
        for status in dict.fromkeys(str(trial.get("status")) for trial in trials)
    }
    rows = [
        ("Trials", f"{len(trials):,} ({', '.join(f'{n} {status}' for status, n in by_status.items())})"),
        ("Winner", described(search.get("winner"))),
        *((key, described(spec)) for key, spec in (search.get("vary") or {}).items()),
        ("Scheduler", described(search.get("scheduler"))),
        ("Seed", described(search.get("seed"))),
    ]
    if search.get("seconds") is not None:
        rows.append(("Time of the search", wording.duration(search["seconds"])))
    if spent := sum(trial.get("seconds") or 0 for trial in trials):
        rows.append(("Time of all trials together", wording.duration(spent)))
    return tuple(rows)


def _reloaded(check: dict[str, Any] | None) -> list[Block]:
    """Whether the winner's adapter, loaded alone, gives the figure it was chosen for."""
    if not check or check.get("validation_loss") is None:
        return [Text(text="The winner's adapter was not loaded again to check its figure.")]
    loss, difference = check["validation_loss"], check.get("difference")
    if difference is None:
        return [Text(text=f"Loaded alone, the winner's adapter gives a validation loss of {loss:.6f}.")]
    size = abs(difference)
    text = f"Loaded alone, the winner's adapter gives a validation loss of {loss:.6f}; it was chosen for "
    if size <= SAME:
        return [Text(text=f"{text}the same figure.")]
    return [
        Banner(
            tone="warning",
            title="The reloaded winner gives another figure",
            text=f"{text}one that differs by {size:.3g}. Number formats of 16 bits can explain a small "
            "difference; a large one means that another adapter was kept than the one that won.",
        )
    ]


def _trials(trials: list[dict[str, Any]], vary: dict[str, Any], winner: str | None) -> Table:
    keys = list(dict.fromkeys([*vary, *(key for trial in trials for key in trial.get("values") or {})]))
    rows = tuple(
        (
            described(trial.get("id")) + (" (winner)" if trial.get("id") == winner else ""),
            *(described((trial.get("values") or {}).get(key)) for key in keys),
            described(trial.get("status")),
            wording.count(trial.get("steps")),
            wording.count(trial.get("best_step")),
            wording.MISSING if trial.get("validation_loss") is None else f"{trial['validation_loss']:.4f}",
            wording.MISSING if trial.get("seconds") is None else wording.duration(trial["seconds"]),
        )
        for trial in trials
    )
    marked = next((place for place, trial in enumerate(trials) if trial.get("id") == winner), None)
    columns = ("trial", *_headings(keys), "status", "steps", "best step", "validation loss", "time")
    return Table(caption="Trials", columns=columns, rows=rows, marked=marked)


def _headings(keys: list[str]) -> list[str]:
    """The last words of the recipe's keys, or the whole keys where two of them end alike."""
    short = [spoken(key.rpartition(".")[2]) for key in keys]
    return short if len(set(short)) == len(keys) else keys


def _curves(trials: list[dict[str, Any]], winner: str | None) -> list[Block]:
    png = search_curves(trials, winner)
    if not png:
        return [Text(text="No trial came as far as an evaluation, so there are no curves.")]
    best = next((trial for trial in trials if trial.get("id") == winner), {})
    lowest = best.get("validation_loss")
    ends = f" Lowest of the winner ({winner}): {lowest:.4f}." if lowest is not None else ""
    text = f"Validation loss of {wording.amount(len(trials), 'trial')}, the winner in blue.{ends}"
    return [Figure(file="search_curves.png", png=png, alt=text,
                   caption=f"{text} Dashed lines were stopped early, dotted ones failed.")]  # fmt: skip


def _errors(trials: list[dict[str, Any]]) -> list[Block]:
    rows = tuple((described(trial.get("id")), str(trial["error"])) for trial in trials if trial.get("error"))
    return (
        [Table(caption="Why trials failed", columns=("trial", "error"), rows=rows, words=True)]
        if rows
        else []
    )
