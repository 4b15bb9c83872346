"""Raw data -> Records: the whole stage, from source files to the five files of `1-records`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.files import write_json, write_jsonl
from medadapt.core.hashes import sha256_file
from medadapt.core.progress import Progress
from medadapt.core.recipe import DataSection
from medadapt.core.records import SPLITS, TASK_OF_FORMAT, DroppedRow, Record, SplitName, Task, write_records
from medadapt.records.cleaning.empty_cells import emptied
from medadapt.records.cleaning.texts import Repairs
from medadapt.records.data_facts import licence, reading_facts, split_facts, ungrouped
from medadapt.records.data_notes import data_notes
from medadapt.records.formats.answer_base import UNFITTING
from medadapt.records.formats.dialogue import parse_dialogue
from medadapt.records.formats.multiple_choice import parse_multiple_choice
from medadapt.records.formats.question_answer import parse_question_answer
from medadapt.records.formats.symptom_table import parse_symptom_table
from medadapt.records.formats.typed_qa import parse_typed_qa
from medadapt.records.likeness.duplicates import drop_duplicates
from medadapt.records.likeness.groups import group_rule, with_groups
from medadapt.records.likeness.leakage import measure_leakage
from medadapt.records.reading.readers import read_rows
from medadapt.records.reading.sources import find_sources
from medadapt.records.ready_made import as_given, same_group, select_each
from medadapt.records.rows import Draft, Parsed, RawRow, with_ids
from medadapt.records.selection import apply_limit, smoke_selection
from medadapt.records.splits import split_records

FORMATS: dict[str, Callable[[Sequence[RawRow], DataSection, Repairs], Parsed]] = {
    "symptom_table": parse_symptom_table,
    "typed_qa": parse_typed_qa,
    "dialogue": parse_dialogue,
    "question_answer": parse_question_answer,
    "multiple_choice": parse_multiple_choice,
}


def prepare(
    data: DataSection, seed: int, folder: Path, *, smoke: bool = False, progress: Progress
) -> dict[str, Any]:
    """Raw data -> Records: clean, sort out, group, split and measure the leakage of a source.

    Writes train, validation, test and dropped.jsonl and data.json into `folder`, which depend on the data
    section and the seed alone; returns the content of data.json. Ready-made splits stay what they are.
    `smoke` keeps a handful of records. Raises DataError for a source that cannot be read, or that leaves no
    records to train and test on.
    """
    repairs: Repairs = Counter()
    sources = find_sources(data, offline=smoke)
    hashes = {file.name: sha256_file(file.path) for file in sources.files}
    splits = {file.name: file.split for file in sources.files if file.split is not None}
    reading = read_rows(sources.files, repairs=repairs, progress=progress)
    read = emptied(reading.rows, repairs, kept=data.aliases)
    rows = with_ids(read, data.columns.get("id"), splits)
    progress.start("Cleaning")
    parsed = _parse(rows, data, repairs)
    if splits:
        kept, dropped = select_each(parsed.drafts, data, splits, seed, smoke=smoke)
        dropped = [*parsed.dropped, *dropped]
    else:
        kept, dropped = _select(parsed, data, seed, smoke=smoke)
    progress.finish()
    _check_usable(kept, dropped, data, num_rows=len(rows))
    progress.start("Grouping and splitting")
    rule = group_rule(data.split.group, data.format)
    records = with_groups([draft.record for draft in kept], rule)
    parts = as_given(records, kept, splits, data) if splits else _split(records, data, seed)
    task = TASK_OF_FORMAT[data.format]
    leakage = measure_leakage(parts, rule, task=task, grouped_splits=not splits)
    if splits:
        leakage["same_group"] = same_group(kept, splits)
    progress.finish()
    _check_ledger(rows, parts, dropped)
    facts = {
        "format": data.format,
        "task": task,
        "sources": dict(sorted(hashes.items())),
        **reading_facts(reading, parsed, repairs),
        **split_facts(parts, dropped, data),
        "group_rule": "ready-made" if splits else rule,
        "leakage": leakage,
        **({"ungrouped": torn} if (torn := ungrouped(rows, data)) else {}),
        "licence": licence(data, sources),
        **({"hub": sources.hub} if sources.hub else {}),
        "seed": seed,
        "smoke": smoke,
    }
    _write(folder, parts, dropped, facts)
    for line in data_notes(facts):
        progress.note(line)
    return facts


def _parse(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    if not rows:
        raise DataError(
            f"{data.source} has no rows.", _expected(data), "Fill the file, or correct data.source."
        )
    return FORMATS[data.format](rows, data, repairs)


def _select(
    parsed: Parsed, data: DataSection, seed: int, *, smoke: bool
) -> tuple[list[Draft], list[DroppedRow]]:
    """Drafts without duplicates, within the limit; and every row dropped on the way."""
    dropped = list(parsed.dropped)
    kept, more = drop_duplicates(parsed.drafts, TASK_OF_FORMAT[data.format])
    dropped += more
    kept, more = apply_limit(kept, data.limit, seed)
    dropped += more
    if smoke:
        kept, more = smoke_selection(kept, seed)
        dropped += more
    return kept, dropped


def _check_usable(
    kept: Sequence[Draft], dropped: Sequence[DroppedRow], data: DataSection, *, num_rows: int
) -> None:
    if not kept:
        raise _nothing_usable(dropped, data, num_rows)
    labels = {draft.record.label for draft in kept}
    if TASK_OF_FORMAT[data.format] == "diagnosis" and len(labels) < 2:
        raise DataError(
            f"{data.source} has one label only: '{next(iter(labels))}'.",
            "at least two different labels to tell apart",
            "Add rows with other labels, or name the label column with data.columns: {label: <column>}.",
        )


def _nothing_usable(dropped: Sequence[DroppedRow], data: DataSection, num_rows: int) -> DataError:
    """Says why every row was dropped, with an example of the most frequent reason."""
    reasons = Counter(row.reason for row in dropped)
    counted = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    (commonest, _), *_ = reasons.most_common(1)
    examples = [row for row in dropped if row.reason == commonest]
    unfitting = [row for row in examples if row.detail.startswith(UNFITTING)]
    example = next(iter(unfitting or examples))
    remedies = {
        "unlabelled": "Write each answer as a letter, a number or the text of an option, or name the column with "
        "data.columns: {answer: <column>}."
        if unfitting
        else "These rows have no answers, as in a hidden test set: use a file that has them, or "
        "name the column with data.columns.",
    }
    return DataError(
        f"{data.source} leaves no usable rows: {num_rows:,} read, all dropped ({counted}). "
        f"Row {example.source_row}, for example: {example.detail}.",
        _expected(data),
        remedies.get(commonest, "Correct the rows, or name the columns with data.columns."),
    )


def _expected(data: DataSection) -> str:
    tasks: dict[Task, str] = {
        "diagnosis": "rows with symptoms and a label",
        "qa": "rows with a question and an answer",
        "multiple_choice": "rows with a question, different options and the right answer",
    }
    return tasks[TASK_OF_FORMAT[data.format]]


def _split(records: Sequence[Record], data: DataSection, seed: int) -> dict[SplitName, list[Record]]:
    """Splits in which labels, or question types where there are several, are shared out evenly."""
    closed = TASK_OF_FORMAT[data.format] == "diagnosis"
    strata = {record.id: record.label or record.qtype or "" for record in records}
    even = data.split.stratify == "auto" and len(set(strata.values())) > 1
    return split_records(
        records, data.split, seed=seed, stratify_by=strata if even else None, pool_single=not closed
    )


def _check_ledger(
    rows: Sequence[RawRow], parts: Mapping[SplitName, Sequence[Record]], dropped: Sequence[DroppedRow]
) -> None:
    """Every source row is in exactly one file; anything else is a bug of ours."""
    ended = Counter(record.source_row for part in parts.values() for record in part)
    ended.update(row.source_row for row in dropped)
    if ended != Counter(row.source_row for row in rows):
        raise AssertionError("a source row was lost or stands in two files")


def _write(
    folder: Path,
    parts: Mapping[SplitName, Sequence[Record]],
    dropped: Sequence[DroppedRow],
    facts: dict[str, Any],
) -> None:
    for name in SPLITS:
        write_records(folder / f"{name}.jsonl", parts[name])
    write_jsonl(folder / "dropped.jsonl", dropped)
    write_json(folder / "data.json", facts)
