"""What goes wrong -> a status and a JSON body in OpenAI's form. Nothing of the inside of the server is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medadapt.core.errors import MedAdaptError
from medadapt.models.device import is_out_of_memory
from medadapt.predictions.batching import NoRoomError
from medadapt.serving.api.schemas import Problem, ProblemAnswer
from medadapt.serving.choosing import OverflowedError
from medadapt.serving.continuous_batching.scheduler import BusyError, ClosedError

KINDS = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    405: "invalid_request_error", 408: "timeout_error", 413: "invalid_request_error", 415: "invalid_request_error",
    429: "rate_limit_error", 503: "server_error", 504: "timeout_error",
}  # fmt: skip
CODES = {404: "no_such_path", 405: "method", 413: "body"}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemAnswer, "description": words}
    for status, words in {
        400: "The request cannot be answered as it stands.",
        401: "The key is missing or wrong.",
        403: "The Host or Origin of the request is not allowed.",
        404: "There is no such model.",
        413: "The body is too large.",
        415: "The body is not JSON.",
        429: "Too many requests wait.",
        503: "The server is stopping, or its memory ran out.",
        504: "The answer took too long.",
    }.items()
}
"""For the OpenAPI schema: what any request to a model can be answered with."""
RETRY_SECONDS = 2
_LOG = logging.getLogger(__name__)


class ApiError(Exception):
    """A request that is refused."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(status, message, param, code)
        self.status, self.message, self.param, self.code = status, message, param, code


def problem_response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A refusal as it is sent."""
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    answer = ProblemAnswer(error=Problem(message=message, type=kind, param=param, code=code))
    return JSONResponse(answer.model_dump(), status, headers=dict(headers or {}))


def response_to(problem: Exception) -> JSONResponse:
    """The refusal for an error of ours; any other error is logged, and told without its text."""
    match problem:
        case ApiError():
            return problem_response(problem.status, problem.message, param=problem.param, code=problem.code)
        case BusyError():
            retry = {"Retry-After": str(RETRY_SECONDS)}
            return problem_response(429, str(problem), code="busy", headers=retry)
        case ClosedError():
            return problem_response(503, str(problem), code="stopping")
        case _ if isinstance(problem, NoRoomError) or is_out_of_memory(problem):
            return problem_response(
                503, "Memory ran out; ask for less, or for fewer at a time.", code="memory"
            )
        case OverflowedError():
            _LOG.error("The model overflowed.", exc_info=problem)
            return problem_response(500, str(problem), code="overflowed")
        case MedAdaptError():
            return problem_response(400, str(problem))
    _LOG.error("A request failed.", exc_info=problem)
    return problem_response(500, "The server failed; its log says how.", code="internal")


class Told:
    """Answers every error that nothing else has answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as problem:
            if begun or scope["type"] != "http":
                raise
            await response_to(problem)(scope, receive, send)


def add_to(app: FastAPI) -> None:
    """Answer every error in the same form."""

    def invalid(_: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, RequestValidationError)
        first = problem.errors()[0]
        place = [str(part) for part in first["loc"] if part != "body"]
        where = ".".join(place)
        return problem_response(
            400,
            f"{where}: {first['msg']}" if where else str(first["msg"]),
            param=where or None,
            code="invalid",
        )

    def plain(_: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, HTTPException)
        code = CODES.get(problem.status_code)
        return problem_response(problem.status_code, str(problem.detail), code=code, headers=problem.headers)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_middleware(Told)
