"""Test records worth reading: where tuning did the most harm, with what both models made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from medadapt.core.records import LETTERS, Record, Task
from medadapt.core.results import Prediction
from medadapt.report import wording
from medadapt.report.clean_text import shortened
from medadapt.report.sayings import MAX_TEXT, nats_per_token, right_answer, sayings_of
from medadapt.report.sections import Case, Option, Turn

MAX_CASES = 10
MAX_PROMPT = 6000
MAX_TURNS = 6
MAX_TURN = 600
ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All that tuning changed: how many records got better and worse, and the worst of them."""

    broken: int
    """Right before, wrong after; for open questions the reference became less likely."""
    mended: int
    worst: tuple[Case, ...]


def changes(
    task: Task,
    primary: str,
    *,
    test: list[Record],
    baseline: list[Prediction],
    tuned: list[Prediction],
    prompts: dict[str, str],
) -> Changes:
    """Counts of records that got worse and better, and up to ten worst.

    Closed tasks: right before and wrong after come first, then by the loss of likelihood of the right
    answer. Open questions: by the rise of the reference's negative log-likelihood per token.
    """
    pairs = [
        _pair(task, primary, record, before, after)
        for record, before, after in zip(test, baseline, tuned, strict=True)
    ]
    broken = [pair for pair in pairs if _broken(pair)]
    mended = sum(1 for pair in pairs if _mended(pair))
    harmed = [pair for pair in pairs if _broken(pair) or pair.gain < 0]
    harmed.sort(key=lambda pair: (not _broken(pair), pair.gain, pair.record.id))
    cases = tuple(_case(task, pair, prompts.get(pair.record.id, "")) for pair in harmed[:MAX_CASES])
    return Changes(broken=len(broken), mended=mended, worst=cases)


def _pair(task: Task, primary: str, record: Record, baseline: Prediction, tuned: Prediction) -> Pair:
    if task == "qa":
        before, after = nats_per_token(baseline), nats_per_token(tuned)
        gain = 0.0 if before is None or after is None else before - after
        return Pair(
            record=record, baseline=baseline, tuned=tuned, baseline_right=None, tuned_right=None, gain=gain
        )
    truth = right_answer(task, record)
    answers = [p.parsed if primary == "accuracy_generated" else p.choice for p in (baseline, tuned)]
    before, after = (_log_probability(p, truth) for p in (baseline, tuned))
    return Pair(
        record=record,
        baseline=baseline,
        tuned=tuned,
        baseline_right=answers[0] == truth,
        tuned_right=answers[1] == truth,
        gain=0.0 if before is None or after is None else after - before,
    )


def _broken(pair: Pair) -> bool:
    if pair.baseline_right is None:
        return pair.gain < 0
    return pair.baseline_right and not pair.tuned_right


def _mended(pair: Pair) -> bool:
    if pair.baseline_right is None:
        return pair.gain > 0
    return not pair.baseline_right and bool(pair.tuned_right)


def _log_probability(prediction: Prediction, answer: str) -> float | None:
    probability = (prediction.probabilities or {}).get(answer)
    return None if probability is None else math.log(max(probability, 1e-300))


def _case(task: Task, pair: Pair, prompt: str) -> Case:
    record = pair.record
    question = "\n\n".join([*([record.context] if record.context else []), record.question])
    return Case(
        id=record.id,
        summary=_summary(pair),
        turns=_turns(record.history),
        question=shortened(question, MAX_TEXT),
        options=_options(pair) if task == "multiple_choice" else (),
        sayings=sayings_of(task, record, pair.baseline, pair.tuned),
        prompt=shortened(prompt, MAX_PROMPT),
    )


def _turns(history: list[dict[str, str]]) -> tuple[Turn, ...]:
    """The last earlier turns, each clamped, and before them how many were left out."""
    shown = tuple(
        Turn(who=ROLES.get(turn.get("role", ""), "other"), text=shortened(turn.get("content", ""), MAX_TURN))
        for turn in history[-MAX_TURNS:]
    )
    more = len(history) - len(shown)
    if not more:
        return shown
    return (Turn(who="left_out", text=wording.amount(more, "earlier turn")), *shown)


def _summary(pair: Pair) -> str:
    if pair.baseline_right is None:
        return f"{-pair.gain:+.2f} nats per token: the reference became less likely"
    if _broken(pair):
        return "right before, wrong after tuning"
    right = "still right" if pair.tuned_right else "wrong before and after"
    return f"{right}, but the right answer became less likely"


def _options(pair: Pair) -> tuple[Option, ...]:
    chosen = {"baseline": pair.baseline.choice, "tuned": pair.tuned.choice}
    truth = right_answer("multiple_choice", pair.record)
    return tuple(
        Option(
            letter=letter,
            text=shortened(text, 400),
            marks=tuple(who for who, choice in (("reference", truth), *chosen.items()) if choice == letter),
        )
        for letter, text in zip(LETTERS, pair.record.options or [], strict=False)
    )
