"""Dialogues that open with a system turn: the model is asked with it wherever it is asked."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from medadapt.core.errors import DataError, ModelError
from medadapt.core.files import read_json, write_json
from medadapt.examples.system_turns import SystemTurns
from medadapt.serving.answering import reply
from medadapt.serving.api.questions import SYSTEM, conversation_record
from medadapt.serving.api.schemas import ChatRequest
from medadapt.serving.asked import Asked, to_record
from medadapt.serving.asking import asking_of_run, read_asking
from medadapt.serving.assistants import SYSTEM_TURNS, load
from medadapt.serving.chat_memory import Conversation
from medadapt.serving.command_targets import find_target, read_run
from medadapt.serving.export.trained_prompt import first_records, trained_prompt, training_template
from serving_runs import make_run, records_of

TURN = "You are a careful doctor."
DIFFER = SystemTurns(any=True)


SAID = (
    ("My ear hurts.", "Since when?"), ("I cough at night.", "Do you smoke?"), ("My knee swells.", "Did you fall?"),
    ("I sleep badly.", "What worries you?"), ("My eyes itch.", "Is it spring?"), ("I am tired.", "Do you eat?"),
    ("My back aches.", "Do you lift much?"), ("I feel dizzy.", "When standing up?"), ("Dry skin.", "Which soap?"),
    ("I lost my voice.", "Did you shout?"), ("My hands shake.", "Coffee?"), ("I have a rash.", "A new shirt?"),
)  # fmt: skip


def rows(place):
    """Dialogues that all open with the turn."""
    dialogues = [
        {
            "messages": [
                {"role": "system", "content": TURN},
                {"role": "user", "content": complaint},
                {"role": "assistant", "content": back},
                {"role": "user", "content": f"Perhaps, but it began {number} days ago."},
                {"role": "assistant", "content": f"Then rest for {number + 2} days."},
            ]
        }
        for number, (complaint, back) in enumerate(SAID)
    ]
    path = place / "dialogues.json"
    path.write_text(json.dumps(dialogues), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def spoken(tmp_path_factory, base_folder):
    place = tmp_path_factory.mktemp("spoken")
    folder = make_run(
        place / "run",
        base_folder,
        until="train",
        data={"format": "dialogue", "source": str(rows(place))},
        training={"epochs": 1, "tracking": []},
    )
    return read_run(str(folder))


@pytest.fixture
def copied(spoken, tmp_path):
    """The same run, to be changed."""
    return read_run(str(shutil.copytree(spoken.folder.path, tmp_path / "run")))


@pytest.fixture(scope="module")
def assistant(spoken):
    return load(find_target(str(spoken.folder.path)), device="cpu")


def messages_of(record, *, system=None):
    history = [turn for turn in record.history if turn["role"] != "system"]
    opened = [] if system is None else [{"role": "system", "content": system}]
    return [*opened, *history, {"role": "user", "content": record.question}]


def posed_by_a_client(record, asking, *, system=None):
    body = {"model": "tuned", "messages": messages_of(record, system=system)}
    return conversation_record(ChatRequest.model_validate(body), asking)


def test_the_run_and_its_adapter_say_with_which_turn_they_were_trained(spoken):
    common = SystemTurns(any=True, common=TURN)
    assert asking_of_run(spoken.recipe, spoken.folder).system_turns == common
    assert read_asking(spoken.folder.adapter).system_turns == common


def test_a_question_alone_opens_with_it(assistant):
    record = to_record(Asked(question="I cough."), assistant.asking)
    assert assistant.encoder.prompt_text(record).startswith(f"{TURN}\n\nPatient: I cough.")


def test_a_history_that_opens_with_another_turn_is_refused(assistant):
    other = {"role": "system", "content": "Answer like a pirate."}
    with pytest.raises(DataError, match="another system turn"):
        to_record(Asked(question="I cough.", history=(other,)), assistant.asking)


def test_a_chat_answers_as_the_model_does_to_the_record(assistant, spoken):
    for record in records_of(spoken.folder.path):
        talk = Conversation(assistant=assistant, turns=list(record.history[1:]), max_new_tokens=16)
        answers = [
            "".join(given.pieces)
            for given in (
                talk.say(record.question),
                *(
                    reply(assistant, asked, max_new_tokens=16)
                    for asked in (record, replace(record, history=record.history[1:]))
                ),
            )
        ]
        assert answers[0] == answers[1] != answers[2]


def test_a_client_gets_the_prompt_of_the_training_whether_it_sends_the_turn_or_not(assistant, spoken):
    encoder = assistant.encoder
    for record in records_of(spoken.folder.path):
        trained = encoder.prompt(record)
        assert TURN in trained.text
        for system in (None, TURN, f" {TURN}<br>"):
            posed, warnings = posed_by_a_client(record, assistant.asking, system=system)
            assert encoder.prompt(posed).tokens == trained.tokens
            assert warnings == []


def test_a_shown_prompt_holds_the_turn(spoken):
    assert TURN in read_json(spoken.folder.examples / "examples.json")["shown_prompt"]["prompt"]


def test_another_instruction_than_that_of_the_training_is_left_out_and_said_to_be(assistant, spoken):
    record = records_of(spoken.folder.path)[0]
    posed, warnings = posed_by_a_client(record, assistant.asking, system="Answer like a pirate.")
    assert posed.history == record.history
    assert warnings == [SYSTEM]


def test_the_template_of_an_export_writes_the_turn_for_every_client(spoken):
    prompt = trained_prompt(spoken)
    record = first_records(spoken)[0]
    given = prompt.encoder.tokenizer.apply_chat_template(
        messages_of(record), chat_template=prompt.checked.template.jinja(), add_generation_prompt=True
    )
    assert list(given["input_ids"]) == prompt.encoder.prompt(record).tokens


@pytest.mark.parametrize("turns", [SystemTurns(), DIFFER])
def test_a_template_that_cannot_carry_the_turn_is_none_of_the_training(turns, spoken):
    encoder, records = trained_prompt(spoken).encoder, first_records(spoken)
    assert training_template(encoder, records, turns) is None


def test_where_turns_differ_a_client_gives_its_own_and_no_one_is_made_up(assistant, spoken):
    asking = replace(assistant.asking, system_turns=DIFFER)
    record = records_of(spoken.folder.path)[0]
    posed, warnings = posed_by_a_client(record, asking, system=TURN)
    assert (posed.history, warnings) == (record.history, [])
    posed, warnings = posed_by_a_client(record, asking)
    assert (posed.history, warnings) == (record.history[1:], [])


@pytest.mark.parametrize("chat", [True, False])
def test_an_adapter_of_other_software_gets_a_clients_turn_where_its_base_chats(chat, assistant, spoken):
    plan = replace(assistant.asking.plan, chat=chat)
    asking = replace(assistant.asking, data_format="unknown", plan=plan, system_turns=SystemTurns())
    posed, warnings = posed_by_a_client(records_of(spoken.folder.path)[0], asking, system=TURN)
    given = [turn["content"] for turn in posed.history if turn["role"] == "system"]
    assert (given, SYSTEM in warnings) == (([TURN], False) if chat else ([], True))


def test_where_turns_differ_it_is_said_that_none_is_asked_with(copied):
    path = copied.folder.examples / "examples.json"
    write_json(path, read_json(path) | {"system_turns": {"any": True, "common": None}})
    assert load(find_target(str(copied.folder.path)), device="cpu").notes == (SYSTEM_TURNS,)


def test_a_run_of_an_earlier_version_is_asked_with_the_turn_of_its_records(copied):
    path = copied.folder.examples / "examples.json"
    stored = read_json(path)
    del stored["system_turns"]
    write_json(path, stored)
    target = find_target(str(copied.folder.path))
    assert target.asking.system_turns == SystemTurns(any=True, common=TURN)
    assert trained_prompt(copied).checked is not None


def test_an_adapter_of_an_earlier_version_is_asked_as_before(copied):
    path = copied.folder.adapter / "medadapt.json"
    stored = read_json(path)
    del stored["system_turns"]
    write_json(path, stored)
    assert read_asking(copied.folder.adapter).system_turns == SystemTurns()


def test_an_export_of_dialogues_with_different_turns_is_refused(copied):
    path = copied.folder.examples / "examples.json"
    write_json(path, read_json(path) | {"system_turns": {"any": True, "common": None}})
    with pytest.raises(ModelError, match="cannot be given as a chat template"):
        trained_prompt(copied)
