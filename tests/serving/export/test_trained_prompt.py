"""The chat template that leaves with a run is that of its training, or none."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from transformers import AutoTokenizer

from medadapt.core.errors import ModelError
from medadapt.core.files import read_json
from medadapt.core.progress import Silent
from medadapt.examples.system_turns import SystemTurns
from medadapt.serving.command_targets import read_run
from medadapt.serving.export import merged
from medadapt.serving.export.gguf import export_gguf
from medadapt.serving.export.merged import export_merged
from medadapt.serving.export.ollama import export_ollama
from medadapt.serving.export.trained_prompt import first_records, trained_prompt, training_template
from serving_runs import make_base, make_run, records_of

CHAT = (
    "{{ bos_token }}Today is {{ strftime_now('%d %B %Y') }}.\n"
    "{% for message in messages %}[{{ message.role }}] {{ message.content }}"
    "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
UNEVEN = CHAT.replace("[{{ message.role }}]", "[{{ message.role }} {{ messages | length }}]")
"""Writes a turn otherwise when others follow it."""


def chat_run(place, template):
    base = make_base(place / "base")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(base)
    folder = make_run(
        place / "run",
        base,
        until="predict",
        prompt={"system": "Name the disease.", "chat_template": "always"},
    )
    return read_run(str(folder))


@pytest.fixture(scope="module")
def chatting(tmp_path_factory):
    return chat_run(tmp_path_factory.mktemp("chatting"), CHAT)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    return chat_run(tmp_path_factory.mktemp("uneven"), UNEVEN)


def asked_through(folder, record):
    """The tokens that a program sends which knows the folder alone."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": record.question}]
    return list(
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    )


def test_over_a_base_that_chats_the_template_asks_as_in_training(chatting, tmp_path):
    done = export_merged(chatting, tmp_path / "out", device="cpu", progress=Silent())
    assert done.notes == ()
    encoder = trained_prompt(chatting).encoder
    for record in records_of(chatting.folder.path):
        assert asked_through(done.folder, record) == encoder.prompt(record).tokens
    text = (done.folder / "chat_template.jinja").read_text(encoding="utf-8")
    for words in ("Name the disease.", "Given these symptoms: ", "26 July 2024"):
        assert words in text


def test_what_was_checked_stands_in_the_export(chatting, tmp_path):
    done = export_merged(chatting, tmp_path / "out", device="cpu", progress=Silent())
    n = read_json(done.folder / "export.json")["template_checked_on"]
    assert n == len(records_of(chatting.folder.path))
    readme = (done.folder / "README.md").read_text(encoding="utf-8")
    assert f"on {n} test records the chat template gives, token by token" in readme


def test_where_no_template_asks_as_in_training_the_model_has_none(uneven, tmp_path):
    done = export_merged(uneven, tmp_path / "out", device="cpu", progress=Silent())
    assert AutoTokenizer.from_pretrained(done.folder).chat_template is None
    assert read_json(done.folder / "export.json")["template_checked_on"] is None
    [note] = done.notes
    assert "no chat template" in note
    readme = (done.folder / "README.md").read_text(encoding="utf-8")
    assert note in readme
    code = re.search(r"prompt = (.*?)  #", readme)[1]
    assert "Name the disease." in code


@pytest.mark.parametrize("export", [export_ollama, export_gguf])
def test_a_program_that_needs_the_template_is_refused_before_the_merge(export, uneven, tmp_path, monkeypatch):
    def too_late(*_, **__):
        raise AssertionError("the base was loaded")

    monkeypatch.setattr(merged, "load_base", too_late)
    with pytest.raises(ModelError, match="cannot be given as a chat template"):
        export(uneven, tmp_path / "out", device="cpu", progress=Silent())
    assert not any(tmp_path.iterdir())


def test_a_template_that_was_compared_on_nothing_is_not_checked(run):
    encoder = trained_prompt(run).encoder
    [first, *_] = first_records(run)
    assert training_template(encoder, [first], SystemTurns()).n == 1
    assert training_template(encoder, [], SystemTurns()) is None
    too_long = replace(first, question="cough " * 2000)
    assert training_template(encoder, [too_long], SystemTurns()) is None
    assert training_template(encoder, [first, too_long], SystemTurns()).n == 1


def test_a_client_is_told_how_options_stand_in_its_message(tmp_path):
    data = {"format": "multiple_choice", "source": "sample:rows/mcq"}
    folder = make_run(tmp_path / "run", make_base(tmp_path / "base"), until="train", data=data)
    run = read_run(str(folder))
    checked = trained_prompt(run).checked
    assert checked.listing.startswith("\nChoices:\nA. option 1\nB. option 2")
    assert "behind the question: `\\nChoices:\\nA. option 1\\nB. option 2" in checked.in_words()
