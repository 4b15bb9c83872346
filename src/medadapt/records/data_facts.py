"""What data.json says of a source, of its reading and of its splits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from medadapt.core.recipe import DataSection
from medadapt.core.records import SPLITS, DroppedRow, Record, SplitName
from medadapt.records.cleaning.texts import Repairs, answer_form
from medadapt.records.reading.readers import Reading
from medadapt.records.reading.sources import SAMPLE, Sources
from medadapt.records.rows import Parsed, RawRow, columns_of

SAMPLE_LICENCE = "synthetic rows that come with this program, under its licence"
UNKNOWN_LICENCE = (
    "unknown: the files state none; ask where they come from before you share the data or a model"
)

NUMBERS_SUBJECTS = re.compile(
    r"(?:(?:patient|subject|(?<![a-z])person|(?<![a-z])case|hadm)(?:id|no|nr|num|number|code|key)|mrn)$"
)
"""How the names of columns end, without spaces and signs, that number patients, cases or stays."""


def licence(data: DataSection, sources: Sources) -> str:
    """What is known of the licence: that of our samples, or what the card of every hub data set states."""
    given = data.source.values() if isinstance(data.source, dict) else [data.source]
    if all(source.startswith(SAMPLE) for source in given):
        return SAMPLE_LICENCE
    stated = [facts["licence"] for facts in sources.hub]
    if stated and all(stated) and len(stated) == len(list(given)):
        return f"{', '.join(dict.fromkeys(stated))} (as its card on the Hub states)"
    return UNKNOWN_LICENCE


def reading_facts(reading: Reading, parsed: Parsed, repairs: Repairs) -> dict[str, Any]:
    """How the rows were read and cleaned, and what the format found out."""
    return {
        "encoding": reading.encodings,
        **({"read_as_cp1252": reading.read_as_cp1252} if reading.read_as_cp1252 else {}),
        "rows": len(reading.rows),
        "answer_base": None,
        **parsed.facts,
        "repairs": {kind: count for kind, count in sorted(repairs.items()) if count},
    }


def ungrouped(rows: Sequence[RawRow], data: DataSection) -> dict[str, dict[str, int]]:
    """Columns that number patients or cases, several rows each, where a split may tear these rows apart.

    Empty where the recipe names the column that keeps rows together, splits row by row, or gives the splits.
    """
    if "group" in data.columns or data.split.group == "none" or isinstance(data.source, dict):
        return {}
    found: dict[str, dict[str, int]] = {}
    for name in columns_of(rows):
        plain = re.sub(r"[\W_]+", "", name).casefold()
        is_topic = data.format == "multiple_choice" and "subject" in plain  # of an exam: anatomy, surgery
        if is_topic or not NUMBERS_SUBJECTS.search(plain):
            continue
        cells = [str(cell).strip() for row in rows if (cell := row.values.get(name)) not in (None, "")]
        if 1 < (values := len(set(cells))) < len(cells):
            found[name] = {"values": values, "rows": len(cells)}
    return found


def split_facts(
    parts: Mapping[SplitName, Sequence[Record]], dropped: Sequence[DroppedRow], data: DataSection
) -> dict[str, Any]:
    """Counts of records, dropped rows, groups and labels, and the shares that were asked for and came."""
    records = [record for name in SPLITS for record in parts[name]]
    groups = Counter(record.group for record in records)
    labels = sorted({record.label for record in records if record.label is not None})
    tested, trained = ({record.label for record in parts[name]} for name in ("test", "train"))
    counts = {name: len(parts[name]) for name in SPLITS}
    return {
        "counts": {**counts, "dropped": len(dropped)},
        "dropped": dict(Counter(row.reason for row in dropped).most_common()),
        "labels": labels,
        "alike_labels": alike_labels(records),
        "labels_without_test": [label for label in labels if label not in tested],
        "labels_without_train": [label for label in labels if label not in trained],
        "groups": len(groups),
        "largest_group": max(groups.values()),
        "split": {
            "asked": "ready-made splits" if isinstance(data.source, dict) else data.split.model_dump(),
            "got": {name: round(count / len(records), 4) for name, count in counts.items()},
        },
    }


def alike_labels(records: Sequence[Record]) -> list[list[str]]:
    """Groups of labels that differ in case or spaces only, the most frequent spelling of each group first."""
    counts = Counter(record.label for record in records if record.label is not None)
    groups: dict[str, list[str]] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        groups.setdefault(answer_form(label), []).append(label)
    return [group for _, group in sorted(groups.items()) if len(group) > 1]
