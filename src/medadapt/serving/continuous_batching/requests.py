"""What is asked of the model by one of many, and what it hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from medadapt.core.results import ModelName
from medadapt.serving.sampling import Sampling

Ended = Literal["finished", "length", "cancelled"]
"""The model ended its answer, it has as many tokens as are allowed, or nobody wants it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A step of an answer: its next token, its end, or both."""

    token: int | None = None
    ended: Ended | None = None
    failed: Exception | None = None
    """Why there is no more; then nothing else is said."""


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """An answer that is wanted. `tell` hears every step of it, in the thread that writes."""

    model: ModelName
    prompt: tuple[int, ...]
    max_new_tokens: int
    closing_ids: frozenset[int]
    tell: Callable[[Written], None]
    sampling: Sampling = field(default_factory=Sampling)
    cancelled: bool = False
    """Set by whoever no longer wants it; it then ends with the next step."""

    def cancel(self) -> None:
        """No more of this answer is wanted."""
        self.cancelled = True
