"""The command line -> the page with every command and its options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from medadapt.cli.app import app
from pages_from_code.markdown import code, page, table

INTRODUCTION = """\
`medadapt COMMAND --help` prints the same. RECIPE is a recipe file or the name of a bundled recipe, RUN a run
folder. What a command was asked for goes to standard output, what happens meanwhile to standard error. Exit
codes have [a page of their own](exit-codes.md)."""


def commands_page() -> str:
    """Every command under the heading that `medadapt --help` gives it."""
    root: Any = get_command(app)
    parts = [INTRODUCTION, table(("option", "meaning"), _options(root))]
    panel = ""
    for command in root.commands.values():
        if command.hidden:
            continue
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            parts.append(f"## {panel}")
        parts += _command(command, "medadapt")
    return page("Commands", *parts)


def _command(command: Any, before: str) -> Iterator[str]:
    """The parts about one command, or about each command of a group."""
    words = f"{before} {command.name}"
    if inner := getattr(command, "commands", None):
        yield f"{command.help}"
        for part in inner.values():
            yield from _command(part, words)
        return
    yield f"### {words}"
    told, _, example = inspect.cleandoc(command.help).partition("Example: ")
    arguments = [part for part in command.params if part.param_type_name == "argument"]
    yield f"```text\n{' '.join([words, '[OPTIONS]', *(part.metavar for part in arguments)])}\n```"
    yield told.strip()
    yield table(
        ("argument or option", "meaning"),
        [*((code(part.metavar), _plain(part.help)) for part in arguments), *_options(command)],
    )
    if example:
        yield f"Example: `{example.strip()}`"


def _options(command: Any) -> Iterator[tuple[str, str]]:
    for option in command.params:
        if option.param_type_name != "option" or option.hidden:
            continue
        names = sorted(option.opts, key=len, reverse=True)
        shown = ", ".join(code(name if option.is_flag else f"{name} {option.metavar}") for name in names)
        yield shown, f"{_plain(option.help)}{_notes(option)}"


def _notes(option: Any) -> str:
    """Whether the option must be given or may be repeated, and its default, where the help does not tell."""
    notes = []
    if option.required:
        notes.append("Required.")
    if option.multiple and "repeat" not in option.help:
        notes.append("May be given several times.")
    value = getattr(option.default, "value", option.default)  # the word of an enumeration
    if isinstance(value, str | int | float) and not isinstance(value, bool) and "Default:" not in option.help:
        notes.append(f"Default: {code(value)}.")
    return "".join(f" {note}" for note in notes)


def _plain(text: str | None) -> str:
    """Help text without the escapes of the terminal's markup."""
    return (text or "").replace("\\[", "[")
