"""Records and files -> passages: short pieces of text that can be found and cited."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.home_folder import in_home
from medadapt.core.progress import Progress, Silent
from medadapt.core.records import Record
from medadapt.records.cleaning.texts import sound_text
from medadapt.records.data_notes import guessed_encoding
from medadapt.records.reading.encodings import decode
from medadapt.records.reading.readers import content_of, read_rows
from medadapt.records.reading.sources import READABLE, SourceFile
from medadapt.records.rows import RawRow, columns_of

WORDS = 120
"""Most words of a passage, so that a few fit into a prompt; longer texts are cut at the ends of sentences."""
TITLE_CHARACTERS = 200
MOST_FAULTS = 3
"""Of the rows that could not be read, those that are named."""
PROSE = (".txt", ".md")
TEXT_COLUMNS = ("text", "passage", "contents", "content", "answer", "output", "completion", "response")
TITLE_COLUMNS = ("title", "question", "heading", "input", "prompt", "query")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
HEADING = re.compile(r"#{1,6}\s+(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of text that can be cited."""

    id: str
    """Of a record its id, of a file its name and line; with a number where the text was cut."""
    title: str
    """The question that it answers, or the heading above it."""
    text: str

    @property
    def whole(self) -> str:
        """All that is searched."""
        return f"{self.title}\n{self.text}"


def passages_of_records(records: Iterable[Record]) -> Iterator[Passage]:
    """What training records say: of a question its answer, of an exam question its right option and explanation."""
    for record in records:
        yield from _cut(record.id, record.question, _told(record))


def passages_of_files(names: Sequence[str], *, progress: Progress) -> list[Passage]:
    """The passages of files and folders. Raises DataError where there are none, or a file has no text to cite.

    Rows that cannot be read are left out; they, and files whose encoding was guessed, are told.
    """
    found: list[Passage] = []
    for path in files_of(names):
        of_file = _of_prose if path.suffix.lower() in PROSE else _of_table
        found += of_file(path, progress)
    if not found:
        raise DataError(
            f"No text was found in {', '.join(names)}.",
            f"files of text ({', '.join(PROSE)}) or of rows ({', '.join(READABLE)})",
            "Name files that hold text.",
        )
    return found


def _told(record: Record) -> str:
    if record.options is not None:
        return " ".join(part for part in (record.answer, record.explanation) if part)
    return record.label if record.label is not None else record.answer


def files_of(names: Sequence[str]) -> Iterator[Path]:
    """The readable files behind names, in order; of a folder those directly in it that are not hidden."""
    for name in names:
        path = in_home(name)
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if _looks_readable(one))
        elif path.is_file() and path.suffix.lower() in (*PROSE, *READABLE):
            yield path
        else:
            raise DataError(
                f"{name} is no file of text or rows.",
                f"one of {', '.join((*PROSE, *READABLE))}, or a folder of them",
                "Correct the path.",
            )


def _looks_readable(path: Path) -> bool:
    return path.suffix.lower() in (*PROSE, *READABLE) and not path.name.startswith(".") and path.is_file()


def _of_prose(path: Path, progress: Progress) -> Iterator[Passage]:
    """A passage for each paragraph under its heading; short paragraphs of one heading are joined."""
    decoded = decode(content_of(SourceFile(name=path.name, path=path)), path.name)
    if decoded.words:
        progress.note(guessed_encoding(path.name, decoded.words))
    text = sound_text(decoded.text, Counter())
    title, held, begun = path.stem, "", 0
    for first, body in _paragraphs(text):
        heading = HEADING.match(body)
        if heading is not None or len((held + " " + body).split()) > WORDS:
            yield from _cut(f"{path.name}:{begun}", title, held)
            held = ""
        if heading is not None:
            title = heading[1].strip()
            body = body[heading.end() :].strip()
        if body:
            begun = begun if held else first
            held = f"{held} {body}".strip()
    yield from _cut(f"{path.name}:{begun}", title, held)


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """What stands between blank lines, each with the number of its first line."""
    line = 1
    for part in re.split(r"(\n\s*\n)", text):
        if body := part.strip():
            yield line + part[: part.index(body)].count("\n"), body
        line += part.count("\n")


def _of_table(path: Path, progress: Progress) -> Iterator[Passage]:
    """A passage for each row with a text; rows that lack the column, or the text, have none."""
    file = SourceFile(name=path.name, path=path)
    reading = read_rows([file], repairs=Counter(), progress=Silent())
    for name, words in reading.read_as_cp1252.items():
        progress.note(guessed_encoding(name, words))
    if faulty := [row for row in reading.rows if row.fault is not None]:
        progress.note(_left_out(faulty))
    sound = [row for row in reading.rows if row.fault is None]
    if sound and all(_column(row.values, TEXT_COLUMNS) is None for row in sound):
        raise DataError(
            f"{path.name} has no column of text: it has {', '.join(map(str, columns_of(sound)))}.",
            f"a column called {' or '.join(TEXT_COLUMNS)}",
            "Rename the column that holds the text.",
        )
    for row in sound:
        text, title = _column(row.values, TEXT_COLUMNS), _column(row.values, TITLE_COLUMNS)
        yield from _cut(f"{path.name}:{row.source_row}", title or "", text or "")


def _left_out(faulty: Sequence[RawRow]) -> str:
    number = "1 row" if len(faulty) == 1 else f"{len(faulty):,} rows"
    shown = "; ".join(str(row.fault) for row in faulty[:MOST_FAULTS])
    more = f"; and {len(faulty) - MOST_FAULTS:,} more" if len(faulty) > MOST_FAULTS else ""
    return f"{number} could not be read and left out: {shown}{more}"


def _column(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The text in the first of these columns, empty for null; None where there is no such column."""
    known = {str(key).strip().casefold(): value for key, value in values.items()}
    found = [known[name] for name in names if name in known]
    if not found:
        return None
    return "" if found[0] is None else str(found[0])


def _cut(name: str, title: str, text: str) -> Iterator[Passage]:
    """Passages of at most `WORDS` words; a sentence that is longer than that is cut between two of them."""
    pieces = list(_pieces(" ".join(sound_text(text, Counter()).split())))
    heading = " ".join(sound_text(title, Counter()).split())[:TITLE_CHARACTERS]
    for number, piece in enumerate(pieces, start=1):
        yield Passage(id=name if len(pieces) == 1 else f"{name}#{number}", title=heading, text=piece)


def _pieces(text: str) -> Iterator[str]:
    held: list[str] = []
    for sentence in SENTENCE_END.split(text):
        words = sentence.split()
        if held and len(held) + len(words) > WORDS:
            yield " ".join(held)
            held = []
        while len(words) > WORDS:
            yield " ".join(words[:WORDS])
            words = words[WORDS:]
        held += words
    if held:
        yield " ".join(held)
