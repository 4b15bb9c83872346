"""What of a text may be shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.report.clean_text import one_line, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, unchanged: β-blocker 5 µg", "plain text, unchanged: β-blocker 5 µg"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07after", "after"),
        ("\x1b]8;;http://x.invalid\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("safe\u202etxt.exe", "safetxt.exe"),
        ("a\u2066b\u2069c\u200f", "abc"),
        ("one\u2028two\u2029three\r\nfour\x0cfive", "one\ntwo\nthree\nfour\nfive"),
        ("nul\x00bell\x07", "nulbell"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("\ufefftag\U000e0041", "tag"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_sequences_that_act_on_the_reader_are_taken_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_shown_text_holds_no_control_and_encodes_as_utf8(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\t\n"]
    assert not [
        c for c in shown if unicodedata.bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"}
    ]


@given(st.text())
def test_showing_twice_is_showing_once(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_one_line_has_no_line_break() -> None:
    assert one_line("  a\u2028b\n\tc ") == "a b c"


def test_a_long_text_is_cut_at_a_word_and_says_how_much_is_missing() -> None:
    assert shortened("word " * 100, 23) == "word word word word … (481 more characters)"
    assert shortened("short", 23) == "short"
