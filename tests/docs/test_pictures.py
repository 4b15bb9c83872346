"""The pictures of the README show what a reader would see, and nothing of the computer they were drawn on."""

from __future__ import annotations

import re

import pytest
from shell_blocks import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
TEXT = re.compile(r"<text [^>]*>(.*?)</text>", re.DOTALL)


def test_the_terminal_shows_no_path_of_a_computer():
    told = "".join(TEXT.findall((PICTURES / "demo.svg").read_text(encoding="utf-8")))
    assert "Report:" in told
    assert not re.search(r"(?:^|[^~])/(?:tmp|home|root|work|Users|private)\b", told)


def test_the_terminal_names_nothing_to_fetch():
    svg = (PICTURES / "demo.svg").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", svg)


@pytest.mark.parametrize("name", ["demo.svg", "report.png", "page.png"])
def test_the_readme_shows_it(name: str):
    assert f"(docs/pictures/{name})" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
