"""Which files a stage made, and whether they still are what it made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.stage import Stage

HASHED_AGAIN_BYTES = 64 * 1024 * 1024
"""Up to this size a file is hashed again before its stage is skipped; of a larger one only the size is held
against the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMark:
    """What identifies the content of one output file."""

    size: int
    sha256: str


Marks = dict[str, FileMark]
"""File name, relative to the stage's folder -> mark."""


def outputs_of(stage: Stage, run: RunFolder) -> Marks | None:
    """Marks of the stage's main files as they lie on the disk; None where one of its patterns has no file."""
    folder = stage.path(run)
    marks: Marks = {}
    for pattern in stage.outputs:
        files = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not files:
            return None
        marks |= {path.relative_to(folder).as_posix(): mark_of(path) for path in files}
    return marks


def mark_of(path: Path) -> FileMark:
    """The mark of a file as it lies on the disk now."""
    return FileMark(size=path.stat().st_size, sha256=sha256_file(path))


def unchanged(folder: Path, marks: Marks) -> bool:
    """Whether every marked file is still there with its content."""
    return bool(marks) and all(_is_as_marked(folder / name, mark) for name, mark in marks.items())


def changed_files(folder: Path, marks: Marks) -> list[str]:
    """The marked files that are gone or have another content, by their names in the run folder.

    Each is hashed, whatever its size: here a proof rests on it.
    """
    paths = {name: folder / name for name in marks}
    return [
        f"{folder.name}/{name}"
        for name, path in paths.items()
        if not path.is_file() or mark_of(path) != marks[name]
    ]


def output_hash(marks: Marks) -> str:
    """One hash over the names and contents of all output files."""
    return sha256_object({name: mark.sha256 for name, mark in marks.items()})


def _is_as_marked(path: Path, mark: FileMark) -> bool:
    if not path.is_file() or path.stat().st_size != mark.size:
        return False
    return mark.size > HASHED_AGAIN_BYTES or sha256_file(path) == mark.sha256
