"""Questions that are asked together and answered in one file of `4-predictions/`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, ModelName
from medadapt.predictions.questions import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSet:
    """The questions of one split, asked in one way."""

    split: str
    """`test` or `validation`."""
    variant: str | None = None
    """How they are asked other than usual: `few_shot`, `options_only`, `rotated_1`, `by_letter`, `by_text`,
    `retrieval`."""
    models: tuple[ModelName, ...] = MODEL_NAMES
    """Who is asked."""
    records: list[Record]
    """As they were cleaned; row by row what `questions` ask."""
    questions: list[Question]
    written: bool = False
    """Whether an answer is also written."""
    over: re.Pattern[str] | None = None
    """What a written answer ends before, where no closing token does it."""

    def stem(self, model: ModelName) -> str:
        """The name of its file: `tuned`, `validation.tuned`, `test.tuned.rotated_1`."""
        if self.split == "test" and self.variant is None:
            return model
        return ".".join(part for part in (self.split, model, self.variant) if part)

    def title(self, model: ModelName) -> str:
        """How progress names it: `tuned`, `tuned (validation)`, `tuned (rotated 1)`."""
        told = self.variant or (self.split if self.split != "test" else "")
        return f"{model} ({told.replace('_', ' ')})" if told else model

    def ended(self, text: str) -> str:
        """A written answer up to where it is over."""
        found = self.over.search(text) if self.over else None
        return text[: found.start()] if found else text
