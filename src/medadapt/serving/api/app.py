"""The application: which path does what."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from secrets import token_hex
from typing import Any

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from fastapi.responses import Response

from medadapt.core.errors import MedAdaptError
from medadapt.core.results import MODEL_NAMES, ModelName
from medadapt.serving.abstention import AbstentionRule, abstention_rule, sureness
from medadapt.serving.answering import NOTICE, Posed, Room
from medadapt.serving.api import problems
from medadapt.serving.api.counting import Counted, Counts, new_counts
from medadapt.serving.api.guards import Guard, Limits
from medadapt.serving.api.problems import REFUSALS, ApiError
from medadapt.serving.api.questions import (
    cited_from,
    classified_record,
    conversation_record,
    model_of,
    sampling_of,
    stops_of,
)
from medadapt.serving.api.schemas import (
    AnswerMessage,
    ChatAnswer,
    ChatChoice,
    ChatRequest,
    Cited,
    ClassifyAnswer,
    ClassifyRequest,
    CompletionAnswer,
    CompletionRequest,
    Health,
    Likely,
    ModelEntry,
    ModelList,
    Ours,
    QuestionParts,
    TextChoice,
)
from medadapt.serving.api.writing import TOO_LONG, Answer, Order, events, unless_gone
from medadapt.serving.desk import Desk
from medadapt.serving.grounding import Grounding

SHORTENED = "The prompt was too long for the model: text from the middle of the question was left out."
EXCHANGES = "The prompt was too long for the model: earlier exchanges were left out ({})."
PATHS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/models",
        "/v1/classify",
        "/healthz",
        "/metrics",
        "/openapi.json",
    }
)
OTHER_BASE = "How sure a model has to be for a risk was measured with another base than this server's."
NO_RULE = (
    "How sure the {} model has to be for a risk of {:g} is not known: its validation records do not tell."
)
USUAL_COMPLETION = 16
"""Tokens of a completion where the client does not say; OpenAI's own default."""
_LOG = logging.getLogger(__name__)
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer, or its events.",
        "content": {"text/event-stream": {}},
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the server is run."""

    target: str
    """The run, or adapter, whose models answer; rules of abstention come from there."""
    base: str | None = None
    """What replaces the target's own base, with which those rules were measured; None where nothing does."""
    limits: Limits = field(default_factory=Limits)
    max_new_tokens: int = 1024
    """The most that a client may ask for, and gets without asking."""
    seconds: float = 120.0
    """The longest that an answer may take."""


def build_app(desk: Desk, settings: Settings, grounding: Grounding | None = None) -> FastAPI:
    """The application that answers at a desk, in chats with passages where there is a `grounding`."""
    app = FastAPI(
        title="MedAdapt",
        version=version("medadapt"),
        description=f"The models of one run. {NOTICE}",
        docs_url=None,
        redoc_url=None,
    )
    problems.add_to(app)
    counts = new_counts(desk)
    _add_facts(app, desk, counts)
    _add_chat(app, desk, counts, settings, grounding)
    _add_completions(app, desk, counts, settings)
    _add_classify(app, desk, settings)
    app.add_middleware(Guard, limits=settings.limits)
    app.add_middleware(Counted, counts=counts, paths=PATHS)
    return app


