"""A run's prompt as a template over messages, for programs that ask without MedAdapt.

What stands around questions and answers is read off the encoder's own prompts, so the template holds for every wording
and for chat templates alike: the text before the first question, before a later one, after each question, and between
that and the answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.templates import Wording, listed_options

QUESTIONS = ("\u2039first question\u203a", "\u2039second question\u203a")
ANSWER = "\u2039answer\u203a"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplate:
    """The fixed text of a conversation."""

    opening: str
    """Before the first question, the start token and an instruction of the training included where there are some."""
    again: str
    """Between an earlier answer and the next question; it begins with what closes the answer."""
    asked: str
    """Between a question and its answer: a prompt ends with it."""
    join: str
    """Before the text of an earlier answer: a space, nothing, or what a chat template writes there."""
    start: str
    """The start token in `opening`, which some programs write themselves; else empty."""

    def jinja(self) -> str:
        """The template as transformers, vLLM and llama.cpp read it. System messages are left out."""
        text = _quoted
        return (
            "{%- set ns = namespace(begun=false) -%}"
            "{%- for message in messages -%}"
            "{%- if message['role'] == 'user' -%}"
            f"{{{{- ({text(self.again)} if ns.begun else {text(self.opening)}) "
            f"+ (message['content'] | trim) + {text(self.asked)} -}}}}"
            "{%- set ns.begun = true -%}"
            "{%- elif message['role'] == 'assistant' -%}"
            f"{{{{- {text(self.join)} + (message['content'] | trim) -}}}}"
            "{%- endif -%}"
            "{%- endfor -%}"
        )

    def go(self) -> str:
        """The template as Ollama reads it, which writes the start token itself.

        Nothing in it can cut white space at the ends of a message, as `jinja` does.
        """
        text = _quoted
        join = f"{{{{ {text(self.join)} }}}}"
        if self.join == " ":  # Ollama keeps an answer with the space that the model began it with
            join = f'{{{{- if ne (printf "%.1s" .Content) " " }}}}{join}{{{{- end }}}}'
        return (
            "{{- $begun := false }}"
            "{{- range .Messages }}"
            '{{- if eq .Role "user" }}'
            f"{{{{- if $begun }}}}{{{{ {text(self.again)} }}}}"
            f"{{{{- else }}}}{{{{ {text(self.opening.removeprefix(self.start))} }}}}{{{{- end }}}}"
            f"{{{{- .Content }}}}{{{{ {text(self.asked)} }}}}"
            "{{- $begun = true }}"
            '{{- else if eq .Role "assistant" }}'
            f"{join}{{{{ .Content }}}}"
            "{{- end }}"
            "{{- end }}"
        )


def message_template(encoder: Encoder, *, system: str | None = None) -> MessageTemplate:
    """The template of a plan, for conversations that all open with the turn `system`.

    Raises DataError where a conversation is not put together from equal parts.
    """
    first, second = QUESTIONS
    begun = [{"role": "system", "content": system}] if system else []
    once = encoder.prompt_text(_record(first, begun))
    history = [*begun, {"role": "user", "content": first}, {"role": "assistant", "content": ANSWER}]
    twice = encoder.prompt_text(_record(second, history))
    opening, found, asked = once.partition(first)
    before, rest = _cut(twice, first)
    joined, rest = _cut(rest, ANSWER)
    again, last = _cut(rest, second)
    if not found or before != opening or last != asked or not joined.startswith(asked):
        raise DataError(
            "The prompt of this run cannot be written as a template over messages: its chat template writes earlier "
            "turns otherwise than the last one.",
            "a chat template that writes every turn alike",
            "Use the merged model with the code in its README instead.",
        )
    start = _start_token(encoder, once)
    return MessageTemplate(
        opening=start + opening, again=again, asked=asked, join=joined.removeprefix(asked), start=start
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCheck:
    """How many prompts have the same tokens through the template."""

    n: int
    same: int


def check_template(template: MessageTemplate, encoder: Encoder, records: Sequence[Record]) -> TemplateCheck:
    """Prompts of records through transformers' `apply_chat_template`, token by token against the encoder's own.

    What no message carries (a context, a type) is left out of both; options stand behind the question. Prompts that are
    too long for the model are not compared: no template shortens them.
    """
    asked = [_bare(record) for record in records]
    whole = [
        (record, prompt.tokens)
        for record, prompt in zip(asked, encoder.prompts(asked), strict=True)
        if not prompt.truncated
    ]
    same = sum(tokens == _tokens(template, encoder, record) for record, tokens in whole)
    return TemplateCheck(n=len(whole), same=same)


def messages_of(record: Record, wording: Wording) -> list[dict[str, str]]:
    """A record as the messages of a client."""
    asked = record.question + listed_options(record, wording)
    return [*record.history, {"role": "user", "content": asked}]


def _tokens(template: MessageTemplate, encoder: Encoder, record: Record) -> list[int]:
    found = encoder.tokenizer.apply_chat_template(
        messages_of(record, encoder.plan.wording), chat_template=template.jinja(),
        add_generation_prompt=True, tokenize=True, return_dict=True,
    )  # fmt: skip
    return list(found["input_ids"])


def _record(question: str, history: list[dict[str, str]] | None = None) -> Record:
    return Record(
        id="shown", source_row=1, group="shown", question=question, answer="", history=history or []
    )


def _bare(record: Record) -> Record:
    return Record(
        id=record.id, source_row=record.source_row, group=record.group, question=record.question, answer="",
        history=record.history, options=record.options,
    )  # fmt: skip


def _cut(text: str, mark: str) -> tuple[str, str]:
    before, _, after = text.partition(mark)
    return before, after


def _start_token(encoder: Encoder, text: str) -> str:
    """The start token, where the encoder puts one before a text that does not hold it."""
    start = encoder.tokenizer.bos_token
    tokens = encoder.prompt(_record(QUESTIONS[0])).tokens
    written = bool(tokens) and tokens[0] == encoder.tokenizer.bos_token_id
    return start if written and start and not text.startswith(start) else ""


def _quoted(text: str) -> str:
    """A string as Jinja, Go and Python write it."""
    return json.dumps(text, ensure_ascii=False)
