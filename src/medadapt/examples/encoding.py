"""Text -> tokens, the same way in training, scoring and use.

The prompt is encoded by itself, exactly as it is when the model is asked, and the completion's tokens
follow it. So the prompt's tokens are a strict prefix of every example, whatever the tokenizer would have
merged across the border.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.files import read_json
from medadapt.core.records import LETTERS, Record
from medadapt.examples.templates import Wording, answer_text, join, option_text, render_prompt, with_full_stop

SUMMARY = "examples.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingPlan:
    """All that decides how a record becomes tokens; stored in examples.json and used by every later stage."""

    wording: Wording
    chat: bool
    """Whether the model's own chat template wraps the prompt."""
    max_length: int
    """Most tokens of prompt and completion together."""
    prompt_limit: int
    """Longer prompts lose tokens from their middle. The same for every record, so that a prompt's length
    never tells how long its answer is."""
    closing: str
    """The token a finished answer ends with: end of text, or end of turn in a chat template."""
    labels: tuple[str, ...]
    """The closed set of labels of a diagnosis task, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPrompt:
    """A prompt as the model reads it."""

    text: str
    tokens: list[int]
    truncated: bool
    """Whether text was taken from its middle."""


class Encoder:
    """A tokenizer that follows an `EncodingPlan`."""

    def __init__(self, tokenizer: Any, plan: EncodingPlan) -> None:
        self.tokenizer = tokenizer
        self.plan = plan
        closing = tokenizer.convert_tokens_to_ids(plan.closing)
        self.closing_ids: tuple[int, ...] = (int(closing),)

    @property
    def labels(self) -> tuple[str, ...]:
        """The closed set of labels, or nothing."""
        return self.plan.labels

    @property
    def max_length(self) -> int:
        """Most tokens of prompt and completion together."""
        return self.plan.max_length

    def prompt_text(self, record: Record) -> str:
        """The prompt as text, chat template included."""
        body = render_prompt(record, self.plan.wording)
        return chat_prompt(self.tokenizer, body) if self.plan.chat else body

    def prompt(self, record: Record) -> EncodedPrompt:
        """The prompt of a record, shortened in its middle where it is too long."""
        return self.prompts([record])[0]

    def prompts(self, records: Sequence[Record]) -> list[EncodedPrompt]:
        """The prompts of many records, tokenised together."""
        texts = [self.prompt_text(record) for record in records]
        if not texts:
            return []
        plain = not self.plan.chat
        encoded = self.tokenizer(texts, add_special_tokens=plain, split_special_tokens=plain)["input_ids"]
        return [self._fitted(text, self._open(tokens)) for text, tokens in zip(texts, encoded, strict=True)]

    def reference(self, record: Record) -> str:
        """The completion trained for this record, with the space that separates it from its prompt."""
        return join(self._prompt_end(record), answer_text(record, self.plan.wording))

    def choices(self, record: Record) -> dict[str, str] | None:
        """Completion text of every label, or of every option under its letter; None for open questions."""
        end = self._prompt_end(record)
        if self.plan.labels:
            return {label: join(end, label) for label in self.plan.labels}
        if record.options is None:
            return None
        wording = self.plan.wording
        if wording.answer == "text_and_explanation":
            # An explanation belongs to one option only: scoring with it would give the answer away.
            options = zip(LETTERS, record.options, strict=False)
            return {letter: join(end, with_full_stop(text.strip())) for letter, text in options}
        return {
            LETTERS[index]: join(end, option_text(record, index, wording))
            for index in range(len(record.options))
        }

    def completion(self, prompt: EncodedPrompt, text: str, *, closed: bool) -> list[int]:
        """Tokens of a completion after this prompt; `closed` adds the token that ends the answer."""
        return self.completions([prompt], [text], closed=closed)[0]

    def completions(
        self, prompts: Sequence[EncodedPrompt], texts: Sequence[str], *, closed: bool
    ) -> list[list[int]]:
        """Tokens of many completions, each after its own prompt."""
        if not texts:
            return []
        ending = list(self.closing_ids) if closed else []
        ends = [prompt.text[-BORDER:] for prompt in prompts]
        joint = self._plain([end + text for end, text in zip(ends, texts, strict=True)])
        borders = self._plain(ends)
        return [
            (both[len(border) :] if both[: len(border)] == border else self._apart(text)) + ending
            for both, border, text in zip(joint, borders, texts, strict=True)
        ]

    def _apart(self, text: str) -> list[int]:
        """Tokens of a completion the tokenizer would merge with its prompt: encoded after a line break."""
        mark, both, alone = self._plain(["\n", "\n" + text, text])
        return both[len(mark) :] if both[: len(mark)] == mark else alone

    def _plain(self, texts: list[str]) -> list[list[int]]:
        """Tokens of texts and nothing else: a `</s>` that stands in the data is spelled out, never obeyed."""
        return self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]

    def _open(self, tokens: list[int]) -> list[int]:
        """The prompt without an end token that some tokenizers append: the answer is still to come."""
        ended = len(tokens) > 1 and tokens[-1] == self.tokenizer.eos_token_id and not self.plan.chat
        return tokens[:-1] if ended else tokens

    def _fitted(self, text: str, tokens: list[int]) -> EncodedPrompt:
        limit = self.plan.prompt_limit
        if len(tokens) <= limit:
            return EncodedPrompt(text=text, tokens=list(tokens), truncated=False)
        head = limit // 2
        return EncodedPrompt(
            text=text, tokens=[*tokens[:head], *tokens[len(tokens) - (limit - head) :]], truncated=True
        )

    def _prompt_end(self, record: Record) -> str:
        # Only the last character matters, and a chat template ends alike for every record.
        return self.prompt_text(record)[-1:]


BORDER = 24
"""Characters of the prompt that are encoded again with the completion to see where the tokenizer cuts."""


FIXED_DATE = date(2024, 7, 26)
"""For chat templates that tell the date (Llama 3): a prompt must not change from one day to the next."""
TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")


def chat_prompt(tokenizer: Any, body: str) -> str:
    """The prompt inside the model's own chat template, ready for the answer."""
    said = spelled_out(tokenizer, body.strip())
    return _rendered(tokenizer, [{"role": "user", "content": said}], opened=True)