def _add_facts(app: FastAPI, desk: Desk, counts: Counts) -> None:
    started = int(time.time())
    refused: dict[int | str, dict[str, Any]] = {status: REFUSALS[status] for status in (401, 403)}

    @app.get("/healthz")
    def health() -> Health:
        """Whether the server can answer, and how much there is to do."""
        return Health(answering=desk.load.answering, waiting=desk.load.waiting)

    @app.get("/metrics", responses=refused, response_class=Response)
    def metrics() -> Response:
        """Counters in Prometheus's format."""
        return Response(counts.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/v1/models", responses=refused)
    def models() -> ModelList:
        """The two models."""
        return ModelList(data=[ModelEntry(id=name, created=started) for name in MODEL_NAMES])

    @app.get("/v1/models/{model}", responses=refused | {404: REFUSALS[404]})
    def model(model: str) -> ModelEntry:
        """One of the two models."""
        return ModelEntry(id=model_of(model), created=started)


def _add_chat(
    app: FastAPI, desk: Desk, counts: Counts, settings: Settings, grounding: Grounding | None
) -> None:
    @app.post("/v1/chat/completions", responses=STREAM | REFUSALS, response_model=ChatAnswer)
    async def chat(asked: ChatRequest, request: Request) -> Any:
        """The next turn of a conversation, in the words the model was trained on."""
        model = model_of(asked.model)
        record, warnings = conversation_record(asked, desk.assistant.asking)
        sampling, idle = sampling_of(asked)
        wanted = _wanted(asked, settings)
        wants_passages = _wants_passages(asked.medadapt, grounding)

        def read() -> tuple[Posed, list[Cited] | None]:
            asked_with, cited = record, None
            if grounding is not None and wants_passages:
                asked_with, found = grounding.of(record, desk.assistant.encoder)
                cited = cited_from(found)
            return desk.pose(asked_with, max_new_tokens=wanted), cited

        posed, cited = await run_sync(read)
        ours = Ours(notice=NOTICE, warnings=[*warnings, *idle, *_shortened(posed)], passages=cited)
        order = Order(
            model=model,
            prompt=posed.tokens,
            room=_within(posed.room, settings),
            sampling=sampling,
            stops=stops_of(asked),
        )
        answer = Answer(desk, counts, order, seconds=settings.seconds)
        head = _head("chatcmpl", "chat.completion.chunk", asked.model)

        def chunk(delta: dict[str, Any], ended: str | None = None) -> dict[str, Any]:
            return head | {
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": ended}]
            }

        if asked.stream:
            return events(
                answer,
                first=[chunk({"role": "assistant", "content": ""}) | {"medadapt": ours.model_dump()}],
                each=lambda piece: chunk({"content": piece}),
                last=lambda done: [chunk({}, done.finish_reason), *_usage(head, done, asked)],
            )
        text = await unless_gone(request, answer.whole())
        choice = ChatChoice(message=AnswerMessage(content=text), finish_reason=answer.finish_reason)
        return ChatAnswer(
            id=head["id"],
            created=head["created"],
            model=asked.model,
            choices=[choice],
            usage=answer.usage,
            medadapt=ours,
        )


def _add_completions(app: FastAPI, desk: Desk, counts: Counts, settings: Settings) -> None:
    @app.post("/v1/completions", responses=STREAM | REFUSALS, response_model=CompletionAnswer)
    async def completions(asked: CompletionRequest, request: Request) -> Any:
        """A text written on as it stands, without the prompt that the model was trained on."""
        model = model_of(asked.model)
        text = asked.prompt if isinstance(asked.prompt, str) else asked.prompt[0]
        prompt = await run_sync(lambda: desk.read(text))
        context = desk.assistant.base.context_length or desk.assistant.encoder.max_length
        if not 0 < len(prompt) < context:
            raise ApiError(
                400,
                f"The prompt has {len(prompt)} tokens; it may have 1 to {context - 1}.",
                param="prompt",
                code="context_length_exceeded" if prompt else "invalid",
            )
        sampling, idle = sampling_of(asked)
        wanted = _most(asked.max_tokens, settings, "max_tokens") or USUAL_COMPLETION
        room = _within(desk.room(prompt, wanted), settings)
        order = Order(
            model=model,
            prompt=prompt,
            room=room,
            sampling=sampling,
            stops=stops_of(asked),
            as_it_stands=True,
        )
        answer = Answer(desk, counts, order, seconds=settings.seconds)
        ours = Ours(notice=NOTICE, warnings=idle)
        head = _head("cmpl", "text_completion", asked.model)

        def chunk(piece: str, ended: str | None = None) -> dict[str, Any]:
            return head | {"choices": [{"index": 0, "text": piece, "logprobs": None, "finish_reason": ended}]}

        if asked.stream:
            return events(
                answer,
                first=[chunk("") | {"medadapt": ours.model_dump()}],
                each=chunk,
                last=lambda done: [chunk("", done.finish_reason), *_usage(head, done, asked)],
            )
        written = await unless_gone(request, answer.whole())
        choice = TextChoice(text=written, finish_reason=answer.finish_reason)
        return CompletionAnswer(
            id=head["id"],
            created=head["created"],
            model=asked.model,
            choices=[choice],
            usage=answer.usage,
            medadapt=ours,
        )


def _add_classify(app: FastAPI, desk: Desk, settings: Settings) -> None:
    @lru_cache(maxsize=64)
    def rule(risk: float, model: ModelName) -> AbstentionRule:
        if settings.base is not None:
            raise ApiError(400, OTHER_BASE, param="risk", code="no_rule")
        try:
            return abstention_rule(settings.target, risk=risk, model=model)
        except MedAdaptError as problem:  # its words are for whoever started the server
            _LOG.warning("No rule for a risk of %g: %s", risk, problem)
            raise ApiError(400, NO_RULE.format(model, risk), param="risk", code="no_rule") from problem

    @app.post("/v1/classify", responses=REFUSALS)
    async def classify(asked: ClassifyRequest, request: Request) -> ClassifyAnswer:
        """How likely a model finds each label or option; with a `risk` it answers only where it is sure enough."""
        model = model_of(asked.model)
        record, warnings = classified_record(asked, desk.assistant.asking)
        needed = None if asked.risk is None else await run_sync(rule, asked.risk, model)
        weighing = await run_sync(lambda: desk.weigh(record, model=model))
        try:
            async with asyncio.timeout(settings.seconds):
                weighed = await unless_gone(request, asyncio.wrap_future(weighing.found))
        except TimeoutError as problem:
            raise ApiError(504, TOO_LONG, code="time") from problem
        if not weighed:
            raise ApiError(
                400,
                "This model answers open questions: it has no closed set of answers.",
                param="input",
                code="open",
            )
        sure = None if needed is None else sureness(weighed, needed)
        shown = weighed if sure is None else list(sure.weighed)
        enough = sure is None or sure.enough
        return ClassifyAnswer(
            model=asked.model,
            choice=shown[0].name if enough else None,
            abstained=not enough,
            confidence=shown[0].probability if sure is None else sure.confidence,
            threshold=None if needed is None else needed.threshold,
            probabilities=[
                Likely(name=one.name, text=one.text, probability=one.probability) for one in shown if enough
            ],
            medadapt=Ours(notice=NOTICE, warnings=[*warnings, *([SHORTENED] if weighing.shortened else [])]),
        )


def _wants_passages(parts: QuestionParts, grounding: Grounding | None) -> bool:
    """Whether passages are looked for. Raises ApiError where they are asked for and there is no index."""
    if parts.passages and grounding is None:
        raise ApiError(
            400,
            "This server has no passages; it was started without --index.",
            param="medadapt.passages",
            code="no_index",
        )
    return grounding is not None and parts.passages is not False


def _wanted(asked: ChatRequest, settings: Settings) -> int | None:
    """The tokens that a chat asks for, under either of their names. Raises ApiError for two that differ."""
    if asked.max_completion_tokens is None:
        return _most(asked.max_tokens, settings, "max_tokens")
    if asked.max_tokens not in {None, asked.max_completion_tokens}:
        raise ApiError(
            400,
            "max_completion_tokens and max_tokens are two names of one number, and differ.",
            param="max_tokens",
            code="invalid",
        )
    return _most(asked.max_completion_tokens, settings, "max_completion_tokens")


def _most(asked: int | None, settings: Settings, param: str) -> int | None:
    """The tokens that are asked for; None: as many as the run's evaluation allows. Raises ApiError above the limit."""
    if asked is not None and asked > settings.max_new_tokens:
        raise ApiError(
            400,
            f"This server writes up to {settings.max_new_tokens} tokens.",
            param=param,
            code="too_many",
        )
    return asked


def _within(room: Room, settings: Settings) -> Room:
    """The room of an answer, never above the server's own limit; a client that names no number may not know it."""
    if room.tokens <= settings.max_new_tokens:
        return room
    return Room(tokens=settings.max_new_tokens, stopped="length")


def _shortened(posed: Posed) -> list[str]:
    if posed.exchanges_left_out:
        return [EXCHANGES.format(posed.exchanges_left_out)]
    return [SHORTENED] if posed.shortened else []


def _head(prefix: str, kind: str, model: str) -> dict[str, Any]:
    return {"id": f"{prefix}-{token_hex(12)}", "object": kind, "created": int(time.time()), "model": model}


def _usage(
    head: dict[str, Any], answer: Answer, asked: ChatRequest | CompletionRequest
) -> list[dict[str, Any]]:
    """The last event of a stream, where the client asks for it."""
    if asked.stream_options is None or not asked.stream_options.include_usage:
        return []
    return [head | {"choices": [], "usage": answer.usage.model_dump()}]
