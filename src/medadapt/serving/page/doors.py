"""Which of Gradio's paths are open: those that the page itself asks for, and no other.

Gradio also fetches addresses for whoever asks, sends files, keeps a history of what was run and describes its
functions. The page needs nothing of that.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from medadapt.serving.api.problems import CODES, problem_response

READ = re.compile(
    r"/|/report|/config|/theme\.css|/favicon\.ico|/manifest\.json"
    r"|/(?:assets|static)/[\w./-]+"
    r"|/gradio_api/(?:app_id|queue/data|heartbeat/\w+)"
)
"""The page and what it is made of, its own settings, and the answers as they come."""
SENT = re.compile(r"/gradio_api/(?:queue/join|run/predict)")
"""A button was pressed, or an example was picked."""
DOORS = {"GET": READ, "HEAD": READ, "POST": SENT}


def is_open(method: str, path: str) -> bool:
    """Whether the page needs it.

    >>> is_open("GET", "/assets/index.js"), is_open("GET", "/gradio_api/file=http://example.com/x")
    (True, False)
    """
    return method in DOORS and DOORS[method].fullmatch(path) is not None


class Doors:
    """Answers every path that the page does not need as if it were not there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "http" and not is_open(scope["method"], scope["path"]):
            refusal = problem_response(404, "There is no such path here.", code=CODES[404])
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
