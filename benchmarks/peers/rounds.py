"""Rounds in which sides take turns, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any


def run_round(
    number: int,
    runs: dict[str, list[dict[str, Any]]],
    run: Callable[[str], dict[str, Any]],
    *,
    ours: Collection[str],
    not_run: dict[str, str],
) -> None:
    """Run every side of `runs` once and add what it found there; one that fails moves to `not_run`, with the reason.

    Raises RuntimeError where a side of `ours` fails: without it there is nothing to tell.
    """
    # Another side comes first in each round: what came before may have warmed the machine up, or down.
    turn = number % len(runs)
    for side in [*list(runs)[turn:], *list(runs)[:turn]]:
        try:
            runs[side].append(run(side))
        except RuntimeError as problem:
            if side in ours:
                raise RuntimeError(f"our own side failed: {problem}") from problem
            not_run[side] = str(problem)
            del runs[side]


def profile_of(run: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Where our time goes, by a run of its own, because a profiler costs time; no reason to lose what rounds found."""
    try:
        return {"profile": run()["shares"]}
    except RuntimeError as problem:
        return {"profile": {}, "not_profiled": str(problem)}
