"""What the page offers to choose from: symptoms and types of a run's training records, and examples of questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from medadapt.core.records import Record, read_records

EXAMPLES = 4
MOST_OFFERED = 2000
LONGEST_EXAMPLE = 300
BETWEEN = re.compile(r"\s*[;,]\s*")
SENTENCE_ENDS = re.compile(r"[.!?](?:\s|$)")
MOST_WORDS = 8
"""Of a symptom in a list; what is longer is a description."""
LISTED = 0.9
"""The share of records that must be lists for a list to pick from."""
OFTEN = 1.5
"""How often a symptom of a list is named on average, at least: what nobody names again is no list to pick from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What stands in the page's lists."""

    symptoms: tuple[str, ...]
    """Those of a symptom table whose records are lists, the most frequent first; empty for all others."""
    separator: str
    """What stands between symptoms in most records, with its spaces."""
    types: tuple[str, ...]
    """Of questions, the most frequent first."""
    contexts: bool
    """Whether questions stand beside a text."""
    examples: tuple[Record, ...]


NOTHING = Offer(symptoms=(), separator="; ", types=(), contexts=False, examples=())


def offer_of(records: Path, *, data_format: str) -> Offer:
    """From a run's training records; nothing where they are not there."""
    if not records.is_file():
        return NOTHING
    all_records = list(read_records(records))
    short = (record for record in all_records if len(record.question) <= LONGEST_EXAMPLE)
    examples = tuple(islice(_different(short), EXAMPLES))
    types = _frequent(Counter(record.qtype for record in all_records if record.qtype))
    offer = replace(
        NOTHING, types=types, contexts=any(record.context for record in all_records), examples=examples
    )
    questions = [record.question for record in all_records]
    lists = [_symptoms(question) for question in questions]
    if data_format != "symptom_table" or not _are_lists(lists):
        return offer
    counted = Counter(symptom for symptoms in lists for symptom in symptoms)
    separators = Counter(
        sign for question in questions for sign in set(BETWEEN.findall(question.strip(" ;,")))
    )
    separator = separators.most_common(1)[0][0] if separators else NOTHING.separator
    return replace(offer, symptoms=_frequent(counted), separator=separator)


def _symptoms(question: str) -> set[str]:
    return {one for one in BETWEEN.split(question) if one}


def _are_lists(records: Sequence[set[str]]) -> bool:
    """Whether symptoms are named one by one, and again and again; else they are described in sentences."""
    listed = sum(all(_is_name(one) for one in symptoms) for symptoms in records)
    named = sum(map(len, records))
    return listed >= LISTED * len(records) and named >= OFTEN * len(set().union(*records))


def _is_name(symptom: str) -> bool:
    return len(symptom.split()) <= MOST_WORDS and not SENTENCE_ENDS.search(symptom)


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
