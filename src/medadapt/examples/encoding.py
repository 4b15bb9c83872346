"""Text -> tokens, the same way in training, scoring and use.

The prompt is encoded by itself, exactly as it is when the model is asked, and the completion's tokens
follow it. So the prompt's tokens are a strict prefix of every example, whatever the tokenizer would have
merged across the border. Earlier exchanges of a conversation are encoded answer by answer in the same way:
what the model once wrote is what it reads again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError, ModelError
from medadapt.core.files import read_json
from medadapt.core.records import LETTERS, Record
from medadapt.examples.chat import ChatTemplate
from medadapt.examples.conversation import (
    Parts,
    num_earlier_exchanges,
    plain_parts,
    plain_parts_after,
    without_oldest,
)
from medadapt.examples.plan import SUMMARY, EncodingPlan, plan_from_json
from medadapt.examples.templates import CLOSING_WORDS, answer_text, join, option_text
from medadapt.examples.tokenising import Tokeniser


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPrompt:
    """A prompt as the model reads it."""

    text: str
    """All of it, also where tokens were left out."""
    tokens: list[int]
    truncated: bool
    """Whether something was left out: the oldest exchanges, or text from its middle."""
    cut: bool = False
    """Whether text was left out of its middle."""
    answered: tuple[tuple[int, int], ...] = ()
    """Where in `tokens` earlier answers stand, oldest first: their first token, and the one after their
    closing token. They are learned in training and only read everywhere else."""
    exchanges_left_out: int = 0
    """Earlier exchanges that did not fit."""


class Encoder:
    """A tokenizer that follows an `EncodingPlan`."""

    def __init__(self, tokenizer: Any, plan: EncodingPlan) -> None:
        self.tokenizer = tokenizer
        self.plan = plan
        self.closing_ids: tuple[int, ...] = (_closing_id(tokenizer, plan.closing),)
        self._chat = ChatTemplate(tokenizer, joins=plan.join) if plan.chat else None
        self._tokeniser = Tokeniser(tokenizer, chat=plan.chat, closing_id=self.closing_ids[0])
        # All prompts of a plan end alike, so one tells what stands before an answer.
        self._blank = Record(id="", source_row=0, group="", question="question", answer="")
        self._prompt_end = self.prompt_text(self._blank)[-1:]

    @property
    def labels(self) -> tuple[str, ...]:
        """The closed set of labels, or nothing."""
        return self.plan.labels

    @property
    def max_length(self) -> int:
        """Most tokens of prompt and completion together."""
        return self.plan.max_length

    def stopping_ids(self, end_ids: Iterable[int]) -> tuple[int, ...]:
        """Tokens at which an answer is over: the closing token, the end of text, and the base's own `end_ids`.

        In a chat template the closing token ends a turn, which a base that was never taught to chat does not know.
        It ends its text instead, and what it would write after that is no part of its answer. One that was taught to
        chat may end an answer in either way, of which its tokenizer tells only one.
        """
        return tuple(dict.fromkeys([*self.closing_ids, int(self.tokenizer.eos_token_id), *end_ids]))

    def prompt_text(self, record: Record) -> str:
        """The prompt as text, earlier exchanges and chat template included."""
        return self._parts(record).text(self.plan.closing)

    def prompt(self, record: Record) -> EncodedPrompt:
        """The prompt of a record, shortened where it is too long."""
        return self.prompts([record])[0]

    def prompts(self, records: Sequence[Record]) -> list[EncodedPrompt]:
        """The prompts of many records, tokenised together.

        A prompt longer than the plan allows loses its oldest exchanges; a system turn stays. Where the
        question alone is too long, it loses tokens from its middle.
        """
        whole = self._encoded([self._parts(record) for record in records])
        limit = self.plan.prompt_limit
        return [
            prompt if len(prompt.tokens) <= limit else self._shortened(record, prompt)
            for record, prompt in zip(records, whole, strict=True)
        ]

    def prompts_after(
        self, records: Sequence[Record], shown: Sequence[Record], *, limits: Sequence[int]
    ) -> list[EncodedPrompt]:
        """The prompts of records behind the same `shown` ones with their answers, each within its limit of tokens.

        A prompt that is longer loses the first of the shown records, as many as it takes, and no text of its own:
        where not one of them fits, it is the record's usual prompt. `exchanges_left_out` counts the lost ones.
        """
        whole = self._encoded([self._parts_after(record, shown) for record in records])
        return [
            prompt if len(prompt.tokens) <= limit else self._after_fewer(record, shown, limit)
            for record, prompt, limit in zip(records, whole, limits, strict=True)
        ]

    def shown_lengths(self, records: Sequence[Record]) -> list[int]:
        """Tokens that each record adds to a prompt when it is shown with its answer."""
        alone = len(self.prompt(self._blank).tokens)
        shown = self._encoded([self._parts_after(self._blank, [record]) for record in records])
        return [len(prompt.tokens) - alone for prompt in shown]

    def closing_words(self) -> EncodedPrompt:
        """A prompt that asks nothing: the words that end every prompt, in a chat template as a turn of their own."""
        wording = self.plan.wording
        alone = Parts(asked=[CLOSING_WORDS[wording.template]], answers=[])
        return self._encoded([self._chat.closing_words(wording) if self._chat else alone])[0]

    def reference(self, record: Record) -> str:
        """The completion trained for this record, with the white space that separates it from its prompt."""
        return self._joined(answer_text(record, self.plan.wording))

    def choices(self, record: Record) -> dict[str, str] | None:
        """Completion text of every label, or of every option under its letter; None for open questions."""
        if self.plan.labels:
            return {label: self._joined(label) for label in self.plan.labels}
        if record.options is None:
            return None
        # An explanation belongs to one option only: scoring with it would give the answer away.
        bare = replace(record, explanation=None)
        return {
            LETTERS[index]: self._joined(option_text(bare, index, self.plan.wording))
            for index in range(len(record.options))
        }

    def completion(self, prompt: EncodedPrompt, text: str, *, closed: bool) -> list[int]:
        """Tokens of a completion after this prompt; `closed` adds the token that ends the answer."""
        return self.completions([prompt], [text], closed=closed)[0]

    def completions(
        self, prompts: Sequence[EncodedPrompt], texts: Sequence[str], *, closed: bool
    ) -> list[list[int]]:
        """Tokens of many completions, each after its own prompt."""
        ending = list(self.closing_ids) if closed else []
        answers = self._tokeniser.answers([prompt.text for prompt in prompts], texts)
        return [answer + ending for answer in answers]

    def border(self, prompt: EncodedPrompt) -> str:
        """What the tokens of a completion depend on besides its text: the end of its prompt."""
        return self._tokeniser.border(prompt.text)

    def _joined(self, answer: str) -> str:
        """An answer as it follows a prompt of this plan; in a chat, its template may say how."""
        return (self._chat.join if self._chat else join)(self._prompt_end, answer)

    def _parts(self, record: Record) -> Parts:
        if self._chat:
            return self._chat.parts(record, self.plan.wording, self.plan.closing)
        return plain_parts(record, self.plan.wording)

    def _parts_after(self, record: Record, shown: Sequence[Record]) -> Parts:
        if self._chat:
            return self._chat.parts_after(record, shown, self.plan.wording)
        return plain_parts_after(record, shown, self.plan.wording)

    def _encoded(self, prompts: Sequence[Parts]) -> list[EncodedPrompt]:
        """Prompts of any length: the tokens of their parts in order."""
        before = [text for parts in prompts for text in parts.texts_before(self.plan.closing)[:-1]]
        answers = iter(self._tokeniser.answers(before, [text for parts in prompts for text in parts.answers]))
        first = self._tokeniser.openings([parts.asked[0] for parts in prompts])
        later = iter(self._tokeniser.after_closing([text for parts in prompts for text in parts.asked[1:]]))
        encoded = []
        for parts, opening in zip(prompts, first, strict=True):
            tokens, answered = list(opening), []
            for _ in parts.answers:
                start = len(tokens)
                tokens += [*next(answers), *self.closing_ids]
                answered.append((start, len(tokens)))
                tokens += next(later)
            text = parts.text(self.plan.closing)
            encoded.append(EncodedPrompt(text=text, tokens=tokens, truncated=False, answered=tuple(answered)))
        return encoded

    def _after_fewer(self, record: Record, shown: Sequence[Record], limit: int) -> EncodedPrompt:
        def without(count: int) -> EncodedPrompt:
            return self._encoded([self._parts_after(record, shown[count:])])[0]

        # The fewer are shown, the fewer tokens: the first number that fits is found by halving.
        fits = range(1, len(shown))
        count = 1 + bisect_left(fits, True, key=lambda count: len(without(count).tokens) <= limit)
        kept = without(count) if count < len(shown) else self.prompt(record)
        return replace(kept, exchanges_left_out=count)

    def _shortened(self, record: Record, whole: EncodedPrompt) -> EncodedPrompt:
        """The prompt without as many of its oldest exchanges as it takes, else without its middle."""
        limit = self.plan.prompt_limit

        def without(count: int) -> EncodedPrompt:
            return self._encoded([self._parts(without_oldest(record, count))])[0]

        kept, left_out = whole, 0
        if earlier := num_earlier_exchanges(record):
            # The fewer exchanges, the fewer tokens: the first number that fits is found by halving.
            fits = range(1, earlier)
            left_out = 1 + bisect_left(fits, True, key=lambda count: len(without(count).tokens) <= limit)
            kept = without(left_out)
        tokens = kept.tokens
        if cut := len(tokens) > limit:  # only where no earlier exchange is left
            head = limit // 2
            tokens = [*tokens[:head], *tokens[len(tokens) - (limit - head) :]]
        return EncodedPrompt(
            text=whole.text,
            tokens=tokens,
            truncated=True,
            cut=cut,
            answered=kept.answered,
            exchanges_left_out=left_out,
        )


def _closing_id(tokenizer: Any, closing: str) -> int:
    number = tokenizer.convert_tokens_to_ids(closing)
    if number is None or tokenizer.convert_ids_to_tokens(int(number)) != closing:
        raise ModelError(
            f"The tokenizer has no token '{closing}', with which answers end.",
            "the tokenizer that the examples were made with",
            "Use the base and the tokenizer of the same run.",
        )
    return int(number)


def load_encoder(examples: Path, tokenizer: Any) -> Encoder:
    """The encoder that made the examples of a run. Raises DataError where the stage has not run."""
    path = examples / SUMMARY
    if not path.is_file():
        raise DataError(f"{path} is missing.", "the encode stage's output", "Run `medadapt encode` first.")
    return Encoder(tokenizer, plan_from_json(read_json(path).get("plan"), where=str(path)))
