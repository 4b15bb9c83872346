"""Where text goes: results to stdout, progress and errors to stderr, made harmless for a terminal first."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from medadapt.core.errors import MedAdaptError
from medadapt.report.clean_text import visible


class Talk(Console):
    """A console that falls silent where nobody can read it any more: a closed terminal ends no training."""

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        """Write what was printed inside, bars included."""
        try:
            super().__exit__(exc_type, exc_value, traceback)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Instead of leaving the program, as Rich does."""
        self.quiet = True


# On a terminal lines break between words; in a file or a pipe they are left whole.
results = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
"""What a command was asked for."""
talk = Talk(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
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
    """One JSON object on stdout, with exit code 0 unless the value holds another; escaped where stdout must have it."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps({"exit_code": 0, **value}, ensure_ascii=ascii_only, allow_nan=False) + "\n")
    sys.stdout.flush()
