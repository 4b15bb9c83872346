"""`data.aliases`: other spellings of labels and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medadapt.records.cleaning.texts import Repairs, answer_form, composed, text_of


class Aliases:
    """Trims labels and answers and replaces the spellings that the recipe lists; case does not matter."""

    def __init__(self, aliases: Mapping[str, str], repairs: Repairs) -> None:
        self._standard = {answer_form(other): standard.strip() for other, standard in aliases.items()}
        self._repairs = repairs

    def trimmed(self, cell: Any, name: str) -> str:
        """The text of a cell without outer spaces, in the standard spelling. Raises RowError for a list."""
        text = text_of(cell, name)
        if isinstance(cell, str) and text != cell:
            self._repairs["spaces around labels and answers removed"] += 1
        standard = self._standard.get(answer_form(text), text)
        if standard != text:
            self._repairs["aliases replaced"] += 1
        return standard

    def label(self, cell: Any, name: str) -> str:
        """As `trimmed`, with plain spaces and composed accents: labels that look the same are one."""
        text = self.trimmed(cell, name)
        label = composed(text)
        if label != text:
            self._repairs["no-break spaces and loose accents in labels replaced"] += 1
        return label
