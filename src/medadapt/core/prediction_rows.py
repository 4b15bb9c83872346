"""Holds a line of a predictions file against what a prediction is, before a number is made from it.

A file may have been edited, cut, or written by another program. What would count silently, such as a score
that is a text or a choice that was never scored, is refused with the line's number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.documents import short
from medadapt.core.errors import DataError
from medadapt.core.shell_command import command

ADDED_LATER = frozenset({"choices", "similarity"})
"""Fields that files of earlier versions lack."""
ROUNDING = 1e-6
"""Of sums of probabilities, and of a cosine."""
NATS_ROUNDING = 0.01
"""How far above 0 a log-likelihood computed in 16 bits may lie."""


def checked_prediction(
    row: Any, names: Iterable[str], *, path: Path, line: int, model: str | None = None
) -> dict[str, Any]:
    """The values of one line by field, for the fields `names`; keys of a later version are passed over.

    `model` is whose predictions the file holds, where that is known. Raises DataError with file and line.
    """
    if not isinstance(row, dict):
        raise bad_prediction(path, line, f"it holds {short(row)} instead of a JSON object")
    values = {}
    for name in names:
        if name not in row:
            if name in ADDED_LATER:
                continue
            raise bad_prediction(path, line, f"it lacks `{name}`")
        fits, kind = FIELDS[name]
        if not fits(row[name]):
            raise bad_prediction(path, line, f"`{name}` is {short(row[name])}, not {kind}")
        values[name] = row[name]
    if model is not None and row["model"] != model:
        raise bad_prediction(path, line, f"it is of the model {short(row['model'])}, not of {model}")
    if fault := _contradiction(row):
        raise bad_prediction(path, line, fault)
    return values


def bad_prediction(path: Path, line: int, fault: str) -> DataError:
    """The error of one line of a predictions file, with the command that makes the file anew."""
    return DataError(
        f"{path}:{line} is no prediction that can be used: {fault}.",
        "the predictions as `medadapt predict` wrote them, one for each record",
        f"Run `{command('predict', path.parent.parent)}`: it makes predictions anew that were changed.",
    )


def _contradiction(row: Mapping[str, Any]) -> str | None:
    """Where fields that belong together do not, in words."""
    scores, probabilities = row["scores"] or {}, row["probabilities"] or {}
    choice, parsed = row["choice"], row["parsed"]
    if scores and row["probabilities"] is None:
        return _contradiction_of_search(row)
    if scores.keys() != probabilities.keys():
        return "`scores` and `probabilities` are of different labels or letters"
    if not scores:
        chosen = next((name for name in ("choice", "choices") if row.get(name) is not None), None)
        return f"`{chosen}` is {short(row[chosen])}, but nothing was scored" if chosen else None
    if abs(sum(probabilities.values()) - 1) > ROUNDING:
        return f"its `probabilities` add up to {sum(probabilities.values()):.6g}, not to 1"
    if choice not in scores:
        return f"`choice` is {short(choice)}, which was not scored"
    if probabilities[choice] < max(probabilities.values()) - ROUNDING:
        return f"`choice` is {short(choice)}, which is not the most probable"
    if fault := _contradiction_of_rules(row):
        return fault
    if parsed is not None and parsed not in scores:
        return f"`parsed` is {short(parsed)}, which was not scored"
    return None


def _contradiction_of_search(row: Mapping[str, Any]) -> str | None:
    """The same where only the best choices were looked for (`evaluation.score_choices`), so that no share is known."""
    if row.get("choices") is None:
        return "it has neither `probabilities` nor the `choices` of each rule"
    if row["choice"] not in row["scores"]:
        return f"`choice` is {short(row['choice'])}, which was not scored"
    if fault := _contradiction_of_rules(row):
        return fault
    if row["scores"][row["choices"]["sum"]] < max(row["scores"].values()):
        return (
            f"`choices` has {short(row['choices']['sum'])} for `sum`, which does not have the highest score"
        )
    return None


def _contradiction_of_rules(row: Mapping[str, Any]) -> str | None:
    """The same of what each rule chose; files of earlier versions do not have it."""
    if (choices := row.get("choices")) is None:
        return None
    rules = {*CHOICE_RULES}
    if not row["probabilities"]:
        rules -= {"relative"} - choices.keys()  # which is only looked for where it is the rule of the run
    if choices.keys() != rules:
        return f"`choices` is of the rules {short([*choices])}, not of {', '.join(CHOICE_RULES)}"
    if unscored := [name for name in choices.values() if name not in row["scores"]]:
        return f"`choices` has {short(unscored[0])}, which was not scored"
    if row["choice"] not in choices.values():
        return f"`choice` is {short(row['choice'])}, which no rule of `choices` chose"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floating-point numbers
        return False


def _is_nats(value: Any) -> bool:
    """A negative log-likelihood; rounding in 16 bits may take a certain token a little below 0."""
    return _is_number(value) and value > -NATS_ROUNDING


def _is_log_likelihood(value: Any) -> bool:
    return _is_number(value) and value < NATS_ROUNDING


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_cosine(value: Any) -> bool:
    return _is_number(value) and abs(value) <= 1 + ROUNDING


def _each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _or_null(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_text, "a text"),
    "model": (_is_text, "a text"),
    "prompt_sha256": (_is_text, "a text"),
    "text": (_or_null(_is_text), "a text or null"),
    "parsed": (_or_null(_is_text), "a text or null"),
    "choice": (_or_null(_is_text), "a text or null"),
    "choices": (_or_null(_each(_is_text)), "an object of texts, or null"),
    "scores": (_or_null(_each(_is_log_likelihood)), "an object of log-likelihoods, none above 0, or null"),
    "probabilities": (_or_null(_each(_is_share)), "an object of numbers from 0 to 1, or null"),
    "nll": (_or_null(_is_nats), "a finite number, not below 0, or null"),
    "num_tokens": (_or_null(_is_count), "a whole number from 0 on, or null"),
    "num_bytes": (_or_null(_is_count), "a whole number from 0 on, or null"),
    "truncated": (lambda value: isinstance(value, bool), "true or false"),
    "similarity": (_or_null(_is_cosine), "a number from -1 to 1, or null"),
}
"""Field -> what its value must be, and that in words."""
