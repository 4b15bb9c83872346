"""What an export leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadapt.serving.export.parity import Parity


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """A model as one file for llama.cpp."""

    path: Path | None
    """None where no converter is installed."""
    verified: bool | None
    """Whether the file holds what the model has; None where it was not looked into."""
    differences: tuple[str, ...] = ()
    """What it has otherwise."""
    compared: str | None = None
    """How many tensors of how many were compared number by number; the others were counted."""
    steps: tuple[str, ...]
    """Commands that make the file, where it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export in its folder."""

    folder: Path
    parity: Parity | None = None
    """None where nothing was merged: the adapter is taken as it is."""
    gguf: GgufFile | None = None
    """None where no such file was asked for."""
    notes: tuple[str, ...] = ()
    """What a user must know beside the parity's own notes."""
