"""The page as an application of its own: who may open it, and what it may load."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medadapt.serving.api.guards import Guard, Limits
from medadapt.serving.page.doors import Doors

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)
"""Nothing is loaded from elsewhere, whatever the page's libraries would like to."""
OWN_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]


def page_app(page: gr.Blocks, *, report: Path | None) -> FastAPI:
    """The page at `/`, and the run's report at `/report`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/report", response_model=None)
    def show_report() -> Response:
        if report is None or not report.is_file():
            return PlainTextResponse("This run has no report.", 404)
        return FileResponse(report, media_type="text/html")

    theme = gr.themes.Base(font=FONT, font_mono=["ui-monospace", "monospace"])
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    gr.mount_gradio_app(
        app, page, path="/", theme=theme, css=style, show_error=False, footer_links=[], ssr_mode=False,
        enable_monitoring=False, max_file_size=0, run_history=False,
    )  # fmt: skip
    app.add_middleware(_OwnHeaders)
    app.add_middleware(Doors)
    app.add_middleware(Guard, limits=Limits())
    return app


class _OwnHeaders:
    """Adds our headers to every answer; the report has a policy of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in OWN_HEADERS.items():
                    if scope["path"] != "/report" or name != "content-security-policy":
                        headers[name] = value
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)
