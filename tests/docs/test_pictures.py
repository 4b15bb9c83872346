"""The pictures of the README show what a reader would see, and nothing of the computer they were drawn on."""

from __future__ import annotations

import re

import pytest
from shell_blocks import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
TEXT = re.compile(r"<text [^>]*>(.*?)</text>", re.DOTALL)


TERMINALS = {
    "demo": "Report:",
    "ask": "baseline:",
    "passages": "from",
    "serve": "choices",
    "export": "parity.json",
}
"""Picture -> something that must be in it."""


@pytest.mark.parametrize(("name", "shown"), TERMINALS.items())
def test_a_terminal_shows_no_path_of_a_computer(name, shown):
    told = "".join(TEXT.findall((PICTURES / f"{name}.svg").read_text(encoding="utf-8")))
    assert shown in told
    assert not re.search(r"(?:^|[^~])/(?:tmp|home|root|work|Users|private)\b", told)


@pytest.mark.parametrize("name", TERMINALS)
def test_a_terminal_names_nothing_to_fetch(name):
    svg = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", svg)


@pytest.mark.parametrize("name", ["demo.svg", "report.png", "page.png"])
def test_the_readme_shows_it(name: str):
    assert f"(docs/pictures/{name})" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_every_picture_stands_on_a_page():
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    told = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert {one.name for one in PICTURES.iterdir() if f"pictures/{one.name})" not in told} == set()
