"""`data.source` -> the files behind it, each with its sha256 and, where splits are ready-made, its split."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medadapt import samples
from medadapt.core.errors import DataError
from medadapt.core.hashes import sha256_file
from medadapt.core.home_folder import in_home
from medadapt.core.nearest import nearest
from medadapt.core.recipe import DataSection
from medadapt.core.records import SPLITS, SplitName
from medadapt.records.reading.hub_address import HUB, parse_address
from medadapt.records.reading.hub_data import hub_files

PARQUET = ".parquet"
READABLE = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", PARQUET)
SAMPLE = "sample:"
SAVED_DATASET = ("dataset_dict.json", "dataset_info.json")
"""Lie in a folder that `save_to_disk` of the datasets library wrote; the rows are beside them, as Arrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file to read, and the name that data.json and row numbers give it."""

    name: str
    path: Path
    split: SplitName | None = None
    """The ready-made split it belongs to; then the name begins with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All files of `data.source`, and what data.json says of those from the Hub."""

    files: list[SourceFile]
    hub: list[dict[str, Any]] = field(default_factory=list)


def find_sources(data: DataSection, *, offline: bool = False) -> Sources:
    """The files of `data.source`, ordered by split and name; data sets of the Hub are fetched first.

    `offline` takes those from the cache alone. Raises DataError where there are no files.
    """
    if isinstance(data.source, str):
        return _files_of(data.source, data.revision, offline=offline)
    files: list[SourceFile] = []
    hub: list[dict[str, Any]] = []
    for split in SPLITS:
        if (source := data.source.get(split)) is None:
            continue
        found = _files_of(source, data.revision, offline=offline)
        files += [replace(file, name=f"{split}/{file.name}", split=split) for file in found.files]
        hub += found.hub
    return Sources(files=files, hub=hub)


def _files_of(source: str, revision: str | None, *, offline: bool) -> Sources:
    if source.startswith(HUB):
        found = hub_files(parse_address(source), revision, endings=READABLE, offline=offline)
        return Sources(files=_named(found.paths, found.folder, source), hub=[found.facts])
    return Sources(files=_local_files(source))


def _local_files(source: str) -> list[SourceFile]:
    if source.startswith(SAMPLE):
        path = samples.source_file(source.removeprefix(SAMPLE))
        return [SourceFile(name=path.name, path=path)]
    path = in_home(source)
    try:
        is_file = path.is_file()
    except OSError as problem:  # a name that no file can have
        raise _unreadable(source, problem) from problem
    if is_file:
        return [_readable_file(path)]
    if path.is_dir():
        _refuse_saved_dataset(path)
        found = [inside for inside in path.rglob("*") if _looks_readable(inside, path)]
        return _named(found, path, source)
    if glob.has_magic(source):
        matches = Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))
        found = [match for match in matches if match.is_file() and match.suffix.lower() in READABLE]
        root = Path(os.path.commonpath([match.parent for match in found])) if found else path
        return _named(found, root, source)
    raise DataError(
        f"data.source: {source} does not exist{_hint(path)}.",
        "a file, a folder, a glob, hub:owner/name or sample:NAME",
        "Correct data.source; a relative path starts where the command runs.",
    )


def source_hashes(data: DataSection, *, offline: bool = False) -> dict[str, str]:
    """File name -> sha256 of its bytes, sorted by name. Raises DataError where the source is missing.

    A newer commit of a data set on the Hub that left its data files alone changes nothing here.
    """
    files = find_sources(data, offline=offline).files
    try:
        return {file.name: sha256_file(file.path) for file in sorted(files, key=lambda file: file.name)}
    except OSError as problem:
        raise _unreadable(str(problem.filename or data.source), problem) from problem


def _unreadable(source: str, problem: OSError) -> DataError:
    return DataError(
        f"data.source: {source} cannot be read: {problem.strerror}.",
        "a file that may be read",
        "Correct data.source, or the rights of the file.",
    )


def _readable_file(path: Path) -> SourceFile:
    if path.suffix.lower() not in READABLE:
        raise DataError(
            f"data.source: {path} has the ending '{path.suffix}', which no reader knows.",
            f"a file that ends in {', '.join(READABLE)}",
            "Unpack the file if it is packed, or save it in one of these formats.",
        )
    return SourceFile(name=_plain_name(path.name), path=path)


def _refuse_saved_dataset(folder: Path) -> None:
    if any((folder / name).is_file() for name in SAVED_DATASET):
        raise DataError(
            f"data.source: {folder} was written by save_to_disk of the datasets library, as Arrow files, which no "
            "reader knows.",
            f"files that end in {', '.join(READABLE)}",
            "Write each split as a file: datasets.load_from_disk(folder).to_parquet(file), or split by split "
            "where the folder holds several. Rows that are tokens already cannot be used.",
        )


def _looks_readable(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    return path.suffix.lower() in READABLE and not hidden and path.is_file()


def _named(paths: list[Path], root: Path, source: str) -> list[SourceFile]:
    if not paths:
        raise DataError(
            f"data.source: {source} holds no file that can be read.",
            f"at least one file that ends in {', '.join(READABLE)}",
            "Correct data.source.",
        )
    files = [SourceFile(name=_plain_name(path.relative_to(root).as_posix()), path=path) for path in paths]
    return sorted(files, key=lambda file: file.name)


def _plain_name(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def _hint(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor does the folder {path.parent})"
    name = nearest(path.name, (beside.name for beside in path.parent.iterdir()))
    return "" if name is None else f"; the nearest name is {path.parent / name}"
