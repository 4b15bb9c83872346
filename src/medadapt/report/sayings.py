"""What the reference and both models say to one test record."""

from __future__ import annotations

from typing import Literal

from medadapt.core.records import LETTERS, Record, Task
from medadapt.core.results import Prediction
from medadapt.report import wording
from medadapt.report.clean_text import one_line, shortened
from medadapt.report.sections import Saying

MAX_TEXT = 2000

Models = tuple[tuple[Literal["baseline", "tuned"], str, Prediction], ...]
"""Name, title and prediction of each model."""


def sayings_of(
    task: Task, record: Record, baseline: Prediction, tuned: Prediction, *, max_text: int = MAX_TEXT
) -> tuple[Saying, ...]:
    """Right answer or reference, baseline and tuned, in this order; long texts cut to `max_text` characters."""
    titles = wording.MODEL_TITLES
    models: Models = (("baseline", titles["baseline"], baseline), ("tuned", titles["tuned"], tuned))
    if task == "qa":
        return _open_sayings(record, models, max_text)
    return _closed_sayings(task, record, models)


def right_answer(task: Task, record: Record) -> str:
    """The label or option letter that counts as right."""
    if task == "multiple_choice" and record.answer_index is not None:
        return LETTERS[record.answer_index]
    return record.label if record.label is not None else record.answer


def nats_per_token(prediction: Prediction) -> float | None:
    """Of the reference answer; None where it was not measured."""
    return (
        prediction.nll / prediction.num_tokens
        if prediction.nll is not None and prediction.num_tokens
        else None
    )


def _closed_sayings(task: Task, record: Record, models: Models) -> tuple[Saying, ...]:
    truth = right_answer(task, record)
    sayings = [Saying(who="reference", title="Right answer", text=_answer_text(record, truth), detail="")]
    for who, title, prediction in models:
        choice = prediction.choice
        text = wording.MISSING if choice is None else _answer_text(record, choice)
        probabilities = prediction.probabilities or {}
        known = (
            []
            if choice is None or choice not in probabilities
            else [f"probability {wording.share(probabilities[choice])}"]
        )
        if choice != truth and truth in probabilities:
            known.append(f"right answer {wording.share(probabilities[truth])}")
        if prediction.text is not None:
            known.append(f"wrote: {shortened(one_line(prediction.text), 300) or 'nothing'}")
            known.append(f"read as: {prediction.parsed or 'nothing'}")
        sayings.append(Saying(who=who, title=title, text=text, detail="; ".join(known)))
    return tuple(sayings)


def _open_sayings(record: Record, models: Models, max_text: int) -> tuple[Saying, ...]:
    reference = shortened(record.answer, max_text)
    sayings = [Saying(who="reference", title="Reference answer", text=reference, detail="")]
    for who, title, prediction in models:
        nats = nats_per_token(prediction)
        detail = "" if nats is None else f"gives the reference {nats:.3f} nats per token"
        if prediction.text is None:
            sayings.append(Saying(who=who, title=title, text="(no answer was written)", detail=detail))
        else:
            text = shortened(prediction.text, max_text) or "(an empty answer)"
            sayings.append(Saying(who=who, title=title, text=text, detail=detail))
    return tuple(sayings)


def _answer_text(record: Record, answer: str) -> str:
    options = record.options or []
    if len(answer) == 1 and answer in LETTERS[: len(options)]:
        return f"{answer}. {shortened(options[LETTERS.index(answer)], 400)}"
    return answer
