"""What the console says after preparing: what a reader of the data should look at before training on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from medadapt.records.formats.symptom_layouts import WHOLE_NUMBER

MOST_NAMED = 10
SPLIT_WORDS = frozenset({"train", "dev", "val", "valid", "validation", "test"})
"""With which the names of files or folders begin or end that hold one split of a published data set."""


def data_notes(facts: Mapping[str, Any]) -> Iterator[str]:
    """Lines about the content of data.json; none where there is nothing to look at."""
    for file, words in (facts.get("read_as_cp1252") or {}).items():
        yield guessed_encoding(file, words)
    yield from _files_of_splits(facts)
    for name, counted in (facts.get("ungrouped") or {}).items():
        yield (
            f"'{name}' has {counted['values']:,} values in {counted['rows']:,} rows; where these are patients or "
            f"cases, data.columns: {{group: {name}}} keeps the rows of each in one split"
        )
    if shared := (facts.get("leakage") or {}).get("same_group"):
        yield (
            f"{shared:,} of {facts['counts']['test']:,} test records are of a group that is also in train or validation"
        )
    for file, names in (facts.get("columns_left_out") or {}).items():
        shown = ", ".join(map(repr, names[:MOST_NAMED]))
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        kind = "the column" if len(names) == 1 else "the columns"
        yield f"{file}: no question holds anything of {kind} {shown}{more}"
    for first, *others in facts.get("alike_labels") or []:
        shown = ", ".join(map(repr, (first, *others)))
        # Aliases are compared without case and spaces, so one of the spellings stands for all.
        alias = json.dumps({others[0]: first}, ensure_ascii=False)
        yield (
            f"labels: {shown} differ in case or spaces only and are learned as different labels; "
            f"data.aliases: {alias} makes them one"
        )
    yield from _numbers_as_labels(facts.get("labels") or [])


def guessed_encoding(file: str, words: Sequence[str]) -> str:
    """That a file was read as cp1252, with words by which a reader sees whether it is."""
    return (
        f"{file}: bytes that are no UTF-8 were read as cp1252 (Western European), as in "
        f"{', '.join(map(repr, words))}; if these words look wrong, save the file as UTF-8"
    )


def _files_of_splits(facts: Mapping[str, Any]) -> Iterator[str]:
    """That one source has files that are called after splits, which are shared out anew."""
    if facts.get("group_rule") == "ready-made":
        return
    words = {file: word for file in facts.get("sources") or {} if (word := _split_word(file))}
    if len(set(words.values())) < 2:
        return
    shown = ", ".join([*list(words)[:MOST_NAMED], *(["..."] if len(words) > MOST_NAMED else [])])
    yield (
        f"{shown}: files named after splits are shared out anew; data.source: {{train: ..., test: ...}} keeps them "
        "apart"
    )


def _split_word(file: str) -> str | None:
    """The split that a file, or else a folder above it, is called after."""
    path = PurePosixPath(file.lower())
    for part in (path.stem, *reversed(path.parts[:-1])):
        words = re.split(r"[\W_]+", part)
        if found := next((word for word in (words[0], words[-1]) if word in SPLIT_WORDS), None):
            return found
    return None


def _numbers_as_labels(labels: Sequence[str]) -> Iterator[str]:
    if labels and all(map(WHOLE_NUMBER.fullmatch, labels)):
        shown = ", ".join(labels[:3]) + (" ..." if len(labels) > 3 else "")
        alias = json.dumps({labels[0]: "name"})
        yield f"labels are numbers ({shown}): the model learns the numbers; data.aliases: {alias} gives them names"
