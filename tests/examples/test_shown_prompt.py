from medadapt.examples.shown_prompt import shown_prompt
from medadapt.examples.templates import VERDICT_OPTIONS

NO_SYSTEM = (
    "{% for turn in messages %}{% if turn.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_it_is_the_trained_prompt_with_words_in_braces(chatml, encoder_for, record):
    encoder = encoder_for(chatml, chat=True, system="Be brief.")
    assert shown_prompt(encoder, [record()]) == {
        "prompt": encoder.prompt_text(record(question="{question}")),
        "stops": ["<|im_end|>", "</s>"],
    }


def test_whoever_asks_by_it_ends_where_the_base_ends_its_texts(chatml, encoder_for, record):
    (start,) = chatml.convert_tokens_to_ids(["<|im_start|>"])
    shown = shown_prompt(encoder_for(chatml, chat=True), [record()], end_ids=(start,))
    assert shown["stops"] == ["<|im_end|>", "</s>", "<|im_start|>"]


def test_a_template_without_a_system_turn_gets_the_instruction_as_in_training(chatml, encoder_for, record):
    template, chatml.chat_template = chatml.chat_template, NO_SYSTEM
    try:
        shown = shown_prompt(encoder_for(chatml, chat=True, system="Be brief."), [record()])
    finally:
        chatml.chat_template = template
    assert shown["prompt"].startswith("<|im_start|>user\nBe brief.\n\n### Question:")


def test_the_date_is_the_fixed_one(chatml, encoder_for, record):
    template, chatml.chat_template = (
        chatml.chat_template,
        "{{ strftime_now('%d %b %Y') }}" + chatml.chat_template,
    )
    try:
        shown = shown_prompt(encoder_for(chatml, chat=True), [record()])
    finally:
        chatml.chat_template = template
    assert shown["prompt"].startswith("26 Jul 2024")


def test_only_what_the_records_have_has_a_place(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "typed_question")
    plain = shown_prompt(encoder, [record()])
    typed = shown_prompt(encoder, [record(), record(qtype="treatment", context="An abstract.")])
    assert plain == {"prompt": "### Question:\n{question}\n\n### Answer:", "stops": ["</s>"]}
    assert typed["prompt"].startswith("### Question Type:\n{type}\n\n### Context:\n{context}\n\n")
    assert "treatment" not in str(typed)


def test_a_system_turn_of_all_records_stands_in_it_and_one_of_some_has_a_place(
    bytes_only, encoder_for, dialogue
):
    encoder = encoder_for(bytes_only, "dialogue")
    kind, brief = (dialogue("Why?", "So.", system=system) for system in ("Be kind.", "Be brief."))
    assert shown_prompt(encoder, [kind, kind])["prompt"].startswith("Be kind.\n\nPatient: {question}")
    assert shown_prompt(encoder, [kind, brief])["prompt"].startswith("{instruction}\n\nPatient: {question}")


def test_options_stand_as_the_records_have_them(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "choices", answer="letter")
    chosen = shown_prompt(encoder, [record(options=["gout", "flu", "acne"], answer_index=0)])["prompt"]
    verdict = shown_prompt(encoder, [record(options=list(VERDICT_OPTIONS), answer_index=0)])["prompt"]
    assert "A. {first option}\nB. {second option}\nAnswer:" in chosen
    assert "option" not in verdict
