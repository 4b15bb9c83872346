"""What other commands measured and put beside metrics.json, and whether it still is what they wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outputs import FileMark, changed_files, mark_of
from medadapt.workflow.state import read_state, write_state

BESIDE = "beside_metrics"
"""The fact of run.json that holds the mark of each such file by its name in 5-metrics."""


def note_beside(run: RunFolder, written: Iterable[Path]) -> None:
    """Write down what `benchmark`, `parity` or `run --seeds` has just left; the caller holds the run's lock.

    Marks of files that are gone are forgotten; those of files that this call did not write stay as they are.
    """
    state = read_state(run)
    if state is None:
        return
    names = _names(run)
    marks = {name: mark for name, mark in (state.facts.get(BESIDE) or {}).items() if name in names}
    marks |= {path.relative_to(run.metrics).as_posix(): asdict(mark_of(path)) for path in written}
    write_state(run, replace(state, facts={**state.facts, BESIDE: marks}))


def edited_beside(run: RunFolder) -> list[str]:
    """Files that are not as their command wrote them, by their names in the run folder.

    A file that was never written down is of an earlier version and proves nothing either way.
    """
    state = read_state(run)
    marks = (state.facts.get(BESIDE) or {}) if state else {}
    return changed_files(
        run.metrics, {name: FileMark(**marks[name]) for name in _names(run) if name in marks}
    )


def _names(run: RunFolder) -> list[str]:
    found = [*run.metrics.glob("benchmarks/*.json"), *run.metrics.glob("*.json")]
    names = (path.relative_to(run.metrics).as_posix() for path in found)
    return sorted(name for name in names if name != "metrics.json")
