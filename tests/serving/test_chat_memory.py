from dataclasses import replace

import pytest

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.serving.chat_memory import Conversation


@pytest.fixture
def dialogue(typed_assistant):
    """The same model, asked as one that was trained on dialogues."""
    asking = typed_assistant.asking
    plan = replace(asking.plan, wording=replace(asking.plan.wording, template="dialogue"))
    return replace(
        typed_assistant,
        asking=replace(asking, plan=plan, data_format="dialogue"),
        encoder=Encoder(typed_assistant.base.tokenizer, plan),
    )


def said(chat, message):
    reply = chat.say(message)
    list(reply.pieces)
    return reply.text


def test_a_dialogue_model_reads_what_was_said_before(dialogue):
    chat = Conversation(assistant=dialogue, max_new_tokens=8)
    first = said(chat, "I have a cough.")
    second = said(chat, "Since a week.")
    assert chat.turns == [
        {"role": "user", "content": "I have a cough."},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "Since a week."},
        {"role": "assistant", "content": second},
    ]
    record = Record(
        id="1", source_row=1, group="1", question="Since a week.", answer="", history=chat.turns[:2]
    )
    text = dialogue.encoder.prompt_text(record)
    assert first in text
    assert text.index("I have a cough.") < text.index("Since a week.")
    alone = said(Conversation(assistant=dialogue, max_new_tokens=8), "Since a week.")
    assert second != alone


def test_reset_forgets(dialogue):
    chat = Conversation(assistant=dialogue, max_new_tokens=8)
    first = said(chat, "I have a cough.")
    chat.reset()
    assert said(chat, "I have a cough.") == first


def test_an_answer_that_was_stopped_is_not_remembered(dialogue):
    chat = Conversation(assistant=dialogue, max_new_tokens=8)
    reply = chat.say("I have a cough.")
    next(reply.pieces)
    reply.pieces.close()
    assert chat.turns == []


def test_a_long_talk_loses_its_oldest_turns_and_says_so(dialogue):
    chat = Conversation(assistant=dialogue, max_new_tokens=4)
    for number in range(12):
        reply = chat.say(f"This is my message with the number {number}.")
        list(reply.pieces)
    assert reply.shortened
    assert reply.exchanges_left_out > 0


def test_models_of_single_questions_take_every_message_alone(typed_assistant):
    chat = Conversation(assistant=typed_assistant, max_new_tokens=8)
    assert not chat.remembers
    first = said(chat, "What helps against a cough?")
    assert said(chat, "What helps against a cough?") == first
    assert chat.turns == []


def test_an_empty_message_changes_nothing(dialogue):
    chat = Conversation(assistant=dialogue)
    with pytest.raises(DataError):
        chat.say("  ")
    assert chat.turns == []
