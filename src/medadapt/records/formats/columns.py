"""Which column of a file means what."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection

MOST_SHOWN = 30


class Columns:
    """The columns of one file, asked for by what they mean."""

    def __init__(self, present: Sequence[str], data: DataSection, *, file: str) -> None:
        self.present, self.file = list(present), file
        self._format, self._named = data.format, dict(data.columns)

    def find(self, key: str, names: Sequence[str] = ()) -> str | None:
        """The column for `key`: the one the recipe names, else the first of `names` present in any case.

        Raises DataError where the recipe names a column that is not there.
        """
        if key in self._named:
            wanted = self._named[key]
            if (column := self._match(wanted)) is None:
                raise DataError(
                    f"{self.file} has no column '{wanted}', which data.columns.{key} names.",
                    f"one of the columns {self.shown()}",
                    f"Correct data.columns.{key}.",
                )
            return column
        return next((column for name in names if (column := self._match(name)) is not None), None)

    def need(self, key: str, names: Sequence[str]) -> str:
        """As `find`, but a column must be there. Raises DataError that says how to name it."""
        column = self.find(key, names)
        if column is None:
            raise DataError(
                f"{self.file}: {self._format} needs a column for the {key}; the columns are {self.shown()}.",
                f"a column called {' or '.join(names)}",
                f"Name it: data.columns: {{{key}: <column>}}. If this file does not belong to the data, "
                "let data.source name the right file.",
            )
        return column

    def shown(self) -> str:
        """The names of the columns, for a message."""
        names = ", ".join(f"'{name}'" for name in self.present[:MOST_SHOWN])
        more = len(self.present) - MOST_SHOWN
        return (f"{names} and {more} more" if more > 0 else names) or "none"

    def _match(self, name: str) -> str | None:
        if name in self.present:
            return name
        folded = name.strip().casefold()
        return next((column for column in self.present if column.strip().casefold() == folded), None)
