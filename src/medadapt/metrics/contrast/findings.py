"""What a rule has to say of one answer: how much it could compare, and what contradicts the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["negation", "number", "unit", "comparison", "side", "name"]
KINDS: tuple[Kind, ...] = ("negation", "number", "unit", "comparison", "side", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One contradiction."""

    kind: Kind
    answer: str
    """The sentence of the answer."""
    reference: str
    """The sentence of the reference that it contradicts."""
    said: str
    """The words of the answer that contradict, such as `5000 mg`."""
    wanted: str
    """What the reference has in their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one rule made of one answer."""

    agreed: int
    """Things that both texts say alike."""
    findings: tuple[Finding, ...]

    @property
    def checkable(self) -> bool:
        """Whether the answer says anything that the rule could hold against the reference."""
        return bool(self.agreed or self.findings)
