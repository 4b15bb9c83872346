"""The page as one self-contained HTML file: no script, nothing fetched, every text escaped."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from medadapt.report.clean_text import visible
from medadapt.report.sections import Page


def render(page: Page) -> str:
    """The page as HTML.

    Two gates stand between the data and the reader's browser: whatever the template prints is made
    visible text and escaped, and the page's content security policy forbids scripts, forms and the
    network, and allows only the style sheet with this hash and images inside the page.
    """
    style = _template("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
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
    return template.render(page=page, card=page.card, style=Markup(style), style_hash=f"'sha256-{digest}'")


def _template(name: str) -> str:
    return resources.files("medadapt.report").joinpath("templates", name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """What the template prints; markup that the template itself made passes as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
