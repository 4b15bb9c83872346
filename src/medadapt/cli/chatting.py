"""The terminal chat: reads lines, shows answers as they are written, and obeys commands that begin with `/`."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from medadapt.cli.console import plain, show_error, talk
from medadapt.cli.replies import (
    grounding_for,
    refuse_passages,
    refuse_settings,
    show_cited,
    show_reply,
    show_sureness,
    stoppable,
)
from medadapt.core.errors import DataError, ModelError, RunFolderError
from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, ModelName

if TYPE_CHECKING:
    from medadapt.core.recipe import Quantization
    from medadapt.serving.abstention import AbstentionRule
    from medadapt.serving.chat_memory import Conversation
    from medadapt.serving.command_targets import Target
    from medadapt.serving.sampling import Sampling

COMMANDS = "/reset forgets what was said, /model baseline or /model tuned changes who answers, /quit ends."


def talk_to(
    target: str,
    *,
    model: ModelName,
    sampling: Sampling,
    max_new_tokens: int | None,
    risk: float | None,
    index: Path | None,
    base: str | None,
    quantization: Quantization | None,
    device: str,
) -> None:
    """Chat until the input ends. Raises StoppedError on Ctrl-C outside of an answer.

    With a `risk` a model answers only where it is sure enough, and else says that it is not.
    """
    from medadapt.serving.abstention import check_risk
    from medadapt.serving.command_targets import find_target
    from medadapt.workflow.request import check_device

    check_device(device)
    with stoppable():
        rule_of = None
        if risk is not None:
            check_risk(risk, base=base)
            refuse_passages(index)
            refuse_settings(sampling, max_new_tokens)
            rule_of = cache(partial(_rule_of, target, risk))
            rule_of(model)  # a risk that cannot be kept is told before anything large is loaded
        found = find_target(target, base=base, quantization=quantization)
        _refuse_choices(found, weighing=risk is not None)
        grounding = None if index is None else grounding_for(index, found)

        from medadapt.serving.answering import NOTICE
        from medadapt.serving.asked import COMMAND, note_on_type
        from medadapt.serving.assistants import load
        from medadapt.serving.chat_memory import Conversation

        assistant = load(found, device=device)
        chat = Conversation(
            assistant=assistant,
            sampling=sampling,
            max_new_tokens=max_new_tokens,
            model=model,
            rule_of=rule_of,
            grounding=grounding,
        )
        untyped = note_on_type(
            Record(id="asked", source_row=1, group="asked", question="?", answer=""),
            assistant.asking,
            words=replace(COMMAND, qtype="`medadapt ask --type`"),
        )
        for note in (*assistant.notes, *([untyped] if untyped else [])):
            talk.print(plain(note, "yellow"))
        talk.print(plain(NOTICE, "bold"))
        if not chat.remembers:
            talk.print(plain("This model was trained on single questions: every message stands alone."))
        talk.print(plain(COMMANDS, "dim"))
        while (line := _next_line()) is not None:
            if line.startswith("/"):
                if not _obey(line, chat):
                    return
            elif line:
                _reply(chat, line)


def _rule_of(target: str, risk: float, model: ModelName) -> AbstentionRule:
    from medadapt.serving.abstention import abstention_rule

    return abstention_rule(target, risk=risk, model=model)


def _refuse_choices(target: Target, *, weighing: bool) -> None:
    """Refuse a model that needs options: to read them, or where answers are weighed, to weigh them."""
    asking = target.asking
    if asking is None or asking.task != "multiple_choice":
        return
    if asking.plan.wording.options or weighing:
        raise DataError(
            "This model chooses among options, which a chat has no place for.",
            "a model that answers in its own words",
            'Use `medadapt ask` with --options "first;second;third".',
        )


def _next_line() -> str | None:
    """The next line without outer spaces; None at the end of the input."""
    if sys.stdin.isatty():
        # With it `input` takes lines of any length, and the keys that edit them; not every system has it.
        with suppress(ImportError):
            import readline  # noqa: F401
        try:
            return input("> ").strip()
        except EOFError:
            talk.print()
            return None
    line = sys.stdin.readline()
    return line.strip() if line else None


def _obey(line: str, chat: Conversation) -> bool:
    """Do what a command says; False ends the chat."""
    word, *rest = line.split()
    if word == "/quit" and not rest:
        return False
    if word == "/reset" and not rest:
        chat.reset()
        talk.print("What was said is forgotten." if chat.remembers else "There was nothing to forget.")
    elif word == "/model" and len(rest) == 1 and rest[0] in MODEL_NAMES:
        chat.model = MODEL_NAMES[MODEL_NAMES.index(rest[0])]
        talk.print(f"{chat.model} answers now.")
    else:
        if word != "/help":
            talk.print(plain(f"{line} is no command; the model was not asked.", "yellow"))
        talk.print(plain(COMMANDS))
    return True


def _reply(chat: Conversation, line: str) -> None:
    """Answer a line, or say why there is no answer; the chat goes on as if such a line had not been written."""
    from medadapt.models.device import is_out_of_memory

    try:
        _answer(chat, line)
    except (DataError, ModelError, RunFolderError) as problem:
        show_error(problem)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        show_error(
            ModelError(
                "Memory ran out.",
                "enough free memory for what is said",
                "Write less, or forget what was said with /reset.",
            )
        )


def _answer(chat: Conversation, line: str) -> None:
    if (sure := chat.sureness(line)) is not None:
        show_sureness(sure, shortened=chat.shortens(line))
        return
    reply = chat.say(line)
    try:
        show_reply(reply)
        if chat.grounding is not None:
            show_cited(chat.cited)
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        reply.pieces.close()
        talk.print(plain("(stopped; this reply is not remembered)", "dim"))
