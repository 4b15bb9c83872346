from __future__ import annotations

from dataclasses import replace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from medadapt.models.loading import load_tokenizer
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


def test_a_cut_choice_counts_only_the_bytes_that_its_tokens_spell(question_of, record):
    asked = record("Why?", options=["ab", "cdβγ"], answer_index=0, answer="ab")
    _, whole = question_of(asked, template="choices", close=True)
    assert whole.choice_bytes == {"A": 2, "B": 6}
    # A space, then a byte each; of B the last byte is left out, and with it all of the last letter.
    room = len(" cdβ".encode()) + 1
    _, question = question_of(
        asked, template="choices", close=True, max_length=len(whole.prompt.tokens) + room
    )
    assert question.choices == {"A": whole.choices["A"], "B": whole.choices["B"][:room]}
    assert question.choice_bytes == {"A": 2, "B": len("cdβ".encode())}
    assert question.truncated


def test_a_choice_that_lacks_its_end_alone_counts_all_its_bytes(encoder_for, record):
    """Also those of words that the tokenizer does not know."""
    words = Tokenizer(models.WordLevel(vocab={"</s>": 0, "[unk]": 1, "ab": 2}, unk_token="[unk]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", unk_token="[unk]")
    asked = record("Why?", options=["ab", "ab cd"], answer_index=0, answer="ab")
    (whole,) = pose(encoder_for(tokenizer, "choices"), [asked], close_choices=True)
    assert whole.choices == {"A": [2, 0], "B": [2, 1, 0]}
    short = encoder_for(tokenizer, "choices", max_length=len(whole.prompt.tokens) + 2)
    (question,) = pose(short, [asked], close_choices=True)
    assert question.choices == {"A": [2, 0], "B": [2, 1]}
    assert question.choice_bytes == whole.choice_bytes == {"A": 2, "B": 5}
    assert question.truncated


class Counting:
    """A tokenizer that counts the texts it encodes."""

    def __init__(self, tokenizer) -> None:
        self.tokenizer, self.num_texts = tokenizer, 0

    def __call__(self, texts, **how):
        self.num_texts += len(texts)
        return self.tokenizer(texts, **how)

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)


def test_labels_are_encoded_once_for_all_records_whose_prompts_end_alike(
    byte_tokenizer, encoder_for, diagnoses
):
    labels = tuple(f"disease {number}" for number in range(50))
    records = [replace(one, question=f"{one.question} and fever", answer=labels[0]) for one in diagnoses] * 10
    counting = Counting(byte_tokenizer)
    pose(encoder_for(counting, labels=labels), records, close_choices=True)
    assert counting.num_texts < len(records) * len(labels) / 4


def test_questions_share_choices_that_are_the_same(byte_tokenizer, encoder_for, diagnoses):
    for close in (True, False):
        posed = pose(encoder_for(byte_tokenizer), diagnoses, close_choices=close)
        assert len({question.prompt.text[-24:] for question in posed}) == 3
        assert len({id(question.choices) for question in posed}) == 1
        assert len({id(question.choice_bytes) for question in posed}) == 1


@pytest.mark.parametrize("template", ["symptoms", "choices"])
@pytest.mark.parametrize("name", ["biogpt", "gpt2", "llama2", "opt", "pythia"])
def test_questions_posed_together_are_those_posed_alone(
    shared_data, encoder_for, diagnoses, exam, record, name, template
):
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / name))
    encoder = encoder_for(tokenizer, template)
    again = record("Again?", options=exam[1].options, answer_index=0, answer="aspirin")
    records = [*diagnoses, *diagnoses[:1]] if template == "symptoms" else [*exam, again, record("Open?")]
    posed = pose(encoder, records, close_choices=True)
    assert posed == [pose(encoder, [one], close_choices=True)[0] for one in records]


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
