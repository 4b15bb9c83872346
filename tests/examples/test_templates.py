"""The words around a question, to the letter: templates of the reference workflows and of lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.recipe import PromptSection
from medadapt.core.records import TASK_OF_FORMAT, Record
from medadapt.examples.templates import (
    BODIES,
    CLOSING_WORDS,
    OF_FORMAT,
    OF_STANDARD_SET,
    Wording,
    answer_text,
    answers_by_letter,
    join,
    option_text,
    render_prompt,
    resolve_wording,
)

FOUR = ["Heart", "Lung", "Liver", "Spleen"]
EXAM = {
    "question": "Which organ makes bile?",
    "answer": "Liver",
    "options": FOUR,
    "answer_index": 2,
    "explanation": "Bile is made by hepatocytes.",
}
VERDICT = {
    "question": "Does aspirin help?",
    "answer": "yes",
    "context": "Trial of 20 patients.\nFewer headaches.",
    "options": ["yes", "no", "maybe"],
    "answer_index": 0,
    "explanation": "LONG ANSWER: it helped most of them.",
}


def wording(template: str, **values: Any) -> Wording:
    plain = {"system": None, "options": template == "choices", "answer": "text"}
    return Wording(template=template, **{**plain, **values})


# --- prompts


def test_symptoms_are_asked_as_in_the_diagnosis_workflow(record: Callable[..., Record]):
    prompt = render_prompt(record(question="itching, skin rash"), wording("symptoms"))

    assert prompt == "Given these symptoms: itching, skin rash\n\nThe disease is:"


def test_typed_questions_are_asked_as_in_the_symptom_workflow(record: Callable[..., Record]):
    asked = record(question="What are the symptoms of gout?", qtype="symptoms")

    assert render_prompt(asked, wording("typed_question")) == (
        "### Question Type:\nsymptoms\n\n### Question:\nWhat are the symptoms of gout?\n\n### Answer:"
    )


def test_a_question_without_a_type_has_no_heading_for_it(record: Callable[..., Record]):
    prompt = render_prompt(record(), wording("typed_question"))

    assert prompt == "### Question:\nWhat is gout?\n\n### Answer:"


def test_medical_questions_are_asked_as_in_the_exam_workflow(record: Callable[..., Record]):
    prompt = render_prompt(record(**EXAM), wording("medical_question"))

    assert prompt == (
        "Give an answer for the following medical question.\n\n"
        "### Question:\nWhich organ makes bile?\n\n### Answer:\n\n"
    )


def test_plain_questions_end_in_a_line_break(record: Callable[..., Record]):
    assert render_prompt(record(), wording("question")) == "### Question:\nWhat is gout?\n\n### Answer:\n"


def test_a_context_stands_before_its_question(record: Callable[..., Record]):
    prompt = render_prompt(record(context="A man of 50."), wording("question"))

    assert prompt == "### Context:\nA man of 50.\n\n### Question:\nWhat is gout?\n\n### Answer:\n"


def test_choices_are_asked_as_medmcqa_is_in_lm_evaluation_harness(record: Callable[..., Record]):
    assert render_prompt(record(**EXAM), wording("choices")) == (
        "Question: Which organ makes bile?\nChoices:\nA. Heart\nB. Lung\nC. Liver\nD. Spleen\nAnswer:"
    )


def test_a_question_without_options_announces_none(record: Callable[..., Record]):
    assert render_prompt(record(), wording("choices")) == "Question: What is gout?\nAnswer:"


def test_yes_no_maybe_is_asked_as_pubmedqa_is_in_lm_evaluation_harness(record: Callable[..., Record]):
    assert render_prompt(record(**VERDICT), wording("choices")) == (
        "Abstract: Trial of 20 patients.\nFewer headaches.\nQuestion: Does aspirin help?\nAnswer:"
    )


def test_an_exam_question_keeps_its_context(record: Callable[..., Record]):
    prompt = render_prompt(record(**EXAM, context="A case."), wording("choices"))

    assert prompt.startswith("Context: A case.\nQuestion: Which organ makes bile?\nChoices:\nA. Heart")


@pytest.mark.parametrize("template", ["choices", "question", "medical_question"])
def test_hidden_options_are_not_in_the_prompt(template: str, record: Callable[..., Record]):
    prompt = render_prompt(record(**EXAM), wording(template, options=False))

    assert not any(option in prompt for option in FOUR)
    assert "Choices" not in prompt
    assert "Which organ makes bile?" in prompt


@pytest.mark.parametrize("template", ["choices", "question", "medical_question"])
def test_shown_options_stand_under_their_letters(template: str, record: Callable[..., Record]):
    prompt = render_prompt(record(**EXAM), wording(template, options=True))

    assert "\nA. Heart\nB. Lung\nC. Liver\nD. Spleen\n" in prompt


@pytest.mark.parametrize("template", BODIES)
@pytest.mark.parametrize("asked", [EXAM, VERDICT], ids=["exam", "verdict"])
@pytest.mark.parametrize("options", [True, False])
@pytest.mark.parametrize("answer", ["letter", "text", "text_and_explanation"])
def test_an_explanation_is_never_in_the_prompt(
    template: str, asked: dict[str, Any], options: bool, answer: str, record: Callable[..., Record]
):
    prompt = render_prompt(record(**asked), wording(template, options=options, answer=answer))

    assert asked["explanation"] not in prompt


@pytest.mark.parametrize("template", BODIES)
@pytest.mark.parametrize("data_format", TASK_OF_FORMAT)
def test_a_prompt_does_not_depend_on_the_right_answer(
    template: str, data_format: str, record: Callable[..., Record]
):
    # Everything a model must not see before it answers; the options are the same for both.
    told = wording(template, options=data_format == "multiple_choice")
    options = FOUR if data_format == "multiple_choice" else None
    one = record(answer="Heart", label="Heart", options=options, answer_index=0, explanation="one")
    two = record(answer="Liver", label="Liver", options=options, answer_index=2, explanation="two")

    assert render_prompt(one, told) == render_prompt(two, told)


@pytest.mark.parametrize("template", BODIES)
def test_an_instruction_stands_first(template: str, record: Callable[..., Record]):
    plain = render_prompt(record(**EXAM), wording(template))

    prompt = render_prompt(record(**EXAM), wording(template, system=" Be brief.\n"))

    assert prompt == f"Be brief.\n\n{plain}"


# --- answers


@pytest.mark.parametrize(
    ("answer", "trained"),
    [
        ("letter", "C"),
        ("text", "Liver"),
        ("text_and_explanation", "Liver. Bile is made by hepatocytes."),
    ],
)
def test_an_exam_question_is_answered_as_the_recipe_says(
    answer: str, trained: str, record: Callable[..., Record]
):
    assert answer_text(record(**EXAM), wording("choices", answer=answer)) == trained


@pytest.mark.parametrize(
    ("option", "trained"),
    [("Liver.", "Liver. So."), ("Liver?", "Liver? So."), (" Liver ", "Liver. So."), ("Na+", "Na+. So.")],
)
def test_an_explanation_follows_a_full_stop(option: str, trained: str, record: Callable[..., Record]):
    asked = record(**{**EXAM, "options": ["a", "b", option], "explanation": " So. "})

    assert answer_text(asked, wording("choices", answer="text_and_explanation")) == trained


def test_only_the_right_option_carries_the_explanation(record: Callable[..., Record]):
    told = wording("choices", answer="text_and_explanation")

    texts = [option_text(record(**EXAM), index, told) for index in range(4)]

    assert texts == ["Heart.", "Lung.", "Liver. Bile is made by hepatocytes.", "Spleen."]


@pytest.mark.parametrize("explanation", [None, "", " "])
def test_a_missing_explanation_leaves_the_full_stop(explanation: str | None, record: Callable[..., Record]):
    asked = record(**{**EXAM, "explanation": explanation})

    assert answer_text(asked, wording("choices", answer="text_and_explanation")) == "Liver."


@pytest.mark.parametrize("answer", ["letter", "text"])
@pytest.mark.parametrize("options", [["yes", "no", "maybe"], ["Yes", "No", "Maybe"]])
def test_yes_no_maybe_is_never_answered_by_letter(
    answer: str, options: list[str], record: Callable[..., Record]
):
    asked = record(**{**VERDICT, "options": options})
    told = wording("choices", answer=answer)

    assert not answers_by_letter(asked, told)
    assert [option_text(asked, index, told) for index in range(3)] == options
    assert "A." not in render_prompt(asked, told)


def test_yes_and_no_alone_are_options_like_any_others(record: Callable[..., Record]):
    asked = record(**{**VERDICT, "options": ["yes", "no"]})

    assert answer_text(asked, wording("choices", answer="letter")) == "A"
    assert "\nA. yes\nB. no\n" in render_prompt(asked, wording("choices", answer="letter"))


def test_a_diagnosis_is_answered_with_its_label(record: Callable[..., Record]):
    asked = record(label="Fungal infection", answer="Fungal infection")

    assert answer_text(asked, wording("symptoms")) == "Fungal infection"


def test_an_open_question_is_answered_with_its_answer(record: Callable[..., Record]):
    assert answer_text(record(), wording("typed_question")) == "Arthritis."


# --- the border


@pytest.mark.parametrize(
    ("prompt", "joined"),
    [
        ("Answer:", " Liver"),
        ("Answer:\n", "Liver"),
        ("Answer:\n\n", "Liver"),
        ("is ", "Liver"),
        ("", "Liver"),
    ],
)
def test_one_space_or_one_line_break_stands_before_an_answer(prompt: str, joined: str):
    assert join(prompt, "Liver") == joined


def test_nothing_is_joined_without_a_space():
    assert join("Answer:", "") == ""


@given(st.text(max_size=20), st.text(min_size=1, max_size=20).filter(lambda text: text == text.strip()))
def test_exactly_one_break_separates_prompt_and_answer(prompt: str, answer: str):
    joined = join(prompt, answer)

    assert joined.lstrip() == answer
    if prompt and not prompt[-1].isspace():
        assert joined == f" {answer}"
    else:
        assert joined == answer


def test_only_two_templates_end_in_a_line_break(record: Callable[..., Record]):
    asked = record(**EXAM)
    ends = {name: render_prompt(asked, wording(name))[-1] for name in BODIES}

    assert {name for name, end in ends.items() if end.isspace()} == {"question", "medical_question"}
    assert {end for end in ends.values() if not end.isspace()} == {":"}


def test_the_prompts_of_every_template_end_in_its_closing_words(record: Callable[..., Record]):
    assert CLOSING_WORDS.keys() == BODIES.keys()
    for name, closing in CLOSING_WORDS.items():
        assert render_prompt(record(**EXAM), wording(name)).endswith(closing)


# --- auto


@pytest.mark.parametrize(
    ("data_format", "template", "options", "answer"),
    [
        ("symptom_table", "symptoms", False, "text"),
        ("typed_qa", "typed_question", False, "text"),
        ("dialogue", "dialogue", False, "text"),
        ("question_answer", "question", False, "text"),
        ("multiple_choice", "choices", True, "letter"),
    ],
)
def test_auto_picks_the_wording_of_the_format(data_format: str, template: str, options: bool, answer: str):
    resolved = resolve_wording(PromptSection(), data_format)

    assert resolved == Wording(template=template, system=None, options=options, answer=answer)


def test_every_format_and_every_template_is_known():
    assert set(OF_FORMAT) == set(TASK_OF_FORMAT)
    assert {*OF_FORMAT.values(), *OF_STANDARD_SET.values(), "medical_question"} == set(BODIES)


def test_hidden_options_are_answered_with_their_text():
    resolved = resolve_wording(PromptSection(options=False), "multiple_choice")

    assert (resolved.options, resolved.answer) == (False, "text")


def test_what_the_recipe_says_stands():
    section = PromptSection(
        template="medical_question", options=False, answer="text_and_explanation", system="Hi"
    )

    assert resolve_wording(section, "multiple_choice") == Wording(
        template="medical_question", system="Hi", options=False, answer="text_and_explanation"
    )
