"""`NAME=PATH` -> the records of a standard set, and an account of the rows that are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.hashes import sha256_file
from medadapt.core.progress import Progress
from medadapt.core.recipe import DataSection
from medadapt.core.records import Record
from medadapt.core.standard_sets import MMLU_SUBSETS, NamedSource, SetName
from medadapt.records.cleaning.texts import Repairs
from medadapt.records.formats.answer_base import UNFITTING
from medadapt.records.likeness.groups import with_groups
from medadapt.records.reading.hub_address import HUB, parse_address
from medadapt.records.reading.readers import read_rows
from medadapt.records.reading.sources import SourceFile, Sources, find_sources
from medadapt.records.rows import with_ids
from medadapt.records.standard_sets.layouts import parse_rows
from medadapt.records.standard_sets.mmlu_files import read_mmlu_rows

LAYOUTS: dict[SetName, str] = {
    "medqa": "rows with question options answer_idx, or with sent1 ending0 to ending3 label",
    "medmcqa": "rows with question opa opb opc opd cop, or with question options answer",
    "pubmedqa": "QUESTION CONTEXTS final_decision, or question context final_decision",
    "mmlu-medical": "rows with question, four options and answer, a file or a column subject for each subset",
}
"""How each set is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardSet:
    """A published set as it is asked."""

    named: NamedSource
    records: list[Record]
    """Those that can be asked, in the order of the source. Records with the same input share a group."""
    rows: int
    unusable: dict[str, int]
    """Reason -> rows that became no record."""
    repairs: dict[str, int]
    """Damaged characters that were mended while reading, by kind; all else stays as published."""
    files: dict[str, str]
    """File name -> sha256."""
    hub: list[dict[str, Any]]
    """Of data sets from the Hub: repository, commit, split, licence."""


def read_standard_set(named: NamedSource, *, progress: Progress, offline: bool = False) -> StandardSet:
    """Read a set from local files or the Hub. Raises DataError where nothing in it can be asked."""
    repairs: Repairs = Counter()
    with _told_by_option(named):
        sources = _sources(named, offline=offline)
        if named.name == "mmlu-medical":
            files, rows = read_mmlu_rows(sources.files, named.source, repairs=repairs, progress=progress)
        else:
            files = sources.files
            rows = read_rows(files, repairs=repairs, progress=progress).rows
        parsed = parse_rows(named.name, with_ids(rows, None), source=named.source)
    unusable: Counter[str] = Counter(dropped.reason for dropped in parsed.dropped)
    if not parsed.drafts:
        first = f"; the first: {parsed.dropped[0].detail}" if parsed.dropped else ""
        counts = ", ".join(f"{reason} {count:,}" for reason, count in unusable.most_common()) or "no rows"
        raise DataError(
            f"{named.source}: no row of {named.name} can be asked ({counts}{first}).",
            "questions with options and the right answer",
            _remedy(
                named, unusable, unfitting=any(row.detail.startswith(UNFITTING) for row in parsed.dropped)
            ),
        )
    return StandardSet(
        named=named,
        records=with_groups([draft.record for draft in parsed.drafts], "exact"),
        rows=len(rows),
        unusable=dict(unusable),
        repairs=dict(repairs),
        files={file.name: sha256_file(file.path) for file in files},
        hub=sources.hub,
    )


def _sources(named: NamedSource, *, offline: bool) -> Sources:
    if named.name == "mmlu-medical" and named.source.startswith(HUB):
        address = parse_address(named.source)
        if address.config is None:  # the six are configs of one data set
            found = [
                (subset, _found(f"{HUB}{address.repo}/{subset}:{address.split or 'test'}", offline=offline))
                for subset in MMLU_SUBSETS
            ]
            files: list[SourceFile] = []
            for subset, part in found:
                files += [
                    file if subset in file.name else replace(file, name=f"{subset}/{file.name}")
                    for file in part.files
                ]
            return Sources(files=files, hub=[fact for _, part in found for fact in part.hub])
    return _found(named.source, offline=offline)


def _found(source: str, *, offline: bool) -> Sources:
    return find_sources(DataSection(format="multiple_choice", source=source), offline=offline)


def _remedy(named: NamedSource, unusable: Mapping[str, int], *, unfitting: bool) -> str:
    if named.name == "mmlu-medical" and "filtered" in unusable:
        return (
            f"Only the six medical subsets are asked: {', '.join(MMLU_SUBSETS)}. Name files or folders called so, or "
            "give each row its subset in a column subject."
        )
    if "unlabelled" in unusable and not unfitting:
        return "Test sets with hidden answers cannot be marked; use the validation set that has them."
    return f"Name the file of {named.name} as it was published, with --on {named.name}=PATH."


@contextmanager
def _told_by_option(named: NamedSource) -> Iterator[None]:
    """Tell what the readers of `data.source` refuse by `--on`: there is no recipe whose keys could be mended."""
    try:
        yield
    except DataError as problem:
        what, expected, remedy = (_by_option(text, named.name) for text in problem.args)
        if "data.columns" in remedy:  # `--on` has no counterpart of it
            expected = LAYOUTS[named.name]
            remedy = f"Name the file of {named.name} as it was published, or rename its columns."
        if named.source not in what:
            what = f"{named.source}: {what}"
        raise DataError(what, expected, remedy) from problem


def _by_option(text: str, name: SetName) -> str:
    for key, option in (("data.source: hub:", f"--on {name}=hub:"), ("as data.source", "with --on")):
        text = text.replace(key, option)
    return text.replace("data.source", "--on")
