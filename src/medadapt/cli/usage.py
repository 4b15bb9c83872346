"""A mistake in the words of a command, told like every other mistake: what, what was expected, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.exceptions import TyperException

from medadapt.core.errors import MedAdaptError
from medadapt.core.nearest import did_you_mean

CHOICES = re.compile(r"for '(?P<option>[^']*)'.* '(?P<word>[^']*)' is not one of (?P<choices>'.*')")


def usage_error(problem: TyperException, words: Sequence[str]) -> MedAdaptError:
    """The parser's error as one of ours, with the nearest valid name and the command that prints help."""
    context: Any = getattr(problem, "ctx", None)
    command = context.command_path if context else " ".join(["medadapt", *words[:1]])
    text = " ".join(problem.format_message().split())
    remedy = f"`{command} --help` lists what it takes."
    unknown = getattr(problem, "option_name", None)
    if unknown and text.startswith("No such option"):
        known = _options_of(context)
        return MedAdaptError(
            f"{command} has no option {unknown}{_nearest(unknown, known)}", ", ".join(known), remedy
        )
    if found := CHOICES.search(text):
        choices = re.findall(r"'([^']*)'", found["choices"])
        return MedAdaptError(
            f"{found['option']} {found['word']} is not known{_nearest(found['word'], choices)}",
            ", ".join(choices),
            remedy,
        )
    if text.startswith("Missing argument 'RECIPE"):
        remedy = f"`medadapt recipes list` shows what is ready to run; {remedy}"
    return MedAdaptError(text if text.endswith((".", "?")) else f"{text}.", "", remedy)


def _options_of(context: Any) -> list[str]:
    parameters = context.command.get_params(context) if context else []
    names = [max(parameter.opts, key=len) for parameter in parameters]
    return [name for name in names if name.startswith("--")]


def _nearest(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known) or "."
