"""The report as plain data: what is said, in which order. How it looks is the business of `html`.

To add something to the page, make it of these blocks. A new kind of block needs its dataclass here and
its macro of the same `kind` in `templates/page.html`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from medadapt.report.bars import Bar
from medadapt.report.card import ProofCard
from medadapt.report.figures.drawing import DOTS_PER_INCH

Tone = Literal["good", "bad", "warning", "plain"]
FilterName = Literal["kind", "label", "subject", "qtype", "length", "overlap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    quiet: bool = False
    """Set smaller: an explanation, not a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Sentences that stand side by side."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """Something that must not be overlooked, with what to do about it."""

    kind: ClassVar[str] = "banner"
    tone: Tone
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names with their values."""

    kind: ClassVar[str] = "facts"
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under named columns; the first cell of a row names it, the others are figures."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: bool = False
    """The cells after the first hold words rather than figures."""
    marked: int | None = None
    """Place of the row that stands out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One metric of models and controls, drawn on a common scale."""

    kind: ClassVar[str] = "bars"
    caption: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing, as a file beside the page and inside it."""

    kind: ClassVar[str] = "figure"
    file: str
    png: bytes
    alt: str
    caption: str
    wide: bool = False
    """Too detailed for a phone: it keeps its size and scrolls."""

    @property
    def width(self) -> int:
        """Width in CSS pixels, from the PNG's header; very wide drawings have fewer dots and become smaller."""
        (pixels,) = struct.unpack(">I", self.png[16:20])
        return round(pixels * 96 / DOTS_PER_INCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of an example's text and whether the model is trained on it."""

    text: str
    trained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedExample:
    """One training example as the model sees it, prompt and trained text told apart."""

    kind: ClassVar[str] = "masked"
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a question."""

    letter: str
    text: str
    marks: tuple[str, ...]
    """Who chose it: any of `reference`, `baseline`, `tuned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What the reference or one model says to a question."""

    who: Literal["reference", "baseline", "tuned"]
    title: str
    text: str
    detail: str
    """Probability or likelihood, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An earlier turn of a dialogue, or a note of how many were left out."""

    who: Literal["system", "user", "assistant", "other", "left_out"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test record with what both models made of it."""

    kind: ClassVar[str] = "case"
    id: str
    summary: str
    turns: tuple[Turn, ...]
    """What was said before the question, oldest first."""
    question: str
    options: tuple[Option, ...]
    sayings: tuple[Saying, ...]
    prompt: str
    """The exact prompt, or empty."""
    filed: tuple[tuple[FilterName, str], ...] = ()
    """Under which choices of each filter it falls, by their tokens, separated by spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of a filter."""

    token: str
    """A word of ours or a number, never text of the data: it stands in an attribute."""
    text: str
    count: int
    """Listed cases that fall under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A way to narrow a list of cases."""

    name: FilterName
    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseList:
    """Cases that can be filtered and searched where scripts run; elsewhere all are listed."""

    kind: ClassVar[str] = "cases"
    filters: tuple[Filter, ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Text in fixed width, folded away behind its title."""

    kind: ClassVar[str] = "code"
    title: str
    text: str


Block: TypeAlias = (
    Text | Items | Heading | Banner | Facts | Table | Bars | Figure | MaskedExample | Case | CaseList | Code
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page with its own heading and place in the contents."""

    anchor: str
    """ASCII word for links inside the page; never text of the data."""
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report."""

    title: str
    notice: str
    banners: tuple[Banner, ...]
    card: ProofCard
    protocol: tuple[tuple[str, str], ...] = ()
    """How the comparison was made, in few words: the line at the head of the page."""
    sections: tuple[Section, ...]
    footer: str
