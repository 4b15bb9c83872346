"""What a base is shown before it is asked: which records, in which words, and what is lost where room is short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medadapt.core.hashes import seeded_order
from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.few_shot import choose_shown, next_question


@pytest.fixture
def exam(record: Callable[..., Record]) -> list[Record]:
    rows = [("What cools?", ["ice", "fire"], 0), ("What warms?", ["ice", "fire"], 1)]
    return [
        record(
            id=f"t{i}",
            group=f"t{i}",
            question=question,
            options=options,
            answer_index=index,
            answer=options[index],
        )
        for i, (question, options, index) in enumerate(rows)
    ]


def prompt_after(encoder: Encoder, record: Record, shown: list[Record], limit: int = 10_000) -> Any:
    (prompt,) = encoder.prompts_after([record], shown, limits=[limit])
    return prompt


def test_a_plain_prompt_repeats_the_template_with_answers_a_blank_line_apart(
    bytes_only, encoder_for, record, exam
):
    encoder = encoder_for(bytes_only, "choices", answer="letter", system="Choose.")
    asked = record(question="What floats?", options=["cork", "iron"], answer_index=0)

    prompt = prompt_after(encoder, asked, exam)

    assert prompt.text == (
        "Choose.\n\n"
        "Question: What cools?\nChoices:\nA. ice\nB. fire\nAnswer: A\n\n"
        "Question: What warms?\nChoices:\nA. ice\nB. fire\nAnswer: B\n\n"
        "Question: What floats?\nChoices:\nA. cork\nB. iron\nAnswer:"
    )
    assert bytes_only.decode(prompt.tokens, skip_special_tokens=True) == prompt.text
    assert bytes_only.eos_token_id not in prompt.tokens


def test_an_answer_that_stands_below_its_heading_is_shown_there(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "medical_question")
    shown = [record(question="What is gout?", answer=" Arthritis. ")]

    prompt = prompt_after(encoder, record(question="Why?"), shown)

    assert prompt.text == (
        "Give an answer for the following medical question.\n\n"
        "### Question:\nWhat is gout?\n\n### Answer:\n\nArthritis.\n\n"
        "### Question:\nWhy?\n\n### Answer:\n\n"
    )


def test_the_explanation_is_shown_where_it_is_trained(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "choices", options=False, answer="text_and_explanation")
    shown = [
        record(question="What cools?", options=["ice", "fire"], answer_index=0, explanation="It is cold.")
    ]

    text = prompt_after(encoder, record(question="Why?", options=["a", "b"], answer_index=0), shown).text

    assert text == "Question: What cools?\nAnswer: ice. It is cold.\n\nQuestion: Why?\nAnswer:"


def test_in_a_chat_template_shown_records_are_earlier_turns(chatml, encoder_for, record, exam):
    encoder = encoder_for(chatml, "choices", chat=True, answer="letter", system="Choose.")
    asked = record(question="What floats?", options=["cork", "iron"], answer_index=0)

    prompt = prompt_after(encoder, asked, exam[:1])

    assert prompt.text == (
        "<|im_start|>system\nChoose.<|im_end|>\n"
        "<|im_start|>user\nQuestion: What cools?\nChoices:\nA. ice\nB. fire\nAnswer:<|im_end|>\n"
        "<|im_start|>assistant\nA<|im_end|>\n"
        "<|im_start|>user\nQuestion: What floats?\nChoices:\nA. cork\nB. iron\nAnswer:<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert prompt.tokens.count(encoder.closing_ids[0]) == 4  # one for each turn that ended


def test_a_dialogue_keeps_its_own_turns_behind_the_shown_ones(bytes_only, encoder_for, dialogue):
    encoder = encoder_for(bytes_only, "dialogue")
    asked = dialogue("I cough.", "Since when?", "Two days.", "Rest.", system="Be kind.")
    shown = [dialogue("Hello.", "Hello!", "I sneeze.", "Bless you.", system="Be brief.")]

    prompt = prompt_after(encoder, asked, shown)

    assert prompt.text == (
        "Be kind.\n\nPatient: Hello.\n\nDoctor: Hello!\n\nPatient: I sneeze.\n\nDoctor: Bless you.\n\n"
        "Patient: I cough.\n\nDoctor: Since when?</s>\n\nPatient: Two days.\n\nDoctor:"
    )
    # Behind the shown records the prompt is the usual one, its start token and system turn apart.
    own = encoder.prompt(dialogue("I cough.", "Since when?", "Two days.", "Rest.")).tokens[1:]
    assert prompt.tokens[-len(own) :] == own


def test_a_prompt_too_long_loses_its_first_shown_records_and_never_its_question(
    bytes_only, encoder_for, record, exam
):
    encoder = encoder_for(bytes_only, "choices", answer="letter")
    asked = record(question="What floats?", options=["cork", "iron"], answer_index=0)
    whole, one = (prompt_after(encoder, asked, some) for some in (exam, exam[1:]))
    usual = encoder.prompt(asked)

    for limit in range(len(usual.tokens), len(whole.tokens) + 1):
        kept = prompt_after(encoder, asked, exam, limit)
        wanted, lost = next(
            (prompt, lost)
            for prompt, lost in ((whole, 0), (one, 1), (usual, 2))
            if len(prompt.tokens) <= limit
        )
        assert (kept.text, kept.tokens, kept.exchanges_left_out) == (wanted.text, wanted.tokens, lost)
        assert not kept.truncated


def test_what_a_shown_record_adds_is_counted_in_tokens(bytes_only, encoder_for, record, exam):
    encoder = encoder_for(bytes_only, "choices", answer="letter")
    asked = record(question="What floats?", options=["cork", "iron"], answer_index=0)
    added = len(prompt_after(encoder, asked, exam).tokens) - len(encoder.prompt(asked).tokens)
    assert sum(encoder.shown_lengths(exam)) == added


@pytest.fixture
def train(record: Callable[..., Record]) -> list[Record]:
    """Ten records of very different length."""
    return [
        record(id=f"t{i}", group=f"g{i}", question="long " * (i * 10 + 1), answer="yes") for i in range(10)
    ]


def test_shown_records_are_the_first_in_the_order_of_the_seed(bytes_only, encoder_for, train):
    encoder = encoder_for(bytes_only)
    ordered = seeded_order(train, 3, key=lambda record: record.id)

    chosen = choose_shown(encoder, train, most=3, room=100_000, seed=3, avoid=())

    assert chosen == ordered[:3]
    assert choose_shown(encoder, train[::-1], most=3, room=100_000, seed=3, avoid=()) == chosen
    assert choose_shown(encoder, train, most=3, room=100_000, seed=4, avoid=()) != chosen


def test_a_record_of_a_test_group_is_never_shown(bytes_only, encoder_for, train):
    chosen = choose_shown(
        encoder_for(bytes_only), train, most=10, room=100_000, seed=0, avoid={"g1", "g2", "g5"}
    )
    assert {record.group for record in chosen} == {f"g{i}" for i in (0, 3, 4, 6, 7, 8, 9)}


@pytest.mark.parametrize("room", range(0, 2200, 50))
def test_where_the_first_do_not_fit_short_ones_are_shown_and_then_fewer(bytes_only, encoder_for, train, room):
    encoder = encoder_for(bytes_only)
    lengths = dict(zip((record.id for record in train), encoder.shown_lengths(train), strict=True))
    ordered = seeded_order(train, 0, key=lambda record: record.id)

    chosen = choose_shown(encoder, train, most=3, room=room, seed=0, avoid=())

    assert sum(lengths[record.id] for record in chosen) <= room
    if sum(lengths[record.id] for record in ordered[:3]) <= room:
        assert chosen == ordered[:3]
    most = max((k for k in (1, 2, 3) if sorted(lengths.values())[k - 1] * k <= room), default=0)
    assert len(chosen) >= most
    assert [record for record in ordered if record in chosen] == chosen


def test_a_written_answer_ends_where_the_next_question_begins(bytes_only, encoder_for, record):
    encoder = encoder_for(bytes_only, "typed_question")
    shown = [record(qtype="symptoms"), record(context="An abstract.")]

    over = next_question(encoder, shown)

    for begun in ("### Question Type:\ncauses", "### Context:\nA", "### Context:"):
        text = f"Rest.\n\nThen see.\n\n{begun}"
        assert text[: over.search(text).start()] == "Rest.\n\nThen see."
    assert over.search("Rest.\n\nThe question: none.") is None


def test_in_a_chat_template_the_closing_token_ends_an_answer(chatml, encoder_for, record):
    assert next_question(encoder_for(chatml, chat=True), [record()]) is None


@pytest.mark.parametrize(
    ("template", "words"),
    [("symptoms", "The disease is:"), ("choices", "Answer:"), ("question", "### Answer:\n")],
)
def test_the_closing_words_end_every_prompt_and_ask_nothing(bytes_only, encoder_for, record, template, words):
    encoder = encoder_for(bytes_only, template)
    closing = encoder.closing_words()
    assert closing.text == words
    assert encoder.prompt_text(record(options=["a", "b"])).endswith(words)
    # The same tokens end a prompt, so a completion follows them alike.
    assert encoder.prompt(record()).tokens[-len(words) :] == closing.tokens[-len(words) :]


def test_in_a_chat_template_the_closing_words_are_a_turn(chatml, encoder_for):
    encoder = encoder_for(chatml, "choices", chat=True, system="Choose.")
    assert encoder.closing_words().text == "<|im_start|>user\nAnswer:<|im_end|>\n<|im_start|>assistant\n"
