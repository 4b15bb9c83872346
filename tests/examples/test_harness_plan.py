"""Prompts of lm-evaluation-harness, to the letter, and the room that is kept for the longest choice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medadapt.core.records import Record
from medadapt.core.standard_sets import SetName
from medadapt.examples.encoding import Encoder
from medadapt.examples.harness_plan import harness_plan
from medadapt.examples.templates import OF_STANDARD_SET
from medadapt.models.smoke_base import byte_tokenizer

FOUR = ["Heart", " Lung", "Liver ", "Spleen"]


def encoder(name: SetName, *, context_length: int | None = 512) -> Encoder:
    tokenizer = byte_tokenizer()
    template = OF_STANDARD_SET[name]
    return Encoder(tokenizer, harness_plan(tokenizer, template=template, context_length=context_length))


@pytest.fixture
def exam(record: Callable[..., Record]) -> Record:
    return record(
        question=" Bile\ncomes from? ", options=FOUR, answer_index=2, answer="Liver", subject="anatomy"
    )


@pytest.fixture
def verdict(record: Callable[..., Record]) -> Record:
    return record(
        question="Does it help?",
        context="One.\nTwo.",
        options=["yes", "no", "maybe"],
        answer_index=0,
        answer="yes",
    )


LISTED = "A. Heart\nB.  Lung\nC. Liver \nD. Spleen\n"


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("medmcqa", f"Question:  Bile\ncomes from? \nChoices:\n{LISTED}Answer:"),
        ("medqa", f"Question:  Bile\ncomes from? \n{LISTED}Answer:"),
        (
            "mmlu-medical",
            "The following are multiple choice questions (with answers) about anatomy.\n\n"
            f"Bile\ncomes from?\n{LISTED}Answer:",
        ),
    ],
)
def test_questions_with_options_are_worded_as_the_harness_does(name: SetName, prompt: str, exam: Record):
    asked = encoder(name)

    assert asked.prompt_text(exam) == prompt
    assert asked.choices(exam) == {"A": " A", "B": " B", "C": " C", "D": " D"}


def test_subjects_of_mmlu_are_written_with_spaces(record: Callable[..., Record]):
    asked = record(question="Q?", options=FOUR, answer_index=0, subject="college_biology")

    assert "about college biology.\n\nQ?" in encoder("mmlu-medical").prompt_text(asked)


def test_abstracts_are_worded_as_the_harness_does(verdict: Record):
    asked = encoder("pubmedqa")

    assert asked.prompt_text(verdict) == "Abstract: One.\nTwo.\nQuestion: Does it help?\nAnswer:"
    assert asked.choices(verdict) == {"A": " yes", "B": " no", "C": " maybe"}


def test_a_prompt_leaves_room_for_the_longest_choice():
    plan = encoder("pubmedqa").plan

    assert plan.max_length - plan.prompt_limit == len(" maybe")  # a token a byte


def test_a_base_that_does_not_say_how_much_it_reads_gets_the_usual_length():
    assert encoder("medqa", context_length=None).max_length == 2048
