"""Sample files on disk: written whole, and never over a file that says something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import DataError, DiskError
from medadapt.core.files import disk_faults, whole_file


def write_files(folder: Path, contents: Mapping[str, bytes], *, replace: bool = False) -> list[Path]:
    """Write each content to its place in the folder; returns the files written.

    A file that is there with the same content is left alone; one with another content only goes where
    `replace` says so. Raises DataError where something is in the way, and DiskError where the folder cannot
    be written; files are then written whole or not at all.
    """
    targets = {folder / place: content for place, content in contents.items()}
    with _own_remedy(folder):
        for path in targets:
            _refuse_obstacle(path, folder)
        changed = [
            path for path, content in targets.items() if not path.is_file() or path.read_bytes() != content
        ]
        if not replace and (others := [path for path in changed if path.exists()]):
            raise DataError(
                f"{others[0]} is already there with another content"
                + (f", and so are {len(others) - 1} more files." if len(others) > 1 else "."),
                "a folder without these files, or with the same ones",
                "Choose another folder, or write over them with --replace.",
            )
        for path in changed:
            with whole_file(path, "wb") as file:
                file.write(targets[path])
    return changed


@contextmanager
def _own_remedy(folder: Path) -> Iterator[None]:
    """Disk faults with a remedy for a folder that the user named."""
    try:
        with disk_faults(folder):
            yield
    except DiskError as problem:
        remedy = "Free some space or name another folder; then repeat the command, it continues."
        raise DiskError(problem.problem, problem.expected, remedy) from problem
    except OSError as problem:
        raise DataError(
            f"{folder} cannot be made: {problem.strerror}.",
            "a place for a new folder",
            "Choose another folder.",
        ) from problem


def _refuse_obstacle(path: Path, folder: Path) -> None:
    """Raises DataError where a folder stands in the place of the file, or a file in that of a folder."""
    if path.is_dir():
        raise DataError(f"{path} is a folder.", "a file, or nothing, of that name", "Choose another folder.")
    for above in path.parents:
        if (above.exists() or above.is_symlink()) and not above.is_dir():
            raise DataError(
                f"{above} is no folder.", "a folder, or nothing, of that name", "Choose another folder."
            )
        if above == folder.parent:
            break
