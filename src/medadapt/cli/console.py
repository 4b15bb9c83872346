"""Where text goes: results to stdout, progress and errors to stderr, made harmless for a terminal first."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from medadapt.core.errors import MedAdaptError
from medadapt.report.clean_text import visible

# On a terminal lines break between words; in a file or a pipe they are left whole.
results = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
"""What a command was asked for."""
talk = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
"""What happens meanwhile."""


PLAIN_SIGNS = str.maketrans({"−": "-", "–": "-", "—": "-", "…": "...", "’": "'"})
"""For a terminal without UTF-8, in which a minus sign would turn into a question mark."""


def plain(text: str, style: str = "") -> Text:
    """Text for the terminal: no control characters, never read as markup, and signs that the terminal has."""
    shown = visible(text)
    return Text(shown.translate(PLAIN_SIGNS) if results.options.ascii_only else shown, style=style)


def show_error(problem: MedAdaptError) -> None:
    """The lines of an error on stderr: what happened, what was expected, what to do."""
    first, *rest = visible(str(problem)).split("\n")
    talk.print(Text.assemble(("Error: ", "bold red"), (first, "bold")))
    for line in rest:
        word, colon, text = line.partition(": ")
        if colon and word in {"Expected", "Remedy"}:
            talk.print(Text.assemble((f"{word}: ", "cyan"), text))
        else:
            talk.print(Text(line))


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout; escaped where stdout cannot hold every character."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, ensure_ascii=ascii_only, allow_nan=False) + "\n")
    sys.stdout.flush()