def spelled_out(tokenizer: Any, text: str) -> str:
    """The text with a space inside every control token it holds, so that data never ends a turn or opens one.

    The template's own control tokens have to be obeyed, so here, unlike in plain prompts, those of the data
    cannot be left to the tokenizer to spell out.
    """
    for token in tokenizer.added_tokens_decoder.values():
        if token.special and len(token.content) > 1:
            text = text.replace(token.content, f"{token.content[0]} {token.content[1:]}")
    return text


def _rendered(tokenizer: Any, turns: list[dict[str, str]], *, opened: bool) -> str:
    # The function that tells today's date cannot be handed in, so its calls are replaced in the template.
    template = TODAY.sub(lambda call: repr(FIXED_DATE.strftime(call[2])), tokenizer.get_chat_template())
    return str(
        tokenizer.apply_chat_template(
            turns, chat_template=template, tokenize=False, add_generation_prompt=opened
        )
    )


def chat_closing(tokenizer: Any) -> str:
    """The token with which the model's chat template ends an answer."""
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}]
    # Only what follows the answer tells: before it, some templates write a block of thought of their own.
    rest = _rendered(tokenizer, turns, opened=False).rpartition("answer")[2]
    ids = tokenizer(rest, add_special_tokens=False)["input_ids"]
    # Gemma 3 and Phi 3 name their end of turn only among the added tokens.
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    special = [i for i in ids if i in added.union(tokenizer.all_special_ids)]
    return str(tokenizer.convert_ids_to_tokens(special[0]) if special else tokenizer.eos_token)


def plan_to_json(plan: EncodingPlan) -> dict[str, Any]:
    """The plan as plain values for examples.json."""
    return asdict(plan) | {"labels": list(plan.labels)}


def load_encoder(examples: Path, tokenizer: Any) -> Encoder:
    """The encoder that made the examples of a run. Raises DataError where the stage has not run."""
    path = examples / SUMMARY
    if not path.is_file():
        raise DataError(f"{path} is missing.", "the encode stage's output", "Run `medadapt encode` first.")
    stored = read_json(path)["plan"]
    plan = EncodingPlan(
        **{**stored, "wording": Wording(**stored["wording"]), "labels": tuple(stored["labels"])}
    )
    return Encoder(tokenizer, plan)
