"""A question from the page -> what the page shows, step by step, until both models have answered."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from medadapt.core.errors import DataError, MedAdaptError
from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, ModelName
from medadapt.retrieval.index import Found
from medadapt.serving.abstention import AbstentionRule, sureness
from medadapt.serving.answering import Weighed
from medadapt.serving.asked import Asked, Words, to_record
from medadapt.serving.desk import Desk
from medadapt.serving.grounding import Grounding
from medadapt.serving.page import panels
from medadapt.serving.page.panels import Turn
from medadapt.serving.page.red_flags import flags_in
from medadapt.serving.page.side_by_side import Seen, Stop, side_by_side
from medadapt.serving.sampling import Sampling

ON_PAGE = Words(
    context="A text beside the question",
    qtype="A type of question",
    give_question="Type it, or pick from the list.",
    give_options="Write one option a line.",
    mend_options="Write one option a line, and none twice.",
)
SHORTENED = "The question is too long for the model: text from its middle was left out."
FORGOTTEN = "The conversation is too long for the model: its oldest exchanges were left out."
FAILED = "The model failed. The terminal in which this page was started says how."
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user has chosen beside the question."""

    models: tuple[ModelName, ...] = MODEL_NAMES
    temperature: float = 0.0
    careful: bool = False
    """Answer only where a model is sure enough; then without passages, because that was measured without them."""
    grounded: bool = False
    """With passages of the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the page shows at one moment, as HTML."""

    emergency: str = ""
    problem: str = ""
    answers: Mapping[ModelName, str] = field(default_factory=dict)
    passages: str = ""


Turns = Mapping[ModelName, Sequence[Turn]]
"""The conversation with each model: what it has said itself, and not what the other said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What stands behind the page."""

    desk: Desk
    rules: Mapping[ModelName, AbstentionRule]
    """When a model is sure enough, for each of which that is known."""
    unvouched: Mapping[ModelName, str]
    """Why it is not known of the others."""
    grounding: Grounding | None


def answered(
    service: Service, asked: Asked, wish: Wish, turns: Turns, stop: Stop | None = None
) -> Generator[tuple[View, Turns]]:
    """What to show from one moment to the next, and the conversations as they are then.

    `stop` ends the answers as they are, and with them this.
    """
    words = "\n".join([asked.question, asked.context or "", *asked.options])
    idle = {model: panels.idle(model) for model in MODEL_NAMES}
    shown = View(emergency=panels.emergency(flags_in(words)), answers=idle)
    if wish.careful:
        wish = replace(wish, grounded=False)
    try:
        records, found = _records(service, asked, wish, turns)
    except Exception as problem:
        yield _failed(shown, problem), turns
        return
    if wish.grounded and service.grounding is not None:
        shown = replace(shown, passages=panels.passages_of(found))
    try:
        if wish.careful and service.rules:
            yield _careful(service, records, shown), turns
            return
        yield from _written(service, asked, records, wish, turns, shown, stop)
    except Exception as problem:
        yield _failed(shown, problem), turns


def _records(
    service: Service, asked: Asked, wish: Wish, turns: Turns
) -> tuple[dict[ModelName, Record], dict[ModelName, Sequence[Found]]]:
    """The question as each model gets it, after its own conversation, and the passages that had room there."""
    asking = service.desk.assistant.asking
    records: dict[ModelName, Record] = {}
    found: dict[ModelName, Sequence[Found]] = {}
    for model in wish.models:
        history = tuple({"role": turn.role, "content": turn.text} for turn in turns.get(model, ()))
        record = to_record(replace(asked, history=history if asking.converses else ()), asking, words=ON_PAGE)
        if wish.grounded and service.grounding is not None:
            record, found[model] = service.grounding.of(record, service.desk.assistant.encoder)
        records[model] = record
    return records, found


def _careful(service: Service, records: Mapping[ModelName, Record], shown: View) -> View:
    """The answers of models that are sure enough; one for which nothing vouches is not asked."""
    waiting = {
        model: service.desk.weigh(record, model=model)
        for model, record in records.items()
        if model in service.rules
    }
    if any(one.shortened for one in waiting.values()):
        shown = replace(shown, problem=panels.problem(SHORTENED))
    answers = {
        model: panels.unvouched(model, service.unvouched[model]) for model in records if model not in waiting
    }
    for model, one in waiting.items():
        try:
            weighed = one.found.result()
            if not weighed:
                raise DataError(
                    "There are no options, so there is nothing to be sure of.",
                    "at least two options",
                    ON_PAGE.give_options,
                )
            answers[model] = panels.careful_answer(model, sureness(weighed, service.rules[model]))
        except Exception as problem:  # what the other model says stands
            shown = _failed(shown, problem)
    return replace(shown, answers={**shown.answers, **answers})


def _written(
    service: Service,
    asked: Asked,
    records: Mapping[ModelName, Record],
    wish: Wish,
    turns: Turns,
    shown: View,
    stop: Stop | None,
) -> Generator[tuple[View, Turns]]:
    posed = {model: service.desk.pose(record) for model, record in records.items()}
    if any(one.shortened for one in posed.values()):
        forgotten = any(one.exchanges_left_out for one in posed.values())
        shown = replace(shown, problem=panels.problem(FORGOTTEN if forgotten else SHORTENED))
    waiting = {model: service.desk.weigh(record, model=model) for model, record in records.items()}
    converses = service.desk.assistant.asking.converses
    said = Turn(role="user", text=asked.question.strip())
    before = {model: [*turns.get(model, ()), said] if converses else [] for model in records}
    seen: dict[ModelName, Seen] = {}
    for seen in side_by_side(service.desk, posed, Sampling(temperature=wish.temperature), stop):
        answers = {
            model: panels.answer(model, one.text, stopped=one.stopped, turns=before[model])
            for model, one in seen.items()
        }
        yield replace(shown, answers={**shown.answers, **answers}), turns
    answers = {}
    for model, one in seen.items():
        weighed: Sequence[Weighed] = ()
        try:
            if one.failed is not None:
                raise one.failed
            weighed = waiting[model].found.result()
        except Exception as problem:  # what is written by now stands, and so does what the other model says
            shown = _failed(shown, problem)
        answers[model] = panels.answer(
            model, one.text, stopped=one.stopped, turns=before[model], weighed=weighed
        )
    after = {
        **turns,
        **{
            model: [*before[model], Turn(role="assistant", text=one.text)]
            for model, one in seen.items()
            # A question that was stopped before its answer began was not asked, one that failed was not answered.
            if converses and one.text and one.failed is None
        },
    }
    yield replace(shown, answers={**shown.answers, **answers}), after


def _failed(shown: View, problem: Exception) -> View:
    """What is shown where an answer is missing. An error that is no mistake is logged, and told without its text."""
    if isinstance(problem, MedAdaptError):
        told = panels.problem(_in_short(problem))
    else:
        _LOG.error("A question failed.", exc_info=problem)
        told = panels.problem(FAILED)
    return shown if told in shown.problem else replace(shown, problem=shown.problem + told)


def _in_short(problem: MedAdaptError) -> str:
    return f"{problem.problem} {problem.remedy}".strip()
