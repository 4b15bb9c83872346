"""`medadapt serve`: an API in the style of OpenAI's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.ask_commands import Base, Index, Quantization, Target
from medadapt.cli.console import plain, results, talk
from medadapt.cli.extras import need_extra
from medadapt.cli.replies import grounding_for, stoppable

PORT = 8000
Host = Annotated[
    str,
    typer.Option("--host", metavar="ADDRESS", help="Where to listen. Beyond 127.0.0.1 an API key is needed."),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="P", help="The port; 0 takes any free one.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file",
        metavar="FILE",
        help="A file with the key that clients must send. Or set MEDADAPT_API_KEY.",
    ),
]
AllowHost = Annotated[
    list[str],
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="A further name under which clients may ask; repeatable. Beyond 127.0.0.1 any name will do until one is "
        "given.",
    ),
]
AllowOrigin = Annotated[
    list[str],
    typer.Option(
        "--allow-origin",
        metavar="URL",
        help="A web page's origin that may ask, such as http://localhost:3000.",
    ),
]
MostTokens = Annotated[
    int,
    typer.Option(
        "--max-new-tokens", min=1, metavar="N", help="The most tokens of an answer, asked for or not."
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, metavar="SECONDS", help="The longest that an answer may take.")
]


def serve(
    target: Target,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    api_key_file: KeyFile = None,
    allow_host: AllowHost = [],  # noqa: B006 - Typer copies it
    allow_origin: AllowOrigin = [],  # noqa: B006
    max_new_tokens: MostTokens = 1024,
    timeout: Timeout = 120.0,
    index: Index = None,
    base: Base = None,
    quantization: Quantization = None,
    device: options.Device = "auto",
) -> None:
    """Serve the models `tuned` and `baseline` to programs, as OpenAI's API does, on this machine alone.

    Any client for that API works: base_url http://127.0.0.1:8000/v1, any api_key. /v1/classify tells how likely the
    model finds each label or option. With --index chats get passages, and their answers name them. Ctrl-C ends it.

    Example: medadapt serve runs/mine --port 8000
    """
    from medadapt.serving.command_targets import find_target
    from medadapt.workflow.request import check_device

    check_device(device)
    need_extra("serve", "fastapi", "prometheus_client", "uvicorn")
    from medadapt.serving.api.server import address, limits_for, listen

    limits = limits_for(host, key_file=api_key_file, hosts=tuple(allow_host), origins=tuple(allow_origin))
    found = find_target(target, base=base, quantization=quantization.value if quantization else None)
    grounding = None if index is None else grounding_for(index, found)
    with stoppable(), listen(host, port) as listening:
        from medadapt.serving.answering import NOTICE
        from medadapt.serving.api.app import Settings, build_app
        from medadapt.serving.api.server import serve as answer
        from medadapt.serving.assistants import load
        from medadapt.serving.desk import Desk

        assistant = load(found, device=device)
        for note in assistant.notes:
            talk.print(plain(note, "yellow"))
        settings = Settings(
            target=target, base=base, limits=limits, max_new_tokens=max_new_tokens, seconds=timeout
        )
        with Desk(assistant) as desk:
            where = f"http://{address(host, listening.getsockname()[1])}"
            results.print(plain(f"{where}/v1 serves tuned and baseline of {target}"))
            talk.print(plain(f"Its schema: {where}/openapi.json. Ctrl-C ends it.", "dim"))
            talk.print(plain(NOTICE, "dim"))
            answer(build_app(desk, settings, grounding), listening, give_up=desk.close)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel=options.USE)(serve)
