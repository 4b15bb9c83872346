"""JSON and JSON lines on disk: whole or not at all, strict, and in UTF-8.

A file is written beside its place, flushed to the disk and renamed, so an interrupted write leaves the
old file. NaN and Infinity are refused in both directions: they are not JSON.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from medadapt.core.errors import DataError, DiskError

LINE_BREAKS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn a full or unwritable disk into a `DiskError` that names the place."""
    try:
        yield
    except OSError as problem:
        fault = _disk_fault(problem)
        if fault is None:
            raise
        raise DiskError(
            f"{path} cannot be written: {os.strerror(fault)}.",
            "a writable folder with free space",
            "Free some space or choose another folder with -o; then repeat the command, it continues.",
        ) from problem


def _disk_fault(problem: OSError) -> int | None:
    """The number of what the disk did; None where it is another error. A copied folder tells it in words alone."""
    numbers = [problem.errno]
    if isinstance(problem, shutil.Error):
        numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", str(problem))]
    return next((number for number in numbers if number in DISK_FAULTS), None)


@contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears at `path` complete, or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open(mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Make the content of a file that a library has written durable."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def give_usual_mode(path: Path) -> None:
    """The mode of any new file, for one of safetensors, which lets nobody but its owner read it."""
    mask = os.umask(0)  # it can only be read by setting it
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def sync_folder(folder: Path) -> None:
    """Make the renames inside a folder durable (a folder cannot be synced on Windows: skipped there)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with whole_file(path) as file:
        file.write(text)


def to_json(value: Any, indent: int | None = None) -> str:
    """Strict JSON of a value; frozen dataclasses and paths are understood. Raises ValueError on NaN.

    The rarer line breaks of Unicode are escaped: JSON allows them inside a text, but many programs would
    see the end of a JSON line there.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)
    return text.translate(LINE_BREAKS)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document for people: indented, with a final newline."""
    write_text(path, to_json(value, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> int:
    """Write one JSON object a line; returns the number of lines."""
    count = 0
    with whole_file(path) as file:
        for row in rows:
            file.write(to_json(row) + "\n")
            count += 1
    return count


def parse_json(text: str) -> Any:
    """Parse strict JSON; NaN and Infinity raise ValueError."""
    return json.loads(text, parse_constant=_refuse_constant)


def read_json(path: Path) -> Any:
    """Read one of our own JSON documents. Raises DataError when it is damaged."""
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise DataError(
            f"{path} is damaged: {problem}.",
            "a complete JSON file",
            "Delete the file and run the stage again.",
        ) from problem


def read_jsonl(path: Path) -> Iterator[Any]:
    """Read one of our own JSON-lines files, a value a line. Raises DataError that names the line."""
    for _, value in read_numbered_jsonl(path):
        yield value


def read_numbered_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """The same with the number of each line, from 1, for who has to name it. A missing file is told as such."""
    if not path.is_file():
        raise DataError(f"{path} is missing.", "a file of JSON lines", "Run the stage that makes it again.")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield number, parse_json(line.decode("utf-8"))
                except (ValueError, RecursionError) as problem:
                    raise DataError(
                        f"{path}:{number} is damaged: {problem}.",
                        "one JSON object a line",
                        "Delete the file and run its stage again.",
                    ) from problem


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
