"""What the name of a base means on this machine. Imports nothing large: every command asks."""

from __future__ import annotations

from pathlib import Path

from medadapt.core.home_folder import in_home
from medadapt.samples.bundled_base import base_folder


def local_folder(name: str) -> Path | None:
    """The folder that a base's name means, `sample:base` or a folder that is there; None for a hub id.

    Raises RecipeError for a bundled base that there is not.
    """
    bundled = base_folder(name)
    if bundled is not None:
        return bundled
    folder = in_home(name)
    return folder if folder.is_dir() else None
