"""The sample knowledge: what `conditions.yaml` says about each condition, as plain data.

Synthetic, written for this project, and not reviewed by clinicians: it is there so that sample data and the
sample base model agree with each other, not to teach medicine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import yaml

from medadapt.samples.bundled import FOLDER

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader in C where the library has it, because it is faster."""
NAMES_WITH_CAPITALS = (
    "Addison", "Alzheimer", "Bell", "COVID", "Crohn", "Cushing", "Graves", "Lyme", "Meniere", "Parkinson",
)  # fmt: skip
"""First words of condition names that keep their capital inside a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A public page to read on."""

    title: str
    publisher: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; every phrase fits into a sentence as it stands."""

    name: str
    specialty: str
    about: str
    symptoms: Mapping[str, float]
    """Symptom -> invented rough share of the people with symptoms who have it; the most typical first."""
    causes: tuple[str, ...]
    risk_factors: tuple[str, ...]
    tests: tuple[str, ...]
    treatments: tuple[str, ...]
    prevention: tuple[str, ...]
    """Empty where nothing is known to prevent it."""
    complications: tuple[str, ...]
    red_flags: tuple[str, ...]
    """Those of its symptoms that call for help at once; may be empty."""
    source: Page

    @property
    def in_text(self) -> str:
        """The name as it stands inside a sentence: `heart attack`, but `Crohn disease`."""
        if self.name.startswith(NAMES_WITH_CAPITALS):
            return self.name
        return self.name[0].lower() + self.name[1:]


@cache
def load_conditions() -> tuple[Condition, ...]:
    """All conditions, in the order of the file."""
    rows = yaml.load((FOLDER / "conditions.yaml").read_text(encoding="utf-8"), Loader=LOADER)
    return tuple(_condition(row) for row in rows)


def _condition(row: dict[str, object]) -> Condition:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    values["symptoms"] = MappingProxyType(values["symptoms"])  # type: ignore[arg-type]
    values["source"] = Page(**values["source"])  # type: ignore[arg-type]
    return Condition(**values)  # type: ignore[arg-type]
