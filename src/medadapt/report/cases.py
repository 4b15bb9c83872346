"""Test records to read, each with what both models made of it."""

from __future__ import annotations

from typing import Literal

from medadapt.core.records import LETTERS, Record, Task
from medadapt.report import wording
from medadapt.report.clean_text import shortened
from medadapt.report.pairs import Pair
from medadapt.report.sayings import MAX_TEXT, nats_per_token, right_answer, sayings_of
from medadapt.report.sections import Case, FilterName, Option, Turn

MAX_PROMPT = 6000
MAX_TURNS = 6
MAX_TURN = 600
ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}


def case_of(
    task: Task,
    pair: Pair,
    *,
    prompt: str = "",
    max_text: int = MAX_TEXT,
    filed: tuple[tuple[FilterName, str], ...] = (),
) -> Case:
    """The record as the page shows it, its longer texts cut to `max_text` characters."""
    record = pair.record
    return Case(
        id=record.id,
        summary=_summary(pair),
        turns=_turns(record.history, min(max_text, MAX_TURN)),
        question=shortened(whole_question(record), max_text),
        options=_options(pair) if task == "multiple_choice" else (),
        sayings=sayings_of(task, record, pair.baseline, pair.tuned, max_text=max_text),
        prompt=shortened(prompt, MAX_PROMPT),
        filed=filed,
    )


def whole_question(record: Record) -> str:
    """The question with its context before it."""
    return "\n\n".join([*([record.context] if record.context else []), record.question])


def _turns(history: list[dict[str, str]], max_text: int) -> tuple[Turn, ...]:
    """The last earlier turns, each clamped, and before them how many were left out."""
    shown = tuple(
        Turn(who=ROLES.get(turn.get("role", ""), "other"), text=shortened(turn.get("content", ""), max_text))
        for turn in history[-MAX_TURNS:]
    )
    more = len(history) - len(shown)
    if not more:
        return shown
    return (Turn(who="left_out", text=wording.amount(more, "earlier turn")), *shown)


def _summary(pair: Pair) -> str:
    if pair.baseline_right is None:
        if None in (nats_per_token(pair.baseline), nats_per_token(pair.tuned)):
            return "how likely the reference became is not known"
        if pair.gain == 0:
            return "the reference became neither less nor more likely"
        change = "less" if pair.gain < 0 else "more"
        return f"{-pair.gain:+.2f} nats per token: the reference became {change} likely"
    if pair.regression:
        return "right before, wrong after tuning"
    if pair.fix:
        return "wrong before, right after tuning"
    right = "right before and after" if pair.tuned_right else "wrong before and after"
    if pair.confident_and_wrong:
        return f"{right}, now with confidence"
    return f"{right}, but the right answer became less likely" if pair.gain < 0 else right


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
