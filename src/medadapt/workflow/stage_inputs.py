"""What a stage's result depends on, and where two recipes differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from medadapt.core.hashes import sha256_object, sha256_text
from medadapt.core.recipe import HOW_A_STEP_IS_CUT, Recipe, dump
from medadapt.workflow.stage import Stage

PROTECTED = ("data", "prompt", "examples", "model", "lora", "training", "seed")
"""Sections that an existing run is tied to: another value makes another run."""

NEUTRAL = frozenset(
    {"training.log_every", "training.save_every", "training.keep", "training.tracking", "data.allow_leak"}
)
"""Keys that do not change what is prepared or trained. `data.allow_leak` only matters to the gate, so lifting
it never costs a training; the stages that judge and report read it by name."""

CUT = tuple(f"training.{key}" for key in HOW_A_STEP_IS_CUT)
"""A training may go on with other values of these. Recorded is `auto`, whatever they are."""


def stage_inputs(
    stage: Stage, recipe: Recipe, *, before: Mapping[str, str], sources: Mapping[str, str], smoke: bool
) -> dict[str, str]:
    """Everything that the stage's result depends on -> its hash.

    `before` are the output hashes of the stages before it, by stage; `sources` the hashes of files outside of
    the run folder, by name. Two equal results of this function mean: the stage need not run again.
    """
    values = cut_by_itself(dump(recipe))
    inputs = {f"recipe {key}": sha256_object(value) for key, value in _read_by(stage.reads, values)}
    inputs |= {f"source {name}": digest for name, digest in sources.items()}
    inputs |= {f"stage {name}": digest for name, digest in before.items()}
    return {**inputs, "smoke": sha256_text(str(smoke)), "version": stage.version}


def read_today(
    recorded: Mapping[str, str], reads: Iterable[str], *, written: Mapping[str, Any], today: Recipe
) -> dict[str, str]:
    """Recorded inputs as they would be recorded now, where they are of the very recipe that is `written` in the run.

    A release that adds a key changes the hash of the section it stands in, although nobody asked for anything else.
    Earlier ones also recorded how a step is cut. `today` is the written recipe with the keys of this version.
    """
    inputs = dict(recorded)
    for key, value in _read_by(reads, cut_by_itself(dump(today))):
        for values in (written, cut_by_itself(written)):
            with suppress(KeyError, TypeError):  # a key that was not there
                if recorded[f"recipe {key}"] == sha256_object(_read(values, key)):
                    inputs[f"recipe {key}"] = sha256_object(value)
    return inputs


def cut_by_itself(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a recipe with `auto` for how a training step is cut, where they say that."""
    training = values.get("training")
    if not isinstance(training, Mapping):
        return dict(values)
    cut = training.keys() & set(HOW_A_STEP_IS_CUT)
    return {**values, "training": {**training, **dict.fromkeys(cut, "auto")}}


def differences(old: Recipe, new: Recipe, keys: Iterable[str]) -> list[str]:
    """Where two recipes differ under `keys`, a line each (`training.epochs: 3 -> 5`).

    Not in neutral keys, and not in how a training step is cut.
    """
    olds, news = cut_by_itself(dump(old)), cut_by_itself(dump(new))
    return [line for key in keys for line in _differing(key, _at(olds, key), _at(news, key))]


def changed_inputs(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Names of inputs that were added, removed or changed."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _read_by(reads: Iterable[str], values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    named = [key for key in reads if key != "*"]
    for key in [*values, *named] if "*" in reads else named:
        yield key, _read(values, key)


def _read(values: Mapping[str, Any], key: str) -> Any:
    return _at(values, key) if key in NEUTRAL else _without_neutral(key, _at(values, key))


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _without_neutral(key: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if f"{key}.{name}" not in NEUTRAL}


def _differing(key: str, old: Any, new: Any) -> Iterator[str]:
    if key in NEUTRAL or old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _differing(f"{key}.{name}", old.get(name), new.get(name))
    else:
        yield f"{key}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
