"""The heads of an attention."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Numbers and widths of an attention's heads."""

    query: int
    key: int
    width: int
    scale: float

    @property
    def rows(self) -> int:
        """Vectors of one token: its queries, keys and values."""
        return self.query + 2 * self.key
