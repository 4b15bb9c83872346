"""The log of lm-evaluation-harness -> what it asked and what it got, record by record."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError
from medadapt.workflow.harness_parity.task_files import ROW, HarnessTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One record as somebody asked it: the prompt, each completion after it, and its log-likelihood."""

    prompt: str
    completions: tuple[str, ...]
    scores: tuple[float, ...]
    """In nats, in the order of `completions`."""

    @property
    def choice(self) -> int:
        """Place of the highest score; of equals the first."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)


def read_samples(output: Path, tasks: Sequence[HarnessTask]) -> list[Asked]:
    """What the harness asked, in the order of the records.

    Raises DataError where a record is missing or stands twice, and for a log that cannot be read.
    """
    found: dict[int, Asked] = {}
    for task in tasks:
        for row in _rows(output, task):
            place, asked = _asked(row, task)
            if place in found:
                raise _unreadable(task, f"record {place} stands in it twice")
            found[place] = asked
    expected = sum(task.num_rows for task in tasks)
    if sorted(found) != list(range(expected)):
        raise _unreadable(tasks[0], f"of {expected} records it holds {len(found)}")
    return [found[place] for place in range(expected)]


def _rows(output: Path, task: HarnessTask) -> list[Any]:
    files = sorted(output.rglob(f"samples_{task.name}_2*.jsonl"))
    if len(files) != 1:
        raise _unreadable(task, f"there are {len(files)} files of it in {output}")
    try:
        lines = files[0].read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]
    except ValueError as problem:
        raise _unreadable(task, str(problem)) from problem


def _asked(row: Any, task: HarnessTask) -> tuple[int, Asked]:
    try:
        place = int(row["doc"][ROW])
        pairs = [row["arguments"][f"gen_args_{number}"] for number in range(len(row["arguments"]))]
        scores = tuple(float(answers[0][0]) for answers in row["resps"])
        prompts = {str(pair["arg_0"]) for pair in pairs}
        completions = tuple(str(pair["arg_1"]) for pair in pairs)
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        raise _unreadable(task, f"a row of it has another shape ({problem})") from problem
    if len(prompts) != 1 or len(completions) != len(scores):
        raise _unreadable(task, f"record {place} has {len(prompts)} prompts and {len(scores)} scores")
    if not all(math.isfinite(score) for score in scores):
        raise _unreadable(task, f"record {place} has a log-likelihood that is no finite number")
    return place, Asked(prompt=prompts.pop(), completions=completions, scores=scores)


def _unreadable(task: HarnessTask, why: str) -> DataError:
    return DataError(
        f"The log of lm-evaluation-harness for {task.name} cannot be used: {why}.",
        "one row a record, as version 0.4.13 writes it",
        "Use that version: name its interpreter with --python.",
    )
