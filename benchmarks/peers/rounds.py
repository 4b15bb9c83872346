"""Rounds in which sides take turns, and what becomes of one that fails, with what is told of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

LONGEST_RUN_S = 3600
"""A side that takes longer for one run is given up."""
MOST_TOLD = 300
"""Characters of a reason that a page shows."""
FOLDERS = re.compile(r"(https?://\S+)|(?<![\w.])(?:/[\w.+-]+)+/|(?:/[\w.+-]+){2,}/")
"""Addresses, which stay, and folders of a path; one of a single folder only where it begins a word."""


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


def how_it_ended(code: int) -> str:
    """The exit code of a process that failed, in words.

    >>> how_it_ended(1), how_it_ended(-9)
    ('left with 1', 'was killed by signal 9, as where memory runs out')
    """
    if code >= 0:
        return f"left with {code}"
    return f"was killed by signal {-code}" + (", as where memory runs out" if code == -9 else "")


def without_folders(said: str) -> str:
    """What a process said, without the folders of this machine: it is kept beside results that others read.

    >>> without_folders('File "/home/a/checkout/run.py", see https://example.org/a/b/c')
    'File ".../run.py", see https://example.org/a/b/c'
    """
    return FOLDERS.sub(lambda found: found[1] or ".../", said)


def shortened(reason: str, most: int = MOST_TOLD) -> str:
    """A reason in one line of at most so many characters: what failed and how, and the end of what it said itself.

    >>> shortened("trl left with 1: " + "a long way down, " * 9 + "no memory", most=60)
    'trl left with 1: a l ... ay down, a long way down, no memory'
    """
    words = " ".join(reason.split())
    if len(words) <= most:
        return words
    begins = most // 3
    return f"{words[:begins]} ... {words[begins + len(' ... ') - most :]}"
