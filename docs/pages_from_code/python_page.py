"""The package's own functions and types -> the page about MedAdapt from Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import medadapt
from medadapt import notebook
from pages_from_code.attribute_docs import attribute_docs
from pages_from_code.markdown import code, page, table

FUNCTIONS = ("run", "load")
TYPES = ("Model", "Answer", "Classification")


def python_page() -> str:
    """What `import medadapt` offers, in the order in which it is used."""
    if set(FUNCTIONS) | set(TYPES) | {"__version__"} != set(medadapt.__all__):
        raise ValueError("the page leaves out something that medadapt offers")
    return page(
        "From Python",
        inspect.getdoc(notebook) or "",
        *(part for name in FUNCTIONS for part in _callable(f"medadapt.{name}", getattr(medadapt, name))),
        *(part for name in TYPES for part in _type(getattr(medadapt, name))),
    )


def _callable(name: str, of: Callable[..., Any]) -> tuple[str, str, str]:
    """Heading, signature and docstring."""
    signature = inspect.signature(of)
    shown = [one for one in signature.parameters.values() if one.name != "self"]
    return (
        f"## {code(name)}",
        f"```text\n{name.rpartition('.')[2]}{_arguments(signature.replace(parameters=shown))}\n```",
        inspect.getdoc(of) or "",
    )


def _arguments(signature: inspect.Signature) -> str:
    """One argument a line; annotations stand as they are written in the code."""
    lines = [f"    {line}," for line in _written(signature)]
    return "\n".join(["(", *lines, f") -> {signature.return_annotation}"])


def _written(signature: inspect.Signature) -> Iterator[str]:
    named_only = False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not named_only:
            named_only = True
            yield "*"
        yield str(one)


def _type(of: type) -> Iterator[str]:
    """A type with its fields, or with what can be done with it."""
    yield f"## {code(f'medadapt.{of.__name__}')}"
    yield inspect.getdoc(of) or ""
    methods = {
        name: value for name, value in vars(of).items() if inspect.isfunction(value) and name[0] != "_"
    }
    if fields := attribute_docs(of):
        types = inspect.get_annotations(of)
        yield table(
            ("field", "type", "meaning"),
            ((code(name), code(types[name]), text) for name, text in fields.items()),
        )
    properties = {name: value for name, value in vars(of).items() if isinstance(value, property)}
    if properties:
        rows = ((code(name), inspect.getdoc(value) or "") for name, value in properties.items())
        yield table(("property", "meaning"), rows)
    for name, method in methods.items():
        heading, signature, told = _callable(name, method)
        yield f"#{heading}"
        yield signature
        yield told
