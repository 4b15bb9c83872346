"""Whether two ways of asking the same records asked the same and got the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medadapt.core.results import ModelName
from medadapt.workflow.harness_parity.samples import Asked

TOLERANCE = 1e-4
"""Largest difference of two log-likelihoods, in nats, that rounding in fp32 explains."""
MOST_DIFFERING = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of one model, or of all of them together: counts of records, and how far scores lie apart."""

    n: int
    prompts_equal: int
    """Records with the same prompt and the same completions, byte for byte."""
    choices_equal: int
    largest_difference: float
    """Between two log-likelihoods of the same completion, in nats."""

    @property
    def agrees(self) -> bool:
        """Everything equal, and the log-likelihoods within rounding."""
        equal = self.prompts_equal == self.n and self.choices_equal == self.n
        return equal and self.largest_difference <= TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Ours against theirs."""

    together: Agreement
    """A record counts as equal where it is for every model."""
    models: dict[ModelName, Agreement]
    differing: list[str]
    """The ids of the first records that differ in anything."""


def compare(
    ids: Sequence[str],
    ours: Mapping[ModelName, Sequence[Asked]],
    theirs: Mapping[ModelName, Sequence[Asked]],
) -> Comparison:
    """Hold both against each other, record by record and model by model."""
    prompts = {
        name: [_same_text(a, b) for a, b in zip(ours[name], theirs[name], strict=True)] for name in ours
    }
    choices = {
        name: [a.choice == b.choice for a, b in zip(ours[name], theirs[name], strict=True)] for name in ours
    }
    apart = {name: [_apart(a, b) for a, b in zip(ours[name], theirs[name], strict=True)] for name in ours}
    models = {
        name: Agreement(
            n=len(ids),
            prompts_equal=sum(prompts[name]),
            choices_equal=sum(choices[name]),
            largest_difference=max(apart[name], default=0.0),
        )
        for name in ours
    }
    all_prompts = [all(column) for column in zip(*prompts.values(), strict=True)]
    all_choices = [all(column) for column in zip(*choices.values(), strict=True)]
    most_apart = [max(column) for column in zip(*apart.values(), strict=True)]
    together = Agreement(
        n=len(ids),
        prompts_equal=sum(all_prompts),
        choices_equal=sum(all_choices),
        largest_difference=max(most_apart, default=0.0),
    )
    differing = [
        name
        for name, same, chosen, nats in zip(ids, all_prompts, all_choices, most_apart, strict=True)
        if not (same and chosen and nats <= TOLERANCE)
    ]
    return Comparison(together=together, models=models, differing=differing[:MOST_DIFFERING])


def _same_text(one: Asked, other: Asked) -> bool:
    return one.prompt == other.prompt and one.completions == other.completions


def _apart(one: Asked, other: Asked) -> float:
    # Where they have not as many completions, their texts differ, and that is told.
    return max((abs(a - b) for a, b in zip(one.scores, other.scores, strict=False)), default=0.0)
