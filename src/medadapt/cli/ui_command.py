"""`medadapt ui`: a page in the browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from threading import Thread
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.ask_commands import Base, Index, Quantization, Target
from medadapt.cli.console import plain, results, talk
from medadapt.cli.extras import need_extra
from medadapt.cli.replies import grounding_for, stoppable
from medadapt.cli.serve_command import Port

HOST = "127.0.0.1"
PORT = 7860
WINDOWED = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""One of them is set where a browser can open; elsewhere Python would open one of text in this terminal."""
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open the page, only say where it is.")]


def ui(
    target: Target,
    port: Port = PORT,
    index: Index = None,
    no_browser: NoBrowser = False,
    base: Base = None,
    quantization: Quantization = None,
    device: options.Device = "auto",
) -> None:
    """Open a page on which base and tuned model answer side by side. Only this machine can reach it.

    It has the fields that the run's task needs, how likely the models find each answer, passages with their sources
    where there is an index, the proof card and the report. Ctrl-C ends it.

    Example: medadapt ui runs/mine
    """
    from medadapt.serving.command_targets import find_target
    from medadapt.workflow.request import check_device

    check_device(device)
    need_extra("ui", "gradio", "fastapi", "prometheus_client", "uvicorn")
    from medadapt.serving.api.server import address, listen

    found = find_target(target, base=base, quantization=quantization.value if quantization else None)
    grounding = None if index is None else grounding_for(index, found)
    with stoppable(), listen(HOST, port) as listening:
        from medadapt.serving.answering import NOTICE
        from medadapt.serving.api.server import serve as answer
        from medadapt.serving.assistants import load
        from medadapt.serving.desk import Desk
        from medadapt.serving.page.asking import Service
        from medadapt.serving.page.blocks import build_page
        from medadapt.serving.page.opening import open_target
        from medadapt.serving.page.server import page_app

        opened = open_target(found, base=base)
        assistant = load(found, device=device)
        for note in assistant.notes:
            talk.print(plain(note, "yellow"))
        with Desk(assistant) as desk:
            service = Service(desk=desk, rules=opened.rules, unvouched=opened.unvouched, grounding=grounding)
            app = page_app(build_page(service, opened.offer, opened.about), report=opened.report)
            where = f"http://{address(HOST, listening.getsockname()[1])}"
            results.print(plain(f"{where} asks {target}"))
            talk.print(plain("Ctrl-C ends it.", "dim"))
            talk.print(plain(NOTICE, "dim"))
            if not no_browser and _has_windows():
                # A browser may take its time, or the terminal: the page is there meanwhile.
                Thread(target=webbrowser.open, args=(where,), daemon=True).start()
            # An open page always has a stream open: there is nothing to wait for.
            answer(app, listening, give_up=desk.close, patience=0)


def _has_windows() -> bool:
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in WINDOWED)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel=options.USE)(ui)
