"""A question to an assistant: what the model writes, and how it weighs a closed set of answers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal

from medadapt.core.progress import Silent
from medadapt.core.records import LETTERS, Record
from medadapt.core.results import ModelName
from medadapt.models.speaking import speaking_as
from medadapt.predictions.batching import TokenBudget, answering
from medadapt.predictions.choice_rules import by_rule
from medadapt.predictions.generation import stopping_ids
from medadapt.predictions.questions import Question, closes_choices, pose
from medadapt.predictions.scoring import choice_scores, probabilities
from medadapt.predictions.settings import BATCH_TOKENS, PredictionSettings, answer_tokens
from medadapt.predictions.unconditional import Unconditional
from medadapt.serving.assistants import Assistant
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

    With the default settings it is the answer of the run's own `predict` stage to the same record. Until
    the last piece is taken, or the pieces are closed, the assistant can do nothing else.
    """
    question = _pose(assistant, record)
    wanted = max_new_tokens or _usual_length(assistant, question)
    context = assistant.base.context_length or assistant.encoder.max_length
    prompt = question.prompt
    room = max(1, context - len(prompt.tokens))
    growing = Reply(model=model, shortened=prompt.truncated, exchanges_left_out=prompt.exchanges_left_out)
    growing.pieces = _write(
        assistant, question, growing, sampling or Sampling(), most=min(wanted, room), full=room < wanted
    )
    return growing


def weigh(assistant: Assistant, record: Record, *, model: ModelName = "tuned") -> list[Weighed]:
    """Labels or options with their probabilities, the likeliest first; nothing for an open question."""
    question = _pose(assistant, record)
    if not question.choices:
        return []
    budget = TokenBudget(BATCH_TOKENS.get(assistant.base.device.type, BATCH_TOKENS["cpu"]))
    with speaking_as(assistant.base.model, model), answering(assistant.base.model):
        (scores,) = choice_scores(assistant.base, [question], budget=budget, advance=lambda _: None)
        alone = dict.fromkeys(scores, 0.0)
        if assistant.asking.choice_by == "relative":
            unconditional = Unconditional(assistant.base, assistant.encoder)
            (found,) = unconditional.scores([question], budget=budget, title=model, progress=Silent())
            alone = found or alone
    texts = dict(zip(LETTERS, record.options, strict=False)) if record.options else {}
    shares = probabilities(by_rule(scores, question, alone)[assistant.asking.choice_by])
    return [
        Weighed(name=name, text=texts.get(name, name), probability=shares[name])
        for name in sorted(shares, key=shares.__getitem__, reverse=True)
    ]


def _pose(assistant: Assistant, record: Record) -> Question:
    return pose(assistant.encoder, [record], close_choices=closes_choices(assistant.encoder))[0]


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


def _write(
    assistant: Assistant, question: Question, reply: Reply, sampling: Sampling, *, most: int, full: bool
) -> Generator[str]:
    growing = GrowingText(assistant.encoder.tokenizer)
    tokens = continued(
        assistant.base,
        question.prompt.tokens,
        sampling=sampling,
        max_new_tokens=most,
        closing_ids=stopping_ids(assistant.encoder),
    )
    with speaking_as(assistant.base.model, reply.model):
        for token in tokens:
            piece = growing.add(token)
            reply.text, reply.num_tokens = growing.text, growing.num_tokens
            if piece:
                yield piece
    if rest := growing.rest():
        yield rest
    ended = growing.num_tokens < most
    reply.stopped = "finished" if ended else "context" if full else "length"
