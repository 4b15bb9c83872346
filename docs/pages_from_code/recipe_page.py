"""Recipe schema -> the page that explains every key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from medadapt.core.recipe import RECOGNISED_COLUMNS, Recipe
from medadapt.core.recipe_rules import FORMATS_OF_KEY, OPEN, WRITTEN
from pages_from_code.markdown import code, page, table
from pages_from_code.schema_words import allowed_values

INTRODUCTION = """\
A recipe is a YAML file. Only `data.format`, `data.source` and `model.base` must be given. Unknown keys are
refused with the nearest valid name, all mistakes are listed together, and a key that would have no effect is
refused, never ignored. `medadapt recipes schema` prints the same as a JSON Schema for editors, and
`--set section.key=value` changes a key for one run. The words are those of the [glossary](../glossary.md)."""

LIMITED_KEYS = """\
"Only for" names the data formats in which a key says something; elsewhere only its default is allowed. Keys
"of written answers" need `evaluation.method: generate`, which `auto` means for open questions."""

COLUMNS = """\
`data.columns` gives the names of columns that are not recognised by themselves. Every name on the left may be
used with the formats beside it."""


def recipe_page() -> str:
    """Every key with its values, its default and its meaning."""
    schema = Recipe.model_json_schema()
    sections = schema["$defs"]
    top = {name: values for name, values in schema["properties"].items() if not _section_of(values)}
    parts = [INTRODUCTION, LIMITED_KEYS, "## Top level", _keys(top, "", schema.get("required", []))]
    for name, values in schema["properties"].items():
        if section := _section_of(values):
            parts += _section(name, section, sections, heading="##")
    return page("The recipe", *parts)


def _section(name: str, kind: str, sections: dict[str, Any], *, heading: str) -> list[str]:
    """The heading, sentence and table of a section, and of those inside it."""
    section = sections[kind]
    keys = section["properties"]
    parts = [
        f"{heading} {name}",
        section["description"],
        _keys(keys, f"{name}.", section.get("required", [])),
    ]
    if name == "data":
        parts += [COLUMNS, table(("column", "formats"), _columns())]
    for key, values in keys.items():
        if inner := _section_of(values):
            parts += _section(f"{name}.{key}", inner, sections, heading="###")
    return parts


def _keys(keys: dict[str, Any], before: str, required: list[str]) -> str:
    rows = [
        (
            code(f"{before}{key}"),
            allowed_values(values),
            "required" if key in required else _default(values),
            _meaning(f"{before}{key}", values),
        )
        for key, values in keys.items()
    ]
    return table(("key", "values", "default", "meaning"), rows)


def _section_of(values: dict[str, Any]) -> str | None:
    """The name of the section that a key holds, or None for a plain value."""
    places = [values, *values.get("anyOf", [])]
    return next((place["$ref"].rpartition("/")[2] for place in places if "$ref" in place), None)


def _default(values: dict[str, Any]) -> str:
    default = values.get("default")
    if default is not None and _section_of(values):
        return "its own defaults"
    if default is None:
        return "empty"
    text = yaml.safe_dump(default, default_flow_style=True, width=1000)
    return code(text.strip().removesuffix("...").strip())


def _meaning(key: str, values: dict[str, Any]) -> str:
    """The sentence of the schema, and where the key counts if the sentence does not say so."""
    text = str(values.get("description", ""))
    formats = FORMATS_OF_KEY.get(key, ())
    if formats == OPEN and not text.startswith("Open questions"):
        text += " Only for open questions."
    elif len(formats) == 1 and formats[0] not in text:
        text += f" Only for {code(formats[0])}."
    return text if key not in WRITTEN or "written" in text else f"{text} A setting of written answers."


def _columns() -> Iterator[tuple[str, str]]:
    for column in RECOGNISED_COLUMNS:
        formats = FORMATS_OF_KEY.get(f"data.columns.{column}")
        yield code(column), ", ".join(map(code, formats)) if formats else "all"
