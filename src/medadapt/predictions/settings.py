"""How both models are asked, with every `auto` of the recipe resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from medadapt.core.choice_rules import ChoiceRule
from medadapt.core.recipe import Recipe
from medadapt.core.records import Task
from medadapt.predictions.questions import Question

BATCH_TOKENS = {"cpu": 8192, "mps": 8192, "cuda": 16384}
"""Tokens in one forward pass by device type; far below what training needs, as nothing is kept."""
OPEN_ANSWER_TOKENS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionSettings:
    """What to ask of each record. Equal for both models."""

    task: Task
    method: Literal["score", "generate"]
    """`generate` lets the models write answers besides scoring them."""
    max_new_tokens: int | None = None
    """Longest written answer in tokens; None chooses it by the task (`answer_tokens`)."""
    explained: bool = False
    """Answers carry an explanation, so they need more room than a label."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other spellings of labels, for reading written answers."""
    choice_by: ChoiceRule = "sum"
    """By which figure a label or option is chosen."""
    score_choices: Literal["all", "best"] = "all"
    """`best` scores only as many as it takes to find the choice of every rule."""
    batch_tokens: int = BATCH_TOKENS["cpu"]

    @property
    def closed(self) -> bool:
        """Whether the answer is one of a given set."""
        return self.task != "qa"


def prediction_settings(recipe: Recipe, *, device_type: str) -> PredictionSettings:
    """The recipe's `evaluation` section for a device: closed tasks are scored, open ones also written."""
    evaluation = recipe.evaluation
    return PredictionSettings(
        task=recipe.task,
        method=recipe.method,
        max_new_tokens=None if evaluation.max_new_tokens == "auto" else evaluation.max_new_tokens,
        explained=recipe.prompt.answer == "text_and_explanation",
        aliases=recipe.data.aliases,
        choice_by=evaluation.choice_by,
        score_choices=evaluation.score_choices,
        batch_tokens=BATCH_TOKENS.get(device_type, BATCH_TOKENS["cpu"]),
    )


def answer_tokens(settings: PredictionSettings, question: Question) -> int:
    """Longest written answer: as set, or room for the question's longest choice, or for an open answer.

    It depends on no other question, so that a question asked alone gets what it got in a run.
    """
    if settings.max_new_tokens is not None:
        return settings.max_new_tokens
    if settings.explained or not settings.closed or not question.choices:
        return OPEN_ANSWER_TOKENS
    return min(max(max(map(len, question.choices.values())) + 2, 8), 64)
