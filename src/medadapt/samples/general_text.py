"""General English without medicine, on which a run measures what its base has forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import yaml

from medadapt.samples.bundled import FOLDER

PassageKind = Literal["prose", "instructions"]
PASSAGE_KINDS: tuple[PassageKind, ...] = ("prose", "instructions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text whose likelihood is measured before and after tuning."""

    id: str
    """Kind and number, such as `prose-03`."""
    kind: PassageKind
    prompt: str
    """What is asked; empty for running text."""
    text: str
    """The text that is measured: the prose itself, or the plain answer to the request."""


@cache
def general_passages() -> tuple[Passage, ...]:
    """The bundled passages, written for this project; no recipe trains on them."""
    content = yaml.safe_load((FOLDER / "general" / "passages.yaml").read_text(encoding="utf-8"))
    prose = [{"prompt": "", "answer": text} for text in content["prose"]]
    return tuple(
        Passage(id=f"{kind}-{number:02}", kind=kind, prompt=row["prompt"], text=row["answer"].strip())
        for kind, rows in zip(PASSAGE_KINDS, (prose, content["instructions"]), strict=True)
        for number, row in enumerate(rows, 1)
    )
