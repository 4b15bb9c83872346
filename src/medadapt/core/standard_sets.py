"""The published question sets that models are compared on, and the names they go by here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from medadapt.core.errors import DataError
from medadapt.core.nearest import did_you_mean

SetName = Literal["medqa", "medmcqa", "pubmedqa", "mmlu-medical"]
SET_NAMES: tuple[SetName, ...] = get_args(SetName)

MMLU_SUBSETS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
)
"""The six subsets of MMLU that are usually counted as medical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """A standard set and where its rows are: `NAME=PATH` of the command line."""

    name: SetName
    source: str
    """A file, a folder, a glob, or `hub:owner/name`."""


def is_named_after(base: str, name: str) -> bool:
    """Whether the name of a base holds that of a standard set: then it may well have been trained on it."""
    word = name.partition("-")[0]  # of MMLU's medical subsets the name of the whole
    own = base.rstrip("/").rpartition("/")[2].lower()
    return re.search(rf"(?<!pub){word}", own) is not None


def parse_named_source(words: str) -> NamedSource:
    """`NAME=PATH` taken apart. Raises DataError for a name that is no standard set, or without a path."""
    name, equals, source = words.partition("=")
    known = next((each for each in SET_NAMES if each == name.strip().lower()), None)
    if known is None or not equals or not source.strip():
        what = "names no path" if known is not None else "names no standard set"
        hint = did_you_mean(name, SET_NAMES) if known is None else ""
        raise DataError(
            f"--on {words} {what}{hint}.",
            f"NAME=PATH with one of {', '.join(SET_NAMES)}",
            "For example --on medmcqa=validation.jsonl, or --on medmcqa=hub:openlifescienceai/medmcqa:validation.",
        )
    return NamedSource(name=known, source=source.strip())


def parse_named_sources(words: list[str]) -> list[NamedSource]:
    """Several of them. Raises DataError also where a set is named twice."""
    sources = [parse_named_source(each) for each in words]
    names = [source.name for source in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(
            f"--on names {twice} {names.count(twice)} times.",
            "each standard set once",
            "Put its files into one folder and name that.",
        )
    return sources
