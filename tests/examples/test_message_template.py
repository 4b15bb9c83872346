"""A run's prompt as a template over messages: token by token that of the encoder, for every wording and family."""

from __future__ import annotations

import json
import re

import pytest

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.message_template import check_template, message_template, messages_of
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import BODIES, Wording
from medadapt.models.smoke_base import byte_tokenizer

TEMPLATES = [name for name in BODIES if name not in {"medqa", "mmlu"}]
CHATML = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)


def encoder_for(template, *, chat=False, system=None, options=False):
    tokenizer = byte_tokenizer()
    closing = tokenizer.eos_token
    if chat:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
        tokenizer.chat_template, closing = CHATML, "<|im_end|>"
    wording = Wording(template=template, system=system, options=options, answer="text")
    plan = EncodingPlan(
        wording=wording, chat=chat, max_length=2000, prompt_limit=1900, closing=closing, labels=()
    )
    return Encoder(tokenizer, plan)


def record(question="What helps against a cough ?", **more):
    return Record(
        **{"id": "r", "source_row": 1, "group": "g", "question": question, "answer": "Rest."} | more
    )


TALK = [
    {"role": "user", "content": "I cough."},
    {"role": "assistant", "content": "Since when?"},
    {"role": "user", "content": "Since Monday."},
    {"role": "assistant", "content": "Any fever?"},
]


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("system", [None, "Be brief."])
@pytest.mark.parametrize("name", TEMPLATES)
def test_prompts_through_the_template_have_the_encoders_tokens(name, system, chat):
    encoder = encoder_for(name, chat=chat, system=system)
    template = message_template(encoder)
    asked = [record(), record(question='\u00e9 \U0001f600 "quoted" {{ x }} {% y %}'), record(history=TALK)]
    found = check_template(template, encoder, asked)
    assert (found.n, found.same) == (3, 3)


@pytest.mark.parametrize("chat", [False, True])
def test_a_system_turn_of_all_conversations_stands_in_the_template(chat):
    encoder = encoder_for("dialogue", chat=chat, system="Be brief.")
    opened = [{"role": "system", "content": "Be kind."}]
    asked = [record(history=opened), record(history=[*opened, *TALK])]
    assert check_template(message_template(encoder, system="Be kind."), encoder, asked).same == 2
    assert check_template(message_template(encoder), encoder, asked).same == 0


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(
    ("name", "listed"), [("question", "\nA. Rest\nB. Tea"), ("choices", "\nChoices:\nA. Rest\nB. Tea")]
)
def test_options_stand_behind_the_question(name, listed, chat):
    encoder = encoder_for(name, options=True, chat=chat)
    asked = record(options=["Rest", "Tea"], answer_index=0)
    assert messages_of(asked, encoder.plan.wording)[-1]["content"] == asked.question + listed
    verdict = record(options=["yes", "no", "maybe"], answer_index=0)
    given = [asked, verdict, record(options=["Rest", "Tea"], answer_index=0, history=TALK)]
    assert check_template(message_template(encoder), encoder, given).same == 3


@pytest.mark.parametrize(("join", "gap"), [("plain", " "), ("template", "")])
def test_earlier_answers_are_joined_as_the_plan_says(join, gap, granite):
    wording = Wording(template="dialogue", system=None, options=False, answer="text")
    plan = EncodingPlan(
        wording=wording, chat=True, max_length=2000, prompt_limit=1900, closing="<|end_of_text|>", labels=(),
        join=join,
    )  # fmt: skip
    encoder = Encoder(granite, plan)
    template = message_template(encoder)
    assert template.join == gap
    assert check_template(template, encoder, [record(history=TALK)]).same == 1


def test_a_template_that_is_not_the_runs_is_found_out():
    other = message_template(encoder_for("symptoms"))
    assert check_template(other, encoder_for("question"), [record()]).same == 0


def render_go(template, messages):
    """Go's text/template as far as ours goes: what stands between the marks, for these messages."""
    literal = r'"(?:[^"\\]|\\.)*"'
    again, opening, asked, join = (
        json.loads(text) for text in re.findall(rf"\{{\{{-? ({literal}) \}}\}}", template)
    )
    parts, begun = [], False
    for message in messages:
        if message["role"] == "user":
            parts.append((again if begun else opening) + message["content"] + asked)
            begun = True
        elif message["role"] == "assistant":
            parts.append(join + message["content"])
    return "".join(parts)


def test_the_go_template_is_this_text():
    """Nothing here runs Go. An answer that begins with a space, as the model wrote it, gets no second one."""
    assert message_template(encoder_for("dialogue")).go() == (
        r'{{- $begun := false }}{{- range .Messages }}{{- if eq .Role "user" }}'
        r'{{- if $begun }}{{ "</s>\n\nPatient: " }}{{- else }}{{ "Patient: " }}{{- end }}'
        r'{{- .Content }}{{ "\n\nDoctor:" }}{{- $begun = true }}'
        r'{{- else if eq .Role "assistant" }}'
        r'{{- if ne (printf "%.1s" .Content) " " }}{{ " " }}{{- end }}{{ .Content }}{{- end }}{{- end }}'
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_go_template_writes_the_same_text_without_the_start_token(name):
    encoder = encoder_for(name)
    template = message_template(encoder)
    messages = [*TALK, {"role": "user", "content": "Yes."}]
    own = encoder.tokenizer.apply_chat_template(
        messages, chat_template=template.jinja(), tokenize=False, add_generation_prompt=True
    )
    assert render_go(template.go(), messages) == own.removeprefix(template.start)
    assert template.go().count("{{") == template.go().count("}}")
