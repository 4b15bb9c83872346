"""Text of the data inside Markdown: it can neither mark up, nor link, nor leave its cell or fence."""

from __future__ import annotations

import re

from medadapt.report.clean_text import one_line, visible

BACKSLASHED = re.compile(r"[\\`*_\[\]~^#]")
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;", "@": "&#64;"})
AUTOLINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
BLOCK_START = re.compile(r"^(\d{0,9})([-+.)=])(?=[\s=-]|$)")


def inline(text: str) -> str:
    """One line of Markdown that reads as exactly this text, also inside a table cell or a list item.

    Characters of CommonMark and of GitHub's tables, strikes, formulas, mentions and bare links are escaped.
    """
    escaped = BACKSLASHED.sub(r"\\\g<0>", one_line(text)).translate(ENTITIES)
    escaped = AUTOLINK.sub(lambda hit: f"&#{ord(hit.group())};", escaped)
    return BLOCK_START.sub(lambda hit: f"{hit[1]}&#{ord(hit[2])};", escaped)


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    text = visible(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; every cell is data and is escaped. The first column is left, the others right."""
    head, *body = [" | ".join(inline(cell) for cell in row) for row in (columns, *rows)]
    rule = " | ".join([":--", *["--:"] * (len(columns) - 1)])
    return "\n".join(f"| {line} |" for line in (head, rule, *body))
