import pytest

from medadapt.examples.shown_prompt import shown_prompt
from medadapt.examples.system_turns import SystemTurns
from medadapt.examples.templates import VERDICT_OPTIONS

NO_SYSTEM = (
    "{% for turn in messages %}{% if turn.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_it_is_the_trained_prompt_with_words_in_braces(chatml, encoder_for, record):
    encoder = encoder_for(chatml, chat=True, system="Be brief.")
    assert shown_prompt(encoder, [record()], SystemTurns()) == {
        "prompt": encoder.prompt_text(record(question="{question}")),
        "stops": ["<|im_end|>", "</s>"],
    }


def test_whoever_asks_by_it_ends_where_the_base_ends_its_texts(chatml, encoder_for, record):
    (start,) = chatml.convert_tokens_to_ids(["<|im_start|>"])
    shown = shown_prompt(encoder_for(chatml, chat=True), [record()], SystemTurns(), end_ids=(start,))
    assert shown["stops"] == ["<|im_end|>", "</s>", "<|im_start|>"]


def test_a_template_without_a_system_turn_gets_the_instruction_as_in_training(chatml, encoder_for, record):
    template, chatml.chat_template = chatml.chat_template, NO_SYSTEM
    try:
        shown = shown_prompt(encoder_for(chatml, chat=True, system="Be brief."), [record()], SystemTurns())
    finally:
        chatml.chat_template = template
    assert shown["prompt"].startswith("<|im_start|>user\nBe brief.\n\n### Question:")


def test_the_date_is_the_fixed_one(chatml, encoder_for, record):
    template, chatml.chat_template = (
        chatml.chat_template,
        "{{ strftime_now('%d %b %Y') }}" + chatml.chat_template,
    )
    try:
        shown = shown_prompt(encoder_for(chatml, chat=True), [record()], SystemTurns())
    finally:
        chatml.chat_template = template
    assert shown["prompt"].startswith("26 Jul 2024")


def test_only_what_the_records_have_has_a_place(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "typed_question")
    plain = shown_prompt(encoder, [record()], SystemTurns())
    typed = shown_prompt(
        encoder, [record(), record(qtype="treatment", context="An abstract.")], SystemTurns()
    )
    assert plain == {"prompt": "### Question:\n{question}\n\n### Answer:", "stops": ["</s>"]}
    assert typed["prompt"].startswith("### Question Type:\n{type}\n\n### Context:\n{context}\n\n")
    assert "treatment" not in str(typed)


@pytest.mark.parametrize(("common", "begins"), [("Be kind.", "Be kind."), (None, "{instruction}")])
def test_the_system_turn_of_the_training_stands_in_it_and_not_that_of_a_record(
    common, begins, bytes_only, encoder_for, dialogue
):
    turns = SystemTurns(any=True, common=common)
    record = dialogue("Why?", "So.", system="Be brief.")
    shown = shown_prompt(encoder_for(bytes_only, "dialogue"), [record], turns)
    assert shown["prompt"].startswith(f"{begins}\n\nPatient: {{question}}")


def test_options_stand_as_the_records_have_them(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "choices", answer="letter")
    chosen = shown_prompt(encoder, [record(options=["gout", "flu", "acne"], answer_index=0)], SystemTurns())[
        "prompt"
    ]
    verdict = shown_prompt(encoder, [record(options=list(VERDICT_OPTIONS), answer_index=0)], SystemTurns())[
        "prompt"
    ]
    assert "A. {first option}\nB. {second option}\nAnswer:" in chosen
    assert "option" not in verdict
