"""Which keys of a recipe a search may vary, and the recipe with other values put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from medadapt.core.nearest import did_you_mean
from medadapt.core.recipe import Recipe, Section, dump
from medadapt.core.recipe_mistakes import mistakes_in
from medadapt.core.search_ranges import Range, read_spec

OPEN_SECTIONS = ("lora", "training")
OPEN_KEYS = ("model.quantization", "model.precision")
IDLE_KEYS = (
    "log_every", "save_every", "keep", "tracking", "checkpointing", "micro_tokens", "backend",
)  # fmt: skip
"""Of `training`: they change how the work is done and shown, not the adapter that comes out."""


def mistakes_of_search(recipe: Recipe) -> list[str]:
    """Everything that is wrong with `search`, a line each; empty when all is well or there is none."""
    if recipe.search is None:
        return []
    if not recipe.search.vary:
        return ["search.vary: names no key; leave it out to vary training.learning_rate"]
    lines = []
    for key, value in recipe.search.vary.items():
        lines += [f"search.vary.{key}: {problem}" for problem in _problems(recipe, key, value)]
    return lines + list(_unequal_evaluations(recipe))


def recipe_with(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe without its search and with other values under some keys. Raises pydantic's ValidationError."""
    plain = dump(recipe) | {"search": None}
    for key, value in values.items():
        *path, last = key.split(".")
        place = plain
        for part in path:
            place = place[part]
        place[last] = value
    return Recipe.model_validate(plain)


def value_at(recipe: Recipe, key: str) -> Any:
    """The plain value of a key such as `training.learning_rate`."""
    value: Any = dump(recipe)
    for part in key.split("."):
        value = value[part]
    return value


def recipe_keys(section: type[Section] = Recipe, prefix: str = "") -> Iterator[str]:
    """Every key of the recipe that holds a value, as `section.key`."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from recipe_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _problems(recipe: Recipe, key: str, value: Any) -> Iterator[str]:
    known = list(recipe_keys())
    refusal = _refusal(key) if key.partition(".")[0] in Recipe.model_fields else None
    if refusal is None and key not in known:
        allowed = [name for name in known if _refusal(name) is None]
        refusal = f"there is no such key{did_you_mean(key, allowed)}"
    if refusal:
        yield refusal
        return
    try:
        spec = read_spec(value)
    except ValueError as problem:
        yield str(problem)
        return
    told = set()
    for probe in spec.probes:
        for line in _refusals(recipe, key, probe):
            # The ends of a range, and its middle, are mostly refused for one reason: that is told once.
            reason = line.replace(repr(probe), "") if isinstance(spec, Range) else line
            if reason not in told:
                hint = isinstance(spec, Range) and "whole number" in line
                yield f"{line}; use {{int: [low, high]}}" if hint else line
            told.add(reason)


def _refusals(recipe: Recipe, key: str, value: Any) -> Iterator[str]:
    """What the recipe would say of this value under a key."""
    try:
        recipe_with(recipe, {key: value})
    except ValidationError as problem:
        for mistake in mistakes_in(problem):
            yield mistake.sentence if mistake.place == key else f"{value!r} is refused: {mistake.sentence}"


def _refusal(key: str) -> str | None:
    """Why a search may not vary a key; None where it may."""
    section, _, name = key.partition(".")
    if section == "training" and name in IDLE_KEYS:
        return "this does not change what is learned, so there is nothing to search"
    if key == "training.trainer" or key.startswith("training.trainer."):
        return (
            "these are settings of TRL, which no recipe can check before a trial begins; give all trials the same "
            "training.trainer, and vary keys of the recipe"
        )
    if key == "training.eval_every":
        return "a trial measured more often has more chances at a low figure; give all trials the same value"
    if section in OPEN_SECTIONS or key in OPEN_KEYS:
        return None
    if section in ("data", "evaluation", "seed", "search", "name"):
        return "this would change what the trials are measured on or by, not how well they do"
    return (
        "trials are compared by their loss for each answer token, which says nothing once the tokens or the base "
        "differ; only training, lora, model.quantization and model.precision can be varied"
    )


def _unequal_evaluations(recipe: Recipe) -> Iterator[str]:
    """ASHA compares trials after as many evaluations, so these must lie at the same share of the work."""
    if recipe.search is None or recipe.search.scheduler != "asha":
        return
    remedies = {"training.epochs": "fix that key"}
    if recipe.training.eval_every != "epoch":  # `auto`, too, counts in whole steps
        remedies["training.batch_size"] = "fix that key, set training.eval_every: epoch,"
    for key, remedy in remedies.items():
        if key in recipe.search.vary:
            yield (
                f"search.scheduler: asha compares trials after as many evaluations, and {key} would make these "
                f"mean different amounts of work; {remedy} or use scheduler: none"
            )
