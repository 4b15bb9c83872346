"""A reply on the terminal while it is written. What a model writes is data: it never steers the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadapt.cli.console import plain, print_json, results, talk
from medadapt.cli.extras import need_extra
from medadapt.core.errors import MedAdaptError, StoppedError
from medadapt.core.results import ModelName
from medadapt.report.clean_text import visible
from medadapt.report.wording import share, told_apart
from medadapt.serving.naming import named

if TYPE_CHECKING:
    from medadapt.core.recipe import Quantization
    from medadapt.retrieval.index import Found
    from medadapt.serving.abstention import AbstentionRule, Sureness
    from medadapt.serving.answering import Reply, Weighed
    from medadapt.serving.asked import Asked
    from medadapt.serving.command_targets import Target
    from medadapt.serving.grounding import Grounding
    from medadapt.serving.sampling import Sampling

SHORTENED = "(too long for the model: text in the middle of the question left out)"
STARTS_SEQUENCE = str.maketrans("", "", "\x1b\x9b\r")
LIKELIEST = 5
"""Labels or options shown."""


def harmless(piece: str) -> str:
    """A piece of text that cannot begin a control sequence, wherever a longer text is cut into pieces."""
    return visible(piece.translate(STARTS_SEQUENCE))


def question_text(question: str) -> str:
    """The question as given, or for `-` what standard input holds."""
    return sys.stdin.read() if question == "-" else question


def ask_and_show(
    target: str,
    asked: Asked,
    *,
    models: Sequence[ModelName],
    sampling: Sampling,
    max_new_tokens: int | None,
    risk: float | None,
    index: Path | None,
    base: str | None,
    quantization: Quantization | None,
    device: str,
    as_json: bool,
) -> None:
    """Load, ask each model, and show the answers or print them as one JSON object.

    With a `risk` a model answers only where it is sure enough, with the label or option that it is sure of, because
    the risk was measured for that and not for what it would write.
    """
    from medadapt.serving.abstention import abstention_rule, check_risk, sureness
    from medadapt.serving.asked import note_on_type, to_record
    from medadapt.serving.command_targets import find_target
    from medadapt.workflow.request import check_device

    check_device(device)
    with stoppable():
        rules: dict[ModelName, AbstentionRule] = {}
        if risk is not None:
            check_risk(risk, base=base)
            refuse_passages(index)
            refuse_settings(sampling, max_new_tokens)
            rules = {model: abstention_rule(target, risk=risk, model=model) for model in models}
        found = find_target(target, base=base, quantization=quantization)
        if found.asking is not None:
            to_record(asked, found.asking)  # a mistake is told before anything large is loaded
        grounding = None if index is None else grounding_for(index, found)

        from medadapt.serving.answering import NOTICE, question_for, reply, weigh
        from medadapt.serving.assistants import load

        assistant = load(found, device=device)
        record = to_record(asked, assistant.asking)
        untyped = note_on_type(record, assistant.asking)
        notes = [*assistant.notes, *([untyped] if untyped else [])]
        for note in notes:
            talk.print(plain(note, "yellow"))
        cited: list[Found] = []
        if grounding is not None:
            record, cited = grounding.of(record, assistant.encoder)
        answers: dict[str, dict[str, Any]] = {}
        for model in models:
            heading = model if len(models) > 1 else None
            if model in rules:
                sure = sureness(weigh(assistant, record, model=model), rules[model])
                shortened = question_for(assistant, record).prompt.truncated
                answers[model] = _values_of(sure, shortened=shortened)
                if not as_json:
                    show_sureness(sure, shortened=shortened, heading=heading)
                continue
            given = reply(assistant, record, model=model, sampling=sampling, max_new_tokens=max_new_tokens)
            if as_json:
                list(given.pieces)
            else:
                show_reply(given, heading=heading is not None)
            weighed = weigh(assistant, record, model=model)
            if not as_json:
                _show_weighed(weighed)
            answers[model] = _values(given, weighed)
    if as_json:
        passages = {"passages": [asdict(one.passage) for one in cited]} if grounding is not None else {}
        print_json(
            {"target": target, "question": record.question, "answers": answers, **passages,
             "notes": notes, "notice": NOTICE}
        )  # fmt: skip
    else:
        if grounding is not None:
            show_cited(cited)
        talk.print(plain(NOTICE, "dim"))


def refuse_passages(index: Path | None) -> None:
    """Raise MedAdaptError where passages are asked for beside a risk, which was measured without them."""
    if index is not None:
        raise MedAdaptError(
            "--index and --risk are both given, but how sure is sure enough was measured without passages.",
            "one of them",
            "Leave one out.",
        )


def refuse_settings(sampling: Sampling, max_new_tokens: int | None) -> None:
    """Raise MedAdaptError where settings of a written answer are given beside a risk, with which none is written."""
    from medadapt.serving.sampling import COMMAND

    given = [COMMAND.name(one.name) for one in fields(sampling) if getattr(sampling, one.name) != one.default]
    given += [] if max_new_tokens is None else ["--max-new-tokens"]
    if given:
        raise MedAdaptError(
            f"{' and '.join(given)} would change nothing beside --risk: the model names the label or option that it is "
            "sure of, and writes nothing.",
            f"--risk without {' and '.join(given)}",
            f"Leave out {' and '.join(given)}, or --risk.",
        )


def grounding_for(index: Path, target: Target) -> Grounding:
    """The passages that were asked for."""
    need_extra("retrieval", "bm25s")
    from medadapt.serving.grounding import open_grounding

    return open_grounding(index, target)


def show_cited(cited: Sequence[Found]) -> None:
    """The passages that stood in the prompt, with the record or file that they come from."""
    if not cited:
        talk.print(plain("(no passage shares a word with the question, or none had room)", "yellow"))
    for number, one in enumerate(cited, start=1):
        talk.print(plain(f"[{number}] {one.passage.title} {one.passage.text}".strip(), "dim"))
        talk.print(plain(f"    from {one.passage.id}", "dim"))


def show_reply(reply: Reply, *, heading: bool = False) -> None:
    """Write an answer to stdout as it comes, and to stderr what must be known about it."""
    if gone := reply.exchanges_left_out:
        earlier = f"{gone} earlier exchange{'' if gone == 1 else 's'}"
        talk.print(plain(f"(too long for the model: {earlier} left out)", "yellow"))
    elif reply.shortened:
        talk.print(plain(SHORTENED, "yellow"))
    if heading:
        results.print(plain(f"{reply.model}:", "bold"))
    write_pieces(reply.pieces)
    if not reply.text:
        talk.print(plain("(the model wrote nothing)", "dim"))
    if reply.stopped == "length":
        talk.print(plain(f"(stopped after {reply.num_tokens} tokens; --max-new-tokens allows more)", "dim"))
    if reply.stopped == "context":
        talk.print(plain("(stopped: the model cannot read more text than this)", "dim"))


def show_sureness(sure: Sureness, *, shortened: bool, heading: str | None = None) -> None:
    """The label or option that a model is sure enough of, and on stderr why it may answer; else that it is not."""
    if shortened:
        talk.print(plain(SHORTENED, "yellow"))
    if heading is not None:
        results.print(plain(f"{heading}:", "bold"))
    if not sure.enough:
        results.print(plain(f"not sure enough to answer ({_in_words(sure)})"))
        return
    results.print(plain(named(sure.weighed[0])))
    _show_weighed(sure.weighed)
    talk.print(plain(f"(sure enough: {_in_words(sure)})", "dim"))


def write_pieces(pieces: Iterable[str]) -> None:
    """Pieces of one text on stdout, each at once, and a line break after the last."""
    try:
        for piece in pieces:
            sys.stdout.write(harmless(piece))
            sys.stdout.flush()
    finally:
        sys.stdout.write("\n")
        sys.stdout.flush()


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C ends the command without a traceback."""
    try:
        yield
    except KeyboardInterrupt as problem:
        raise StoppedError("Stopped.") from problem


