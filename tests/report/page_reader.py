"""Reads the page as a browser's parser would, and fails where data did more than stand there as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import medadapt.report

TEMPLATES = Path(medadapt.report.__file__).parent / "templates"
TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "nav",
    "section",
    "article",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "ul",
    "li",
    "a",
    "b",
    "strong",
    "span",
    "div",
    "dl",
    "dt",
    "dd",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "figcaption",
    "img",
    "details",
    "summary",
    "pre",
    "code",
    "mark",
    "svg",
    "rect",
    "path",
    "script",
    "label",
    "select",
    "option",
    "input",
    "button",
    "output",
}
VOID = {"meta", "img", "input"}
TOKENS = re.compile(r"[a-z0-9_]+( [a-z0-9_]+)*")


class Reader(HTMLParser):
    """Collects tags, attributes, headings and text, and checks that tags close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), f"an attribute of {tag} stands twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        return "".join(self.texts)


def assert_inert(html: str) -> Reader:
    """The page as read; fails where data became an element, an attribute, a link, a script or a style."""
    read = Reader(html)
    assert {tag for tag, _ in read.tags} <= TAGS
    assert len(read.scripts) <= 1
    assert not set(read.scripts) - {(TEMPLATES / "page.js").read_text(encoding="utf-8")}
    for tag, attributes in read.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in {"style", "srcset", "action"}
        ]
        if "href" in attributes:
            assert re.fullmatch("#[a-z]+", str(attributes["href"]))
        if "src" in attributes:
            assert tag == "img"
            assert re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/=]+", str(attributes["src"]))
        for name, value in attributes.items():
            if name.startswith("data-") or (tag == "option" and name == "value" and value):
                assert TOKENS.fullmatch(str(value)), f"{name} of {tag} holds {value!r}"
        if "http-equiv" in attributes:
            assert attributes["http-equiv"] == "Content-Security-Policy"
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2028\u2066-\u2069]", html)
    return read
