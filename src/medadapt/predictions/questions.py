"""A test record as the token sequences that a model is asked about. Both models get the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

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
    """Prompt, reference answer and choices of one record, in tokens."""

    prompt: EncodedPrompt
    reference: Reference
    choices: dict[str, list[int]] | None
    """Completion of each label, or of each option under its letter; None for open questions."""
    choice_bytes: dict[str, int] = field(default_factory=dict)
    """UTF-8 bytes of the text of each choice, without the space before it."""
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
    texts = [encoder.choices(record) for record in records]
    flat = [(p, text) for p, some in zip(prompts, texts, strict=True) for text in (some or {}).values()]
    completions = iter(
        encoder.completions([p for p, _ in flat], [text for _, text in flat], closed=close_choices)
    )
    questions = []
    for prompt, reference, answer, names in zip(prompts, references, answers, texts, strict=True):
        choices = None if names is None else {name: next(completions) for name in names}
        asked = _question(encoder, prompt, _reference(encoder, prompt, reference, answer), choices)
        sizes = {name: _bytes(text) for name, text in (names or {}).items()}
        questions.append(replace(asked, choice_bytes=sizes))
    return questions


def closes_choices(encoder: Encoder) -> bool:
    """Whether choices are scored with their end.

    So labels and option texts are trained. A letter needs no end, and a text that an explanation may follow is not
    at its end.
    """
    return encoder.plan.wording.answer == "text"


def _question(
    encoder: Encoder, prompt: EncodedPrompt, reference: Reference, whole: dict[str, list[int]] | None
) -> Question:
    room = _room(encoder, prompt)
    choices = None if whole is None else {name: tokens[:room] for name, tokens in whole.items()}
    truncated = prompt.truncated or reference.cut or choices != whole
    return Question(prompt=prompt, reference=reference, choices=choices, truncated=truncated)


def _reference(encoder: Encoder, prompt: EncodedPrompt, text: str, answer: list[int]) -> Reference:
    room = _room(encoder, prompt)
    if len(answer) <= room:
        closed = [*answer, *encoder.closing_ids]
        tokens = closed if len(closed) <= room else answer
        return Reference(tokens=tokens, num_bytes=_bytes(text), cut=False)
    covered = answer[:room]
    spelled = encoder.tokenizer.decode(covered, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    # The cut may fall inside a character of several bytes; its first bytes spell nothing yet.
    return Reference(tokens=covered, num_bytes=_bytes(spelled.rstrip(LOST_CHARACTER)), cut=True)


def _room(encoder: Encoder, prompt: EncodedPrompt) -> int:
    return max(1, encoder.max_length - len(prompt.tokens))


def _bytes(text: str) -> int:
    return len(text.strip().encode("utf-8", "surrogatepass"))
