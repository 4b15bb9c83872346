"""A test record as the token sequences that a model is asked about. Both models get the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from medadapt.core.records import Record
from medadapt.examples.encoding import EncodedPrompt, Encoder

LOST_CHARACTER = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The part of the reference answer that fits after the prompt."""

    tokens: list[int]
    """Its tokens, the closing token included where everything fits."""
    num_bytes: int
    """UTF-8 bytes of the text that the tokens spell; the closing token has none."""
    cut: bool
    """Whether some of the answer's text did not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Prompt, reference answer and choices of one record, in tokens.

    Questions with the same choices share them: nobody may change them.
    """

    prompt: EncodedPrompt
    reference: Reference
    choices: dict[str, list[int]] | None
    """Completion of each label, or of each option under its letter; None for open questions."""
    choice_bytes: dict[str, int] = field(default_factory=dict)
    """UTF-8 bytes of the text that each choice's tokens spell, without the space before it."""
    truncated: bool
    """The prompt was shortened, or the reference or a choice cut."""

    @property
    def single_token(self) -> bool:
        """Whether every choice is one token, so that one look at the prompt decides."""
        return self.choices is not None and all(len(tokens) == 1 for tokens in self.choices.values())

    @property
    def reference_choice(self) -> str | None:
        """The choice that is the reference answer, token by token; None where none is."""
        wanted = self.reference.tokens
        return next((name for name, tokens in (self.choices or {}).items() if tokens == wanted), None)


def pose(
    encoder: Encoder,
    records: Sequence[Record],
    *,
    close_choices: bool,
    prompts: Sequence[EncodedPrompt] | None = None,
) -> list[Question]:
    """Records in tokens, in their order, behind their usual prompts or those given.

    `close_choices` ends every choice with the closing token, which answers by label or option text need:
    some begin like others (`Diabetes`, `Diabetes insipidus`), and without an end the shorter one always
    scores at least as high. Nothing exceeds the encoder's `max_length`: what is longer is cut at its end,
    but one token always remains.
    """
    prompts = encoder.prompts(records) if prompts is None else prompts
    references = [encoder.reference(record) for record in records]
    answers = encoder.completions(prompts, references, closed=False)
    choices = _choices(encoder, records, prompts, close=close_choices)
    return [
        _question(encoder, prompt, _reference(encoder, prompt, reference, answer), whole)
        for prompt, reference, answer, whole in zip(prompts, references, answers, choices, strict=True)
    ]


def closes_choices(encoder: Encoder) -> bool:
    """Whether choices are scored with their end.

    So labels and option texts are trained. A letter needs no end, and a text that an explanation may follow is not
    at its end.
    """
    return encoder.plan.wording.answer == "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choices:
    """The choices of a question by name."""

    tokens: dict[str, list[int]]
    num_bytes: dict[str, int]
    longest: int
    """Most tokens of one of them."""


def _choices(
    encoder: Encoder, records: Sequence[Record], prompts: Sequence[EncodedPrompt], *, close: bool
) -> list[_Choices | None]:
    """The choices of each record in all their length; None for open questions.

    They are encoded once for all prompts that end alike, and those that are the same are the same object: a thousand
    labels of ten thousand records would be ten million lists of tokens.
    """
    # Labels are the same for every record.
    texts = [encoder.choices(record) for record in (records[:1] if encoder.labels else records)]
    texts *= len(records) if encoder.labels else 1
    keys = [
        None if names is None else (encoder.border(prompt), tuple(names.items()))
        for prompt, names in zip(prompts, texts, strict=True)
    ]
    asked = {
        key: (prompt, names)
        for key, prompt, names in zip(keys, prompts, texts, strict=True)
        if key is not None and names is not None
    }
    flat = [(prompt, text) for prompt, names in asked.values() for text in names.values()]
    completions = iter(encoder.completions([p for p, _ in flat], [text for _, text in flat], closed=close))
    found: dict[Any, _Choices] = {}
    known: dict[Any, _Choices] = {}
    for key, (_, names) in asked.items():
        tokens = {name: next(completions) for name in names}
        choices = _Choices(
            tokens=tokens,
            num_bytes={name: _bytes(text) for name, text in names.items()},
            longest=max(map(len, tokens.values()), default=0),
        )
        # Behind most prompts that end otherwise the same texts have the same tokens.
        found[key] = known.setdefault((key[1], tuple(map(tuple, tokens.values()))), choices)
    return [None if key is None else found[key] for key in keys]


def _question(
    encoder: Encoder, prompt: EncodedPrompt, reference: Reference, whole: _Choices | None
) -> Question:
    room = _room(encoder, prompt)
    choices = whole if whole is None or whole.longest <= room else _cut(encoder, whole, room)
    return Question(
        prompt=prompt,
        reference=reference,
        choices=choices.tokens if choices else None,
        choice_bytes=choices.num_bytes if choices else {},
        truncated=prompt.truncated or reference.cut or choices is not whole,
    )


def _cut(encoder: Encoder, whole: _Choices, room: int) -> _Choices:
    """The choices as far as they fit."""
    tokens = {name: some[:room] for name, some in whole.tokens.items()}
    # A choice that lacks its closing token alone still spells all of its text.
    cut = [name for name, some in whole.tokens.items() if some[room:] not in ([], [*encoder.closing_ids])]
    num_bytes = whole.num_bytes | {name: _spelled_bytes(encoder, tokens[name]) for name in cut}
    return _Choices(tokens=tokens, num_bytes=num_bytes, longest=room)


def _reference(encoder: Encoder, prompt: EncodedPrompt, text: str, answer: list[int]) -> Reference:
    room = _room(encoder, prompt)
    if len(answer) <= room:
        closed = [*answer, *encoder.closing_ids]
        tokens = closed if len(closed) <= room else answer
        return Reference(tokens=tokens, num_bytes=_bytes(text), cut=False)
    covered = answer[:room]
    return Reference(tokens=covered, num_bytes=_spelled_bytes(encoder, covered), cut=True)


def _spelled_bytes(encoder: Encoder, tokens: list[int]) -> int:
    """UTF-8 bytes of the text that tokens spell which were cut at their end."""
    spelled = encoder.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    # The cut may fall inside a character of several bytes; its first bytes spell nothing yet.
    return _bytes(spelled.rstrip(LOST_CHARACTER))


def _room(encoder: Encoder, prompt: EncodedPrompt) -> int:
    return max(1, encoder.max_length - len(prompt.tokens))


def _bytes(text: str) -> int:
    return len(text.strip().encode("utf-8", "surrogatepass"))
