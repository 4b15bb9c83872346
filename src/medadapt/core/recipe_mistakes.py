"""What is wrong with a recipe, in words that help to mend it: the key, the fault, the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from medadapt.core.foreign_names import INSTEAD, MEANT, NO_KEY
from medadapt.core.nearest import did_you_mean, nearest
from medadapt.core.recipe import Recipe

KINDS = {
    "tuple_type": "input should be a list",
    "dict_type": "input should be a mapping",
    "model_type": "input should be a section with keys of its own",
    "float_parsing": "input should be a number",
    "float_type": "input should be a number",
    "int_parsing": "input should be a whole number",
    "int_from_float": "input should be a whole number",
    "int_type": "input should be a whole number",
    "bool_parsing": "input should be true or false",
    "bool_type": "input should be true or false",
    "string_type": "input should be a text",
}
"""What pydantic says otherwise, by its name of the mistake."""
NEARLY_THE_SAME = 0.75
"""How like a key of its own section one must be (`nearest`) to be that key misspelt, though another section has it."""

MOST_SHOWN = 200
"""Characters of a value that is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing that is wrong with a recipe; as text, its line for the user."""

    place: str
    """The key, as `section.key`; empty where several sections do not go together."""
    sentence: str
    """What is wrong, with the nearest valid name where there is one."""

    def __str__(self) -> str:
        return f"{self.place or 'recipe'}: {self.sentence}"


def mistakes_in(problem: ValidationError) -> list[Mistake]:
    """All that pydantic found wrong with a Recipe, in words of the recipe; one for each key."""
    return list(_mistakes(problem))


def _mistakes(problem: ValidationError) -> Iterator[Mistake]:
    # A union reports one error for each of its members; only the most telling line is shown for a key.
    by_place: dict[str, list[Any]] = {}
    for error in problem.errors(include_url=False):
        path = [str(part) for part in error["loc"]]
        place = ".".join(_named_parts(path))
        by_place.setdefault(place, []).append(error)
    told_by_parts = {
        ".".join(place.split(".")[:depth]) for place in by_place for depth in range(1, place.count(".") + 1)
    }
    for place, errors in by_place.items():
        if place in told_by_parts:
            continue  # what is wrong stands with the parts of this value
        for sentence in _explain(place, errors).split("\n"):  # rules across sections are told a line each
            yield Mistake(place=place, sentence=sentence)


def _explain(place: str, errors: list[Any]) -> str:
    error = errors[0]
    kinds = {e["type"] for e in errors}
    if "extra_forbidden" in kinds:
        section, _, key = place.rpartition(".")
        return f"there is no such key{_way_out(section, key, error['input'])}"
    if kinds == {"missing"}:
        return "must be given"
    if "literal_error" in kinds:
        allowed: list[str] = []
        for e in errors:
            if e["type"] == "literal_error":
                allowed += [
                    word.strip(" '") for word in e["ctx"]["expected"].replace(" or ", ", ").split(",")
                ]
        others = [_sentence(e) for e in errors if e["type"] != "literal_error"]
        values = ", ".join(dict.fromkeys(a for a in allowed if a))
        also = f" (or {others[-1]})" if others else ""
        return (
            f"{_shown(error['input'])} is none of {values}{also}{did_you_mean(str(error['input']), allowed)}"
        )
    return _sentence(error)


def _way_out(section: str, key: str, value: Any) -> str:
    """Where the setting that was meant stands, to end a sentence with; nothing where no name is like it."""
    if meant := MEANT.get(f"{section}.{key}".lower()):
        return f"; did you mean {meant!r}?"
    if instead := INSTEAD.get(key.lower()):
        return "; leave it out, as it is off" if value is False else f"; here it is {instead}"
    if reason := NO_KEY.get(key.lower()):
        return f"; none is needed: {reason}"
    known = list(_section_fields(section))
    if not (elsewhere := list(_places(Recipe, key))):
        return did_you_mean(key, known)
    near = nearest(key, known, alike=NEARLY_THE_SAME)
    places = [repr(near), *elsewhere] if near else elsewhere
    return f"; did you mean {' or '.join(places)}?"


def _places(model: type[BaseModel], key: str, section: str = "") -> Iterator[str]:
    """Each place of the recipe that has a key of this name, ready to stand in a sentence."""
    for name, field in model.model_fields.items():
        if name == key:
            yield repr(f"{section}{name}") if section else f"{name!r} at the top of the recipe"
        for part in _models_in(field.annotation):
            yield from _places(part, key, f"{section}{name}.")


def _sentence(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "value_error":
        return message
    message = KINDS.get(error["type"], f"{message[:1].lower()}{message[1:]}")
    return f"{message}, not {'empty' if error['input'] is None else _shown(error['input'])}"


def _shown(value: Any) -> str:
    """As it would stand in a program, long ones cut."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _section_fields(section: str) -> Iterator[str]:
    model: Any = Recipe
    for part in section.split(".") if section else []:
        field = model.model_fields.get(part)
        model = next((m for m in _models_in(field.annotation) if m), None) if field else None
        if model is None:
            return
    yield from model.model_fields


def _models_in(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _named_parts(path: list[str]) -> list[str]:
    """Drop the parts that name a union's member rather than a key of the recipe."""
    named: list[str] = []
    model: Any = Recipe
    for part in path:
        fields = getattr(model, "model_fields", None)
        if fields is None:
            if named and (
                part == "[key]"
                or part.startswith(("constrained-", "literal[", "function-", "dict[", "tuple["))
            ):
                continue
            if part in {"str", "int", "float", "bool"}:
                continue
            named.append(part)
            continue
        named.append(part)
        field = fields.get(part)
        model = next(_models_in(field.annotation), None) if field else None
    return named
