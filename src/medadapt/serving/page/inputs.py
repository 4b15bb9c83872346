"""What the page offers to choose from: symptoms and types of a run's training records, and examples of questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from medadapt.core.records import Record, read_records

EXAMPLES = 4
MOST_OFFERED = 2000
LONGEST_EXAMPLE = 300
BETWEEN = re.compile(r"\s*[;,]\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What stands in the page's lists."""

    symptoms: tuple[str, ...]
    """Those of a symptom table, the most frequent first; empty for other formats."""
    separator: str
    """What stands between symptoms in the records."""
    types: tuple[str, ...]
    """Of questions, the most frequent first."""
    examples: tuple[Record, ...]


NOTHING = Offer(symptoms=(), separator="; ", types=(), examples=())


def offer_of(records: Path, *, data_format: str) -> Offer:
    """From a run's training records; nothing where they are not there."""
    if not records.is_file():
        return NOTHING
    all_records = list(read_records(records))
    short = (record for record in all_records if len(record.question) <= LONGEST_EXAMPLE)
    examples = tuple(islice(_different(short), EXAMPLES))
    types = _frequent(Counter(record.qtype for record in all_records if record.qtype))
    if data_format != "symptom_table":
        return replace(NOTHING, types=types, examples=examples)
    counted: Counter[str] = Counter()
    separators: Counter[str] = Counter()
    for record in all_records:
        counted.update({one for one in BETWEEN.split(record.question) if one})
        separators.update(sign for sign in ";," if sign in record.question)
    separator = separators.most_common(1)[0][0] if separators else ";"
    return Offer(symptoms=_frequent(counted), separator=f"{separator} ", types=types, examples=examples)


def _frequent(counted: Counter[str]) -> tuple[str, ...]:
    """The most frequent first: a search for "itching" finds that before rarer ones which only contain it."""
    return tuple(sorted(counted, key=lambda name: (-counted[name], name))[:MOST_OFFERED])


def _different(records: Iterable[Record]) -> Iterable[Record]:
    """Records of different labels or types, as far as there are any."""
    seen: set[str] = set()
    for record in records:
        kind = record.label or record.qtype or record.id
        if kind not in seen:
            seen.add(kind)
            yield record
