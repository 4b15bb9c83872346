"""Records -> tasks of lm-evaluation-harness: its own published task files, over local rows.

A task includes the harness's file of that name and changes only where the rows come from, so that the prompt is
written by the harness's own code. Records that fit none of its tasks get a template of ours, which is the same text
for every record: rows are data, read by the names of their fields, and never become a template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medadapt.core.errors import ModelError
from medadapt.core.files import write_jsonl, write_text
from medadapt.core.records import LETTERS, Record
from medadapt.core.standard_sets import SetName
from medadapt.examples.templates import asks_for_verdict

OPTION_FIELDS = ("opa", "opb", "opc", "opd")
ROW = "medadapt_row"
"""The field in which a row keeps its place among the records; it comes back in the log."""
PUBLISHED = {
    "medqa": "medqa/medqa.yaml",
    "medmcqa": "medmcqa/medmcqa.yaml",
    "pubmedqa": "pubmedqa/pubmedqa.yaml",
}
"""Kind of task -> the harness's file, below its folder `tasks`."""
MMLU_FILE = "mmlu/default/{kind}.yaml"
GENERAL = "general"
GENERAL_TASK = {
    "output_type": "multiple_choice",
    "doc_to_text": (
        "{% if context %}Context: {{context}}\n{% endif %}Question: {{question}}"
        "{% if letters %}\nChoices:{% for letter in letters %}\n{{letter}}. {{options[loop.index0]}}{% endfor %}"
        "{% endif %}\nAnswer:"
    ),
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessTask:
    """One task that was written, by the name it has there."""

    name: str
    kind: str
    """medqa, medmcqa, pubmedqa, mmlu_<subset>, or general for a layout that the harness does not publish."""
    num_rows: int


def write_tasks(
    records: Sequence[Record], folder: Path, *, standard_set: SetName | None, harness_tasks: Path
) -> list[HarnessTask]:
    """Write a YAML file and a file of rows for each kind of record; returns the tasks, in a fixed order.

    `harness_tasks` is the folder with the tasks of the installed harness. Raises ModelError where it has not
    the one that is needed.
    """
    by_kind: dict[str, list[tuple[int, Record]]] = {}
    for place, record in enumerate(records):
        by_kind.setdefault(task_kind(record, standard_set), []).append((place, record))
    written = []
    for kind, placed in sorted(by_kind.items()):
        name = f"medadapt_{kind}"
        rows = folder / f"{name}.jsonl"
        write_jsonl(rows, ({ROW: place, **row_of(record, kind)} for place, record in placed))
        task = {**_source_of(kind, harness_tasks), **_local(name, rows)}
        write_text(folder / f"{name}.yaml", yaml.safe_dump(task, sort_keys=False))
        written.append(HarnessTask(name=name, kind=kind, num_rows=len(placed)))
    return written


def task_kind(record: Record, standard_set: SetName | None) -> str:
    """Which task of the harness asks this record as it is asked here."""
    if standard_set == "mmlu-medical":
        return f"mmlu_{record.subject}"
    if standard_set is not None:
        return standard_set
    if asks_for_verdict(record):
        return "pubmedqa" if record.context else GENERAL
    return "medmcqa" if not record.context and len(record.options or ()) == len(OPTION_FIELDS) else GENERAL


def row_of(record: Record, kind: str) -> dict[str, Any]:
    """The record in the fields that the harness's task of this kind reads."""
    options, index = record.options or [], record.answer_index
    if kind == "medqa":
        endings = {f"ending{number}": text for number, text in enumerate(options)}
        return {"sent1": record.question, **endings, "label": index}
    if kind == "medmcqa":
        return {"question": record.question, **dict(zip(OPTION_FIELDS, options, strict=True)), "cop": index}
    if kind == "pubmedqa":
        contexts = (record.context or "").split("\n")
        return {
            "QUESTION": record.question,
            "CONTEXTS": contexts,
            "final_decision": options[index or 0].lower(),
        }
    if kind.startswith("mmlu_"):
        return {"question": record.question, "choices": options, "answer": index}
    letters = [] if asks_for_verdict(record) else list(LETTERS[: len(options)])
    return {
        "context": record.context or "",
        "question": record.question,
        "letters": letters,
        "options": options,
        "choices": letters or options,
        "answer": index,
    }


def _source_of(kind: str, harness_tasks: Path) -> Mapping[str, Any]:
    if kind == GENERAL:
        return GENERAL_TASK
    file = harness_tasks / (PUBLISHED.get(kind) or MMLU_FILE.format(kind=kind))
    if not file.is_file():
        raise ModelError(
            f"The installed lm-evaluation-harness has no task file {file}.",
            "the published tasks of version 0.4.13",
            "Install that version, or name another interpreter with --python.",
        )
    return {"include": str(file)}


def _local(name: str, rows: Path) -> dict[str, Any]:
    return {
        "task": name,
        "task_alias": name,
        "tag": [],
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "training_split": None,
        "validation_split": None,
        "test_split": "test",
        "fewshot_split": "test",  # read when the task is made, though no example is shown
        "fewshot_config": None,
        "num_fewshot": 0,
    }
