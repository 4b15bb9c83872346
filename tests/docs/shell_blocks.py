"""The shell commands of a page, in their order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL_LANGUAGES = {"bash", "sh", "shell", "console"}
COMMAND = re.compile(r"^(\$ )?medadapt ", re.MULTILINE)
HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command as it stands on a page."""

    page: str
    text: str
    told: str = ""
    """What the page says that it tells: the block called text behind it."""


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of every fenced block."""
    return BLOCK.findall(text)


def commands_of(page: Path, *, name: str) -> list[Command]:
    """Every command in the bash blocks of a page. Raises ValueError for a shell block in other words."""
    found = []
    for language, content in blocks(page.read_text(encoding="utf-8")):
        if language in SHELL_LANGUAGES - {"bash"} or (not language and COMMAND.search(content)):
            raise ValueError(f"{name}: a block of commands must be called bash, not '{language}'")
        if language == "bash":
            found += [Command(page=name, text=text) for text in split_commands(content)]
        if language == "text" and found:
            found[-1] = replace(found[-1], told=content)
    return found


def split_commands(content: str) -> Iterator[str]:
    """The commands of a block: continued lines joined, here-documents kept whole, comments left out."""
    lines = iter(content.splitlines())
    for line in lines:
        while line.endswith("\\"):
            line = line.removesuffix("\\").rstrip() + " " + next(lines).strip()
        text = re.sub(r"(^|\s+)#.*$", "", line).strip()
        if not text:
            continue
        if ends := HEREDOC.search(text):
            body = [text]
            while body[-1].strip() != ends[1]:
                body.append(next(lines))
            text = "\n".join(body)
        yield text


def needs_a_shell(text: str) -> bool:
    """Whether a command joins, redirects or continues others."""
    if "\n" in text:
        return True
    reader = shlex.shlex(text, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    return any(set(word) <= set("();<>|&") for word in reader if word)
