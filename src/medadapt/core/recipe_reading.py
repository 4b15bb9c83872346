"""YAML text and overrides -> Recipe, with every mistake named at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from medadapt.core.errors import RecipeError
from medadapt.core.nearest import did_you_mean
from medadapt.core.recipe import Recipe
from medadapt.core.search_space import mistakes_of_search

MOST_CHARACTERS = 100_000
"""A recipe is a page or two; more is a mistaken file. So many are parsed in about half a second."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that also refuses repeated keys and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.constructor.ConstructorError(
                None,
                None,
                "aliases (*name) are not used in recipes",
                self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, str):
                value.encode("utf-8")  # an escaped lone surrogate could be written to no file
        except (ValueError, KeyError, IndexError, AttributeError, TypeError) as problem:
            # PyYAML lets these through for values such as the date 2001-99-99 or `!!int abc`.
            raise yaml.constructor.ConstructorError(
                None, None, f"this value cannot be read ({problem})", node.start_mark
            ) from None
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | type(None)):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, where: str) -> Any:
    """Plain values of a YAML text. Raises RecipeError on tags, repeated keys, aliases and bad syntax."""
    if len(text) > MOST_CHARACTERS:
        raise RecipeError(
            f"{where} has more than {MOST_CHARACTERS:,} characters.",
            "a recipe of a page or two",
            "Check that this is the recipe.",
        )
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        what = getattr(problem, "problem", None) or str(problem)
        raise RecipeError(
            f"{place}: {what}.",
            "plain YAML: keys, values and lists, without tags such as !!python",
            "Correct this line; `medadapt recipes show symptom-diagnosis-opt-1.3b` prints an example.",
        ) from None
    except RecursionError:
        raise RecipeError(
            f"{where} is nested too deeply.", "a recipe", "Check that this is the recipe."
        ) from None


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, with `section.key=value` overrides applied.

    Relative paths in it are left as they stand: they are relative to where the command runs.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)  # never a mistaken file of gigabytes
    except UnicodeDecodeError:
        raise RecipeError(
            f"{path} is not UTF-8 text.", "a YAML recipe in UTF-8", "Save it as UTF-8."
        ) from None
    return recipe_from(parse_yaml(text, str(path)), where=str(path), overrides=overrides)


def recipe_from(values: Any, *, where: str, overrides: Sequence[str] = ()) -> Recipe:
    """Validate plain values as a recipe. Raises one RecipeError that lists every mistake."""
    if not isinstance(values, dict):
        raise RecipeError(
            f"{where} is no recipe: it holds {_kind(values)}.",
            "a YAML mapping with at least `data` and `model`",
            "`medadapt recipes copy symptom-diagnosis-opt-1.3b` writes one to start from.",
        )
    values = copy.deepcopy(values)
    for override in overrides:
        _apply_override(values, override)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as problem:
        raise _mistaken(where, list(_mistakes(problem))) from None
    if mistakes := mistakes_of_search(recipe):
        raise _mistaken(where, mistakes)
    return recipe


def _mistaken(where: str, mistakes: list[str]) -> RecipeError:
    return RecipeError(
        f"{where} has {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}:\n"
        + "\n".join(f"  {line}" for line in mistakes),
        "only the keys and values of `medadapt recipes schema`",
        "Correct the lines above.",
    )


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise RecipeError(
            f"--set {override} is not understood.",
            "section.key=value",
            "For example --set training.epochs=1.",
        )
    place: Any = values
    for depth, part in enumerate(path[:-1], 1):
        if place.get(part) is None:
            place[part] = {}
        place = place[part]
        if not isinstance(place, dict):
            key = ".".join(path[:depth])
            raise RecipeError(
                f"--set {override}: '{key}' is a value, not a section.",
                "section.key=value",
                f"Use --set {key}=... instead.",
            )
    if text.startswith("*"):
        place[path[-1]] = text  # a glob: YAML would see an alias, which no recipe has
    else:
        place[path[-1]] = parse_yaml(text, f"--set {key}") if text.strip() else None


def _mistakes(problem: ValidationError) -> Iterator[str]:
    """One line a mistake: the key's path, what is wrong, and the nearest valid name."""
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
        yield f"{place or 'recipe'}: {_explain(place, errors)}"


def _explain(place: str, errors: list[Any]) -> str:
    error = errors[0]
    kinds = {e["type"] for e in errors}
    if "extra_forbidden" in kinds:
        section, _, key = place.rpartition(".")
        known = list(_section_fields(section))
        return f"there is no such key{did_you_mean(key, known)}"
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
        return f"{error['input']!r} is none of {values}{also}{did_you_mean(str(error['input']), allowed)}"
    return _sentence(error)


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


def _sentence(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "value_error":
        return message
    message = KINDS.get(error["type"], f"{message[:1].lower()}{message[1:]}")
    return f"{message}, not {'empty' if error['input'] is None else repr(error['input'])}"


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


def _kind(value: Any) -> str:
    return {"NoneType": "nothing", "list": "a list", "str": "a single text"}.get(
        type(value).__name__, type(value).__name__
    )
