"""The system turns that the dialogues of a training open with: a model is asked with what it learned to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemTurns:
    """What the training dialogues open with."""

    any: bool = False
    """Whether one of them opens with a system turn."""
    common: str | None = None
    """The one that all of them open with."""

    @property
    def differ(self) -> bool:
        """Whether some open with one, and not all with the same."""
        return self.any and self.common is None


def system_turns(records: Iterable[Record]) -> SystemTurns:
    """What these records open with."""
    found = {
        record.history[0]["content"] if record.history and record.history[0]["role"] == "system" else None
        for record in records
    }
    return SystemTurns(any=bool(found - {None}), common=found.pop() if len(found) == 1 else None)


def system_turns_from_json(stored: Any, *, where: str) -> SystemTurns:
    """What `asdict` made of them; files of earlier versions say nothing, which is none.

    Raises DataError for anything else; `where` names the file for the message.
    """
    match stored:
        case None:
            return SystemTurns()
        case {"any": bool(some), "common": None | str() as common}:
            return SystemTurns(any=some, common=common)
    raise DataError(
        f"{where} does not say with which system turns dialogues were trained.",
        "`system_turns` with `any` and `common`, as the encode stage writes them",
        "Run `medadapt encode` again, or get the adapter again.",
    )
