"""What an answer of a closed set is called before people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medadapt.serving.answering import Weighed


def named(one: Weighed) -> str:
    """A label, or an option behind its letter."""
    return one.name if one.text == one.name else f"{one.name}. {one.text}"
