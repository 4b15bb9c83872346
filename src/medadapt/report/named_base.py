"""How the base of a run is named to others, to whom a folder of this machine means nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from medadapt.core.home_folder import in_home
from medadapt.report.clean_text import one_line
from medadapt.report.inputs import ReportInputs
from medadapt.samples.bundled_base import SAMPLE_BASE

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
HASHED_FOLDER = "source base"
"""Among the inputs of a stage in run.json: the hash of a base in a folder. A base of the Hub has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBase:
    """A base by the name that the recipe has for it."""

    name: str
    in_folder: bool
    """Whether that name meant a folder when the base was loaded for the run."""

    @property
    def hub_id(self) -> str | None:
        """The base as a Hub id; None for a folder, whose name may be that of another model on the Hub."""
        name = one_line(self.name)
        return name if HUB_ID.fullmatch(name) and not self.in_folder else None

    @property
    def is_local(self) -> bool:
        """Whether nobody else finds the base by its name."""
        return self.name != SAMPLE_BASE and self.hub_id is None

    @property
    def in_words(self) -> str:
        """The base in a sentence; of a folder it is said that it is one."""
        if self.name == SAMPLE_BASE:
            return f"{SAMPLE_BASE} (the small demonstration model that comes with MedAdapt)"
        if self.hub_id is not None:
            return self.hub_id
        plain = base_id(self.name)
        return (
            "a local base model" if plain is None else f"a local base model named {plain.rpartition('/')[2]}"
        )


def base_of(inputs: ReportInputs) -> NamedBase:
    """The base that a report is about, as its recipe names it."""
    protocol, model = inputs.metrics.get("protocol") or {}, inputs.recipe.get("model") or {}
    return named_base(str(model.get("base") or protocol.get("base") or "unknown"), inputs.run)


def named_base(name: str, run: Mapping[str, Any]) -> NamedBase:
    """The base of a run; `run` is the content of its run.json.

    A relative folder is one only where the run was made, so what was found there counts, and not what is there now.
    """
    inputs = ((run.get("stages") or {}).get("train") or {}).get("inputs") or {}
    if HASHED_FOLDER in inputs:
        in_folder = True
    elif inputs and not run.get("smoke"):  # of a smoke run the folder may be too incomplete to be hashed
        in_folder = False
    else:
        in_folder = in_home(name).is_dir()
    return NamedBase(name=name, in_folder=in_folder)


def base_id(base: str) -> str | None:
    """The base as a Hub id; of a local folder its name alone, and None where that is no possible id.

    >>> base_id("facebook/opt-1.3b"), base_id("/home/me/models/stories260K/")
    ('facebook/opt-1.3b', 'stories260K')
    """
    base = one_line(base)
    if not HUB_ID.fullmatch(base) or base.startswith("."):
        base = PureWindowsPath(PurePosixPath(base).name).name
    return base if HUB_ID.fullmatch(base) else None
