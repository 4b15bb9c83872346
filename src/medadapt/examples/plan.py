"""The plan of an encoding: stored beside what was made with it, and read back by every later use."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, get_args

from medadapt.core.errors import DataError
from medadapt.examples.templates import BODIES, Wording

SUMMARY = "examples.json"
Join = Literal["plain", "template"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingPlan:
    """All that decides how a record becomes tokens; stored in examples.json and used by every later stage."""

    wording: Wording
    chat: bool
    """Whether the model's own chat template wraps the prompt."""
    max_length: int
    """Most tokens of prompt and completion together."""
    prompt_limit: int
    """Longer prompts lose their oldest exchanges, then tokens from their middle. The same for every record, so
    that a prompt's length never tells how long its answer is."""
    closing: str
    """The token a finished answer ends with: end of text, or end of turn in a chat template."""
    labels: tuple[str, ...]
    """The closed set of labels of a diagnosis task, else empty."""
    join: Join = "plain"
    """What stands before an answer: one space behind a visible character, or what the chat template writes there.
    Plans stored before there was a choice say nothing: they are plain."""


def plan_to_json(plan: EncodingPlan) -> dict[str, Any]:
    """The plan as plain values for a JSON file; without `join` where it is plain, as it always was."""
    values = asdict(plan) | {"labels": list(plan.labels)}
    if plan.join == "plain":
        del values["join"]
    return values


def plan_from_json(stored: Any, *, where: str = "The encoding plan") -> EncodingPlan:
    """The plan that `plan_to_json` made. Raises DataError where a key is missing, unknown or unfit.

    `where` names the file for the message.
    """
    wrong = list(_faults(stored, EncodingPlan))
    if not wrong:
        wrong = [f"wording.{fault}" for fault in _faults(stored["wording"], Wording)]
    if not wrong and stored["wording"]["template"] not in BODIES:
        wrong = [f"wording.template: {stored['wording']['template']!r} is no template of this version"]
    if wrong:
        raise DataError(
            f"{where} holds no plan that this version can use: {'; '.join(wrong)}.",
            "a plan written by the encode stage of this version of MedAdapt",
            "Run `medadapt encode` again, or use the version that wrote it.",
        )
    return EncodingPlan(
        **{**stored, "wording": Wording(**stored["wording"]), "labels": tuple(stored["labels"])}
    )


FITS = {
    "wording": lambda value: isinstance(value, dict),
    "chat": lambda value: isinstance(value, bool),
    "max_length": lambda value: type(value) is int and value > 0,
    "prompt_limit": lambda value: type(value) is int and value > 0,
    "closing": lambda value: isinstance(value, str) and value != "",
    "labels": lambda value: isinstance(value, list) and all(isinstance(label, str) for label in value),
    "join": lambda value: value in get_args(Join),
    "template": lambda value: isinstance(value, str),
    "system": lambda value: value is None or isinstance(value, str),
    "options": lambda value: isinstance(value, bool),
    "answer": lambda value: value in ("letter", "text", "text_and_explanation"),
}
"""What each stored value must be; a plan may come from another machine."""


def _faults(stored: Any, kind: type) -> list[str]:
    """What is wrong with stored values, a line a key."""
    if not isinstance(stored, dict):
        return ["it is missing"]
    names = [field.name for field in fields(kind)]
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    return [
        *(f"{name}: missing" for name in needed if name not in stored),
        *(f"{name}: unknown" for name in stored if name not in names),
        *(f"{name}: {stored[name]!r}" for name in names if name in stored and not FITS[name](stored[name])),
    ]
