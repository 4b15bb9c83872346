from __future__ import annotations

import pytest

from medadapt.predictions.questions import pose


@pytest.fixture
def question_of(byte_tokenizer, encoder_for):
    def build(record, *, max_length: int = 256, template: str = "question", close: bool = False, **changes):
        encoder = encoder_for(byte_tokenizer, template, max_length=max_length, **changes)
        (question,) = pose(encoder, [record], close_choices=close)
        return encoder, question

    return build


def test_whole_answer_covers_the_closing_token_which_has_no_bytes(question_of, record):
    encoder, question = question_of(record("Why?", answer=" β-blockers "))
    assert question.reference.tokens[-1] == encoder.closing_ids[0]
    assert question.reference.num_bytes == len("β-blockers".encode())
    assert not question.truncated


def test_answer_without_room_for_its_end_is_not_truncated(question_of, record):
    asked = record("Why?", answer="a long rest")
    _, whole = question_of(asked)
    length = len(whole.prompt.tokens) + len(whole.reference.tokens)
    _, question = question_of(asked, max_length=length - 1)
    assert question.reference.tokens == whole.reference.tokens[:-1]
    assert question.reference.num_bytes == whole.reference.num_bytes
    assert not question.truncated


def test_cut_answer_counts_only_the_bytes_of_whole_characters(question_of, record):
    asked = record("Why?", answer="aβγ")
    _, whole = question_of(asked)
    # Byte-level: a, then two bytes for each Greek letter; room for a, β and the first half of γ.
    _, question = question_of(asked, max_length=len(whole.prompt.tokens) + 4)
    assert question.reference.tokens == whole.reference.tokens[:4]
    assert question.reference.num_bytes == len("aβ".encode())
    assert question.truncated


def test_shortened_prompt_is_truncated(question_of, record):
    _, question = question_of(record("long " * 60), prompt_limit=100)
    assert len(question.prompt.tokens) == 100
    assert question.truncated


def test_labels_end_with_the_closing_token_and_options_do_not(question_of, diagnoses, exam):
    encoder, question = question_of(diagnoses[0], template="symptoms", close=True)
    assert all(tokens[-1] == encoder.closing_ids[0] for tokens in question.choices.values())
    encoder, question = question_of(exam[1], template="choices")
    assert list(question.choices) == ["A", "B", "C"]
    assert all(encoder.closing_ids[0] not in tokens for tokens in question.choices.values())


def test_choices_never_exceed_the_longest_example(question_of, exam):
    _, whole = question_of(exam[1], template="choices")
    length = len(whole.prompt.tokens) + 3
    _, question = question_of(exam[1], template="choices", max_length=length)
    assert max(len(tokens) for tokens in question.choices.values()) == 3
    assert question.truncated


def test_open_questions_have_no_choices(question_of, record):
    _, question = question_of(record("Why?"))
    assert question.choices is None
    assert not question.single_token


def test_earlier_turns_are_part_of_what_both_models_are_asked(tiny, encoder_for, record):
    encoder = encoder_for(tiny("llama").tokenizer, "question")
    history = [{"role": "user", "content": "I cough."}, {"role": "assistant", "content": "Since when?"}]
    alone, after = pose(
        encoder, [record("Two days."), record("Two days.", history=history)], close_choices=False
    )
    said = encoder.tokenizer.decode(after.prompt.tokens)
    assert said.index("I cough.") < said.index("Since when?") < said.index("Two days.")
    # The likelihood is of the last answer alone.
    assert after.reference == alone.reference
