"""A question to an assistant: what the model writes, and how it weighs a closed set of answers."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medadapt.core.progress import Silent
from medadapt.core.records import LETTERS, Record
from medadapt.core.results import ModelName
from medadapt.models.speaking import speaking_as
from medadapt.predictions.batching import TokenBudget, answering
from medadapt.predictions.choice_rules import by_rule
from medadapt.predictions.questions import Question, closes_choices, pose
from medadapt.predictions.scoring import choice_scores, probabilities
from medadapt.predictions.settings import BATCH_TOKENS, PredictionSettings, answer_tokens
from medadapt.predictions.unconditional import Unconditional
from medadapt.serving.assistants import Assistant
from medadapt.serving.choosing import OverflowedError
from medadapt.serving.sampling import Sampling
from medadapt.serving.writing import GrowingText, continued

NOTICE = (
    "Not a medical device. The answer may be wrong; never use it for diagnosis, treatment or medical advice."
)

Stopped = Literal["finished", "length", "context"]
"""The model ended its answer, it reached the number of tokens allowed, or its context was full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """How likely the model finds one answer of a closed set."""

    name: str
    """The label, or the option's letter."""
    text: str
    """The label, or the option itself."""
    probability: float
    """Softmax over the figures that the run's rule of choosing makes of all answers of the set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How long an answer may be."""

    tokens: int
    stopped: Stopped
    """Why it is no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """A question as the models get it."""

    tokens: tuple[int, ...]
    room: Room
    shortened: bool
    """Whether something was left out of the prompt, because it was too long."""
    exchanges_left_out: int
    """Earlier exchanges among what was left out."""


def _nothing() -> Generator[str]:
    yield from ()


@dataclass(slots=True, kw_only=True)
class Reply:
    """One model's answer. It grows while it is written; iterate `pieces` to write it."""

    model: ModelName
    shortened: bool
    """Whether something was left out of the prompt, because it was too long."""
    exchanges_left_out: int = 0
    """Earlier exchanges among what was left out."""
    pieces: Generator[str] = field(repr=False, default_factory=_nothing)
    """The text as it becomes sure."""
    text: str = ""
    num_tokens: int = 0
    stopped: Stopped | None = None
    """None while it is being written."""


def reply(
    assistant: Assistant,
    record: Record,
    *,
    model: ModelName = "tuned",
    sampling: Sampling | None = None,
    max_new_tokens: int | None = None,
) -> Reply:
    """Begin an answer: nothing is written before its `pieces` are asked for.

    With the default settings it is the answer of the run's own `predict` stage to the same record. Between two
    pieces the assistant may be asked other things.
    """
    posed = posed_to(assistant, record, max_new_tokens=max_new_tokens)
    growing = Reply(model=model, shortened=posed.shortened, exchanges_left_out=posed.exchanges_left_out)
    growing.pieces = _write(assistant, posed, growing, sampling or Sampling())
    return growing


def posed_to(assistant: Assistant, record: Record, *, max_new_tokens: int | None = None) -> Posed:
    """A question as the models get it, with room for the answer; None: as long as the run's evaluation allows."""
    question = question_for(assistant, record)
    prompt = question.prompt
    return Posed(
        tokens=tuple(prompt.tokens),
        room=room_for(assistant, prompt.tokens, max_new_tokens or _usual_length(assistant, question)),
        shortened=prompt.truncated,
        exchanges_left_out=prompt.exchanges_left_out,
    )


def room_for(assistant: Assistant, prompt: Sequence[int], wanted: int) -> Room:
    """How long the answer to a prompt may be."""
    context = assistant.base.context_length or assistant.encoder.max_length
    left = max(1, context - len(prompt))
    return Room(tokens=min(wanted, left), stopped="context" if left < wanted else "length")


def question_for(assistant: Assistant, record: Record) -> Question:
    """A record in tokens, with its closed set of answers where it has one."""
    return pose(assistant.encoder, [record], close_choices=closes_choices(assistant.encoder))[0]


def weigh(assistant: Assistant, record: Record, *, model: ModelName = "tuned") -> list[Weighed]:
    """Labels or options with their probabilities, the likeliest first; nothing for an open question.

    Raises OverflowedError where the model gives no numbers to weigh them by.
    """
    (weighed,) = weigh_all(assistant, [(record, question_for(assistant, record))], model=model)
    if isinstance(weighed, OverflowedError):
        raise weighed
    return weighed


def weigh_all(
    assistant: Assistant, asked: Sequence[tuple[Record, Question]], *, model: ModelName
) -> list[list[Weighed] | OverflowedError]:
    """`weigh` of each record with its `question_for`, or why there is none; all of them are read together."""
    closed = [question for _, question in asked if question.choices]
    budget = TokenBudget(BATCH_TOKENS.get(assistant.base.device.type, BATCH_TOKENS["cpu"]))
    with speaking_as(assistant.base.model, model), answering(assistant.base.model):
        scored = choice_scores(assistant.base, closed, budget=budget, advance=lambda _: None)
        alone: list[dict[str, float]] = [dict.fromkeys(scores, 0.0) for scores in scored]
        if closed and assistant.asking.choice_by == "relative":
            unconditional = Unconditional(assistant.base, assistant.encoder)
            found = unconditional.scores(closed, budget=budget, title=model, progress=Silent())
            alone = [some or usual for some, usual in zip(found, alone, strict=True)]
    rest = iter(zip(scored, alone, strict=True))
    return [
        _weighed(assistant, question, record, *next(rest)) if question.choices else []
        for record, question in asked
    ]


def _weighed(
    assistant: Assistant,
    question: Question,
    record: Record,
    scores: dict[str, float],
    alone: dict[str, float],
) -> list[Weighed] | OverflowedError:
    if not all(map(math.isfinite, (*scores.values(), *alone.values()))):
        return OverflowedError("The model gives likelihoods that are not finite numbers for this question.")
    texts = dict(zip(LETTERS, record.options, strict=False)) if record.options else {}
    shares = probabilities(by_rule(scores, question, alone)[assistant.asking.choice_by])
    return [
        Weighed(name=name, text=texts.get(name, name), probability=shares[name])
        for name in sorted(shares, key=shares.__getitem__, reverse=True)
    ]


def _usual_length(assistant: Assistant, question: Question) -> int:
    """As many tokens as the run's own evaluation allows."""
    asking = assistant.asking
    settings = PredictionSettings(
        task=asking.task,
        method="generate",
        max_new_tokens=asking.max_new_tokens,
        explained=asking.plan.wording.answer == "text_and_explanation",
    )
    return answer_tokens(settings, question)


def _write(assistant: Assistant, posed: Posed, reply: Reply, sampling: Sampling) -> Generator[str]:
    growing = GrowingText(assistant.encoder.tokenizer)
    tokens = continued(
        assistant.base,
        posed.tokens,
        sampling=sampling,
        max_new_tokens=posed.room.tokens,
        closing_ids=assistant.encoder.stopping_ids(assistant.base.end_ids),
    )
    while True:
        # Not around the loop: between two pieces the caller runs, who may ask the other model.
        with speaking_as(assistant.base.model, reply.model):
            token = next(tokens, None)
        if token is None:
            break
        piece = growing.add(token)
        reply.text, reply.num_tokens = growing.text, growing.num_tokens
        if piece:
            yield piece
    if rest := growing.rest():
        yield rest
    reply.stopped = "finished" if growing.num_tokens < posed.room.tokens else posed.room.stopped
