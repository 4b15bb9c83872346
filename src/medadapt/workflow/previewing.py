"""A look at what the model writes while it is being trained."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from medadapt.core.progress import Progress
from medadapt.core.records import read_records
from medadapt.core.run_folder import RunFolder

if TYPE_CHECKING:
    from medadapt.models.loading import LoadedBase

QUESTIONS = 2
NEW_TOKENS = 48
NEW_TOKENS_OF_A_CHOICE = 16
"""A label or an option is short, and the preview takes time from the training."""


def answer_preview(
    run: RunFolder, base: LoadedBase, progress: Progress
) -> Callable[[], list[dict[str, str]]]:
    """A function that lets the model, as it is when called, answer two questions and notes the answers.

    The questions are those of validation, or of training where there is no validation; never test questions.
    It returns a list of {id, reference, answer}, which stands in steps.jsonl.
    """
    from medadapt.examples.encoding import load_encoder
    from medadapt.predictions.generation import generate

    encoder = load_encoder(run.examples, base.tokenizer)
    records = list(islice(read_records(run.records / "validation.jsonl"), QUESTIONS))
    records = records or list(islice(read_records(run.records / "train.jsonl"), QUESTIONS))
    prompts = [encoder.prompt(record).tokens for record in records]
    longest = max(len(prompt) for prompt in prompts)
    most = NEW_TOKENS if encoder.choices(records[0]) is None else NEW_TOKENS_OF_A_CHOICE
    max_new_tokens = max(1, min(most, encoder.max_length - longest))

    told: list[str] = []

    def preview() -> list[dict[str, str]]:
        written = generate(
            base,
            prompts,
            max_new_tokens=max_new_tokens,
            closing_ids=encoder.stopping_ids(base.end_ids),
            batch_tokens=len(prompts) * (longest + max_new_tokens),
        )
        answers = [base.tokenizer.decode(tokens, skip_special_tokens=True).strip() for tokens in written]
        if answers == told:
            progress.note("  answers as before")
        else:
            for record, answer in zip(records, answers, strict=True):
                progress.note(f"  answer to {_short(record.answer, 24)}: {_short(answer, 44)}")
        told[:] = answers
        return [
            {"id": record.id, "reference": record.answer, "answer": answer}
            for record, answer in zip(records, answers, strict=True)
        ]

    return preview


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
