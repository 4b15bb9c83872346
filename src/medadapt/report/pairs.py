"""Each test record with both predictions: who was right, what tuning changed, and what kind of case that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medadapt.core.records import Record, Task
from medadapt.core.results import Prediction
from medadapt.report.sayings import nats_per_token, right_answer

Kind = Literal["regression", "fix", "confident", "both_wrong", "both_right", "same"]
KINDS: tuple[Kind, ...] = ("regression", "fix", "confident", "both_wrong", "both_right", "same")
"""In the order of reading. `confident` is both wrong, the tuned model with a high probability."""
CONFIDENT = 0.8
"""From this probability of its choice on, a wrong answer was given with confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One test record with the predictions of both models and what tuning changed."""

    record: Record
    baseline: Prediction
    tuned: Prediction
    baseline_right: bool | None
    """None for open questions."""
    tuned_right: bool | None
    gain: float
    """Growth of the reference's log-likelihood in nats (per token for open questions); below 0 is harm."""
    tuned_answer: str | None = None
    """The label or letter by which the tuned model was judged; None for open questions and what was unreadable."""

    @property
    def regression(self) -> bool:
        """Right before and wrong after; for open questions the reference became less likely."""
        if self.baseline_right is None:
            return self.gain < 0
        return self.baseline_right and not self.tuned_right

    @property
    def fix(self) -> bool:
        """Wrong before and right after; for open questions the reference became more likely."""
        if self.baseline_right is None:
            return self.gain > 0
        return not self.baseline_right and bool(self.tuned_right)

    @property
    def confidence(self) -> float | None:
        """Probability that the tuned model gives the answer it was judged by; None where there is none."""
        if self.tuned_answer is None:
            return None
        return (self.tuned.probabilities or {}).get(self.tuned_answer)

    @property
    def confident_and_wrong(self) -> bool:
        """Whether the tuned model chose a wrong answer with a high probability."""
        wrong = self.tuned_right is False
        return wrong and self.confidence is not None and self.confidence >= CONFIDENT

    @property
    def kind(self) -> Kind:
        """The first kind in the order of reading that fits."""
        if self.regression:
            return "regression"
        if self.fix:
            return "fix"
        if self.tuned_right is None:
            return "same"
        if self.confident_and_wrong:
            return "confident"
        return "both_right" if self.tuned_right else "both_wrong"


def pairs(
    task: Task,
    primary: str,
    *,
    test: Sequence[Record],
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
) -> list[Pair]:
    """All test records in order of reading: by kind, in each kind what matters most first.

    Regressions by the loss of likelihood of the right answer, fixes by its growth, confident mistakes by
    their probability, the others by the loss of likelihood.
    """
    found = [
        _pair(task, primary, record, before, after)
        for record, before, after in zip(test, baseline, tuned, strict=True)
    ]
    return sorted(found, key=_place)


def _place(pair: Pair) -> tuple[int, float, str]:
    kind = pair.kind
    weight = {"fix": -pair.gain, "confident": -(pair.confidence or 0.0)}.get(kind, pair.gain)
    return KINDS.index(kind), weight, pair.record.id


def _pair(task: Task, primary: str, record: Record, baseline: Prediction, tuned: Prediction) -> Pair:
    if task == "qa":
        before, after = nats_per_token(baseline), nats_per_token(tuned)
        gain = 0.0 if before is None or after is None else before - after
        return Pair(
            record=record, baseline=baseline, tuned=tuned, baseline_right=None, tuned_right=None, gain=gain
        )
    truth = right_answer(task, record)
    answers = [p.parsed if primary == "accuracy_generated" else p.choice for p in (baseline, tuned)]
    before, after = (_likelihood(p, truth) for p in (baseline, tuned))
    return Pair(
        record=record,
        baseline=baseline,
        tuned=tuned,
        baseline_right=answers[0] == truth,
        tuned_right=answers[1] == truth,
        tuned_answer=answers[1],
        gain=0.0 if before is None or after is None else after - before,
    )


def _likelihood(prediction: Prediction, answer: str) -> float | None:
    """Of the right answer in nats, among all answers where their probabilities are known."""
    if prediction.only_best:
        return None if prediction.nll is None else -prediction.nll
    probability = (prediction.probabilities or {}).get(answer)
    return None if probability is None else math.log(max(probability, 1e-300))
