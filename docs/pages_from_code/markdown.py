"""The little Markdown that the pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by docs/generate.py from the code. Change the code, then run the script. -->"


def page(title: str, *parts: str) -> str:
    """A whole page: its title, the note that it is generated, and its parts with a blank line between."""
    return "\n\n".join([f"# {title}", GENERATED, *(part for part in parts if part)]) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where there are no rows."""
    lines = [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines])


def cell(text: str) -> str:
    """Text as one line that does not leave its cell."""
    return one_line(text).replace("|", "\\|")


def one_line(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())


def code(text: object) -> str:
    """Text as it is typed."""
    return f"`{text}`"
