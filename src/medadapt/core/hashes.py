"""Hashes that decide whether work is still valid, and the seeded order of everything random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def sha256_text(text: str) -> str:
    """Hex sha256 of a text in UTF-8. Lone surrogates, which no UTF-8 file can hold, are kept apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file's bytes, read in pieces so that memory stays small."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def sha256_object(value: Any) -> str:
    """Hex sha256 of a JSON-like value; the order of keys does not matter."""
    return sha256_text(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def seeded_order(items: Iterable[T], seed: int, key: Callable[[T], str]) -> list[T]:
    """Items in the random order that `seed` fixes.

    The place of an item depends on its own key and the seed alone, so adding or removing other items
    never reshuffles the rest, and the order is the same on every machine.
    """
    return sorted(items, key=lambda item: (sha256_text(f"{seed}\x00{key(item)}"), key(item)))
