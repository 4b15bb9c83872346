"""Answers, probabilities, passages and warnings as HTML. Every word that is not ours is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from medadapt.core.results import ModelName
from medadapt.report.card import ProofCard
from medadapt.report.clean_text import visible
from medadapt.report.wording import share, told_apart
from medadapt.retrieval.index import Found
from medadapt.serving.abstention import Sureness
from medadapt.serving.answering import NOTICE, Weighed
from medadapt.serving.naming import named
from medadapt.serving.page.red_flags import RedFlag
from medadapt.serving.page.side_by_side import Ending

TITLES: dict[ModelName, tuple[str, str]] = {
    "baseline": ("Base model", "as it was before the tuning"),
    "tuned": ("Tuned model", "base with the adapter of this run"),
}
ROLES = {"user": "You", "assistant": "Model"}
SHOWN = 5
"""Labels or options with a bar."""
ENDINGS: dict[Ending, str] = {
    "length": "Stopped at the longest answer allowed.",
    "context": "Stopped: the model cannot read more text than this.",
    "cancelled": "Stopped.",
    "failed": "Not finished: the model failed.",
}
BARS_MEAN = (
    "How the model divides its belief among {count} possible answers. It is not the chance that the answer is right "
    "for a patient, and the right answer may not be among them."
)
NOT_REVIEWED = (
    "Found by words alone, by a list that clinicians have not reviewed. It is not complete: no banner does not mean "
    "no emergency."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


def told(text: str) -> str:
    """Text of others, ready to stand in HTML."""
    return escape(visible(text))


def notice() -> str:
    """Always on the page."""
    return f'<p class="notice" role="note"><strong>{escape(NOTICE)}</strong></p>'


def emergency(flags: Sequence[RedFlag]) -> str:
    """The banner above every answer, where a sign of an emergency was named; else nothing."""
    if not flags:
        return ""
    signs = "".join(
        f'<li>{escape(flag.sign)} <a href="{escape(flag.source.url)}" target="_blank" rel="noreferrer noopener">'
        f"{escape(flag.source.title)}</a></li>"
        for flag in flags
    )
    return (
        '<div class="emergency" role="alert"><p class="call">This may be an emergency. Call your local emergency '
        f"number now (112 in Europe, 911 in the USA, 999 in the UK).</p><ul>{signs}</ul>"
        f'<p class="small">{escape(NOT_REVIEWED)}</p></div>'
    )


def idle(model: ModelName) -> str:
    """A model that has not been asked."""
    return _panel(model, '<p class="muted">Ask a question to see its answer here.</p>', busy=False)


def answer(
    model: ModelName,
    text: str,
    *,
    stopped: Ending | None,
    turns: Sequence[Turn] = (),
    weighed: Sequence[Weighed] = (),
) -> str:
    """What a model has written so far, after earlier `turns`; of a closed set, how likely it finds the first few."""
    if text:
        body = f'<p class="said">{told(text)}</p>'
    else:
        body = f'<p class="muted">{"The model wrote nothing." if stopped else "…"}</p>'
    ending = f'<p class="small muted">{escape(ENDINGS[stopped])}</p>' if stopped in ENDINGS else ""
    return _panel(model, _earlier(turns) + body + ending + _bars(weighed), busy=stopped is None)


def careful_answer(model: ModelName, sure: Sureness) -> str:
    """The answer of a closed set that a model is sure enough of; else that it is not."""
    if sure.enough:
        words = in_words(sure.weighed[0].probability)
        body = f'<p class="said">{told(named(sure.weighed[0]))}</p><p class="small">{escape(words)}</p>'
        return _panel(model, body + _bars(sure.weighed), busy=False)
    confidence, threshold = told_apart(sure.confidence, sure.rule.threshold)
    body = (
        '<p class="said">Not sure enough to answer.</p>'
        f'<p class="small">Its confidence is {confidence}. To be wrong in at most {100 * sure.rule.risk:.3g}% of its '
        f"answers it would need {threshold}.</p>"
    )
    return _panel(model, body, busy=False)


def unvouched(model: ModelName, why: str) -> str:
    """What a model says that is to answer only where it is sure enough, when nobody knows what is enough, and why."""
    return _panel(model, f'<p class="said">No answer.</p><p class="small">{told(why)}</p>', busy=False)


def in_words(probability: float) -> str:
    """What a probability means, for people who read no percentages.

    >>> in_words(0.97), in_words(0.3)
    ('The model is nearly certain of this answer.', 'The model finds other answers together more likely than this one.')
    """
    if probability >= 0.95:
        return "The model is nearly certain of this answer."
    if probability >= 0.75:
        return "The model finds this answer much more likely than all others together."
    if probability >= 0.5:
        return "The model finds this answer more likely than all others together."
    return "The model finds other answers together more likely than this one."


def passages_of(found: Mapping[ModelName, Sequence[Found]]) -> str:
    """The passages that stood in the prompts; under each model its own where not all of them had the same."""
    first, *others = found.values()
    if all(other == first for other in others):
        return passages(first)
    return "".join(f"<p><b>{TITLES[model][0]}</b></p>{passages(some)}" for model, some in found.items())


def passages(found: Sequence[Found]) -> str:
    """The passages that stood in a prompt, each with where it comes from."""
    if not found:
        return (
            '<p class="muted">No passage shares a word with the question, or none had room in the prompt.</p>'
        )
    items = "".join(
        f'<li value="{number}"><strong>{told(one.passage.title)}</strong> {told(one.passage.text)}'
        f'<br><span class="small muted">from {told(one.passage.id)}</span></li>'
        for number, one in enumerate(found, start=1)
    )
    return f'<ol class="passages">{items}</ol>'


def problem(text: str) -> str:
    """What is wrong with a question."""
    return f'<div class="problem" role="alert">{told(text)}</div>' if text else ""


def proof(card: ProofCard | None) -> str:
    """The proof card in short; the report has the rest."""
    if card is None:
        return '<p class="muted">No evaluation lies beside this adapter: nothing is known of whether it helps.</p>'
    judged = [
        one
        for one in (card.protocol, card.few_shot, card.control, card.leakage, card.clean, card.seeds)
        if one
    ]
    doubts = "".join(f"<li><strong>{told(one.title)}.</strong> {told(one.short)}</li>" for one in judged)
    failed = "".join(
        f'<li class="failed">{told(one.problem)} {told(one.remedy)}</li>'
        for one in card.findings
        if one.failed
    )
    return (
        f'<div class="proof {told(card.verdict.replace(" ", "-"))}"><p class="verdict">{told(card.verdict)}</p>'
        f"<p><strong>{told(card.headline)}</strong></p><p>{told(card.sentence)}</p><ul>{failed}{doubts}</ul></div>"
    )


def _earlier(turns: Sequence[Turn]) -> str:
    """What was said before, each turn on its own."""
    return "".join(
        f'<p class="turn {turn.role}"><b>{ROLES[turn.role]}</b> {told(turn.text)}</p>' for turn in turns
    )


def _bars(weighed: Sequence[Weighed]) -> str:
    """How likely a model finds the first few answers, and what that means."""
    if not weighed:
        return ""
    bars = "".join(_bar(one) for one in weighed[:SHOWN])
    more = len(weighed) - SHOWN
    rest = f'<p class="small muted">and {more} more</p>' if more > 0 else ""
    meaning = BARS_MEAN.format(count=len(weighed))
    words = f"{named(weighed[0])}: {in_words(weighed[0].probability)}"
    return (
        f'<p class="small">{told(words)}</p><ul class="bars">{bars}</ul>{rest}'
        f'<p class="small muted">{escape(meaning)}</p>'
    )


def _bar(one: Weighed) -> str:
    percent = f"{100 * one.probability:.2f}"
    told_share = escape(share(one.probability))
    name = told(named(one))
    return (
        f'<li><span class="name">{name}</span><span class="track" role="meter" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" aria-valuetext="{told_share}" aria-label="{name}">'
        f'<span class="fill" style="width:{percent}%"></span></span>'
        f'<span class="share">{told_share}</span></li>'
    )


def _panel(model: ModelName, body: str, *, busy: bool) -> str:
    title, meaning = TITLES[model]
    return (
        f'<section class="panel {model}" aria-label="{title}" aria-busy="{str(busy).lower()}" aria-live="polite">'
        f'<h3>{title} <span class="small muted">{meaning}</span></h3>{body}</section>'
    )
