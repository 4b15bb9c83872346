"""Whether an exported model answers as the base with its adapter did: the same test records, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medadapt.core.results import Prediction

ROUNDING = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 1e-1}
"""Largest change of a log-likelihood, in nats per token, that rounding the merged weights may cause.

A merged weight is rounded once more to its number format (relative error 2**-24, 2**-11, 2**-8). On tiny
models 1e-6 (fp32) and 1e-2 (bf16) were measured; the limits are ten times that and more, so that crossing one
means a fault and not bad luck.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How two models compare on the same records."""

    n: int
    largest_difference: float
    """Of the reference answers' log-likelihoods, in nats per token."""
    mean_difference: float
    """Mean of the absolute differences, in nats per token."""
    same_choices: int | None
    """Records with the same choice; None for open questions."""


def agreement(one: Sequence[Prediction], other: Sequence[Prediction]) -> Agreement:
    """Compare predictions of the same records in the same order."""
    if [p.id for p in one] != [p.id for p in other] or not one:
        raise ValueError("only predictions of the same records can be compared")
    differences = [
        abs((a.nll or 0.0) - (b.nll or 0.0)) / max(a.num_tokens or 0, 1)
        for a, b in zip(one, other, strict=True)
    ]
    chosen = [(a.choice, b.choice) for a, b in zip(one, other, strict=True) if a.choice is not None]
    return Agreement(
        n=len(one),
        largest_difference=max(differences),
        mean_difference=sum(differences) / len(differences),
        same_choices=sum(a == b for a, b in chosen) if chosen else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The content of `parity.json`."""

    precision: str
    """Number format of the exported weights."""
    limit: float
    """Largest difference that rounding explains, in nats per token."""
    same_prompts: bool
    """Whether the exported tokenizer gives the same tokens."""
    adapter: Agreement
    """Exported model against base + adapter in the same number format: must agree."""
    effect: Agreement
    """Base alone against base + adapter: what the adapter changes, as a measure for the others."""
    measured: Agreement | None
    """Exported model against the predictions that the run kept."""
    quantization: str
    """How the base was held when the adapter was trained and measured."""

    @property
    def agrees(self) -> bool:
        """Whether the export is the model it should be."""
        return self.same_prompts and self.adapter.largest_difference <= self.limit

    @property
    def notes(self) -> list[str]:
        """What a user must know, in words."""
        found = []
        if not self.agrees:
            why = "its tokenizer reads prompts otherwise" if not self.same_prompts else (
                f"log-likelihoods differ by up to {self.adapter.largest_difference:.3g} nats per token, "
                f"and rounding to {self.precision} explains {self.limit:g}"
            )  # fmt: skip
            found.append(f"The merged model is not base + adapter: {why}.")
        elif self.adapter.mean_difference > self.effect.mean_difference / 2:
            found.append(
                f"Rounding to {self.precision} changes answers by more than half of what the adapter does; "
                "--precision fp32 keeps it."
            )
        if self.quantization != "none":
            found.append(self._about_quantization())
        return found

    def _about_quantization(self) -> str:
        text = (
            f"The adapter was trained and measured on a base in {self.quantization}; the merged model has the "
            "base's full weights and is another model"
        )
        if self.measured is None:
            return f"{text}, which the run's results do not describe."
        return (
            f"{text}: log-likelihoods differ from the measured ones by up to "
            f"{self.measured.largest_difference:.3g} nats per token (mean {self.measured.mean_difference:.3g})."
        )


def parity_values(parity: Parity) -> dict[str, Any]:
    """The parity as plain values for `parity.json`."""
    return {"schema": 1, "agrees": parity.agrees, **asdict(parity), "notes": parity.notes}
