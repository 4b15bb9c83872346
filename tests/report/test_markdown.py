"""Text of the data in Markdown stays text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from medadapt.report.clean_text import one_line, visible
from medadapt.report.markdown import fenced, inline, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = st.text(alphabet="ab1 \n`*_[]()<>!#|\\&;-+=.~:/\"'{}$@%w\u2028\x1b", max_size=60)
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://x.invalid/p.png)",
    "| a | b |",
    "---",
    "```\nout\n```",
    "# heading",
    "- item",
    "1. item",
    "&lt;b&gt;",
    "**bold**",
    "$$x$$",
    "https://x.invalid",
    "www.x.invalid",
    "@someone",
    "a\n\n---\nbase_model: evil\n---\n",
    "<!-- comment",
    "\\",
    "`",
    "~~gone~~",
    "[ref]: http://x.invalid",
)


def leaves(text: str) -> tuple[list[str], str]:
    """Types of all tokens of the rendered text, and its plain text."""
    tokens = READER.parse(text)
    children = [child for token in tokens for child in token.children or []]
    return [t.type for t in (*tokens, *children)], "".join(child.content for child in children)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_reads_as_itself(payload: str) -> None:
    types, text = leaves(inline(payload))
    assert text == one_line(payload)
    assert set(types) <= {"paragraph_open", "inline", "text", "paragraph_close"}


@given(MARKUP | st.text(max_size=60))
def test_any_text_is_one_paragraph_of_itself(text: str) -> None:
    types, read = leaves(inline(text))
    assert read == one_line(text)
    assert set(types) <= {"paragraph_open", "inline", "text", "paragraph_close"}
    assert types.count("paragraph_open") <= 1


@given(MARKUP)
def test_any_text_stays_in_its_cell(text: str) -> None:
    types, read = leaves(table(("name", "value"), [(text, "next")]))
    assert types.count("td_open") == 2
    assert types.count("tr_open") == 2
    assert read == "namevalue" + one_line(text) + "next"
    assert not set(types) & {
        "html_inline",
        "html_block",
        "link_open",
        "image",
        "code_inline",
        "em_open",
        "strong_open",
    }


@given(MARKUP)
def test_any_text_stays_in_its_fence(text: str) -> None:
    tokens = READER.parse(fenced(text, "text"))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == visible(text) + "\n"


def test_bare_links_and_mentions_are_broken_for_readers_that_link_them() -> None:
    assert "://" not in inline("see https://x.invalid")
    assert "www." not in inline("www.x.invalid").lower()
    assert "@" not in inline("@someone")
    assert "$" not in inline("$$x$$")
