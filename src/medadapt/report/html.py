"""The page as one self-contained HTML file: nothing fetched, every text escaped, one script of our own at most."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from medadapt.report import wording
from medadapt.report.clean_text import visible
from medadapt.report.sections import CaseList, Page


def render(page: Page) -> str:
    """The page as HTML.

    Two gates stand between the data and the reader's browser: whatever the template prints is made
    visible text and escaped, and the page's content security policy forbids forms and the network, and
    allows only the style sheet and, for a list of records, the script with these hashes, and images
    inside the page.
    """
    style = _template("page.css")
    lists = any(isinstance(block, CaseList) for section in page.sections for block in section.blocks)
    script = _template("page.js") if lists else ""
    environment = Environment(
        loader=BaseLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    template = environment.from_string(_template("page.html"))
    return template.render(
        page=page,
        card=page.card,
        tiny_p=wording.TINY_P,
        style=Markup(style),
        style_hash=_policy_hash(style),
        script=Markup(script),
        script_hash=_policy_hash(script),
    )


def _policy_hash(text: str) -> Markup:
    """The text's hash as a source of a content security policy."""
    return Markup(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")


def _template(name: str) -> str:
    return resources.files("medadapt.report").joinpath("templates", name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """What the template prints; markup that the template itself made passes as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
