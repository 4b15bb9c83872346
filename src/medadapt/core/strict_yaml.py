"""YAML text -> plain values, and nothing more: no tags, no aliases, no key twice."""

from __future__ import annotations

from typing import Any

import yaml

from medadapt.core.errors import RecipeError

MOST_CHARACTERS = 100_000
"""A recipe is a page or two; more is a mistaken file. So many are parsed in a second."""


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
