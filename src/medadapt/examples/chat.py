"""The base's own chat template: the turns it writes, and the token that ends an answer in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any

from medadapt.core.errors import ModelError, first_line
from medadapt.core.records import Record
from medadapt.examples.conversation import Parts, after_shown, exchanges
from medadapt.examples.plan import Join
from medadapt.examples.templates import CLOSING_WORDS, Wording, join, render_exchange, system_text

FIXED_DATE = date(2024, 7, 26)
"""For chat templates that tell the date (Llama 3): a prompt must not change from one day to the next."""
TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")

Message = dict[str, str]


class ChatTemplate:
    """A tokenizer's chat template with a fixed date, in which data never ends a turn or opens one.

    It is a program that comes with the base: what it raises is a ModelError.
    """

    def __init__(self, tokenizer: Any, *, joins: Join = "template") -> None:
        self._tokenizer = tokenizer
        self._joins = joins
        # The function that tells today's date cannot be handed in, so its calls are replaced in the template.
        with _usable():
            template = tokenizer.get_chat_template()
        self._template = TODAY.sub(lambda call: repr(FIXED_DATE.strftime(call[2])), template)
        tokens = tokenizer.added_tokens_decoder.values()
        self._controls = [token.content for token in tokens if token.special and len(token.content) > 1]

    def render(self, messages: Sequence[Message], *, opened: bool) -> str:
        """The conversation as the template writes it; `opened`: ready for the next answer."""
        with _usable():
            text = self._tokenizer.apply_chat_template(
                list(messages), chat_template=self._template, tokenize=False, add_generation_prompt=opened
            )
        return str(text)

    @cached_property
    def takes_system(self) -> bool:
        """Whether the template has a place for a system turn. Some refuse one, some leave it out."""
        messages = [{"role": "system", "content": "instruction"}, {"role": "user", "content": "question"}]
        try:
            return "instruction" in self.render(messages, opened=True)
        except ModelError:
            return False

    @cached_property
    def _gap(self) -> str | None:
        """The white space that the template writes between a prompt and its answer; None where it is something else."""
        asked = {"role": "user", "content": "question"}
        opened = self.render([asked], opened=True)
        whole = self.render([asked, {"role": "assistant", "content": "answer"}], opened=False)
        written = re.compile(r"(\s*)answer").match(whole, len(opened))
        return written[1] if written and whole.startswith(opened) else None

    def join(self, prompt: str, answer: str) -> str:
        """The answer as it follows this prompt: after what the template writes there, which may be nothing.

        A template that writes a thought there, or turns otherwise than it opens them, does not tell. Then the
        rule of plain prompts holds, as it does for plans that joined all answers by it.
        """
        if self._joins == "plain" or self._gap is None:
            return join(prompt, answer)
        return self._gap + answer if answer else answer

    def spelled_out(self, text: str) -> str:
        """The text with a space inside every control token it holds.

        The template's own control tokens have to be obeyed, so here, unlike in plain prompts, those of the
        data cannot be left to the tokenizer to spell out.
        """
        for control in self._controls:
            text = text.replace(control, f"{control[0]} {control[1:]}")
        return text

    def parts(self, record: Record, wording: Wording, closing: str) -> Parts:
        """The prompt of a record with its earlier exchanges, cut where the model writes.

        Blanks around an earlier answer are those of an answer in use, whatever the template makes of them.
        A template may write earlier exchanges otherwise than when they were last (some take out a thought).
        Then nobody could say what the model once read there: the prompt is one part, and only the
        answer to the record is learned.
        """
        said = exchanges(record)
        messages = self._messages(said, wording)
        whole = self.render(messages, opened=True)
        asked: list[str] = []
        answers: list[str] = []
        place = 0
        for exchange in said[:-1]:
            upto = len(messages) - 2 * (len(said) - 1 - len(asked))
            opening = self.render(messages[:upto], opened=True)
            answer = self.spelled_out(exchange.answer.strip())
            written = re.compile(rf"\s*{re.escape(answer)}\s*{re.escape(closing)}").match(whole, len(opening))
            if not whole.startswith(opening) or len(opening) <= place or written is None:
                return Parts(asked=[whole], answers=[])
            asked.append(opening[place:])
            answers.append(self.join(opening, answer))
            place = written.end()
        return Parts(asked=[*asked, whole[place:]], answers=answers)

    def parts_after(self, record: Record, shown: Sequence[Record], wording: Wording) -> Parts:
        """The prompt of a record behind `shown` ones, which are turns of the same conversation; all in one part."""
        messages = self._messages(after_shown(record, shown, wording), wording)
        return Parts(asked=[self.render(messages, opened=True)], answers=[])

    def closing_words(self, wording: Wording) -> Parts:
        """A turn that says the template's last words alone."""
        turn = {"role": "user", "content": CLOSING_WORDS[wording.template].strip()}
        return Parts(asked=[self.render([turn], opened=True)], answers=[])

    def _messages(self, said: Sequence[Record], wording: Wording) -> list[Message]:
        system = system_text(said[0], wording)
        messages: list[Message] = []
        if system and self.takes_system:
            messages.append({"role": "system", "content": self.spelled_out(system)})
        for place, exchange in enumerate(said):
            body = render_exchange(exchange, wording, first=place == 0, chat=True)
            if system and place == 0 and not self.takes_system:
                body = f"{system}\n\n{body}"
            messages.append({"role": "user", "content": self.spelled_out(body.strip())})
            messages.append({"role": "assistant", "content": self.spelled_out(exchange.answer.strip())})
        return messages[:-1]


@contextmanager
def _usable() -> Iterator[None]:
    """Raise what goes wrong with a chat template as a ModelError."""
    try:
        yield
    except Exception as problem:  # whatever the template's own code does, or the sandbox stops
        raise ModelError(
            f"The base's chat template cannot be used: {first_line(problem)}.",
            "a template that writes the turns of a user and an assistant",
            "Use prompt.chat_template: never, or another base.",
        ) from problem


def has_usable_chat(tokenizer: Any) -> bool:
    """Whether a tokenizer has a chat template, and one that writes a question and its answer without an error."""
    if not getattr(tokenizer, "chat_template", None):
        return False
    try:
        chat_closing(tokenizer)
        chat_join(tokenizer)
    except ModelError:
        return False
    return True


def chat_join(tokenizer: Any) -> Join:
    """How a new plan joins answers to prompts in this chat template: by its rule where that is not the plain one."""
    template = ChatTemplate(tokenizer)
    opened = template.render([{"role": "user", "content": "question"}], opened=True)
    return "plain" if template.join(opened, "answer") == join(opened, "answer") else "template"


def chat_closing(tokenizer: Any) -> str:
    """The token with which the model's chat template ends an answer."""
    messages = [{"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}]
    # Only what follows the answer tells: before it, some templates write a block of thought of their own.
    rest = ChatTemplate(tokenizer).render(messages, opened=False).rpartition("answer")[2]
    ids = tokenizer(rest, add_special_tokens=False)["input_ids"]
    # Gemma 3 and Phi 3 name their end of turn only among the added tokens.
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    special = [i for i in ids if i in added.union(tokenizer.all_special_ids)]
    return str(tokenizer.convert_ids_to_tokens(special[0]) if special else tokenizer.eos_token)