def _show_weighed(weighed: Sequence[Weighed]) -> None:
    for entry in weighed[:LIKELIEST]:
        results.print(plain(f"  {share(entry.probability):>7}  {named(entry)}"))
    if len(weighed) > LIKELIEST:
        results.print(plain(f"           and {len(weighed) - LIKELIEST} more", "dim"))


def _in_words(sure: Sureness) -> str:
    confidence, threshold = told_apart(sure.confidence, sure.rule.threshold)
    return (
        f"confidence {confidence}; at least {threshold} is needed to be wrong in at most "
        f"{sure.rule.risk:.3g} of the answers"
    )


def _values_of(sure: Sureness, *, shortened: bool) -> dict[str, Any]:
    """The label or option as the answer; nothing that answers the question where the model is not sure enough."""
    return {
        "text": sure.weighed[0].text if sure.enough else None,
        "question_shortened": shortened,
        "probabilities": {entry.name: entry.probability for entry in sure.weighed} if sure.enough else None,
        "abstained": not sure.enough,
        "confidence": sure.confidence,
        "threshold": sure.rule.threshold,
        "risk": sure.rule.risk,
        "temperature": sure.rule.temperature,
        "choice": sure.name if sure.enough else None,
    }


def _values(reply: Reply, weighed: Sequence[Weighed]) -> dict[str, Any]:
    return {
        "text": reply.text,
        "tokens": reply.num_tokens,
        "stopped": reply.stopped,
        "question_shortened": reply.shortened,
        "probabilities": {entry.name: entry.probability for entry in weighed} or None,
    }
