"""Recipe -> YAML text that reads back as the same recipe."""

from __future__ import annotations

import yaml

from medadapt.core.recipe import Recipe, dump

LINE_BREAKS_OF_YAML = frozenset("\x85\u2028\u2029")
"""YAML also breaks lines here. A system prompt pasted from a word processor holds them."""


class _Dumper(yaml.SafeDumper):
    """Plain YAML, with texts quoted where they would come back with other line breaks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if LINE_BREAKS_OF_YAML.intersection(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def recipe_text(recipe: Recipe) -> str:
    """The resolved recipe as YAML: every value, defaults included, in the order of the schema."""
    return str(yaml.dump(dump(recipe), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))
